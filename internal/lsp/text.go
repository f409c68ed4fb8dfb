package lsp

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/reifyhq/reify/internal/dsl/diag"
)

// text is a document as the editor has it. It never changes; edits make a new one.
type text struct {
	s string
	// starts are the offsets at which lines begin.
	starts []int
}

func newText(s string) *text {
	t := &text{s: s, starts: []int{0}}
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\n', s[i] == '\r' && (i+1 == len(s) || s[i+1] != '\n'):
			t.starts = append(t.starts, i+1)
		}
	}
	return t
}

// lines gives how many lines there are; an empty text has one.
func (t *text) lines() int { return len(t.starts) }

// line gives a line without its end, counted from 0; empty beyond the text.
func (t *text) line(n int) string {
	if n < 0 || n >= len(t.starts) {
		return ""
	}
	end := len(t.s)
	if n+1 < len(t.starts) {
		end = t.starts[n+1]
	}
	return strings.TrimRight(t.s[t.starts[n]:end], "\r\n")
}

// offset gives the place of a position in bytes; positions beyond a line or the text mean its end.
func (t *text) offset(p position) int {
	switch {
	case p.Line < 0:
		return 0
	case p.Line >= len(t.starts):
		return len(t.s)
	}
	return t.starts[p.Line] + byteColumn(t.line(p.Line), p.Character)
}

// byteColumn turns a column in UTF-16 code units into one in bytes. A column inside of a pair means its beginning.
func byteColumn(line string, units int) int {
	n := 0
	for i, r := range line {
		w := utf16Width(r)
		if n+w > units {
			return i
		}
		n += w
	}
	return len(line)
}

func utf16Width(r rune) int { return max(utf16.RuneLen(r), 1) }

// units turns a column in bytes into one in UTF-16 code units.
func units(line string, column int) int {
	n := 0
	for i, r := range line {
		if i >= column {
			break
		}
		n += utf16Width(r)
	}
	return n
}

// at gives the position of a column in bytes.
func (t *text) at(line, column int) position {
	return position{Line: line, Character: units(t.line(line), column)}
}

// fromDiag turns a place that counts characters from 1 into a position.
func (t *text) fromDiag(p diag.Pos) position {
	line := max(p.Line-1, 0)
	n, seen := 0, 1
	for _, r := range t.line(line) {
		if seen >= p.Column {
			break
		}
		seen++
		n += utf16Width(r)
	}
	return position{Line: line, Character: n}
}

// toDiag turns a position into a place that counts characters from 1.
func (t *text) toDiag(p position) diag.Pos {
	line := t.line(p.Line)
	return diag.Pos{Line: p.Line + 1, Column: utf8.RuneCountInString(line[:byteColumn(line, p.Character)]) + 1}
}

// span turns a range of the parser into one of the protocol. One without an end covers the word.
func (t *text) span(r diag.Range) span {
	s := span{Start: t.fromDiag(r.Start), End: t.fromDiag(r.End)}
	if r.End.Line == 0 || r.End.Line < r.Start.Line || r.End == r.Start {
		line := t.line(s.Start.Line)
		from := byteColumn(line, s.Start.Character)
		to := from
		for to < len(line) && !strings.ContainsRune(" \t,[]{}#\"'", rune(line[to])) {
			to++
		}
		s.End = t.at(s.Start.Line, max(to, min(from+1, len(line))))
	}
	return s
}

// replaced gives the text with a range replaced, nil means all of it.
func (t *text) replaced(r *span, with string) *text {
	if r == nil {
		return newText(with)
	}
	from, to := t.offset(r.Start), t.offset(r.End)
	if to < from {
		from, to = to, from
	}
	return newText(t.s[:from] + with + t.s[to:])
}
