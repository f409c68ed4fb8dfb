package workflow

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/reifyhq/reify/internal/model"
)

// The texts of the reference show values in the notation of Python. Clients match these texts, so they are kept.

// pyString is a JSON value as Python's str() shows it: text bare, everything else as pyRepr.
func pyString(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil && len(bytes.TrimSpace(raw)) > 0 && bytes.TrimSpace(raw)[0] == '"' {
		return s
	}
	return pyReprJSON(raw)
}

// pyReprJSON is a JSON value as Python's repr() shows it, object keys in the order of the text. A text that is not JSON
// is returned as it is.
func pyReprJSON(raw json.RawMessage) string {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var b strings.Builder
	if err := reprToken(dec, &b); err != nil {
		return string(raw)
	}
	return b.String()
}

func reprToken(dec *json.Decoder, b *strings.Builder) error {
	tok, err := dec.Token()
	if err != nil {
		return err
	}
	delim, ok := tok.(json.Delim)
	if !ok {
		b.WriteString(pyScalar(tok))
		return nil
	}
	b.WriteString(delim.String())
	for n := 0; dec.More(); n++ {
		if n > 0 {
			b.WriteString(", ")
		}
		if delim == '{' {
			if err := reprToken(dec, b); err != nil {
				return err
			}
			b.WriteString(": ")
		}
		if err := reprToken(dec, b); err != nil {
			return err
		}
	}
	end, err := dec.Token()
	if err != nil {
		return err
	}
	fmt.Fprint(b, end)
	return nil
}

// pyRepr is a decoded value as Python's repr() shows it. Keys of objects are sorted, as their order is not known.
func pyRepr(v any) string {
	switch v := v.(type) {
	case model.Document:
		return pyRepr(map[string]any(v))
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		parts := make([]string, len(keys))
		for i, k := range keys {
			parts[i] = pyQuote(k) + ": " + pyRepr(v[k])
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = pyRepr(e)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case json.RawMessage:
		return pyReprJSON(v)
	}
	return pyScalar(v)
}

func pyScalar(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		if v {
			return "True"
		}
		return "False"
	case string:
		return pyQuote(v)
	case json.Number:
		return v.String()
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return fmt.Sprint(v)
}

func pyQuote(s string) string {
	quote := byte('\'')
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	var b strings.Builder
	b.WriteByte(quote)
	for _, r := range s {
		switch {
		case r == rune(quote) || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte(quote)
	return b.String()
}

// truthy reports whether Python would take a JSON value for true.
func truthy(raw json.RawMessage) bool {
	var v any
	if len(raw) == 0 || model.DecodeJSON(raw, &v) != nil {
		return false
	}
	return truthyValue(v)
}

func truthyValue(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		return v != ""
	case json.Number:
		f, err := v.Float64()
		return err != nil || f != 0
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	case model.Document:
		return len(v) > 0
	}
	return true
}
