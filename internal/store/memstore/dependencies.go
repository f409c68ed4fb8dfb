package memstore

import (
	"slices"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

func ofDependency(d *model.Dependency) *model.Resource { return &d.Resource }

var dependencies = &noun[model.Dependency]{
	name: "inter-deployment dependencies", resource: scope(ofDependency), byCreation: true,
	fields: resourceFields(ofDependency, map[string]field[model.Dependency]{
		"id":                   text(func(d *model.Dependency) string { return string(d.ID) }),
		"dependency_creator":   text(func(d *model.Dependency) string { return d.Creator }),
		"source_deployment_id": text(func(d *model.Dependency) string { return string(d.Source) }),
		"target_deployment_id": text(func(d *model.Dependency) string { return string(d.Target) }),
	}),
}

func (r reader) Dependency(t model.TenantName, id model.DependencyID) (*model.Dependency, error) {
	return visible(&r.s.dependencies, t, id, func(d *model.Dependency) (model.DependencyID, model.Visibility) {
		return d.ID, d.Visibility
	}, fault.Missing("InterDeploymentDependencies", string(id)))
}

func (r reader) Dependencies(q store.Query) (store.Page[*model.Dependency], error) {
	return list(r.s, dependencies, &r.s.dependencies, q)
}

func (r reader) Children(t model.TenantName, parent model.DeploymentID) ([]*model.Deployment, error) {
	rows := r.s.deployments.where(func(d *model.Deployment) bool {
		return d.Tenant == t && slices.Contains(model.Parents(d.Labels), parent)
	})
	slices.SortStableFunc(rows, func(a, b row[model.Deployment]) int { return a.v.CreatedAt.Compare(b.v.CreatedAt) })
	return give(rows)
}

func (t *tx) InsertDependency(d *model.Dependency) error {
	if _, ok := t.s.deployments.get(key(d.Tenant, d.Source)); !ok && d.Source != "" {
		return fault.Missing("Deployment", string(d.Source))
	}
	return insert(t.s, &t.s.dependencies, key(d.Tenant, d.ID), d, inUse("InterDeploymentDependencies", string(d.ID), d.Tenant))
}

func (t *tx) UpdateDependency(d *model.Dependency) error {
	return replace(&t.s.dependencies, key(d.Tenant, d.ID), d, fault.Missing("InterDeploymentDependencies", string(d.ID)))
}

func (t *tx) DeleteDependency(tenant model.TenantName, id model.DependencyID) error {
	return remove(&t.s.dependencies, key(tenant, id), fault.Missing("InterDeploymentDependencies", string(id)))
}
