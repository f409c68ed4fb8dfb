package plan

import "github.com/reifyhq/reify/internal/dsl/value"

// Clone copies a plan so deeply that evaluating functions in the copy leaves
// the original as it is. Sections that are never changed are shared.
func (p *Plan) Clone() *Plan {
	c := *p
	c.Nodes = make([]*Node, len(p.Nodes))
	for i, n := range p.Nodes {
		c.Nodes[i] = n.clone()
	}
	c.Inputs = value.CopyMap(p.Inputs)
	c.Outputs = value.CopyMap(p.Outputs)
	c.Capabilities = value.CopyMap(p.Capabilities)
	c.Labels = value.CopyMap(p.Labels)
	c.Policies = value.CopyMap(p.Policies)
	c.DeploymentSettings = value.CopyMap(p.DeploymentSettings)
	c.ScalingGroups = &value.Ordered[*ScalingGroup]{}
	for k, g := range p.ScalingGroups.All() {
		c.ScalingGroups.Set(k, &ScalingGroup{Members: g.Members, Properties: value.CopyMap(g.Properties)})
	}
	return &c
}

func (n *Node) clone() *Node {
	c := *n
	c.Properties = value.CopyMap(n.Properties)
	c.Capabilities = value.CopyMap(n.Capabilities)
	c.Operations = cloneOperations(n.Operations)
	c.Relationships = make([]*Relationship, len(n.Relationships))
	for i, r := range n.Relationships {
		d := *r
		d.Properties = value.CopyMap(r.Properties)
		d.SourceOperations = cloneOperations(r.SourceOperations)
		d.TargetOperations = cloneOperations(r.TargetOperations)
		c.Relationships[i] = &d
	}
	return &c
}

// cloneOperations keeps operations without inputs, which nothing changes, and
// keeps operations shared that are known by two names.
func cloneOperations(ops *value.Ordered[*Operation]) *value.Ordered[*Operation] {
	out := &value.Ordered[*Operation]{}
	done := map[*Operation]*Operation{}
	for k, o := range ops.All() {
		d, ok := done[o]
		if o.Inputs.Len() == 0 {
			d, ok = o, true
		}
		if !ok {
			x := *o
			x.Inputs = o.Inputs.Clone()
			d = &x
			done[o] = d
		}
		out.Set(k, d)
	}
	return out
}
