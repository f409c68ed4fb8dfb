package lsp

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/imports"
	"github.com/reifyhq/reify/internal/dsl/index"
)

// fresh makes the view of a document be that of its text: positions of an older text would lead astray.
func (s *Server) fresh(ctx context.Context, d *document) {
	if d.last.indexed == d.text {
		return
	}
	j := s.job(d, s.overlay())
	j.viewOnly = true
	a := j.guarded(ctx)
	if a.index != nil {
		d.last.index, d.last.indexed, d.last.isExact = a.index, a.indexed, a.isExact
	}
}

// views gives the indexes that show a document: those of blueprints that import it, then its own.
func (s *Server) views(ctx context.Context, d *document) []view {
	s.fresh(ctx, d)
	var out []view
	for _, o := range s.docs {
		if o != d && o.last.reads(d) {
			s.fresh(ctx, o)
			out = append(out, view{o, o.last.index})
		}
	}
	slices.SortFunc(out, func(a, b view) int { return strings.Compare(a.doc.uri, b.doc.uri) })
	if d.last.index != nil {
		out = append(out, view{d, d.last.index})
	}
	return out
}

type view struct {
	doc   *document
	index *index.Index
}

// target is what stands at a position: a definition or a reference, as one view sees it.
type target struct {
	view
	symbol *index.Symbol
	ref    *index.Ref
}

func (s *Server) target(ctx context.Context, d *document, p position) []target {
	var out []target
	at := d.text.toDiag(p)
	for _, v := range s.views(ctx, d) {
		for _, name := range d.names() {
			if symbol, ref := v.index.At(name, at); symbol != nil || ref != nil {
				out = append(out, target{v, symbol, ref})
			}
		}
	}
	return out
}

// name gives the kind and the full name of a target.
func (t target) name() (index.Kind, string) {
	if t.symbol != nil {
		return t.symbol.Kind, t.symbol.Name
	}
	return t.ref.Kind, t.ref.Name
}

// written gives the range of the name in the document.
func (t target) written() diag.Range {
	if t.symbol != nil {
		return t.symbol.Range
	}
	return t.ref.Range
}

func (s *Server) definition(ctx context.Context, d *document, p positionParams) (any, *rpcError) {
	for _, t := range s.target(ctx, d, p.Position) {
		if l, ok := s.definedAt(d, t); ok {
			return []location{l}, nil
		}
	}
	if l, ok := anchor(d, p.Position); ok {
		return []location{l}, nil
	}
	return []location{}, nil
}

func (s *Server) definedAt(d *document, t target) (location, bool) {
	if t.symbol != nil {
		return location{d.uri, d.text.span(t.symbol.Range)}, true
	}
	switch t.ref.Kind {
	case index.Script:
		return s.fileAt(t.doc, t.ref.Name)
	case index.Import:
		if file, ok := t.index.BuiltInImport(t.ref.Name); ok {
			uri, _ := s.place(d, file)
			return location{URI: uri}, uri != ""
		}
		return s.fileAt(t.doc, t.ref.Name)
	}
	file, at, ok := t.index.Definition(t.ref)
	if !ok {
		return location{}, false
	}
	uri, text := s.place(t.doc, file)
	if uri == "" {
		return location{}, false
	}
	return location{uri, text.span(at)}, true
}

// fileAt gives the place of a file below the directory of a document.
func (s *Server) fileAt(d *document, name string) (location, bool) {
	if d.path == "" || imports.IsURL(name) {
		return location{}, false
	}
	if i := strings.LastIndex(name, imports.Delimiter); i >= 0 {
		name = name[i+len(imports.Delimiter):]
	}
	p := path.Join(path.Dir(d.path), name)
	if !strings.HasPrefix(p, path.Dir(d.path)+"/") {
		return location{}, false
	}
	if info, err := os.Stat(filepath.FromSlash(p)); err != nil || info.IsDir() {
		return location{}, false
	}
	return location{URI: uriOf(p)}, true
}

var aliasName = regexp.MustCompile(`[*&][A-Za-z0-9_.-]+`)

// anchor finds the anchor of the alias at a position, by its text.
func anchor(d *document, p position) (location, bool) {
	line := d.text.line(p.Line)
	column := byteColumn(line, p.Character)
	for _, m := range aliasName.FindAllStringIndex(line, -1) {
		if line[m[0]] != '*' || column < m[0] || column > m[1] {
			continue
		}
		want := "&" + line[m[0]+1:m[1]]
		// The last anchor of that name before the alias is the one that counts.
		for n := p.Line; n >= 0; n-- {
			for _, a := range slices.Backward(aliasName.FindAllStringIndex(d.text.line(n), -1)) {
				if d.text.line(n)[a[0]:a[1]] == want {
					return location{d.uri, span{d.text.at(n, a[0]), d.text.at(n, a[1])}}, true
				}
			}
		}
	}
	return location{}, false
}

