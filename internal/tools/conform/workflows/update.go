package workflows

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/workflow"
)

// update is a deployment update object.
type update struct {
	blueprint *blueprint
	changes   workflow.UpdateChanges
	created   []*model.NodeInstance
	steps     workflow.UpdateSteps
	state     string
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
		w.prepareUpdate(u)
		return json.Marshal(u.changes)
	case workflow.ChangeUpdateNodes:
		w.updateNodes(u)
	case workflow.ChangeUpdateInstances:
		for _, i := range u.created {
			w.instances = append(w.instances, i)
			w.add(record{"kind": "model", "action": "instance-create", "instance": i.ID})
		}
		for _, id := range u.changes.Extended {
			w.setRelationships(u, w.instance(id))
		}
	case workflow.ChangeUpdateDropRelationships:
		for _, id := range u.changes.Reduced {
			w.setRelationships(u, w.instance(id))
		}
	case workflow.ChangeUpdateDropInstances:
		for _, id := range u.changes.Removed {
			w.instances = slices.DeleteFunc(w.instances, func(i *model.NodeInstance) bool { return i.ID == id })
			w.add(record{"kind": "model", "action": "instance-delete", "instance": id})
		}
	case workflow.ChangeUpdateDropNodes:
		for _, n := range w.nodes {
			if find(u.blueprint.Nodes, n.ID) == nil {
				w.add(record{"kind": "model", "action": "node-delete", "node": n.ID})
			}
		}
		w.nodes = u.blueprint.Nodes
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
	for _, n := range u.blueprint.Nodes {
		old := find(w.nodes, n.ID)
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
func (w *world) prepareUpdate(u *update) {
	c := &u.changes
	for _, n := range u.blueprint.Nodes {
		if find(w.nodes, n.ID) != nil {
			continue
		}
		for range n.Number {
			// The original computes the ids of new instances twice and uses the second.
			w.newInstanceID(string(n.ID))
			u.created = append(u.created, &model.NodeInstance{
				ID: w.newInstanceID(string(n.ID)), Node: n.ID, State: model.InstanceUninitialized,
				RuntimeProperties: model.Document{}, SystemProperties: model.Document{},
			})
		}
	}
	for _, i := range u.created {
		i.Relationships = w.wanted(u, i)
		c.Added = append(c.Added, i.ID)
		for _, r := range i.Relationships {
			if w.instance(r.TargetID) != nil {
				c.AddedTargets = append(c.AddedTargets, r.TargetID)
			}
		}
	}
	for _, i := range w.instances {
		if find(u.blueprint.Nodes, i.Node) == nil {
			c.Removed = append(c.Removed, i.ID)
			for _, r := range i.Relationships {
				c.RemovedTargets = append(c.RemovedTargets, r.TargetID)
			}
			continue
		}
		gained, lost := relationshipDifference(i.Relationships, w.wanted(u, i))
		if len(gained) > 0 {
			c.Extended, c.ExtendedTargets = append(c.Extended, i.ID), append(c.ExtendedTargets, gained...)
		}
		if len(lost) > 0 {
			c.Reduced, c.ReducedTargets = append(c.Reduced, i.ID), append(c.ReducedTargets, lost...)
		}
	}
}

// wanted are the relationships of an instance after the update; every node has its instances connected all to all.
func (w *world) wanted(u *update, i *model.NodeInstance) []model.InstanceRelationship {
	out := []model.InstanceRelationship{}
	for _, r := range find(u.blueprint.Nodes, i.Node).Relationships {
		for _, list := range [][]*model.NodeInstance{w.instances, u.created} {
			for _, t := range list {
				if t.Node == r.TargetID {
					out = append(out, model.InstanceRelationship{Type: r.Type, TargetName: r.TargetID, TargetID: t.ID})
				}
			}
		}
	}
	return out
}

func relationshipDifference(old, now []model.InstanceRelationship) (gained, lost []model.InstanceID) {
	for _, r := range now {
		if !slices.Contains(old, r) {
			gained = append(gained, r.TargetID)
		}
	}
	for _, r := range old {
		if !slices.Contains(now, r) {
			lost = append(lost, r.TargetID)
		}
	}
	return gained, lost
}

// updateNodes changes the nodes; removed relationships and nodes stay until the end.
func (w *world) updateNodes(u *update) {
	var nodes []*model.Node
	for _, n := range u.blueprint.Nodes {
		old := find(w.nodes, n.ID)
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
	for _, n := range w.nodes {
		if find(u.blueprint.Nodes, n.ID) == nil {
			nodes = append(nodes, n)
		}
	}
	w.nodes = nodes
}

func (w *world) setRelationships(u *update, i *model.NodeInstance) {
	i.Relationships = w.wanted(u, i)
	w.add(record{"kind": "model", "action": "instance-relationships", "instance": i.ID, "relationships": i.Relationships})
}
