package yamltree

import (
	"fmt"
	"strings"

	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/value"
)

// Place is where an element stands: the node that gives its position (the key
// of a named element, the item itself in a list), its path and its value.
type Place struct {
	At    *Node
	Path  string
	Value *Node
	// Item tells that the element is an unnamed item of a list.
	Item bool
}

// Key gives the place of an entry of a mapping below this one.
func (p Place) Key(m *Node, name string) Place {
	k, v := m.Entry(name)
	return Place{At: k, Path: join(p.Path, name), Value: v}
}

// Entry gives the place of a pair of a mapping below this one.
func (p Place) Entry(pair Pair) Place {
	return Place{At: pair.Key, Path: join(p.Path, value.Text(pair.Key.Scalar)), Value: pair.Value}
}

// Index gives the place of an item of a list below this one.
func (p Place) Index(i int, n *Node) Place {
	return Place{At: n, Path: join(p.Path, fmt.Sprint(i)), Value: n, Item: true}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// Locate appends the place of an element to the message of a DSL exception as
// the reference does (section 7), and fills in what its diagnostic lacks.
// Errors of other classes keep their message.
func (p Place) Locate(e *diag.Error) *diag.Error {
	p.fill(e)
	if !e.IsDSL() || e.Placed {
		return e
	}
	var b strings.Builder
	b.WriteString(e.Message)
	b.WriteByte(' ')
	if p.At != nil && p.At.Line > 0 {
		if f := p.At.FileName(); f != "" {
			fmt.Fprintf(&b, "\n  in: %s", f)
		}
		if p.Item {
			fmt.Fprintf(&b, "\n  in line %d, column %d", p.At.Line, p.At.Col)
		} else {
			fmt.Fprintf(&b, "\n  in line: %d, column: %d", p.At.Line, p.At.Col)
		}
	}
	if p.Path != "" {
		fmt.Fprintf(&b, "\n  path: %s", p.Path)
	}
	fmt.Fprintf(&b, "\n  value: %s", value.Text(p.Value.Value()))
	e.Message, e.Placed = b.String(), true
	return e
}

// Aim puts the diagnostic of an error at a node, unless it has a place already.
func Aim(e *diag.Error, n *Node) *diag.Error {
	if e.Diag == nil {
		e.Diag = &diag.D{Summary: firstLine(e.Message)}
	}
	if n == nil || n.Line == 0 || e.Diag.Range.Start.Line != 0 {
		return e
	}
	e.Diag.File = n.FileName()
	e.Diag.Range = n.Range()
	return e
}

// Range gives the stretch of a file that a node takes; the end is known for
// texts of one line.
func (n *Node) Range() diag.Range {
	r := diag.Range{Start: diag.Pos{Line: n.Line, Column: n.Col + 1}}
	if s := value.Text(n.Scalar); n.Kind == Scalar && s != "" && !strings.Contains(s, "\n") {
		r.End = diag.Pos{Line: n.Line, Column: n.Col + 1 + len(s)}
	}
	return r
}

func (p Place) fill(e *diag.Error) {
	if e.Diag == nil {
		e.Diag = &diag.D{Summary: firstLine(e.Message)}
	}
	d := e.Diag
	if d.Path == "" {
		d.Path = p.Path
	}
	Aim(e, p.At)
}

func firstLine(s string) string {
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		s = s[:i]
	}
	return strings.TrimRight(s, " ")
}
