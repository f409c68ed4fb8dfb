package lsp

import (
	"context"
	"fmt"
	"strings"

	"github.com/reifyhq/reify/internal/dsl/fn"
	"github.com/reifyhq/reify/internal/dsl/index"
	"github.com/reifyhq/reify/internal/dsl/value"
)

func (s *Server) hover(ctx context.Context, d *document, p positionParams) (any, *rpcError) {
	for _, t := range s.target(ctx, d, p.Position) {
		if text := t.describe(); text != "" {
			r := d.text.span(t.written())
			return hover{markup{"markdown", text}, &r}, nil
		}
	}
	return nil, nil
}

func (t target) describe() string {
	kind, name := t.name()
	switch kind {
	case index.Function:
		return functionHelp[name]
	case index.Property:
		if m := t.index.Property(t.ref.Owner, name); m != nil {
			return describeProperty(m)
		}
		return ""
	case index.Operation:
		return t.describeOperation()
	}
	if symbol := t.index.Find(kind, name); symbol != nil {
		return describe(t.index, symbol)
	}
	return ""
}

// describe tells about an element in Markdown.
func describe(x *index.Index, s *index.Symbol) string {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s** — %s\n", s.Name, s.Kind)
	if text := strings.TrimSpace(s.Text("description")); text != "" {
		b.WriteString("\n" + text + "\n")
	}
	switch s.Kind {
	case index.NodeType, index.Relationship, index.DataType:
		describeType(&b, x, index.Owner{Kind: s.Kind, Name: s.Name})
	case index.Node:
		fmt.Fprintf(&b, "\ntype `%s`\n", s.Text("type"))
		describeType(&b, x, index.Owner{Kind: index.NodeType, Name: s.Text("type")})
	case index.Input:
		b.WriteString("\n" + schemaLine(s.Value.Get("type").Text(), s.Value.Find("default") >= 0, s.Value.Get("default").Value()) + "\n")
		if c := s.Value.Get("constraints"); c.IsList() {
			fmt.Fprintf(&b, "\nconstraints: `%s`\n", oneLine(c.Value()))
		}
	case index.Plugin:
		fmt.Fprintf(&b, "\nexecutor `%s`, package `%s` %s\n", s.Text("executor"), s.Text("package_name"), s.Text("package_version"))
	case index.Group:
		fmt.Fprintf(&b, "\nmembers `%s`\n", oneLine(s.Value.Get("members").Value()))
	case index.Output, index.Capability:
		fmt.Fprintf(&b, "\n`%s`\n", oneLine(s.Value.Get("value").Value()))
	}
	return b.String()
}

