package script

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/reifyhq/reify/internal/model"
)

// FuzzWalk walks any arguments over a small context: whatever a script sends is answered with a value that has a JSON
// form, or with an error.
func FuzzWalk(f *testing.F) {
	for _, seed := range []string{
		`["node","properties","a.b[0]"]`, `["props","x","1"]`, `["props","a.b.c",{"k":[1]}]`, `["props","get","a",{"default":2}]`,
		`["props","a[99999999999999999999]"]`, `["props","[0]","x"]`, `["props","..","x"]`, `["props","update",{"a":1}]`,
		`["call",1,{"k":2}]`, `[null]`, `["props","pop"]`, `["list","0"]`, `["props","a[-1]"]`, `["props","setdefault","q",[]]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var args []any
		if err := model.DecodeJSON(data, &args); err != nil {
			return
		}
		props := &tracked{values: map[string]any{"a": map[string]any{"b": []any{"x", map[string]any{}}}, "s": "text"}}
		root := &object{class: "test", attributes: attributes{
			"props": attr(props),
			"list":  attr([]any{json.Number("1")}),
			"node": attr(&object{class: "node", attributes: attributes{
				"properties": attr(&tracked{values: map[string]any{"a": json.Number("1")}, refuse: readOnly}),
			}}),
			"call": attr(function(func(args []any, kwargs map[string]any) (any, error) {
				return bindAll(args, kwargs)
			})),
		}}
		value, err := walk(root, args)
		if err != nil {
			if exceptionType(err) == "" || strings.TrimSpace(err.Error()) == "" {
				t.Errorf("%s: an error without a text", data)
			}
			return
		}
		if _, err := model.EncodeJSON(encodable(value)); err != nil {
			t.Errorf("%s: the answer has no JSON form: %v", data, err)
		}
		if _, err := model.EncodeJSON(encodable(props)); err != nil {
			t.Errorf("%s: the properties have no JSON form: %v", data, err)
		}
	})
}

func bindAll(args []any, kwargs map[string]any) (any, error) {
	bound, err := bind("call", args, kwargs, "first", "second")
	return any(bound), err
}

func TestSegments(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]segment{
		"a": {key: "a"}, "a[0]": {key: "a", isIndex: true}, "a[12]": {key: "a", index: 12, isIndex: true}, "[1]": {key: "[1]"},
		"a[-1]": {key: "a[-1]"}, "a[]": {key: "a[]"}, "a[x]": {key: "a[x]"}, "a[1": {key: "a[1"}, "": {}, "a[1][2]": {key: "a[1]", index: 2, isIndex: true},
		"a[+1]": {key: "a[+1]"}, "a[99999999999]": {key: "a[99999999999]"},
	} {
		if got := parseSegment(text); got != want {
			t.Errorf("%q is %+v, want %+v", text, got, want)
		}
	}
}

func TestDedent(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a\n b": "a\n b", "  a\n    b\n\n  c": "a\n  b\n\nc", "\ta\n  b": "\ta\n  b", "    a\n  \t\n    b\n": "a\n\nb\n",
	} {
		if got := dedent(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}
