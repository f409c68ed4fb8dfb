package memstore

import (
	"time"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

func ofModification(m *model.Modification) *model.Resource { return &m.Resource }
func ofUpdate(u *model.DeploymentUpdate) *model.Resource   { return &u.Resource }

var modifications = &noun[model.Modification]{
	name: "deployment modifications", resource: scope(ofModification), byCreation: true,
	fields: resourceFields(ofModification, map[string]field[model.Modification]{
		"id":            text(func(m *model.Modification) string { return string(m.ID) }),
		"deployment_id": text(func(m *model.Modification) string { return string(m.Deployment) }),
		"status":        text(func(m *model.Modification) string { return string(m.Status) }),
		"ended_at":      instant(func(m *model.Modification) time.Time { return m.EndedAt }),
	}),
}

func (r reader) Modification(t model.TenantName, id model.ModificationID) (*model.Modification, error) {
	return visible(&r.s.modifications, t, id, func(m *model.Modification) (model.ModificationID, model.Visibility) {
		return m.ID, m.Visibility
	}, fault.Missing("DeploymentModification", string(id)))
}

func (r reader) Modifications(q store.Query) (store.Page[*model.Modification], error) {
	p, err := list(r.s, modifications, &r.s.modifications, q)
	for _, m := range p.Items {
		if q.Light {
			m.Instances = model.ModificationInstances{}
		}
	}
	return p, err
}

func (t *tx) InsertModification(m *model.Modification) error {
	if _, ok := t.s.deployments.get(key(m.Tenant, m.Deployment)); !ok {
		return fault.Missing("Deployment", string(m.Deployment))
	}
	return insert(t.s, &t.s.modifications, key(m.Tenant, m.ID), m, inUse("DeploymentModification", string(m.ID), m.Tenant))
}

func (t *tx) UpdateModification(m *model.Modification) error {
	return replace(&t.s.modifications, key(m.Tenant, m.ID), m, fault.Missing("DeploymentModification", string(m.ID)))
}

var deploymentUpdates = &noun[model.DeploymentUpdate]{
	name: "deployment updates", resource: scope(ofUpdate), byCreation: true,
	fields: resourceFields(ofUpdate, map[string]field[model.DeploymentUpdate]{
		"id":                      text(func(u *model.DeploymentUpdate) string { return string(u.ID) }),
		"deployment_id":           text(func(u *model.DeploymentUpdate) string { return string(u.Deployment) }),
		"execution_id":            text(func(u *model.DeploymentUpdate) string { return string(u.Execution) }),
		"state":                   text(func(u *model.DeploymentUpdate) string { return string(u.State) }),
		"old_blueprint_id":        text(func(u *model.DeploymentUpdate) string { return string(u.OldBlueprint) }),
		"new_blueprint_id":        text(func(u *model.DeploymentUpdate) string { return string(u.NewBlueprint) }),
		"runtime_only_evaluation": flag(func(u *model.DeploymentUpdate) bool { return u.RuntimeOnlyEvaluation }),
	}),
}

func (r reader) DeploymentUpdate(t model.TenantName, id model.UpdateID) (*model.DeploymentUpdate, error) {
	return visible(&r.s.updates, t, id, func(u *model.DeploymentUpdate) (model.UpdateID, model.Visibility) {
		return u.ID, u.Visibility
	}, fault.Missing("DeploymentUpdate", string(id)))
}

func (r reader) DeploymentUpdates(q store.Query) (store.Page[*model.DeploymentUpdate], error) {
	p, err := list(r.s, deploymentUpdates, &r.s.updates, q)
	for _, u := range p.Items {
		if q.Light {
			u.Plan = nil
		}
	}
	return p, err
}

func (t *tx) InsertDeploymentUpdate(u *model.DeploymentUpdate) error {
	if _, ok := t.s.deployments.get(key(u.Tenant, u.Deployment)); !ok {
		return fault.Missing("Deployment", string(u.Deployment))
	}
	return insert(t.s, &t.s.updates, key(u.Tenant, u.ID), u, inUse("DeploymentUpdate", string(u.ID), u.Tenant))
}

func (t *tx) UpdateDeploymentUpdate(u *model.DeploymentUpdate) error {
	return replace(&t.s.updates, key(u.Tenant, u.ID), u, fault.Missing("DeploymentUpdate", string(u.ID)))
}
