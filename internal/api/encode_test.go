package api

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/reifyhq/reify/internal/model"
)

// FuzzEncode holds the writer of answers against encoding/json.
func FuzzEncode(f *testing.F) {
	for _, text := range []string{
		`{"b":[1,-2,1.50,1e400,0,-0,10000000000000000000000],"a":{"<&>":"\u2028 \u0000 \ud800 \u007f ä"},"":null}`, `[true,false,null,"",[],{}]`, `"x"`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var v any
		if model.DecodeJSON([]byte(text), &v) != nil {
			v = text
		}
		for _, v := range []any{v, text, model.Visibility(text), model.Executor(text), json.Number(text), []any{v, nil}, map[string]any{text: v}, model.Document{text: v}} {
			want, failure := model.EncodeJSON(v)
			var got bytes.Buffer
			err := encode(&got, v)
			if (err == nil) != (failure == nil) || err == nil && got.String() != string(want) {
				t.Fatalf("%#v became %s (%v), not %s (%v)", v, got.String(), err, want, failure)
			}
		}
		record := Record{{Name: "a", Value: v}, {Name: "list", Value: []Record{{{Name: "b", Value: text}}, nil}}}
		var got bytes.Buffer
		if err := encode(&got, record); err != nil {
			t.Fatal(err)
		}
		var back struct {
			A    any
			List []map[string]any
		}
		if err := model.DecodeJSON(got.Bytes(), &back); err != nil {
			t.Fatalf("%s: %v", got.String(), err)
		}
	})
}

// TestEncodeNothing shows what absent values become.
func TestEncodeNothing(t *testing.T) {
	t.Parallel()
	for want, v := range map[string]any{
		"null": model.Document(nil), "[]": []Record{}, "{}": Record{}, `{"a":null}`: Record{{Name: "a", Value: []any(nil)}}, `""`: "",
		`{"a":{"total":1,"size":2,"offset":3}}`: Record{{Name: "a", Value: pagination{1, 2, 3}}},
	} {
		var got bytes.Buffer
		if err := encode(&got, v); err != nil || got.String() != want {
			t.Errorf("%#v became %s (%v), not %s", v, got.String(), err, want)
		}
	}
}
