// Package argument reads what people write on a command line: values of inputs, labels, rules of filters, visibilities and
// ids. What cannot be read is an exit.UsageError that says what is wanted.
//
// It reads the files that are named in values and touches nothing else; it never asks a manager.
package argument

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"

	"github.com/reifyhq/reify/internal/cli/exit"
	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/dsl"
	"github.com/reifyhq/reify/internal/dsl/yamltree"
	"github.com/reifyhq/reify/internal/model"
)

// Values are free values that a user gave: inputs, parameters, runtime properties.
type Values struct {
	// Document holds all of them; assignments that are JSON have the type of their JSON.
	Document model.Document
	// texts are the values of key=value assignments as they were written.
	texts map[string]string
}

// ReadValues reads what was given with -i or -p, each of which is a YAML or JSON file, a JSON object, or assignments
// key=value separated by semicolons. Later ones win.
func ReadValues(given []string) (Values, error) {
	v := Values{Document: model.Document{}, texts: map[string]string{}}
	for _, g := range given {
		switch trimmed := strings.TrimSpace(g); {
		case trimmed == "":
		case strings.HasPrefix(trimmed, "{"):
			if err := v.mapping([]byte(trimmed)); err != nil {
				return v, exit.Usagef("cannot read %q: %v", g, err)
			}
		case IsFile(g):
			data, err := os.ReadFile(g)
			if err != nil {
				return v, err
			}
			if err := v.mapping(data); err != nil {
				return v, exit.Usagef("cannot read %s: %v", g, err)
			}
		default:
			if err := v.assignments(g); err != nil {
				return v, err
			}
		}
	}
	return v, nil
}

// IsFile reports whether name is a regular file.
func IsFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// decodeMapping reads JSON, or else YAML as blueprints are written in.
func decodeMapping(data []byte) (model.Document, error) {
	var d model.Document
	if json.Unmarshal(data, &d) == nil {
		return d, nil
	}
	tree, yamlErr := yamltree.Load(data, "", "")
	if yamlErr != nil {
		return nil, yamlErr
	}
	if !tree.IsMap() {
		return nil, errors.New("it is not a mapping")
	}
	// By way of JSON, which keeps 1 and 1.0 apart in the documents that are sent.
	text, err := dsl.EncodeJSON(tree.Value())
	if err != nil {
		return nil, err
	}
	return d, json.Unmarshal(text, &d)
}

func (v Values) mapping(data []byte) error {
	m, err := decodeMapping(data)
	if err != nil {
		return err
	}
	maps.Copy(v.Document, m)
	for k := range m {
		delete(v.texts, k)
	}
	return nil
}

// assignments reads key=value;key=value. A backslash keeps a semicolon or equals sign from separating. A value that is
// JSON is that value, everything else is text.
func (v Values) assignments(text string) error {
	for _, part := range splitEscaped(text, ';') {
		if strings.TrimSpace(part) == "" {
			continue
		}
		pair := splitEscaped(part, '=')
		if len(pair) < 2 || strings.TrimSpace(pair[0]) == "" {
			return exit.Usagef("cannot read %q: it is neither an existing file nor key=value", text)
		}
		key, value := unescape(strings.TrimSpace(pair[0])), unescape(strings.Join(pair[1:], "="))
		v.texts[key] = value
		v.Document[key] = value
		var typed any
		if model.DecodeJSON([]byte(value), &typed) == nil {
			v.Document[key] = typed
		}
	}
	return nil
}

// splitEscaped splits at each sep that is not preceded by a backslash; the backslashes stay.
func splitEscaped(s string, sep byte) []string {
	var parts []string
	start := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case sep:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

func unescape(s string) string {
	return strings.NewReplacer(`\;`, ";", `\=`, "=", `\\`, `\`).Replace(s)
}

// Typed returns the values for inputs that were declared: text stays text where the declaration wants text, so that
// version=1.10 is not taken for a number.
func (v Values) Typed(declared map[string]client.Input) model.Document {
	out := maps.Clone(v.Document)
	for key, text := range v.texts {
		switch declared[key].Type {
		case "", "integer", "float", "boolean", "list", "dict":
		default:
			if !strings.HasPrefix(strings.TrimSpace(text), "{") {
				out[key] = text
			}
		}
	}
	return out
}

// HasAmbiguous reports whether an assignment was read as something else than text, so that its declaration matters.
func (v Values) HasAmbiguous() bool {
	for key := range v.texts {
		if _, isText := v.Document[key].(string); !isText {
			return true
		}
	}
	return false
}

// Labels reads key:value pairs separated by commas.
func Labels(text string) ([]client.Label, error) {
	var labels []client.Label
	for _, part := range splitEscaped(text, ',') {
		if strings.TrimSpace(part) == "" {
			continue
		}
		pair := splitEscaped(part, ':')
		if len(pair) != 2 || strings.TrimSpace(pair[0]) == "" || strings.TrimSpace(pair[1]) == "" {
			return nil, exit.Usagef("cannot read the label %q; want key:value", part)
		}
		clean := func(s string) string {
			return strings.NewReplacer(`\,`, ",", `\:`, ":", `\\`, `\`).Replace(strings.TrimSpace(s))
		}
		labels = append(labels, client.Label{Key: clean(pair[0]), Value: clean(pair[1])})
	}
	return labels, nil
}

// Visibility checks a visibility; empty means tenant.
func Visibility(s string) (model.Visibility, error) {
	v := model.Visibility(s)
	if s == "" {
		v = model.VisibilityTenant
	}
	if !v.Valid() {
		return v, exit.Usagef("unknown visibility %q; want private, tenant or global", s)
	}
	return v, nil
}

// CheckID refuses an id that no manager takes, before anything is sent.
func CheckID(what, id string, anyFirst bool) error {
	if model.ValidID(id, anyFirst) {
		return nil
	}
	rule := "must start with a letter and have only letters, digits, and _ . - ~"
	if anyFirst {
		rule = "must have only letters, digits, and _ . - ~"
	}
	return &exit.UsageError{Text: fmt.Sprintf("the %s id %q %s (at most %d)", what, id, rule, model.MaxIDLength)}
}
