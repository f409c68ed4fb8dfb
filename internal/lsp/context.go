package lsp

import "strings"

// ancestor is a key, or a list item named "-", that encloses the cursor, and where it stands.
type ancestor struct {
	key  string
	line int
	// column is that of the key or of the dash.
	column int
}

// cursor is what surrounds a place in a document, found by indentation alone, so that it works on text that is no YAML.
type cursor struct {
	// ancestors lead from the top to the innermost; the last is the key whose value is written when inValue.
	ancestors []ancestor
	inValue   bool
	// prefix is what was written so far, from column start on; both in bytes.
	prefix string
	start  int
	// siblings are the keys that the innermost mapping has already; items are those before this one in its list.
	siblings map[string]bool
	items    []string
	// inFlow tells that the place is inside of brackets, hasColon that a colon follows the word.
	inFlow   bool
	hasColon bool
}

// path gives the keys of the ancestors.
func (c *cursor) path() []string {
	out := make([]string, len(c.ancestors))
	for i, a := range c.ancestors {
		out[i] = a.key
	}
	return out
}

// split is a line taken apart: dashes, a key and a value.
type split struct {
	dashes []int
	// column is where the key, or without a key the content, begins.
	column  int
	key     string
	hasKey  bool
	value   string
	valueAt int
}

// splitLine takes a line apart. A blank one or a comment has no content.
func splitLine(line string) (s split, content bool) {
	i := 0
	for i < len(line) && line[i] == ' ' {
		i++
	}
	for i < len(line) && line[i] == '-' && (i+1 == len(line) || line[i+1] == ' ') {
		s.dashes = append(s.dashes, i)
		i++
		for i < len(line) && line[i] == ' ' {
			i++
		}
	}
	s.column = i
	rest := line[i:]
	if rest == "" || rest[0] == '#' {
		return s, len(s.dashes) > 0
	}
	if key, at := keyOf(rest); at > 0 {
		s.key, s.hasKey = key, true
		v := i + at
		for v < len(line) && line[v] == ' ' {
			v++
		}
		s.value, s.valueAt = line[v:], v
		return s, true
	}
	s.value, s.valueAt = rest, i
	return s, true
}

// keyOf gives the key that a text begins with and the offset after its colon; 0 when there is none.
func keyOf(s string) (string, int) {
	if s == "" || strings.ContainsRune("[{#|>&*!%@`,", rune(s[0])) {
		return "", 0
	}
	if q := s[0]; q == '"' || q == '\'' {
		end := strings.IndexByte(s[1:], q)
		if end < 0 || end+2 >= len(s) || s[end+2] != ':' {
			return "", 0
		}
		return s[1 : end+1], end + 3
	}
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == ':' && (i+1 == len(s) || s[i+1] == ' '):
			return strings.TrimRight(s[:i], " "), i + 1
		case s[i] == '#' && i > 0 && s[i-1] == ' ':
			return "", 0
		}
	}
	return "", 0
}

// isOpen tells whether a value leaves room for a block below it: it is empty, an anchor, a tag or a comment.
func isOpen(value string) bool {
	value = strings.TrimSpace(value)
	return value == "" || value[0] == '#' || value[0] == '&' && !strings.Contains(value, " ") || value[0] == '!' && !strings.Contains(value, " ")
}

// maxLookBack bounds how many lines a search goes up, and maxFlow how many a bracket may span.
const (
	maxLookBack = 20_000
	maxFlow     = 40
)

// cursorAt finds what surrounds a position. It takes any text.
func cursorAt(t *text, p position) *cursor {
	c := &cursor{siblings: map[string]bool{}}
	if p.Line < 0 || p.Line >= t.lines() {
		return c
	}
	full := t.line(p.Line)
	column := byteColumn(full, p.Character)
	before := full[:column]
	c.hasColon = strings.HasPrefix(strings.TrimLeft(full[column:], " "), ":")
	from := flowStart(t, p.Line)
	if from == p.Line {
		c.block(t, p.Line, before)
		return c
	}
	// The brackets began on a line above: what stands there leads to the key that they are the value of.
	joined := t.line(from)
	for n := from + 1; n < p.Line; n++ {
		joined += " " + t.line(n)
	}
	shift := len(joined) + 1
	c.block(t, from, joined+" "+before)
	c.start = max(c.start-shift, 0)
	return c
}

// flowStart gives the line on which the outermost bracket that is open at the beginning of line was opened.
func flowStart(t *text, line int) int {
	first := line
	for n := line - 1; n >= 0 && n >= line-maxFlow; n-- {
		trimmed := strings.TrimSpace(t.line(n))
		if trimmed == "" || !strings.ContainsRune("[{,", rune(trimmed[len(trimmed)-1])) {
			break
		}
		joined := ""
		for k := n; k < line; k++ {
			joined += t.line(k) + " "
		}
		if s, _ := splitLine(t.line(n)); s.hasKey || len(s.dashes) > 0 {
			if len(parseFlow(joined).frames) == 0 {
				break
			}
			first = n
		}
	}
	return first
}

