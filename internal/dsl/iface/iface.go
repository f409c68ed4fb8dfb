// Package iface merges interfaces and operations: a type's over those it
// inherits, a node template's or relationship's over its type's (dsl,
// section 9). It works on free values and never changes them.
package iface

import (
	"fmt"
	"strings"

	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/value"
)

// Op is an operation with all its fields. In a type, Inputs is an input
// schema; in a template it holds values.
type Op struct {
	Implementation     string
	Inputs             *value.Map
	Executor           any
	MaxRetries         any
	RetryInterval      any
	Timeout            any
	TimeoutRecoverable any
}

// Read takes an operation in either form: an implementation, or a mapping.
func Read(v any) Op {
	if s, ok := v.(string); ok {
		return Op{Implementation: s, Inputs: value.NewMap()}
	}
	m, _ := v.(*value.Map)
	o := Op{Executor: m.At("executor"), MaxRetries: m.At("max_retries"), RetryInterval: m.At("retry_interval"),
		Timeout: m.At("timeout"), TimeoutRecoverable: m.At("timeout_recoverable")}
	o.Implementation, _ = m.At("implementation").(string)
	if o.Inputs, _ = m.At("inputs").(*value.Map); o.Inputs == nil {
		o.Inputs = value.NewMap()
	}
	return o
}

// Value gives the operation in its raw form with all seven fields.
func (o Op) Value() *value.Map {
	in := o.Inputs
	if in == nil {
		in = value.NewMap()
	}
	return value.MapOf("implementation", o.Implementation, "inputs", in, "executor", o.Executor, "max_retries", o.MaxRetries,
		"retry_interval", o.RetryInterval, "timeout", o.Timeout, "timeout_recoverable", o.TimeoutRecoverable)
}

// NoOp tells whether the operation does nothing and says nothing.
func (o Op) NoOp() bool {
	return o.Implementation == "" && o.Inputs.Len() == 0 && o.Executor == nil && o.MaxRetries == nil &&
		o.RetryInterval == nil && o.Timeout == nil && o.TimeoutRecoverable == nil
}

// TypeOverType merges an operation of a type with the one it inherits: the
// type's own replaces it entirely.
func TypeOverType(child, parent *Op) Op {
	switch {
	case child == nil && parent == nil:
		return Op{}
	case child == nil:
		return *parent
	}
	return *child
}

// TemplateOverType merges an operation of a template with its type's.
func TemplateOverType(template, typ *Op) (Op, *diag.Error) {
	switch {
	case template == nil && typ == nil:
		return Op{}, nil
	case typ == nil:
		return *template, nil
	case template == nil:
		in, e := mergeInputs(typ.Inputs, nil)
		o := *typ
		o.Inputs = in
		return o, e
	case template.NoOp():
		return Op{Inputs: value.NewMap()}, nil
	case typ.NoOp():
		return *template, nil
	case template.Implementation != "" && template.Implementation != typ.Implementation:
		return *template, nil
	}
	in, e := mergeInputs(typ.Inputs, template.Inputs)
	return Op{Implementation: typ.Implementation, Inputs: in, Executor: either(template.Executor, typ.Executor),
		MaxRetries: either(template.MaxRetries, typ.MaxRetries), RetryInterval: either(template.RetryInterval, typ.RetryInterval),
		Timeout:            either(template.Timeout, typ.Timeout),
		TimeoutRecoverable: either(template.TimeoutRecoverable, typ.TimeoutRecoverable)}, e
}

func either(a, b any) any {
	if a != nil {
		return a
	}
	return b
}

