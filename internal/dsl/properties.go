package dsl

import (
	"fmt"
	"strings"

	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/fn"
	"github.com/reifyhq/reify/internal/dsl/imports"
	"github.com/reifyhq/reify/internal/dsl/pattern"
	"github.com/reifyhq/reify/internal/dsl/value"
)

// property is one declared property, input or parameter: only the fields that
// were given are in the free value.
type property struct {
	typ        string
	required   bool
	def        any
	hasDefault bool
	// raw is the default as written, before it was completed.
	raw    any
	fields *value.Map
	at     *node
}

// schema is a set of declared properties in order.
type schema = *value.Ordered[*property]

// value gives the schema as it stands in the plan.
func schemaValue(s schema) *value.Map {
	m := value.NewMap()
	for k, p := range s.All() {
		m.Set(k, p.value())
	}
	return m
}

func (pr *property) value() *value.Map {
	m := pr.fields.Clone()
	if pr.hasDefault {
		m.Set("default", pr.def)
	} else {
		m.Delete("default")
	}
	return m
}

// defaults gives the default values of a schema.
func defaults(s schema) *value.Map {
	m := value.NewMap()
	for k, p := range s.All() {
		if p.hasDefault {
			m.Set(k, p.def)
		}
	}
	return m
}

// schemaKind tells where a schema stands: it decides the keys that its
// properties may have.
type schemaKind int

const (
	propertySchema schemaKind = iota
	parameterSchema
)

var schemaKeys = map[schemaKind][]string{
	propertySchema:  {"required", "default", "description", "type"},
	parameterSchema: {"required", "default", "description", "type", "item_type", "constraints"},
}

// parseSchema reads a schema of properties, section 8.1. owner is the name
// that messages give to the type.
func (p *parser) parseSchema(at place, owner string, kind schemaKind) schema {
	out := &value.Ordered[*property]{}
	n := p.dict(at)
	for _, q := range backwards(pairsOf(n)) {
		out.Set(q.Key.Text(), p.parseProperty(at.Entry(q), owner, kind))
	}
	out.Reverse()
	return out
}

func (p *parser) parseProperty(at place, owner string, kind schemaKind) *property {
	pr := &property{required: true, fields: value.NewMap(), at: at.At}
	n := p.dict(at)
	if n == nil {
		return pr
	}
	p.known(at, schemaKeys[kind]...)
	if kind == parameterSchema {
		p.parameterFields(at, pr)
	}
	if f := at.Key(n, "type"); !f.Value.IsNull() {
		p.propertyType(f, pr)
	}
	if f := at.Key(n, "description"); p.typed(f, tString) && !f.Value.IsNull() {
		pr.fields.Set("description", f.Value.Value())
	}
	if kind == parameterSchema {
		p.parameterDefault(at, pr)
	} else {
		p.propertyDefault(at, pr, owner)
	}
	p.propertyRequired(at, pr)
	pr.keepNulls(n, schemaKeys[kind])
	return pr
}

// keepNulls keeps the fields that were given as null.
func (pr *property) keepNulls(n *node, keys []string) {
	for _, q := range n.Pairs {
		k := q.Key.Text()
		if q.Value.IsNull() && k != "default" && contains(keys, k) && !pr.fields.Has(k) {
			pr.fields.Set(k, nil)
		}
	}
}

func (p *parser) propertyRequired(at place, pr *property) {
	f := at.Key(at.Value, "required")
	if f.Value.IsNull() || !p.typed(f, tBool) {
		return
	}
	p.gate(f, "required", 2)
	pr.required, _ = f.Value.Scalar.(bool)
	pr.fields.Set("required", pr.required)
}

func (p *parser) propertyType(at place, pr *property) {
	if !p.typed(at, tString) {
		return
	}
	t := at.Value.Text()
	if !p.knownType(t) {
		p.fail(at, unknownType(t, p.typeNames()))
		return
	}
	pr.typ = t
	pr.fields.Set("type", t)
	p.gateType(at, t)
}

func unknownType(t string, names []string) *diag.Error {
	e := diag.Coded(diag.Logic, 103, fmt.Sprintf("Illegal type name '%s'", t))
	e.Diag = &diag.D{Code: "unknown-data-type", Summary: "Unknown data type",
		Detail: fmt.Sprintf("%q is neither a built-in type nor defined under data_types.", t), Fix: diag.DidYouMean(t, names)}
	return e
}

