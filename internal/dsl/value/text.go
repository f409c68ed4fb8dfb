package value

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode"
)

// Text gives a value as the reference's language prints it (str): strings as
// they are, everything else as in Repr. Spec section 10, concat.
func Text(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return Repr(v)
}

// Repr gives a value as the reference's language writes it in source (repr).
func Repr(v any) string {
	var b strings.Builder
	repr(&b, v)
	return b.String()
}

func repr(b *strings.Builder, v any) {
	switch t := v.(type) {
	case nil:
		b.WriteString("None")
	case bool:
		if t {
			b.WriteString("True")
		} else {
			b.WriteString("False")
		}
	case int64:
		b.WriteString(strconv.FormatInt(t, 10))
	case *big.Int:
		b.WriteString(t.String())
	case float64:
		b.WriteString(FloatRepr(t))
	case string:
		QuoteTo(b, t)
	case Bytes:
		b.WriteString("b")
		QuoteTo(b, string(t))
	case Timestamp:
		b.WriteString(t.Text)
	case Set:
		b.WriteString("{")
		reprItems(b, t)
		b.WriteString("}")
	case []any:
		b.WriteString("[")
		reprItems(b, t)
		b.WriteString("]")
	case *Map:
		b.WriteString("{")
		first := true
		for k, x := range t.All() {
			if !first {
				b.WriteString(", ")
			}
			first = false
			repr(b, t.RawKey(k))
			b.WriteString(": ")
			repr(b, x)
		}
		b.WriteString("}")
	default:
		repr(b, From(v))
	}
}

func reprItems(b *strings.Builder, l []any) {
	for i, x := range l {
		if i > 0 {
			b.WriteString(", ")
		}
		repr(b, x)
	}
}

// Quote gives a string in the reference's quotes: single ones unless the text
// holds a single and no double quote.
func Quote(s string) string {
	var b strings.Builder
	QuoteTo(&b, s)
	return b.String()
}

// QuoteTo writes Quote(s).
func QuoteTo(b *strings.Builder, s string) {
	q := byte('\'')
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		q = '"'
	}
	b.WriteByte(q)
	for _, r := range s {
		switch {
		case r == rune(q) || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x20 || r == 0x7f:
			b.WriteString(`\x`)
			b.WriteByte("0123456789abcdef"[r>>4])
			b.WriteByte("0123456789abcdef"[r&15])
		case r > 0x7f && !unicode.IsPrint(r):
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte(q)
}

// QuoteList gives a list of strings in the reference's form: ['a', 'b'].
func QuoteList(ss []string) string {
	var b strings.Builder
	b.WriteByte('[')
	for i, s := range ss {
		if i > 0 {
			b.WriteString(", ")
		}
		QuoteTo(&b, s)
	}
	b.WriteByte(']')
	return b.String()
}

// FloatRepr gives the shortest text that reads back as the same float, always
// with a fraction or an exponent.
func FloatRepr(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case math.IsNaN(f):
		return "nan"
	}
	var s string
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		s = strconv.FormatFloat(f, 'e', -1, 64)
	} else {
		s = strconv.FormatFloat(f, 'f', -1, 64)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
	}
	return s
}

// TypeName gives the reference's class name of a value: str, int, dict, ….
func TypeName(v any) string {
	switch v.(type) {
	case nil:
		return "NoneType"
	case bool:
		return "bool"
	case int64, *big.Int:
		return "int"
	case float64:
		return "float"
	case string:
		return "str"
	case []any:
		return "list"
	case *Map:
		return "dict"
	case Set:
		return "set"
	case Bytes:
		return "bytes"
	case Timestamp:
		return "datetime"
	}
	return "object"
}
