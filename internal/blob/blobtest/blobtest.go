// Package blobtest is the conformance suite of the blob seam: every implementation passes it. It knows the contract of
// package blob only and is imported by tests.
package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/reifyhq/reify/internal/blob"
	"github.com/reifyhq/reify/internal/fault"
)

// Run runs the suite; open returns a new, empty store and arranges for its closing.
func Run(t *testing.T, open func(t testing.TB) blob.Store) {
	for _, group := range []struct {
		name string
		test func(*testing.T, blob.Store)
	}{
		{"PutAndOpen", testPutAndOpen},
		{"Seek", testSeek},
		{"Replace", testReplace},
		{"FailedPut", testFailedPut},
		{"Keys", testKeys},
		{"Missing", testMissing},
		{"List", testList},
		{"Delete", testDelete},
		{"DeleteAll", testDeleteAll},
		{"Concurrency", testConcurrency},
	} {
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			group.test(t, open(t))
		})
	}
}

func put(t testing.TB, s blob.Store, key, content string) blob.Info {
	t.Helper()
	info, err := s.Put(t.Context(), key, strings.NewReader(content))
	if err != nil {
		t.Fatalf("put %s: %v", key, err)
	}
	if info.Key != key || info.Size != int64(len(content)) || info.ModifiedAt.IsZero() {
		t.Errorf("put %s: info %+v", key, info)
	}
	return info
}

func content(t testing.TB, s blob.Store, key string) string {
	t.Helper()
	o, err := s.Open(t.Context(), key)
	if err != nil {
		t.Fatalf("open %s: %v", key, err)
	}
	defer o.Close()
	data, err := io.ReadAll(o)
	if err != nil {
		t.Fatalf("read %s: %v", key, err)
	}
	if info := o.Info(); info.Size != int64(len(data)) || info.Key != key {
		t.Errorf("open %s: info %+v with %d bytes", key, info, len(data))
	}
	return string(data)
}

// keys lists the keys below a prefix.
func keys(t testing.TB, s blob.Store, prefix string) []string {
	t.Helper()
	list, err := s.List(t.Context(), prefix)
	if err != nil {
		t.Fatalf("list %s: %v", prefix, err)
	}
	names := []string{}
	for _, info := range list {
		names = append(names, info.Key)
	}
	return names
}

func equal(t testing.TB, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func testPutAndOpen(t *testing.T, s blob.Store) {
	big := strings.Repeat("0123456789abcdef", 1<<18)
	for key, text := range map[string]string{"a": "x", "deep/er/ä file~1.zip": "y", "empty": "", "big": big} {
		info := put(t, s, key, text)
		if got := content(t, s, key); got != text {
			t.Errorf("%s has %d bytes, want %d", key, len(got), len(text))
		}
		stat, err := s.Stat(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "stat after put", stat, info)
	}
}

func testSeek(t *testing.T, s blob.Store) {
	put(t, s, "digits", "0123456789")
	o, err := s.Open(t.Context(), "digits")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	for _, f := range []struct {
		offset int64
		whence int
		want   string
	}{{7, io.SeekStart, "78"}, {-3, io.SeekEnd, "78"}, {-5, io.SeekCurrent, "45"}, {0, io.SeekStart, "01"}} {
		if _, err := o.Seek(f.offset, f.whence); err != nil {
			t.Fatal(err)
		}
		two := make([]byte, 2)
		if _, err := io.ReadFull(o, two); err != nil {
			t.Fatal(err)
		}
		equal(t, fmt.Sprintf("two bytes at %d, %d", f.offset, f.whence), string(two), f.want)
	}
}

func testReplace(t *testing.T, s blob.Store) {
	put(t, s, "k/v", "old")
	o, err := s.Open(t.Context(), "k/v")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	put(t, s, "k/v", "newer")
	equal(t, "content", content(t, s, "k/v"), "newer")
	old, err := io.ReadAll(o)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "an object that was open while it was replaced", string(old), "old")
}

