package argument

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/reifyhq/reify/internal/cli/exit"
	"github.com/reifyhq/reify/internal/client"
)

func TestReadValues(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "inputs.yaml")
	if err := os.WriteFile(file, []byte("port: 80\nname: web\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		given []string
		want  string // as JSON; empty where it is a wrong command line
	}{
		{nil, `{}`},
		{[]string{" "}, `{}`},
		{[]string{"a=1;b=x"}, `{"a":1,"b":"x"}`},
		{[]string{`a=x\;y\=z`}, `{"a":"x;y=z"}`},
		{[]string{"a=b=c"}, `{"a":"b=c"}`},
		{[]string{`{"a": {"b": [1]}}`}, `{"a":{"b":[1]}}`},
		{[]string{file, "port=81"}, `{"name":"web","port":81}`},
		{[]string{"port=81", file}, `{"name":"web","port":80}`},
		{[]string{"neither"}, ""},
		{[]string{"{no JSON"}, ""},
	} {
		v, err := ReadValues(c.given)
		var usage *exit.UsageError
		if errors.As(err, &usage) != (c.want == "") {
			t.Errorf("ReadValues(%q): error %v", c.given, err)
		}
		if c.want == "" {
			continue
		}
		if got, err := json.Marshal(v.Document); err != nil || string(got) != c.want {
			t.Errorf("ReadValues(%q) = %s, %v; want %s", c.given, got, err, c.want)
		}
	}
}

// TestTyped checks that what a declaration wants as text stays as it was written.
func TestTyped(t *testing.T) {
	t.Parallel()
	v, err := ReadValues([]string{"version=1.10;count=2"})
	if err != nil || !v.HasAmbiguous() {
		t.Fatalf("ambiguous: %v, error: %v", v.HasAmbiguous(), err)
	}
	got := v.Typed(map[string]client.Input{"version": {Type: "string"}, "count": {Type: "integer"}})
	if got["version"] != "1.10" || reflect.DeepEqual(got["count"], "2") {
		t.Errorf("typed: %#v", got)
	}
	if v, err := ReadValues([]string{"name=web"}); err != nil || v.HasAmbiguous() {
		t.Errorf("plain text is taken for ambiguous, error %v", err)
	}
}

func TestLabels(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]client.Label{
		"":                 nil,
		"env:prod, a:b,":   {{Key: "env", Value: "prod"}, {Key: "a", Value: "b"}},
		`url:http\://h\,i`: {{Key: "url", Value: "http://h,i"}},
	} {
		if got, err := Labels(text); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("Labels(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"env", "env:", ":prod", "a:b:c"} {
		if got, err := Labels(text); err == nil {
			t.Errorf("Labels(%q) = %v, want an error", text, got)
		}
	}
}

// TestRules checks that a rule is written as it is typed, and read back as the same rule.
func TestRules(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"env=prod", "env=[a,b]", "env!=prod", "env!=[a,b]", "env is null", "env is not null",
		"env is not empty", "id contains web", "id does-not-contain web", "id starts-with w", "id ends-with b", "env is-not prod"} {
		rule, err := Rule(text, "label")
		if err != nil {
			t.Errorf("Rule(%q): %v", text, err)
			continue
		}
		values := make([]any, len(rule.Values))
		for i, v := range rule.Values {
			values[i] = v
		}
		got := RuleTexts([]any{map[string]any{"key": rule.Key, "operator": rule.Operator, "values": values}})
		if len(got) != 1 || got[0] != text {
			t.Errorf("rule %q is %+v and is written as %q", text, rule, got)
		}
	}
	for _, text := range []string{"", "env", "=prod"} {
		if rule, err := Rule(text, "label"); err == nil {
			t.Errorf("Rule(%q) = %+v, want an error", text, rule)
		}
	}
}
