package inspect

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/reifyhq/reify/internal/dsl"
	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/index"
	"github.com/reifyhq/reify/internal/dsl/plan"
	"github.com/reifyhq/reify/internal/dsl/value"
)

// Explain tells where everything of a node comes from: its type's hierarchy, each property and operation with the types
// and files that define or override it, relationships and numbers of instances.
func (i Inspector) Explain(ctx context.Context, name, node string, isJSON bool, w io.Writer) error {
	return i.one(ctx, name, func(b *blueprint, p *dsl.Plan) error {
		x, e := index.Build(ctx, b.in, b.src)
		if e != nil {
			return e
		}
		k := slices.IndexFunc(p.Nodes, func(n *dsl.Node) bool { return n.Name == node })
		if k < 0 {
			var names []string
			for _, n := range p.Nodes {
				names = append(names, n.Name)
			}
			if fix := diag.DidYouMean(node, names); fix != "" {
				return fmt.Errorf("%s has no node %q. %s", b.name(), node, fix)
			}
			return fmt.Errorf("%s has no node %q; it has %s", b.name(), node, diag.Names(names))
		}
		out := (&explainer{b: b, p: p, x: x, n: p.Nodes[k]}).explanation()
		if isJSON {
			e := json.NewEncoder(w)
			e.SetIndent("", "  ")
			e.SetEscapeHTML(false)
			return e.Encode(out)
		}
		return out.write(w)
	})
}

// place is where something stands, as the user would write it.
type place struct {
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
}

// origin is one definition: by which type or template, where, and what it says.
type origin struct {
	By    string `json:"by"`
	Place place  `json:"at"`
	Value *free  `json:"value,omitempty"`
}

// free is a value of the blueprint that keeps its order and its numbers in JSON.
type free struct{ v any }

// MarshalJSON writes the value as plans have it.
func (f free) MarshalJSON() ([]byte, error) { return value.EncodeJSON(f.v) }

func freeOf(v any) *free {
	if v == nil {
		return nil
	}
	return &free{v}
}

type explanation struct {
	Blueprint     string                  `json:"blueprint"`
	Node          string                  `json:"node"`
	Defined       place                   `json:"defined"`
	Types         []origin                `json:"types"`
	Host          string                  `json:"host,omitempty"`
	Groups        []string                `json:"scaling_groups,omitempty"`
	Instances     *free                   `json:"instances"`
	Properties    []explainedProperty     `json:"properties"`
	Interfaces    []explainedInterface    `json:"interfaces"`
	Relationships []explainedRelationship `json:"relationships"`
	Plugins       []string                `json:"plugins"`
}

type explainedProperty struct {
	Name        string `json:"name"`
	Value       *free  `json:"value"`
	Type        string `json:"type,omitempty"`
	IsOptional  bool   `json:"optional,omitempty"`
	Description string `json:"description,omitempty"`
	// From gave the value; nil when nothing did. Declared says which type first declared it, Overridden what would count
	// otherwise, nearest first.
	From       *origin  `json:"from,omitempty"`
	Declared   *origin  `json:"declared,omitempty"`
	Overridden []origin `json:"overridden,omitempty"`
}

type explainedInterface struct {
	Name       string               `json:"name"`
	Operations []explainedOperation `json:"operations"`
}

type explainedOperation struct {
	Name           string              `json:"name"`
	Implementation string              `json:"implementation"`
	Plugin         string              `json:"plugin,omitempty"`
	Operation      string              `json:"plugin_operation,omitempty"`
	Executor       *free               `json:"executor,omitempty"`
	MaxRetries     *free               `json:"max_retries,omitempty"`
	RetryInterval  *free               `json:"retry_interval,omitempty"`
	Timeout        *free               `json:"timeout,omitempty"`
	Inputs         []explainedProperty `json:"inputs,omitempty"`
	// Defined has the definition that counts first, then those that it overrides or adds to.
	Defined []origin `json:"defined"`
}

type explainedRelationship struct {
	Type       string               `json:"type"`
	Target     string               `json:"target"`
	Defined    place                `json:"defined"`
	Types      []origin             `json:"types"`
	Properties []explainedProperty  `json:"properties,omitempty"`
	Source     []explainedInterface `json:"source_interfaces,omitempty"`
	Targets    []explainedInterface `json:"target_interfaces,omitempty"`
}

