package lsp

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const netTypes = `node_types:
  net.Router:
    derived_from: cloudify.nodes.Router
    properties:
      cidr:
        description: Addresses behind it.
        type: string
        default: 10.0.0.0/24
      public:
        type: boolean
    interfaces:
      cloudify.interfaces.lifecycle:
        create: scripts/router.sh
relationships:
  net.attached: {derived_from: cloudify.relationships.connected_to}
`

const netMain = `tosca_definitions_version: cloudify_dsl_1_5
imports:
  - cloudify/types/types.yaml
  - net--types/net.yaml
inputs:
  size: {type: integer, default: 2}
dsl_definitions:
  common: &common
    public: true
node_templates:
  router: # ä𝄞 is not part of any name
    type: net--net.Router
    properties: {cidr: "10.1.0.0/16", <<: *common}
  host:
    type: cloudify.nodes.Compute
    capabilities:
      scalable: {properties: {default_instances: {get_input: size}}}
    relationships:
      - type: net--net.attached
        target: router
  app:
    type: cloudify.nodes.SoftwareComponent
    interfaces:
      cloudify.interfaces.lifecycle:
        start: scripts/start.sh
    relationships: [{type: cloudify.relationships.contained_in, target: host}]
groups:
  all: {members: [router, host]}
policies:
  scale: {type: cloudify.policies.scaling, targets: [all]}
outputs:
  cidr: {value: {get_property: [router, cidr]}}
  name: {value: {concat: [x, {get_attribute: [router, name]}]}}
`

func netFiles() map[string]string {
	return map[string]string{"blueprint.yaml": netMain, "types/net.yaml": netTypes, "scripts/start.sh": "#!/bin/sh\n",
		"types/scripts/router.sh": "", "scripts/router.sh": ""}
}

func opened(t *testing.T) (*client, func(string) string) {
	t.Helper()
	uri := workspace(t, netFiles())
	c := serve(t, Options{BuiltInDir: filepath.Join(t.TempDir(), "types")})
	c.initialize(false)
	if p := c.open(uri("blueprint.yaml"), netMain); len(p) > 0 {
		t.Fatalf("problems in a good blueprint: %+v", p)
	}
	return c, uri
}

func TestDiagnosticsFollowChanges(t *testing.T) {
	c, uri := opened(t)
	main := uri("blueprint.yaml")
	at := find(t, netMain, "target: router", 1)
	at.Character += len("target: ")
	end := position{at.Line, at.Character + len("router")}
	problems := c.change(main, 2, edit(span{at, end}, "ruter"))
	if len(problems) != 1 || problems[0].Code != "unknown-target" || !strings.Contains(problems[0].Message, `Did you mean "router"`) {
		t.Fatalf("problems %+v", problems)
	}
	if problems[0].Range.Start.Line != at.Line || problems[0].Severity != 1 || problems[0].Source != "reify" {
		t.Errorf("problem at %+v, want line %d", problems[0], at.Line)
	}
	// Two edits in one notification apply one after the other; the document is good again.
	problems = c.change(main, 3, edit(span{at, position{at.Line, at.Character + 5}}, ""), edit(span{at, at}, "router"))
	if len(problems) > 0 {
		t.Fatalf("problems %+v", problems)
	}
	if problems := c.change(main, 4, whole("tosca_definitions_version: [\n")); len(problems) != 1 || problems[0].Code != "not-yaml" {
		t.Fatalf("problems %+v", problems)
	}
	c.notify("textDocument/didClose", documentParams{textDocument{URI: main}})
	c.step(0)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.problems[main]) > 0 {
		t.Errorf("problems of a closed document stay: %+v", c.problems[main])
	}
}

