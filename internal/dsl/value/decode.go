package value

import (
	"encoding/json"
	"errors"
	"fmt"
)

// DecodeJSON reads one JSON document as a free value, keeping the order of
// objects and the difference of integers and floats.
func DecodeJSON(data []byte) (any, error) {
	if !json.Valid(data) {
		var v any
		if err := json.Unmarshal(data, &v); err != nil {
			return nil, fmt.Errorf("read JSON: %w", err)
		}
		return nil, errors.New("read JSON: not a document")
	}
	d := decoder{data: data, names: map[string]string{}}
	v, err := d.value(0)
	if err != nil {
		return nil, fmt.Errorf("read JSON: %w", err)
	}
	return v, nil
}

// decoder reads a document whose grammar was checked before.
type decoder struct {
	data []byte
	at   int
	// names holds each key once.
	names map[string]string
}

func (d *decoder) space() {
	for d.at < len(d.data) {
		switch d.data[d.at] {
		case ' ', '\t', '\n', '\r', ',', ':':
			d.at++
		default:
			return
		}
	}
}

func (d *decoder) value(depth int) (any, error) {
	if depth > maxDepth {
		return nil, errors.New("value is nested too deep")
	}
	d.space()
	switch c := d.data[d.at]; c {
	case '{':
		return d.object(depth)
	case '[':
		return d.list(depth)
	case '"':
		raw := d.text()
		return unquote(raw)
	case 't':
		d.at += len("true")
		return true, nil
	case 'f':
		d.at += len("false")
		return false, nil
	case 'n':
		d.at += len("null")
		return nil, nil
	}
	start := d.at
	for d.at < len(d.data) && isNumeral(d.data[d.at]) {
		d.at++
	}
	return number(string(d.data[start:d.at]))
}

func isNumeral(c byte) bool {
	return c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'
}

func (d *decoder) object(depth int) (any, error) {
	m := &Map{}
	d.at++
	for {
		d.space()
		if d.data[d.at] == '}' {
			d.at++
			return m, nil
		}
		raw := d.text()
		key, ok := d.names[string(raw)]
		if !ok {
			var err error
			if key, err = unquote(raw); err != nil {
				return nil, err
			}
			d.names[string(raw)] = key
		}
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		m.Set(key, v)
	}
}

func (d *decoder) list(depth int) (any, error) {
	out := []any{}
	d.at++
	for {
		d.space()
		if d.data[d.at] == ']' {
			d.at++
			return out, nil
		}
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
}

// text gives a string with its quotes.
func (d *decoder) text() []byte {
	start := d.at
	for d.at++; d.data[d.at] != '"'; d.at++ {
		if d.data[d.at] == '\\' {
			d.at++
		}
	}
	d.at++
	return d.data[start:d.at]
}

// unquote gives the text of a string with its quotes.
func unquote(raw []byte) (string, error) {
	for _, c := range raw {
		if c == '\\' || c >= 0x80 {
			var s string
			err := json.Unmarshal(raw, &s)
			return s, err
		}
	}
	return string(raw[1 : len(raw)-1]), nil
}
