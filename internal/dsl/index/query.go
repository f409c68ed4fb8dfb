package index

import (
	"strings"

	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/yamltree"
)

// maxChain bounds how far inheritance is followed; loops end there at the latest.
const maxChain = 100

// Chain gives a type and what it derives from, itself first. A loop ends where it would begin again.
func (x *Index) Chain(k Kind, name string) []*Symbol {
	var out []*Symbol
	seen := map[string]bool{}
	for len(out) < maxChain && !seen[name] {
		s := x.Find(k, name)
		if s == nil {
			break
		}
		seen[name] = true
		out = append(out, s)
		name = s.Text("derived_from")
	}
	return out
}

// Member is a property, operation or input as one type or template defines it.
type Member struct {
	Name string
	// Owner defines it.
	Owner *Symbol
	// Key is its name in the file, Value its definition.
	Key, Value *yamltree.Node
	File       string
	Range      diag.Range
}

// Text gives the text of a field of the definition.
func (m *Member) Text(field string) string { return m.Value.Get(field).Text() }

func (x *Index) member(owner *Symbol, p yamltree.Pair) *Member {
	return &Member{Name: p.Key.Text(), Owner: owner, Key: p.Key, Value: p.Value, File: p.Key.FileName(), Range: x.texts.token(p.Key)}
}

// Properties gives the properties of a type with those it inherits: the nearest definition of each.
func (x *Index) Properties(owner Owner) []*Member {
	var out []*Member
	seen := map[string]bool{}
	for _, s := range x.Chain(owner.Kind, owner.Name) {
		for _, p := range pairsOf(s.Value.Get("properties")) {
			if name := p.Key.Text(); !seen[name] {
				seen[name] = true
				out = append(out, x.member(s, p))
			}
		}
	}
	return out
}

// Property gives the nearest definition of a property, nil when the type has none of that name.
func (x *Index) Property(owner Owner, name string) *Member {
	for _, s := range x.Chain(owner.Kind, owner.Name) {
		properties := s.Value.Get("properties")
		if i := properties.Find(name); i >= 0 {
			return x.member(s, properties.Pairs[i])
		}
	}
	return nil
}

// PropertyDefinitions gives all definitions of a property along the chain, nearest first.
func (x *Index) PropertyDefinitions(owner Owner, name string) []*Member {
	var out []*Member
	for _, s := range x.Chain(owner.Kind, owner.Name) {
		properties := s.Value.Get("properties")
		if i := properties.Find(name); i >= 0 {
			out = append(out, x.member(s, properties.Pairs[i]))
		}
	}
	return out
}

// Interfaces gives the names of the interfaces in a field of a type and its ancestors.
func (x *Index) Interfaces(owner Owner, field string) []string {
	var out []string
	seen := map[string]bool{}
	for _, s := range x.Chain(owner.Kind, owner.Name) {
		for _, p := range pairsOf(s.Value.Get(field)) {
			if name := p.Key.Text(); !seen[name] {
				seen[name] = true
				out = append(out, name)
			}
		}
	}
	return out
}

// Operations gives the operations of an interface of a type: the nearest definition of each.
func (x *Index) Operations(owner Owner, field, iface string) []*Member {
	var out []*Member
	seen := map[string]bool{}
	for _, s := range x.Chain(owner.Kind, owner.Name) {
		for _, p := range pairsOf(s.Value.Get(field).Get(iface)) {
			if name := p.Key.Text(); !seen[name] {
				seen[name] = true
				out = append(out, x.member(s, p))
			}
		}
	}
	return out
}

// OperationDefinitions gives all definitions of an operation along the chain of a type, nearest first.
func (x *Index) OperationDefinitions(owner Owner, field, iface, operation string) []*Member {
	var out []*Member
	for _, s := range x.Chain(owner.Kind, owner.Name) {
		if m := x.MemberOf(s, s.Value.Get(field).Get(iface), operation); m != nil {
			out = append(out, m)
		}
	}
	return out
}

// MemberOf gives an entry of a mapping inside of a symbol, nil when it is not there.
func (x *Index) MemberOf(owner *Symbol, m *yamltree.Node, name string) *Member {
	if !m.IsMap() {
		return nil
	}
	if i := m.Find(name); i >= 0 {
		return x.member(owner, m.Pairs[i])
	}
	return nil
}

// Derives tells whether a type is another or derives from it.
func (x *Index) Derives(k Kind, name, from string) bool {
	for _, s := range x.Chain(k, name) {
		if s.Name == from {
			return true
		}
	}
	return name == from
}

// Definition gives where a reference leads: the file and the range of the name. It is false for scripts, imports and
// functions, and for names that nothing defines.
func (x *Index) Definition(r *Ref) (file string, at diag.Range, ok bool) {
	switch r.Kind {
	case Property:
		if m := x.Property(r.Owner, r.Name); m != nil {
			return m.File, m.Range, true
		}
		return "", diag.Range{}, false
	case Operation:
		if m := x.operation(r); m != nil {
			return m.File, m.Range, true
		}
		return "", diag.Range{}, false
	}
	if s := x.Find(r.Kind, r.Name); s != nil && s.Range.Start.Line > 0 {
		return s.File, s.Range, true
	}
	return "", diag.Range{}, false
}

// operation finds the definition of an operation in the type of its node, or in the ancestors of its type.
func (x *Index) operation(r *Ref) *Member {
	i := strings.LastIndexByte(r.Name, '.')
	if i < 0 {
		return nil
	}
	owner := r.Owner
	if owner.Kind == Node {
		s := x.Find(Node, owner.Name)
		if s == nil {
			return nil
		}
		owner = Owner{NodeType, s.Text("type")}
	}
	for _, field := range interfaceFields {
		for _, m := range x.OperationDefinitions(owner, field, r.Name[:i], r.Name[i+1:]) {
			if m.File != r.File || m.Range != r.Range {
				return m
			}
		}
	}
	return nil
}
