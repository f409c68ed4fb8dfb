package index

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/imports"
)

// files is a Source over texts by path below /b.
type files map[string]string

func (f files) Fetch(_ context.Context, url, _ string) (imports.Fetched, error) {
	text, ok := f[strings.TrimPrefix(url, "file:/b/")]
	if !ok {
		return imports.Fetched{}, fs.ErrNotExist
	}
	return imports.Fetched{Text: []byte(text)}, nil
}

func (f files) Exists(_ context.Context, url string) bool {
	_, ok := f[strings.TrimPrefix(url, "file:/b/")]
	return ok
}

const typesFile = `node_types:
  base:
    properties:
      port:
        description: Where it listens.
        type: integer
        default: 80
      name: {}
    interfaces:
      life:
        create: scripts/create.sh
        start: {implementation: tool.tasks.start}
relationships:
  on: {}
plugins:
  tool: {executor: central_deployment_agent, install: false}
`

const mainFile = `tosca_definitions_version: cloudify_dsl_1_5
imports:
  - net--types.yaml
inputs:
  size: {type: integer, default: 3}
node_types:
  web:
    derived_from: net--base
    properties:
      port:
        default: 8080
node_templates:
  front:
    type: web
    properties:
      port: {get_input: size}
      name: {get_property: [back, port]}
    relationships:
      - type: net--on
        target: back
  back:
    type: "net--base"
groups:
  both:
    members: [front, back]
policies:
  p:
    type: cloudify.policies.scaling
    targets: [both]
outputs:
  o: {value: {concat: [{get_attribute: [front, x]}, a]}}
`

func build(t *testing.T, main string, src files) *Index {
	t.Helper()
	x, e := Build(t.Context(), imports.Input{Text: []byte(main), Location: "/b/main.yaml"}, src)
	if e != nil {
		t.Fatal(e)
	}
	return x
}

func TestSymbolsAndReferences(t *testing.T) {
	x := build(t, mainFile, files{"types.yaml": typesFile})
	if got := x.Names(NodeType); !slices.Equal(got, []string{"web", "net--base"}) {
		t.Errorf("node types %v", got)
	}
	base := x.Find(NodeType, "net--base")
	if base.File != "file:/b/types.yaml" || base.Range != span(2, 3, 7) {
		t.Errorf("net--base is at %s %v", base.File, base.Range)
	}
	got := describe(x.RefsTo(Node, "back"))
	want := []string{"17:29-33", "20:17-21", "25:22-26"}
	if !slices.Equal(sorted(got), want) {
		t.Errorf("references to back: %v, want %v", got, want)
	}
	if got := describe(x.RefsTo(NodeType, "net--base")); !slices.Equal(sorted(got), []string{"22:12-21", "8:19-28"}) {
		t.Errorf("references to net--base: %v", got)
	}
	if got := x.RefsTo(Group, "both"); len(got) != 1 {
		t.Errorf("references to both: %v", got)
	}
	if got := describe(x.RefsTo(Input, "size")); !slices.Equal(got, []string{"16:25-29"}) {
		t.Errorf("references to size: %v", got)
	}
}

func span(line, from, to int) diag.Range {
	return diag.Range{Start: diag.Pos{Line: line, Column: from}, End: diag.Pos{Line: line, Column: to}}
}

func describe(refs []Ref) []string {
	var out []string
	for _, r := range refs {
		out = append(out, fmt.Sprintf("%d:%d-%d", r.Range.Start.Line, r.Range.Start.Column, r.Range.End.Column))
	}
	return out
}

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}

func TestMembersNearestFirst(t *testing.T) {
	x := build(t, mainFile, files{"types.yaml": typesFile})
	owner := Owner{NodeType, "web"}
	var got []string
	for _, p := range x.Properties(owner) {
		got = append(got, p.Name+" of "+p.Owner.Name)
	}
	if want := []string{"port of web", "name of net--base"}; !slices.Equal(got, want) {
		t.Errorf("properties %v, want %v", got, want)
	}
	if n := len(x.PropertyDefinitions(owner, "port")); n != 2 {
		t.Errorf("port is defined %d times, want 2", n)
	}
	if got := x.Operations(owner, "interfaces", "life"); len(got) != 2 || got[0].Name != "create" {
		t.Errorf("operations %v", got)
	}
	if !x.Derives(NodeType, "web", "net--base") || x.Derives(NodeType, "net--base", "web") {
		t.Error("web derives from net--base, not the other way")
	}
}

