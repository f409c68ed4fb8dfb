package dsl

import (
	"fmt"
	"strings"

	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/iface"
	"github.com/reifyhq/reify/internal/dsl/plan"
	"github.com/reifyhq/reify/internal/dsl/value"
	"github.com/reifyhq/reify/internal/dsl/yamltree"
)

// Names of relationship types that the language knows.
const (
	relDependsOn   = "cloudify.relationships.depends_on"
	relConnectedTo = "cloudify.relationships.connected_to"
	relContainedIn = "cloudify.relationships.contained_in"
	relLifecycle   = "cloudify.relationships.depends_on_lifecycle_operation"
	lifecycle      = "cloudify.interfaces.lifecycle"
)

// nodeTemplate is a node being parsed.
type nodeTemplate struct {
	plan  *plan.Node
	place place
	typ   *nodeType
}

var (
	nodeKeys     = []string{"type", "instances", "capabilities", "interfaces", "relationships", "properties"}
	relationKeys = []string{"type", "target", "properties", "source_interfaces", "target_interfaces"}
)

// nodeLoops records circular relationships, which even connections must not be.
func (p *parser) nodeLoops() {
	nodes := p.root.Get("node_templates")
	next := func(n string) []string {
		var out []string
		rels := nodes.Get(n).Get("relationships")
		if rels == nil {
			return nil
		}
		for _, r := range rels.Items {
			if t := r.Get("target").Text(); t != "" && t != n {
				out = append(out, t)
			}
		}
		return out
	}
	if loop := anyLoop(nodes, next); loop != nil {
		p.circular(loop, nodes)
	}
}

// anyLoop gives one loop of a graph over the keys of a mapping, in linear time.
func anyLoop(nodes *node, next func(string) []string) []string {
	const busy, done = 1, 2
	state := map[string]int{}
	var path []string
	var walk func(n string) []string
	walk = func(n string) []string {
		state[n] = busy
		path = append(path, n)
		for _, t := range next(n) {
			switch state[t] {
			case busy:
				for i, x := range path {
					if x == t {
						return append([]string(nil), path[i:]...)
					}
				}
			case done:
			default:
				if loop := walk(t); loop != nil {
					return loop
				}
			}
		}
		path = path[:len(path)-1]
		state[n] = done
		return nil
	}
	for _, q := range pairsOf(nodes) {
		if n := q.Key.Text(); state[n] == 0 {
			if loop := walk(n); loop != nil {
				return loop
			}
		}
	}
	return nil
}

func (p *parser) parseNodes() {
	p.nodes = &value.Ordered[*nodeTemplate]{}
	at, pairs := p.dictSection("node_templates")
	for _, q := range backwards(pairs) {
		p.node(at, q.Key.Text())
	}
}

// node parses a node template, after those it has relationships to.
func (p *parser) node(section place, name string) {
	if p.nodes.Has(name) {
		return
	}
	at := section.Key(section.Value, name)
	nt := &nodeTemplate{place: at, plan: &plan.Node{Name: name, Properties: value.NewMap(), Instances: value.NewMap(),
		Interfaces: value.NewMap(), Operations: &value.Ordered[*plan.Operation]{}}}
	p.nodes.Set(name, nt)
	if rels := at.Value.Get("relationships"); rels.IsList() {
		for _, r := range backwards(rels.Items) {
			if t := r.Get("target").Text(); section.Value.Find(t) >= 0 {
				p.node(section, t)
			}
		}
	}
	p.nodeBody(at, nt)
}

func (p *parser) nodeBody(at place, nt *nodeTemplate) {
	n := p.dict(at)
	if n == nil {
		if at.Value.IsNull() {
			f := place{Path: at.Path + ".type"}
			p.required(f, "type")
		}
		return
	}
	p.known(at, nodeKeys...)
	nt.typ = p.templateType(at, nt)
	p.nodeProperties(at, nt)
	p.nodeRelationships(at, nt)
	own := p.parseInterfaces(at.Key(n, "interfaces"), false)
	p.nodeInstances(at, nt)
	if nt.typ == nil {
		return
	}
	merged, problems := p.merged.MergeTemplate(own, nt.typ.interfaces)
	for _, x := range problems {
		p.fail(at, x.Err)
	}
	nt.plan.Interfaces = merged
	nt.plan.TypeHierarchy = nt.typ.hierarchy
	ops, e := p.operations(merged, fmt.Sprintf("node '%s' of type '%s'", nt.plan.Name, nt.plan.Type), 10, n.Get("interfaces"))
	if e != nil {
		p.fail(at, e)
	}
	nt.plan.Operations = ops
	contained := 0
	for _, r := range nt.plan.Relationships {
		if contains(r.TypeHierarchy, relContainedIn) {
			contained++
		}
	}
	if contained > 1 {
		e := diag.Coded(diag.Logic, 112, fmt.Sprintf("Node '%s' has more than one relationship that is derived from '%s' relationship. Found: %s",
			nt.plan.Name, relContainedIn, value.QuoteList(containedTypes(nt.plan))))
		e.Diag = &diag.D{Summary: "Node in two containers", Detail: fmt.Sprintf("Node %q has several relationships derived from %s; it can only be contained in one node.", nt.plan.Name, relContainedIn)}
		p.fail(at.Key(n, "relationships"), e)
	}
}

