// Package change applies changes of a deployment's model inside a store transaction: modifications of its scale, and the
// steps of a deployment update. The engine calls it for the Change phases of workflows, package service for what the API
// asks for directly, so that both do the same.
//
// What changes is computed by the pure rooms (topology, dsl); this package reads the entities it needs, converts them and
// writes the result. It starts no executions, knows no users and no transports, and keeps nothing between calls. Every
// function that takes a store.Tx may be run again when the commit it shared with others failed.
//
//	entities ──▶ plan ──topology.Modify──▶ what is added, removed, extended, reduced ──▶ entities
package change

import (
	"fmt"
	"slices"
	"time"

	"github.com/reifyhq/reify/internal/dsl"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// Env is what changes draw from outside.
type Env struct {
	Now time.Time
	// NewID returns a fresh UUID, NewInstanceID a candidate "<node or group>_<6 of a-z0-9>" for an instance.
	NewID         func() string
	NewInstanceID func(name string) string
	// Secrets returns what a deployment's plan may ask for secrets; nil allows none.
	Secrets func(*model.Deployment) dsl.SecretGetter
}

// world is a deployment with everything in it, as it is in the transaction.
type world struct {
	tx        store.Tx
	d         *model.Deployment
	nodes     []*model.Node
	instances []*model.NodeInstance
	byID      map[model.InstanceID]*model.NodeInstance
	// written are the instances that this transaction inserted or changed already: their version grows once.
	written map[model.InstanceID]bool
}

func open(tx store.Tx, t model.TenantName, id model.DeploymentID) (*world, error) {
	d, err := tx.Deployment(t, id)
	if err != nil {
		return nil, err
	}
	w := &world{tx: tx, d: d, byID: map[model.InstanceID]*model.NodeInstance{}, written: map[model.InstanceID]bool{}}
	if w.nodes, err = tx.DeploymentNodes(d.Tenant, d.ID); err != nil {
		return nil, fmt.Errorf("read the nodes of deployment %s: %w", id, err)
	}
	if w.instances, err = tx.DeploymentInstances(d.Tenant, d.ID); err != nil {
		return nil, fmt.Errorf("read the node instances of deployment %s: %w", id, err)
	}
	for _, i := range w.instances {
		w.byID[i.ID] = i
	}
	return w, nil
}

func (w *world) node(id model.NodeID) *model.Node {
	for _, n := range w.nodes {
		if n.ID == id {
			return n
		}
	}
	return nil
}

// put writes an instance that exists; its version grows once in the transaction.
func (w *world) put(i *model.NodeInstance) error {
	if !w.written[i.ID] {
		w.written[i.ID] = true
		i.Version++
	}
	return w.tx.UpdateInstance(i)
}

// insert adds new instances, with the next free index of their nodes.
func (w *world) insert(list []*model.NodeInstance) error {
	last := map[model.NodeID]int{}
	for _, i := range w.instances {
		last[i.Node] = max(last[i.Node], i.Index)
	}
	for _, i := range list {
		last[i.Node]++
		i.Index = last[i.Node]
		w.instances = append(w.instances, i)
		w.byID[i.ID], w.written[i.ID] = i, true
	}
	return w.tx.InsertInstances(list)
}

// drop deletes instances, and the relationships of others to them.
func (w *world) drop(ids []model.InstanceID) error {
	gone := map[model.InstanceID]bool{}
	for _, id := range ids {
		gone[id] = true
		if w.byID[id] == nil {
			continue
		}
		if err := w.tx.DeleteInstance(w.d.Tenant, id); err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		delete(w.byID, id)
	}
	w.instances = slices.DeleteFunc(w.instances, func(i *model.NodeInstance) bool { return gone[i.ID] })
	for _, i := range w.instances {
		kept := slices.DeleteFunc(slices.Clone(i.Relationships), func(r model.InstanceRelationship) bool { return gone[r.TargetID] })
		if len(kept) == len(i.Relationships) {
			continue
		}
		i.Relationships = kept
		if err := w.put(i); err != nil {
			return err
		}
	}
	return nil
}

// connect gives an instance further relationships, in the order of its node's relationships.
func (w *world) connect(id model.InstanceID, more []model.InstanceRelationship) error {
	i := w.byID[id]
	if i == nil {
		return nil
	}
	before := len(i.Relationships)
	list := slices.Clone(i.Relationships)
	for _, r := range more {
		if !slices.Contains(list, r) {
			list = append(list, r)
		}
	}
	if len(list) == before {
		return nil
	}
	i.Relationships = w.sorted(i.Node, list)
	return w.put(i)
}

// disconnect takes relationships from an instance.
func (w *world) disconnect(id model.InstanceID, less []model.InstanceRelationship) error {
	i := w.byID[id]
	if i == nil {
		return nil
	}
	kept := slices.DeleteFunc(slices.Clone(i.Relationships), func(r model.InstanceRelationship) bool { return slices.Contains(less, r) })
	if len(kept) == len(i.Relationships) {
		return nil
	}
	i.Relationships = kept
	return w.put(i)
}

// sorted orders relationships of instances as their node does.
func (w *world) sorted(node model.NodeID, list []model.InstanceRelationship) []model.InstanceRelationship {
	n := w.node(node)
	if n == nil {
		return list
	}
	place := func(r model.InstanceRelationship) int {
		at := slices.IndexFunc(n.Relationships, func(o model.NodeRelationship) bool {
			return o.TargetID == r.TargetName && o.Type == r.Type
		})
		if at < 0 {
			return len(n.Relationships)
		}
		return at
	}
	slices.SortStableFunc(list, func(a, b model.InstanceRelationship) int { return place(a) - place(b) })
	return list
}
