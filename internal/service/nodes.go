package service

import (
	"context"
	"reflect"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// NodeView is a node with what its answer needs of its instances and its deployment.
type NodeView struct {
	*model.Node
	Blueprint         model.BlueprintID
	DeploymentDisplay string
	// Actual counts the instances, Unhealthy those whose last status check was not good, Drifted those with drift.
	Actual, Unhealthy, Drifted int
}

// Nodes lists nodes.
func (s *Service) Nodes(ctx context.Context, a *Actor, q store.Query, allTenants bool) (p store.Page[*NodeView], err error) {
	if err := a.RequireTenant("node_list"); err != nil {
		return p, err
	}
	q.Scope = a.Scope("node_list", allTenants)
	err = s.Store.View(ctx, func(tx store.Reader) error {
		found, err := tx.Nodes(q)
		if err != nil {
			return err
		}
		p = store.Page[*NodeView]{Total: found.Total}
		counts := map[owner]*deploymentCounts{}
		ids := map[model.TenantName][]model.DeploymentID{}
		for _, n := range found.Items {
			o := owner{n.Tenant, n.Deployment}
			if counts[o] == nil {
				counts[o] = &deploymentCounts{nodes: map[model.NodeID]store.InstanceTally{}}
				ids[n.Tenant] = append(ids[n.Tenant], n.Deployment)
			}
		}
		for tenant, list := range ids {
			if err := countInstances(tx, tenant, list, counts); err != nil {
				return err
			}
		}
		for _, n := range found.Items {
			c := counts[owner{n.Tenant, n.Deployment}]
			y := c.nodes[n.ID]
			p.Items = append(p.Items, &NodeView{Node: n, Blueprint: c.blueprint, DeploymentDisplay: c.display,
				Actual: y.Count, Unhealthy: y.Unhealthy, Drifted: y.Drifted})
		}
		return nil
	})
	return p, err
}

// owner is the deployment of a node.
type owner struct {
	tenant     model.TenantName
	deployment model.DeploymentID
}

type deploymentCounts struct {
	blueprint model.BlueprintID
	display   string
	nodes     map[model.NodeID]store.InstanceTally
}

// countInstances completes the counts of a tenant's deployments.
func countInstances(tx store.Reader, t model.TenantName, ids []model.DeploymentID, counts map[owner]*deploymentCounts) error {
	for _, id := range ids {
		d, err := tx.Deployment(t, id)
		if err != nil {
			return err
		}
		c := counts[owner{t, id}]
		c.blueprint, c.display = d.Blueprint, d.DisplayName
	}
	tallies, err := tx.InstanceTallies(t, ids)
	for _, y := range tallies {
		nodes := counts[owner{t, y.Deployment}].nodes
		sum := nodes[y.Node]
		sum.Count += y.Count
		sum.Unhealthy += y.Unhealthy
		sum.Drifted += y.Drifted
		nodes[y.Node] = sum
	}
	return err
}

// Instances lists node instances.
func (s *Service) Instances(ctx context.Context, a *Actor, q store.Query, allTenants bool) (p store.Page[*model.NodeInstance], err error) {
	if err := a.RequireTenant("node_instance_list"); err != nil {
		return p, err
	}
	q.Scope = a.Scope("node_instance_list", allTenants)
	err = s.Store.View(ctx, func(tx store.Reader) error {
		p, err = tx.Instances(q)
		return err
	})
	return p, err
}

// Instance returns a node instance of the actor's tenant.
func (s *Service) Instance(ctx context.Context, a *Actor, id model.InstanceID) (i *model.NodeInstance, err error) {
	if err := a.RequireTenant("node_instance_get"); err != nil {
		return nil, err
	}
	err = s.Store.View(ctx, func(tx store.Reader) error {
		i, err = visibleInstance(tx, a, id)
		return err
	})
	return i, err
}

func visibleInstance(tx store.Reader, a *Actor, id model.InstanceID) (*model.NodeInstance, error) {
	i, err := tx.Instance(a.Tenant, id)
	if err == nil && !a.visible(i.Resource) {
		return nil, fault.Missing("NodeInstance", string(id))
	}
	return i, err
}

// InstanceUpdate changes a node instance; nil fields stay as they are.
type InstanceUpdate struct {
	// Version is the version the caller read; an older one than the stored is fault.Conflict unless Force is set.
	Version           int
	Force             bool
	State             *model.InstanceState
	RuntimeProperties *model.Document
	SystemProperties  *model.Document
}

// UpdateInstance changes a node instance under its version (rest-model, section 3.4). The version grows by one when
// something really changes; an update that changes nothing keeps it.
func (s *Service) UpdateInstance(ctx context.Context, a *Actor, id model.InstanceID, u InstanceUpdate) (i *model.NodeInstance, err error) {
	if err := a.RequireTenant("node_instance_update"); err != nil {
		return nil, err
	}
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		if i, err = visibleInstance(tx, a, id); err != nil {
			return err
		}
		if i.Version > u.Version && !u.Force {
			return fault.New(fault.Conflict, "Node instance update conflict [current version=%d, update version=%d]", i.Version, u.Version)
		}
		changed := false
		if u.State != nil && *u.State != i.State {
			i.State, changed = *u.State, true
		}
		if u.RuntimeProperties != nil && !reflect.DeepEqual(i.RuntimeProperties, *u.RuntimeProperties) {
			i.RuntimeProperties, changed = *u.RuntimeProperties, true
		}
		if u.SystemProperties != nil && !reflect.DeepEqual(i.SystemProperties, *u.SystemProperties) {
			i.SystemProperties, changed = *u.SystemProperties, true
		}
		if !changed {
			return nil
		}
		i.Version++
		return tx.UpdateInstance(i)
	})
	return i, err
}