type explainer struct {
	b *blueprint
	p *dsl.Plan
	x *index.Index
	n *dsl.Node
}

func (e *explainer) at(file string, line int) place {
	if line == 0 {
		return place{}
	}
	return place{File: e.b.show(file), Line: line}
}

func (e *explainer) symbolAt(s *index.Symbol) place {
	if s == nil {
		return place{}
	}
	return e.at(s.File, s.Range.Start.Line)
}

const template = "the node template"

func (e *explainer) explanation() *explanation {
	s := e.x.Find(index.Node, e.n.Name)
	out := &explanation{Blueprint: e.b.name(), Node: e.n.Name, Defined: e.symbolAt(s), Host: e.n.HostID,
		Types: e.types(index.NodeType, e.n.TypeHierarchy), Instances: freeOf(e.instances()),
		Properties: e.properties(index.Owner{Kind: index.NodeType, Name: e.n.Type}, e.n.Properties, s, "properties", template),
		Interfaces: e.interfaces(index.Owner{Kind: index.NodeType, Name: e.n.Type}, "interfaces", e.n.Interfaces, e.n.Operations, s, template)}
	for name, g := range e.p.ScalingGroups.All() {
		if slices.Contains(g.Members, e.n.Name) {
			out.Groups = append(out.Groups, name)
		}
	}
	for _, p := range e.n.Plugins {
		if !slices.Contains(out.Plugins, p.Name) {
			out.Plugins = append(out.Plugins, p.Name)
		}
	}
	out.Relationships = e.relationships(s)
	return out
}

// instances gives how many instances there are at first, at least and at most.
func (e *explainer) instances() *value.Map {
	scalable, _ := e.n.Capabilities.At("scalable").(*value.Map)
	properties, _ := scalable.At("properties").(*value.Map)
	out := value.NewMap()
	for _, k := range []string{"default_instances", "min_instances", "max_instances"} {
		out.Set(k, properties.At(k))
	}
	return out
}

// types gives a hierarchy, the type itself first.
func (e *explainer) types(k index.Kind, hierarchy []string) []origin {
	var out []origin
	for _, name := range slices.Backward(hierarchy) {
		out = append(out, origin{By: name, Place: e.symbolAt(e.x.Find(k, name))})
	}
	return out
}

// properties explains effective values: given by a template, else defaults of types.
func (e *explainer) properties(owner index.Owner, effective *value.Map, s *index.Symbol, field, by string) []explainedProperty {
	var out []explainedProperty
	for name, v := range effective.All() {
		p := explainedProperty{Name: name, Value: freeOf(v)}
		var from []origin
		if s != nil {
			if m := e.x.MemberOf(s, s.Value.Get(field), name); m != nil {
				from = append(from, origin{By: by, Place: e.at(m.File, m.Range.Start.Line), Value: freeOf(m.Value.Value())})
			}
		}
		e.declared(&p, e.x.PropertyDefinitions(owner, name), from)
		out = append(out, p)
	}
	for _, m := range e.x.Properties(owner) {
		if !effective.Has(m.Name) {
			p := explainedProperty{Name: m.Name}
			e.declared(&p, e.x.PropertyDefinitions(owner, m.Name), nil)
			out = append(out, p)
		}
	}
	return out
}

// declared adds what the schemas say, nearest first, to who gave a value so far.
func (e *explainer) declared(p *explainedProperty, definitions []*index.Member, from []origin) {
	for _, m := range definitions {
		at := e.at(m.File, m.Range.Start.Line)
		if m.Value.IsMap() && m.Value.Find("default") >= 0 {
			from = append(from, origin{By: m.Owner.Name, Place: at, Value: freeOf(m.Value.Get("default").Value())})
		}
		if p.Type == "" {
			p.Type = m.Text("type")
		}
		if p.Description == "" {
			p.Description = strings.TrimSpace(m.Text("description"))
		}
		p.Declared = &origin{By: m.Owner.Name, Place: at}
	}
	if len(definitions) > 0 {
		required, given := definitions[0].Value.Get("required").Value().(bool)
		p.IsOptional = given && !required
	}
	if len(from) > 0 {
		p.From, p.Overridden = &from[0], from[1:]
	}
}

