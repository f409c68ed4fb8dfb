package value

import (
	"encoding/json"
	"fmt"
	"math/big"
	"sort"
	"strconv"
)

// From turns ordinary Go data (map[string]any, ints of any size, json.Number,
// []string) into a free value; anything else becomes its text. Maps of Go have no order: their keys are
// sorted. Values already in the form of this package are returned as they are.
func From(v any) any {
	if clean(v) {
		return v
	}
	switch t := v.(type) {
	case nil, bool, int64, *big.Int, float64, string, Timestamp, Bytes, Set:
		return t
	case *Map:
		if t == nil {
			return nil
		}
		c := t.Clone()
		for i := range c.vals {
			c.vals[i] = From(c.vals[i])
		}
		return c
	case []any:
		out := make([]any, len(t))
		for i := range t {
			out[i] = From(t[i])
		}
		return out
	case map[string]any:
		keys := make([]string, 0, len(t))
		for k := range t {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		m := &Map{}
		for _, k := range keys {
			m.Set(k, From(t[k]))
		}
		return m
	case json.Number:
		n, err := number(string(t))
		if err != nil {
			return string(t)
		}
		return n
	case int:
		return int64(t)
	case int32:
		return int64(t)
	case uint32:
		return int64(t)
	case uint64:
		return BigInt(new(big.Int).SetUint64(t))
	case float32:
		return float64(t)
	case []string:
		out := make([]any, len(t))
		for i := range t {
			out[i] = t[i]
		}
		return out
	}
	return fmt.Sprint(v)
}

// clean tells whether a value already is a free value throughout.
func clean(v any) bool {
	switch t := v.(type) {
	case nil, bool, int64, *big.Int, float64, string, Timestamp, Bytes, Set:
		return true
	case *Map:
		if t == nil {
			return false
		}
		for _, x := range t.vals {
			if !clean(x) {
				return false
			}
		}
		return true
	case []any:
		for _, x := range t {
			if !clean(x) {
				return false
			}
		}
		return true
	}
	return false
}

// Plain turns a free value into ordinary Go data: map[string]any, []any,
// int64, *big.Int, float64, string, bool, nil.
func Plain(v any) any {
	switch t := v.(type) {
	case *Map:
		m := make(map[string]any, t.Len())
		for k, x := range t.All() {
			m[k] = Plain(x)
		}
		return m
	case []any:
		out := make([]any, len(t))
		for i := range t {
			out[i] = Plain(t[i])
		}
		return out
	case Set:
		return Plain([]any(t))
	case Timestamp:
		return t.Text
	case Bytes:
		return string(t)
	}
	return v
}

// number reads a JSON number: an integer without fraction and exponent, else a
// float.
func number(s string) (any, error) {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c == '.' || c == 'e' || c == 'E' {
			return strconv.ParseFloat(s, 64)
		}
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, nil
	}
	if b, ok := new(big.Int).SetString(s, 10); ok {
		return BigInt(b), nil
	}
	return nil, fmt.Errorf("not a number: %q", s)
}

// Strings gives the strings of a list; other items are left out.
func Strings(v any) []string {
	l, _ := v.([]any)
	var out []string
	for _, x := range l {
		if s, ok := x.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// List turns strings into a free list.
func List(ss []string) []any {
	out := make([]any, len(ss))
	for i, s := range ss {
		out[i] = s
	}
	return out
}