func describeType(b *strings.Builder, x *index.Index, owner index.Owner) {
	chain := x.Chain(owner.Kind, owner.Name)
	if len(chain) > 1 {
		names := make([]string, len(chain))
		for i, s := range chain {
			names[i] = "`" + s.Name + "`"
		}
		b.WriteString("\n" + strings.Join(names, " ← ") + "\n")
	}
	properties := x.Properties(owner)
	if len(properties) == 0 {
		return
	}
	b.WriteString("\n| property | type | default | |\n|---|---|---|---|\n")
	for _, p := range properties {
		def := ""
		if p.Value.IsMap() && p.Value.Find("default") >= 0 {
			def = "`" + cell(oneLine(p.Value.Get("default").Value())) + "`"
		}
		note := cell(strings.Join(strings.Fields(p.Text("description")), " "))
		if isOptional(p) {
			note = strings.TrimSpace("optional. " + note)
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", cell(p.Name), cell(p.Text("type")), def, note)
	}
}

func isOptional(p *index.Member) bool {
	required, given := p.Value.Get("required").Value().(bool)
	return given && !required
}

func describeProperty(m *index.Member) string {
	text := fmt.Sprintf("**%s** — property of `%s`\n\n%s\n", m.Name, m.Owner.Name,
		schemaLine(m.Text("type"), m.Value.IsMap() && m.Value.Find("default") >= 0, m.Value.Get("default").Value()))
	if isOptional(m) {
		text += "\noptional\n"
	}
	if d := strings.TrimSpace(m.Text("description")); d != "" {
		text += "\n" + d + "\n"
	}
	return text
}

func schemaLine(typ string, hasDefault bool, def any) string {
	if typ == "" {
		typ = "any"
	}
	if !hasDefault {
		return "type `" + typ + "`, no default"
	}
	return "type `" + typ + "`, default `" + oneLine(def) + "`"
}

func (t target) describeOperation() string {
	i := strings.LastIndexByte(t.ref.Name, '.')
	owner := t.ref.Owner
	if n := t.index.Find(index.Node, owner.Name); owner.Kind == index.Node && n != nil {
		owner = index.Owner{Kind: index.NodeType, Name: n.Text("type")}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "**%s** — operation of `%s`\n", t.ref.Name[i+1:], t.ref.Name[:max(i, 0)])
	for _, field := range []string{"interfaces", "source_interfaces", "target_interfaces"} {
		for _, m := range t.index.OperationDefinitions(owner, field, t.ref.Name[:max(i, 0)], t.ref.Name[i+1:]) {
			impl := m.Value.Text()
			if impl == "" {
				impl = m.Text("implementation")
			}
			if impl == "" {
				impl = "nothing"
			}
			fmt.Fprintf(&b, "\n- `%s` runs `%s`", m.Owner.Name, oneLine(impl))
		}
	}
	return b.String() + "\n"
}

// maxShown is how much of a value is shown.
const maxShown = 120

func oneLine(v any) string {
	text, isText := v.(string)
	if !isText {
		data, err := value.EncodeJSON(v)
		if err != nil {
			return value.Text(v)
		}
		text = string(data)
	}
	text = strings.Join(strings.Fields(strings.ReplaceAll(text, "`", "'")), " ")
	if r := []rune(text); len(r) > maxShown {
		return string(r[:maxShown]) + " …"
	}
	return text
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

// functionHelp tells what the functions of the language do.
var functionHelp = map[string]string{
	fn.GetInput:                 "`{ get_input: name }` — the value of an input, or with a list of a part of it. Known when a deployment is made.",
	fn.GetProperty:              "`{ get_property: [node, property, …] }` — a property of a node; `SELF`, `SOURCE` and `TARGET` stand for nodes. Known when a deployment is made.",
	fn.GetAttribute:             "`{ get_attribute: [node, attribute, …] }` — a runtime property of a node instance, else a property. Known at run time.",
	fn.GetAttributesList:        "`{ get_attributes_list: [node, attribute, …] }` — the attribute of every instance of a node, as a list.",
	fn.GetAttributesDict:        "`{ get_attributes_dict: [node, attribute, …] }` — attributes of every instance of a node, by instance.",
	fn.GetSecret:                "`{ get_secret: name }` — the value of a secret, read when it is needed and never stored.",
	fn.GetCapability:            "`{ get_capability: [deployment, capability, …] }` — a capability of another deployment.",
	fn.GetEnvironmentCapability: "`{ get_environment_capability: name }` — a capability of the deployment that this one runs in.",
	fn.GetGroupCapability:       "`{ get_group_capability: [group, capability, …] }` — a capability of every deployment of a group.",
	fn.GetLabel:                 "`{ get_label: key }` — the values of a label of the deployment, or with an index one of them.",
	fn.GetSys:                   "`{ get_sys: [deployment, id] }` — what the manager knows of the deployment or the tenant.",
	fn.GetConsumers:             "`{ get_consumers: ids }` — the deployments that use this one: `ids`, `names` or `count`.",
	fn.Concat:                   "`{ concat: [a, b, …] }` — the parts as one text.",
	fn.Merge:                    "`{ merge: [a, b, …] }` — mappings as one; later ones win.",
	fn.StringFind:               "`{ string_find: [text, part] }` — where a part begins in a text, -1 for nowhere.",
	fn.StringReplace:            "`{ string_replace: [text, old, new] }` — a text with parts replaced.",
	fn.StringSplit:              "`{ string_split: [text, separator] }` — the parts of a text, or with an index one of them.",
	fn.StringLower:              "`{ string_lower: text }` — a text in lower case.",
	fn.StringUpper:              "`{ string_upper: text }` — a text in upper case.",
}
