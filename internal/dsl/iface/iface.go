// Package iface merges interfaces and operations: a type's over those it
// inherits, a node template's or relationship's over its type's (spec/dsl.md
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

// Merge merges whole interfaces: parent's interfaces and operations first,
// then new ones. Errors are collected with the operation they are of.
func Merge(over, under *value.Map, merge func(over, under *Op) (Op, *diag.Error)) (*value.Map, []Problem) {
	out := value.NewMap()
	var problems []Problem
	one := func(name string) {
		a, _ := over.At(name).(*value.Map)
		b, _ := under.At(name).(*value.Map)
		ops := value.NewMap()
		op := func(key string) {
			if ops.Has(key) {
				return
			}
			o, e := merge(pick(a, key), pick(b, key))
			if e != nil {
				problems = append(problems, Problem{name, key, e})
			}
			ops.Set(key, o.Value())
		}
		for k := range b.All() {
			op(k)
		}
		for k := range a.All() {
			op(k)
		}
		out.Set(name, ops)
	}
	for name := range under.All() {
		one(name)
	}
	for name := range over.All() {
		if !out.Has(name) {
			one(name)
		}
	}
	return out, problems
}

// Problem is an error of one operation.
type Problem struct {
	Interface, Operation string
	Err                  *diag.Error
}

func pick(m *value.Map, key string) *Op {
	v, ok := m.Get(key)
	if !ok {
		return nil
	}
	o := Read(v)
	return &o
}

// MergeTypes merges the interfaces of a type with those it inherits.
func MergeTypes(over, under *value.Map) *value.Map {
	out, _ := Merge(over, under, func(a, b *Op) (Op, *diag.Error) { return TypeOverType(a, b), nil })
	return out
}

// MergeTemplate merges the interfaces of a template with its type's.
func MergeTemplate(over, under *value.Map) (*value.Map, []Problem) {
	return Merge(over, under, TemplateOverType)
}