// block finds the ancestors of a line by indentation, then looks into the brackets on the line.
func (c *cursor) block(t *text, line int, before string) {
	s, content := splitLine(before)
	column := s.column
	if !content {
		column = len(before)
	}
	if strings.HasPrefix(strings.TrimSpace(before), "#") {
		column = 0
	}
	c.above(t, line, s.dashes, column)
	for _, d := range s.dashes {
		c.ancestors = append(c.ancestors, ancestor{"-", line, d})
	}
	if len(s.dashes) == 0 || s.hasKey {
		c.below(t, line, column)
	}
	rest, at := before[min(column, len(before)):], column
	if s.hasKey {
		c.ancestors = append(c.ancestors, ancestor{s.key, line, s.column})
		c.inValue = true
		rest, at = s.value, s.valueAt
	}
	c.prefix, c.start = rest, at
	if strings.ContainsAny(rest, "[{") {
		c.flow(rest, at, line)
		return
	}
	if rest != "" && (rest[0] == '"' || rest[0] == '\'') {
		c.prefix, c.start = rest[1:], at+1
	}
}

// above walks up and collects ancestors, siblings and items.
func (c *cursor) above(t *text, line int, dashes []int, column int) {
	var up []ancestor
	limit, isDash := column, false
	collect, collectItems := true, false
	if len(dashes) > 0 {
		limit, isDash, collect, collectItems = dashes[0], true, false, len(dashes) == 1
	}
	var items []string
	for n := line - 1; n >= 0 && line-n < maxLookBack && (limit > 0 || isDash || collect); n-- {
		s, content := splitLine(t.line(n))
		if !content {
			continue
		}
		first := s.column
		if len(s.dashes) > 0 {
			first = s.dashes[0]
		}
		if isDash && collectItems && len(s.dashes) > 0 && first == limit {
			items = append(items, unquote(s.value))
		}
		if s.hasKey && collect && s.column == limit && !isDash {
			c.siblings[s.key] = true
		}
		belongs := s.hasKey && (s.column < limit || isDash && s.column == limit && len(s.dashes) == 0)
		if belongs && isOpen(s.value) {
			up = append(up, ancestor{s.key, n, s.column})
			limit, isDash, collect, collectItems = s.column, false, false, false
		}
		for k := len(s.dashes) - 1; k >= 0; k-- {
			if d := s.dashes[k]; d < limit && s.column <= limit {
				up = append(up, ancestor{"-", n, d})
				limit, isDash, collect, collectItems = d, true, false, false
			}
		}
	}
	for i := len(up) - 1; i >= 0; i-- {
		c.ancestors = append(c.ancestors, up[i])
	}
	for i := len(items) - 1; i >= 0; i-- {
		c.items = append(c.items, items[i])
	}
}

// below adds the keys that follow in the same mapping.
func (c *cursor) below(t *text, line, column int) {
	for n := line + 1; n < t.lines() && n-line < maxLookBack; n++ {
		s, content := splitLine(t.line(n))
		if !content {
			continue
		}
		first := s.column
		if len(s.dashes) > 0 {
			first = s.dashes[0]
		}
		if first < column {
			return
		}
		if s.hasKey && first == column {
			c.siblings[s.key] = true
		}
	}
}

// unquote removes quotes and comments from a scalar.
func unquote(s string) string {
	s = strings.TrimSpace(s)
	if i := strings.Index(s, " #"); i >= 0 {
		s = strings.TrimSpace(s[:i])
	}
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}

// field gives the value of a field of an ancestor as it is written, empty when there is none on a line of its own.
func (c *cursor) field(t *text, i int, name string) string {
	if i < 0 || i >= len(c.ancestors) {
		return ""
	}
	a := c.ancestors[i]
	child := -1
	if s, _ := splitLine(t.line(a.line)); a.key == "-" && s.hasKey {
		child = s.column
		if s.key == name {
			return unquote(s.value)
		}
	}
	for n := a.line + 1; n < t.lines() && n-a.line < maxLookBack; n++ {
		s, content := splitLine(t.line(n))
		if !content {
			continue
		}
		first := s.column
		if len(s.dashes) > 0 {
			first = s.dashes[0]
		}
		if first <= a.column {
			break
		}
		if child < 0 {
			child = first
		}
		if s.hasKey && first == child && s.key == name {
			return unquote(s.value)
		}
	}
	return ""
}
