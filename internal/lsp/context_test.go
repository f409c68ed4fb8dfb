package lsp

import (
	"strings"
	"testing"
	"time"

	"github.com/reifyhq/reify/internal/clock"
)

// still is a clock that stands and whose timers never fire.
type still struct{}

func (still) Now() time.Time { return time.Unix(0, 0) }
func (still) NewTimer(d time.Duration) clock.Timer {
	return clock.NewManual(time.Unix(0, 0)).NewTimer(max(d, 1))
}

func TestCursor(t *testing.T) {
	for _, tt := range []struct {
		content, path, prefix string
		inValue               bool
		items                 string
	}{
		{"a:\n  b: c‸", "a/b", "c", true, ""},
		{"a:\n  b‸", "a", "b", false, ""},
		{"a:\n  b:\n    c: d\n  ‸", "a", "", false, ""},
		{"a:\n  - b\n  - c‸", "a/-", "c", false, "b"},
		{"a:\n- b\n- ‸", "a/-", "", false, "b"},
		{"a:\n  - b: c\n    d: ‸", "a/-/d", "", true, ""},
		{"a:\n  - b: c\n    d:\n      - e: f\n        ‸", "a/-/d/-", "", false, ""},
		{"a: {b: [c, d‸", "a/b/-", "d", true, "c"},
		{"a: {b: {c: d}, ‸", "a", "", false, ""},
		{"a: [[x, y], {z: ‸", "a/-/z", "", true, ""},
		{"a: {b: 'x, y‸", "a/b", "x, y", true, ""},
		{"a: &anchor\n  b: ‸", "a/b", "", true, ""},
		{"a: x\n  # comment: y\n  ‸", "", "", false, ""},
		{"\"a b\":\n  'c': \"d‸", "a b/c", "d", true, ""},
		{"a:\n\n\n    b:\n# left\n      c: ‸", "a/b/c", "", true, ""},
		{"a: {\n  b: [\n    c,\n    d‸", "a/b/-", "d", true, "c"},
		{"a: b [c‸", "a", "b [c", true, ""},
	} {
		content, at := marked(t, tt.content)
		c := cursorAt(newText(content), at)
		if got := strings.Join(c.path(), "/"); got != tt.path || c.prefix != tt.prefix || c.inValue != tt.inValue || strings.Join(c.items, ",") != tt.items {
			t.Errorf("%q: path %q, prefix %q, in value %v, items %v", tt.content, got, c.prefix, c.inValue, c.items)
		}
	}
}

func FuzzCursor(f *testing.F) {
	f.Add(netMain, 12, 8)
	f.Add("a: {b: [c, 'd", 0, 13)
	f.Add("- - - a: &x\n- \t:\n", 1, 3)
	f.Fuzz(func(t *testing.T, s string, line, character int) {
		tx := newText(s)
		p := position{line, character}
		c := cursorAt(tx, p)
		if c.start < 0 {
			t.Fatalf("start %d", c.start)
		}
		for i := range c.ancestors {
			c.field(tx, i, "type")
		}
		outline(tx)
		d := &document{uri: "untitled:x", text: tx}
		srv := New(Options{Clock: still{}})
		if _, e := srv.completion(d, positionParams{Position: p}); e != nil {
			t.Fatal(e)
		}
	})
}