// interfaces explains the merged interfaces of a node, or of one side of a relationship.
func (e *explainer) interfaces(owner index.Owner, field string, effective *value.Map, resolved *value.Ordered[*plan.Operation],
	s *index.Symbol, by string) []explainedInterface {
	var out []explainedInterface
	for name, v := range effective.All() {
		i := explainedInterface{Name: name}
		operations, _ := v.(*value.Map)
		for op, raw := range operations.All() {
			var own *index.Member
			if s != nil {
				own = e.x.MemberOf(s, s.Value.Get(field).Get(name), op)
			}
			i.Operations = append(i.Operations, e.operation(op, raw, resolved.At(name+"."+op), own, by,
				e.x.OperationDefinitions(owner, field, name, op)))
		}
		out = append(out, i)
	}
	return out
}

func (e *explainer) operation(name string, raw any, r *plan.Operation, own *index.Member, by string, definitions []*index.Member) explainedOperation {
	m, _ := raw.(*value.Map)
	impl, _ := m.At("implementation").(string)
	op := explainedOperation{Name: name, Implementation: impl, Defined: []origin{}}
	if r != nil {
		op.Plugin, op.Operation = r.Plugin, r.Operation
		op.Executor, op.MaxRetries = freeOf(r.Executor), freeOf(r.MaxRetries)
		op.RetryInterval, op.Timeout = freeOf(r.RetryInterval), freeOf(r.Timeout)
	}
	if own != nil {
		op.Defined = append(op.Defined, origin{By: by, Place: e.at(own.File, own.Range.Start.Line), Value: freeOf(implementationOf(own))})
	}
	for _, d := range definitions {
		op.Defined = append(op.Defined, origin{By: d.Owner.Name, Place: e.at(d.File, d.Range.Start.Line), Value: freeOf(implementationOf(d))})
	}
	inputs, _ := m.At("inputs").(*value.Map)
	for k, v := range inputs.All() {
		op.Inputs = append(op.Inputs, e.input(k, v, own, by, definitions))
	}
	return op
}

// implementationOf gives what a definition of an operation runs, nil for nothing.
func implementationOf(m *index.Member) any {
	if s := m.Value.Text(); s != "" {
		return s
	}
	if s := m.Text("implementation"); s != "" {
		return s
	}
	return nil
}

func (e *explainer) input(name string, v any, own *index.Member, by string, definitions []*index.Member) explainedProperty {
	p := explainedProperty{Name: name, Value: freeOf(v)}
	var from []origin
	if own != nil {
		if m := e.x.MemberOf(own.Owner, own.Value.Get("inputs"), name); m != nil {
			from = append(from, origin{By: by, Place: e.at(m.File, m.Range.Start.Line), Value: freeOf(m.Value.Value())})
		}
	}
	var declared []*index.Member
	// A type's operation replaces the inherited one with all its inputs, so that only the nearest counts.
	if len(definitions) > 0 {
		if m := e.x.MemberOf(definitions[0].Owner, definitions[0].Value.Get("inputs"), name); m != nil {
			declared = append(declared, m)
		}
	}
	e.declared(&p, declared, from)
	return p
}

func (e *explainer) relationships(s *index.Symbol) []explainedRelationship {
	out := []explainedRelationship{}
	for i, r := range e.n.Relationships {
		owner := index.Owner{Kind: index.Relationship, Name: r.Type}
		x := explainedRelationship{Type: r.Type, Target: r.TargetID, Types: e.types(index.Relationship, r.TypeHierarchy)}
		var own *index.Symbol
		if s != nil {
			if list := s.Value.Get("relationships"); list.IsList() && i < len(list.Items) {
				n := list.Items[i]
				own = &index.Symbol{Kind: index.Relationship, Name: r.Type, File: n.FileName(), Value: n}
				x.Defined = e.at(n.FileName(), n.Line)
			}
		}
		x.Properties = e.properties(owner, r.Properties, own, "properties", "the relationship")
		x.Source = e.interfaces(owner, "source_interfaces", r.SourceInterfaces, r.SourceOperations, own, "the relationship")
		x.Targets = e.interfaces(owner, "target_interfaces", r.TargetInterfaces, r.TargetOperations, own, "the relationship")
		out = append(out, x)
	}
	return out
}