var typeGates = map[string]int{"blueprint_id": 4, "deployment_id": 4, "capability_value": 4, "scaling_group": 4, "node_id": 4,
	"node_type": 4, "node_instance": 4, "secret_key": 4, "operation_name": 5}

func (p *parser) gateType(at place, t string) {
	if minor, ok := typeGates[t]; ok {
		p.gate(at, fmt.Sprintf("type '%s'", t), minor)
	}
}

func (p *parser) knownType(t string) bool {
	return imports.Primitive[t] || p.root.Get("data_types").Get(t) != nil || p.root.Get("data_types").Find(t) >= 0
}

func (p *parser) typeNames() []string {
	var out []string
	for t := range imports.Primitive {
		out = append(out, t)
	}
	for _, q := range pairsOf(p.root.Get("data_types")) {
		out = append(out, q.Key.Text())
	}
	return out
}

// propertyDefault checks the default against the type and completes it with
// the defaults of data types.
func (p *parser) propertyDefault(at place, pr *property, owner string) {
	f := at.Key(at.Value, "default")
	if f.Value.IsNull() && (pr.typ == "" || imports.Primitive[pr.typ]) {
		pr.hasDefault = f.At != nil
		return
	}
	name := lastName(at.Path)
	given := f.Value.Value()
	if given == nil {
		given = value.NewMap()
	}
	pr.raw = given
	c := &checker{types: p.typeSchema, owner: owner,
		undefined: "Undefined property %s in default value of type " + owner}
	v, e := c.check(given, pr.typ, []string{name}, nil)
	if e != nil {
		f.Path = at.Path + ".default"
		p.fail(f, e)
		return
	}
	pr.def, pr.hasDefault = v, true
}

func lastName(path string) string {
	return path[strings.LastIndexByte(path, '.')+1:]
}

// checker completes values with defaults and checks them against types,
// section 8.1. undefined and missing are messages with one %s for the path of
// the property; an empty missing lets properties be absent.
type checker struct {
	types     func(name string) (schema, bool)
	owner     string
	undefined string
	missing   string
	// what the diagnostics call the thing that is checked
	subject string
}

// check gives the completed value of a type. base is the default that a given
// mapping is laid over.
func (c *checker) check(v any, typ string, path []string, base any) (any, *diag.Error) {
	if typ == "" || fn.IsFunction(v) {
		return v, nil
	}
	ok := true
	switch typ {
	case "integer":
		ok = value.IsInt(v)
	case "float":
		ok = value.IsNumber(v)
	case "boolean":
		_, ok = v.(bool)
	case "list":
		_, ok = v.([]any)
	case "dict":
		_, ok = v.(*value.Map)
	case "regex":
		ok = validRegex(v)
	default:
		if imports.Primitive[typ] {
			return v, nil
		}
		s, known := c.types(typ)
		if !known {
			return v, nil
		}
		m, isMap := v.(*value.Map)
		if isMap {
			return c.merge(m, s, path, base)
		}
		ok = false
	}
	if ok {
		return v, nil
	}
	return nil, c.mismatch(v, typ, path)
}

func validRegex(v any) bool {
	s, ok := v.(string)
	if !ok {
		return false
	}
	_, err := pattern.Compile(s)
	return err == nil
}

func (c *checker) mismatch(v any, typ string, path []string) *diag.Error {
	what := "the defined type is"
	if len(path) > 0 {
		what = fmt.Sprintf("property '%s' type is", strings.Join(path, "."))
	}
	e := diag.Coded(diag.Logic, 105, fmt.Sprintf("Property type validation failed in '%s': %s '%s', yet it was assigned with the value '%s'",
		c.owner, what, typ, value.Text(v)))
	name := strings.Join(path, ".")
	if name == "" {
		name = c.owner
	}
	e.Diag = &diag.D{Summary: "Value of a wrong type", Path: strings.Join(path, "."),
		Detail: fmt.Sprintf("%q must be of type %s, but the value %s is of type %s.", name, typ, clip(value.Repr(v)), typeWord(v)),
		Fix:    typeFix(typ, v)}
	return e
}

func typeWord(v any) string {
	switch value.TypeName(v) {
	case "str":
		return "string"
	case "int":
		return "integer"
	case "bool":
		return "boolean"
	case "NoneType":
		return "null"
	}
	return value.TypeName(v)
}

