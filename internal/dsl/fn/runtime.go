package fn

import (
	"context"
	"errors"
	"fmt"

	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/value"
)

// instance gives the id that SELF, SOURCE or TARGET means.
func (s Scope) instance(name string) string {
	switch name {
	case Self:
		return s.Self
	case Source:
		return s.Source
	case Target:
		return s.Target
	}
	return ""
}

// runtime evaluates a function that needs the run.
func (e *evaluator) runtime(c Call, path string, depth int) (any, error) {
	switch c.Name {
	case GetAttribute:
		return e.getAttribute(c, path, depth)
	case GetAttributesList:
		return e.attributesList(c, path, depth)
	case GetAttributesDict:
		return e.attributesDict(c, path, depth)
	case GetSecret:
		return e.getSecret(c)
	case GetCapability:
		return e.lookup(Capability, c.Args)
	case GetEnvironmentCapability:
		return e.lookup(EnvironmentCapability, c.Args)
	case GetGroupCapability:
		return e.lookup(GroupCapability, c.Args)
	case GetLabel:
		return e.lookup(Label, c.Args)
	case GetSys:
		if err := validateSys(c.Args); err != nil {
			return nil, err
		}
		return e.lookup(Sys, c.Args)
	}
	return e.lookup(Consumers, c.Args)
}

func (e *evaluator) lookup(k Kind, args any) (any, error) {
	l, ok := args.([]any)
	if !ok {
		l = []any{args}
	}
	v, err := e.st.Lookup(e.ctx, k, l)
	return value.From(v), err
}

func (e *evaluator) getSecret(c Call) (any, error) {
	l, ok := c.Args.([]any)
	if !ok {
		return e.st.Secret(e.ctx, value.Text(c.Args))
	}
	name := value.Text(l[0])
	text, err := e.st.Secret(e.ctx, name)
	if err != nil {
		return nil, err
	}
	s, isStr := text.(string)
	v := value.From(text)
	if isStr {
		if v, err = value.DecodeJSON([]byte(s)); err != nil {
			return nil, evaluationAs(fmt.Sprintf("Could not parse secret \"%s\" as json. Error was: Expecting value: line 1 column 1 (char 0)", name))
		}
	}
	for _, key := range l[1:] {
		next, problem := secretStep(v, key)
		if problem != "" {
			return nil, evaluationAs(fmt.Sprintf("Could not find \"%s\" in nested lookup on secret \"%s\". Error was: %s", value.Text(key), name, problem))
		}
		v = next
	}
	return v, nil
}

func secretStep(v, key any) (any, string) {
	switch t := v.(type) {
	case *value.Map:
		next, ok := t.Get(value.Text(key))
		if !ok {
			return nil, value.Repr(key)
		}
		return next, ""
	case []any:
		n, ok := index(key)
		if !ok {
			return nil, "list indices must be integers or slices, not " + value.TypeName(key)
		}
		if n < 0 {
			n += len(t)
		}
		if n < 0 || n >= len(t) {
			return nil, "list index out of range"
		}
		return t[n], ""
	}
	return nil, fmt.Sprintf("'%s' object is not subscriptable", value.TypeName(v))
}

func (e *evaluator) getAttribute(c Call, path string, depth int) (any, error) {
	l := c.Args.([]any)
	ni, err := e.attributeInstance(value.Text(l[0]), l[1:], path)
	if err != nil {
		var de *diag.Error
		if e.outputs && errors.As(err, &de) && de.Class == diag.FunctionEvaluation {
			return "<ERROR: " + de.Message + ">", nil
		}
		return nil, err
	}
	return e.attribute(ni, l[1:], c.Name, path, depth)
}

func (e *evaluator) attributeInstance(name string, attribute []any, path string) (*NodeInstance, error) {
	switch name {
	case Self, Source, Target:
		id := e.scope.instance(name)
		if id == "" {
			if name == Self {
				return nil, evaluation(GetAttribute, "Node SELF has no instances.")
			}
			return nil, evaluation(GetAttribute, fmt.Sprintf("%s is missing in request context in %s for attribute %s", name, path, value.Text(attribute)))
		}
		return e.st.NodeInstance(e.ctx, id)
	}
	return e.byName(name)
}

// byName finds the one instance of a node that is meant, section 10.3.
func (e *evaluator) byName(name string) (*NodeInstance, error) {
	all, err := e.st.NodeInstances(e.ctx, name)
	if err != nil {
		return nil, err
	}
	switch len(all) {
	case 0:
		return nil, evaluation(GetAttribute, fmt.Sprintf("Node %s has no instances.", name))
	case 1:
		return all[0], nil
	}
	if ni, err := e.byRelationship(name, all); ni != nil || err != nil {
		return ni, err
	}
	for _, id := range []string{e.scope.Self, e.scope.Source, e.scope.Target} {
		if id == "" {
			continue
		}
		ni, err := e.byGroup(id, name, all)
		if ni != nil || err != nil {
			return ni, err
		}
	}
	return nil, evaluation(GetAttribute, fmt.Sprintf("More than one node instance found for node \"%s\". Cannot resolve a node instance unambiguously.", name))
}

