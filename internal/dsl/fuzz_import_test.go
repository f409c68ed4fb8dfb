package dsl

import (
	"context"
	"strings"
	"testing"
)

// anywhere serves one document under every URL, and as a blueprint for blueprint: imports.
type anywhere string

func (a anywhere) Fetch(_ context.Context, u, _ string) (Fetched, error) {
	if strings.HasPrefix(u, "blueprint:") {
		return Fetched{Blueprint: &Input{Text: []byte(a), Location: "/other/b.yaml"}}, nil
	}
	return Fetched{Text: []byte(a)}, nil
}

func (anywhere) Exists(_ context.Context, u string) bool { return len(u)%2 == 0 }

// Whatever a main file imports, and whatever is found there (itself again included): a plan or problems, never a panic,
// and always an end.
func FuzzImports(f *testing.F) {
	seeds := [][2]string{
		{"a.yaml", "imports: [b.yaml, a.yaml]"},
		{"ns--a.yaml", "imports: [x--a.yaml]\nnode_types: {t: {derived_from: cloudify.nodes.Root}}"},
		{"ns--blueprint:x", "tosca_definitions_version: cloudify_dsl_1_3\nimports: [ns--blueprint:x, cloudify/types/types.yaml]\ninputs: {a: {}}"},
		{"plugin:p?version=>1,<2", "plugins: {p: {executor: host_agent, install: false, properties: {a: {type: integer}}}}"},
		{"{plugin:p: {a: 1}}", "plugins: {p: {executor: host_agent, install: false, properties: {a: {type: integer}}}}"},
		{"http://x/spec/cloudify/7.0.0/types.yaml", ""},
		{"cloudify/types/types.yaml", "node_types: {cloudify.nodes.Root: {}}\nmetadata: {cloudify_types: true}"},
		{"a--b--c.yaml", "dsl_definitions: &x {a: *x}"},
		{"a", "node_templates: {n: {type: t, relationships: []}}\nlabels: {a: {values: [b]}}"},
	}
	for _, s := range seeds {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, name, text string) {
		main := "tosca_definitions_version: cloudify_dsl_1_5\nimports:\n  - " + name + "\n  - second--" + name + "\n"
		p, errs := Parse(context.Background(), Input{Text: []byte(main), Location: "/bp/b.yaml", ResourcesBasePath: "/res"}, anywhere(text))
		if (p == nil) != errs.HasErrors() {
			t.Fatal("a plan and problems, or neither")
		}
		_ = errs.Sorted()
	})
}