func TestProblemsShowInTheImportedFile(t *testing.T) {
	c, uri := opened(t)
	types := uri("types/net.yaml")
	broken := strings.Replace(netTypes, "cloudify.nodes.Router", "cloudify.nodes.Ruter", 1)
	c.settled(uri("blueprint.yaml"), func() {
		c.notify("textDocument/didOpen", documentParams{textDocument{URI: types, Version: 1, Text: broken}})
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.counts[types] < 2 && len(c.problems[types]) == 0 {
		c.arrived.Wait()
	}
	if p := c.problems[types]; len(p) != 1 || !strings.Contains(p[0].Message, "Ruter") {
		t.Errorf("problems %+v", p)
	}
}

func TestOtherDocumentsAreLeftAlone(t *testing.T) {
	c := serve(t, Options{})
	c.initialize(false)
	uri := workspace(t, nil)
	for name, content := range map[string]string{
		"compose.yaml": "services: {a: {image: b}}\n", "broken.yaml": "a: [\n", "types.yaml": "node_types: {a: {}}\n", "empty.yaml": "",
	} {
		if p := c.open(uri(name), content); len(p) > 0 {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if p := c.open(uri("more.yaml"), "node_types: {a: [}\n"); len(p) != 1 {
		t.Errorf("a fragment that is no YAML: %+v", p)
	}
	if p := c.open("untitled:Untitled-1", "tosca_definitions_version: cloudify_dsl_1_9\n"); len(p) != 1 {
		t.Errorf("an untitled blueprint: %+v", p)
	}
	if p := c.open(uri("large.yaml"), strings.Repeat("#", maxDocument+1)); len(p) != 1 || p[0].Severity != 2 {
		t.Errorf("a large document: %d problems", len(p))
	}
}

func TestDefinition(t *testing.T) {
	c, uri := opened(t)
	for _, tt := range []struct {
		word       string
		n, off     int
		file, want string
	}{
		{"net--net.Router", 1, 6, "types/net.yaml", "1:2"},
		{"net--net.attached", 1, 6, "types/net.yaml", "14:2"},
		{"target: router", 1, 9, "blueprint.yaml", "10:2"},
		{"[router, cidr]", 1, 2, "blueprint.yaml", "10:2"},
		{"[router, cidr]", 1, 10, "types/net.yaml", "4:6"},
		{"{cidr: ", 1, 2, "types/net.yaml", "4:6"},
		{"get_input: size", 1, 12, "blueprint.yaml", "5:2"},
		{"scripts/start.sh", 1, 3, "scripts/start.sh", "0:0"},
		{"types/net.yaml", 1, 3, "types/net.yaml", "0:0"},
		{"[all]", 1, 2, "blueprint.yaml", "27:2"},
		{"*common", 1, 2, "blueprint.yaml", "7:10"},
		{"  router:", 1, 3, "blueprint.yaml", "10:2"},
	} {
		p := find(t, netMain, tt.word, tt.n)
		p.Character += tt.off
		var got []location
		c.call("textDocument/definition", positionParams{textDocument{URI: uri("blueprint.yaml")}, p}, &got)
		if len(got) != 1 || got[0].URI != uri(tt.file) || fmt.Sprintf("%d:%d", got[0].Range.Start.Line, got[0].Range.Start.Character) != tt.want {
			t.Errorf("%s: %+v, want %s %s", tt.word, got, tt.file, tt.want)
		}
	}
	for _, word := range []string{"cloudify.nodes.Compute", "start: scripts", "cloudify/types/types.yaml"} {
		var got []location
		c.call("textDocument/definition", positionParams{textDocument{URI: uri("blueprint.yaml")}, find(t, netMain, word, 1)}, &got)
		if len(got) != 1 || !strings.HasSuffix(got[0].URI, "types/types.yaml") {
			t.Errorf("%s: %+v", word, got)
			continue
		}
		data, err := os.ReadFile(pathOf(got[0].URI))
		if err != nil || !strings.Contains(string(data), "cloudify.nodes.Compute") {
			t.Errorf("the built-in types cannot be shown: %v", err)
		}
	}
	var none []location
	c.call("textDocument/definition", positionParams{textDocument{URI: uri("blueprint.yaml")}, position{0, 0}}, &none)
	if len(none) > 0 {
		t.Errorf("definition of nothing: %+v", none)
	}
}

func TestReferencesFromTheDefinition(t *testing.T) {
	c, uri := opened(t)
	c.open(uri("types/net.yaml"), netTypes)
	var got []location
	c.call("textDocument/references", map[string]any{"textDocument": map[string]any{"uri": uri("types/net.yaml")},
		"position": position{1, 4}, "context": map[string]any{"includeDeclaration": true}}, &got)
	var lines []string
	for _, l := range got {
		lines = append(lines, fmt.Sprintf("%s:%d", filepath.Base(l.URI), l.Range.Start.Line))
	}
	if !slices.Equal(lines, []string{"net.yaml:1", "blueprint.yaml:11"}) {
		t.Errorf("references %v", lines)
	}
}

func TestRename(t *testing.T) {
	c, uri := opened(t)
	main := uri("blueprint.yaml")
	at := find(t, netMain, "[router, cidr]", 1)
	at.Character += 2
	var prepared struct {
		Placeholder string `json:"placeholder"`
	}
	c.call("textDocument/prepareRename", positionParams{textDocument{URI: main}, at}, &prepared)
	if prepared.Placeholder != "router" {
		t.Errorf("placeholder %q", prepared.Placeholder)
	}
	var edit workspaceEdit
	c.call("textDocument/rename", renameParams{positionParams{textDocument{URI: main}, at}, "gateway"}, &edit)
	if len(edit.Changes) != 1 {
		t.Fatalf("changes %+v", edit.Changes)
	}
	got := apply(netMain, edit.Changes[main])
	want := netMain
	for _, r := range []string{"  router:", "target: router", "[router, host]", "[router, cidr]", "[router, name]"} {
		want = strings.Replace(want, r, strings.Replace(r, "router", "gateway", 1), 1)
	}
	if got != want {
		t.Errorf("renamed:\n%s", got)
	}
	for _, tt := range []struct {
		at   position
		name string
	}{{at, "host"}, {at, "all"}, {at, "not a name"}, {at, "a--b"}, {position{0, 0}, "x"}, {find(t, netMain, "cloudify.nodes.Compute", 1), "x"}} {
		if m := c.request("textDocument/rename", renameParams{positionParams{textDocument{URI: main}, tt.at}, tt.name}); m.Error == nil {
			t.Errorf("rename to %q at %v: %s", tt.name, tt.at, m.Result)
		}
	}
	// Positions of a text that cannot be read would be guesses.
	c.notify("textDocument/didChange", map[string]any{"textDocument": map[string]any{"uri": main, "version": 9},
		"contentChanges": []any{map[string]any{"text": netMain + "x: [\n"}}})
	if m := c.request("textDocument/rename", renameParams{positionParams{textDocument{URI: main}, at}, "gateway"}); m.Error == nil {
		t.Errorf("rename in a broken text: %s", m.Result)
	}
}

// TestRenameAcrossNamespaces renames a node in the file that defines it, which another imports with a namespace.
func TestRenameAcrossNamespaces(t *testing.T) {
	main := "tosca_definitions_version: cloudify_dsl_1_5\nimports: [cloudify/types/types.yaml, n--part.yaml]\nnode_templates:\n" +
		"  a: {type: cloudify.nodes.Root, relationships: [{type: cloudify.relationships.depends_on, target: n--db}]}\n" +
		"outputs: {o: {value: {get_attribute: [\"n--db\", x]}}}\n"
	part := "node_templates:\n  db: {type: cloudify.nodes.Root}\n  web: {type: cloudify.nodes.Root, relationships: " +
		"[{type: cloudify.relationships.depends_on, target: db}]}\n"
	uri := workspace(t, map[string]string{"blueprint.yaml": main, "part.yaml": part})
	c := serve(t, Options{})
	c.initialize(false)
	if p := c.open(uri("blueprint.yaml"), main); len(p) > 0 {
		t.Fatalf("problems %+v", p)
	}
	c.open(uri("part.yaml"), part)
	var got workspaceEdit
	c.call("textDocument/rename", renameParams{positionParams{textDocument{URI: uri("part.yaml")}, position{1, 3}}, "store"}, &got)
	if text := apply(main, got.Changes[uri("blueprint.yaml")]); text != strings.ReplaceAll(main, "n--db", "n--store") {
		t.Errorf("blueprint:\n%s", text)
	}
	if text := apply(part, got.Changes[uri("part.yaml")]); text != strings.ReplaceAll(part, "db", "store") {
		t.Errorf("part:\n%s", text)
	}
}

// TestManyChangesAreOneParse types without a pause.
func TestManyChangesAreOneParse(t *testing.T) {
	c, uri := opened(t)
	main := uri("blueprint.yaml")
	c.mu.Lock()
	before := c.counts[main]
	c.mu.Unlock()
	for i := range 50 {
		c.notify("textDocument/didChange", map[string]any{"textDocument": map[string]any{"uri": main, "version": i + 2},
			"contentChanges": []any{whole(netMain + strings.Repeat("#", i))}})
		c.step(pause / 2)
	}
	if p := c.change(main, 99, whole(strings.Replace(netMain, "net--net.Router", "nothing", 1))); len(p) == 0 {
		t.Error("no problems")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := c.counts[main] - before; n != 1 {
		t.Errorf("published %d times, want once", n)
	}
}

// TestChangeEndsTheParse changes a document while its import hangs.
func TestChangeEndsTheParse(t *testing.T) {
	started, ended := make(chan struct{}, 10), make(chan struct{}, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		started <- struct{}{}
		<-r.Context().Done()
		ended <- struct{}{}
	}))
	defer server.Close()
	uri := workspace(t, netFiles())
	c := serve(t, Options{HTTP: server.Client()})
	c.initialize(false)
	main := uri("blueprint.yaml")
	hanging := strings.Replace(netMain, "imports:\n", "imports:\n  - "+server.URL+"/types.yaml\n", 1)
	c.notify("textDocument/didOpen", documentParams{textDocument{URI: main, Version: 1, Text: hanging}})
	<-started
	if p := c.change(main, 2, whole(netMain)); len(p) > 0 {
		t.Errorf("problems %+v", p)
	}
	<-ended
}

// apply applies edits from the last to the first.
func apply(content string, edits []textEdit) string {
	slices.SortFunc(edits, func(a, b textEdit) int {
		if a.Range.Start.Line != b.Range.Start.Line {
			return b.Range.Start.Line - a.Range.Start.Line
		}
		return b.Range.Start.Character - a.Range.Start.Character
	})
	t := newText(content)
	for _, e := range edits {
		t = t.replaced(&e.Range, e.NewText)
	}
	return t.s
}

func TestHover(t *testing.T) {
	c, uri := opened(t)
	for _, tt := range []struct{ word, want string }{
		{"net--net.Router", "| cidr | string | `10.0.0.0/24` | Addresses behind it. |"},
		{"net--net.Router", "`net--net.Router` ← `cloudify.nodes.Router` ← `cloudify.nodes.Root`"},
		{"size}}}", "type `integer`, default `2`"},
		{"get_property", "a property of a node"},
		{"start: scripts", "operation of `cloudify.interfaces.lifecycle`"},
		{"cidr: \"10", "property of `net--net.Router`"},
		{"all]", "members `[\"router\",\"host\"]`"},
	} {
		var got *hover
		c.call("textDocument/hover", positionParams{textDocument{URI: uri("blueprint.yaml")}, find(t, netMain, tt.word, 1)}, &got)
		if got == nil || !strings.Contains(got.Contents.Value, tt.want) {
			t.Errorf("%s: %+v, want %s", tt.word, got, tt.want)
		}
	}
	var none *hover
	c.call("textDocument/hover", positionParams{textDocument{URI: uri("blueprint.yaml")}, position{2, 0}}, &none)
	if none != nil {
		t.Errorf("hover of nothing: %+v", none)
	}
}

func TestOutline(t *testing.T) {
	c, uri := opened(t)
	var got []documentSymbol
	c.call("textDocument/documentSymbol", documentParams{textDocument{URI: uri("blueprint.yaml")}}, &got)
	var names []string
	for _, s := range got {
		names = append(names, s.Name)
		for _, e := range s.Children {
			names = append(names, "  "+e.Name+" "+e.Detail)
		}
	}
	text := strings.Join(names, "\n")
	want := "node_templates\n  router net--net.Router\n  host cloudify.nodes.Compute\n  app cloudify.nodes.SoftwareComponent\ngroups\n  all "
	if !strings.Contains(text, want) {
		t.Errorf("outline:\n%s", text)
	}
	for _, s := range got {
		if s.Name == "groups" && (s.Range.Start.Line != 26 || s.Range.End.Line != 27) {
			t.Errorf("groups are at %+v", s.Range)
		}
	}
}

func TestWrongInput(t *testing.T) {
	c := serve(t, Options{})
	if m := c.request("textDocument/hover", map[string]any{}); m.Error == nil || m.Error.Code != codeNotInitialized {
		t.Errorf("before initialize: %+v", m)
	}
	c.initialize(true)
	if m := c.request("initialize", map[string]any{}); m.Error == nil || m.Error.Code != codeInvalidRequest {
		t.Errorf("a second initialize: %+v", m)
	}
	if m := c.request("textDocument/willSaveWaitUntil", nil); m.Error == nil || m.Error.Code != codeNoMethod {
		t.Errorf("an unknown method: %+v", m)
	}
	for _, params := range []any{nil, 3, []int{1}, map[string]any{"textDocument": 3}, map[string]any{"textDocument": map[string]any{"uri": "file:///none"}}} {
		if m := c.request("textDocument/completion", params); m.Error == nil || m.Error.Code != codeInvalidParams {
			t.Errorf("completion of %v: %+v", params, m)
		}
	}
	for _, tt := range []struct {
		content string
		code    int
	}{{"{", codeParse}, {"", codeParse}, {"[1, 2]", codeInvalidRequest}, {`"x"`, codeInvalidRequest}} {
		c.raw(tt.content)
		if m := c.await("null"); m.Error == nil || m.Error.Code != tt.code {
			t.Errorf("message %q: %+v", tt.content, m.Error)
		}
	}
	c.raw(`{"jsonrpc":"2.0","id":"a"}`)
	if m := c.await(`"a"`); m.Error == nil || m.Error.Code != codeInvalidRequest {
		t.Errorf("a request without a method: %+v", m)
	}
	c.raw(`{"jsonrpc":"2.0","id":7,"result":null}`)
	c.notify("$/cancelRequest", map[string]any{"id": 1})
	c.notify("textDocument/didChange", map[string]any{"textDocument": map[string]any{"uri": "file:///none"}})
	c.notify("textDocument/didOpen", 3)
	c.notify("textDocument/didOpen", documentParams{})
	c.notify("textDocument/didClose", documentParams{textDocument{URI: "file:///none"}})
	c.call("shutdown", nil, nil)
	if m := c.request("textDocument/hover", map[string]any{}); m.Error == nil || m.Error.Code != codeInvalidRequest {
		t.Errorf("after shutdown: %+v", m)
	}
	c.notify("exit", nil)
}

func TestHeaderThatCannotBeRead(t *testing.T) {
	in, out := strings.NewReader("Content-Length: x\r\n\r\n{}"), &strings.Builder{}
	err := New(Options{In: in, Out: out}).Run(t.Context())
	if err == nil || !strings.Contains(out.String(), fmt.Sprint(codeParse)) {
		t.Errorf("error %v, output %q", err, out)
	}
	if err := New(Options{In: strings.NewReader(""), Out: out}).Run(t.Context()); err != nil {
		t.Errorf("no input at all: %v", err)
	}
}

func TestPanicBecomesAnAnswer(t *testing.T) {
	s := New(Options{})
	s.isInitialized = true
	s.docs["x"] = nil
	s.docs["y"] = &document{uri: "y"}
	params, _ := json.Marshal(documentParams{textDocument{URI: "y"}})
	_, e := s.guarded(t.Context(), incoming{ID: json.RawMessage("1"), Method: "textDocument/documentSymbol", Params: params}, true)
	if e == nil || e.Code != codeInternal {
		t.Errorf("refusal %+v", e)
	}
}
