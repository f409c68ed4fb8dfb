package imports

import (
	"fmt"
	"strings"

	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/value"
	"github.com/reifyhq/reify/internal/dsl/yamltree"
)

// entries reads the import list of a file, section 5.1. Duplicates are only
// refused in the main file.
func (r *run) entries(root *yamltree.Node, place yamltree.Place, main bool) ([]entry, *diag.Error) {
	list := place.Value
	if list.IsNull() {
		return nil, nil
	}
	if !list.IsList() {
		return nil, place.Locate(WrongType("list", list))
	}
	var out []entry
	seen := map[string]bool{}
	for i, x := range list.Items {
		en, e := r.entry(x, place.Index(i, x))
		if e != nil {
			return nil, e
		}
		if key := value.Repr(x.Value()); main && seen[key] {
			e := diag.Coded(diag.Format, 2, "Duplicate imports")
			e.Diag = &diag.D{Summary: "Import listed twice", Detail: fmt.Sprintf("%q is imported more than once by this file.", en.written),
				Fix: "Remove one of the two lines.", Path: place.Path, File: x.FileName(),
				Range: diag.Range{Start: diag.Pos{Line: x.Line, Column: x.Col + 1}}}
			return nil, place.Locate(e)
		} else {
			seen[key] = true
		}
		en.at = x
		out = append(out, en)
	}
	for i := range out {
		if e := out[i].split(); e != nil {
			return nil, r.place.Locate(e)
		}
	}
	return out, nil
}

func (r *run) entry(x *yamltree.Node, place yamltree.Place) (entry, *diag.Error) {
	if s, ok := x.Str(); ok {
		return entry{written: s}, nil
	}
	if !x.IsMap() {
		return entry{}, place.Locate(WrongType("['string', 'dict']", x))
	}
	if len(x.Pairs) != 1 {
		return entry{}, place.Locate(diag.Coded(diag.Format, 220, "Import entry should be either string or a single-entry dictionary"))
	}
	p := x.Pairs[0]
	name, ok := p.Key.Str()
	if !ok {
		return entry{}, place.Locate(WrongType("string", p.Key))
	}
	inner := place.Entry(p)
	if p.Value.IsNull() {
		return entry{written: name}, nil
	}
	if !p.Value.IsMap() {
		return entry{}, inner.Locate(WrongType("dict", p.Value))
	}
	for _, q := range p.Value.Pairs {
		pl := inner.Entry(q)
		if !r.in.NoVersionCheck && !q.Value.IsNull() {
			if e := r.version.Gate(q.Key.Text(), 5); e != nil {
				return entry{}, pl.Locate(e)
			}
		}
		if q.Value.IsMap() && !r.isFunction(q.Value) {
			return entry{}, pl.Locate(diag.Coded(diag.Format, 220,
				"Properties of imported node should either be strings, integers, floats, booleans, lists or intrinsic functions"))
		}
	}
	return entry{written: name, properties: p.Value}, nil
}

// split separates the namespace from the name.
func (en *entry) split() *diag.Error {
	i := strings.LastIndex(en.written, Delimiter)
	if i < 0 {
		en.name = en.written
		return nil
	}
	en.namespace, en.name = en.written[:i], en.written[i+len(Delimiter):]
	if strings.Contains(en.namespace, Delimiter) {
		return diag.Coded(diag.Logic, 212, fmt.Sprintf("Invalid %s: import's namespace cannotcontain namespace delimiter", en.namespace))
	}
	return nil
}