func testFailedPut(t *testing.T, s blob.Store) {
	put(t, s, "k", "old")
	broken := io.MultiReader(strings.NewReader("half of the new"), iotest.ErrReader(errors.New("connection lost")))
	if _, err := s.Put(t.Context(), "k", broken); err == nil || !strings.Contains(err.Error(), "connection lost") {
		t.Errorf("put from a broken reader: %v", err)
	}
	if _, err := s.Put(t.Context(), "other", iotest.ErrReader(io.ErrUnexpectedEOF)); err == nil {
		t.Error("put from a broken reader succeeded")
	}
	ctx, cancel := context.WithCancel(t.Context())
	first := iotest.OneByteReader(strings.NewReader("never complete"))
	_, err := s.Put(ctx, "k", io.MultiReader(io.LimitReader(first, 3), readerFunc(func(p []byte) (int, error) {
		cancel()
		return first.Read(p)
	})))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("put with a context that ended: %v", err)
	}
	equal(t, "content", content(t, s, "k"), "old")
	equal(t, "keys", keys(t, s, ""), []string{"k"})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func testKeys(t *testing.T, s blob.Store) {
	put(t, s, "in/side", "x")
	for _, key := range []string{"", "/", "/abs", "a/", "a//b", ".", "..", "../out", "in/../in/side", "in/./side", "a/..",
		"nul\x00", "line\nbreak", `back\slash`, "not utf8 \xff", strings.Repeat("x", 300), strings.Repeat("long/", 300) + "x"} {
		_, putErr := s.Put(t.Context(), key, strings.NewReader("x"))
		_, openErr := s.Open(t.Context(), key)
		_, statErr := s.Stat(t.Context(), key)
		for name, err := range map[string]error{"put": putErr, "open": openErr, "stat": statErr,
			"delete": s.Delete(t.Context(), key), "delete all": s.DeleteAll(t.Context(), key)} {
			if !fault.Is(err, fault.BadParameters) {
				t.Errorf("%s %q: %v", name, key, err)
			}
		}
	}
	for _, key := range []string{"...", "..a", ".hidden", "a b", "-", "%2e%2e/x", "~", "CON", "a:b", "日本"} {
		put(t, s, key, key)
		equal(t, "content of "+key, content(t, s, key), key)
	}
}

func testMissing(t *testing.T, s blob.Store) {
	put(t, s, "dir/file", "x")
	for _, key := range []string{"nope", "dir", "dir/nope", "dir/file/below"} {
		_, openErr := s.Open(t.Context(), key)
		_, statErr := s.Stat(t.Context(), key)
		for name, err := range map[string]error{"open": openErr, "stat": statErr, "delete": s.Delete(t.Context(), key)} {
			if !fault.Is(err, fault.NotFound) {
				t.Errorf("%s %s: %v", name, key, err)
			}
		}
		if err := s.DeleteAll(t.Context(), key+"/nothing"); err != nil {
			t.Errorf("delete all below %s: %v", key, err)
		}
		equal(t, "keys below "+key, keys(t, s, key+"/nothing"), []string{})
	}
	equal(t, "content", content(t, s, "dir/file"), "x")
}

func testList(t *testing.T, s blob.Store) {
	equal(t, "empty store", keys(t, s, ""), []string{})
	for _, key := range []string{"p/b/2", "p/b-1", "p/b/1", "p/a", "pp", "p0/x", "q"} {
		put(t, s, key, key)
	}
	for prefix, want := range map[string][]string{
		"":     {"p/a", "p/b-1", "p/b/1", "p/b/2", "p0/x", "pp", "q"},
		"p":    {"p/a", "p/b-1", "p/b/1", "p/b/2"},
		"p/b":  {"p/b/1", "p/b/2"},
		"q":    {},
		"p/a":  {},
		"nope": {},
	} {
		equal(t, "keys below "+prefix, keys(t, s, prefix), want)
	}
	list, err := s.List(t.Context(), "p0")
	if err != nil || len(list) != 1 || list[0].Size != 4 || list[0].ModifiedAt.IsZero() {
		t.Errorf("list: %+v, %v", list, err)
	}
	if _, err := s.List(t.Context(), "../x"); !fault.Is(err, fault.BadParameters) {
		t.Errorf("list of an invalid prefix: %v", err)
	}
}

