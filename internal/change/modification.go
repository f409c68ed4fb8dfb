package change

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/value"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
	"github.com/reifyhq/reify/internal/topology"
	"github.com/reifyhq/reify/internal/workflow"
)

// Started returns the started modifications of a deployment, oldest first; there is at most one.
func Started(tx store.Reader, t model.TenantName, id model.DeploymentID) ([]*model.Modification, error) {
	page, err := tx.Modifications(store.Query{
		Scope: store.Scope{Tenants: []model.TenantName{t}, Admin: true}, Limit: -1,
		Where: []store.Condition{
			{Field: "deployment_id", Values: []string{string(id)}},
			{Field: "status", Values: []string{string(model.ModificationStarted)}},
		},
	})
	return page.Items, err
}

// Summary is a modification as workflows see it.
func Summary(m *model.Modification) workflow.Modification {
	out := workflow.Modification{ID: string(m.ID)}
	out.Added, out.AddedRelated = divide(m.Instances.Added, markAdded)
	out.Removed, out.RemovedRelated = divide(m.Instances.Removed, markRemoved)
	return out
}

// NewModification describes a modification to start.
type NewModification struct {
	Tenant     model.TenantName
	CreatedBy  model.UserName
	Deployment model.DeploymentID
	Nodes      map[string]workflow.ModifiedNode
	// Given is what the modification remembers as its nodes; nil for Nodes themselves.
	Given   model.Document
	Context model.Document
}

// StartModification computes and stores a modification, creates the instances it adds and connects them; the ones it
// removes stay until it is finished (workflows, section 11.1). While another one is started it is
// fault.ExistingModification; a name that is neither node nor scaling group is fault.NotFound.
func StartModification(tx store.Tx, env Env, n NewModification) (*model.Modification, error) {
	w, err := open(tx, n.Tenant, n.Deployment)
	if err != nil {
		return nil, err
	}
	started, err := Started(tx, w.d.Tenant, w.d.ID)
	if err != nil {
		return nil, err
	}
	if len(started) > 0 {
		return nil, fault.New(fault.ExistingModification, "Cannot start deployment modification while there are existing started "+
			"deployment modifications. Currently started deployment modifications: ['%s']", started[0].ID)
	}
	counts, err := w.counts(n.Nodes)
	if err != nil {
		return nil, err
	}
	result, err := w.modify(env, planNodes(w.nodes), planGroups(w.d.ScalingGroups), counts)
	if err != nil {
		return nil, fault.Wrap(err, fault.BadParameters, "compute the modification of deployment %s: %s", n.Deployment, diagText(err))
	}
	m := &model.Modification{
		Resource: inherited(w.d, env), ID: model.ModificationID(env.NewID()), Deployment: w.d.ID,
		Status: model.ModificationStarted, Context: n.Context, Nodes: n.Given,
		Instances: model.ModificationInstances{
			Added: w.modified(env, result.Added), Extended: w.modified(env, result.Extended),
			Reduced: w.modified(env, result.Reduced), Removed: w.modified(env, result.Removed),
			Before: copies(w.instances),
		},
	}
	if n.CreatedBy != "" {
		m.CreatedBy = n.CreatedBy
	}
	if m.Nodes == nil {
		m.Nodes = model.Document{}
		for name, want := range n.Nodes {
			m.Nodes[name] = want
		}
	}
	if err := w.plan(n.Nodes, func(number, planned *int, want int) { *planned = want }); err != nil {
		return nil, err
	}
	if err := w.extend(m.Instances); err != nil {
		return nil, fmt.Errorf("create the instances of a modification of deployment %s: %w", n.Deployment, err)
	}
	return m, tx.InsertModification(m)
}

// diagText is what an error of the language says to users.
func diagText(err error) string {
	if d, ok := err.(*diag.Error); ok {
		return d.Message
	}
	return err.Error()
}

func copies(list []*model.NodeInstance) []*model.NodeInstance {
	out := make([]*model.NodeInstance, len(list))
	for k, i := range list {
		c := *i
		c.Relationships = slices.Clone(i.Relationships)
		out[k] = &c
	}
	return out
}

// counts checks the wanted counts and puts them in an order that does not change.
func (w *world) counts(wanted map[string]workflow.ModifiedNode) (*value.Ordered[topology.Change], error) {
	counts := &value.Ordered[topology.Change]{}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		want := wanted[name]
		_, isGroup := w.d.ScalingGroups[name]
		if !isGroup && w.node(model.NodeID(name)) == nil {
			return nil, fault.New(fault.NotFound, "Requested Node with ID `%s` on Deployment `%s` was not found", name, w.d.ID)
		}
		if want.Instances < 0 {
			return nil, fault.New(fault.BadParameters, "the number of instances of %s cannot be %d; give 0 or more", name, want.Instances)
		}
		counts.Set(name, topology.Change{Instances: want.Instances, Include: want.Include, Exclude: want.Exclude})
	}
	return counts, nil
}

