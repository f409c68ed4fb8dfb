package parameter

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
)

func TestMerge(t *testing.T) {
	t.Parallel()
	w := model.Workflow{Parameters: map[string]model.WorkflowParameter{
		"count": {"type": "integer", "default": json.Number("1")},
		"flag":  {"type": "boolean", "default": false},
		"name":  {"type": "string"},
		"free":  {"default": nil},
	}}
	for name, c := range map[string]struct {
		given  model.Document
		custom bool
		want   model.Document
		err    string
	}{
		"defaults":       {given: model.Document{"name": "x"}, want: model.Document{"count": json.Number("1"), "flag": false, "name": "x", "free": nil}},
		"missing":        {given: model.Document{}, err: "must be provided with the following parameters to execute: name"},
		"unknown":        {given: model.Document{"name": "x", "b": 1, "a": 1}, err: "does not have the following parameters declared: a,b."},
		"custom":         {given: model.Document{"name": "x", "b": 1}, custom: true, want: model.Document{"count": json.Number("1"), "flag": false, "name": "x", "free": nil, "b": 1}},
		"wrong type":     {given: model.Document{"name": "x", "count": "many"}, err: `Parameter "count" must be of type integer`},
		"null passes":    {given: model.Document{"name": nil}, want: model.Document{"count": json.Number("1"), "flag": false, "name": nil, "free": nil}},
		"text to number": {given: model.Document{"name": "x", "count": "3"}, want: model.Document{"count": json.Number("3"), "flag": false, "name": "x", "free": nil}},
		"text to flag":   {given: model.Document{"name": "x", "flag": "true"}, want: model.Document{"count": json.Number("1"), "flag": true, "name": "x", "free": nil}},
	} {
		got, err := Merge("scale", w, c.given, c.custom)
		if c.err != "" {
			if !fault.Is(err, fault.IllegalExecutionParameters) || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v, want %q", name, err, c.err)
			}
			continue
		}
		if diff := cmp.Diff(texts(t, c.want), texts(t, got)); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

// texts is a document as JSON: 1 and json.Number("1") are one value.
func texts(t *testing.T, d model.Document) string {
	t.Helper()
	data, err := model.EncodeJSON(d)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
