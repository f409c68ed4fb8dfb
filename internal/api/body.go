package api

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
)

// Body is a decoded JSON object with checked access to its keys. Methods answer fault.BadParameters in the words of the
// original (rest-api, section 1.1).
type Body map[string]any

// Need returns the fault for a mandatory key that is missing.
func (b Body) Need(key string) error {
	if _, ok := b[key]; !ok {
		return fault.New(fault.BadParameters, "Missing %s in json request body", key)
	}
	return nil
}

func wrongType(key, want string, v any) error {
	return fault.New(fault.BadParameters, "%s parameter is expected to be of type %s but is of type %s", key, want, kindOf(v))
}

// kindOf names the type of a JSON value as Python does.
func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "NoneType"
	case string:
		return "str"
	case bool:
		return "bool"
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return "float"
		}
		return "int"
	case []any:
		return "list"
	}
	return "dict"
}

// Text returns a string; a missing or null key is "".
func (b Body) Text(key string) (string, error) {
	switch v := b[key].(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	default:
		return "", wrongType(key, "str", v)
	}
}

// Texts returns strings that must all be there.
func (b Body) Texts(keys ...string) ([]string, error) {
	out := make([]string, len(keys))
	for i, key := range keys {
		if err := b.Need(key); err != nil {
			return nil, err
		}
		text, ok := b[key].(string)
		if !ok {
			return nil, wrongType(key, "str", b[key])
		}
		out[i] = text
	}
	return out, nil
}

// Bool returns a boolean that may also be the text true or false in any case; a missing or null key is def.
func (b Body) Bool(key string, def bool) (bool, error) {
	switch v := b[key].(type) {
	case nil:
		return def, nil
	case bool:
		return v, nil
	case string:
		switch strings.ToLower(v) {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
	}
	return false, fault.New(fault.BadParameters, "%s must be <true/false>, got %v", key, b[key])
}

// Int returns an integer; a missing or null key is def.
func (b Body) Int(key string, def int) (int, error) {
	v := b[key]
	if v == nil {
		return def, nil
	}
	if n, ok := v.(json.Number); ok {
		if i, err := strconv.Atoi(n.String()); err == nil {
			return i, nil
		}
	}
	return 0, wrongType(key, "int", v)
}

// Object returns an object; a missing or null key is nil.
func (b Body) Object(key string) (model.Document, error) {
	switch v := b[key].(type) {
	case nil:
		return nil, nil
	case map[string]any:
		return v, nil
	default:
		return nil, fault.New(fault.BadParameters, "request body's '%s' field must be a dict but is of type %s", key, kindOf(v))
	}
}

// List returns an array; a missing or null key is nil.
func (b Body) List(key string) ([]any, error) {
	switch v := b[key].(type) {
	case nil:
		return nil, nil
	case []any:
		return v, nil
	default:
		return nil, wrongType(key, "list", v)
	}
}

// OnlyLabels returns the labels of a body that may hold nothing else.
func (b Body) OnlyLabels() ([]model.Label, error) {
	var unknown []string
	for key := range b {
		if key != "labels" {
			unknown = append(unknown, key)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return nil, fault.New(fault.BadParameters, "Unknown parameters: %s", strings.Join(unknown, ", "))
	}
	return b.Labels("labels")
}

// Labels returns labels given as [{k: v}, {k: [v1, v2]}] or as [{key: k, value: v}].
func (b Body) Labels(key string) ([]model.Label, error) {
	list, err := b.List(key)
	if err != nil {
		return nil, err
	}
	return ParseLabels(list)
}

// ParseLabels reads labels in either of their two forms (rest-model, section 6).
func ParseLabels(list []any) ([]model.Label, error) {
	var out []model.Label
	bad := fault.New(fault.BadParameters, "Labels must be a list of 1-entry dictionaries: [{<key1>: <value1>}, {<key2>: [<value2>, <value3>]}, ...]")
	for _, item := range list {
		m, ok := item.(map[string]any)
		if !ok {
			return nil, bad
		}
		if k, isText := m["key"].(string); isText {
			v, isText := m["value"].(string)
			if !isText {
				return nil, bad
			}
			out = append(out, model.Label{Key: k, Value: v})
			continue
		}
		if len(m) != 1 {
			return nil, bad
		}
		for k, v := range m {
			values, isList := v.([]any)
			if !isList {
				values = []any{v}
			}
			for _, one := range values {
				text, isText := one.(string)
				if !isText {
					return nil, bad
				}
				out = append(out, model.Label{Key: k, Value: text})
			}
		}
	}
	return out, nil
}

// instantForms are the forms of instants that clients send.
var instantForms = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999", "2006-01-02 15:04:05.999999", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02",
}

// ParseInstant reads an instant in one of the accepted forms; one without a zone is UTC.
func ParseInstant(text string) (time.Time, error) {
	for _, form := range instantForms {
		if t, err := time.Parse(form, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fault.New(fault.BadParameters, "%q is not an instant; write it as 2024-01-31T23:59:59.000Z", text)
}
