package pack

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// write makes files below a new directory named app; a name ending in / is a directory, "a -> b" a link.
func write(t *testing.T, names ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "app")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		link, target, isLink := strings.Cut(name, " -> ")
		path := filepath.Join(dir, link)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		switch {
		case isLink:
			err = errors.Join(err, os.Symlink(target, path))
		case strings.HasSuffix(name, "/"):
			err = errors.Join(err, os.MkdirAll(path, 0o755))
		default:
			err = errors.Join(err, os.WriteFile(path, []byte(name), 0o700))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func contents(t *testing.T, archive []byte) []string {
	t.Helper()
	zr, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for tr := tar.NewReader(zr); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Uname != "" {
			t.Errorf("%s tells its owner", h.Name)
		}
		name := h.Name
		if h.Typeflag == tar.TypeSymlink {
			name += " -> " + h.Linkname
		}
		names = append(names, name)
	}
}

func TestDirectory(t *testing.T) {
	t.Parallel()
	dir := write(t, "blueprint.yaml", "scripts/b.sh", "scripts/a.sh", "empty/", "scripts/c.sh -> a.sh", ".git/config",
		"x.pyc", "__pycache__/y", "notes~", ".notes.swp", ".hidden")
	tests := []struct {
		name    string
		options Options
		want    []string
		skipped int
	}{
		{"plain", Options{}, []string{"app/", "app/.hidden", "app/blueprint.yaml", "app/empty/", "app/scripts/",
			"app/scripts/a.sh", "app/scripts/b.sh", "app/scripts/c.sh -> a.sh"}, 5},
		{"everything", Options{Everything: true}, []string{"app/", "app/.git/", "app/.git/config", "app/.hidden",
			"app/.notes.swp", "app/__pycache__/", "app/__pycache__/y", "app/blueprint.yaml", "app/empty/", "app/notes~",
			"app/scripts/", "app/scripts/a.sh", "app/scripts/b.sh", "app/scripts/c.sh -> a.sh", "app/x.pyc"}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var first, second bytes.Buffer
			summary, err := Directory(dir, &first, tt.options)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, contents(t, first.Bytes())); diff != "" {
				t.Error(diff)
			}
			if summary.Excluded != tt.skipped {
				t.Errorf("%d excluded, want %d", summary.Excluded, tt.skipped)
			}
			if _, err := Directory(dir, &second, tt.options); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
				t.Errorf("packing twice gives two archives (%v)", err)
			}
			path := filepath.Join(t.TempDir(), "a.tar.gz")
			if err := os.WriteFile(path, first.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := Check(path, "blueprint.yaml"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRefusedDirectories(t *testing.T) {
	t.Parallel()
	for want, dir := range map[string]string{
		"leads out":       write(t, "a -> ../../etc/passwd"),
		"leads out of":    write(t, "a -> /etc/passwd"),
		"not a directory": filepath.Join(write(t, "file"), "file"),
		"no such file":    filepath.Join(t.TempDir(), "nosuch"),
	} {
		if _, err := Directory(dir, io.Discard, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", dir, err, want)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		files []string
		want  string
	}{
		{"good", []string{"app/", "app/blueprint.yaml"}, ""},
		{"no directory entry", []string{"./app/blueprint.yaml", "./app/x"}, ""},
		{"two directories", []string{"a/blueprint.yaml", "b/x"}, "several: a, b"},
		{"file at the top", []string{"blueprint.yaml"}, "but blueprint.yaml is a file"},
		{"no main file", []string{"app/other.yaml"}, "no blueprint.yaml in its top directory app"},
		{"empty", nil, "is empty"},
		{"escape", []string{"app/blueprint.yaml", "../x"}, "outside"},
		{"absolute", []string{"/app/blueprint.yaml"}, "outside"},
	}
	for _, tt := range tests {
		for format, make := range map[string]func(*testing.T, []string) []byte{"tar": makeTar, "zip": makeZip} {
			t.Run(tt.name+" "+format, func(t *testing.T) {
				t.Parallel()
				path := filepath.Join(t.TempDir(), "archive")
				if err := os.WriteFile(path, make(t, tt.files), 0o600); err != nil {
					t.Fatal(err)
				}
				err := Check(path, "blueprint.yaml")
				if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
					t.Errorf("got %v, want %q", err, tt.want)
				}
			})
		}
	}
}

func makeTar(t *testing.T, names []string) []byte {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, name := range names {
		h := &tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644}
		if strings.HasSuffix(name, "/") {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if len(names) == 0 {
		// Two blocks of zeros are no archive that can be told from anything else.
		return makeZip(t, nil)
	}
	return buf.Bytes()
}

func makeZip(t *testing.T, names []string) []byte {
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, name := range names {
		if _, err := w.Create(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestHumanSize(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1 KiB", 1536: "1.5 KiB", 5 << 20: "5 MiB", 2 << 30: "2 GiB"} {
		if got := HumanSize(n); got != want {
			t.Errorf("HumanSize(%d) = %q, want %q", n, got, want)
		}
	}
}

func FuzzCheck(f *testing.F) {
	f.Add([]byte("PK\x05\x06"))
	f.Add([]byte{0x1f, 0x8b, 8, 0})
	f.Add([]byte("BZh9"))
	f.Add(append(make([]byte, 257), "ustar\x0000"...))
	path := filepath.Join(f.TempDir(), "archive")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		// Whatever the file holds, checking it ends without a panic.
		_ = Check(path, "blueprint.yaml")
	})
}
