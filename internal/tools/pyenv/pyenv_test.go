package pyenv

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// TestMake makes an empty environment, which needs no package index, from several goroutines at once.
func TestMake(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	envs := make([]Env, 3)
	var wg sync.WaitGroup
	for i := range envs {
		wg.Go(func() {
			var err error
			if envs[i], err = makeIn(t.Context(), dir, "# nothing\n"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	first := envs[0]
	if first != envs[1] || first != envs[2] {
		t.Errorf("the same requirements have the environments %v", envs)
	}
	if _, err := os.Stat(first.Program("python")); err != nil {
		t.Error(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("the cache holds %v, %v; want the environment and its lock", entries, err)
	}

	// One that was not finished is not trusted, and the one that takes its place is whole.
	if err := os.Remove(filepath.Join(first.Dir, finished)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(first.Program("python")); err != nil {
		t.Fatal(err)
	}
	if _, err := makeIn(t.Context(), dir, "# nothing\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(first.Program("python")); err != nil {
		t.Error(err)
	}
}

// TestMakeFails checks what is said when pip cannot install, and that nothing half made is used later.
func TestMakeFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for range 2 {
		_, err := makeIn(t.Context(), dir, filepath.Join(dir, "no-such-package")+"\n")
		if err == nil || !strings.Contains(err.Error(), "package index") || !strings.Contains(err.Error(), "no-such-package") {
			t.Errorf("a package that is not there: %v", err)
		}
	}
}

// TestLockWaits checks that a held lock is waited for until the context ends.
func TestLockWaits(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.lock")
	unlock, err := lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := lock(ctx, path); !errors.Is(err, context.Canceled) {
		t.Errorf("a held lock: %v", err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	again, err := lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := again(); err != nil {
		t.Error(err)
	}
}

// TestNoPython checks what is said without Python.
func TestNoPython(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := makeIn(t.Context(), t.TempDir(), ""); !errors.Is(err, ErrNoPython) {
		t.Errorf("without Python: %v", err)
	}
}
