package memstore

import (
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// ofParent reads a field of the deployment of an entity.
func ofParent[T any](at func(*T) (model.TenantName, model.DeploymentID), get func(*model.Deployment) string) field[T] {
	return found("", func(s *state, v *T) any {
		tenant, id := at(v)
		if d, ok := s.deployments.get(key(tenant, id)); ok {
			return get(d.v)
		}
		return nil
	})
}

func displayName(d *model.Deployment) string { return d.DisplayName }
func blueprintID(d *model.Deployment) string { return string(d.Blueprint) }

func atNode(n *model.Node) (model.TenantName, model.DeploymentID) { return n.Tenant, n.Deployment }

func atInstance(i *model.NodeInstance) (model.TenantName, model.DeploymentID) {
	return i.Tenant, i.Deployment
}

var nodes = &noun[model.Node]{
	name: "nodes", resource: scope(ofNode),
	fields: resourceFields(ofNode, map[string]field[model.Node]{
		"id":                          text(func(n *model.Node) string { return string(n.ID) }),
		"deployment_id":               text(func(n *model.Node) string { return string(n.Deployment) }),
		"deployment_display_name":     ofParent(atNode, displayName),
		"blueprint_id":                ofParent(atNode, blueprintID),
		"type":                        text(func(n *model.Node) string { return n.Type }),
		"host_id":                     text(func(n *model.Node) string { return string(n.HostID) }),
		"number_of_instances":         number(func(n *model.Node) int { return n.Number }),
		"planned_number_of_instances": number(func(n *model.Node) int { return n.Planned }),
		"deploy_number_of_instances":  number(func(n *model.Node) int { return n.Deploy }),
		"min_number_of_instances":     number(func(n *model.Node) int { return n.Min }),
		"max_number_of_instances":     number(func(n *model.Node) int { return n.Max }),
		"actual_number_of_instances": found(0, func(s *state, n *model.Node) any {
			return len(s.instances.where(func(i *model.NodeInstance) bool { return isOf(i, n) }))
		}),
	}),
}

func isOf(i *model.NodeInstance, n *model.Node) bool {
	return i.Tenant == n.Tenant && i.Deployment == n.Deployment && i.Node == n.ID
}

func nodeKey(t model.TenantName, d model.DeploymentID, id model.NodeID) string {
	return key(t, d) + "\x00" + string(id)
}

func (r reader) Nodes(q store.Query) (store.Page[*model.Node], error) {
	return list(r.s, nodes, &r.s.nodes, q)
}

// partOf reports whether a part of a deployment is shown to a tenant.
func partOf(r *model.Resource, t model.TenantName) bool {
	return r.Tenant == t || r.Visibility == model.VisibilityGlobal
}

func (r reader) DeploymentNodes(t model.TenantName, d model.DeploymentID) ([]*model.Node, error) {
	return give(r.s.nodes.where(func(n *model.Node) bool { return n.Deployment == d && partOf(&n.Resource, t) }))
}

func (t *tx) InsertNodes(list []*model.Node) error {
	for _, n := range list {
		if _, ok := t.s.deployments.get(key(n.Tenant, n.Deployment)); !ok {
			return fault.Missing("Deployment", string(n.Deployment))
		}
		err := insert(t.s, &t.s.nodes, nodeKey(n.Tenant, n.Deployment, n.ID), n, inUse("Node", string(n.ID), n.Tenant))
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) UpdateNode(n *model.Node) error {
	return replace(&t.s.nodes, nodeKey(n.Tenant, n.Deployment, n.ID), n, fault.Missing("Node", string(n.ID)))
}

func (t *tx) DeleteNode(tenant model.TenantName, d model.DeploymentID, id model.NodeID) error {
	if err := remove(&t.s.nodes, nodeKey(tenant, d, id), fault.Missing("Node", string(id))); err != nil {
		return err
	}
	t.s.instances.removeWhere(func(i *model.NodeInstance) bool {
		return i.Tenant == tenant && i.Deployment == d && i.Node == id
	})
	return nil
}

var instances = &noun[model.NodeInstance]{
	name: "node instances", resource: scope(ofInstance),
	fields: resourceFields(ofInstance, map[string]field[model.NodeInstance]{
		"id":                      text(func(i *model.NodeInstance) string { return string(i.ID) }),
		"node_id":                 text(func(i *model.NodeInstance) string { return string(i.Node) }),
		"deployment_id":           text(func(i *model.NodeInstance) string { return string(i.Deployment) }),
		"deployment_display_name": ofParent(atInstance, displayName),
		"blueprint_id":            ofParent(atInstance, blueprintID),
		"host_id":                 text(func(i *model.NodeInstance) string { return string(i.HostID) }),
		"index":                   number(func(i *model.NodeInstance) int { return i.Index }),
		"state":                   text(func(i *model.NodeInstance) string { return string(i.State) }),
		"version":                 number(func(i *model.NodeInstance) int { return i.Version }),
	}),
}

func (r reader) Instance(t model.TenantName, id model.InstanceID) (*model.NodeInstance, error) {
	return visible(&r.s.instances, t, id, func(i *model.NodeInstance) (model.InstanceID, model.Visibility) {
		return i.ID, i.Visibility
	}, fault.Missing("NodeInstance", string(id)))
}

func (r reader) Instances(q store.Query) (store.Page[*model.NodeInstance], error) {
	return list(r.s, instances, &r.s.instances, q)
}

func (r reader) DeploymentInstances(t model.TenantName, d model.DeploymentID) ([]*model.NodeInstance, error) {
	return give(r.s.instances.where(func(i *model.NodeInstance) bool { return i.Deployment == d && partOf(&i.Resource, t) }))
}

func (r reader) InstanceStates(t model.TenantName, d model.DeploymentID) (map[model.InstanceState]int, error) {
	counts := map[model.InstanceState]int{}
	for _, i := range r.s.instances.where(func(i *model.NodeInstance) bool { return i.Deployment == d && partOf(&i.Resource, t) }) {
		counts[i.v.State]++
	}
	return counts, nil
}

func (t *tx) InsertInstances(list []*model.NodeInstance) error {
	for _, i := range list {
		taken := inUse("NodeInstance", string(i.ID), i.Tenant)
		err := free(&t.s.instances, i.Resource, i.ID, func(o *model.NodeInstance) (model.InstanceID, model.Resource) {
			return o.ID, o.Resource
		}, taken)
		if err != nil {
			return err
		}
		if _, ok := t.s.nodes.get(nodeKey(i.Tenant, i.Deployment, i.Node)); !ok {
			return fault.Missing("Node", string(i.Node))
		}
		if err := insert(t.s, &t.s.instances, key(i.Tenant, i.ID), i, taken); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) UpdateInstance(i *model.NodeInstance) error {
	return replace(&t.s.instances, key(i.Tenant, i.ID), i, fault.Missing("NodeInstance", string(i.ID)))
}

func (t *tx) ChangeInstances(tenant model.TenantName, changes []store.InstanceChange) error {
	for _, c := range changes {
		old, err := t.Instance(tenant, c.Instance)
		if fault.Is(err, fault.NotFound) || err == nil && len(c.System) == 0 && (c.State == "" || c.State == old.State && c.Steps < 2) {
			continue
		}
		if err != nil {
			return err
		}
		if c.State != "" {
			old.State = c.State
		}
		for k, v := range c.System {
			if old.SystemProperties == nil {
				old.SystemProperties = model.Document{}
			}
			if v == nil {
				delete(old.SystemProperties, k)
				continue
			}
			old.SystemProperties[k] = v
		}
		old.Version += max(c.Steps, 1)
		if err := t.UpdateInstance(old); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) DeleteInstance(tenant model.TenantName, id model.InstanceID) error {
	return remove(&t.s.instances, key(tenant, id), fault.Missing("NodeInstance", string(id)))
}
