package python_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/reifyhq/reify/python"
)

func TestWrite(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "b")
	if err := python.Write(dir); err != nil {
		t.Fatal(err)
	}
	entry := filepath.Join(dir, "cloudify", "__init__.py")
	before, err := os.Stat(entry)
	if err != nil {
		t.Fatal(err)
	}
	damaged := filepath.Join(dir, "reify_client.py")
	if err := os.WriteFile(damaged, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := python.Write(dir); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(entry)
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(before, after) {
		t.Error("a file with the right content was replaced")
	}
	if data, err := os.ReadFile(damaged); err != nil || string(data) == "damaged" {
		t.Errorf("a damaged file was kept: %v", err)
	}
	if err := python.Write("/proc/nowhere"); err == nil {
		t.Error("writing where nothing can be written succeeded")
	}
}
