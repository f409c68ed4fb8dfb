// Package pytext writes JSON values the way Python does: str(), repr() and json.dumps(), byte for byte.
//
// Scripts compare what the ctx command prints, and read inputs from environment variables, so the texts must be those
// of the reference (operations, sections 5.1 and 5.3). The package decodes JSON itself because Python keeps the order of
// an object's keys. It never does I/O. Values are nil, bool, json.Number, string, []any and *Object; map[string]any,
// int and float64 are understood too, maps in the order of their keys.
//
// One difference is known: a lone surrogate in a JSON text becomes U+FFFD.
package pytext

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxDepth is how deep values may be nested, about where Python gives up.
const maxDepth = 990

// Object is a JSON object with its keys in order.
type Object struct {
	Keys   []string
	Values map[string]any
}

func (o *Object) set(key string, value any) {
	if _, ok := o.Values[key]; !ok {
		o.Keys = append(o.Keys, key)
	}
	o.Values[key] = value
}

// Decode reads one JSON value. Of a repeated key the first place and the last value count.
func Decode(data []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	v, err := decodeValue(dec, 0)
	if err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("extra data at offset %d", dec.InputOffset())
	}
	return v, nil
}

func decodeValue(dec *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errors.New("maximum nesting depth exceeded")
	}
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('['):
		list := []any{}
		for dec.More() {
			item, err := decodeValue(dec, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, item)
		}
		_, err := dec.Token()
		return list, err
	case json.Delim('{'):
		object := &Object{Values: map[string]any{}}
		for dec.More() {
			key, err := dec.Token()
			if err != nil {
				return nil, err
			}
			value, err := decodeValue(dec, depth+1)
			if err != nil {
				return nil, err
			}
			object.set(key.(string), value)
		}
		_, err := dec.Token()
		return object, err
	}
	return token, nil
}

// Falsy reports whether Python takes the value for false: null, false, zero and everything empty.
func Falsy(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return v == ""
	case json.Number:
		f, err := strconv.ParseFloat(v.String(), 64)
		return err == nil && f == 0
	case int:
		return v == 0
	case float64:
		return v == 0
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	case *Object:
		return len(v.Keys) == 0
	}
	return false
}

// Str is Python's str(): text as it is, everything else as Repr.
func Str(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return Repr(v)
}

// Repr is Python's repr().
func Repr(v any) string {
	var b strings.Builder
	pythonStyle.write(&b, v)
	return b.String()
}

// JSON is Python's json.dumps() with its defaults: a space after each comma and colon, ASCII only.
func JSON(v any) string {
	var b strings.Builder
	jsonStyle.write(&b, v)
	return b.String()
}

// style is what repr() and json.dumps() differ in.
type style struct {
	null, yes, no string
	text          func(*strings.Builder, string)
	infinity      string
	notANumber    string
}

var (
	pythonStyle = style{null: "None", yes: "True", no: "False", text: writeRepr, infinity: "inf", notANumber: "nan"}
	jsonStyle   = style{null: "null", yes: "true", no: "false", text: writeJSON, infinity: "Infinity", notANumber: "NaN"}
)

func (s style) write(b *strings.Builder, v any) {
	switch v := v.(type) {
	case nil:
		b.WriteString(s.null)
	case bool:
		if v {
			b.WriteString(s.yes)
		} else {
			b.WriteString(s.no)
		}
	case string:
		s.text(b, v)
	case json.Number:
		s.number(b, v.String())
	case int:
		b.WriteString(strconv.Itoa(v))
	case float64:
		b.WriteString(s.float(v))
	case []any:
		b.WriteByte('[')
		for i, item := range v {
			if i > 0 {
				b.WriteString(", ")
			}
			s.write(b, item)
		}
		b.WriteByte(']')
	case *Object:
		s.object(b, v.Keys, v.Values)
	case map[string]any:
		s.object(b, slices.Sorted(maps.Keys(v)), v)
	default:
		s.text(b, fmt.Sprint(v))
	}
}

func (s style) object(b *strings.Builder, keys []string, values map[string]any) {
	b.WriteByte('{')
	for i, key := range keys {
		if i > 0 {
			b.WriteString(", ")
		}
		s.text(b, key)
		b.WriteString(": ")
		s.write(b, values[key])
	}
	b.WriteByte('}')
}

func (s style) number(b *strings.Builder, text string) {
	if !strings.ContainsAny(text, ".eE") {
		if text == "-0" {
			text = "0"
		}
		b.WriteString(text)
		return
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		s.text(b, text)
		return
	}
	b.WriteString(s.float(f))
}

// float is Python's repr of a float: the shortest digits, an exponent below 1e-4 and from 1e16 on.
func (s style) float(f float64) string {
	switch {
	case math.IsNaN(f):
		return s.notANumber
	case math.IsInf(f, 1):
		return s.infinity
	case math.IsInf(f, -1):
		return "-" + s.infinity
	case f == 0 && math.Signbit(f):
		return "-0.0"
	case f == 0:
		return "0.0"
	}
	digits := strconv.FormatFloat(f, 'e', -1, 64)
	exponent, err := strconv.Atoi(digits[strings.IndexByte(digits, 'e')+1:])
	if err == nil && (exponent < -4 || exponent >= 16) {
		return digits
	}
	text := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

// writeRepr writes a string as Python's repr does: in single quotes unless it holds one and no double quote.
func writeRepr(b *strings.Builder, s string) {
	quote := byte('\'')
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	b.WriteByte(quote)
	for _, r := range s {
		switch {
		case r == '\\' || r == rune(quote):
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(b, `\u%04x`, r)
		default:
			fmt.Fprintf(b, `\U%08x`, r)
		}
	}
	b.WriteByte(quote)
}

var jsonEscapes = map[rune]string{'"': `\"`, '\\': `\\`, '\n': `\n`, '\r': `\r`, '\t': `\t`, '\b': `\b`, '\f': `\f`}

func writeJSON(b *strings.Builder, s string) {
	b.WriteByte('"')
	for _, r := range s {
		switch escape, ok := jsonEscapes[r]; {
		case ok:
			b.WriteString(escape)
		case r >= ' ' && r <= '~':
			b.WriteByte(byte(r))
		case r < 0x10000:
			fmt.Fprintf(b, `\u%04x`, r)
		default:
			high, low := surrogates(r)
			fmt.Fprintf(b, `\u%04x\u%04x`, high, low)
		}
	}
	b.WriteByte('"')
}

func surrogates(r rune) (high, low rune) {
	if r > utf8.MaxRune {
		return utf8.RuneError, utf8.RuneError
	}
	r -= 0x10000
	return 0xd800 + r>>10, 0xdc00 + r&0x3ff
}
