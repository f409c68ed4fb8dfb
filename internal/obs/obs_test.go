package obs

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLogger(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]string{"": `"msg":"hello"`, "auto": `"msg":"hello"`, "json": `"msg":"hello"`,
		"text": "msg=hello"} {
		var b bytes.Buffer
		log, level, err := NewLogger(&b, Options{Format: format})
		if err != nil {
			t.Fatal(err)
		}
		log.Debug("too low")
		log.With("a", 1).InfoContext(WithRequestID(t.Context(), "r1"), "hello")
		if !strings.Contains(b.String(), want) || strings.Contains(b.String(), "too low") || !strings.Contains(b.String(), "r1") {
			t.Errorf("format %q wrote %s", format, b.String())
		}
		if err := SetLevel(level, "debug"); err != nil {
			t.Fatal(err)
		}
		log.Debug("now it shows")
		if !strings.Contains(b.String(), "now it shows") {
			t.Errorf("the level did not change: %s", b.String())
		}
	}
	for _, o := range []Options{{Level: "loud"}, {Format: "xml"}} {
		if _, _, err := NewLogger(&bytes.Buffer{}, o); err == nil {
			t.Errorf("%+v is a logger", o)
		}
	}
}

func TestFileIsNoTerminal(t *testing.T) {
	t.Parallel()
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if isTerminal(f) {
		t.Error("a file is a terminal")
	}
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	if RequestID(t.Context()) != "" {
		t.Error("a context has a request id by itself")
	}
	if a, b := NewRequestID(), NewRequestID(); a == b || len(a) < 16 {
		t.Errorf("request ids %s, %s", a, b)
	}
}
