package archive

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/reifyhq/reify/internal/fault"
)

// member is one member of an archive under construction.
type member struct {
	name    string
	content string
	mode    fs.FileMode
	link    string
	typ     byte
}

func dir(name string) member {
	return member{name: name + "/", mode: fs.ModeDir | 0o755, typ: tar.TypeDir}
}
func text(name, content string) member { return member{name: name, content: content, mode: 0o644} }
func symlink(name, to string) member {
	return member{name: name, link: to, mode: fs.ModeSymlink | 0o777, typ: tar.TypeSymlink}
}
func special(name string, typ byte, link string) member {
	return member{name: name, mode: 0o644, typ: typ, link: link}
}

func makeTar(t testing.TB, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		h := &tar.Header{Name: m.name, Mode: int64(m.mode.Perm()), Typeflag: m.typ, Linkname: m.link, Size: int64(len(m.content))}
		if m.typ == tar.TypeXGlobalHeader {
			h = &tar.Header{Name: m.name, Typeflag: m.typ, PAXRecords: map[string]string{"comment": "0123"}}
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, m.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func makeZip(t testing.TB, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range members {
		h := &zip.FileHeader{Name: m.name, Method: zip.Deflate}
		h.SetMode(m.mode)
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, m.content+m.link); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func compressed(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// extract extracts into a new directory and returns what is there: contents by path, "-> target" for links.
func extract(t testing.TB, data []byte, limits Limits) (map[string]string, Summary, error) {
	t.Helper()
	path := t.TempDir()
	root, err := os.OpenRoot(path)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	summary, err := ExtractTo(t.Context(), bytes.NewReader(data), root, limits)
	tree := map[string]string{}
	walkErr := filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(path, name)
		switch {
		case err != nil || rel == ".":
			return err
		case d.IsDir():
			tree[rel+"/"] = ""
			return nil
		case d.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(name)
			tree[rel] = "-> " + target
			return err
		}
		content, err := os.ReadFile(name)
		info, statErr := d.Info()
		if statErr == nil && info.Mode()&0o100 != 0 {
			rel += "*"
		}
		tree[rel] = string(content)
		return errors.Join(err, statErr)
	})
	if walkErr != nil {
		t.Fatal(walkErr)
	}
	return tree, summary, err
}

func TestExtract(t *testing.T) {
	t.Parallel()
	script := text("top/bin/run.sh", "#!/bin/sh")
	script.mode = 0o4775
	members := []member{dir("top"), text("./top/a.yaml", "a: 1"), script, symlink("top/bin/up", "../a.yaml"),
		dir("top/empty"), text("top/ä 日.txt", "")}
	want := map[string]string{"top/": "", "top/a.yaml": "a: 1", "top/bin/": "", "top/bin/run.sh*": "#!/bin/sh",
		"top/bin/up": "-> ../a.yaml", "top/empty/": "", "top/ä 日.txt": ""}
	plain := makeTar(t, append([]member{{name: "pax", typ: tar.TypeXGlobalHeader}}, members...)...)
	for format, data := range map[Format][]byte{Tar: plain, TarGz: compressed(t, plain), Zip: makeZip(t, members...)} {
		tree, summary, err := extract(t, data, Limits{})
		if err != nil {
			t.Errorf("%s: %v", format, err)
			continue
		}
		if diff := cmp.Diff(want, tree); diff != "" {
			t.Errorf("%s (-want +got):\n%s", format, diff)
		}
		top, err := summary.SingleDirectory()
		if summary.Format != format || summary.Files != 6 || summary.Size != 13 || top != "top" || err != nil {
			t.Errorf("%s: %+v, %v", format, summary, err)
		}
	}
}

// bzipped is a tar.bz2 archive of top/file with the content "hello\n"; the standard library cannot write bzip2.
const bzipped = "QlpoOTFBWSZTWb17stUAAJ97hMmQAFBAAO+AAERjZN4AAACACCAAdQlITQDIB6QNAJKINGgaaAAaeEtbLYUFCQD3ISRPHFrwtiwe" +
	"OCAwSBoHTUcTGkxzxERZPEFoGEmxvriU4bWOYhoT7X7z3mk0Co1F6WHZInCR9dIcJB+LuSKcKEhevdlqgA=="

func TestExtractBzip2(t *testing.T) {
	t.Parallel()
	data, err := base64.StdEncoding.DecodeString(bzipped)
	if err != nil {
		t.Fatal(err)
	}
	if format, err := Detect(bytes.NewReader(data)); format != TarBz2 || err != nil {
		t.Fatalf("detected %s, %v", format, err)
	}
	tree, _, err := extract(t, data, Limits{})
	if diff := cmp.Diff(map[string]string{"top/": "", "top/file": "hello\n"}, tree); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	ok := text("top/ok", "x")
	for _, f := range []struct {
		name    string
		members []member
		want    string
	}{
		{"parent", []member{text("../evil", "x")}, `"../evil" leaves the archive`},
		{"parent inside", []member{text("top/../../evil", "x")}, "leaves the archive"},
		{"parent that stays", []member{text("top/../top/x", "x")}, "leaves the archive"},
		{"absolute", []member{text("/etc/passwd", "x")}, "absolute path"},
		{"backslash", []member{text(`top\..\evil`, "x")}, "invalid name"},
		{"long name", []member{text("top/"+strings.Repeat("n", 256), "x")}, "more than 255 bytes"},
		{"long path", []member{text(strings.Repeat("n/", 600)+"x", "x")}, "more than 1024 bytes"},
		{"link out", []member{symlink("top/l", "../../etc")}, "leaves the archive"},
		{"link to the outside", []member{symlink("l", "..")}, "leaves the archive"},
		{"absolute link", []member{symlink("top/l", "/etc/passwd")}, "absolute path"},
		{"empty link", []member{symlink("top/l", "")}, "invalid target"},
		{"link that turns back", []member{symlink("a/b/c", "../../x"), symlink("q", "a/b/c/../../..")}, "turns back"},
		{"through a link", []member{dir("top"), symlink("top/l", "."), text("top/l/x", "x")}, "not a directory"},
		{"below a file", []member{ok, text("top/ok/x", "x")}, `lies below "top/ok"`},
		{"directory over a file", []member{ok, dir("top/ok")}, "twice as different things"},
		{"file over a directory", []member{ok, text("top", "x")}, "twice as different things"},
		{"file over a link", []member{symlink("top/l", "ok"), text("top/l", "x")}, "twice as different things"},
		{"link over a link", []member{symlink("top/l", "ok"), symlink("top/l", "ok")}, "twice as different things"},
	} {
		for format, data := range map[string][]byte{"tar": makeTar(t, f.members...), "zip": makeZip(t, f.members...)} {
			_, _, err := extract(t, data, Limits{})
			if !fault.Is(err, fault.BadParameters) || !strings.Contains(err.Error(), f.want) {
				t.Errorf("%s, %s: %v, want %q", f.name, format, err, f.want)
			}
		}
	}
	for name, m := range map[string]member{
		"device": special("top/d", tar.TypeBlock, ""), "pipe": special("top/p", tar.TypeFifo, ""),
		"hard link out":        special("top/h", tar.TypeLink, "../x"),
		"hard link to nothing": special("top/h", tar.TypeLink, "nothing"),
		"hard link to a link":  special("top/h", tar.TypeLink, "top/link"),
	} {
		_, _, err := extract(t, makeTar(t, symlink("top/link", "ok"), m), Limits{})
		if !fault.Is(err, fault.BadParameters) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRepeatedMembers(t *testing.T) {
	t.Parallel()
	tree, summary, err := extract(t, makeTar(t, dir("top"), text("top/a", "old"), special("top/h", tar.TypeLink, "./top/a"),
		dir("top"), text("top/a", "new"), special("top/a2", tar.TypeLink, "top/a")), Limits{})
	want := map[string]string{"top/": "", "top/a": "new", "top/h": "old", "top/a2": "new"}
	if diff := cmp.Diff(want, tree); diff != "" || err != nil || summary.Files != 6 {
		t.Errorf("%v, %+v (-want +got):\n%s", err, summary, diff)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	both := func(members ...member) map[string][]byte {
		return map[string][]byte{"tar.gz": compressed(t, makeTar(t, members...)), "zip": makeZip(t, members...)}
	}
	bomb := both(text("top/small", "x"), text("top/bomb", strings.Repeat("\x00", 17<<20)))
	for _, f := range []struct {
		name     string
		limits   Limits
		archives map[string][]byte
		want     string
	}{
		{"count", Limits{Files: 2}, both(text("a", ""), text("b", ""), text("c", "")), `limit of 2 entries, from "c" on`},
		{"file", Limits{FileSize: 1000}, bomb, `"top/bomb" is larger than the limit of 1000`},
		{"total", Limits{TotalSize: 5000}, bomb, `limit of 5000 bytes, from entry "top/bomb" on`},
		{"ratio", Limits{}, bomb, `limit of 200 times, from entry "top/bomb" on`},
	} {
		for format, data := range f.archives {
			_, _, err := extract(t, data, f.limits)
			if !fault.Is(err, fault.BadParameters) || !strings.Contains(err.Error(), f.want) {
				t.Errorf("%s, %s: %v, want %q", f.name, format, err, f.want)
			}
		}
	}
	if _, _, err := extract(t, bomb["tar.gz"], Limits{Ratio: 5000}); err != nil {
		t.Errorf("a ratio within the limit: %v", err)
	}
	// Decompressed bytes that belong to no file are bounded too.
	var padding bytes.Buffer
	w := tar.NewWriter(&padding)
	for range 300 {
		h := &tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": strings.Repeat("x", 100_000)}}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err := extract(t, compressed(t, padding.Bytes()), Limits{TotalSize: 1 << 20, Files: 10})
	if !fault.Is(err, fault.BadParameters) || !strings.Contains(err.Error(), "larger than the limit") {
		t.Errorf("padding: %v", err)
	}
}

func TestDamaged(t *testing.T) {
	t.Parallel()
	content := make([]byte, 10_000)
	for i := range content {
		content[i] = byte(i * i >> 3)
	}
	plain := makeTar(t, text("top/a", string(content)))
	zipped, packed := compressed(t, plain), makeZip(t, text("top/a", string(content)))
	flip := func(data []byte, at int) []byte {
		data = bytes.Clone(data)
		data[at] ^= 0xff
		return data
	}
	for name, data := range map[string][]byte{
		"empty": {}, "text": []byte("hello"), "cut tar": plain[:700], "cut gzip": zipped[:len(zipped)/2],
		"gzip checksum": flip(zipped, len(zipped)-6), "gzip of text": compressed(t, []byte(strings.Repeat("hello", 300))),
		"cut zip": packed[:len(packed)-30], "zip content": flip(packed, 100), "gzip magic only": {0x1f, 0x8b},
		"bzip2 magic only": []byte("BZh9 and then nothing"),
	} {
		if _, _, err := extract(t, data, Limits{}); !fault.Is(err, fault.BadParameters) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, _, err := extract(t, append(bytes.Clone(zipped), "garbage"...), Limits{})
	if err != nil {
		t.Errorf("garbage after the archive: %v", err)
	}
}

func TestSingleDirectory(t *testing.T) {
	t.Parallel()
	for name, members := range map[string][]member{
		"nothing": {}, "a file": {text("a", "x")}, "two": {text("a/x", ""), text("b/x", "")},
		"directory and file": {dir("a"), text("b", "")}, "the directory itself": {dir(".")},
	} {
		_, summary, err := extract(t, makeTar(t, members...), Limits{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := summary.SingleDirectory(); err == nil || err.Error() != "Archive must contain exactly 1 directory" {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, summary, err := extract(t, makeTar(t, dir("."), text("./a/b/c", "")), Limits{})
	if top, topErr := summary.SingleDirectory(); top != "a" || topErr != nil || err != nil {
		t.Errorf("top %q, %v, %v", top, topErr, err)
	}
}

func TestFailuresThatAreNotTheArchives(t *testing.T) {
	t.Parallel()
	data := compressed(t, makeTar(t, text("top/a", strings.Repeat("x", 5000))))
	stop := errors.New("disk full")
	_, err := Extract(t.Context(), bytes.NewReader(data), Limits{}, func(Entry, io.Reader) error { return stop })
	if !errors.Is(err, stop) || fault.Is(err, fault.BadParameters) {
		t.Errorf("error of visit: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = Extract(ctx, bytes.NewReader(data), Limits{}, func(Entry, io.Reader) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("ended context: %v", err)
	}
	broken := &brokenSeeker{bytes.NewReader(data)}
	if _, err := Extract(t.Context(), broken, Limits{}, nil); err == nil || fault.Is(err, fault.BadParameters) {
		t.Errorf("broken source: %v", err)
	}
}

// brokenSeeker fails every read, as a file on a disk that is gone.
type brokenSeeker struct{ *bytes.Reader }

func (*brokenSeeker) Read(p []byte) (int, error) {
	return iotest.ErrReader(errors.New("connection lost")).Read(p)
}

func TestPack(t *testing.T) {
	t.Parallel()
	source := t.TempDir()
	members := []member{dir("sub"), text("sub/a", "hello"), text("b", ""), symlink("sub/l", "../b")}
	root, err := os.OpenRoot(source)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if _, err := ExtractTo(t.Context(), bytes.NewReader(makeTar(t, members...)), root, Limits{}); err != nil {
		t.Fatal(err)
	}
	var first, second bytes.Buffer
	for _, w := range []io.Writer{&first, &second} {
		if err := Pack(t.Context(), w, root.FS(), "web"); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("the same tree gave different bytes")
	}
	tree, _, err := extract(t, first.Bytes(), Limits{})
	want := map[string]string{"web/": "", "web/b": "", "web/sub/": "", "web/sub/a": "hello", "web/sub/l": "-> ../b"}
	if diff := cmp.Diff(want, tree); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if err := root.Symlink("../outside", "out"); err != nil {
		t.Fatal(err)
	}
	if err := Pack(t.Context(), io.Discard, root.FS(), "web"); !fault.Is(err, fault.BadParameters) {
		t.Errorf("a link that leaves: %v", err)
	}
	for _, top := range []string{"", "..", "a/b", "/a", "a/"} {
		if err := Pack(t.Context(), io.Discard, root.FS(), top); !fault.Is(err, fault.BadParameters) {
			t.Errorf("top %q: %v", top, err)
		}
	}
}

func FuzzExtract(f *testing.F) {
	members := []member{dir("top"), text("top/a", "hello"), symlink("top/l", "a"), text("top/sub/b", "x")}
	plain := makeTar(f, members...)
	f.Add(plain)
	f.Add(compressed(f, plain))
	f.Add(makeZip(f, members...))
	f.Add(makeTar(f, symlink("a", ".."), text("a/x", "x"), special("h", tar.TypeLink, "top/a")))
	bz, err := base64.StdEncoding.DecodeString(bzipped)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(bz)
	f.Fuzz(func(t *testing.T, data []byte) {
		outer := t.TempDir()
		if err := os.WriteFile(filepath.Join(outer, "canary"), []byte("alive"), 0o600); err != nil {
			t.Fatal(err)
		}
		inner := filepath.Join(outer, "in")
		if err := os.Mkdir(inner, 0o700); err != nil {
			t.Fatal(err)
		}
		root, err := os.OpenRoot(inner)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		limits := Limits{Files: 50, FileSize: 1 << 16, TotalSize: 1 << 18}
		summary, err := ExtractTo(t.Context(), bytes.NewReader(data), root, limits)
		if err == nil && (summary.Files > limits.Files || summary.Size > limits.TotalSize) {
			t.Errorf("limits were passed: %+v", summary)
		}
		canary, err := os.ReadFile(filepath.Join(outer, "canary"))
		entries, _ := os.ReadDir(outer)
		if err != nil || string(canary) != "alive" || len(entries) != 2 {
			t.Errorf("something was written outside: %q, %v, %v", canary, entries, err)
		}
		err = filepath.WalkDir(inner, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.Type()&fs.ModeSymlink == 0 {
				return err
			}
			// A link may lead nowhere, but never out.
			resolved, err := filepath.EvalSymlinks(name)
			real, _ := filepath.EvalSymlinks(inner)
			if err == nil && resolved != real && !strings.HasPrefix(resolved, real+string(filepath.Separator)) {
				t.Errorf("link %s leads out to %s", name, resolved)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}
