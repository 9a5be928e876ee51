package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const module = "github.com/countersign-dev/countersign"

const kubernetesVersion = "v1.36.3"

// family is one nested module under test/tools and what to build in it.
type family struct {
	name     string
	packages string // a pattern, or "tool" for the module's tool directives
	ldflags  string
	cold     string // how long it takes with nothing cached, for the person who waits
}

func families() map[string]family {
	return map[string]family{
		"kubernetes": {packages: "./cmd/...", cold: "5 minutes", ldflags: "-s -w" +
			" -X k8s.io/component-base/version.gitVersion=" + kubernetesVersion +
			" -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36"},
		"coredns":       {packages: "tool", ldflags: "-s -w", cold: "2 minutes"},
		"metricsserver": {packages: "tool", ldflags: "-s -w", cold: "1 minute"},
		"crane":         {packages: "tool", ldflags: "-s -w", cold: "1 minute"},
		"gatekeeper":    {packages: "tool", ldflags: "-s -w", cold: "3 minutes"},
		"helm":          {packages: "tool", ldflags: "-s -w", cold: "2 minutes"},
		"kwok":          {packages: "tool", ldflags: "-s -w", cold: "2 minutes"},
		"lint":          {packages: "tool", ldflags: "-s -w", cold: "4 minutes"},
	}
}

// build makes the cluster's binaries, or finds them in the cache, and returns
// where each is.
func build(ctx context.Context, log func(string)) (map[string]string, error) {
	paths := map[string]string{}
	for _, name := range []string{"kubernetes", "coredns", "metricsserver"} {
		dir, err := BuildTools(ctx, name, log)
		if err != nil {
			return nil, err
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, fmt.Errorf("listing built tools: %w", err)
		}
		for _, e := range entries {
			paths[e.Name()] = filepath.Join(dir, e.Name())
		}
	}
	registry, err := buildRegistry(ctx)
	if err != nil {
		return nil, err
	}
	paths["registry"] = registry
	return paths, nil
}

// BuildTools builds the nested module test/tools/NAME and returns the
// directory with its binaries. They are kept in the user's cache directory, by
// a hash of everything the module consists of.
func BuildTools(ctx context.Context, name string, log func(string)) (string, error) {
	f, known := families()[name]
	if !known {
		return "", fmt.Errorf("there is no tools module %q", name)
	}
	f.name = name
	root, err := moduleRoot(ctx)
	if err != nil {
		return "", err
	}
	source := filepath.Join(root, "test", "tools", name)
	key, err := hashOf(source)
	if err != nil {
		return "", err
	}
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	out := filepath.Join(cache, name+"-"+key)
	if _, err := os.Stat(out); err == nil {
		return out, nil
	}
	unlock, err := lockFile(filepath.Join(cache, name+".lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(out); err == nil {
		return out, nil // another harness built it while we waited
	}
	return out, f.build(ctx, source, out, log)
}

func (f family) build(ctx context.Context, source, out string, log func(string)) error {
	half := out + ".part"
	if err := os.RemoveAll(half); err != nil {
		return fmt.Errorf("clearing a half-built tool: %w", err)
	}
	// The separator makes -o name a directory also for a single binary.
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", f.ldflags, "-o", half+string(filepath.Separator), f.packages)
	cmd.Dir = source
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=readonly")
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	begin := time.Now()
	log(fmt.Sprintf("building %s (about %s on two cores when nothing is cached)", f.name, f.cold))
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("building %s: %w", f.name, err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	tick := time.NewTicker(10 * time.Second)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			if err != nil {
				return fmt.Errorf("building %s in %s: %w: %s", f.name, source, err, said.String())
			}
			log(fmt.Sprintf("built %s in %.0f s", f.name, time.Since(begin).Seconds()))
			return os.Rename(half, out)
		case <-tick.C:
			log(fmt.Sprintf("building %s: %.0f s", f.name, time.Since(begin).Seconds()))
		}
	}
}

// buildRegistry builds this module's own registry; the Go build cache makes
// that quick, and knows better than a hash when to do it again.
func buildRegistry(ctx context.Context) (string, error) {
	root, err := moduleRoot(ctx)
	if err != nil {
		return "", err
	}
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	// Go replaces the file rather than writing into it, so a cluster that runs
	// the old one keeps it.
	out := filepath.Join(cache, "registry")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", out, "./test/cluster/cmd/registry")
	cmd.Dir = root
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the registry: %w: %s", err, said)
	}
	return out, nil
}

// moduleRoot is where this module's source is, seen from the working
// directory.
func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		return "", fmt.Errorf("finding the source of %s (run this inside its working copy, with Go installed): %w", module, err)
	}
	return strings.TrimSpace(string(out)), nil
}

func cacheDir() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding the cache directory: %w", err)
	}
	dir := filepath.Join(base, "countersign")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("making the cache directory: %w", err)
	}
	return dir, nil
}

// hashOf covers the files of a tools module and the Go version.
func hashOf(dir string) (string, error) {
	h := sha256.New()
	_, _ = fmt.Fprintln(h, runtime.Version(), runtime.GOARCH) // a hash takes everything
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		_, _ = fmt.Fprintf(h, "%s %d\n", rel, len(text))
		h.Write(text)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("hashing a tools module: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil))[:16], nil
}

// lockFile waits for the file's lock.
func lockFile(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening a lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	return func() { _ = f.Close() }, nil
}
