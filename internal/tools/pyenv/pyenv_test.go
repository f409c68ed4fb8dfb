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

// TestMake makes an empty environment, which needs no package index, from several goroutines at once, where one was begun
// and not finished.
func TestMake(t *testing.T) {
	t.Parallel()
	const requirements = "# nothing\n"
	dir := t.TempDir()
	python, version, err := interpreter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	begun := filepath.Join(place(dir, python, version, requirements).Dir, "begun")
	if err := os.MkdirAll(begun, 0o755); err != nil {
		t.Fatal(err)
	}
	envs := make([]Env, 3)
	var wg sync.WaitGroup
	for i := range envs {
		wg.Go(func() {
			var err error
			if envs[i], err = makeIn(t.Context(), dir, requirements); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	if envs[0] != envs[1] || envs[0] != envs[2] {
		t.Errorf("the same requirements have the environments %v", envs)
	}
	if _, err := os.Stat(envs[0].Program("python")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(begun); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what was begun is still there: %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("the cache holds %v, %v; want the environment and its lock", entries, err)
	}
}

// TestMakeFails checks what is said when pip cannot install, and that what is left does not count as an environment.
func TestMakeFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	requirements := filepath.Join(dir, "no-such-package") + "\n"
	_, err := makeIn(t.Context(), dir, requirements)
	if err == nil || !strings.Contains(err.Error(), "package index") || !strings.Contains(err.Error(), "no-such-package") {
		t.Errorf("a package that is not there: %v", err)
	}
	python, version, err := interpreter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(place(dir, python, version, requirements).Dir, finished)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an environment without its package counts as finished: %v", err)
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
