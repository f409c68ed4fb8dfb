package value

import (
	"math/big"
	"strings"
)

// Equal compares as the reference's language does: True equals 1, 1 equals
// 1.0, mappings compare without order.
func Equal(a, b any) bool {
	if c, ok := compareNumbers(a, b); ok {
		return c == 0
	}
	switch x := a.(type) {
	case nil:
		return b == nil
	case string:
		y, ok := b.(string)
		return ok && x == y
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !Equal(x[i], y[i]) {
				return false
			}
		}
		return true
	case *Map:
		y, ok := b.(*Map)
		if !ok || x.Len() != y.Len() {
			return false
		}
		for k, v := range x.All() {
			w, ok := y.Get(k)
			if !ok || !Equal(v, w) {
				return false
			}
		}
		return true
	case Timestamp:
		y, ok := b.(Timestamp)
		return ok && x == y
	case Bytes:
		y, ok := b.(Bytes)
		return ok && x == y
	case Set:
		y, ok := b.(Set)
		return ok && Equal([]any(x), []any(y))
	}
	return false
}

// Compare orders two values as the reference's language does. It answers false
// when the two cannot be ordered.
func Compare(a, b any) (int, bool) {
	if c, ok := compareNumbers(a, b); ok {
		return c, true
	}
	switch x := a.(type) {
	case string:
		if y, ok := b.(string); ok {
			return strings.Compare(x, y), true
		}
	case []any:
		y, ok := b.([]any)
		if !ok {
			return 0, false
		}
		for i := 0; i < len(x) && i < len(y); i++ {
			if Equal(x[i], y[i]) {
				continue
			}
			return Compare(x[i], y[i])
		}
		return len(x) - len(y), true
	case Timestamp:
		if y, ok := b.(Timestamp); ok && x.DateOnly == y.DateOnly {
			return strings.Compare(x.Text, y.Text), true
		}
	}
	return 0, false
}

func compareNumbers(a, b any) (int, bool) {
	if x, ok := a.(int64); ok {
		if y, ok := b.(int64); ok {
			switch {
			case x < y:
				return -1, true
			case x > y:
				return 1, true
			}
			return 0, true
		}
	}
	x, ok := asBigFloat(a)
	if !ok {
		return 0, false
	}
	y, ok := asBigFloat(b)
	if !ok {
		return 0, false
	}
	return x.Cmp(y), true
}

func asBigFloat(v any) (*big.Float, bool) {
	switch t := v.(type) {
	case bool:
		if t {
			return big.NewFloat(1), true
		}
		return big.NewFloat(0), true
	case int64:
		return new(big.Float).SetInt64(t), true
	case *big.Int:
		return new(big.Float).SetInt(t), true
	case float64:
		if t != t {
			return nil, false
		}
		return big.NewFloat(t), true
	}
	return nil, false
}

// Truthy tells whether the reference's language takes v as true.
func Truthy(v any) bool {
	switch t := v.(type) {
	case nil:
		return false
	case bool:
		return t
	case int64:
		return t != 0
	case float64:
		return t != 0
	case string:
		return t != ""
	case []any:
		return len(t) > 0
	case *Map:
		return t.Len() > 0
	case Bytes:
		return t != ""
	case Set:
		return len(t) > 0
	}
	return true
}
