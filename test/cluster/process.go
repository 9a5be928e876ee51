package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is one component. It outlives the harness when that is killed; its
// environment tells whose it is.
type process struct {
	name   string
	log    string
	exited chan struct{}
}

// start runs a component in the cluster's namespaces.
func (c *Cluster) start(name, binary string, args ...string) error {
	_, err := c.spawn(name, "nsenter", append(c.enter(), append([]string{binary}, args...)...)...)
	return err
}

// enter are the arguments that make nsenter execute a command in the cluster's
// namespaces.
func (c *Cluster) enter() []string {
	return []string{"--target=" + strconv.Itoa(c.holder), "--mount", "--net", "--wd=" + c.dir, "--"}
}

// inside runs a short command in the cluster's namespaces.
func (c *Cluster) inside(args ...string) error { return run("nsenter", append(c.enter(), args...)...) }

// spawn starts a process of the cluster, in a session of its own, so that an
// interrupt at the terminal ends the harness and not, half-way, the components.
func (c *Cluster) spawn(name, binary string, args ...string) (pid int, err error) {
	p := &process{name: name, log: filepath.Join(c.dir, "logs", name+".log"), exited: make(chan struct{})}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return 0, fmt.Errorf("opening the log of %s: %w", name, err)
	}
	defer func() { _ = out.Close() }()
	cmd := exec.Command(binary, args...)
	cmd.Stdout, cmd.Stderr = out, out
	// No proxy settings: nothing here may look for the internet. Two Go
	// threads each keep eight components from starving a small machine.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + c.dir, "GOMAXPROCS=2", c.plan.environment()}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("starting %s: %w", name, err)
	}
	c.processes = append(c.processes, p)
	// Reaps the component; Down waits for it. How it ended is in its log.
	go func() {
		_ = cmd.Wait()
		close(p.exited)
	}()
	pid = cmd.Process.Pid
	if err := os.WriteFile(filepath.Join(c.dir, "pids", name), []byte(strconv.Itoa(pid)+"\n"), 0o644); err != nil {
		return 0, fmt.Errorf("noting the process of %s: %w", name, err)
	}
	return pid, nil
}

// dead is an error that names a component that ended and what it said last.
func (c *Cluster) dead() error {
	for _, p := range c.processes {
		select {
		case <-p.exited:
			return fmt.Errorf("%s ended: %s", p.name, tail(p.log, 8))
		default:
		}
	}
	return nil
}

// deadIn names the components of the cluster in dir that run no longer.
func deadIn(dir string, p plan) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(dir, "pids"))
	if err != nil {
		return nil, fmt.Errorf("listing the components: %w", err)
	}
	var dead []string
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, "pids", e.Name()))
		if err != nil {
			return nil, fmt.Errorf("reading a component's process id: %w", err)
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil || !belongs(pid, p) {
			dead = append(dead, e.Name())
		}
	}
	return dead, nil
}

// belongs reports whether process pid carries the cluster's mark.
func belongs(pid int, p plan) bool {
	environ, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
	if err != nil {
		return false
	}
	for entry := range bytes.SplitSeq(environ, []byte{0}) {
		if string(entry) == p.environment() {
			return true
		}
	}
	return false
}

// owned lists the processes of the cluster on the machine: components, helpers
// they started and containerd's shims by their environment, what runs in
// containers by its cgroup.
func (p plan) owned() []int {
	pids := p.cgroupProcesses()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return pids
	}
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && pid != os.Getpid() && belongs(pid, p) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// killAll ends the cluster's processes until none is left. It kills without a
// word of warning: everything they could still write is about to be removed.
func (p plan) killAll(patience time.Duration) error {
	for until := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		pids := p.owned()
		if len(pids) == 0 {
			return nil
		}
		for _, pid := range pids {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("ending process %d of the cluster: %w", pid, err)
			}
		}
		if time.Now().After(until) {
			return fmt.Errorf("processes %v of the cluster did not end within %s", pids, patience)
		}
	}
}

// tail is the last lines of a log, for an error message.
func tail(path string, lines int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	return "last lines of " + path + ":\n" + strings.Join(all[max(0, len(all)-lines):], "\n")
}

// run executes a short command and puts what it said into the error.
func run(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
