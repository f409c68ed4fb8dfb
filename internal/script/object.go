package script

import (
	"fmt"
	"strings"

	"github.com/reifyhq/reify/internal/script/pytext"
)

// reprKey marks an object on the wire that stands for a value without a JSON form.
const reprKey = "__non_json_serializable_repr__"

// object is a value with attributes: what the reference reaches with getattr.
type object struct {
	class string
	// attributes are functions, so that reading one may ask the manager and may fail.
	attributes map[string]func() (any, error)
	// text is the value of an object that is also a string, such as ctx.plugin.
	text *string
}

// function is a callable value. It gets positional and keyword arguments.
type function func(args []any, kwargs map[string]any) (any, error)

// mapping is a value with keys: what the reference calls a mutable mapping.
type mapping interface {
	get(key string) (any, bool)
	set(key string, value any) error
	remove(key string) error
	// items is the whole content; it must not be changed.
	items() map[string]any
}

// plain is a mapping that nobody watches.
type plain map[string]any

func (p plain) get(key string) (any, bool) { v, ok := p[key]; return v, ok }
func (p plain) items() map[string]any      { return p }

func (p plain) set(key string, value any) error {
	p[key] = value
	return nil
}

func (p plain) remove(key string) error {
	delete(p, key)
	return nil
}

// Exception is an error with the name of a Python exception, as scripts see it.
type Exception struct {
	Type    string
	Message string
}

// Error returns the message.
func (e *Exception) Error() string { return e.Message }

func runtimeError(format string, args ...any) error {
	return &Exception{"RuntimeError", fmt.Sprintf(format, args...)}
}

func typeError(format string, args ...any) error {
	return &Exception{"TypeError", fmt.Sprintf(format, args...)}
}

func nonRecoverable(format string, args ...any) error {
	return &Exception{"NonRecoverableError", fmt.Sprintf(format, args...)}
}

// walk follows the arguments from a value (operations, section 5.3): an attribute is descended into; a mapping is read
// with one argument left and written with two; a callable is called with what is left.
func walk(start any, args []any) (any, error) {
	current := start
	for i, arg := range args {
		next, found, err := attribute(current, arg)
		if err != nil {
			return nil, err
		}
		if found {
			current = next
			continue
		}
		if m, ok := asMapping(current); ok {
			return walkMapping(m, args[i:], args)
		}
		if f, ok := current.(function); ok {
			return callTrailing(f, args[i:])
		}
		return nil, runtimeError("%s cannot be processed in %s", pytext.Str(arg), pytext.Repr(args))
	}
	if f, ok := current.(function); ok {
		return f(nil, nil)
	}
	return current, nil
}

func walkMapping(m mapping, left, args []any) (any, error) {
	path, ok := left[0].(string)
	if !ok {
		return nil, runtimeError("%s cannot be processed in %s", pytext.Str(left[0]), pytext.Repr(args))
	}
	switch len(left) {
	case 1:
		return getPath(m, path)
	case 2:
		return nil, setPath(m, path, left[1])
	}
	return nil, runtimeError("%s cannot be processed in %s", path, pytext.Repr(args))
}

// callTrailing calls f; a mapping at the end of the arguments becomes keyword arguments.
func callTrailing(f function, args []any) (any, error) {
	if kwargs, ok := args[len(args)-1].(map[string]any); ok {
		return f(args[:len(args)-1], kwargs)
	}
	return f(args, nil)
}

func asMapping(v any) (mapping, bool) {
	switch v := v.(type) {
	case mapping:
		return v, true
	case map[string]any:
		return plain(v), true
	}
	return nil, false
}

// attribute returns the attribute named by arg, or by arg with dashes as underscores.
func attribute(v, arg any) (any, bool, error) {
	name, ok := arg.(string)
	if !ok || strings.HasPrefix(name, "_") {
		return nil, false, nil
	}
	name = strings.ReplaceAll(name, "-", "_")
	if o, ok := v.(*object); ok {
		get := o.attributes[name]
		if get == nil {
			return nil, false, nil
		}
		value, err := get()
		return value, err == nil, err
	}
	if m, ok := asMapping(v); ok {
		if f := mappingMethod(m, name); f != nil {
			return f, true, nil
		}
	}
	return nil, false, nil
}

// bind gives arguments their names. Missing ones are absent; unknown and surplus ones are errors.
func bind(what string, args []any, kwargs map[string]any, names ...string) (map[string]any, error) {
	if len(args) > len(names) {
		return nil, typeError("%s() takes at most %d arguments (%d given)", what, len(names), len(args))
	}
	bound := map[string]any{}
	for i, arg := range args {
		bound[names[i]] = arg
	}
	for key, value := range kwargs {
		known := false
		for _, name := range names {
			known = known || name == key
		}
		if _, twice := bound[key]; twice {
			return nil, typeError("%s() got multiple values for argument '%s'", what, key)
		}
		if !known {
			return nil, typeError("%s() got an unexpected keyword argument '%s'", what, key)
		}
		bound[key] = value
	}
	return bound, nil
}

// required returns an argument that must be text.
func required(what string, bound map[string]any, name string) (string, error) {
	v, ok := bound[name]
	if !ok {
		return "", typeError("%s() missing 1 required positional argument: '%s'", what, name)
	}
	return pytext.Str(v), nil
}

// encodable returns the JSON form of a value: objects and functions become their repr.
func encodable(v any) any {
	switch v := v.(type) {
	case *object:
		if v.text != nil {
			return *v.text
		}
		return map[string]any{reprKey: "<" + v.class + " object>"}
	case function:
		return map[string]any{reprKey: "<bound method>"}
	case mapping:
		return encodable(v.items())
	case map[string]any:
		m := make(map[string]any, len(v))
		for key, value := range v {
			m[key] = encodable(value)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = encodable(v[i])
		}
		return list
	}
	return v
}

// attr returns an attribute that is a ready value.
func attr(v any) func() (any, error) {
	return func() (any, error) { return v, nil }
}
