package fs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/reifyhq/reify/internal/blob"
	"github.com/reifyhq/reify/internal/blob/blobtest"
	"github.com/reifyhq/reify/internal/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func openTest(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestConformance(t *testing.T) {
	blobtest.Run(t, func(t testing.TB) blob.Store { return openTest(t, t.TempDir()) })
}

func TestLinksLeadNowhere(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("s"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := openTest(t, dir)
	for link, target := range map[string]string{
		"out": outside, "file": filepath.Join(outside, "secret"), "up": "../..", "dangling": "nowhere",
	} {
		if err := os.Symlink(target, filepath.Join(dir, objects, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []string{"out/secret", "file", "out", "dangling", "up/objects/file"} {
		if o, err := s.Open(t.Context(), key); err == nil {
			o.Close()
			t.Errorf("%s was opened through a link", key)
		}
	}
	if _, err := s.Put(t.Context(), "out/new", strings.NewReader("x")); err == nil {
		t.Error("an object was put through a link")
	}
	if _, err := s.Put(t.Context(), "file", strings.NewReader("x")); err != nil {
		t.Errorf("a link in the way of an object: %v", err)
	}
	if err := s.DeleteAll(t.Context(), "out"); err != nil {
		t.Error(err)
	}
	list, err := s.List(t.Context(), "")
	if err != nil || len(list) != 1 || list[0].Key != "file" {
		t.Errorf("list: %v, %v", list, err)
	}
	secret, err := os.ReadFile(filepath.Join(outside, "secret"))
	entries, _ := os.ReadDir(outside)
	if err != nil || string(secret) != "s" || len(entries) != 1 {
		t.Errorf("the outside was changed: %q, %v, %v", secret, entries, err)
	}
}

func TestObjectsAndPrefixesDoNotMix(t *testing.T) {
	s := openTest(t, t.TempDir())
	if _, err := s.Put(t.Context(), "a/b", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"a", "a/b/c", "a/b/c/d"} {
		if _, err := s.Put(t.Context(), key, strings.NewReader("x")); !fault.Is(err, fault.Conflict) {
			t.Errorf("put %s: %v", key, err)
		}
	}
}

func TestOpenRemovesUnfinished(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	if _, err := s.Put(t.Context(), "a/b", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, incoming, "half"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	again := openTest(t, dir)
	if _, err := again.Stat(t.Context(), "a/b"); err != nil {
		t.Error(err)
	}
	if entries, err := os.ReadDir(filepath.Join(dir, incoming)); err != nil || len(entries) != 0 {
		t.Errorf("left in incoming: %v, %v", entries, err)
	}
	if err := again.Delete(t.Context(), "a/b"); err != nil {
		t.Error(err)
	}
	if entries, err := os.ReadDir(filepath.Join(dir, objects)); err != nil || len(entries) != 0 {
		t.Errorf("left in objects: %v, %v", entries, err)
	}
}

func BenchmarkStore(b *testing.B) {
	blobtest.Bench(b, func(t testing.TB) blob.Store { return openTest(t, t.TempDir()) })
}
