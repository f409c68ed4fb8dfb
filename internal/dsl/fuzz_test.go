package dsl

import (
	"context"
	"strings"
	"testing"

	"github.com/reifyhq/reify/internal/dsl/fn"
	"github.com/reifyhq/reify/internal/dsl/value"
)

// Whatever the text: a plan or problems, never both, never a panic.
func FuzzParse(f *testing.F) {
	seeds := []string{
		strings.Replace(webBlueprint, "VERSION", "1_5", 1), "", "[]", "tosca_definitions_version: cloudify_dsl_1_5\n",
		"tosca_definitions_version: cloudify_dsl_1_5\nnode_types: {a: {derived_from: a}}",
		"tosca_definitions_version: cloudify_dsl_1_5\ndata_types: {a: {properties: {b: {type: a}}}}",
		"tosca_definitions_version: cloudify_dsl_1_5\ninputs: {a: {type: list, item_type: integer, default: [x], constraints: [{in_range: [1, 2]}]}}",
		"tosca_definitions_version: cloudify_dsl_1_5\nnode_types: {t: {}}\nnode_templates: {n: {type: t}, m: }\ngroups: {g: {members: [n, h]}, h: {members: [g]}}\npolicies: {p: {type: cloudify.policies.scaling, targets: [g, h]}}",
		"tosca_definitions_version: cloudify_dsl_1_5\nimports: [a--blueprint:x, {plugin:y: {z: 1}}]\nplugins: {p: [], q: {properties: {a: }}}\nworkflows: {w: , v: [], u: p.x}",
		"tosca_definitions_version: cloudify_dsl_1_5\noutputs: {o: {value: {concat: [{get_input: []}, {get_property: [SELF]}]}}}\nlabels: {a: {values: [{get_attribute: [x, y]}]}}\ndeployment_settings: {default_schedules: {s: {since: '25:99', weekdays: [1]}}}",
	}
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, errs := Parse(context.Background(), Input{Text: []byte(text), Location: "/bp/b.yaml"}, memory{})
		if (p == nil) != errs.HasErrors() {
			t.Fatal("a plan and problems, or neither")
		}
		_ = errs.Sorted()
		if p == nil {
			return
		}
		data, err := p.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if err := new(Plan).UnmarshalJSON(data); err != nil {
			t.Fatal(err)
		}
		if manyInstances(p) {
			return
		}
		_, _ = Prepare(context.Background(), p, PrepareInput{NewID: counter()})
	})
}

// manyInstances tells whether a plan asks for so many instances that making
// them would take the time of fuzzing.
func manyInstances(p *Plan) bool {
	many := func(props *value.Map) bool {
		c, ok := value.Compare(props.At("current_instances"), int64(10))
		return ok && c > 0
	}
	for _, n := range p.Nodes {
		scal, _ := n.Capabilities.At("scalable").(*value.Map)
		if props, _ := scal.At("properties").(*value.Map); many(props) {
			return true
		}
	}
	for _, g := range p.ScalingGroups.All() {
		if many(g.Properties) {
			return true
		}
	}
	return false
}

// nothing is a Storage in which there is nothing.
type nothing struct{}

func (nothing) Node(context.Context, string) (*fn.NodeData, error) { return nil, fn.ErrNotFound }
func (nothing) NodeInstance(context.Context, string) (*fn.NodeInstance, error) {
	return nil, fn.ErrNotFound
}
func (nothing) NodeInstances(context.Context, string) ([]*fn.NodeInstance, error) { return nil, nil }
func (nothing) Inputs(context.Context) (*value.Map, error) {
	return value.MapOf("a", value.MapOf("get_input", "b"), "b", value.MapOf("get_input", "a"), "c", []any{int64(1), "x"}), nil
}
func (nothing) Secret(context.Context, string) (any, error)         { return `{"k": [1]}`, nil }
func (nothing) Lookup(context.Context, fn.Kind, []any) (any, error) { return nil, fn.ErrNotFound }

// Evaluation of any payload ends.
func FuzzEvaluate(f *testing.F) {
	for _, s := range []string{`{"get_input": "a"}`, `{"concat": [{"get_input": ["c", 0]}, {"string_split": ["a b", " ", 0]}]}`, `{"get_secret": ["s", "k", 0]}`,
		`{"merge": [{"a": 1}, {"get_input": "c"}]}`, `{"string_replace": ["a", "a", "b", -1]}`, `{"get_attribute": ["SELF", "x"]}`, `{"concat": {"get_input": "c"}}`,
		`[{"get_property": ["n", {"get_input": "b"}]}]`, `{"get_sys": ["tenant", "name"]}`, `{"get_label": ["k", "0"]}`, `{"string_find": ["a", ""]}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := value.DecodeJSON([]byte(text))
		if err != nil {
			return
		}
		_, _ = fn.Evaluate(context.Background(), v, fn.Scope{}, nothing{})
	})
}
