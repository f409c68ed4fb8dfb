package workflows

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/topology"
	"github.com/reifyhq/reify/internal/workflow"
)

// update is a deployment update object.
type update struct {
	next    *blueprint
	changes workflow.UpdateChanges
	result  *topology.Modification
	steps   workflow.UpdateSteps
	state   string
}

// updateTasks are the names under which the recordings report the changes of an update: there they are local tasks.
var updateTasks = map[string]string{
	workflow.ChangeUpdatePlan:              "prepare_plan",
	workflow.ChangeUpdateSteps:             "create_steps",
	workflow.ChangeUpdatePrepare:           "prepare_update_nodes",
	workflow.ChangeUpdatePluginsPrepare:    "prepare_plugin_changes",
	workflow.ChangeUpdateAttributes:        "set_deployment_attributes",
	workflow.ChangeUpdateDependencies:      "update_inter_deployment_dependencies",
	workflow.ChangeUpdateNodes:             "update_deployment_nodes",
	workflow.ChangeUpdateInstances:         "update_deployment_node_instances",
	workflow.ChangeUpdateDropRelationships: "delete_removed_relationships",
	workflow.ChangeUpdateDropInstances:     "delete_removed_instances",
	workflow.ChangeUpdateDropNodes:         "delete_removed_nodes",
	workflow.ChangeUpdateSchedules:         "update_schedules",
	workflow.ChangeUpdateOperations:        "update_operations",
}

// localEvent is a task event of a local task of the recordings.
func (w *world) localEvent(kind, verb, name string) {
	w.add(record{
		"kind": "event", "event_type": kind, "message": fmt.Sprintf("Task %s '%s'", verb, name),
		"task_current_retries": 0, "task_total_retries": 0,
	})
}

// updateChange plays the manager's part of a change of an update.
func (w *world) updateChange(c *workflow.Change) (json.RawMessage, error) {
	args, err := decode[workflow.UpdateArgs](c.Args)
	if err != nil {
		return nil, err
	}
	u := w.updates[args.ID]
	if u == nil {
		return nil, fmt.Errorf("no update %s", args.ID)
	}
	if name := updateTasks[c.Kind]; name != "" {
		w.localEvent("task_started", "started", name)
		defer w.localEvent("task_succeeded", "succeeded", name)
	}
	switch c.Kind {
	case workflow.ChangeUpdateSteps:
		w.updateSteps(u)
		return json.Marshal(u.steps)
	case workflow.ChangeUpdatePrepare:
		if err := w.prepareUpdate(u); err != nil {
			return nil, err
		}
		return json.Marshal(u.changes)
	case workflow.ChangeUpdateNodes:
		w.updateNodes(u)
	case workflow.ChangeUpdateInstances:
		created, _ := w.take(u.result.Added, "added")
		for _, i := range created {
			w.add(record{"kind": "model", "action": "instance-create", "instance": i.ID})
		}
		for _, p := range u.result.Extended {
			if p.Modification == "extended" {
				w.take([]topology.Instance{p}, "added")
				w.relationshipsOf(model.InstanceID(p.ID))
			}
		}
	case workflow.ChangeUpdateDropRelationships:
		w.dropRelationships(u)
	case workflow.ChangeUpdateDropInstances:
		for _, id := range u.changes.Removed {
			w.add(record{"kind": "model", "action": "instance-delete", "instance": id})
		}
		w.drop(u.changes.Removed)
	case workflow.ChangeUpdateDropNodes:
		for _, n := range w.bp.nodes {
			if find(u.next.nodes, n.ID) == nil {
				w.add(record{"kind": "model", "action": "node-delete", "node": n.ID})
			}
		}
		w.bp = u.next
	case workflow.ChangeUpdateDone:
		u.state = "successful"
	}
	return nil, nil
}

func find(nodes []*model.Node, id model.NodeID) *model.Node {
	for _, n := range nodes {
		if n.ID == id {
			return n
		}
	}
	return nil
}

// updateSteps finds the changed nodes.
func (w *world) updateSteps(u *update) {
	for _, n := range u.next.nodes {
		old := find(w.bp.nodes, n.ID)
		if old == nil {
			continue
		}
		if old.Type != n.Type {
			u.steps.Unsupported = append(u.steps.Unsupported, "node type of "+string(n.ID))
		}
		isChanged := !reflect.DeepEqual(normal(old.Properties), normal(n.Properties)) ||
			!reflect.DeepEqual(normal(old.Operations), normal(n.Operations))
		for _, r := range n.Relationships {
			if o := old.Relationship(r.TargetID); o != nil && o.Type == r.Type && !reflect.DeepEqual(normal(o), normal(r)) {
				isChanged = true
			}
		}
		if isChanged {
			u.steps.Changed = append(u.steps.Changed, n.ID)
		}
	}
}

// prepareUpdate computes the instances that come, go, and gain or lose relationships.
func (w *world) prepareUpdate(u *update) error {
	// The original computes this twice and keeps the second result: its ids show that.
	for range 2 {
		result, err := w.modify(u.next.plan, nil)
		if err != nil {
			return err
		}
		u.result = result
	}
	c, r := &u.changes, u.result
	c.Added, c.AddedTargets = idsBy(r.Added, "added")
	c.Removed, c.RemovedTargets = idsBy(r.Removed, "removed")
	c.Extended, c.ExtendedTargets = idsBy(r.Extended, "extended")
	c.Reduced, c.ReducedTargets = idsBy(r.Reduced, "reduced")
	return nil
}

// updateNodes changes the nodes; removed relationships and nodes stay until the end.
func (w *world) updateNodes(u *update) {
	var nodes []*model.Node
	for _, n := range u.next.nodes {
		old := find(w.bp.nodes, n.ID)
		if old == nil {
			w.add(record{"kind": "model", "action": "node-create", "node": n.ID})
			nodes = append(nodes, n)
			continue
		}
		merged := *n
		merged.Relationships = slices.Clone(n.Relationships)
		for _, r := range old.Relationships {
			if n.Relationship(r.TargetID) == nil {
				merged.Relationships = append(merged.Relationships, r)
			}
		}
		nodes = append(nodes, &merged)
	}
	for _, n := range w.bp.nodes {
		if find(u.next.nodes, n.ID) == nil {
			nodes = append(nodes, n)
		}
	}
	w.bp = &blueprint{plan: w.bp.plan, nodes: nodes, groups: w.bp.groups, workflows: w.bp.workflows}
}

// dropRelationships takes away what reduced instances have lost.
func (w *world) dropRelationships(u *update) {
	for _, p := range u.result.Reduced {
		if p.Modification != "reduced" {
			continue
		}
		lost := instanceOf(p).Relationships
		i := w.instance(model.InstanceID(p.ID))
		i.Relationships = slices.DeleteFunc(i.Relationships, func(r model.InstanceRelationship) bool { return slices.Contains(lost, r) })
		w.relationshipsOf(i.ID)
	}
}

func (w *world) relationshipsOf(id model.InstanceID) {
	rels := append([]model.InstanceRelationship{}, w.instance(id).Relationships...)
	w.add(record{"kind": "model", "action": "instance-relationships", "instance": id, "relationships": rels})
}
