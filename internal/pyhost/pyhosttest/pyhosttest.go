// Package pyhosttest gives tests what Python plugins need: the base environment, made once per user and kept in the cache
// directory, and wagons. It is test code: only tests import it.
package pyhosttest

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/pyhost"
)

// setupLimit bounds the making of the base environment.
const setupLimit = 5 * time.Minute

// Base returns the directory of the base environment for tests. Where it can neither be found nor made, because there is
// no Python or no package registry, the test is skipped. Tests of several processes share it.
func Base(t testing.TB) pyhost.Base {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Skipf("there is no place for the Python environment: %v", err)
	}
	b := pyhost.Base{Dir: filepath.Join(cache, "reify-test", "python"), Clock: clock.Real{}}
	ctx, cancel := context.WithTimeout(t.Context(), setupLimit)
	defer cancel()
	if _, err := b.Setup(ctx); err != nil {
		t.Skipf("Python plugins cannot be tested here: %v", err)
	}
	return b
}

// Wagon builds a wagon of a package that lies in a directory, with the program wagon of the base, and returns its path.
func Wagon(t testing.TB, b pyhost.Base, source string, args ...string) string {
	t.Helper()
	i, err := b.Find()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), filepath.Join(i.Dir, "bin", "wagon"),
		append([]string{"create", source, "-o", dir, "-f"}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(i.Dir, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"))
	if err := cmd.Run(); err != nil {
		t.Fatalf("wagon create %s: %v\n%s", source, err, out.String())
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.wgn"))
	if err != nil || len(found) != 1 {
		t.Fatalf("wagon create %s made %q: %v\n%s", source, found, err, out.String())
	}
	return found[0]
}
