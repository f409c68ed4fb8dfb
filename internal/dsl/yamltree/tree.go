// Package yamltree reads YAML 1.1 as PyYAML's SafeLoader does (dsl,
// section 2) into a tree in which every value keeps its file, line and column.
//
// It owns the YAML library: nothing else imports it. It does no I/O. Documents
// are bounded: size, nesting, and what aliases expand to.
//
// Invariants: an aliased value is the same *Node wherever it is used, so trees
// must not be changed in place after loading except through Clone; mappings
// hold each key once, the last value having won.
package yamltree

import (
	"github.com/reifyhq/reify/internal/dsl/value"
)

// Kind is the shape of a node.
type Kind uint8

// The kinds. Scalars of every type are Scalar; the empty value is a Scalar
// whose value is nil.
const (
	Scalar Kind = iota
	List
	Map
)

// Node is one value of a document.
type Node struct {
	Kind   Kind
	Scalar any
	Items  []*Node
	Pairs  []Pair
	// File is the location of the document, empty when it has none.
	File *string
	// Line counts from 1, Col from 0. A Line of 0 is a value made by us.
	Line, Col int
	// BuiltIn marks the key of an entry that comes from a built-in types file.
	BuiltIn bool
	index   map[string]int
}

// Pair is one entry of a mapping.
type Pair struct{ Key, Value *Node }

// New makes a scalar that stands where at stands.
func New(v any, at *Node) *Node {
	n := &Node{Scalar: v}
	if at != nil {
		n.File, n.Line, n.Col = at.File, at.Line, at.Col
	}
	return n
}

// NewMap makes an empty mapping that stands where at stands.
func NewMap(at *Node) *Node {
	n := New(nil, at)
	n.Kind = Map
	return n
}

// NewList makes an empty list that stands where at stands.
func NewList(at *Node) *Node {
	n := New(nil, at)
	n.Kind = List
	return n
}

// IsNull tells whether the node is missing or null.
func (n *Node) IsNull() bool { return n == nil || n.Kind == Scalar && n.Scalar == nil }

// IsMap tells whether the node is a mapping.
func (n *Node) IsMap() bool { return n != nil && n.Kind == Map }

// IsList tells whether the node is a list.
func (n *Node) IsList() bool { return n != nil && n.Kind == List }

// Str gives the text of a string scalar.
func (n *Node) Str() (string, bool) {
	if n == nil || n.Kind != Scalar {
		return "", false
	}
	s, ok := n.Scalar.(string)
	return s, ok
}

// Text gives the text of a string scalar, empty for anything else.
func (n *Node) Text() string {
	s, _ := n.Str()
	return s
}

// FileName gives the location of the node's document, empty when it has none.
func (n *Node) FileName() string {
	if n == nil || n.File == nil {
		return ""
	}
	return *n.File
}

const indexFrom = 12

// Find gives the position of a string key in Pairs, or -1.
func (n *Node) Find(key string) int {
	if n == nil {
		return -1
	}
	if n.index == nil && len(n.Pairs) >= indexFrom {
		n.reindex()
	}
	if n.index != nil {
		if i, ok := n.index[key]; ok {
			return i
		}
		return -1
	}
	for i := range n.Pairs {
		if s, ok := n.Pairs[i].Key.Scalar.(string); ok && s == key {
			return i
		}
	}
	return -1
}

func (n *Node) reindex() {
	n.index = make(map[string]int, 2*len(n.Pairs))
	for i := range n.Pairs {
		if s, ok := n.Pairs[i].Key.Str(); ok {
			n.index[s] = i
		}
	}
}

// Get gives the value of a string key, nil when it is not there.
func (n *Node) Get(key string) *Node {
	if i := n.Find(key); i >= 0 {
		return n.Pairs[i].Value
	}
	return nil
}

// Entry gives key and value of a string key, nils when it is not there.
func (n *Node) Entry(key string) (*Node, *Node) {
	if i := n.Find(key); i >= 0 {
		return n.Pairs[i].Key, n.Pairs[i].Value
	}
	return nil, nil
}

// Put sets the value of a key; an existing key keeps its place. Only for nodes
// that the caller made.
func (n *Node) Put(key, v *Node) {
	s, ok := key.Str()
	if ok {
		if i := n.Find(s); i >= 0 {
			n.Pairs[i].Value = v
			return
		}
	}
	n.Pairs = append(n.Pairs, Pair{key, v})
	if n.index != nil && ok {
		n.index[s] = len(n.Pairs) - 1
	}
}

// Remove deletes a string key. Only for nodes that the caller made.
func (n *Node) Remove(key string) {
	if i := n.Find(key); i >= 0 {
		n.Pairs = append(n.Pairs[:i:i], n.Pairs[i+1:]...)
		n.index = nil
	}
}

// Copy gives a node with the same children, whose own entries can be changed.
func (n *Node) Copy() *Node {
	c := *n
	c.index = nil
	c.Pairs = append([]Pair(nil), n.Pairs...)
	c.Items = append([]*Node(nil), n.Items...)
	return &c
}

// Value gives the free value of the node; a missing node is nil.
func (n *Node) Value() any {
	if n == nil {
		return nil
	}
	switch n.Kind {
	case List:
		out := make([]any, len(n.Items))
		for i, x := range n.Items {
			out[i] = x.Value()
		}
		return out
	case Map:
		m := value.NewMap()
		for _, p := range n.Pairs {
			if s, ok := p.Key.Str(); ok {
				m.Set(s, p.Value.Value())
			} else {
				m.SetRaw(p.Key.Value(), p.Value.Value())
			}
		}
		return m
	}
	return n.Scalar
}

// FromValue makes a tree of a free value; every node stands where at stands.
func FromValue(v any, at *Node) *Node {
	switch t := v.(type) {
	case *value.Map:
		n := NewMap(at)
		for k, x := range t.All() {
			n.Put(New(t.RawKey(k), at), FromValue(x, at))
		}
		return n
	case []any:
		n := NewList(at)
		for _, x := range t {
			n.Items = append(n.Items, FromValue(x, at))
		}
		return n
	}
	return New(v, at)
}
