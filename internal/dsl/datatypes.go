package dsl

import (
	"fmt"

	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/imports"
	"github.com/reifyhq/reify/internal/dsl/value"
)

// dataType is a parsed data type with everything it inherits.
type dataType struct {
	properties  schema
	description any
	parent      string
	version     any
}

// parseDataTypes reads the data types, each after those it needs, section 8.4.
func (p *parser) parseDataTypes() {
	p.dataTypes = &value.Ordered[*dataType]{}
	p.dataBusy = map[string]bool{}
	at, pairs := p.dictSection("data_types")
	for _, q := range backwards(pairs) {
		p.dataType(q.Key.Text())
	}
	p.gate(at, "data_types", 2)
}

// typeSchema gives the properties of a data type.
func (p *parser) typeSchema(name string) (schema, bool) {
	t := p.dataType(name)
	if t == nil {
		return nil, false
	}
	return t.properties, true
}

// dataType gives a data type, parsing it when that is due; nil when there is
// none or it is being parsed.
func (p *parser) dataType(name string) *dataType {
	if t, ok := p.dataTypes.Get(name); ok {
		return t
	}
	types := p.root.Get("data_types")
	if !types.IsMap() || types.Find(name) < 0 {
		return nil
	}
	if p.dataBusy[name] {
		return nil
	}
	p.dataBusy[name] = true
	at := p.section("data_types").Key(types, name)
	t := &dataType{properties: &value.Ordered[*property]{}}
	if imports.Primitive[name] {
		p.fail(at, diag.Coded(diag.Logic, 104, fmt.Sprintf("Can't redefine primitive type %s", name)))
	}
	p.dataTypeBody(at, name, t)
	p.dataTypes.Set(name, t)
	return t
}

func (p *parser) dataTypeBody(at place, name string, t *dataType) {
	n := p.dict(at)
	if n == nil {
		return
	}
	p.known(at, "properties", "description", "derived_from", "version")
	if f := at.Key(n, "derived_from"); p.typed(f, tString) && !f.Value.IsNull() {
		t.parent = f.Value.Text()
		if p.root.Get("data_types").Find(t.parent) < 0 {
			p.fail(f, missingParent("data type", t.parent, name, p.root.Get("data_types")))
			t.parent = ""
		}
	}
	for _, k := range []string{"description", "version"} {
		if f := at.Key(n, k); p.typed(f, tString) && !f.Value.IsNull() {
			if k == "version" {
				t.version = f.Value.Value()
			} else {
				t.description = f.Value.Value()
			}
		}
	}
	t.properties = p.parseSchema(at.Key(n, "properties"), name, propertySchema)
	if t.parent != "" {
		if parent := p.dataType(t.parent); parent != nil {
			t.properties = p.mergeSchemas(parent.properties, t.properties)
		}
	}
}

func missingParent(kind, parent, child string, all *node) *diag.Error {
	e := diag.Coded(diag.Logic, 103, fmt.Sprintf("Missing definition for %s '%s' which is declared as derived by %s '%s'", kind, parent, kind, child))
	var names []string
	for _, q := range pairsOf(all) {
		names = append(names, q.Key.Text())
	}
	e.Diag = &diag.D{Code: "unknown-type", Summary: "Unknown parent type",
		Detail: fmt.Sprintf("%q is derived from %q, which is not defined.", child, parent), Fix: diag.DidYouMean(parent, names)}
	return e
}

// dataLoops records a loop of data types.
func (p *parser) dataLoops() {
	types := p.root.Get("data_types")
	next := func(t string) []string {
		n := types.Get(t)
		if !n.IsMap() {
			return nil
		}
		var out []string
		if d := n.Get("derived_from").Text(); d != "" {
			out = append(out, d)
		}
		for _, q := range pairsOf(n.Get("properties")) {
			if q.Value.IsMap() && q.Value.Get("type").Text() != "" {
				out = append(out, q.Value.Get("type").Text())
			}
		}
		return out
	}
	if loop := anyLoop(types, next); loop != nil {
		p.circular(p.dataLoop(loop, types), types)
	}
}

// dataLoop names the elements of a loop of data types as the reference does:
// through the property, its default and its type.
func (p *parser) dataLoop(loop []string, types *node) []string {
	var out []string
	for i, t := range loop {
		to := loop[(i+1)%len(loop)]
		n := types.Get(t)
		via := ""
		for _, q := range pairsOf(n.Get("properties")) {
			if q.Value.Get("type").Text() == to {
				via = q.Key.Text()
			}
		}
		if via == "" || n.Get("derived_from").Text() == to {
			return loop
		}
		out = append(out, "properties", via, "default", "type", to)
	}
	return out
}

// circular records a circular dependency once for all its members.
func (p *parser) circular(loop []string, in *node) {
	for _, e := range p.errs {
		if e.Code == 100 && e.Class == diag.Logic {
			return
		}
	}
	names := ""
	for _, n := range loop {
		names += n + " --> "
	}
	names += loop[0]
	e := diag.Coded(diag.Logic, 100, "Parsing failed. Circular dependency detected: "+names)
	e.Diag = &diag.D{Summary: "Circular dependency", Detail: "These elements need each other: " + names + ".",
		Fix: "Remove one of the references."}
	if k, _ := in.Entry(loop[0]); k != nil {
		e.Diag.File = k.FileName()
		e.Diag.Range.Start = diag.Pos{Line: k.Line, Column: k.Col + 1}
	}
	p.errs = append(p.errs, e)
}

// findLoop gives a path from a name back to itself, nil when there is none.
func findLoop(name string, next func(string) []string) []string {
	seen := map[string]bool{}
	var walk func(at string, path []string) []string
	walk = func(at string, path []string) []string {
		for _, n := range next(at) {
			if n == name {
				return append(path, at)
			}
			if seen[n] {
				continue
			}
			seen[n] = true
			if loop := walk(n, append(path[:len(path):len(path)], at)); loop != nil {
				return loop
			}
		}
		return nil
	}
	return walk(name, nil)
}

func (p *parser) dataTypesValue() *value.Map {
	m := value.NewMap()
	for _, q := range pairsOf(p.root.Get("data_types")) {
		t, ok := p.dataTypes.Get(q.Key.Text())
		if !ok {
			continue
		}
		v := value.MapOf("properties", schemaValue(t.properties), "description", t.description, "derived_from", nil, "version", t.version)
		if t.parent != "" {
			v.Set("derived_from", t.parent)
		}
		m.Set(q.Key.Text(), v)
	}
	return m
}