// plan changes the counts of nodes and groups that a modification is about.
func (w *world) plan(wanted map[string]workflow.ModifiedNode, set func(number, planned *int, want int)) error {
	hasGroups := false
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if g, ok := w.d.ScalingGroups[name]; ok {
			set(&g.Properties.Current, &g.Properties.Planned, wanted[name].Instances)
			w.d.ScalingGroups[name], hasGroups = g, true
			continue
		}
		n := w.node(model.NodeID(name))
		if n == nil {
			continue
		}
		set(&n.Number, &n.Planned, wanted[name].Instances)
		if err := w.tx.UpdateNode(n); err != nil {
			return err
		}
	}
	if !hasGroups {
		return nil
	}
	return w.tx.UpdateDeployment(w.d)
}

// wantedOf reads the wanted counts back from a stored modification.
func wantedOf(m *model.Modification) (map[string]workflow.ModifiedNode, error) {
	data, err := model.EncodeJSON(m.Nodes)
	if err != nil {
		return nil, fmt.Errorf("read the counts of modification %s: %w", m.ID, err)
	}
	var wanted map[string]workflow.ModifiedNode
	if err := model.DecodeJSON(data, &wanted); err != nil {
		return nil, fmt.Errorf("read the counts of modification %s: %w", m.ID, err)
	}
	return wanted, nil
}

// openModification finds a modification that may still be ended; verb is what is about to be done.
func openModification(tx store.Tx, t model.TenantName, id model.ModificationID, verb string) (*model.Modification, *world, error) {
	m, err := tx.Modification(t, id)
	if err != nil {
		return nil, nil, err
	}
	if m.Status != model.ModificationStarted {
		return nil, nil, fault.New(fault.ModificationEnded, "Cannot %s deployment modification: %s. It is already in %s status.",
			verb, id, m.Status)
	}
	w, err := open(tx, m.Tenant, m.Deployment)
	return m, w, err
}

// FinishModification makes a started modification final: its counts become the current ones, and the removed instances go
// with all relationships to them (workflows, section 11.1). An ended one is fault.ModificationEnded.
func FinishModification(tx store.Tx, env Env, t model.TenantName, id model.ModificationID) (*model.Modification, error) {
	m, w, err := openModification(tx, t, id, "finish")
	if err != nil {
		return nil, err
	}
	wanted, err := wantedOf(m)
	if err != nil {
		return nil, err
	}
	if err := w.plan(wanted, func(number, planned *int, want int) { *number, *planned = want, want }); err != nil {
		return nil, err
	}
	removed, _ := divide(m.Instances.Removed, markRemoved)
	if err := w.drop(removed); err != nil {
		return nil, err
	}
	if err := w.reduce(m.Instances); err != nil {
		return nil, err
	}
	m.Status, m.EndedAt = model.ModificationFinished, env.Now
	return m, tx.UpdateModification(m)
}

// RollbackModification brings the instances back to what they were when the modification started: new ones go, missing ones
// come back, and the others get all of their attributes back, states and runtime properties included (workflows, section
// 11.1). Versions only grow. An ended one is fault.ModificationEnded.
func RollbackModification(tx store.Tx, env Env, t model.TenantName, id model.ModificationID) (*model.Modification, error) {
	m, w, err := openModification(tx, t, id, "rollback")
	if err != nil {
		return nil, err
	}
	wanted, err := wantedOf(m)
	if err != nil {
		return nil, err
	}
	m.Instances.BeforeRollback = copies(w.instances)
	was := map[model.InstanceID]bool{}
	for _, i := range m.Instances.Before {
		was[i.ID] = true
	}
	var fresh []model.InstanceID
	for _, i := range w.instances {
		if !was[i.ID] {
			fresh = append(fresh, i.ID)
		}
	}
	if err := w.drop(fresh); err != nil {
		return nil, err
	}
	for _, old := range copies(m.Instances.Before) {
		now := w.byID[old.ID]
		if now == nil {
			if err := w.tx.InsertInstances([]*model.NodeInstance{old}); err != nil {
				return nil, err
			}
			continue
		}
		old.Version = now.Version
		if err := w.put(old); err != nil {
			return nil, err
		}
	}
	if err := w.plan(wanted, func(number, planned *int, _ int) { *planned = *number }); err != nil {
		return nil, err
	}
	m.Status, m.EndedAt = model.ModificationRolledBack, env.Now
	return m, tx.UpdateModification(m)
}

// ParseNodes reads the counts that a user gave for a modification: {node or group: {instances: n, ...hints}}. Anything
// else is fault.BadParameters.
func ParseNodes(given model.Document) (map[string]workflow.ModifiedNode, error) {
	out := make(map[string]workflow.ModifiedNode, len(given))
	for _, name := range slices.Sorted(maps.Keys(given)) {
		data, err := model.EncodeJSON(given[name])
		if err != nil {
			return nil, fault.Wrap(err, fault.BadParameters, "the modification of %s cannot be read", name)
		}
		var want struct {
			Instances *int `json:"instances"`
			workflow.ModifiedNode
		}
		if err := model.DecodeJSON(data, &want); err != nil || want.Instances == nil {
			return nil, fault.New(fault.BadParameters, "the modification of %s must be {\"instances\": <integer>}, with "+
				"removed_ids_include_hint and removed_ids_exclude_hint as lists of ids; got %s", name, strings.TrimSpace(string(data)))
		}
		want.ModifiedNode.Instances = *want.Instances
		out[name] = want.ModifiedNode
	}
	return out, nil
}
