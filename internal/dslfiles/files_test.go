package dslfiles_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/dslfiles"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(int) { http.DefaultClient.CloseIdleConnections() }))
}

func TestFilesStayInsideTheTree(t *testing.T) {
	s := &dslfiles.Source{FS: fstest.MapFS{
		"blueprint.yaml": {Data: []byte("main")}, "a b/types.yaml": {Data: []byte("types")}, "dir/x": {},
	}, Root: "/app"}
	in, err := s.Input("blueprint.yaml")
	if err != nil || string(in.Text) != "main" || in.Location != "/app/blueprint.yaml" {
		t.Fatalf("%+v, %v", in, err)
	}
	if _, err := s.Input("missing.yaml"); err == nil {
		t.Error("a missing main file is no error")
	}
	got, err := s.Fetch(t.Context(), "file:///app/a%20b/types.yaml", "1_5")
	if err != nil || string(got.Text) != "types" {
		t.Errorf("%q, %v", got.Text, err)
	}
	for _, u := range []string{"file:///etc/passwd", "file:///app/../etc/passwd", "/etc/passwd", "file:///apple/x", "file:///app/%zz",
		"ftp://x/y", "http://x/y", "resource:x"} {
		if _, err := s.Fetch(t.Context(), u, "1_5"); err == nil {
			t.Errorf("%s was read", u)
		}
		if s.Exists(t.Context(), u) {
			t.Errorf("%s exists", u)
		}
	}
	if s.Exists(t.Context(), "file:///app/dir") || !s.Exists(t.Context(), "file:///app/blueprint.yaml") {
		t.Error("a directory counts as a file, or a file does not")
	}
}

// hurried is a reader that loses patience at once.
func hurried() *dslfiles.HTTP {
	h := dslfiles.NewHTTP(clock.Real{})
	h.Timeout, h.Pause, h.MaxSize = 50*time.Millisecond, time.Millisecond, 1<<10
	return h
}

func TestHTTP(t *testing.T) {
	var calls atomic.Int32
	stop := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := calls.Add(1)
		switch r.URL.Path {
		case "/ok":
			fmt.Fprint(w, "text")
		case "/late":
			if n < 3 {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			fmt.Fprint(w, "text")
		case "/endless":
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 4096)); err != nil {
					return
				}
			}
		case "/slow":
			select {
			case <-stop:
			case <-r.Context().Done():
			}
		case "/large":
			w.Header().Set("Content-Length", "100000")
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer server.Close()
	defer close(stop)
	for _, c := range []struct {
		path  string
		want  string
		calls int32
	}{
		{"/ok", "", 1},
		{"/late", "", 3},
		{"/missing", "status code: 404", 1},
		{"/large", "larger than 1024 bytes", 1},
		{"/endless", "larger than 1024 bytes", 6},
		{"/slow", "deadline exceeded", 6},
	} {
		calls.Store(0)
		data, err := hurried().Get(t.Context(), server.URL+c.path)
		if c.want == "" && (err != nil || string(data) != "text") || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %q, %v", c.path, data, err)
		}
		if calls.Load() != c.calls {
			t.Errorf("%s was asked for %d times, want %d", c.path, calls.Load(), c.calls)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := hurried().Get(ctx, server.URL+"/ok"); err == nil {
		t.Error("a cancelled read succeeded")
	}
}

func TestCatalogue(t *testing.T) {
	s := &dslfiles.Source{FS: fstest.MapFS{}, Root: "/app"}
	if _, err := s.Fetch(t.Context(), "plugin:aws?version=>=3", "1_5"); err == nil || !strings.Contains(err.Error(), "aws.yaml") {
		t.Errorf("without a catalogue: %v", err)
	}
	s.Catalogue = fstest.MapFS{"aws.yaml": {Data: []byte("plugin")}, "base/blueprint.yaml": {Data: []byte("blueprint")}}
	for u, want := range map[string]string{"plugin:aws?version=>=3": "plugin", "plugin:aws": "plugin", "blueprint:base": "blueprint"} {
		if got, err := s.Fetch(t.Context(), u, "1_5"); err != nil || string(got.Text) != want {
			t.Errorf("%s: %q, %v", u, got.Text, err)
		}
	}
	for _, u := range []string{"plugin:gcp", "plugin:base", "blueprint:../secret", "plugin:", "plugin:/etc/passwd"} {
		if got, err := s.Fetch(t.Context(), u, "1_5"); err == nil {
			t.Errorf("%s was found: %q", u, got.Text)
		}
	}
}
