package change

import (
	"maps"
	"slices"

	"github.com/reifyhq/reify/internal/dsl/plan"
	"github.com/reifyhq/reify/internal/dsl/value"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/topology"
)

// planNodes are stored nodes in the form of the language, as far as the topology needs them.
func planNodes(nodes []*model.Node) []*plan.Node {
	out := make([]*plan.Node, 0, len(nodes))
	for _, n := range nodes {
		p := &plan.Node{
			Name: string(n.ID), Type: n.Type, TypeHierarchy: n.TypeHierarchy, HostID: string(n.HostID),
			Capabilities: value.MapOf("scalable", value.MapOf("properties", value.MapOf("current_instances", int64(n.Number)))),
		}
		for _, r := range n.Relationships {
			p.Relationships = append(p.Relationships, &plan.Relationship{
				Type: r.Type, TargetID: string(r.TargetID), TypeHierarchy: r.TypeHierarchy,
				Properties: value.MapOf("connection_type", r.Properties["connection_type"]),
			})
		}
		out = append(out, p)
	}
	return out
}

func planGroups(groups map[string]model.ScalingGroup) *value.Ordered[*plan.ScalingGroup] {
	out := &value.Ordered[*plan.ScalingGroup]{}
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		g := groups[name]
		out.Set(name, &plan.ScalingGroup{Members: g.Members,
			Properties: value.MapOf("current_instances", int64(g.Properties.Current))})
	}
	return out
}

func planInstances(instances []*model.NodeInstance) []topology.Instance {
	out := make([]topology.Instance, 0, len(instances))
	for _, i := range instances {
		p := topology.Instance{Name: string(i.Node), NodeID: string(i.Node), ID: string(i.ID), HostID: string(i.HostID)}
		for _, r := range i.Relationships {
			p.Relationships = append(p.Relationships, plan.InstanceRelationship{
				Type: r.Type, TargetName: string(r.TargetName), TargetID: string(r.TargetID)})
		}
		for _, g := range i.ScalingGroups {
			p.ScalingGroups = append(p.ScalingGroups, plan.GroupRef{Name: g.Name, ID: g.ID})
		}
		out = append(out, p)
	}
	return out
}

// instanceOf is an instance of the language as a fresh one of the deployment.
func instanceOf(d *model.Deployment, env Env, p topology.Instance) *model.NodeInstance {
	i := &model.NodeInstance{
		Resource: inherited(d, env), ID: model.InstanceID(p.ID), Node: model.NodeID(p.NodeID), Deployment: d.ID,
		HostID: model.InstanceID(p.HostID), State: model.InstanceUninitialized, Version: 1,
		Relationships: relationshipsOf(p), RuntimeProperties: model.Document{},
	}
	for _, g := range p.ScalingGroups {
		i.ScalingGroups = append(i.ScalingGroups, model.GroupMembership{Name: g.Name, ID: g.ID})
	}
	return i
}

func relationshipsOf(p topology.Instance) []model.InstanceRelationship {
	var out []model.InstanceRelationship
	for _, r := range p.Relationships {
		out = append(out, model.InstanceRelationship{Type: r.Type, TargetName: model.NodeID(r.TargetName), TargetID: model.InstanceID(r.TargetID)})
	}
	return out
}

// inherited is what a deployment hands down to its parts.
func inherited(d *model.Deployment, env Env) model.Resource {
	return model.Resource{Tenant: d.Tenant, CreatedBy: d.CreatedBy, CreatedAt: env.Now, Visibility: d.Visibility}
}

// Marks of instances in the lists of a modification.
const (
	markAdded    = "added"
	markRemoved  = "removed"
	markExtended = "extended"
	markReduced  = "reduced"
)

// modify asks the topology what changes when the deployment gets the given nodes, groups and counts.
func (w *world) modify(env Env, nodes []*plan.Node, groups *value.Ordered[*plan.ScalingGroup], counts *value.Ordered[topology.Change]) (
	*topology.Modification, error,
) {
	existing := map[string][]string{}
	for _, i := range w.instances {
		existing[string(i.Node)] = append(existing[string(i.Node)], string(i.ID))
	}
	return topology.Modify(topology.ModifyInput{
		Nodes: nodes, PreviousNodes: planNodes(w.nodes), Instances: planInstances(w.instances), ScalingGroups: groups,
		Modified: counts, IDs: topology.IDs{New: env.NewInstanceID, Existing: existing},
	})
}

// modified are the instances of a list of the topology as a modification keeps them.
func (w *world) modified(env Env, list []topology.Instance) []model.ModifiedInstance {
	out := make([]model.ModifiedInstance, 0, len(list))
	for _, p := range list {
		m := model.ModifiedInstance{Mark: p.Modification}
		if old := w.byID[model.InstanceID(p.ID)]; old != nil {
			m.NodeInstance = *old
			m.Relationships = relationshipsOf(p)
		} else {
			m.NodeInstance, m.IsNew = *instanceOf(w.d, env, p), true
		}
		out = append(out, m)
	}
	return out
}

// divide returns the ids of the instances with the mark, and of the others.
func divide(list []model.ModifiedInstance, mark string) (marked, others []model.InstanceID) {
	for _, i := range list {
		if i.Mark == mark {
			marked = append(marked, i.ID)
		} else {
			others = append(others, i.ID)
		}
	}
	slices.Sort(marked)
	slices.Sort(others)
	return marked, others
}

// extend creates the added instances and connects those that gain relationships.
func (w *world) extend(in model.ModificationInstances) error {
	var fresh []*model.NodeInstance
	for _, m := range in.Added {
		if m.IsNew {
			i := m.NodeInstance
			i.Relationships = w.sorted(i.Node, slices.Clone(i.Relationships))
			fresh = append(fresh, &i)
		}
	}
	if err := w.insert(fresh); err != nil {
		return err
	}
	for _, list := range [][]model.ModifiedInstance{in.Added, in.Extended} {
		for _, m := range list {
			if m.IsNew {
				continue
			}
			if err := w.connect(m.ID, m.Relationships); err != nil {
				return err
			}
		}
	}
	return nil
}

// reduce takes away the relationships that instances lose.
func (w *world) reduce(in model.ModificationInstances) error {
	for _, m := range in.Reduced {
		if m.Mark != markReduced {
			continue
		}
		if err := w.disconnect(m.ID, m.Relationships); err != nil {
			return err
		}
	}
	return nil
}
