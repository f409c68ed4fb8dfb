// Package index is a read-only view of a blueprint for tools: which elements there are, where each is defined, where it is
// referred to, and what types inherit. It is made of the merged tree, so that it sees through imports and namespaces.
//
// The package does no I/O and never judges: finding problems is the task of package dsl. It works with what can be read;
// an import that cannot is left out and text that is no YAML can be repaired line by line.
//
// Invariants: an Index never changes after Build and is safe for concurrent use; a position counts lines and columns from
// 1, columns in characters; symbols and references are in the order of the merged tree.
package index

import (
	"context"
	"path"
	"strings"
	"sync"

	"github.com/reifyhq/reify/internal/dsl/builtin"
	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/fn"
	"github.com/reifyhq/reify/internal/dsl/imports"
	"github.com/reifyhq/reify/internal/dsl/yamltree"
)

// Kind is what a symbol names.
type Kind string

// The kinds of symbols. Property and Interface references carry the type or node they belong to; Script and Import are
// kinds of references only.
const (
	Input        Kind = "input"
	NodeType     Kind = "node type"
	Relationship Kind = "relationship type"
	DataType     Kind = "data type"
	Node         Kind = "node"
	Plugin       Kind = "plugin"
	Workflow     Kind = "workflow"
	Group        Kind = "group"
	Policy       Kind = "policy"
	PolicyType   Kind = "policy type"
	Trigger      Kind = "policy trigger"
	Output       Kind = "output"
	Capability   Kind = "capability"
	Property     Kind = "property"
	Operation    Kind = "operation"
	Script       Kind = "script"
	Import       Kind = "import"
	Function     Kind = "function"
)

// Sections gives the kind of the entries of a section.
var sectionKinds = []struct {
	section string
	kind    Kind
}{
	{"inputs", Input}, {"node_types", NodeType}, {"relationships", Relationship}, {"data_types", DataType},
	{"node_templates", Node}, {"plugins", Plugin}, {"workflows", Workflow}, {"groups", Group}, {"policies", Policy},
	{"policy_types", PolicyType}, {"policy_triggers", Trigger}, {"outputs", Output}, {"capabilities", Capability},
}

// Symbol is a named element and where it is defined.
type Symbol struct {
	Kind Kind
	// Name is the full name, with the namespaces of imports.
	Name string
	// File is the location of its document, and Range that of its name.
	File  string
	Range diag.Range
	// Value is what the name stands for. It must not be changed.
	Value *yamltree.Node
}

// Text gives the text of a field of the symbol, empty when there is none.
func (s *Symbol) Text(field string) string { return s.Value.Get(field).Text() }

// Ref is a place that refers to a symbol. For a property, Owner is the kind and name of what it belongs to.
type Ref struct {
	Kind  Kind
	Name  string
	Owner Owner
	File  string
	Range diag.Range
}

// Owner is the type or node that a member belongs to.
type Owner struct {
	Kind Kind
	Name string
}

// Index is the view of one blueprint.
type Index struct {
	// Root is the merged tree. It must not be changed.
	Root *yamltree.Node
	// Main is the location of the main file.
	Main    string
	symbols map[Kind][]*Symbol
	byName  map[Kind]map[string]*Symbol
	refs    []Ref
	texts   *texts
	version imports.Version
}

// newest is the version with which documents are merged that declare none.
var newest = imports.Version{Raw: "cloudify_dsl_1_5", Numbers: []int{1, 5}}

// Build reads a document and its imports. The error is that of a document which is no YAML; imports that cannot be read
// are left out.
func Build(ctx context.Context, in imports.Input, src imports.Source) (*Index, *diag.Error) {
	root, e := imports.Load(in)
	if e != nil {
		return nil, e
	}
	if !root.IsMap() {
		root = yamltree.NewMap(root)
	}
	rec := &recorder{Source: src, texts: map[string][]byte{}}
	merged := merge(ctx, root, in, rec)
	x := &Index{Root: merged.Root, Main: in.Location, version: merged.Version, byName: map[Kind]map[string]*Symbol{}, symbols: map[Kind][]*Symbol{},
		texts: newTexts(rec.texts)}
	x.texts.add(in.Location, in.Text)
	c := &collector{x: x, seen: map[Ref]bool{}}
	c.imports(root)
	c.sections(merged.Root)
	x.refs = c.refs
	return x, nil
}

// merge merges what can be merged: all imports, else each that can be read, else none.
func merge(ctx context.Context, root *yamltree.Node, in imports.Input, src imports.Source) *imports.Merged {
	v, e := imports.MainVersion(root)
	if e != nil {
		v = newest
	}
	in.NoVersionCheck = true
	if m, e := imports.Merge(ctx, root, v, in, src, isFunction); e == nil {
		return m
	}
	list := root.Get("imports")
	with := func(items []*yamltree.Node) (*imports.Merged, bool) {
		r := root.Copy()
		r.Remove("imports")
		if len(items) > 0 {
			l := list.Copy()
			l.Items = items
			r.Put(yamltree.New("imports", list), l)
		}
		m, e := imports.Merge(ctx, r, v, in, src, isFunction)
		return m, e == nil
	}
	var good []*yamltree.Node
	if list.IsList() {
		for _, x := range list.Items {
			if _, ok := with(append(good[:len(good):len(good)], x)); ok {
				good = append(good, x)
			}
		}
	}
	if m, ok := with(good); ok {
		return m
	}
	return &imports.Merged{Root: root, Version: v}
}