func TestAtAndDefinition(t *testing.T) {
	x := build(t, mainFile, files{"types.yaml": typesFile})
	_, r := x.At("/b/main.yaml", diag.Pos{Line: 16, Column: 8})
	if r == nil || r.Kind != Property || r.Name != "port" {
		t.Fatalf("at 16:8 is %+v", r)
	}
	if file, at, ok := x.Definition(r); !ok || file != "/b/main.yaml" || at.Start.Line != 10 {
		t.Errorf("port is defined at %s %v", file, at)
	}
	if s, _ := x.At("/b/main.yaml", diag.Pos{Line: 21, Column: 4}); s == nil || s.Name != "back" {
		t.Errorf("at 21:4 is %+v", s)
	}
	if s, r := x.At("/b/main.yaml", diag.Pos{Line: 1, Column: 1}); s != nil || r != nil {
		t.Errorf("at 1:1 is %v %v", s, r)
	}
}

func TestImportsThatCannotBeReadAreLeftOut(t *testing.T) {
	main := strings.Replace(mainFile, "imports:\n", "imports:\n  - missing.yaml\n  - plugin:aws\n", 1)
	x := build(t, main, files{"types.yaml": typesFile})
	if x.Find(NodeType, "net--base") == nil {
		t.Error("the import that can be read is lost")
	}
	if got := len(x.RefsTo(Import, "plugin:aws")); got != 1 {
		t.Errorf("%d references to the plugin import", got)
	}
}

func TestTolerant(t *testing.T) {
	for _, edit := range []struct{ old, new string }{
		{"    type: web\n", "    typ\n"},
		{"    type: web\n", "    type: web\n    rel: [\n"},
		{"      port: {get_input: size}\n", "      port: {get_input: \n"},
		{"    type: web\n", "    type: web\n\tproperties:\n"},
		{"    type: web\n", "    type: web\n   x: y: z\n    \"\n"},
	} {
		main := strings.Replace(mainFile, edit.old, edit.new, 1)
		x := BuildTolerant(t.Context(), imports.Input{Text: []byte(main), Location: "/b/main.yaml"}, files{"types.yaml": typesFile})
		if x == nil {
			t.Errorf("%q: not readable", edit.new)
			continue
		}
		if x.Find(NodeType, "net--base") == nil || x.Find(Node, "front") == nil {
			t.Errorf("%q: symbols are lost: %v %v", edit.new, x.Names(NodeType), x.Names(Node))
		}
	}
}

func TestUnreadable(t *testing.T) {
	if _, e := Build(t.Context(), imports.Input{Text: []byte("a: [")}, files{}); e == nil || e.Diag == nil {
		t.Errorf("error %v", e)
	}
	for _, text := range []string{"", "- a", "x", "node_types: 3\nnode_templates: [a]", "inputs: {1: 2}", "node_templates: {a: , b: {relationships: [1, {target: [x]}]}}",
		"groups: {g: {members: 3, policies: []}}\nimports: {a: b}", "node_types: {a: {derived_from: b}, b: {derived_from: a}}\nnode_templates: {n: {type: a, properties: {p: {get_property: [SELF]}}}}"} {
		if x, e := Build(t.Context(), imports.Input{Text: []byte(text)}, files{}); e != nil || x == nil {
			t.Errorf("%q: %v", text, e)
		}
	}
}

// FuzzBuild builds of any text, and asks about every line of it.
func FuzzBuild(f *testing.F) {
	f.Add(mainFile, 16, 8)
	f.Add("node_templates:\n  a:\n    type: [\n  b: {relationships: [{target: a", 2, 5)
	f.Add("a: &x\n  <<: *x\n", 1, 1)
	f.Fuzz(func(t *testing.T, text string, line, column int) {
		x := BuildTolerant(t.Context(), imports.Input{Text: []byte(text), Location: "/b/main.yaml"}, files{"types.yaml": typesFile})
		if x == nil {
			return
		}
		if s, r := x.At("/b/main.yaml", diag.Pos{Line: line, Column: column}); r != nil {
			x.Definition(r)
		} else if s != nil {
			x.RefsTo(s.Kind, s.Name)
		}
		for _, n := range x.All(Node) {
			x.Properties(Owner{NodeType, n.Text("type")})
		}
	})
}
