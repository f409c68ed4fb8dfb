package index

import (
	"slices"
	"strings"

	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/fn"
	"github.com/reifyhq/reify/internal/dsl/imports"
	"github.com/reifyhq/reify/internal/dsl/yamltree"
)

// collector walks the merged tree once and notes symbols and references.
type collector struct {
	x    *Index
	refs []Ref
	seen map[Ref]bool
}

func (c *collector) ref(k Kind, n *yamltree.Node, owner Owner) { c.refAs(k, n.Text(), n, owner) }

// refAs notes a reference to a name, written at n. What has no position cannot be pointed at.
func (c *collector) refAs(k Kind, name string, n *yamltree.Node, owner Owner) {
	if name == "" || n == nil || n.Line == 0 {
		return
	}
	r := Ref{Kind: k, Name: name, Owner: owner, File: n.FileName(), Range: diag.Range{Start: diag.Pos{Line: n.Line, Column: n.Col + 1}}}
	if c.seen[r] {
		return
	}
	c.seen[r] = true
	r.Range = c.x.texts.token(n)
	c.refs = append(c.refs, r)
}

// imports notes the import list of the main file, which merging removes.
func (c *collector) imports(root *yamltree.Node) {
	list := root.Get("imports")
	if !list.IsList() {
		return
	}
	for _, n := range list.Items {
		if n.IsMap() && len(n.Pairs) == 1 {
			n = n.Pairs[0].Key
		}
		written := n.Text()
		if i := strings.LastIndex(written, imports.Delimiter); i >= 0 {
			written = written[i+len(imports.Delimiter):]
		}
		c.refAs(Import, written, n, Owner{})
	}
}

func (c *collector) sections(root *yamltree.Node) {
	for _, s := range sectionKinds {
		section := root.Get(s.section)
		if !section.IsMap() {
			continue
		}
		names := make(map[string]*Symbol, len(section.Pairs))
		for _, p := range section.Pairs {
			name := p.Key.Text()
			sym := &Symbol{Kind: s.kind, Name: name, File: p.Key.FileName(), Value: p.Value}
			if p.Key.Line > 0 {
				sym.Range = c.x.texts.token(p.Key)
			}
			names[name] = sym
			c.x.symbols[s.kind] = append(c.x.symbols[s.kind], sym)
		}
		c.x.byName[s.kind] = names
	}
	for _, s := range sectionKinds {
		for _, sym := range c.x.symbols[s.kind] {
			c.entry(sym)
		}
	}
	for _, name := range []string{"labels", "blueprint_labels", "deployment_settings", "resource_tags"} {
		c.value(root.Get(name), "")
	}
}

// entry notes the references inside of one element.
func (c *collector) entry(s *Symbol) {
	self := Owner{s.Kind, s.Name}
	v := s.Value
	switch s.Kind {
	case Input:
		c.schemaType(v)
		c.value(v.Get("default"), "")
	case NodeType, Relationship, DataType:
		c.ref(s.Kind, v.Get("derived_from"), Owner{})
		c.schema(v.Get("properties"))
		for _, field := range interfaceFields {
			c.interfaces(v.Get(field), self, "")
		}
	case Node:
		c.node(s)
	case Workflow:
		c.implementation(v)
		c.implementation(v.Get("mapping"))
		c.schema(v.Get("parameters"))
	case Group:
		c.group(v)
	case Policy:
		for _, t := range itemsOf(v.Get("targets")) {
			c.ref(Group, t, Owner{})
		}
		c.value(v.Get("properties"), "")
	case Output, Capability:
		c.value(v, "")
	}
}

// interfaceFields are the fields that hold interfaces.
var interfaceFields = []string{"interfaces", "source_interfaces", "target_interfaces"}

func itemsOf(n *yamltree.Node) []*yamltree.Node {
	if !n.IsList() {
		return nil
	}
	return n.Items
}

func pairsOf(n *yamltree.Node) []yamltree.Pair {
	if !n.IsMap() {
		return nil
	}
	return n.Pairs
}

func (c *collector) node(s *Symbol) {
	v := s.Value
	self := Owner{Node, s.Name}
	typ := Owner{NodeType, v.Get("type").Text()}
	c.ref(NodeType, v.Get("type"), Owner{})
	c.members(v.Get("properties"), typ, s.Name)
	c.interfaces(v.Get("interfaces"), self, s.Name)
	c.value(v.Get("capabilities"), s.Name)
	c.value(v.Get("instances"), s.Name)
	for _, r := range itemsOf(v.Get("relationships")) {
		c.ref(Relationship, r.Get("type"), Owner{})
		c.ref(Node, r.Get("target"), Owner{})
		owner := Owner{Relationship, r.Get("type").Text()}
		c.members(r.Get("properties"), owner, "")
		c.interfaces(r.Get("source_interfaces"), owner, "")
		c.interfaces(r.Get("target_interfaces"), owner, "")
	}
}

