package incidents

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// lock waits until this run may go on: runs that share the cluster go side by
// side, one that has the cluster for itself goes alone.
func lock(t *testing.T, alone bool) (unlock func()) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(os.TempDir(), "countersign-incidents.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	how := syscall.LOCK_SH
	if alone {
		how = syscall.LOCK_EX
	}
	if err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB); err == nil {
		return func() { f.Close() }
	}
	t.Log("waiting for another run on this machine")
	if err := syscall.Flock(int(f.Fd()), how); err != nil {
		t.Fatal(err)
	}
	return func() { f.Close() }
}
