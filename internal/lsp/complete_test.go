package lsp

import (
	"slices"
	"strings"
	"testing"
)

// complete gives the labels that are proposed at the mark ‸ of a text, after the good text was seen.
func complete(t *testing.T, c *client, uri, content string) []completionItem {
	t.Helper()
	content, at := marked(t, content)
	c.notify("textDocument/didChange", map[string]any{"textDocument": map[string]any{"uri": uri, "version": 1},
		"contentChanges": []any{whole(content)}})
	var got completionList
	c.call("textDocument/completion", positionParams{textDocument{URI: uri}, at}, &got)
	return got.Items
}

func labels(items []completionItem) []string {
	var out []string
	for _, i := range items {
		out = append(out, i.Label)
	}
	return out
}

// TestCompletion writes into the middle of a good blueprint what nobody has finished, most of it no YAML.
func TestCompletion(t *testing.T) {
	c, uri := opened(t)
	main := uri("blueprint.yaml")
	node := func(lines string) string {
		return strings.Replace(netMain, "groups:\n", "  new:\n"+lines+"\ngroups:\n", 1)
	}
	for _, tt := range []struct {
		name, content string
		want          []string
		not           []string
	}{
		{"sections", netMain + "‸", []string{"workflows", "node_types", "labels"}, []string{"imports", "groups"}},
		{"half a section", netMain + "wor‸", []string{"workflows"}, nil},
		{"version", "tosca_definitions_version: ‸", []string{"cloudify_dsl_1_5", "cloudify_dsl_1_0"}, nil},
		{"import", strings.Replace(netMain, "imports:\n", "imports:\n  - ‸\n", 1), []string{"cloudify/types/types.yaml", "types/net.yaml"},
			[]string{"scripts/start.sh", "blueprint.yaml"}},
		{"node keys", node("    ‸"), []string{"type", "properties", "interfaces"}, nil},
		{"node keys left", node("    type: cloudify.nodes.Root\n    ‸"), []string{"properties"}, []string{"type"}},
		{"types", node("    type: ‸"), []string{"net--net.Router", "cloudify.nodes.Compute"}, []string{"cloudify.relationships.depends_on"}},
		{"half a type", node("    type: cloudify.nodes.Com‸"), []string{"cloudify.nodes.Compute"}, nil},
		{"properties", node("    type: net--net.Router\n    properties:\n      ‸"), []string{"cidr", "public"}, []string{"ip"}},
		{"properties left", node("    type: net--net.Router\n    properties:\n      cidr: 1\n      pu‸"), []string{"public"}, []string{"cidr"}},
		{"properties in brackets", node("    type: net--net.Router\n    properties: {‸"), []string{"cidr", "public"}, nil},
		{"second in brackets", node("    type: net--net.Router\n    properties: {cidr: x, ‸}"), []string{"public"}, []string{"cidr"}},
		{"nested data type", node("    type: cloudify.nodes.Compute\n    properties:\n      agent_config:\n        ‸"), []string{"install_method", "user"}, nil},
		{"boolean", node("    type: net--net.Router\n    properties:\n      public: ‸"), []string{"true", "false", "get_input"}, nil},
		{"relationship", node("    relationships:\n      - ‸"), []string{"type", "target"}, nil},
		{"relationship at the same indent", node("    relationships:\n    - ‸"), []string{"type", "target"}, nil},
		{"relationship type", node("    relationships:\n      - type: ‸"), []string{"net--net.attached", "cloudify.relationships.contained_in"}, []string{"cloudify.nodes.Root"}},
		{"second key", node("    relationships:\n      - type: net--net.attached\n        ‸"), []string{"target"}, []string{"type"}},
		{"target", node("    relationships:\n      - type: net--net.attached\n        target: ‸"), []string{"router", "host"}, []string{"all"}},
		{"target in brackets", node("    relationships: [{type: net--net.attached, target: ‸"), []string{"router", "host", "new"}, nil},
		{"interfaces", node("    type: net--net.Router\n    interfaces:\n      ‸"), []string{"cloudify.interfaces.lifecycle"}, nil},
		{"operations", node("    type: net--net.Router\n    interfaces:\n      cloudify.interfaces.lifecycle:\n        ‸"), []string{"create", "start"}, nil},
		{"operation fields", node("    type: net--net.Router\n    interfaces:\n      cloudify.interfaces.lifecycle:\n        create:\n          ‸"), []string{"implementation", "executor"}, nil},
		{"implementation", node("    type: net--net.Router\n    interfaces:\n      cloudify.interfaces.lifecycle:\n        create: ‸"), []string{"scripts/start.sh", "script."}, []string{"types/net.yaml"}},
		{"executor", node("    interfaces:\n      a:\n        create:\n          executor: ‸"), []string{"host_agent"}, nil},
		{"input", node("    properties:\n      x: { get_input: ‸"), []string{"size"}, []string{"router"}},
		{"input in a block", node("    properties:\n      x:\n        get_input: ‸"), []string{"size"}, nil},
		{"node of a function", "outputs:\n  o:\n    value: { get_attribute: [ ‸" + "\n" + netMain, []string{"router", "SELF"}, nil},
		{"property of a function", "outputs:\n  o:\n    value: { concat: [ a, { get_property: [ router, ‸" + "\n" + netMain, []string{"cidr"}, []string{"router"}},
		{"property of itself", node("    type: net--net.Router\n    properties: {cidr: {get_property: [SELF, ‸"), []string{"public"}, nil},
		{"arguments in a block", "outputs:\n  o:\n    value:\n      get_attribute:\n        - router\n        - ‸\n" + netMain, []string{"cidr"}, []string{"host"}},
		{"brackets over lines", "outputs:\n  o:\n    value: { get_attribute: [\n      router,\n      ‸\n" + netMain, []string{"cidr"}, nil},
		{"functions", "outputs:\n  o:\n    value: ‸\n" + netMain, []string{"get_attribute", "concat"}, nil},
		{"functions as keys", "outputs:\n  o:\n    value: { ‸ }\n" + netMain, []string{"get_attribute", "concat"}, nil},
		{"members", strings.Replace(netMain, "[router, host]", "[router, ‸", 1), []string{"host", "app"}, nil},
		{"targets", strings.Replace(netMain, "targets: [all]", "targets: [‸", 1), []string{"all"}, []string{"host"}},
		{"derived from", netMain + "node_types:\n  a:\n    derived_from: ‸", []string{"net--net.Router", "cloudify.nodes.Root"}, nil},
		{"operations of the parent", netMain + "node_types:\n  a:\n    derived_from: net--net.Router\n    interfaces:\n      cloudify.interfaces.lifecycle:\n        ‸", []string{"create"}, nil},
		{"schema", netMain + "node_types:\n  a:\n    properties:\n      p:\n        ‸", []string{"type", "default"}, nil},
		{"schema type", netMain + "node_types:\n  a:\n    properties:\n      p:\n        type: ‸", []string{"integer", "cloudify.datatypes.AgentConfig"}, nil},
		{"a node of the text as it is now", node("    type: x\n  newer:\n    relationships:\n      - target: ‸"), []string{"new", "router"}, nil},
		{"comment", netMain + "# ‸", nil, []string{"workflows"}},
		{"nothing fits", netMain + "metadata:\n  a: ‸", nil, []string{"workflows"}},
	} {
		got := labels(complete(t, c, main, tt.content))
		for _, w := range tt.want {
			if !slices.Contains(got, w) {
				t.Errorf("%s: %q is missing in %v", tt.name, w, shortened(got))
			}
		}
		for _, n := range tt.not {
			if slices.Contains(got, n) {
				t.Errorf("%s: %q is proposed", tt.name, n)
			}
		}
	}
}

