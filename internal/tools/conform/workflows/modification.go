package workflows

import (
	"fmt"
	"slices"
	"sort"

	"github.com/reifyhq/reify/internal/model"
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

func (w *world) node(id model.NodeID) *model.Node {
	for _, n := range w.nodes {
		if n.ID == id {
			return n
		}
	}
	return nil
}

// startModification adds copies of an instance (or group instance) with all it contains, or marks some for removal.
func (w *world) startModification(args workflow.ModificationStartArgs) workflow.Modification {
	w.lastID++
	m := &modification{counts: make(map[string]int)}
	m.ID = fmt.Sprintf("%08x-0000-4000-8000-%012x", w.lastID, w.lastID)
	for _, i := range w.instances {
		c := *i
		c.Relationships = slices.Clone(i.Relationships)
		m.before = append(m.before, &c)
	}
	for entity, want := range args.Nodes {
		m.counts[entity] = want.Instances
		roots := w.roots(entity)
		for range want.Instances - len(roots) {
			w.addCopy(m, entity, roots[0])
		}
		for n := len(roots) - want.Instances; n > 0; n-- {
			w.removeOne(m, want, roots)
		}
	}
	for _, list := range []*[]model.InstanceID{&m.Added, &m.AddedRelated, &m.Removed, &m.RemovedRelated} {
		if *list == nil {
			*list = []model.InstanceID{}
		}
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	w.mods[m.ID] = m
	w.add(record{
		"kind": "model", "action": "modification-start", "added": m.Added, "added_related": m.AddedRelated,
		"removed": m.Removed, "removed_related": m.RemovedRelated,
	})
	return m.Modification
}

// roots lists the instances of a node, or the members of each instance of a group.
func (w *world) roots(entity string) [][]*model.NodeInstance {
	var out [][]*model.NodeInstance
	if _, ok := w.groups[entity]; !ok {
		for _, i := range w.instances {
			if string(i.Node) == entity {
				out = append(out, []*model.NodeInstance{i})
			}
		}
		return out
	}
	byGroup := make(map[string][]*model.NodeInstance)
	for _, i := range w.instances {
		for _, g := range i.ScalingGroups {
			if g.Name == entity {
				byGroup[g.ID] = append(byGroup[g.ID], i)
			}
		}
	}
	var ids []string
	for id := range byGroup {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	for _, id := range ids {
		out = append(out, byGroup[id])
	}
	return out
}

// isContained reports whether the relationship of an instance is a containment.
func (w *world) isContained(i *model.NodeInstance, rel model.InstanceRelationship) bool {
	decl := w.node(i.Node).Relationship(rel.TargetName)
	return decl != nil && slices.Contains(decl.TypeHierarchy, "cloudify.relationships.contained_in")
}

// trees are the given instances with everything contained in them.
func (w *world) trees(roots []*model.NodeInstance) []*model.NodeInstance {
	out := slices.Clone(roots)
	for k := 0; k < len(out); k++ {
		for _, i := range w.instances {
			for _, rel := range i.Relationships {
				if rel.TargetID == out[k].ID && w.isContained(i, rel) && !slices.Contains(out, i) {
					out = append(out, i)
				}
			}
		}
	}
	return out
}

func (w *world) addCopy(m *modification, entity string, roots []*model.NodeInstance) {
	tree := w.trees(roots)
	group := ""
	if _, ok := w.groups[entity]; ok {
		group = string(w.newInstanceID(entity))
	}
	renamed := make(map[model.InstanceID]model.InstanceID)
	nodes := make(map[model.NodeID]bool)
	for _, i := range tree {
		renamed[i.ID] = w.newInstanceID(string(i.Node))
		nodes[i.Node] = true
	}
	for _, i := range tree {
		c := &model.NodeInstance{
			ID: renamed[i.ID], Node: i.Node, HostID: i.HostID, State: model.InstanceUninitialized,
			RuntimeProperties: model.Document{}, SystemProperties: model.Document{},
		}
		if to, ok := renamed[i.HostID]; ok {
			c.HostID = to
		}
		for _, g := range i.ScalingGroups {
			if g.Name == entity {
				g.ID = group
			}
			c.ScalingGroups = append(c.ScalingGroups, g)
		}
		for _, rel := range i.Relationships {
			if to, ok := renamed[rel.TargetID]; ok {
				rel.TargetID = to
			} else {
				m.AddedRelated = append(m.AddedRelated, rel.TargetID)
			}
			c.Relationships = append(c.Relationships, rel)
		}
		m.Added = append(m.Added, c.ID)
		w.instances = append(w.instances, c)
	}
	for _, i := range w.instances {
		if slices.Contains(m.Added, i.ID) || slices.Contains(tree, i) {
			continue
		}
		for _, rel := range slices.Clone(i.Relationships) {
			if to, ok := renamed[rel.TargetID]; ok {
				rel.TargetID = to
				i.Relationships = append(i.Relationships, rel)
				m.AddedRelated = append(m.AddedRelated, i.ID)
			}
		}
	}
}

func (w *world) removeOne(m *modification, want workflow.ModifiedNode, roots [][]*model.NodeInstance) {
	best, rank := -1, 3
	for k, r := range roots {
		here := 1
		for _, i := range r {
			if slices.Contains(want.Include, string(i.ID)) {
				here = 0
			} else if slices.Contains(want.Exclude, string(i.ID)) {
				here = 2
			}
		}
		if !slices.Contains(m.Removed, r[0].ID) && here < rank {
			best, rank = k, here
		}
	}
	if best < 0 {
		return
	}
	tree := w.trees(roots[best])
	for _, i := range tree {
		m.Removed = append(m.Removed, i.ID)
	}
	for _, i := range w.instances {
		isInside := slices.Contains(tree, i)
		for _, rel := range i.Relationships {
			isTarget := slices.ContainsFunc(tree, func(t *model.NodeInstance) bool { return t.ID == rel.TargetID })
			switch {
			case isInside && !isTarget:
				m.RemovedRelated = append(m.RemovedRelated, rel.TargetID)
			case !isInside && isTarget:
				m.RemovedRelated = append(m.RemovedRelated, i.ID)
			}
		}
	}
}

func (w *world) finishModification(id string) {
	m := w.mods[id]
	delete(w.mods, id)
	for entity, n := range m.counts {
		if g, ok := w.groups[entity]; ok {
			g.Properties.Current, g.Properties.Planned = n, n
			w.groups[entity] = g
		} else if node := w.node(model.NodeID(entity)); node != nil {
			node.Number, node.Planned = n, n
		}
	}
	isRemoved := func(id model.InstanceID) bool { return slices.Contains(m.Removed, id) }
	w.instances = slices.DeleteFunc(w.instances, func(i *model.NodeInstance) bool { return isRemoved(i.ID) })
	for _, i := range w.instances {
		i.Relationships = slices.DeleteFunc(i.Relationships, func(r model.InstanceRelationship) bool { return isRemoved(r.TargetID) })
	}
	w.add(record{"kind": "model", "action": "modification-finish"})
}

func (w *world) rollbackModification(id string) {
	w.instances = w.mods[id].before
	delete(w.mods, id)
	w.add(record{"kind": "model", "action": "modification-rollback"})
}
