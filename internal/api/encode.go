package api

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/reifyhq/reify/internal/model"
)

// encode appends v as JSON to buf, with the bytes that model.EncodeJSON gives. Records and what documents are made of go
// straight into the buffer; anything else is left to encoding/json, which writes a value inside a Marshaler twice.
func encode(buf *bytes.Buffer, v any) error {
	switch v := v.(type) {
	case nil:
		buf.WriteString("null")
	case Record:
		return encodeRecord(buf, v)
	case []Record:
		return encodeList(buf, v)
	case string:
		return encodeText(buf, v)
	case bool:
		buf.Write(strconv.AppendBool(buf.AvailableBuffer(), v))
	case int:
		buf.Write(strconv.AppendInt(buf.AvailableBuffer(), int64(v), 10))
	case model.Document:
		return encodeObject(buf, v)
	case map[string]any:
		return encodeObject(buf, v)
	case []any:
		return encodeList(buf, v)
	default:
		return encodeOther(buf, v)
	}
	return nil
}

func encodeRecord(buf *bytes.Buffer, r Record) error {
	buf.WriteByte('{')
	for i, f := range r {
		if i > 0 {
			buf.WriteByte(',')
		}
		buf.WriteByte('"')
		buf.WriteString(f.Name)
		buf.WriteString(`":`)
		if err := encode(buf, f.Value); err != nil {
			return err
		}
	}
	buf.WriteByte('}')
	return nil
}

func encodeObject(buf *bytes.Buffer, m map[string]any) error {
	if m == nil {
		buf.WriteString("null")
		return nil
	}
	buf.WriteByte('{')
	for i, key := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			buf.WriteByte(',')
		}
		if err := encodeText(buf, key); err != nil {
			return err
		}
		buf.WriteByte(':')
		if err := encode(buf, m[key]); err != nil {
			return err
		}
	}
	buf.WriteByte('}')
	return nil
}

func encodeList[T any](buf *bytes.Buffer, list []T) error {
	if list == nil {
		buf.WriteString("null")
		return nil
	}
	buf.WriteByte('[')
	for i, item := range list {
		if i > 0 {
			buf.WriteByte(',')
		}
		if err := encode(buf, item); err != nil {
			return err
		}
	}
	buf.WriteByte(']')
	return nil
}

// encodeText writes a text; one with characters that JSON writes otherwise is left to encoding/json.
func encodeText(buf *bytes.Buffer, s string) error {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf || c == 0x7f {
			return encodeAny(buf, s)
		}
	}
	buf.WriteByte('"')
	buf.WriteString(s)
	buf.WriteByte('"')
	return nil
}

// encodeOther writes names and numbers with types of their own without encoding/json.
func encodeOther(buf *bytes.Buffer, v any) error {
	if n, ok := v.(json.Number); ok {
		if isPlain(n) {
			buf.WriteString(string(n))
			return nil
		}
		return encodeAny(buf, v)
	}
	r := reflect.ValueOf(v)
	if r.Kind() != reflect.String {
		return encodeAny(buf, v)
	}
	switch v.(type) {
	case json.Marshaler, encoding.TextMarshaler:
		return encodeAny(buf, v)
	}
	return encodeText(buf, r.String())
}

// isPlain reports whether a number is a whole one without anything special.
func isPlain(n json.Number) bool {
	if n == "" || n[0] == '0' && len(n) > 1 {
		return false
	}
	for i := range len(n) {
		if n[i] < '0' || n[i] > '9' {
			return false
		}
	}
	return true
}

func encodeAny(buf *bytes.Buffer, v any) error {
	data, err := model.EncodeJSON(v)
	if err != nil {
		return fmt.Errorf("encode a %T: %w", v, err)
	}
	buf.Write(data)
	return nil
}
