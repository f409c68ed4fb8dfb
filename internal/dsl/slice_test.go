package dsl

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reifyhq/reify/internal/dsl/value"
)

// memory is a Source of files held in memory, by path.
type memory map[string]string

func (m memory) Fetch(_ context.Context, u, _ string) (Fetched, error) {
	if t, ok := m[strings.TrimPrefix(u, "file:")]; ok {
		return Fetched{Text: []byte(t)}, nil
	}
	return Fetched{}, fmt.Errorf("no such file")
}

func (m memory) Exists(_ context.Context, u string) bool {
	_, ok := m[strings.TrimPrefix(u, "file:")]
	return ok
}

// counter makes ids that never repeat.
func counter() func(string) string {
	n := 0
	return func(name string) string {
		n++
		return fmt.Sprintf("%s_%06d", name, n)
	}
}

const webBlueprint = `tosca_definitions_version: cloudify_dsl_VERSION
imports:
  - cloudify/types/types.yaml
inputs:
  port: {type: integer, default: 8080}
  name: {type: string}
node_templates:
  vm:
    type: cloudify.nodes.Compute
    properties:
      ip: 10.0.0.1
      agent_config: {install_method: none}
    capabilities: {scalable: {properties: {default_instances: 2}}}
  web:
    type: cloudify.nodes.WebServer
    properties: {port: {get_input: port}}
    interfaces:
      cloudify.interfaces.lifecycle:
        create: scripts/create.sh
        start:
          implementation: scripts/start.py
          inputs:
            url: {concat: ['http://', {get_property: [vm, ip]}, ':', {get_property: [SELF, port]}]}
            host: {get_attribute: [vm, ip]}
    relationships:
      - type: cloudify.relationships.contained_in
        target: vm
capabilities:
  endpoint: {value: {get_attribute: [web, endpoint]}}
outputs:
  name: {value: {get_input: name}}
`

func TestWebBlueprintToInstances(t *testing.T) {
	for _, version := range []string{"1_3", "1_4", "1_5"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			src := memory{"/bp/scripts/create.sh": "", "/bp/scripts/start.py": ""}
			in := Input{Text: []byte(strings.Replace(webBlueprint, "VERSION", version, 1)), Location: "/bp/blueprint.yaml"}
			p, errs := Parse(context.Background(), in, src)
			if errs.HasErrors() {
				t.Fatal(errs.First())
			}
			if !p.Workflows.Has("install") || !p.Workflows.Has("execute_operation") {
				t.Fatalf("workflows: %v", p.Workflows.Keys())
			}
			d, err := Prepare(context.Background(), p, PrepareInput{Inputs: value.MapOf("name", "shop"), NewID: counter()})
			if err != nil {
				t.Fatal(err)
			}
			start := d.Nodes[1].Operations.At("cloudify.interfaces.lifecycle.start")
			want := map[string]any{"url": "http://10.0.0.1:8080", "host": map[string]any{"get_attribute": []any{"vm", "ip"}}, "script_path": "scripts/start.py"}
			if diff := cmp.Diff(want, value.Plain(start.Inputs)); diff != "" {
				t.Errorf("inputs of start (-want +got):\n%s", diff)
			}
			if start.Plugin != "script" || start.Executor != "auto" || !start.HasIntrinsicFunctions {
				t.Errorf("start is %+v", start)
			}
			if d.Nodes[1].HostID != "vm" || len(d.NodeInstances) != 4 {
				t.Errorf("host %q, %d instances", d.Nodes[1].HostID, len(d.NodeInstances))
			}
			if got := value.Plain(d.Outputs); !cmp.Equal(got, map[string]any{"name": map[string]any{"value": "shop"}}) {
				t.Errorf("outputs are %v", got)
			}
		})
	}
}

// A plan is stored as JSON between parsing and use.
func TestPlanSurvivesJSON(t *testing.T) {
	text := `tosca_definitions_version: cloudify_dsl_1_5
inputs: {z: {default: 1.0}, a: {default: 1}, big: {default: 123456789012345678901234567890}}
outputs: {o: {value: [1e3, 1.0e+30, .5, null, true]}}
`
	p, errs := Parse(context.Background(), Input{Text: []byte(text)}, memory{})
	if errs.HasErrors() {
		t.Fatal(errs.First())
	}
	data, err := p.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	q := &Plan{}
	if err := q.UnmarshalJSON(data); err != nil {
		t.Fatal(err)
	}
	if a, b := value.Repr(p.Value()), value.Repr(q.Value()); a != b {
		t.Errorf("changed by JSON:\n%s\n%s", a, b)
	}
	if diff := cmp.Diff([]string{"z", "a", "big"}, q.Inputs.Keys()); diff != "" {
		t.Errorf("order of inputs (-want +got):\n%s", diff)
	}
}