// mergeInputs lays values over the defaults of an input schema. Section 9.2:
// every input needs a value, and a mapping gets the declared type as a key.
func mergeInputs(schema, given *value.Map) (*value.Map, *diag.Error) {
	out := value.NewMap()
	var missing []string
	for name, s := range schema.All() {
		def, _ := s.(*value.Map)
		v, ok := given.Get(name)
		if !ok {
			v, ok = def.Get("default")
		}
		if !ok {
			missing = append(missing, name)
			continue
		}
		if typ, isStr := def.At("type").(string); isStr {
			if m, isMap := v.(*value.Map); isMap {
				c := m.Clone()
				c.Set("type", typ)
				v = c
			}
		}
		out.Set(name, v)
	}
	for name, v := range given.All() {
		if !out.Has(name) {
			out.Set(name, v)
		}
	}
	if len(missing) == 0 {
		return out, nil
	}
	msg := fmt.Sprintf("Input '%s' is missing a value", missing[0])
	if len(missing) > 1 {
		msg = fmt.Sprintf("Inputs '%s' are missing a value", strings.Join(missing, "', '"))
	}
	e := diag.Coded(diag.Logic, 107, msg)
	e.Diag = &diag.D{Code: "missing-operation-input", Summary: "Missing operation input",
		Detail: fmt.Sprintf("The operation's type declares inputs without a default that get no value: %s.", strings.Join(missing, ", ")),
		Fix:    "Give them under the operation's inputs."}
	return out, e
}

// Problem is an error of one operation.
type Problem struct {
	Interface, Operation string
	Err                  *diag.Error
}

// Cache keeps what merging gave for parts that a template leaves as its type
// has them, so that all templates of a type share it. The zero value is ready;
// it is not safe for concurrent use. What it gives must not be changed.
type Cache struct {
	whole map[*value.Map]*value.Map
	ops   map[*value.Map]*value.Map
}

// MergeTypes merges the interfaces of a type with those it inherits.
func MergeTypes(over, under *value.Map) *value.Map {
	var c Cache
	out, _ := c.merge(over, under, func(a, b *Op) (Op, *diag.Error) { return TypeOverType(a, b), nil })
	return out
}

// MergeTemplate merges the interfaces of a template with its type's: the
// type's interfaces and operations first, then new ones. Errors are collected
// with the operation they are of.
func (c *Cache) MergeTemplate(over, under *value.Map) (*value.Map, []Problem) {
	return c.merge(over, under, TemplateOverType)
}

type mergeFunc func(over, under *Op) (Op, *diag.Error)

func (c *Cache) merge(over, under *value.Map, f mergeFunc) (*value.Map, []Problem) {
	if c.whole == nil {
		c.whole, c.ops = map[*value.Map]*value.Map{}, map[*value.Map]*value.Map{}
	}
	if all, ok := c.whole[under]; ok && over.Len() == 0 {
		return all, nil
	}
	out := value.NewMap()
	var problems []Problem
	for name, x := range under.All() {
		b, _ := x.(*value.Map)
		if a, ok := over.At(name).(*value.Map); ok {
			out.Set(name, c.operations(name, a, b, f, &problems))
			continue
		}
		whole, ok := c.whole[b]
		if !ok {
			before := len(problems)
			if whole = c.operations(name, nil, b, f, &problems); len(problems) == before {
				c.whole[b] = whole
			}
		}
		out.Set(name, whole)
	}
	for name, x := range over.All() {
		if !out.Has(name) {
			a, _ := x.(*value.Map)
			out.Set(name, c.operations(name, a, nil, f, &problems))
		}
	}
	if over.Len() == 0 && under != nil && len(problems) == 0 {
		c.whole[under] = out
	}
	return out, problems
}

// operations merges the operations of one interface.
func (c *Cache) operations(name string, a, b *value.Map, f mergeFunc, problems *[]Problem) *value.Map {
	out := value.NewMap()
	one := func(key string, over, under *Op) *value.Map {
		o, e := f(over, under)
		if e != nil {
			*problems = append(*problems, Problem{name, key, e})
		}
		return o.Value()
	}
	for key, x := range b.All() {
		m, _ := x.(*value.Map)
		if a.Has(key) {
			out.Set(key, one(key, pick(a, key), pick(b, key)))
			continue
		}
		if known, ok := c.ops[m]; ok && m != nil {
			out.Set(key, known)
			continue
		}
		before := len(*problems)
		v := one(key, nil, pick(b, key))
		if len(*problems) == before && m != nil {
			c.ops[m] = v
		}
		out.Set(key, v)
	}
	for key := range a.All() {
		if !out.Has(key) {
			out.Set(key, one(key, pick(a, key), nil))
		}
	}
	return out
}

func pick(m *value.Map, key string) *Op {
	v, ok := m.Get(key)
	if !ok {
		return nil
	}
	o := Read(v)
	return &o
}
