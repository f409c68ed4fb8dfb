package server

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/reifyhq/reify/internal/clock"
)

// TestLockOutlivesItsManagerForAMoment holds the lock of a data directory a little longer, as a process does that a killed
// manager was about to start.
func TestLockOutlivesItsManagerForAMoment(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	held, err := os.OpenFile(filepath.Join(root, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(held.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		t.Fatal(err)
	}
	if err := flock(clock.Real{}, held, 1); err != nil {
		t.Errorf("the holder cannot lock again: %v", err)
	}
	other, err := os.OpenFile(filepath.Join(root, "lock"), os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := flock(clock.Real{}, other, 1); err == nil {
		t.Fatal("the lock was given to two")
	}
	timer := time.AfterFunc(50*time.Millisecond, func() { held.Close() })
	defer timer.Stop()
	d, err := openDataDir(root, clock.Real{})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.lock.Close(); err != nil {
		t.Error(err)
	}
}
