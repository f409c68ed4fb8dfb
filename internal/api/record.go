package api

import (
	"bytes"
	"net/http"
	"strings"
	"time"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
)

// Field is one key of a Record.
type Field struct {
	Name  string
	Value any
}

// Record is an answer object whose keys keep their order.
type Record []Field

// MarshalJSON writes the fields in order.
func (r Record) MarshalJSON() ([]byte, error) {
	var buf bytes.Buffer
	err := encodeRecord(&buf, r)
	return buf.Bytes(), err
}

// Pick returns the fields with the names, in the record's order; nil names mean all.
func (r Record) Pick(names map[string]bool) Record {
	if names == nil {
		return r
	}
	out := make(Record, 0, len(names))
	for _, f := range r {
		if names[f.Name] {
			out = append(out, f)
		}
	}
	return out
}

// Include reads the _include parameter against the fields that an empty record of the resource has; nil means all.
func Include(r *http.Request, blank Record) (map[string]bool, error) {
	text := r.URL.Query().Get("_include")
	if text == "" {
		return nil, nil
	}
	known := map[string]bool{}
	for _, f := range blank {
		known[f.Name] = true
	}
	names := map[string]bool{}
	var unknown []string
	for _, n := range strings.Split(text, ",") {
		if !known[n] {
			unknown = append(unknown, n)
		}
		names[n] = true
	}
	if len(unknown) > 0 {
		return nil, fault.New(fault.NoSuchIncludeField, "Include keys '%s' do not exist. Allowed keys are: %s",
			pythonList(unknown), pythonList(blank.names()))
	}
	return names, nil
}

func (r Record) names() []string {
	out := make([]string, len(r))
	for i, f := range r {
		out[i] = f.Name
	}
	return out
}

func pythonList(items []string) string {
	return "['" + strings.Join(items, "', '") + "']"
}

// Instant is the wire form of an instant: UTC with three fractional digits; nil for the zero instant.
func Instant(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// Text is the wire form of a text that may be absent: nil when empty.
func Text[S ~string](s S) any {
	if s == "" {
		return nil
	}
	return string(s)
}

// Common are the fields that end the record of every tenant resource (rest-api, section 1.6).
func Common(r model.Resource) Record {
	return Record{
		{"tenant_name", r.Tenant}, {"created_by", r.CreatedBy}, {"resource_availability", r.Visibility},
		{"private_resource", r.Visibility == model.VisibilityPrivate},
	}
}
