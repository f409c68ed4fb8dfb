package dsl

import (
	"fmt"

	"github.com/reifyhq/reify/internal/dsl/constraint"
	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/fn"
	"github.com/reifyhq/reify/internal/dsl/imports"
	"github.com/reifyhq/reify/internal/dsl/value"
)

// inputSchema is a declared input, section 8.2.
type inputSchema struct {
	property
	itemType    string
	constraints []constraint.Constraint
	place       place
}

var inputKeys = []string{"type", "default", "description", "required", "constraints", "item_type", "display_label", "hidden", "display"}

func (p *parser) parseInputs() {
	p.inputs = &value.Ordered[*inputSchema]{}
	at, pairs := p.dictSection("inputs")
	for _, q := range backwards(pairs) {
		p.inputs.Set(q.Key.Text(), p.parseInput(at.Entry(q), q.Key.Text()))
	}
	p.inputs.Reverse()
}

func (p *parser) parseInput(at place, name string) *inputSchema {
	in := &inputSchema{property: property{required: true, fields: value.NewMap(), at: at.At}, place: at}
	n := p.dict(at)
	if n == nil {
		return in
	}
	p.known(at, inputKeys...)
	if f := at.Key(n, "type"); !f.Value.IsNull() {
		p.propertyType(f, &in.property)
	}
	p.inputDisplay(at, name, in)
	p.simple(at, "hidden", tBool, 3, in.fields)
	p.simple(at, "display_label", tString, 3, in.fields)
	p.itemType(at, &in.property, &in.itemType, "item_type defined for unsupported type")
	p.inputConstraints(at, name, in)
	p.propertyRequired(at, &in.property)
	p.simple(at, "description", tString, 0, in.fields)
	p.inputDefault(at, name, in)
	in.keepNulls(n, inputKeys)
	hidden, _ := in.fields.At("hidden").(bool)
	if hidden && in.required && n.Find("default") < 0 {
		p.fail(at, diag.Coded(diag.Logic, 215, fmt.Sprintf("Input '%s' is hidden, has no default value and is required; please define a default", name)))
	}
	return in
}

// simple reads a field that is only checked for its type and version.
func (p *parser) simple(at place, key string, t leafType, minor int, into *value.Map) {
	f := at.Key(at.Value, key)
	if f.Value.IsNull() || !p.typed(f, t) {
		return
	}
	if minor > 0 {
		p.gate(f, key, minor)
	}
	into.Set(key, f.Value.Value())
}

func (p *parser) inputDisplay(at place, name string, in *inputSchema) {
	f := at.Key(at.Value, "display")
	n := p.dict(f)
	if n == nil {
		return
	}
	p.known(f, "rows")
	p.typed(f.Key(n, "rows"), tInt)
	if in.typ != "textarea" {
		t := in.typ
		if t == "" {
			t = "None"
		}
		e := diag.Coded(diag.InputType, 216, fmt.Sprintf("`display` property defined for unsupported input type (%s) for input `%s`.", t, name))
		e.Diag = &diag.D{Summary: "Display of another type", Detail: fmt.Sprintf("Only inputs of type textarea have a display; %q is of type %s.", name, t)}
		p.fail(f, e)
		return
	}
	in.fields.Set("display", n.Value())
}

func (p *parser) itemType(at place, pr *property, into *string, _ string) {
	f := at.Key(at.Value, "item_type")
	if f.Value.IsNull() || !p.typed(f, tString) {
		return
	}
	t := f.Value.Text()
	switch {
	case !imports.Primitive[t]:
		e := diag.Coded(diag.Logic, 217, fmt.Sprintf("Illegal item_type '%s'", t))
		e.Diag = &diag.D{Summary: "Unknown item type", Detail: fmt.Sprintf("%q is no built-in type; items of lists must be of one.", t),
			Fix: diag.DidYouMean(t, p.typeNames())}
		p.fail(f, e)
		return
	case pr.typ != "list":
		typ := pr.typ
		if typ == "" {
			typ = "None"
		}
		e := diag.Coded(diag.Logic, 218, fmt.Sprintf("Property item_type defined for unsupported type: '%s'", typ))
		e.Diag = &diag.D{Summary: "Item type without a list", Detail: fmt.Sprintf("item_type is for inputs of type list; this one is of type %s.", typ)}
		p.fail(f, e)
		return
	}
	*into = t
	pr.fields.Set("item_type", t)
	p.gate(f, "item_type", 4)
	p.gateType(f, t)
}

func (p *parser) inputConstraints(at place, name string, in *inputSchema) {
	f := at.Key(at.Value, "constraints")
	list := p.list(f)
	if list == nil {
		return
	}
	for i, x := range backwards(list) {
		item := f.Index(i, x)
		if p.dict(item) == nil {
			continue
		}
		m := x.Value().(*value.Map)
		if e := p.constraintForm(m, "it's"); e != nil {
			p.fail(item, e)
			continue
		}
		c, e := constraint.Parse(m, name)
		if e != nil {
			p.fail(item, e)
			continue
		}
		in.constraints = append([]constraint.Constraint{c}, in.constraints...)
	}
	in.fields.Set("constraints", f.Value.Value())
}

