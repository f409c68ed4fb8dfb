package yamltree

import (
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reifyhq/reify/internal/dsl/value"
)

// Plain scalars are resolved as in YAML 1.1 (dsl, section 2).
func TestPlainScalars(t *testing.T) {
	t.Parallel()
	tests := map[string]any{
		"yes": true, "No": false, "ON": true, "off": false, "y": "y", "n": "n", "yEs": "yEs",
		"~": nil, "null": nil, "Null": nil, "nULL": "nULL",
		"0b1010": int64(10), "0x1F": int64(31), "010": int64(8), "08": "08", "0o10": "0o10", "1_000": int64(1000), "+5": int64(5), "-0": int64(0),
		"190:20:30": int64(685230), "-1:30": int64(-90), "1.5": 1.5, ".5": .5, "1.": 1.0, "1.0e+3": 1000.0, "1e3": "1e3", "1.0e3": "1.0e3", "12e03": "12e03",
		".inf": math.Inf(1), "-.INF": math.Inf(-1), "190:20:30.15": 685230.15, "1_0.5": 10.5,
		"2001-12-14":                   value.Timestamp{Text: "2001-12-14", DateOnly: true},
		"2001-12-14t21:59:43.10-05:00": value.Timestamp{Text: "2001-12-14T21:59:43.100000-05:00"},
		"2001-1-1":                     "2001-1-1", "text": "text", "a: b"[:1]: "a", "<": "<",
	}
	for text, want := range tests {
		n, e := Load([]byte("k: "+text), "", "x")
		if e != nil {
			t.Errorf("%s: %v", text, e)
			continue
		}
		if diff := cmp.Diff(want, n.Get("k").Value()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
	n, _ := Load([]byte("k: 123456789012345678901234567890"), "", "x")
	if b, ok := n.Get("k").Value().(*big.Int); !ok || b.String() != "123456789012345678901234567890" {
		t.Errorf("big integer is %v", n.Get("k").Value())
	}
}

func TestDocuments(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"empty", "", "{}"}, {"comment", "# x\n", "{}"}, {"null", "null", "{}"},
		{"last duplicate wins", "a: 1\nb: 2\na: 3", "{'a': 3, 'b': 2}"},
		{"one and true are one key", "{1: a, true: b}", "{1: 'b'}"},
		{"merge list, first wins", "<<: [{a: 1}, {a: 2, b: 3}]\nc: 4", "{'a': 1, 'b': 3, 'c': 4}"},
		{"explicit wins over merge", "x: &x {a: 1}\ny: {<<: *x, a: 2}", "{'x': {'a': 1}, 'y': {'a': 2}}"},
		{"two merges", "{<<: {a: 1}, <<: {b: 2}}", "{'a': 1, 'b': 2}"},
		{"set", "a: !!set {x, y}", "{'a': {'x', 'y'}}"}, {"binary", "a: !!binary aGk=", "{'a': b'hi'}"},
		{"tags", "[!!str 1, !!int \"7\", !!float 1]", "['1', 7, 1.0]"},
		{"bom and crlf", "\ufeffa: 1\r\nb: 2\r\n", "{'a': 1, 'b': 2}"},
		{"colon before a bracket", "a: {b:[1, {c:{d: 2}}], e: 3}", "{'a': {'b': [1, {'c': {'d': 2}}], 'e': 3}}"},
	}
	for _, tt := range tests {
		n, e := Load([]byte(tt.text), "f", "x")
		if e != nil {
			t.Errorf("%s: %v", tt.name, e)
			continue
		}
		if got := value.Repr(n.Value()); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, class string }{
		{"a: [", "DSLParsingFormatException"}, {"a:\n\tb: c", "ScannerError"}, {"a: b: c", "ScannerError"},
		{"a: *x", "ComposerError"}, {"a: 1\n---\nb: 2", "ComposerError"}, {"&a [*a]", "ComposerError"},
		{"a: !foo b", "ConstructorError"}, {"a: =", "ConstructorError"}, {"{[1]: 2}", "ConstructorError"},
		{"a: é", "DSLParsingInputTypeException"}, {"a: \"\\xe9\"", "DSLParsingInputTypeException"},
		{"a: !!omap [b: 1]", "AttributeError"}, {"a: 2001-13-45", "ValueError"},
	}
	for _, tt := range tests {
		_, e := Load([]byte(tt.text), "f", "x")
		if e == nil || string(e.Class) != tt.class {
			t.Errorf("%q: %v, want a %s", tt.text, e, tt.class)
		}
	}
}

func TestPositionsAreOfTheText(t *testing.T) {
	t.Parallel()
	n, e := Load([]byte("x: {a:[1], b: 2}\n"), "", "x")
	if e != nil {
		t.Fatal(e)
	}
	k, v := n.Get("x").Entry("b")
	if k.Line != 1 || k.Col != 11 || v.Col != 14 {
		t.Errorf("b is at %d:%d, its value at %d", k.Line, k.Col, v.Col)
	}
}

// Hostile documents end quickly and say why.
func TestBounds(t *testing.T) {
	t.Parallel()
	bomb := "a: &a [x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c < 'm'; c++ {
		bomb += fmt.Sprintf("%c: &%c [*%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	merges := "a: &a {x: 1, y: 2, z: 3}\n"
	for c := 'b'; c < 'z'; c++ {
		merges += fmt.Sprintf("%c: &%c {<<: [*%c, *%c, *%c, *%c]}\n", c, c, c-1, c-1, c-1, c-1)
	}
	tests := map[string]string{
		"aliases":       bomb,
		"merge keys":    merges,
		"flow nesting":  strings.Repeat("[", 10000) + strings.Repeat("]", 10000),
		"block nesting": blockNesting(10000),
		"size":          "a: " + strings.Repeat("x", 100<<20),
	}
	for name, text := range tests {
		start := time.Now()
		if _, e := Load([]byte(text), "", "x"); e == nil {
			t.Errorf("%s: accepted", name)
		}
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("%s: took %v", name, d)
		}
	}
}

func blockNesting(n int) string {
	var b strings.Builder
	for i := 0; i < n; i++ {
		b.WriteString("- ")
	}
	b.WriteString("x\n")
	return b.String()
}

func FuzzLoad(f *testing.F) {
	for _, s := range []string{"a: [1, {b: c}]", "&a {<<: *a}", "a: {b:[1]}", "- - - x", "? [a]\n: b", "a: |\n  x\n", "!!set {a}", "\ufeff", "%YAML 1.1\n---\na: 1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, e := Load([]byte(text), "f", "x")
		if (n == nil) == (e == nil) {
			t.Fatalf("neither or both of a tree and an error: %v", e)
		}
		if e == nil {
			_ = value.Repr(n.Value())
		}
	})
}
