package lsp

import (
	"fmt"
	"strings"
	"testing"
)

// large is a blueprint of about 5,000 lines.
func large() string {
	var b strings.Builder
	b.WriteString("tosca_definitions_version: cloudify_dsl_1_5\nimports:\n  - cloudify/types/types.yaml\n" +
		"inputs:\n  image: {type: string, default: x}\nnode_templates:\n")
	for i := range 415 {
		fmt.Fprintf(&b, "  host_%d:\n    type: cloudify.nodes.Compute\n    properties:\n      ip: { get_input: image }\n", i)
		fmt.Fprintf(&b, "  app_%d:\n    type: cloudify.nodes.WebServer\n    properties:\n      port: %d\n    relationships:\n"+
			"      - type: cloudify.relationships.contained_in\n        target: host_%d\n", i, 8000+i, i)
		b.WriteString("\n")
	}
	return b.String()
}

// BenchmarkDiagnostics measures from a change in a blueprint of 5,000 lines to the diagnostics, without the pause.
func BenchmarkDiagnostics(b *testing.B) {
	content := large()
	uri := workspace(b, map[string]string{"blueprint.yaml": content})("blueprint.yaml")
	c := serve(b, Options{})
	c.initialize(false)
	if p := c.open(uri, content); len(p) > 0 {
		b.Fatalf("problems: %+v", p[0])
	}
	at := find(b, content, "port: 8200", 1)
	version := 1
	for b.Loop() {
		version++
		c.change(uri, version, edit(span{position{at.Line, at.Character + 6}, position{at.Line, at.Character + 10}}, fmt.Sprint(1000+version%1000)))
	}
	b.ReportMetric(float64(strings.Count(content, "\n")), "lines")
}

// BenchmarkCompletion measures one answer in the middle of the same blueprint.
func BenchmarkCompletion(b *testing.B) {
	content := large()
	uri := workspace(b, map[string]string{"blueprint.yaml": content})("blueprint.yaml")
	c := serve(b, Options{})
	c.initialize(false)
	c.open(uri, content)
	at := find(b, content, "target: host_200", 1)
	at.Character += len("target: ")
	for b.Loop() {
		c.call("textDocument/completion", positionParams{textDocument{URI: uri}, at}, nil)
	}
}