func typeFix(typ string, v any) string {
	if m, ok := v.(*value.Map); ok && m.Len() == 1 {
		if f := diag.DidYouMean(m.Keys()[0], fn.Names()); f != "" {
			return f
		}
	}
	if s, ok := v.(string); ok && (typ == "integer" || typ == "float" || typ == "boolean") {
		return fmt.Sprintf("Write the value without quotes if it is meant as %s: %s.", article(typ), clip(s))
	}
	return fmt.Sprintf("Give %s.", article(typ))
}

func article(typ string) string {
	if strings.ContainsRune("aeiou", rune(typ[0])) {
		return "an " + typ
	}
	return "a " + typ
}

const clipLength = 60

func clip(s string) string {
	if len(s) > clipLength {
		return s[:clipLength] + "…"
	}
	return s
}

// merge lays a mapping over the defaults of a schema and checks every value.
func (c *checker) merge(m *value.Map, s schema, path []string, base any) (*value.Map, *diag.Error) {
	for k := range m.All() {
		if !s.Has(k) {
			return nil, c.unknown(k, s, path)
		}
	}
	laid := defaults(s)
	if b, ok := base.(*value.Map); ok && !fn.IsFunction(b) {
		for k, v := range b.All() {
			laid.Set(k, v)
		}
	}
	out := value.NewMap()
	for k, pr := range s.All() {
		v, ok := m.Get(k)
		def, hasDef := laid.Get(k)
		if !ok {
			v, ok = def, hasDef
		}
		if !ok {
			if pr.required && c.missing != "" {
				return nil, c.absent(k, pr, path)
			}
			continue
		}
		v, e := c.check(v, pr.typ, append(path[:len(path):len(path)], k), def)
		if e != nil {
			return nil, e
		}
		out.Set(k, v)
	}
	return out, nil
}

func (c *checker) unknown(key string, s schema, path []string) *diag.Error {
	full := strings.Join(append(path[:len(path):len(path)], key), ".")
	e := diag.Coded(diag.Logic, 106, fmt.Sprintf(c.undefined, full))
	e.Diag = &diag.D{Summary: "Unknown property", Path: full,
		Detail: fmt.Sprintf("%s has no property %q; it has %s.", c.about(), full, diag.Names(s.Keys())),
		Fix:    diag.DidYouMean(key, s.Keys())}
	return e
}

func (c *checker) absent(key string, pr *property, path []string) *diag.Error {
	full := strings.Join(append(path[:len(path):len(path)], key), ".")
	e := diag.Coded(diag.Logic, 107, fmt.Sprintf(c.missing, full))
	e.Diag = &diag.D{Summary: "Missing property", Path: full,
		Detail: fmt.Sprintf("%s requires a value for %q, which has no default.", c.about(), full),
		Fix:    fmt.Sprintf("Add %q to the properties.", full)}
	if pr.at != nil && pr.at.Line > 0 {
		e.Diag.Related = []diag.Related{{Message: "declared here", File: pr.at.FileName(),
			Range: diag.Range{Start: diag.Pos{Line: pr.at.Line, Column: pr.at.Col + 1}}}}
	}
	return e
}

func (c *checker) about() string {
	if c.subject != "" {
		return c.subject
	}
	return fmt.Sprintf("%q", c.owner)
}

// mergeSchemas lays the properties of a type over those it inherits. Spec
// section 8.4: a property of the same data type merges the defaults.
func (p *parser) mergeSchemas(parent, child schema) schema {
	out := child.Clone()
	for k, inherited := range parent.All() {
		own, ok := child.Get(k)
		if !ok {
			out.Set(k, inherited)
			continue
		}
		if own.typ != inherited.typ || own.typ == "" || imports.Primitive[own.typ] || !inherited.hasDefault {
			continue
		}
		if _, ok := own.raw.(*value.Map); !ok || fn.IsFunction(own.raw) || fn.IsFunction(inherited.def) {
			continue
		}
		c := &checker{types: p.typeSchema, owner: k, undefined: "Undefined property %s"}
		v, e := c.check(own.raw, own.typ, []string{k}, inherited.def)
		if e != nil {
			continue
		}
		merged := *own
		merged.def, merged.hasDefault = v, true
		out.Set(k, &merged)
	}
	return out
}
