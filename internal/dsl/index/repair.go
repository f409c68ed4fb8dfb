package index

import (
	"bytes"
	"context"
	"math"

	"github.com/reifyhq/reify/internal/dsl/imports"
)

// maxRepairs bounds how many lines are left out to make a text readable.
const maxRepairs = 8

// BuildTolerant is Build for text that is being written: lines that keep the document from being YAML are taken as blank.
// It is nil when leaving out a few lines does not help.
func BuildTolerant(ctx context.Context, in imports.Input, src imports.Source) *Index {
	original := in.Text
	in.Text = repair(in)
	x, e := Build(ctx, in, src)
	if e != nil {
		return nil
	}
	x.texts.add(in.Location, original)
	return x
}

// repair blanks lines until the text can be read: each time the line of the error or the one above it, whichever lets the
// reader come further.
func repair(in imports.Input) []byte {
	at := firstError(in)
	lines := bytes.Split(bytes.Clone(in.Text), []byte("\n"))
	for range maxRepairs {
		if at == 0 {
			break
		}
		best, bestAt := in.Text, 0
		var bestLine int
		for _, n := range candidates(lines, at) {
			saved := lines[n-1]
			lines[n-1] = nil
			in.Text = bytes.Join(lines, []byte("\n"))
			lines[n-1] = saved
			next := firstError(in)
			if next == 0 {
				return in.Text
			}
			if next > bestAt {
				best, bestAt, bestLine = in.Text, next, n
			}
		}
		if bestLine == 0 {
			break
		}
		lines[bestLine-1] = nil
		in.Text, at = best, bestAt
	}
	return in.Text
}

// candidates gives the lines that may be to blame for an error: the last written one up to it, the one before, and the
// last one that opens a bracket or a quote and does not close it.
func candidates(lines [][]byte, at int) []int {
	var out []int
	for n := min(at, len(lines)); n > 0; n-- {
		line := bytes.TrimSpace(lines[n-1])
		if open := unclosed(line); open || len(line) > 0 && len(out) < 2 {
			out = append(out, n)
			if open {
				break
			}
		}
	}
	return out
}

// unclosed tells whether a line opens more than it closes.
func unclosed(line []byte) bool {
	depth := 0
	var quote byte
	for i, c := range line {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"', c == '\'':
			if i == 0 || bytes.IndexByte([]byte(" [{,:"), line[i-1]) >= 0 {
				quote = c
			}
		case c == '#' && (i == 0 || line[i-1] == ' '):
			return depth > 0
		case c == '[', c == '{':
			depth++
		case c == ']', c == '}':
			depth--
		}
	}
	return depth > 0 || quote != 0
}

// firstError gives the line at which reading stops, 0 when the text can be read.
func firstError(in imports.Input) int {
	_, e := imports.Load(in)
	switch {
	case e == nil:
		return 0
	case e.Diag == nil || e.Diag.Range.Start.Line < 1:
		return math.MaxInt32
	}
	return e.Diag.Range.Start.Line
}
