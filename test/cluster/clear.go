package cluster

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// clear removes every trace of the cluster: processes, and with them
// the namespaces they were in, the link, cgroups, files. It works from the cluster's
// number and directory alone, because after a kill nobody remembers more, and
// goes on after an error, so that a second call finishes what it can. The caller
// holds the lock of the slots.
func (s *slot) clear() error {
	p := s.plan
	err := errors.Join(
		p.killAll(20*time.Second),
		p.removeLink(),
		p.removeCgroups(),
		removeDir(s.Dir),
		p.removePlaces(),
	)
	if err != nil {
		return fmt.Errorf("clearing away the cluster in %s: %w", s.Dir, err)
	}
	if err := os.Remove(p.slotPath()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("freeing the cluster's slot: %w", err)
	}
	if s.file != nil {
		_ = s.file.Close()
		s.file = nil
	}
	return nil
}

// removeLink removes the machine's end of the veth pair, and the routes with
// it. The kernel would do it by itself, in its own time.
func (p plan) removeLink() error {
	if _, err := net.InterfaceByName(p.link); err != nil {
		return nil
	}
	return run("ip", "link", "del", p.link)
}

// cgroupRoots are the cluster's cgroups: one in every version 1 hierarchy, or
// the one of version 2.
func (p plan) cgroupRoots() []string {
	roots, _ := filepath.Glob(filepath.Join("/sys/fs/cgroup/*", p.name)) // the pattern is a constant
	return append(roots, filepath.Join("/sys/fs/cgroup", p.name))
}

// createCgroups makes the kubelet's root cgroup, which it insists on finding.
func (p plan) createCgroups() error {
	root := "/sys/fs/cgroup"
	if _, err := os.Stat(filepath.Join(root, "cgroup.controllers")); err == nil {
		// Version 2 hands controllers down only when asked; one that is not
		// there is the kubelet's to complain about.
		for _, controller := range []string{"cpu", "cpuset", "memory", "pids", "io", "hugetlb"} {
			_ = os.WriteFile(filepath.Join(root, "cgroup.subtree_control"), []byte("+"+controller), 0o644)
		}
		return makeCgroup(filepath.Join(root, p.name))
	}
	hierarchies, err := filepath.Glob(root + "/*/cgroup.procs")
	if err != nil {
		return fmt.Errorf("listing the cgroup hierarchies: %w", err)
	}
	for _, h := range hierarchies {
		if err := makeCgroup(filepath.Join(filepath.Dir(h), p.name)); err != nil {
			return err
		}
	}
	return nil
}

func makeCgroup(path string) error {
	if err := os.Mkdir(path, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("making a cgroup: %w", err)
	}
	return nil
}

func (p plan) cgroupProcesses() []int {
	var pids []int
	for _, root := range p.cgroupRoots() {
		_ = filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
			if err != nil || entry.Name() != "cgroup.procs" {
				return nil // a cgroup that goes while we look is no cgroup
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return nil
			}
			for field := range strings.FieldsSeq(string(text)) {
				if pid, err := strconv.Atoi(field); err == nil && pid > 0 {
					pids = append(pids, pid)
				}
			}
			return nil
		})
	}
	return pids
}

// removeCgroups removes the trees, leaves first. The kernel needs a moment
// after the last process has gone.
func (p plan) removeCgroups() error {
	for until := time.Now().Add(5 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		var left []string
		for _, root := range p.cgroupRoots() {
			var dirs []string
			_ = filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
				if err == nil && entry.IsDir() {
					dirs = append(dirs, path)
				}
				return nil
			})
			for _, dir := range slices.Backward(dirs) {
				if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
					left = append(left, dir)
				}
			}
		}
		if len(left) == 0 {
			return nil
		}
		if time.Now().After(until) {
			return fmt.Errorf("cgroups still in use: %s", strings.Join(left, ", "))
		}
	}
}

// removePlaces removes the directories that were made to mount over, where
// they are empty. Removing one takes away what is mounted there in every other
// namespace too, so the last cluster does it.
func (p plan) removePlaces() error {
	slots, err := filepath.Glob(filepath.Join(slotsDir, "[0-9]*"))
	if err != nil {
		return fmt.Errorf("listing the slots: %w", err)
	}
	for _, slot := range slots {
		if slot != p.slotPath() {
			return nil
		}
	}
	for _, place := range fixedPlaces() {
		_ = os.Remove(place) // refuses when there is something in it
	}
	return nil
}

// removeDir removes a cluster's directory.
func removeDir(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, marker)); dir == "" || err != nil {
		return nil // not a cluster's, or gone
	}
	// Nothing is mounted below it on the machine's side, ever; if a person did
	// that, their files are not ours to remove.
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return fmt.Errorf("listing mounts: %w", err)
	}
	if strings.Contains(string(mounts), " "+dir+"/") {
		return fmt.Errorf("something is mounted below %s: unmount it first", dir)
	}
	return os.RemoveAll(dir)
}
