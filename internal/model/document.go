package model

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Document is a JSON object whose shape is not ours: properties, inputs, parameters. Numbers inside a decoded document
// are json.Number, so that 1 and 1.0 stay different and no integer loses digits.
type Document map[string]any

// UnmarshalJSON decodes an object and keeps numbers as json.Number.
func (d *Document) UnmarshalJSON(data []byte) error {
	if string(data) == "{}" {
		*d = Document{}
		return nil
	}
	var m map[string]any
	if err := DecodeJSON(data, &m); err != nil {
		return err
	}
	*d = m
	return nil
}

// DecodeJSON decodes one JSON value into v, keeping numbers inside untyped values as json.Number. Anything but white
// space after the value is an error.
func DecodeJSON(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if len(bytes.TrimLeft(data[dec.InputOffset():], " \t\r\n")) > 0 {
		return fmt.Errorf("unexpected data after the JSON value at offset %d", dec.InputOffset())
	}
	return nil
}

// EncodeJSON encodes v without escaping <, > and &, and without the newline that json.Encoder adds.
func EncodeJSON(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(buf.Bytes(), "\n"), nil
}
