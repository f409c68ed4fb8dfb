package dsl

import (
	"fmt"

	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/value"
)

// parseOutputs reads outputs or capabilities, section 8.12.
func (p *parser) parseOutputs(section string) *value.Map {
	out := value.NewMap()
	at, pairs := p.dictSection(section)
	for _, q := range backwards(pairs) {
		f := at.Entry(q)
		n := p.dict(f)
		v := value.NewMap()
		if n != nil {
			p.known(f, "description", "value")
		}
		val := f.Key(n, "value")
		if val.At == nil {
			val.Path = f.Path + ".value"
		}
		if p.required(val, "value") {
			v.Set("value", val.Value.Value())
		}
		if d := f.Key(n, "description"); p.typed(d, tString) && !d.Value.IsNull() {
			v.Set("description", d.Value.Value())
		}
		out.Set(q.Key.Text(), v)
	}
	out.Reverse()
	return out
}

// labelValues reads the values of one label.
func (p *parser) labelValues(at place) []*node {
	n := p.dict(at)
	if n != nil {
		p.known(at, "values")
	}
	f := at.Key(n, "values")
	if f.At == nil {
		f.Path = at.Path + ".values"
	}
	if !p.required(f, "values") {
		return nil
	}
	return p.list(f)
}

// parseLabels reads the labels that deployments get, section 8.13.
func (p *parser) parseLabels() *value.Map {
	out := value.NewMap()
	at, pairs := p.dictSection("labels")
	for _, q := range backwards(pairs) {
		f := at.Entry(q)
		vals := []any{}
		for _, x := range p.labelValues(f) {
			v := x.Value()
			switch {
			case usesFunction(v, "get_attribute"):
				e := diag.Coded(diag.Base, 1, fmt.Sprintf("The label's value cannot be a runtime property. Please remove the `get_attribute` function from the values of %s", q.Key.Text()))
				e.Diag = &diag.D{Summary: "Runtime property in a label", Detail: fmt.Sprintf("Label %q is set before there are runtime properties.", q.Key.Text())}
				p.fail(f, e)
			case !isString(v) && !functionOf(v):
				e := diag.Coded(diag.Base, 1, fmt.Sprintf("The label's value must be a string or an intrinsic function. Please modify the values of %s", q.Key.Text()))
				p.fail(f, e)
			}
			vals = append(vals, v)
		}
		out.Set(q.Key.Text(), value.MapOf("values", vals))
	}
	out.Reverse()
	return out
}

// parseBlueprintLabels reads the labels of the blueprint itself.
func (p *parser) parseBlueprintLabels() *value.Map {
	out := value.NewMap()
	at, pairs := p.dictSection("blueprint_labels")
	for _, q := range backwards(pairs) {
		f := at.Entry(q)
		vals := []any{}
		for _, x := range p.labelValues(f) {
			if _, ok := x.Str(); !ok {
				p.fail(f, diag.Coded(diag.Base, 1, fmt.Sprintf("The blueprint label's value must be a string. Please modify the values of %s", q.Key.Text())))
			}
			vals = append(vals, x.Value())
		}
		out.Set(q.Key.Text(), value.MapOf("values", vals))
	}
	out.Reverse()
	return out
}

// parseTags reads the resource tags.
func (p *parser) parseTags() *value.Map {
	out := value.NewMap()
	at := p.section("resource_tags")
	n := p.dict(at)
	if n == nil {
		return out
	}
	for _, q := range n.Pairs {
		out.Set(q.Key.Text(), q.Value.Value())
	}
	p.gate(at, "resource_tags", 3)
	return out
}

func isString(v any) bool { _, ok := v.(string); return ok }

// usesFunction tells whether a value holds a function of a name anywhere.
func usesFunction(v any, name string) bool {
	switch t := v.(type) {
	case *value.Map:
		for k, x := range t.All() {
			if k == name || usesFunction(x, name) {
				return true
			}
		}
	case []any:
		for _, x := range t {
			if usesFunction(x, name) {
				return true
			}
		}
	}
	return false
}
