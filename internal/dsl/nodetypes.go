package dsl

import (
	"fmt"
	"strings"

	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/iface"
	"github.com/reifyhq/reify/internal/dsl/plan"
	"github.com/reifyhq/reify/internal/dsl/value"
)

// nodeType is a node type with everything it inherits.
type nodeType struct {
	properties schema
	interfaces *value.Map
	hierarchy  []string
}

// relationType is a relationship type with everything it inherits.
type relationType struct {
	parent     string
	properties schema
	source     *value.Map
	target     *value.Map
	hierarchy  []string
}

func newNodeType() *nodeType {
	return &nodeType{properties: &value.Ordered[*property]{}, interfaces: value.NewMap()}
}

func newRelationType() *relationType {
	return &relationType{properties: &value.Ordered[*property]{}, source: value.NewMap(), target: value.NewMap()}
}

// derivedLoops records circular derivation in a section.
func (p *parser) derivedLoops(section string) {
	types := p.root.Get(section)
	next := func(t string) []string {
		if d := types.Get(t).Get("derived_from").Text(); d != "" {
			return []string{d}
		}
		return nil
	}
	if loop := anyLoop(types, next); loop != nil {
		p.circular(loop, types)
	}
}

func (p *parser) parseNodeTypes() {
	p.nodeTypes = &value.Ordered[*nodeType]{}
	at, pairs := p.dictSection("node_types")
	for _, q := range backwards(pairs) {
		p.nodeType(at, q.Key.Text(), 0)
	}
}

// nodeType gives a node type, parsing it and its parents when that is due.
func (p *parser) nodeType(section place, name string, depth int) *nodeType {
	if t, ok := p.nodeTypes.Get(name); ok {
		return t
	}
	at := section.Key(section.Value, name)
	t := newNodeType()
	p.nodeTypes.Set(name, t)
	t.hierarchy = []string{name}
	n := p.dict(at)
	if n == nil {
		return t
	}
	parentName := p.parentName(at, "node type", name)
	var parent *nodeType
	if parentName != "" && depth < maxDerivation {
		parent = p.nodeType(section, parentName, depth+1)
	}
	p.known(at, "derived_from", "interfaces", "properties", "runtime_properties")
	p.parseSchema(at.Key(n, "runtime_properties"), name, propertySchema)
	t.properties = p.parseSchema(at.Key(n, "properties"), name, propertySchema)
	t.interfaces = p.parseInterfaces(at.Key(n, "interfaces"), true)
	if parent != nil {
		t.properties = p.mergeSchemas(parent.properties, t.properties)
		t.interfaces = iface.MergeTypes(t.interfaces, parent.interfaces)
		t.hierarchy = append(append([]string(nil), parent.hierarchy...), name)
	}
	return t
}

// maxDerivation bounds chains of derived types.
const maxDerivation = 1000

// parentName reads derived_from; an unknown parent is an error and none.
func (p *parser) parentName(at place, kind, name string) string {
	f := at.Key(at.Value, "derived_from")
	if f.Value.IsNull() || !p.typed(f, tString) {
		return ""
	}
	parent := f.Value.Text()
	section := strings.SplitN(at.Path, ".", 2)[0]
	types := p.root.Get(section)
	if types.Find(parent) >= 0 {
		return parent
	}
	if kind == "node type" {
		kind = "type"
	}
	p.fail(f, missingParent(kind, parent, name, types))
	return ""
}

func (p *parser) parseRelationTypes() {
	p.relationTypes = &value.Ordered[*relationType]{}
	at, pairs := p.dictSection("relationships")
	for _, q := range backwards(pairs) {
		p.relationType(at, q.Key.Text(), 0)
	}
}

func (p *parser) relationType(section place, name string, depth int) *relationType {
	if t, ok := p.relationTypes.Get(name); ok {
		return t
	}
	at := section.Key(section.Value, name)
	t := newRelationType()
	p.relationTypes.Set(name, t)
	t.hierarchy = []string{name}
	n := p.dict(at)
	if n == nil {
		return t
	}
	t.parent = p.parentName(at, "relationship", name)
	var parent *relationType
	if t.parent != "" && depth < maxDerivation {
		parent = p.relationType(section, t.parent, depth+1)
	}
	p.known(at, "derived_from", "properties", "source_interfaces", "target_interfaces")
	t.target = p.parseInterfaces(at.Key(n, "target_interfaces"), true)
	t.source = p.parseInterfaces(at.Key(n, "source_interfaces"), true)
	t.properties = p.parseSchema(at.Key(n, "properties"), name, propertySchema)
	if parent != nil {
		t.properties = p.mergeSchemas(parent.properties, t.properties)
		t.source = iface.MergeTypes(t.source, parent.source)
		t.target = iface.MergeTypes(t.target, parent.target)
		t.hierarchy = append(append([]string(nil), parent.hierarchy...), name)
	}
	for i, ifaces := range []*value.Map{t.source, t.target} {
		written := n.Get([]string{"source_interfaces", "target_interfaces"}[i])
		if _, e := p.operations(ifaces, fmt.Sprintf("relationship '%s'", name), 19, written); e != nil {
			p.fail(at, e)
			break
		}
	}
	return t
}

func (p *parser) relationTypesValue() *value.Map {
	m := value.NewMap()
	for _, q := range pairsOf(p.root.Get("relationships")) {
		name := q.Key.Text()
		t, ok := p.relationTypes.Get(name)
		if !ok {
			continue
		}
		v := value.NewMap()
		if t.parent != "" {
			v.Set("derived_from", t.parent)
		}
		v.Set("properties", schemaValue(t.properties))
		v.Set("source_interfaces", t.source)
		v.Set("target_interfaces", t.target)
		v.Set("name", name)
		v.Set("type_hierarchy", value.List(t.hierarchy))
		m.Set(name, v)
	}
	return m
}

// hostType tells whether a hierarchy is of a host, section 6.
func hostType(hierarchy []string) bool {
	for _, t := range hierarchy {
		if strings.Contains(t, "cloudify.nodes.Compute") {
			return true
		}
	}
	return false
}

// unknownNodeType makes the error for a node of an undefined type.
func (p *parser) unknownNodeType(name string) *diag.Error {
	var names []string
	for _, q := range pairsOf(p.root.Get("node_types")) {
		names = append(names, q.Key.Text())
	}
	e := diag.Coded(diag.Logic, 7, fmt.Sprintf("Could not locate node type: '%s'; existing types: %s", name, value.QuoteList(names)))
	e.Diag = &diag.D{Summary: "Unknown node type",
		Detail: fmt.Sprintf("The type %q is defined neither in this blueprint nor in what it imports.", name), Fix: diag.DidYouMean(name, names)}
	if e.Diag.Fix == "" {
		e.Diag.Fix = "Import the plugin or types file that defines it."
	}
	return e
}

// pluginOf gives a copy of a plugin with the executor of an operation.
func (p *parser) pluginOf(op *plan.Operation) *plan.Plugin {
	pl, ok := p.plugins.Get(op.Plugin)
	if !ok {
		return nil
	}
	c := *pl
	c.Executor = op.Executor
	return &c
}
