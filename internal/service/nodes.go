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
		cache := map[model.DeploymentID]*deploymentCounts{}
		for _, n := range found.Items {
			c, ok := cache[n.Deployment]
			if !ok {
				if c, err = countInstances(tx, n.Tenant, n.Deployment); err != nil {
					return err
				}
				cache[n.Deployment] = c
			}
			v := &NodeView{Node: n, Blueprint: c.blueprint, DeploymentDisplay: c.display}
			if counts := c.nodes[n.ID]; counts != nil {
				v.Actual, v.Unhealthy, v.Drifted = counts.actual, counts.unhealthy, counts.drifted
			}
			p.Items = append(p.Items, v)
		}
		return nil
	})
	return p, err
}

type instanceCounts struct{ actual, unhealthy, drifted int }

type deploymentCounts struct {
	blueprint model.BlueprintID
	display   string
	nodes     map[model.NodeID]*instanceCounts
}

func countInstances(tx store.Reader, t model.TenantName, id model.DeploymentID) (*deploymentCounts, error) {
	d, err := tx.Deployment(t, id)
	if err != nil {
		return nil, err
	}
	instances, err := tx.DeploymentInstances(t, id)
	if err != nil {
		return nil, err
	}
	c := &deploymentCounts{blueprint: d.Blueprint, display: d.DisplayName, nodes: map[model.NodeID]*instanceCounts{}}
	for _, i := range instances {
		n := c.nodes[i.Node]
		if n == nil {
			n = &instanceCounts{}
			c.nodes[i.Node] = n
		}
		n.actual++
		if !i.StatusCheckOK() {
			n.unhealthy++
		}
		if i.HasDrift() {
			n.drifted++
		}
	}
	return c, nil
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