func (e *evaluator) byRelationship(name string, all []*NodeInstance) (*NodeInstance, error) {
	if e.scope.Self == "" {
		return nil, nil
	}
	self, err := e.st.NodeInstance(e.ctx, e.scope.Self)
	if err != nil {
		return nil, err
	}
	var found *NodeInstance
	for _, r := range self.Relationships {
		if r.TargetName != name {
			continue
		}
		for _, ni := range all {
			if ni.ID != r.TargetID {
				continue
			}
			if found != nil && found.ID != ni.ID {
				return nil, nil
			}
			found = ni
		}
	}
	return found, nil
}

// byGroup finds the instance in the innermost scaling group instance shared
// with another.
func (e *evaluator) byGroup(id, name string, all []*NodeInstance) (*NodeInstance, error) {
	own, err := e.groups(id)
	if err != nil {
		return nil, err
	}
	for _, g := range own {
		var found *NodeInstance
		count := 0
		for _, ni := range all {
			theirs, err := e.groups(ni.ID)
			if err != nil {
				return nil, err
			}
			for _, h := range theirs {
				if h.ID == g.ID {
					found = ni
					count++
					break
				}
			}
		}
		if count == 1 {
			return found, nil
		}
		if count > 1 {
			return nil, nil
		}
	}
	return nil, nil
}

// groups gives the scaling group instances of an instance and of what it is
// contained in, innermost first.
func (e *evaluator) groups(id string) ([]GroupRef, error) {
	var out []GroupRef
	for n := 0; id != "" && n < Limit; n++ {
		ni, err := e.st.NodeInstance(e.ctx, id)
		if err != nil {
			return nil, err
		}
		out = append(out, ni.ScalingGroups...)
		n, err := e.st.Node(e.ctx, ni.NodeID)
		if err != nil {
			return nil, err
		}
		id = ""
		for _, r := range ni.Relationships {
			if n.ContainedIn != "" && r.TargetName == n.ContainedIn {
				id = r.TargetID
			}
		}
	}
	return out, nil
}

// attribute reads a runtime property, falling back to the node's property.
func (e *evaluator) attribute(ni *NodeInstance, path []any, name, at string, depth int) (any, error) {
	sub := *e
	sub.scope = Scope{Self: ni.ID, Path: e.scope.Path}
	v, err := sub.walk(ni.RuntimeProperties, path, pathText{node: ni.NodeID, at: at, name: name}, at)
	if err != nil {
		return nil, err
	}
	if v == nil && len(path) == 1 {
		switch value.Text(path[0]) {
		case "node_instance_id":
			v = ni.ID
		case "node_instance_index":
			v = value.From(ni.Index)
		}
	}
	if v == nil {
		n, err := e.st.Node(e.ctx, ni.NodeID)
		if err != nil {
			return nil, err
		}
		if v, err = sub.walk(n.Properties, path, pathText{node: n.ID, at: at, name: name}, at); err != nil {
			return nil, err
		}
	}
	return sub.value(v, at, depth+1)
}

func (e *evaluator) attributesList(c Call, path string, depth int) (any, error) {
	l := c.Args.([]any)
	all, err := e.allInstances(value.Text(l[0]))
	if err != nil {
		return nil, err
	}
	out := []any{}
	for _, ni := range all {
		v, err := e.attribute(ni, l[1:], c.Name, path, depth)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// allInstances gives all instances of a node, which SELF, SOURCE and TARGET
// may name through one of its instances.
func (e *evaluator) allInstances(name string) ([]*NodeInstance, error) {
	switch name {
	case Self, Source, Target:
		name = e.scope.instance(name)
		if ni, err := e.st.NodeInstance(e.ctx, name); err == nil {
			name = ni.NodeID
		}
	}
	if _, err := e.st.Node(e.ctx, name); err != nil {
		return nil, diag.New(diag.KeyError, value.Quote("Node not found: "+name))
	}
	return e.st.NodeInstances(e.ctx, name)
}

func (e *evaluator) attributesDict(c Call, path string, depth int) (any, error) {
	l := c.Args.([]any)
	all, err := e.allInstances(value.Text(l[0]))
	if err != nil {
		return nil, err
	}
	out := value.NewMap()
	for _, ni := range all {
		m := value.NewMap()
		for _, a := range l[1:] {
			p, ok := a.([]any)
			if !ok {
				p = []any{a}
			}
			v, err := e.attribute(ni, p, c.Name, path, depth)
			if err != nil {
				return nil, err
			}
			m.Set(joined(a), v)
		}
		out.Set(ni.ID, m)
	}
	return out, nil
}

// EvaluateInstance evaluates the functions of an instance's runtime
// properties. The instance is a free value; the result is a new one.
func EvaluateInstance(ctx context.Context, instance *value.Map, st Storage) (*value.Map, error) {
	id := value.Text(instance.At("id"))
	v, err := Evaluate(ctx, instance.At("runtime_properties"), Scope{Self: id, Path: "node_instances." + id + ".runtime_properties"}, st)
	if err != nil {
		return nil, err
	}
	out := instance.Clone()
	out.Set("runtime_properties", v)
	return out, nil
}

// EvaluateNode evaluates the functions of a node's properties, capabilities
// and operation inputs. The node is a free value in plan form.
func EvaluateNode(ctx context.Context, node *value.Map, instance string, st Storage) (*value.Map, error) {
	name := value.Text(node.At("name"))
	v, err := Evaluate(ctx, node, Scope{Self: instance, Path: "nodes." + name}, st)
	if err != nil {
		return nil, err
	}
	m, _ := v.(*value.Map)
	return m, nil
}
