package script

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// tracked is the runtime properties of an instance, or read-only properties when refuse is set. It knows that it was
// changed, but, as in the reference, not when something inside a value was (operations, section 4.3).
type tracked struct {
	values map[string]any
	dirty  bool
	// refuse is the message of the error that every change gets; empty allows changes.
	refuse string
}

func (t *tracked) get(key string) (any, bool) { v, ok := t.values[key]; return v, ok }
func (t *tracked) items() map[string]any      { return t.values }

func (t *tracked) set(key string, value any) error {
	if t.refuse != "" {
		return nonRecoverable("%s", t.refuse)
	}
	t.values[key], t.dirty = value, true
	return nil
}

func (t *tracked) remove(key string) error {
	if t.refuse != "" {
		return nonRecoverable("%s", t.refuse)
	}
	delete(t.values, key)
	t.dirty = true
	return nil
}

// segment is one part of a path: a key and, for name[3], an index into the list found there.
type segment struct {
	key     string
	index   int
	isIndex bool
}

func parseSegment(s string) segment {
	open := strings.LastIndexByte(s, '[')
	if open < 1 || !strings.HasSuffix(s, "]") {
		return segment{key: s}
	}
	n, err := strconv.ParseUint(s[open+1:len(s)-1], 10, 31)
	if err != nil || s[open+1] == '+' {
		return segment{key: s}
	}
	return segment{key: s[:open], index: int(n), isIndex: true}
}

func illegalPath(path string) error { return runtimeError("illegal path: %s", path) }

// getPath reads a dot separated path (operations, section 5.3).
func getPath(m mapping, path string) (any, error) {
	var current any = m
	for part := range strings.SplitSeq(path, ".") {
		next, err := step(current, parseSegment(part), path)
		if err != nil {
			return nil, err
		}
		current = next
	}
	return current, nil
}

func step(current any, s segment, path string) (any, error) {
	m, ok := asMapping(current)
	if !ok {
		return nil, illegalPath(path)
	}
	value, ok := m.get(s.key)
	if !ok {
		return nil, illegalPath(path)
	}
	if !s.isIndex {
		return value, nil
	}
	list, ok := value.([]any)
	if !ok {
		return nil, illegalPath(path)
	}
	if s.index >= len(list) {
		return nil, &Exception{"IndexError", "list index out of range"}
	}
	return list[s.index], nil
}

// setPath writes a dot separated path and creates the mappings on the way.
//
// Compat: the last segment is taken literally, so that name[3] becomes a key of that name; and a change inside of a
// mapping that exists already does not mark the whole as changed (TestPathQuirks).
func setPath(m mapping, path string, value any) error {
	parts := strings.Split(path, ".")
	current := m
	for _, part := range parts[:len(parts)-1] {
		s := parseSegment(part)
		if _, ok := current.get(s.key); !ok && !s.isIndex {
			if err := current.set(s.key, map[string]any{}); err != nil {
				return err
			}
		}
		next, err := step(current, s, path)
		if err != nil {
			return err
		}
		inner, ok := asMapping(next)
		if !ok {
			return illegalPath(path)
		}
		current = inner
	}
	return current.set(parts[len(parts)-1], value)
}

// mappingMethod returns the method of a Python dict, nil when it has none of that name.
func mappingMethod(m mapping, name string) function {
	switch name {
	case "get":
		return func(args []any, kwargs map[string]any) (any, error) {
			bound, err := bind(name, args, kwargs, "key", "default")
			if err != nil {
				return nil, err
			}
			key, err := required(name, bound, "key")
			if err != nil {
				return nil, err
			}
			if value, ok := m.get(key); ok {
				return value, nil
			}
			return bound["default"], nil
		}
	case "keys", "values", "items":
		return func([]any, map[string]any) (any, error) { return listing(m, name), nil }
	case "copy":
		return func([]any, map[string]any) (any, error) { return maps.Clone(m.items()), nil }
	case "update":
		return func(args []any, kwargs map[string]any) (any, error) { return nil, update(m, args, kwargs) }
	case "pop":
		return func(args []any, kwargs map[string]any) (any, error) { return pop(m, args, kwargs) }
	case "clear":
		return func([]any, map[string]any) (any, error) {
			for _, key := range slices.Collect(maps.Keys(m.items())) {
				if err := m.remove(key); err != nil {
					return nil, err
				}
			}
			return nil, nil
		}
	case "setdefault":
		return func(args []any, kwargs map[string]any) (any, error) { return setDefault(m, args, kwargs) }
	}
	return nil
}

func listing(m mapping, name string) []any {
	list := []any{}
	for _, key := range slices.Sorted(maps.Keys(m.items())) {
		value, _ := m.get(key)
		switch name {
		case "keys":
			list = append(list, key)
		case "values":
			list = append(list, value)
		default:
			list = append(list, []any{key, value})
		}
	}
	return list
}

func update(m mapping, args []any, kwargs map[string]any) error {
	bound, err := bind("update", args, nil, "other")
	if err != nil {
		return err
	}
	if other, ok := bound["other"]; ok {
		o, ok := asMapping(other)
		if !ok {
			return typeError("update() needs a mapping")
		}
		kwargs = mergedKwargs(o.items(), kwargs)
	}
	for key, value := range kwargs {
		if err := m.set(key, value); err != nil {
			return err
		}
	}
	return nil
}

func mergedKwargs(a, b map[string]any) map[string]any {
	merged := maps.Clone(a)
	if merged == nil {
		merged = map[string]any{}
	}
	maps.Copy(merged, b)
	return merged
}

// pop removes a key. Compat: without a default a missing key is None instead of an error, and the properties count as
// changed (operations, section 4.3).
func pop(m mapping, args []any, kwargs map[string]any) (any, error) {
	bound, err := bind("pop", args, kwargs, "key", "default")
	if err != nil {
		return nil, err
	}
	key, err := required("pop", bound, "key")
	if err != nil {
		return nil, err
	}
	value, ok := m.get(key)
	if !ok {
		value = bound["default"]
	}
	return value, m.remove(key)
}

func setDefault(m mapping, args []any, kwargs map[string]any) (any, error) {
	bound, err := bind("setdefault", args, kwargs, "key", "default")
	if err != nil {
		return nil, err
	}
	key, err := required("setdefault", bound, "key")
	if err != nil {
		return nil, err
	}
	if value, ok := m.get(key); ok {
		return value, nil
	}
	return bound["default"], m.set(key, bound["default"])
}

// toInt reads a whole number, also from text; fallback when it is none.
func toInt(v any, fallback int) int {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return int(n)
		}
	case string:
		if n, err := strconv.Atoi(v); err == nil {
			return n
		}
	case int:
		return v
	}
	return fallback
}
