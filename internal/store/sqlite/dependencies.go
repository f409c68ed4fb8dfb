package sqlite

import (
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

var dependencies = &noun{
	name:  "inter-deployment dependencies",
	table: "dependencies",
	order: []string{"t.created_at", "t.seq"},
	fields: resourceFields(map[string]field{
		"id":                     {expr: "t.id", lookup: true},
		"dependency_creator":     {expr: "t.creator"},
		"source_deployment_id":   {expr: "t.source", lookup: true},
		"target_deployment_id":   {expr: "t.target", lookup: true},
		"created_at":             {expr: "t.created_at", kind: asInstant},
		"target_deployment_func": {expr: "t.target_func"},
		"external_source":        {expr: "t.external_source"},
		"external_target":        {expr: "t.external_target"},
	}),
}

const dependencyColumns = "t.tenant, t.created_by, t.created_at, t.visibility, t.id, t.creator, t.source, t.target, " +
	"t.target_func, t.external_source, t.external_target"

func scanDependency(r *row) *model.Dependency {
	d := &model.Dependency{
		Resource: r.resource(), ID: model.DependencyID(r.text()), Creator: r.text(), Source: model.DeploymentID(r.text()),
		Target: model.DeploymentID(r.text()),
	}
	r.document(&d.TargetFunction)
	r.document(&d.ExternalSource)
	r.document(&d.ExternalTarget)
	return d
}

func dependencyValues(d *model.Dependency) *values {
	v := &values{}
	v.resource(d.Resource)
	v.text(string(d.ID), d.Creator)
	v.list = append(v.list, nullable(string(d.Source)))
	v.text(string(d.Target))
	v.document(d.TargetFunction != nil, d.TargetFunction)
	v.document(d.ExternalSource != nil, d.ExternalSource)
	v.document(d.ExternalTarget != nil, d.ExternalTarget)
	return v
}

const dependencyName = "InterDeploymentDependencies"

func (r *reader) Dependency(t model.TenantName, id model.DependencyID) (*model.Dependency, error) {
	return get(r, dependencyName, string(id), "SELECT "+dependencyColumns+" FROM dependencies t"+visibleIn,
		scanDependency, string(id), string(t), string(t))
}

func (r *reader) Dependencies(q store.Query) (store.Page[*model.Dependency], error) {
	return list(r, dependencies, q, view{columns: dependencyColumns}, scanDependency)
}

func (r *reader) Children(t model.TenantName, parent model.DeploymentID) ([]*model.Deployment, error) {
	return all(r, "SELECT "+deploymentColumns+" FROM deployment_parents p JOIN deployments t ON t.id = p.child AND "+
		"t.tenant = p.tenant WHERE p.tenant = ? AND p.parent = ? ORDER BY t.created_at, t.seq",
		scanDeployment, string(t), string(parent))
}

func (t *tx) InsertDependency(d *model.Dependency) error {
	_, err := t.write("INSERT INTO dependencies (tenant, created_by, created_at, visibility, id, creator, source, target, "+
		"target_func, external_source, external_target) VALUES ("+placeholders(11)+")", dependencyValues(d))
	return inserted(err, dependencyName, string(d.ID), d.Tenant, "Deployment", string(d.Source))
}

func (t *tx) UpdateDependency(d *model.Dependency) error {
	n, err := t.write("UPDATE dependencies SET created_by = ?2, created_at = ?3, visibility = ?4, creator = ?6, source = ?7, "+
		"target = ?8, target_func = ?9, external_source = ?10, external_target = ?11 WHERE tenant = ?1 AND id = ?5",
		dependencyValues(d))
	return mustChange(n, err, dependencyName, string(d.ID))
}

func (t *tx) DeleteDependency(tenant model.TenantName, id model.DependencyID) error {
	n, err := t.c.exec(t.ctx, "DELETE FROM dependencies WHERE tenant = ? AND id = ?", string(tenant), string(id))
	return mustChange(n, err, dependencyName, string(id))
}