// constraintForm checks the number of keys of a constraint.
func (p *parser) constraintForm(m *value.Map, its string) *diag.Error {
	if m.Len() > 1 && !p.in.NoVersionCheck && !p.version.AtLeast(1, 5) {
		return diag.Coded(diag.Logic, 102, fmt.Sprintf(
			"Constraint's additional attributes are not supported in version %s, they were added in cloudify_dsl_1_5", p.version.Raw))
	}
	if m.Len() == 0 || m.Len() > 2 || m.Len() == 2 && p.in.NoVersionCheck {
		e := diag.Coded(diag.Logic, 103, fmt.Sprintf("Each constraint operator dict must be in %s own list item.", its))
		e.Diag = &diag.D{Code: "constraint-form", Summary: "Constraint of a wrong form",
			Detail: "Every constraint is a list item of its own with one operator and, if wanted, an error_message."}
		return e
	}
	return nil
}

func (p *parser) inputDefault(at place, name string, in *inputSchema) {
	f := at.Key(at.Value, "default")
	if f.Value.IsNull() {
		in.hasDefault = f.At != nil
		return
	}
	c := &checker{types: p.typeSchema, owner: name, subject: fmt.Sprintf("Input %q", name),
		undefined: "Undefined property %s in default value of input " + name + ".",
		missing:   "Value of input " + name + " is missing property %s."}
	v, e := c.check(f.Value.Value(), in.typ, nil, nil)
	if e != nil {
		p.fail(f, e)
		return
	}
	in.def, in.hasDefault = v, true
}

func (p *parser) inputsValue() *value.Map {
	m := value.NewMap()
	for k, in := range p.inputs.All() {
		m.Set(k, in.value())
	}
	return m
}

// checkInputDefaults tests defaults against constraints, after all elements.
func (p *parser) checkInputDefaults() {
	for name, in := range p.inputs.All() {
		if in.def == nil {
			continue
		}
		err := constraint.Validate(p.ctx, constraint.Input{Name: name, Type: in.typ, ItemType: in.itemType,
			Constraints: in.constraints, CheckItem: itemChecker(name, in.itemType, p.typeSchema)}, in.def, nil)
		in.dropMessages()
		if err == nil {
			continue
		}
		e := asError(err)
		f := in.place.Key(in.place.Value, "default")
		at := place{At: f.At, Path: f.Path, Value: f.Value}
		e.Placed = true
		e = at.Locate(e)
		p.errs = append(p.errs, e)
	}
}

// dropMessages takes the error messages out of the constraints.
// Compat: the reference loses them when it has checked a default.
func (in *inputSchema) dropMessages() {
	list, _ := in.fields.At("constraints").([]any)
	for _, x := range list {
		if m, ok := x.(*value.Map); ok && m.Len() > 1 {
			m.Delete(constraint.ErrorMessage)
		}
	}
}

// itemChecker tests items of a list against the item type.
func itemChecker(name, typ string, types func(string) (schema, bool)) func(any) *diag.Error {
	if typ == "" {
		return nil
	}
	return func(v any) *diag.Error {
		c := &checker{types: types, owner: name}
		_, e := c.check(v, typ, nil, nil)
		return e
	}
}

// asError gives the error of a package below as what it is.
func asError(err error) *diag.Error {
	if e, ok := err.(*diag.Error); ok {
		return e
	}
	return diag.New(diag.RuntimeError, err.Error())
}

// parameterDefault checks the default of a workflow parameter; one of a data
// type gets no default of its own.
func (p *parser) parameterDefault(at place, pr *property) {
	f := at.Key(at.Value, "default")
	if f.Value.IsNull() {
		pr.hasDefault = f.At != nil
		return
	}
	name := lastName(at.Path)
	c := &checker{types: p.typeSchema, owner: name, subject: fmt.Sprintf("Parameter %q", name),
		undefined: "Undefined property %s in default value of parameter " + name + ".",
		missing:   "Value of parameter " + name + " is missing property %s."}
	v, e := c.check(f.Value.Value(), pr.typ, nil, nil)
	if e != nil {
		p.fail(f, e)
		return
	}
	pr.def, pr.hasDefault = v, true
}

// parameterFields reads the fields that only workflow parameters have.
func (p *parser) parameterFields(at place, pr *property) {
	if f := at.Key(at.Value, "constraints"); !f.Value.IsNull() {
		for i, x := range backwards(p.list(f)) {
			p.parameterConstraint(f.Index(i, x), lastName(at.Path))
		}
		pr.fields.Set("constraints", f.Value.Value())
	}
	f := at.Key(at.Value, "item_type")
	if f.Value.IsNull() || !p.typed(f, tString) {
		return
	}
	pr.fields.Set("item_type", f.Value.Value())
	p.gate(f, "item_type", 4)
}

func (p *parser) parameterConstraint(item place, name string) {
	if p.dict(item) == nil {
		return
	}
	m := item.Value.Value().(*value.Map)
	if m.Len() != 1 {
		p.fail(item, diag.Coded(diag.Logic, 103, "Each constraint operator dict must be in its own list item."))
		return
	}
	if _, e := constraint.Parse(m, name); e != nil {
		p.fail(item, e)
	}
}

// functionOf tells whether a free value is a function.
func functionOf(v any) bool { return fn.IsFunction(v) }