func containedTypes(n *plan.Node) []string {
	var out []string
	for _, r := range n.Relationships {
		if contains(r.TypeHierarchy, relContainedIn) {
			out = append(out, r.Type)
		}
	}
	return out
}

func (p *parser) templateType(at place, nt *nodeTemplate) *nodeType {
	f := at.Key(at.Value, "type")
	if !p.required(f, "type") || !p.typed(f, tString) {
		return nil
	}
	nt.plan.Type = f.Value.Text()
	t, ok := p.nodeTypes.Get(nt.plan.Type)
	if !ok {
		p.fail(f, yamltree.Aim(p.unknownNodeType(nt.plan.Type), f.Value))
		return nil
	}
	return t
}

func (p *parser) nodeProperties(at place, nt *nodeTemplate) {
	f := at.Key(at.Value, "properties")
	if f.At == nil {
		f.Path = at.Path + ".properties"
	}
	if p.typed(f, tDict) && nt.typ != nil {
		name := nt.plan.Name
		c := &checker{types: p.typeSchema, owner: name, subject: fmt.Sprintf("Type %q of node %q", nt.plan.Type, name),
			undefined: "'" + name + "' node '%s' property is not part of the derived type properties schema",
			missing:   "'" + name + "' node does not provide a value for mandatory '%s' property which is part of its type schema"}
		given, _ := f.Value.Value().(*value.Map)
		external, e := usesExternal(given)
		if e == nil {
			if external {
				c.missing = ""
			}
			nt.plan.Properties, e = c.merge(given, nt.typ.properties, nil, nil)
		}
		if e != nil {
			p.fail(f, refine(e, f, at))
			nt.plan.Properties = value.NewMap()
		}
	}
}

// codeValueType is the reference's code for a value of a wrong type.
const codeValueType = 105

// refine puts a diagnostic of a property at the property itself, or at the
// element that lacks it.
func refine(e *diag.Error, f, owner place) *diag.Error {
	if e.Diag == nil {
		return e
	}
	at, n := f.At, f.Value
	for _, part := range strings.Split(e.Diag.Path, ".") {
		k, v := n.Entry(part)
		if k == nil {
			break
		}
		at, n = k, v
	}
	if at == nil {
		at = owner.At
	}
	if e.Code == codeValueType && n != nil && n.Kind == yamltree.Scalar {
		at = n
	}
	e.Diag.Path = f.Path
	return yamltree.Aim(e, at)
}

func usesExternal(given *value.Map) (bool, *diag.Error) {
	v := given.At("use_external_resource")
	if functionOf(v) {
		e := diag.Coded(diag.Logic, 219, "Only boolean values are allowed for `use_external_resource` property, don't use intrinsic functions.")
		e.Diag = &diag.D{Summary: "Function as use_external_resource", Detail: "use_external_resource decides which properties are required, so it must be known now: true or false."}
		return false, e
	}
	return value.Truthy(v), nil
}

func (p *parser) nodeRelationships(at place, nt *nodeTemplate) {
	f := at.Key(at.Value, "relationships")
	items := p.list(f)
	out := make([]*plan.Relationship, len(items))
	for i, x := range backwards(items) {
		out[i] = p.parseRelationship(f.Index(i, x), at, nt)
	}
	for _, r := range out {
		if r != nil {
			nt.plan.Relationships = append(nt.plan.Relationships, r)
		}
	}
}

func (p *parser) parseRelationship(at, owner place, nt *nodeTemplate) *plan.Relationship {
	r := &plan.Relationship{}
	n := p.dict(at)
	if n == nil {
		if at.Value.IsNull() {
			p.required(place{Path: at.Path + ".type"}, "type")
		}
		return nil
	}
	p.known(at, relationKeys...)
	target := p.parseInterfaces(at.Key(n, "target_interfaces"), false)
	source := p.parseInterfaces(at.Key(n, "source_interfaces"), false)
	typ := p.relationshipType(at, r)
	p.relationshipTarget(at, r, nt.plan.Name)
	if typ == nil {
		return nil
	}
	r.TypeHierarchy = typ.hierarchy
	p.relationshipProperties(at, r, typ, nt)
	var problems []iface.Problem
	var more []iface.Problem
	r.SourceInterfaces, problems = p.merged.MergeTemplate(source, typ.source)
	r.TargetInterfaces, more = p.merged.MergeTemplate(target, typ.target)
	for _, x := range append(problems, more...) {
		p.fail(at, x.Err)
	}
	describe := fmt.Sprintf("relationship of type '%s' in node '%s'", r.Type, nt.plan.Name)
	var e *diag.Error
	if r.SourceOperations, e = p.operations(r.SourceInterfaces, describe, 19, n.Get("source_interfaces")); e != nil {
		p.fail(owner, e)
		return r
	}
	if r.TargetOperations, e = p.operations(r.TargetInterfaces, describe, 19, n.Get("target_interfaces")); e != nil {
		p.fail(owner, e)
	}
	return r
}

