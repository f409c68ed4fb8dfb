// Package value defines how free values of a blueprint (properties, inputs,
// defaults, function arguments) live in memory, and their JSON form.
//
// A free value is exactly one of
//
//	nil, bool, int64, *big.Int (only beyond int64), float64, string,
//	[]any, *Map, Timestamp, Bytes, Set
//
// Integers and floats are different values: 1 is not written as 1.0, and 1.0
// stays a float through a JSON round trip. Maps keep the order of insertion.
// The package never does I/O and never changes a value it did not create,
// except through methods of Map.
package value

import (
	"iter"
	"math/big"
)

// Timestamp is a YAML date or date-time. Text is the ISO 8601 form.
type Timestamp struct {
	Text     string
	DateOnly bool
}

// Bytes is the content of a YAML !!binary scalar.
type Bytes string

// Set is a YAML !!set: its members in order of appearance.
type Set []any

// Map is the ordered mapping of free values.
type Map = Ordered[any]

// Ordered is a mapping with string keys that keeps the order of insertion.
// The zero value is an empty mapping ready to use. It is not safe for
// concurrent writes.
type Ordered[V any] struct {
	keys  []string
	vals  []V
	index map[string]int
	raw   map[string]any // original of keys that are not strings
}

// indexFrom is the size from which a hash index pays off.
const indexFrom = 17

// NewMap returns an empty mapping of free values.
func NewMap() *Map { return &Map{} }

// MapOf returns a mapping of the given keys and values, which alternate. A key
// that is not a string is skipped.
func MapOf(kv ...any) *Map {
	m := &Map{keys: make([]string, 0, len(kv)/2+1), vals: make([]any, 0, len(kv)/2+1)}
	for i := 0; i+1 < len(kv); i += 2 {
		if k, ok := kv[i].(string); ok {
			m.Set(k, kv[i+1])
		}
	}
	return m
}

// Len gives the number of entries; a nil mapping has none.
func (m *Ordered[V]) Len() int {
	if m == nil {
		return 0
	}
	return len(m.keys)
}

func (m *Ordered[V]) find(key string) int {
	if m == nil {
		return -1
	}
	if m.index != nil {
		if i, ok := m.index[key]; ok {
			return i
		}
		return -1
	}
	for i, k := range m.keys {
		if k == key {
			return i
		}
	}
	return -1
}

// Get gives the value of key and whether it is there.
func (m *Ordered[V]) Get(key string) (V, bool) {
	if i := m.find(key); i >= 0 {
		return m.vals[i], true
	}
	var zero V
	return zero, false
}

// At gives the value of key, or the zero value.
func (m *Ordered[V]) At(key string) V {
	v, _ := m.Get(key)
	return v
}

// Has tells whether key is there.
func (m *Ordered[V]) Has(key string) bool { return m.find(key) >= 0 }

// Set stores a value; an existing key keeps its place.
func (m *Ordered[V]) Set(key string, v V) {
	if i := m.find(key); i >= 0 {
		m.vals[i] = v
		return
	}
	m.keys = append(m.keys, key)
	m.vals = append(m.vals, v)
	switch {
	case m.index != nil:
		m.index[key] = len(m.keys) - 1
	case len(m.keys) >= indexFrom:
		m.reindex()
	}
}

// SetRaw stores a value under a key that was not a string in the source.
// The key's text is that of its JSON form.
func (m *Ordered[V]) SetRaw(key any, v V) {
	text := Text(key)
	m.Set(text, v)
	if m.raw == nil {
		m.raw = map[string]any{}
	}
	m.raw[text] = key
}

// RawKey gives the original of a key: the key itself for ordinary ones.
func (m *Ordered[V]) RawKey(key string) any {
	if r, ok := m.raw[key]; ok {
		return r
	}
	return key
}

// HasRawKeys tells whether any key was not a string in the source.
func (m *Ordered[V]) HasRawKeys() bool { return m != nil && len(m.raw) > 0 }

func (m *Ordered[V]) reindex() {
	m.index = make(map[string]int, 2*len(m.keys))
	for i, k := range m.keys {
		m.index[k] = i
	}
}

// Delete removes key if it is there.
func (m *Ordered[V]) Delete(key string) {
	i := m.find(key)
	if i < 0 {
		return
	}
	m.keys = append(m.keys[:i], m.keys[i+1:]...)
	m.vals = append(m.vals[:i], m.vals[i+1:]...)
	delete(m.raw, key)
	if m.index != nil {
		m.reindex()
	}
}

// Keys gives a copy of the keys in order.
func (m *Ordered[V]) Keys() []string {
	if m == nil {
		return nil
	}
	return append([]string(nil), m.keys...)
}

// All iterates over the entries in order. Values may be replaced by Set while
// iterating; entries may not be added or removed.
func (m *Ordered[V]) All() iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		if m == nil {
			return
		}
		for i, k := range m.keys {
			if !yield(k, m.vals[i]) {
				return
			}
		}
	}
}

// Clone copies the mapping; the values themselves are shared.
func (m *Ordered[V]) Clone() *Ordered[V] {
	c := &Ordered[V]{}
	if m == nil {
		return c
	}
	c.keys = append([]string(nil), m.keys...)
	c.vals = append([]V(nil), m.vals...)
	if len(c.keys) >= indexFrom {
		c.reindex()
	}
	for k, v := range m.raw {
		if c.raw == nil {
			c.raw = map[string]any{}
		}
		c.raw[k] = v
	}
	return c
}

// Copy gives a deep copy of a free value.
func Copy(v any) any {
	switch t := v.(type) {
	case *Map:
		c := t.Clone()
		for i := range c.vals {
			c.vals[i] = Copy(c.vals[i])
		}
		return c
	case []any:
		c := make([]any, len(t))
		for i := range t {
			c[i] = Copy(t[i])
		}
		return c
	}
	return v
}

// CopyMap gives a deep copy of a mapping; nil becomes an empty one.
func CopyMap(m *Map) *Map {
	if m == nil {
		return &Map{}
	}
	return Copy(m).(*Map)
}

// BigInt gives an integer as the narrowest representation.
func BigInt(b *big.Int) any {
	if b.IsInt64() {
		return b.Int64()
	}
	return b
}

// IsInt tells whether v is an integer. Booleans are not.
func IsInt(v any) bool {
	switch v.(type) {
	case int64, *big.Int:
		return true
	}
	return false
}

// IsNumber tells whether v is an integer or a float. Booleans are not.
func IsNumber(v any) bool {
	_, f := v.(float64)
	return f || IsInt(v)
}

// Reverse turns the order of the entries around.
func (m *Ordered[V]) Reverse() {
	for i, j := 0, len(m.keys)-1; i < j; i, j = i+1, j-1 {
		m.keys[i], m.keys[j] = m.keys[j], m.keys[i]
		m.vals[i], m.vals[j] = m.vals[j], m.vals[i]
	}
	if m.index != nil {
		m.reindex()
	}
}