func shortened(s []string) []string { return s[:min(len(s), 12)] }

// TestCompletionOfADocumentThatNeverParsed has no view to go by but the repaired text.
func TestCompletionOfADocumentThatNeverParsed(t *testing.T) {
	uri := workspace(t, netFiles())
	c := serve(t, Options{})
	c.initialize(false)
	broken := strings.Replace(netMain, "    type: cloudify.nodes.Compute\n", "    type cloudify\n    x: [\n", 1)
	c.open(uri("blueprint.yaml"), broken)
	got := labels(complete(t, c, uri("blueprint.yaml"), strings.Replace(broken, "    type cloudify\n", "    type: ‸\n", 1)))
	if !slices.Contains(got, "net--net.Router") {
		t.Errorf("proposals %v", shortened(got))
	}
}

func TestCompletionEdits(t *testing.T) {
	uri := workspace(t, netFiles())
	for _, snippets := range []bool{false, true} {
		c := serve(t, Options{})
		c.initialize(snippets)
		c.open(uri("blueprint.yaml"), netMain)
		content := strings.Replace(netMain, "groups:\n", "  new:\n    type: net--net.Ro‸\n    pro\ngroups:\n", 1)
		for _, i := range complete(t, c, uri("blueprint.yaml"), content) {
			if r := i.TextEdit.Range; r.Start.Character != 10 || r.End.Character != 21 {
				t.Fatalf("%s replaces %+v", i.Label, r)
			}
		}
		content = strings.Replace(netMain, "groups:\n", "  new:\n    pro‸\ngroups:\n", 1)
		items := complete(t, c, uri("blueprint.yaml"), content)
		k := slices.IndexFunc(items, func(i completionItem) bool { return i.Label == "properties" })
		if k < 0 || items[k].TextEdit.NewText != "properties:\n      " {
			t.Errorf("properties are written as %+v", items)
		}
		items = complete(t, c, uri("blueprint.yaml"), "outputs:\n  o:\n    value: ‸\n"+netMain)
		k = slices.IndexFunc(items, func(i completionItem) bool { return i.Label == "get_attribute" })
		want := "{ get_attribute: ["
		if snippets {
			want = "{ get_attribute: [$0] }"
		}
		if k < 0 || items[k].TextEdit.NewText != want {
			t.Errorf("a function is written as %+v, want %q", items[k].TextEdit, want)
		}
		c.step(pause)
	}
}