func (s *Server) references(ctx context.Context, d *document, p referenceParams) (any, *rpcError) {
	out := []location{}
	seen := map[location]bool{}
	add := func(v view, file string, r diag.Range) {
		if uri, t := s.place(v.doc, file); uri != "" && r.Start.Line > 0 {
			if l := (location{uri, t.span(r)}); !seen[l] {
				seen[l] = true
				out = append(out, l)
			}
		}
	}
	for _, t := range s.target(ctx, d, p.Position) {
		kind, name := t.name()
		if symbol := t.index.Find(kind, name); symbol != nil && p.Context.IncludeDeclaration {
			add(t.view, symbol.File, symbol.Range)
		}
		for _, r := range t.index.RefsTo(kind, name) {
			if t.ref == nil || t.ref.Owner == r.Owner {
				add(t.view, r.File, r.Range)
			}
		}
	}
	return out, nil
}

// renamable are the kinds of names that are only used inside of a blueprint.
var renamable = []index.Kind{index.Node, index.Input, index.Group}

// renameTarget gives what would be renamed, or why it cannot be.
func (s *Server) renameTarget(ctx context.Context, d *document, p position) ([]target, *rpcError) {
	found := s.target(ctx, d, p)
	if len(found) == 0 {
		return nil, refuse(codeRequestFailed, "nothing here can be renamed")
	}
	kind, name := found[0].name()
	if !slices.Contains(renamable, kind) {
		return nil, refuse(codeRequestFailed, "the %s %q cannot be renamed; nodes, inputs and groups can", kind, name)
	}
	for _, t := range found {
		kind, name = t.name()
		switch {
		case !t.doc.last.isExact || t.doc.last.indexed != t.doc.text:
			return nil, refuse(codeRequestFailed, "%s is not valid YAML at the moment; correct it before renaming", t.doc.uri)
		case t.index.Find(kind, name) == nil:
			return nil, refuse(codeRequestFailed, "nothing defines the %s %q", kind, name)
		}
	}
	return found, nil
}

func (s *Server) prepareRename(ctx context.Context, d *document, p positionParams) (any, *rpcError) {
	found, e := s.renameTarget(ctx, d, p.Position)
	if e != nil {
		return nil, e
	}
	r := d.text.span(found[0].written())
	_, name := found[0].name()
	if i := strings.LastIndex(name, imports.Delimiter); i >= 0 {
		name = name[i+len(imports.Delimiter):]
	}
	return map[string]any{"range": r, "placeholder": name}, nil
}

var newNameForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

func (s *Server) rename(ctx context.Context, d *document, p renameParams) (any, *rpcError) {
	if !newNameForm.MatchString(p.NewName) || strings.Contains(p.NewName, imports.Delimiter) {
		return nil, refuse(codeInvalidParams, "%q cannot be a name: letters, digits, _ . - can, beginning with a letter", p.NewName)
	}
	found, e := s.renameTarget(ctx, d, p.Position)
	if e != nil {
		return nil, e
	}
	changes := map[string][]textEdit{}
	seen := map[location]bool{}
	for _, t := range found {
		kind, name := t.name()
		full := p.NewName
		if i := strings.LastIndex(name, imports.Delimiter); i >= 0 {
			full = name[:i+len(imports.Delimiter)] + p.NewName
		}
		if taken(t.index, kind, full) && full != name {
			return nil, refuse(codeInvalidParams, "there is already a %s %q", kind, full)
		}
		symbol := t.index.Find(kind, name)
		places := []index.Ref{{File: symbol.File, Range: symbol.Range}}
		for _, r := range append(places, t.index.RefsTo(kind, name)...) {
			uri, text := s.place(t.doc, r.File)
			if _, _, isBuiltIn := index.BuiltIn(r.File); isBuiltIn || uri == "" {
				return nil, refuse(codeRequestFailed, "%q is also used in %s, which cannot be changed", name, r.File)
			}
			l := location{uri, text.span(r.Range)}
			if !seen[l] {
				seen[l] = true
				// A reference from outside is written with the namespace of the import, which stays.
				written := text.s[text.offset(l.Range.Start):text.offset(l.Range.End)]
				prefix := ""
				if i := strings.LastIndex(written, imports.Delimiter); i >= 0 {
					prefix = written[:i+len(imports.Delimiter)]
				}
				changes[uri] = append(changes[uri], textEdit{l.Range, prefix + p.NewName})
			}
		}
	}
	return workspaceEdit{changes}, nil
}

// taken tells whether a name is in use where a new one would clash: nodes and groups share theirs.
func taken(x *index.Index, k index.Kind, name string) bool {
	if k == index.Input {
		return x.Find(k, name) != nil
	}
	return x.Find(index.Node, name) != nil || x.Find(index.Group, name) != nil
}
