package openapi

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/reifyhq/reify/internal/api"
)

type quiet string

// MarshalJSON writes nothing as null.
func (q quiet) MarshalJSON() ([]byte, error) {
	if q == "" {
		return []byte("null"), nil
	}
	return json.Marshal(string(q))
}

type part struct {
	Name   string `json:"name"`
	Next   *part  `json:"next,omitempty"`
	Limit  *int   `json:"limit"`
	Quiet  quiet  `json:"quiet"`
	Hidden string `json:"-"`
}

type thing struct {
	At    time.Time
	Text  string
	Parts []part
	Doc   json.RawMessage
	Any   any
	By    map[string]float64
	Free  map[string]any
}

func thingRecord(x *thing) api.Record {
	parts := x.Parts
	if parts == nil {
		parts = []part{}
	}
	return api.Record{{Name: "at", Value: api.Instant(x.At)}, {Name: "text", Value: api.Text(x.Text)}, {Name: "parts", Value: parts},
		{Name: "doc", Value: api.Raw(x.Doc)}, {Name: "any", Value: x.Any}, {Name: "by", Value: x.By}, {Name: "free", Value: x.Free},
		{Name: "old", Value: nil}, {Name: "made", Value: map[string]any{"n": 1}}}
}

// TestItem derives the schema of a record that has everything that records have.
func TestItem(t *testing.T) {
	t.Parallel()
	properties := Item(thingRecord)["properties"].(map[string]Schema)
	for name, want := range map[string]string{
		"at":   `{"format":"date-time","type":["string","null"]}`,
		"text": `{"type":["string","null"]}`,
		"doc":  `{}`,
		"any":  `{}`,
		"by":   `{"additionalProperties":{"type":"number"},"type":["object","null"]}`,
		"free": `{"type":["object","null"]}`,
		"old":  `{"type":"null"}`,
		"made": `{"properties":{"n":{"type":"integer"}},"type":"object"}`,
	} {
		got, err := json.Marshal(properties[name])
		if err != nil || string(got) != want {
			t.Errorf("%s: %s (%v), want %s", name, got, err, want)
		}
	}
	inner := properties["parts"]["items"].(Schema)["properties"].(map[string]Schema)
	for name, want := range map[string]string{"name": `{"type":"string"}`, "limit": `{"type":["integer","null"]}`, "quiet": `{"type":["string","null"]}`} {
		if got, err := json.Marshal(inner[name]); err != nil || string(got) != want {
			t.Errorf("parts[].%s: %s (%v), want %s", name, got, err, want)
		}
	}
	if inner["Hidden"] != nil || inner["-"] != nil || inner["next"] == nil {
		t.Errorf("parts have the fields %v", inner)
	}
}

// TestVariantsAreMerged checks that a schema fits all of the records.
func TestVariantsAreMerged(t *testing.T) {
	t.Parallel()
	s := Derive(api.Record{{Name: "n", Value: 1}, {Name: "only", Value: true}}, api.Record{{Name: "n", Value: map[string]int{"a": 1}}},
		api.Record{{Name: "n", Value: nil}})
	got, err := json.Marshal(s)
	want := `{"properties":{"n":{"additionalProperties":{"type":"integer"},"type":["integer","object","null"]},"only":{"type":"boolean"}},"type":"object"}`
	if err != nil || string(got) != want {
		t.Errorf("%s (%v), want %s", got, err, want)
	}
}