// Blueprints of every age find their built-in types.
func TestReleasedTypes(t *testing.T) {
	t.Parallel()
	tests := []struct{ version, release string }{
		{"1_0", "3.1"}, {"1_0", "3.2"}, {"1_2", "3.3"}, {"1_3", "3.4"}, {"1_3", "4.0"}, {"1_3", "4.3"}, {"1_3", "4.5.5"}, {"1_3", "5.0.5"},
		{"1_3", "5.2.0"}, {"1_3", "6.2.0"}, {"1_3", "6.3.0"}, {"1_4", "6.4.0"}, {"1_4", "7.0.0"}, {"1_5", "7.1.0"},
	}
	for _, tt := range tests {
		text := "tosca_definitions_version: cloudify_dsl_" + tt.version + "\nimports: ['http://www.getcloudify.org/spec/cloudify/" + tt.release +
			"/types.yaml']\nnode_templates: {vm: {type: cloudify.nodes.Compute}, app: {type: cloudify.nodes.ApplicationServer, relationships: " +
			"[{type: cloudify.relationships.contained_in, target: vm}]}}\n"
		p, errs := Parse(context.Background(), Input{Text: []byte(text)}, memory{})
		if errs.HasErrors() {
			t.Errorf("%s: %v", tt.release, errs.First())
			continue
		}
		if p.Nodes[1].HostID != "vm" || !p.Workflows.Has("install") {
			t.Errorf("%s: host %q, workflows %v", tt.release, p.Nodes[1].HostID, p.Workflows.Keys())
		}
	}
}

// One run tells all problems, and first the one that the reference raises.
func TestAllProblemsInOneRun(t *testing.T) {
	t.Parallel()
	text := `tosca_definitions_version: cloudify_dsl_1_5
inputs: {a: {type: zz}, b: {type: integer, default: x}}
node_types: {t: {properties: {p: {}}}, u: {derived_from: zz}}
node_templates:
  n: {type: t, properties: {q: 1}}
  m: {type: tt}
outputs: {o: {valeu: 1}}
nodes: {}
`
	_, errs := Parse(context.Background(), Input{Text: []byte(text)}, memory{})
	var got []string
	for _, d := range errs.Sorted() {
		got = append(got, fmt.Sprintf("%d:%d %s", d.Range.Start.Line, d.Range.Start.Column, d.Code))
	}
	want := []string{"2:14 unknown-data-type", "2:44 property-type", "3:44 unknown-type", "5:29 unknown-property",
		"6:13 unknown-type", "7:11 missing-key", "7:15 unknown-key", "8:1 unknown-section"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if first := errs.First(); !strings.HasPrefix(first.Message, "'nodes' is not in schema.") {
		t.Errorf("first is %v", first)
	}
}

// Built-in types and plans are shared by concurrent requests.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	src := memory{"/bp/scripts/create.sh": "", "/bp/scripts/start.py": ""}
	in := Input{Text: []byte(strings.Replace(webBlueprint, "VERSION", "1_5", 1)), Location: "/bp/blueprint.yaml"}
	shared, errs := Parse(context.Background(), in, src)
	if errs.HasErrors() {
		t.Fatal(errs.First())
	}
	inputs := value.MapOf("name", "shop")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, errs := Parse(context.Background(), in, src); errs.HasErrors() {
				t.Error(errs.First())
			}
			if _, err := Prepare(context.Background(), shared, PrepareInput{Inputs: inputs, NewID: counter()}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestCastOfInputs(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text, typ string
		want      any
	}{
		{" 5 ", "integer", int64(5)}, {"1_000", "integer", int64(1000)}, {"_1", "integer", "_1"}, {"1.0", "integer", "1.0"}, {"x", "integer", "x"},
		{"1.5", "float", 1.5}, {"1e3", "float", 1000.0}, {"0x10", "float", "0x10"}, {"true", "boolean", true}, {"True", "boolean", "True"}, {"5", "string", "5"},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, cast(tt.text, tt.typ)); diff != "" {
			t.Errorf("%q as %s (-want +got):\n%s", tt.text, tt.typ, diff)
		}
	}
}
