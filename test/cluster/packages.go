package cluster

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
)

// ErrUnavailable is in every error that says why this machine can have no
// cluster at all. Tests skip on it.
var ErrUnavailable = errors.New("no cluster here")

// Available says why this machine can have no cluster, or nothing.
func Available() error {
	switch {
	case runtime.GOOS != "linux":
		return fmt.Errorf("%w: a cluster needs Linux; name one of yours with CLUSTER=context:NAME", ErrUnavailable)
	case os.Geteuid() != 0:
		return fmt.Errorf("%w: a cluster needs root, for containers and a network namespace; name one of yours with CLUSTER=context:NAME", ErrUnavailable)
	}
	return nil
}

// needs are the programs from the distribution and Debian's packages of them.
func needs() []struct{ program, pkg string } {
	return []struct{ program, pkg string }{
		{"containerd", "containerd"}, {"ctr", "containerd"}, {"runc", "runc"}, {"etcd", "etcd-server"},
		{"iptables", "iptables"}, {"ip", "iproute2"}, {"conntrack", "conntrack"}, {"ipset", "ipset"},
		{"nsenter", "util-linux"}, {"mount", "mount"}, {"unshare", "util-linux"},
	}
}

// missingPackages names what has to be installed.
func missingPackages() []string {
	var missing []string
	add := func(pkg string) {
		if !slices.Contains(missing, pkg) {
			missing = append(missing, pkg)
		}
	}
	for _, n := range needs() {
		if _, err := exec.LookPath(n.program); err != nil {
			add(n.pkg)
		}
	}
	if _, err := cniPlugins(); err != nil {
		add("containernetworking-plugins")
	}
	if _, err := staticBusybox(); err != nil {
		add("busybox-static")
	}
	return missing
}

// installPackages installs what is missing with apt-get, or says what to do.
func installPackages(ctx context.Context, log func(string)) error {
	missing := missingPackages()
	if len(missing) == 0 {
		return nil
	}
	list := strings.Join(missing, " ")
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("%w: these programs are missing, by their Debian names: %s; install them", ErrUnavailable, list)
	}
	log("installing Debian packages: " + list)
	for _, args := range [][]string{
		{"update", "-qq"},
		append([]string{"install", "-y", "-qq", "--no-install-recommends"}, missing...),
	} {
		cmd := exec.CommandContext(ctx, "apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("installing %s with apt-get: %w: %s", list, err, out)
		}
	}
	if still := missingPackages(); len(still) > 0 {
		return fmt.Errorf("%w: apt-get installed %s, yet programs of %s are still missing", ErrUnavailable, list, strings.Join(still, " "))
	}
	return nil
}

// staticBusybox finds a busybox that runs in an image with nothing else in it.
func staticBusybox() (string, error) {
	path, err := exec.LookPath("busybox")
	if err != nil {
		return "", fmt.Errorf("finding busybox: %w", err)
	}
	file, err := elf.Open(path)
	if err != nil {
		return "", fmt.Errorf("reading busybox: %w", err)
	}
	defer func() { _ = file.Close() }()
	for _, prog := range file.Progs {
		if prog.Type == elf.PT_INTERP {
			return "", fmt.Errorf("%s is linked dynamically: install busybox-static", path)
		}
	}
	return path, nil
}
