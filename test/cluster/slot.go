package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// slotsDir lists the clusters of this machine: one file per cluster, named by
// its number. It is on a file system that a reboot empties, like the clusters.
const slotsDir = "/run/countersign-cluster"

// maxClusters bounds the numbers; each stands for addresses of its own.
const maxClusters = 16

// marker is the file that makes a directory a cluster's, which Down may
// remove.
const marker = ".countersign-cluster"

// slot is one cluster's entry. The process that works on a cluster holds a
// lock on the file; the kernel drops it with the process, however that ends,
// so an unlocked slot that is not detached is what a killed harness left.
type slot struct {
	plan plan
	file *os.File
	slotState
}

type slotState struct {
	Dir      string `json:"dir"`
	PID      int    `json:"pid"`
	Detached bool   `json:"detached"` // complete, and meant to outlive PID
}

// takeSlot finds a free number for dir and locks it. On its way it clears away
// every cluster whose owner was killed. If a detached cluster runs in dir and
// is whole, that one is returned with running set, unlocked.
func takeSlot(ctx context.Context, dir string, log func(string)) (_ *slot, running bool, err error) {
	unlock, err := lockSlots()
	if err != nil {
		return nil, false, err
	}
	defer unlock()
	var free *plan
	for n := range maxClusters {
		sl, locked, err := openSlot(n)
		switch {
		case err != nil:
			return nil, false, err
		case sl == nil:
			if p := newPlan(n); free == nil && !p.taken() {
				free = &p
			}
			continue
		case !locked && sl.Dir == dir:
			return nil, false, fmt.Errorf("process %d is working with the cluster in %s: wait for it, or choose another directory", sl.PID, dir)
		case !locked:
			continue
		case sl.Detached && sl.Dir == dir && sl.whole(ctx) == nil:
			_ = sl.file.Close()
			return sl, true, nil
		case sl.Detached && sl.Dir != dir:
			_ = sl.file.Close()
			continue
		}
		log(fmt.Sprintf("clearing away what process %d left in %s", sl.PID, sl.Dir))
		if err := sl.clear(); err != nil {
			return nil, false, err
		}
		if p := newPlan(n); free == nil {
			free = &p
		}
	}
	if free == nil {
		return nil, false, fmt.Errorf("%d clusters run on this machine: take one down, see %s", maxClusters, slotsDir)
	}
	if err := claimDir(dir); err != nil {
		return nil, false, err
	}
	sl, err := createSlot(*free, dir)
	return sl, false, err
}

// findSlot locks the slot of the cluster in dir. It is nil when there is none.
// The caller holds the lock of the slots.
func findSlot(dir string) (*slot, error) {
	for n := range maxClusters {
		sl, locked, err := openSlot(n)
		if err != nil {
			return nil, err
		}
		if sl == nil || sl.Dir != dir {
			if locked {
				_ = sl.file.Close()
			}
			continue
		}
		if !locked {
			return nil, fmt.Errorf("process %d is working with the cluster in %s: end it first", sl.PID, dir)
		}
		return sl, nil
	}
	return nil, nil
}

// openSlot reads slot n and tries to lock it. The slot is nil when the number
// is free; its file is open only when locked.
func openSlot(n int) (_ *slot, locked bool, err error) {
	p := newPlan(n)
	f, err := os.OpenFile(p.slotPath(), os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("opening a cluster's slot: %w", err)
	}
	sl := &slot{plan: p, file: f}
	// An unreadable slot was cut off in the middle of being written: its
	// number is known, which is enough to clear it.
	_ = json.NewDecoder(f).Decode(&sl.slotState)
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		sl.file = nil
		return sl, false, nil
	}
	return sl, true, nil
}

func createSlot(p plan, dir string) (*slot, error) {
	f, err := os.OpenFile(p.slotPath(), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, fmt.Errorf("creating the cluster's slot: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("locking the cluster's slot: %w", err)
	}
	sl := &slot{plan: p, file: f, slotState: slotState{Dir: dir, PID: os.Getpid()}}
	return sl, sl.write()
}

func (s *slot) write() error {
	text, err := json.Marshal(s.slotState)
	if err != nil {
		return fmt.Errorf("encoding the cluster's slot: %w", err)
	}
	if err := s.file.Truncate(0); err != nil {
		return fmt.Errorf("writing the cluster's slot: %w", err)
	}
	if _, err := s.file.WriteAt(append(text, '\n'), 0); err != nil {
		return fmt.Errorf("writing the cluster's slot: %w", err)
	}
	return nil
}

// ready records that the cluster is complete. A detached one is let go of.
func (s *slot) ready(detach bool) error {
	s.Detached = detach
	if err := s.write(); err != nil {
		return err
	}
	if detach {
		err := s.file.Close()
		s.file = nil
		return err
	}
	return nil
}

// lockSlots waits for its turn among the harnesses of this machine.
func lockSlots() (unlock func(), err error) {
	if err := os.MkdirAll(slotsDir, 0o755); err != nil {
		return nil, fmt.Errorf("making the directory of slots: %w", err)
	}
	return lockFile(filepath.Join(slotsDir, "lock"))
}

// claimDir makes dir and marks it. A directory with content that is not a
// cluster's is refused, because Down removes what it finds there.
func claimDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		if _, err := os.Stat(filepath.Join(dir, marker)); err != nil {
			return fmt.Errorf("%s has content and is no cluster's directory: choose another", dir)
		}
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("emptying the cluster's directory: %w", err)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("making the cluster's directory: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, marker), nil, 0o644); err != nil {
		return fmt.Errorf("marking the cluster's directory: %w", err)
	}
	return nil
}
