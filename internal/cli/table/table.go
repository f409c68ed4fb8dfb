// Package table prints lists and single objects for people: columns with headings, values shortened to what fits.
//
// It is the only package that knows the table library. It never decides what to show and never prints JSON. Values come
// from a manager, hence from strangers: control characters are shown as spaces, so that no value can move the cursor.
package table

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/reifyhq/reify/internal/model"
)

// Style says how a table may look.
type Style struct {
	// Colour allows colours.
	Colour bool
	// Width is the width of the terminal; 0 means that lines may be as long as they like.
	Width int
}

// Table collects rows under a title.
type Table struct {
	title string
	style Style
	rows  []table.Row
	head  table.Row
}

// New returns an empty table with the columns.
func New(title string, style Style, columns ...string) *Table {
	t := &Table{title: title, style: style}
	for _, c := range columns {
		t.head = append(t.head, c)
	}
	return t
}

// Add appends a row; cells are turned into text by Text.
func (t *Table) Add(cells ...any) {
	row := make(table.Row, 0, len(cells))
	for _, c := range cells {
		row = append(row, Text(c))
	}
	t.rows = append(t.rows, row)
}

// Write prints the table below its title.
func (t *Table) Write(w io.Writer) error {
	tw := table.NewWriter()
	style := table.StyleLight
	style.Options.SeparateRows = false
	style.Format.Header = text.FormatDefault
	tw.SetStyle(style)
	tw.SuppressTrailingSpaces()
	if t.style.Width > 0 {
		tw.Style().Size.WidthMax = t.style.Width
	}
	tw.AppendHeader(t.heading())
	tw.AppendRows(t.rows)
	title := t.title
	if t.style.Colour {
		title = text.Bold.Sprint(title)
	}
	_, err := fmt.Fprintf(w, "%s\n%s\n", title, tw.Render())
	return err
}

// heading is the names of the columns, bold where colours are allowed.
func (t *Table) heading() table.Row {
	if !t.style.Colour {
		return t.head
	}
	row := make(table.Row, 0, len(t.head))
	for _, name := range t.head {
		row = append(row, text.Bold.Sprint(name))
	}
	return row
}

// Fields prints one object as lines of "name  value", in the order given; names and values alternate.
func Fields(w io.Writer, title string, style Style, pairs ...any) error {
	t := New(title, style, "field", "value")
	for i := 0; i+1 < len(pairs); i += 2 {
		t.Add(pairs[i], pairs[i+1])
	}
	return t.Write(w)
}

// Document prints a free document, keys in order.
func Document(w io.Writer, title string, style Style, d model.Document) error {
	t := New(title, style, "name", "value")
	for _, k := range slices.Sorted(maps.Keys(d)) {
		t.Add(k, d[k])
	}
	return t.Write(w)
}

// Text turns a value into one cell: text as it is, lists of text joined by commas, everything else as JSON.
func Text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return Clean(v)
	case fmt.Stringer:
		return Clean(v.String())
	case []string:
		return Clean(strings.Join(v, ", "))
	case json.RawMessage:
		return Clean(strings.Trim(string(v), `"`))
	case bool, int, int64:
		return fmt.Sprint(v)
	}
	data, err := model.EncodeJSON(v)
	if err != nil {
		return Clean(fmt.Sprint(v))
	}
	var s string
	if json.Unmarshal(data, &s) == nil {
		return Clean(s)
	}
	return Clean(string(data))
}

// Clean replaces every control character but line feeds by a space.
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && (unicode.IsControl(r) || r == '\u2028' || r == '\u2029') {
			return ' '
		}
		return r
	}, s)
}