func (p *parser) relationshipType(at place, r *plan.Relationship) *relationType {
	f := at.Key(at.Value, "type")
	if !p.required(f, "type") || !p.typed(f, tString) {
		return nil
	}
	r.Type = f.Value.Text()
	t, ok := p.relationTypes.Get(r.Type)
	if !ok {
		name := strings.Split(at.Path, ".")[1]
		names := sectionNames(p.root.Get("relationships"))
		e := diag.Coded(diag.Logic, 26, fmt.Sprintf("A relationship instance under node '%s' declares an undefined relationship type '%s'", name, r.Type))
		e.Diag = &diag.D{Summary: "Unknown relationship type",
			Detail: fmt.Sprintf("Node %q has a relationship of type %q, which is not defined.", name, r.Type), Fix: diag.DidYouMean(r.Type, names)}
		p.fail(f, yamltree.Aim(e, f.Value))
		return nil
	}
	return t
}

func sectionNames(n *node) []string {
	var out []string
	for _, q := range pairsOf(n) {
		out = append(out, q.Key.Text())
	}
	return out
}

func (p *parser) relationshipTarget(at place, r *plan.Relationship, name string) {
	f := at.Key(at.Value, "target")
	if f.At == nil {
		f.Path = at.Path + ".target"
	}
	if !p.required(f, "target") || !p.typed(f, tString) {
		return
	}
	r.TargetID = f.Value.Text()
	nodes := p.root.Get("node_templates")
	switch {
	case nodes.Find(r.TargetID) < 0:
		e := diag.Coded(diag.Logic, 25, fmt.Sprintf("A relationship instance under node '%s' of type 'type' declares an undefined target node '%s'", name, r.TargetID))
		names := sectionNames(nodes)
		e.Diag = &diag.D{Summary: "Unknown relationship target",
			Detail: fmt.Sprintf("Node %q has a relationship to %q, but there is no node template of that name. Defined: %s.", name, r.TargetID, diag.Names(names)),
			Fix:    diag.DidYouMean(r.TargetID, names)}
		p.fail(f, yamltree.Aim(e, f.Value))
	case r.TargetID == name:
		e := diag.Coded(diag.Logic, 23, fmt.Sprintf("A relationship instance under node '%s' of type 'type' illegally declares the source node as the target node", name))
		e.Diag = &diag.D{Summary: "Relationship to itself", Detail: fmt.Sprintf("Node %q cannot have a relationship to itself.", name)}
		p.fail(f, e)
	}
}

func (p *parser) relationshipProperties(at place, r *plan.Relationship, typ *relationType, nt *nodeTemplate) {
	r.Properties = value.NewMap()
	f := at.Key(at.Value, "properties")
	if f.At == nil {
		f.Path = at.Path + ".properties"
	}
	if !p.typed(f, tDict) {
		return
	}
	name := nt.plan.Name
	c := &checker{types: p.typeSchema, owner: name, subject: fmt.Sprintf("Relationship type %q", r.Type),
		undefined: "'" + name + "' node relationship '%s' property is not part of the derived relationship type properties schema",
		missing:   "'" + name + "' node relationship does not provide a value for mandatory '%s' property which is part of its relationship type schema"}
	given, _ := f.Value.Value().(*value.Map)
	props, e := c.merge(given, typ.properties, nil, nil)
	if e == nil && contains(typ.hierarchy, relLifecycle) {
		e = p.lifecycleOperation(r, props, name)
	}
	if e != nil {
		p.fail(f, refine(e, f, at))
		return
	}
	r.Properties = props
}

// lifecycleOperation checks the operation that a relationship waits for.
func (p *parser) lifecycleOperation(r *plan.Relationship, props *value.Map, name string) *diag.Error {
	op, _ := props.At("operation").(string)
	if op == "" {
		return diag.Coded(diag.Logic, 215, fmt.Sprintf("Please define \"operation\" property for \"%s\" node's \"%s\" relationship", name, r.Type))
	}
	target := p.root.Get("node_templates").Get(r.TargetID)
	if target.Get("interfaces").Get(lifecycle).Find(op) >= 0 {
		return nil
	}
	e := diag.Coded(diag.Logic, 216, fmt.Sprintf("Please define \"%s\" operation in the target node \"%s\" for \"%s\" node's \"%s\" relationship", op, r.TargetID, name, r.Type))
	e.Diag = &diag.D{Summary: "Lifecycle operation not defined",
		Detail: fmt.Sprintf("The relationship waits for operation %q of node %q, whose template does not define it.", op, r.TargetID)}
	return e
}
