package dslcases

import (
	"context"
	"fmt"

	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/fn"
	"github.com/reifyhq/reify/internal/dsl/value"
)

// stub answers evaluation from the storage of a case.
type stub struct{ m *value.Map }

func missing(key any) error { return diag.New(diag.KeyError, value.Repr(key)) }

func (s *stub) Node(_ context.Context, id string) (*fn.NodeData, error) {
	for _, x := range listOf(s.m.At("nodes")) {
		if m := mapOf(x); text(m.At("id")) == id {
			return &fn.NodeData{ID: id, Properties: mapOf(m.At("properties")), ContainedIn: containerOf(m)}, nil
		}
	}
	return nil, missing(id)
}

func containerOf(node *value.Map) string {
	for _, x := range listOf(node.At("relationships")) {
		for _, t := range value.Strings(mapOf(x).At("type_hierarchy")) {
			if t == "cloudify.relationships.contained_in" {
				return text(mapOf(x).At("target_id"))
			}
		}
	}
	return ""
}

func instanceOf(m *value.Map) *fn.NodeInstance {
	ni := &fn.NodeInstance{ID: text(m.At("id")), NodeID: text(m.At("node_id")), Index: m.At("index"), RuntimeProperties: mapOf(m.At("runtime_properties"))}
	for _, x := range listOf(m.At("relationships")) {
		r := mapOf(x)
		ni.Relationships = append(ni.Relationships, fn.InstanceRelationship{Type: text(r.At("type")), TargetName: text(r.At("target_name")), TargetID: text(r.At("target_id"))})
	}
	for _, x := range listOf(m.At("scaling_groups")) {
		g := mapOf(x)
		ni.ScalingGroups = append(ni.ScalingGroups, fn.GroupRef{Name: text(g.At("name")), ID: text(g.At("id"))})
	}
	return ni
}

func (s *stub) NodeInstance(_ context.Context, id string) (*fn.NodeInstance, error) {
	for _, x := range listOf(s.m.At("node_instances")) {
		if m := mapOf(x); text(m.At("id")) == id {
			return instanceOf(m), nil
		}
	}
	return nil, missing(id)
}

func (s *stub) NodeInstances(_ context.Context, node string) ([]*fn.NodeInstance, error) {
	var out []*fn.NodeInstance
	for _, x := range listOf(s.m.At("node_instances")) {
		if m := mapOf(x); text(m.At("node_id")) == node {
			out = append(out, instanceOf(m))
		}
	}
	return out, nil
}

func (s *stub) Inputs(context.Context) (*value.Map, error) { return mapOf(s.m.At("inputs")), nil }

func (s *stub) Secret(_ context.Context, name string) (any, error) {
	all := mapOf(s.m.At("secrets"))
	if all.Len() == 0 {
		return name + "_value", nil
	}
	v, ok := all.Get(name)
	if !ok {
		return nil, missing(name)
	}
	return v, nil
}

func (s *stub) Lookup(_ context.Context, kind fn.Kind, args []any) (any, error) {
	switch kind {
	case fn.Capability:
		return s.capability(value.Text(args[0]), args[1])
	case fn.EnvironmentCapability:
		parents := listOf(mapOf(s.m.At("labels")).At("csys-obj-parent"))
		if len(parents) == 0 {
			return nil, missing("csys-obj-parent")
		}
		return s.capability(value.Text(parents[0]), args[0])
	case fn.GroupCapability:
		return s.groupCapability(args)
	case fn.Label:
		return s.label(args)
	case fn.Sys:
		return s.sys(args), nil
	}
	return s.consumers(value.Text(args[0])), nil
}

func (s *stub) capability(deployment string, name any) (any, error) {
	d, ok := mapOf(s.m.At("capabilities")).Get(deployment)
	if !ok {
		return nil, missing(deployment)
	}
	v, ok := mapOf(d).Get(value.Text(name))
	if !ok {
		return nil, missing(name)
	}
	return v, nil
}

func (s *stub) groupCapability(args []any) (any, error) {
	g, ok := mapOf(s.m.At("group_capabilities")).Get(value.Text(args[0]))
	if !ok {
		return nil, missing(args[0])
	}
	if l, isList := args[1].([]any); isList {
		return nil, diag.New(diag.TypeError, fmt.Sprintf("unhashable type: '%s'", value.TypeName(l)))
	}
	v, ok := mapOf(g).Get(value.Text(args[1]))
	if !ok {
		return nil, missing(args[1])
	}
	return v, nil
}

func (s *stub) label(args []any) (any, error) {
	l, ok := mapOf(s.m.At("labels")).Get(value.Text(args[0]))
	if !ok {
		return nil, missing(args[0])
	}
	if len(args) == 1 {
		return l, nil
	}
	var i int
	if _, err := fmt.Sscan(value.Text(args[1]), &i); err != nil || i >= len(listOf(l)) {
		return nil, diag.New(diag.IndexError, "list index out of range")
	}
	return listOf(l)[i], nil
}

func (s *stub) sys(args []any) any {
	if args[0] == "deployment" {
		switch args[1] {
		case "id":
			return s.m.At("deployment_id")
		case "name":
			return s.m.At("deployment_name")
		}
	}
	return nil
}

func (s *stub) consumers(property string) any {
	all := mapOf(s.m.At("consumers"))
	switch property {
	case "count":
		return int64(all.Len())
	case "names":
		out := []any{}
		for _, v := range all.All() {
			out = append(out, v)
		}
		return out
	}
	return value.List(all.Keys())
}

// evaluate runs the operations of run time.
func evaluate(ctx context.Context, op string, in *value.Map) (any, error) {
	st := &stub{mapOf(decode(in.At("storage")))}
	switch op {
	case "evaluate_functions":
		c := mapOf(decode(in.At("context")))
		return fn.Evaluate(ctx, decode(in.At("payload")), fn.Scope{Self: text(c.At("self")), Source: text(c.At("source")), Target: text(c.At("target"))}, st)
	case "evaluate_outputs":
		return fn.EvaluateOutputs(ctx, mapOf(decode(in.At("outputs"))), st)
	case "evaluate_capabilities":
		return fn.EvaluateCapabilities(ctx, mapOf(decode(in.At("capabilities"))), st)
	case "evaluate_node_functions":
		self := text(in.At("instance_context"))
		if c := mapOf(in.At("instance_context")); c != nil {
			self = text(c.At("self"))
		}
		return fn.EvaluateNode(ctx, mapOf(decode(in.At("node"))), self, st)
	case "evaluate_node_instance_functions":
		return fn.EvaluateInstance(ctx, mapOf(decode(in.At("instance"))), st)
	}
	return nil, fmt.Errorf("unknown operation %q", op)
}
