package workflow

import (
	"maps"
	"slices"

	"github.com/reifyhq/reify/internal/model"
)

// containedIn is the relationship type that puts a node into another.
const containedIn = "cloudify.relationships.contained_in"

// view is a Snapshot with its indices.
type view struct {
	snap      *Snapshot
	nodes     map[model.NodeID]*model.Node
	instances map[model.InstanceID]*model.NodeInstance
	// contained are the instances directly contained in an instance, in the order of the snapshot. It is built on first use.
	contained map[model.InstanceID][]*model.NodeInstance
}

func newView(snap *Snapshot) *view {
	if snap == nil {
		snap = &Snapshot{}
	}
	v := &view{
		snap:      snap,
		nodes:     make(map[model.NodeID]*model.Node, len(snap.Nodes)),
		instances: make(map[model.InstanceID]*model.NodeInstance, len(snap.Instances)),
	}
	for _, n := range snap.Nodes {
		v.nodes[n.ID] = n
	}
	for _, i := range snap.Instances {
		v.instances[i.ID] = i
	}
	return v
}

// node returns the node of an instance; an empty one when the snapshot lacks it.
func (v *view) node(i *model.NodeInstance) *model.Node {
	if n := v.nodes[i.Node]; n != nil {
		return n
	}
	return &model.Node{ID: i.Node}
}

// relation is a relationship instance with its declaration; source and target may be nil in a broken snapshot only.
type relation struct {
	decl           *model.NodeRelationship
	source, target *model.NodeInstance
}

// relations lists the relationship instances of an instance: one per target instance, the last one counts and stands at
// the place of the first (workflows, section 2.1). Those with an unknown target are left out.
func (v *view) relations(i *model.NodeInstance) []relation {
	n := v.node(i)
	seen := make(map[model.InstanceID]bool, len(i.Relationships))
	var out []relation
	for _, rel := range i.Relationships {
		target := v.instances[rel.TargetID]
		decl := n.Relationship(rel.TargetName)
		if target == nil || decl == nil || seen[rel.TargetID] {
			continue
		}
		seen[rel.TargetID] = true
		out = append(out, relation{decl: decl, source: i, target: target})
	}
	return out
}

// children returns the instances directly contained in an instance.
func (v *view) children(id model.InstanceID) []*model.NodeInstance {
	if v.contained == nil {
		v.contained = make(map[model.InstanceID][]*model.NodeInstance)
		for _, i := range v.snap.Instances {
			for _, rel := range v.relations(i) {
				if slices.Contains(rel.decl.TypeHierarchy, containedIn) {
					v.contained[rel.target.ID] = append(v.contained[rel.target.ID], i)
				}
			}
		}
	}
	return v.contained[id]
}

// subtree returns the instance and everything contained in it, containers first.
func (v *view) subtree(i *model.NodeInstance) []*model.NodeInstance {
	out := []*model.NodeInstance{i}
	seen := map[model.InstanceID]bool{i.ID: true}
	for k := 0; k < len(out); k++ {
		for _, c := range v.children(out[k].ID) {
			if !seen[c.ID] {
				seen[c.ID] = true
				out = append(out, c)
			}
		}
	}
	return out
}

// patched lays changes over a document without touching the old one; nil removes a key.
func patched(old, set model.Document) model.Document {
	out := maps.Clone(old)
	if out == nil {
		out = model.Document{}
	}
	for k, v := range set {
		if v == nil {
			delete(out, k)
		} else {
			out[k] = v
		}
	}
	return out
}
