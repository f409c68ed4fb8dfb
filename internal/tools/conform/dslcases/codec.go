package dslcases

import (
	"encoding/base64"
	"math"
	"strings"

	"github.com/reifyhq/reify/internal/dsl/value"
)

// decode gives the value that the data's encoding stands for.
func decode(v any) any {
	switch t := v.(type) {
	case []any:
		out := make([]any, len(t))
		for i, x := range t {
			out[i] = decode(x)
		}
		return out
	case *value.Map:
		if t.Len() == 1 {
			if d, ok := decodeTagged(t); ok {
				return d
			}
		}
		out := value.NewMap()
		for k, x := range t.All() {
			out.Set(k, decode(x))
		}
		return out
	}
	return v
}

func decodeTagged(m *value.Map) (any, bool) {
	key := m.Keys()[0]
	v := m.At(key)
	s := text(v)
	switch key {
	case "$float":
		switch s {
		case "inf":
			return math.Inf(1), true
		case "-inf":
			return math.Inf(-1), true
		}
		return math.NaN(), true
	case "$date":
		return value.Timestamp{Text: s, DateOnly: true}, true
	case "$datetime":
		return value.Timestamp{Text: s}, true
	case "$bytes":
		b, err := base64.StdEncoding.DecodeString(s)
		return value.Bytes(b), err == nil
	case "$set":
		l, _ := decode(v).([]any)
		return value.Set(l), true
	case "$pairs":
		out := value.NewMap()
		for _, p := range listOf(v) {
			if kv := listOf(p); len(kv) == 2 {
				if k, ok := kv[0].(string); ok {
					out.Set(k, decode(kv[1]))
				} else {
					out.SetRaw(decode(kv[0]), decode(kv[1]))
				}
			}
		}
		return out, true
	}
	return nil, false
}

// canonText gives a value as text in which equal values, and only they, have
// equal text: keys sorted, numbers with their type.
func canonText(v any) string {
	var b strings.Builder
	writeCanon(&b, v)
	return b.String()
}

func writeCanon(b *strings.Builder, v any) {
	switch t := v.(type) {
	case *value.Map:
		keys := t.Keys()
		sortStrings(keys)
		b.WriteByte('{')
		for _, k := range keys {
			if _, ok := t.RawKey(k).(string); !ok {
				b.WriteString(value.TypeName(t.RawKey(k)))
			}
			value.QuoteTo(b, k)
			b.WriteByte(':')
			writeCanon(b, t.At(k))
			b.WriteByte(',')
		}
		b.WriteByte('}')
	case []any:
		b.WriteByte('[')
		for _, x := range t {
			writeCanon(b, x)
			b.WriteByte(',')
		}
		b.WriteByte(']')
	case value.Set:
		texts := make([]string, len(t))
		for i, x := range t {
			texts[i] = canonText(x)
		}
		sortStrings(texts)
		b.WriteString("set(" + strings.Join(texts, ",") + ")")
	case value.Timestamp:
		b.WriteString("time(" + t.Text + ")")
	default:
		b.WriteString(value.Repr(v))
	}
}