// members notes given properties as references to their declarations.
func (c *collector) members(n *yamltree.Node, owner Owner, self string) {
	for _, p := range pairsOf(n) {
		c.ref(Property, p.Key, owner)
		c.value(p.Value, self)
	}
}

// schema notes the types that a schema of properties names.
func (c *collector) schema(n *yamltree.Node) {
	for _, p := range pairsOf(n) {
		c.schemaType(p.Value)
		c.value(p.Value.Get("default"), "")
	}
}

func (c *collector) schemaType(n *yamltree.Node) {
	for _, field := range []string{"type", "item_type"} {
		if t := n.Get(field); !imports.Primitive[t.Text()] {
			c.ref(DataType, t, Owner{})
		}
	}
}

func (c *collector) interfaces(n *yamltree.Node, owner Owner, self string) {
	for _, i := range pairsOf(n) {
		for _, op := range pairsOf(i.Value) {
			c.refAs(Operation, i.Key.Text()+"."+op.Key.Text(), op.Key, owner)
			c.implementation(op.Value)
			c.implementation(op.Value.Get("implementation"))
			for _, in := range pairsOf(op.Value.Get("inputs")) {
				if in.Value.IsMap() && in.Value.Find("type") >= 0 {
					c.schemaType(in.Value)
				}
				c.value(in.Value, self)
			}
		}
	}
}

// implementation notes the plugin or the script that an operation names.
func (c *collector) implementation(n *yamltree.Node) {
	s := n.Text()
	if s == "" || strings.Contains(s, "\n") {
		return
	}
	best := ""
	for _, p := range c.x.symbols[Plugin] {
		if strings.HasPrefix(s, p.Name+".") && len(p.Name) > len(best) {
			best = p.Name
		}
	}
	if best != "" {
		c.refAs(Plugin, best, n, Owner{})
		return
	}
	c.ref(Script, n, Owner{})
}

func (c *collector) group(v *yamltree.Node) {
	for _, m := range itemsOf(v.Get("members")) {
		if c.x.Find(Group, m.Text()) != nil {
			c.ref(Group, m, Owner{})
			continue
		}
		c.ref(Node, m, Owner{})
	}
	for _, p := range pairsOf(v.Get("policies")) {
		c.ref(PolicyType, p.Value.Get("type"), Owner{})
		c.value(p.Value.Get("properties"), "")
		for _, t := range pairsOf(p.Value.Get("triggers")) {
			c.ref(Trigger, t.Value.Get("type"), Owner{})
			c.value(t.Value.Get("parameters"), "")
		}
	}
}

// nodeFunctions take a node as their first argument.
var nodeFunctions = []string{fn.GetProperty, fn.GetAttribute, fn.GetAttributesList, fn.GetAttributesDict}

// value notes the functions inside of a free value. self is the node that SELF stands for.
func (c *collector) value(n *yamltree.Node, self string) {
	if n == nil {
		return
	}
	for _, i := range n.Items {
		c.value(i, self)
	}
	for _, p := range n.Pairs {
		name := p.Key.Text()
		switch {
		case name == fn.GetInput:
			arg := p.Value
			if arg.IsList() && len(arg.Items) > 0 {
				arg = arg.Items[0]
			}
			c.ref(Input, arg, Owner{})
			c.ref(Function, p.Key, Owner{})
		case slices.Contains(nodeFunctions, name):
			c.ref(Function, p.Key, Owner{})
			c.nodeArguments(itemsOf(p.Value), self)
		case slices.Contains(fn.Names(), name):
			c.ref(Function, p.Key, Owner{})
		}
		c.value(p.Value, self)
	}
}

func (c *collector) nodeArguments(args []*yamltree.Node, self string) {
	if len(args) == 0 {
		return
	}
	name := args[0].Text()
	switch name {
	case fn.Self:
		name = self
	case fn.Source, fn.Target:
		return
	default:
		c.ref(Node, args[0], Owner{})
	}
	if node := c.x.Find(Node, name); node != nil && len(args) > 1 {
		if typ := node.Text("type"); c.x.Property(Owner{NodeType, typ}, args[1].Text()) != nil {
			c.ref(Property, args[1], Owner{NodeType, typ})
		}
	}
}
