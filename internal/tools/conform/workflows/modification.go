package workflows

import (
	"fmt"
	"maps"
	"slices"

	"github.com/reifyhq/reify/internal/dsl"
	"github.com/reifyhq/reify/internal/dsl/value"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/topology"
	"github.com/reifyhq/reify/internal/workflow"
)

// modification is a started deployment modification with what is needed to undo it.
type modification struct {
	workflow.Modification
	before []*model.NodeInstance
	counts map[string]int
}

func (w *world) started() []workflow.Modification {
	var out []workflow.Modification
	for _, m := range w.mods {
		out = append(out, m.Modification)
	}
	return out
}

// planInstances are the instances in the form of the language.
func (w *world) planInstances() []dsl.Instance {
	var out []dsl.Instance
	for _, i := range w.instances {
		p := dsl.Instance{Name: string(i.Node), NodeID: string(i.Node), ID: string(i.ID), HostID: string(i.HostID)}
		for _, r := range i.Relationships {
			p.Relationships = append(p.Relationships, relationship{Type: r.Type, TargetName: string(r.TargetName), TargetID: string(r.TargetID)})
		}
		for _, g := range i.ScalingGroups {
			p.ScalingGroups = append(p.ScalingGroups, group{Name: g.Name, ID: g.ID})
		}
		out = append(out, p)
	}
	return out
}

// modify asks package topology what changes when the plan becomes next with the given counts.
func (w *world) modify(next *dsl.DeploymentPlan, counts *value.Ordered[topology.Change]) (*topology.Modification, error) {
	existing := make(map[string][]string)
	for _, i := range w.instances {
		existing[string(i.Node)] = append(existing[string(i.Node)], string(i.ID))
	}
	return topology.Modify(topology.ModifyInput{
		Nodes: next.Nodes, PreviousNodes: w.bp.plan.Nodes, Instances: w.planInstances(),
		ScalingGroups: next.ScalingGroups, Modified: counts, IDs: topology.IDs{New: w.newID, Existing: existing},
	})
}

// idsBy divides instances into those with a mark and the others.
func idsBy(list []topology.Instance, mark string) (marked, others []model.InstanceID) {
	for _, i := range list {
		if i.Modification == mark {
			marked = append(marked, model.InstanceID(i.ID))
		} else {
			others = append(others, model.InstanceID(i.ID))
		}
	}
	slices.Sort(marked)
	slices.Sort(others)
	return marked, others
}

// startModification makes the added instances and connects them; removed ones stay until the end.
func (w *world) startModification(args workflow.ModificationStartArgs) (*workflow.Modification, error) {
	m := &modification{counts: make(map[string]int)}
	w.lastID++
	m.ID = fmt.Sprintf("%08x-0000-4000-8000-%012x", w.lastID, w.lastID)
	for _, i := range w.instances {
		c := *i
		c.Relationships = slices.Clone(i.Relationships)
		m.before = append(m.before, &c)
	}
	counts := &value.Ordered[topology.Change]{}
	for _, entity := range slices.Sorted(maps.Keys(args.Nodes)) {
		n := args.Nodes[entity]
		m.counts[entity] = n.Instances
		counts.Set(entity, topology.Change{Instances: n.Instances, Include: n.Include, Exclude: n.Exclude})
	}
	result, err := w.modify(w.bp.plan, counts)
	if err != nil {
		return nil, err
	}
	m.Added, m.AddedRelated = idsBy(result.Added, "added")
	m.Removed, m.RemovedRelated = idsBy(result.Removed, "removed")
	w.take(result.Added, "added")
	w.mods[m.ID] = m
	list := func(ids []model.InstanceID) []model.InstanceID { return append([]model.InstanceID{}, ids...) }
	w.add(record{
		"kind": "model", "action": "modification-start", "added": list(m.Added), "added_related": list(m.AddedRelated),
		"removed": list(m.Removed), "removed_related": list(m.RemovedRelated),
	})
	return &m.Modification, nil
}

// take adds the marked instances and gives the others their new relationships.
func (w *world) take(list []topology.Instance, mark string) (created, extended []*model.NodeInstance) {
	for _, p := range list {
		if p.Modification == mark {
			i := instanceOf(p)
			w.instances = append(w.instances, i)
			created = append(created, i)
			continue
		}
		i := w.instance(model.InstanceID(p.ID))
		for _, r := range instanceOf(p).Relationships {
			if !slices.Contains(i.Relationships, r) {
				i.Relationships = append(i.Relationships, r)
			}
		}
		extended = append(extended, i)
	}
	return created, extended
}

func (w *world) finishModification(id string) {
	m := w.mods[id]
	delete(w.mods, id)
	for entity, n := range m.counts {
		setCount(w.bp.plan, entity, n)
		if g, ok := w.bp.groups[entity]; ok {
			g.Properties.Current, g.Properties.Planned = n, n
			w.bp.groups[entity] = g
		}
		for _, node := range w.bp.nodes {
			if string(node.ID) == entity {
				node.Number, node.Planned = n, n
			}
		}
	}
	w.drop(m.Removed)
	w.add(record{"kind": "model", "action": "modification-finish"})
}

// drop removes instances and the relationships to them.
func (w *world) drop(ids []model.InstanceID) {
	isGone := func(id model.InstanceID) bool { return slices.Contains(ids, id) }
	w.instances = slices.DeleteFunc(w.instances, func(i *model.NodeInstance) bool { return isGone(i.ID) })
	for _, i := range w.instances {
		i.Relationships = slices.DeleteFunc(i.Relationships, func(r model.InstanceRelationship) bool { return isGone(r.TargetID) })
	}
}

func (w *world) rollbackModification(id string) {
	w.instances = w.mods[id].before
	delete(w.mods, id)
	w.add(record{"kind": "model", "action": "modification-rollback"})
}
