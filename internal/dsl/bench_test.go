package dsl

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/reifyhq/reify/internal/dsl/value"
	"github.com/reifyhq/reify/internal/topology"
)

// largeBlueprint makes a blueprint of about the given number of lines.
func largeBlueprint(lines int) string {
	var b strings.Builder
	b.WriteString("tosca_definitions_version: cloudify_dsl_1_5\nimports:\n  - cloudify/types/types.yaml\ninputs:\n  port: {default: 80}\nnode_templates:\n")
	for i := 0; lines > 0; i++ {
		fmt.Fprintf(&b, `  vm%d:
    type: cloudify.nodes.Compute
    properties:
      ip: 10.0.%d.%d
      agent_config:
        install_method: none
  web%d:
    type: cloudify.nodes.WebServer
    properties:
      port: { get_input: port }
    interfaces:
      cloudify.interfaces.lifecycle:
        create:
          implementation: script.script_runner.tasks.run
          inputs:
            script_path: scripts/create.sh
            env:
              host: { get_property: [vm%d, ip] }
              port: { get_property: [SELF, port] }
    relationships:
      - type: cloudify.relationships.contained_in
        target: vm%d
`, i, i/250%250, i%250, i, i, i)
		lines -= 22
	}
	return b.String()
}

// Budget: 50,000 lines to a plan in at most 0.6 s.
func BenchmarkParse50000Lines(b *testing.B) {
	in := Input{Text: []byte(largeBlueprint(50000)), Location: "/bp/blueprint.yaml"}
	b.SetBytes(int64(len(in.Text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, errs := Parse(context.Background(), in, memory{}); errs.HasErrors() {
			b.Fatal(errs.First())
		}
	}
}

// Budget: a typical blueprint with the full built-in types in at most 5 ms.
func BenchmarkParseTypical(b *testing.B) {
	src := memory{"/bp/scripts/create.sh": "", "/bp/scripts/start.py": ""}
	in := Input{Text: []byte(strings.Replace(webBlueprint, "VERSION", "1_5", 1)), Location: "/bp/blueprint.yaml"}
	b.ReportAllocs()
	for b.Loop() {
		if _, errs := Parse(context.Background(), in, src); errs.HasErrors() {
			b.Fatal(errs.First())
		}
	}
}

// Budget: a plan of 50,000 lines prepared in at most 0.6 s.
func BenchmarkPrepare50000Lines(b *testing.B) {
	p, errs := Parse(context.Background(), Input{Text: []byte(largeBlueprint(50000))}, memory{})
	if errs.HasErrors() {
		b.Fatal(errs.First())
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Prepare(context.Background(), p, PrepareInput{Inputs: value.NewMap(), NewID: counter()}); err != nil {
			b.Fatal(err)
		}
	}
}

// Budget: 100,000 instances in at most 2 s and 500 MiB.
func BenchmarkCreate100000Instances(b *testing.B) {
	text := strings.Replace(strings.Replace(webBlueprint, "VERSION", "1_5", 1), "default_instances: 2", "default_instances: 50000", 1)
	src := memory{"/bp/scripts/create.sh": "", "/bp/scripts/start.py": ""}
	p, errs := Parse(context.Background(), Input{Text: []byte(text), Location: "/bp/blueprint.yaml"}, src)
	if errs.HasErrors() {
		b.Fatal(errs.First())
	}
	b.ReportAllocs()
	for b.Loop() {
		is, err := topology.CreateInstances(p, topology.IDs{New: counter()})
		if err != nil || len(is) != 100000 {
			b.Fatal(len(is), err)
		}
	}
}

func BenchmarkPlanJSON(b *testing.B) {
	p, errs := Parse(context.Background(), Input{Text: []byte(largeBlueprint(10000))}, memory{})
	if errs.HasErrors() {
		b.Fatal(errs.First())
	}
	for b.Loop() {
		data, err := p.MarshalJSON()
		if err != nil {
			b.Fatal(err)
		}
		if err := new(Plan).UnmarshalJSON(data); err != nil {
			b.Fatal(err)
		}
	}
}
