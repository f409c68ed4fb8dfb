package lsp

import (
	"testing"
	"unicode/utf8"

	"github.com/reifyhq/reify/internal/dsl/diag"
)

func TestPositionsAreUTF16(t *testing.T) {
	// ä is two bytes and one unit, 𝄞 is four bytes and two units.
	tx := newText("aä𝄞b\r\nx\rlast\n")
	for _, tt := range []struct {
		p      position
		offset int
	}{
		{position{0, 0}, 0}, {position{0, 1}, 1}, {position{0, 2}, 3}, {position{0, 3}, 3}, {position{0, 4}, 7}, {position{0, 5}, 8},
		{position{0, 99}, 8}, {position{1, 0}, 10}, {position{2, 2}, 14}, {position{3, 0}, 17}, {position{9, 9}, 17}, {position{-1, 0}, 0},
	} {
		if got := tx.offset(tt.p); got != tt.offset {
			t.Errorf("offset of %v is %d, want %d", tt.p, got, tt.offset)
		}
	}
	if got := tx.fromDiag(diag.Pos{Line: 1, Column: 4}); got != (position{0, 4}) {
		t.Errorf("the fourth character is at %v", got)
	}
	if got := tx.toDiag(position{0, 4}); got != (diag.Pos{Line: 1, Column: 4}) {
		t.Errorf("unit 4 is character %v", got)
	}
	if got := tx.at(0, 7); got != (position{0, 4}) {
		t.Errorf("byte 7 is unit %v", got)
	}
}

func TestSpanWithoutAnEndCoversTheWord(t *testing.T) {
	tx := newText("key: value, x\n\n")
	start := diag.Range{Start: diag.Pos{Line: 1, Column: 6}}
	if got := tx.span(start); got != (span{position{0, 5}, position{0, 10}}) {
		t.Errorf("span %v", got)
	}
	for _, r := range []diag.Range{{}, {Start: diag.Pos{Line: 2, Column: 1}}, {Start: diag.Pos{Line: 99, Column: 99}}} {
		got := tx.span(r)
		if got.End.Line != got.Start.Line || got.End.Character < got.Start.Character {
			t.Errorf("span of %v is %v", r, got)
		}
	}
}

func TestReplaced(t *testing.T) {
	tx := newText("one\ntwo 𝄞\n")
	for _, tt := range []struct {
		r    *span
		with string
		want string
	}{
		{nil, "x", "x"},
		{&span{position{0, 0}, position{0, 3}}, "1", "1\ntwo 𝄞\n"},
		{&span{position{1, 4}, position{1, 6}}, "2", "one\ntwo 2\n"},
		{&span{position{1, 6}, position{0, 3}}, "", "one\n"},
		{&span{position{7, 0}, position{9, 0}}, "end", "one\ntwo 𝄞\nend"},
	} {
		if got := tx.replaced(tt.r, tt.with); got.s != tt.want {
			t.Errorf("%v: %q, want %q", tt.r, got.s, tt.want)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add("a\r\nä𝄞", 1, 2, 0, 1, "x\n")
	f.Add("\xff\xfe\r", 0, 1, 3, 3, "")
	f.Fuzz(func(t *testing.T, s string, l1, c1, l2, c2 int, with string) {
		tx := newText(s)
		from, to := position{l1, c1}, position{l2, c2}
		got := tx.replaced(&span{from, to}, with)
		a, b := tx.offset(from), tx.offset(to)
		if a > b {
			a, b = b, a
		}
		if a < 0 || b > len(s) || got.s != s[:a]+with+s[b:] {
			t.Fatalf("offsets %d, %d", a, b)
		}
		if utf8.ValidString(s) && !utf8.ValidString(s[:a]) {
			t.Fatalf("offset %d is inside of a character", a)
		}
		tx.span(diag.Range{Start: diag.Pos{Line: l1, Column: c1}, End: diag.Pos{Line: l2, Column: c2}})
	})
}