func isFunction(n *yamltree.Node) bool {
	return n.IsMap() && len(n.Pairs) <= 2 && fn.IsFunction(n.Value())
}

// All gives the symbols of a kind in the order of the merged tree.
func (x *Index) All(k Kind) []*Symbol { return x.symbols[k] }

// Find gives a symbol by its full name, nil when there is none.
func (x *Index) Find(k Kind, name string) *Symbol { return x.byName[k][name] }

// Names gives the names of the symbols of a kind.
func (x *Index) Names(k Kind) []string {
	out := make([]string, len(x.symbols[k]))
	for i, s := range x.symbols[k] {
		out[i] = s.Name
	}
	return out
}

// Refs gives all references.
func (x *Index) Refs() []Ref { return x.refs }

// RefsTo gives the references to a symbol.
func (x *Index) RefsTo(k Kind, name string) []Ref {
	var out []Ref
	for _, r := range x.refs {
		if r.Kind == k && r.Name == name {
			out = append(out, r)
		}
	}
	return out
}

// At gives what stands at a position: a symbol by its name, or a reference; nils for neither.
func (x *Index) At(file string, at diag.Pos) (*Symbol, *Ref) {
	for i := range x.refs {
		if r := &x.refs[i]; r.File == file && inside(r.Range, at) {
			return nil, r
		}
	}
	for _, k := range sectionKinds {
		for _, s := range x.symbols[k.kind] {
			if s.File == file && inside(s.Range, at) {
				return s, nil
			}
		}
	}
	return nil, nil
}

func inside(r diag.Range, p diag.Pos) bool {
	return r.Start.Line == p.Line && r.Start.Column <= p.Column && p.Column <= r.End.Column
}

// Range gives the place of a scalar as it is written.
func (x *Index) Range(n *yamltree.Node) diag.Range { return x.texts.token(n) }

// Reads tells whether the document at a location is part of the blueprint.
func (x *Index) Reads(location string) bool {
	_, ok := x.texts.raw[location]
	return ok
}

// BuiltInImport gives the location of the embedded document that an import of the main file stands for.
func (x *Index) BuiltInImport(name string) (location string, ok bool) {
	ext := path.Ext(name)
	for _, n := range []string{"resource:" + strings.TrimSuffix(name, ext) + "_" + x.version.Suffix() + ext, "resource:" + name, name} {
		if file, ok := builtin.Find(n); ok {
			return builtInPrefix + file, true
		}
	}
	return "", false
}

// builtInPrefix begins the locations of embedded documents.
const builtInPrefix = "builtin:"

// BuiltIn gives the name and text of an embedded document by its location.
func BuiltIn(location string) (name string, text []byte, ok bool) {
	name, ok = strings.CutPrefix(location, builtInPrefix)
	if !ok {
		return "", nil, false
	}
	text = builtin.Text(name)
	return name, text, text != nil
}

// recorder keeps the texts that a parse reads.
type recorder struct {
	imports.Source
	texts map[string][]byte
}

// Fetch reads through to the source.
func (r *recorder) Fetch(ctx context.Context, url, version string) (imports.Fetched, error) {
	f, err := r.Source.Fetch(ctx, url, version)
	if err == nil && f.Text != nil {
		r.texts[url] = f.Text
	}
	return f, err
}

// texts finds where tokens end. Lines are split when first asked for.
type texts struct {
	mu    sync.Mutex
	raw   map[string][]byte
	lines map[string][]string
}

func newTexts(raw map[string][]byte) *texts { return &texts{raw: raw, lines: map[string][]string{}} }

func (t *texts) add(location string, text []byte) { t.raw[location] = text }

func (t *texts) line(file string, n int) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines, ok := t.lines[file]
	if !ok {
		raw := t.raw[file]
		if raw == nil {
			_, raw, _ = BuiltIn(file)
		}
		lines = strings.Split(string(raw), "\n")
		t.lines[file] = lines
	}
	if n < 1 || n > len(lines) {
		return ""
	}
	return strings.TrimSuffix(lines[n-1], "\r")
}

// token gives the range of a scalar: of the text between quotes when it is quoted.
func (t *texts) token(n *yamltree.Node) diag.Range {
	start := diag.Pos{Line: n.Line, Column: n.Col + 1}
	s := n.Text()
	end := diag.Pos{Line: n.Line, Column: start.Column + len(s)}
	line := []rune(t.line(n.FileName(), n.Line))
	if n.Col < 0 || n.Col >= len(line) {
		return diag.Range{Start: start, End: end}
	}
	from := n.Col
	switch c := line[from]; c {
	case '"', '\'':
		start.Column++
		to := from + 1
		for to < len(line) && line[to] != c {
			to++
		}
		end.Column = to + 1
		return diag.Range{Start: start, End: end}
	}
	// Names of imports carry a namespace that is not written.
	for cut := s; ; {
		if strings.HasPrefix(string(line[from:]), cut) {
			end.Column = start.Column + len([]rune(cut))
			break
		}
		i := strings.Index(cut, imports.Delimiter)
		if i < 0 {
			break
		}
		cut = cut[i+len(imports.Delimiter):]
	}
	return diag.Range{Start: start, End: end}
}
