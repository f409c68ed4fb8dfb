package workflow

import (
	"slices"

	"github.com/reifyhq/reify/internal/model"
)

// lifecycleOrderType is a relationship that orders by one operation instead of the whole life cycle.
const lifecycleOrderType = "cloudify.relationships.depends_on_lifecycle_operation"

// work says which instances a life cycle graph is about.
type work struct {
	// instances are installed or uninstalled.
	instances []*model.NodeInstance
	// related are not, but their relationships to the former are established or unlinked (workflows, section 9.8).
	related []*model.NodeInstance
	// modified are further targets whose relationships from related instances count.
	modified idSet
	// ignoreFailure lets an uninstall go on after failures.
	ignoreFailure bool
}

// span is the subgraph of an instance and where its tasks are in the builder.
type span struct {
	top      *model.Task
	from, to int
}

// install adds the graph that installs instances (workflows, section 9.8).
func (b *builder) install(w work) {
	spans := make(map[model.InstanceID]span, len(w.instances)+len(w.related))
	for _, i := range w.instances {
		from := len(b.tasks)
		spans[i.ID] = span{b.installInstance(i, i.State, nil), from, len(b.tasks)}
	}
	targets := w.targets()
	for _, i := range w.related {
		from := len(b.tasks)
		stub := b.subgraph("stub_"+string(i.ID), nil)
		seq := b.sequence(stub)
		for _, rel := range b.view.relations(i) {
			if targets[rel.target.ID] {
				seq.each(b.sourceOp(rel, relLifecycle+"establish"), b.targetOp(rel, relLifecycle+"establish"))
			}
		}
		spans[i.ID] = span{stub, from, len(b.tasks)}
	}
	b.order(spans, w, func(source, target span, rel relation) {
		if after := orderingOperation(rel); after != "" {
			for _, t := range b.following(target, after) {
				b.depend(source.top, t)
			}
			return
		}
		b.depend(source.top, target.top)
	})
}

// uninstall adds the graph that uninstalls instances (workflows, section 9.8).
func (b *builder) uninstall(w work) {
	b.takeDown(w, func(i *model.NodeInstance) *model.Task { return b.uninstallInstance(i, nil, w.ignoreFailure) })
}

// takeDown adds a graph with a subgraph for each instance that runs from sources to targets, and the unlink stubs.
func (b *builder) takeDown(w work, one func(*model.NodeInstance) *model.Task) {
	spans := make(map[model.InstanceID]span, len(w.instances)+len(w.related))
	for _, i := range w.instances {
		from := len(b.tasks)
		spans[i.ID] = span{one(i), from, len(b.tasks)}
	}
	targets := w.targets()
	for _, i := range w.related {
		from := len(b.tasks)
		stub := b.subgraph("stub_"+string(i.ID), nil)
		seq := b.sequence(stub)
		for _, rel := range slices.Backward(b.view.relations(i)) {
			if targets[rel.target.ID] {
				seq.each(b.sourceOp(rel, relLifecycle+"unlink"), b.targetOp(rel, relLifecycle+"unlink"))
			}
		}
		b.ignoreFailures(i, from)
		spans[i.ID] = span{stub, from, len(b.tasks)}
	}
	b.order(spans, w, func(source, target span, rel relation) {
		if after := orderingOperation(rel); after != "" {
			for _, t := range b.following(source, after) {
				b.depend(target.top, t)
			}
			return
		}
		b.depend(target.top, source.top)
	})
}

// targets are the instances whose relationships from related instances count.
func (w work) targets() idSet {
	set := setOf(w.instances)
	for id := range w.modified {
		set[id] = true
	}
	return set
}

// order calls link for every relationship instance with both ends in the graph.
func (b *builder) order(spans map[model.InstanceID]span, w work, link func(source, target span, rel relation)) {
	for _, list := range [][]*model.NodeInstance{w.instances, w.related} {
		for _, i := range list {
			for _, rel := range b.view.relations(i) {
				if target, ok := spans[rel.target.ID]; ok && rel.target.ID != i.ID {
					link(spans[i.ID], target, rel)
				}
			}
		}
	}
}

// orderingOperation is the operation after which the source of a relationship may go on, empty for the whole life cycle.
func orderingOperation(rel relation) string {
	if !slices.Contains(rel.decl.TypeHierarchy, lifecycleOrderType) {
		return ""
	}
	name, _ := rel.decl.Properties["operation"].(string)
	return name
}

// following are the tasks of a span that directly follow a life cycle operation; none when the operation is not there.
func (b *builder) following(s span, operation string) []*model.Task {
	var out []*model.Task
	for _, op := range b.tasks[s.from:s.to] {
		oc := op.Parameters.Operation
		if oc == nil || oc.Side != "" || oc.Name != lifecycle+operation {
			continue
		}
		for _, t := range b.tasks[s.from:s.to] {
			if slices.Contains(t.Dependencies, op.ID) {
				out = append(out, t)
			}
		}
	}
	return out
}