func testDelete(t *testing.T, s blob.Store) {
	put(t, s, "a/b/c", "x")
	put(t, s, "a/d", "y")
	if err := s.Delete(t.Context(), "a/b/c"); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), "a/b/c"); !fault.Is(err, fault.NotFound) {
		t.Errorf("second delete: %v", err)
	}
	equal(t, "keys", keys(t, s, ""), []string{"a/d"})
	// What was a part of keys before can be a key now.
	put(t, s, "a/b", "z")
	equal(t, "keys", keys(t, s, "a"), []string{"a/b", "a/d"})
}

func testDeleteAll(t *testing.T, s blob.Store) {
	for _, key := range []string{"p/a", "p/b/c", "p2/x", "pp"} {
		put(t, s, key, "x")
	}
	for _, f := range []struct {
		prefix string
		want   []string
	}{{"nope", []string{"p/a", "p/b/c", "p2/x", "pp"}}, {"pp", []string{"p/a", "p/b/c", "p2/x", "pp"}},
		{"p", []string{"p2/x", "pp"}}, {"p", []string{"p2/x", "pp"}}} {
		if err := s.DeleteAll(t.Context(), f.prefix); err != nil {
			t.Fatal(err)
		}
		equal(t, "keys after deletion below "+f.prefix, keys(t, s, ""), f.want)
	}
	put(t, s, "p/a", "again")
	equal(t, "content", content(t, s, "p/a"), "again")
}

// testConcurrency lets writers, readers and removers of the same keys run at once: a reader finds whole objects only.
func testConcurrency(t *testing.T, s blob.Store) {
	const size = 100_000
	whole := func(c byte) []byte { return bytes.Repeat([]byte{c}, size) }
	var group sync.WaitGroup
	for w := range 4 {
		group.Go(func() {
			for i := range 20 {
				key := fmt.Sprintf("dir/%d/file", i%3)
				if _, err := s.Put(t.Context(), key, bytes.NewReader(whole('a'+byte(w)))); err != nil {
					t.Errorf("put: %v", err)
				}
				o, err := s.Open(t.Context(), key)
				if fault.Is(err, fault.NotFound) {
					continue
				}
				if err != nil {
					t.Errorf("open: %v", err)
					continue
				}
				data, err := io.ReadAll(o)
				if err != nil || len(data) != size || !bytes.Equal(data, whole(data[0])) {
					t.Errorf("a reader found a part of an object: %d bytes, %v", len(data), err)
				}
				o.Close()
				if err := s.Delete(t.Context(), key); err != nil && !fault.Is(err, fault.NotFound) {
					t.Errorf("delete: %v", err)
				}
				if err := s.DeleteAll(t.Context(), "dir"); i%5 == 0 && err != nil {
					t.Errorf("delete all: %v", err)
				}
			}
		})
	}
	group.Wait()
}

// Bench measures the puts of small objects, which a blueprint is made of, and the reading of large ones.
func Bench(b *testing.B, open func(t testing.TB) blob.Store) {
	b.Run("Put/4KiB", func(b *testing.B) {
		s := open(b)
		data := make([]byte, 4<<10)
		for n := 0; b.Loop(); n++ {
			if _, err := s.Put(b.Context(), fmt.Sprintf("dir/%d/%d", n/100, n), bytes.NewReader(data)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Read/16MiB", func(b *testing.B) {
		s := open(b)
		const size = 16 << 20
		if _, err := s.Put(b.Context(), "big", bytes.NewReader(make([]byte, size))); err != nil {
			b.Fatal(err)
		}
		b.SetBytes(size)
		for b.Loop() {
			o, err := s.Open(b.Context(), "big")
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, o); err != nil {
				b.Fatal(err)
			}
			o.Close()
		}
	})
}
