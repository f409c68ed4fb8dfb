package sqlite

import (
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

var modifications = &noun{
	name:  "deployment modifications",
	table: "modifications",
	order: []string{"t.created_at", "t.seq"},
	fields: resourceFields(map[string]field{
		"id":             {expr: "t.id", lookup: true},
		"deployment_id":  {expr: "t.deployment", lookup: true},
		"status":         {expr: "t.status"},
		"created_at":     {expr: "t.created_at", kind: asInstant},
		"ended_at":       {expr: "t.ended_at", kind: asInstant, nullable: true},
		"context":        {expr: "t.context"},
		"modified_nodes": {expr: "t.nodes"},
		"node_instances": {expr: "t.instances"},
	}),
}

const modificationColumns = "t.tenant, t.created_by, t.created_at, t.visibility, t.id, t.deployment, t.status, " +
	"t.ended_at, t.context, t.nodes"

func scanModification(r *row) *model.Modification {
	m := &model.Modification{
		Resource: r.resource(), ID: model.ModificationID(r.text()), Deployment: model.DeploymentID(r.text()),
		Status: model.ModificationStatus(r.text()), EndedAt: r.instant(),
	}
	r.document(&m.Context)
	r.document(&m.Nodes)
	return m
}

const heavyModificationColumns = modificationColumns + ", t.instances"

func scanHeavyModification(r *row) *model.Modification {
	m := scanModification(r)
	r.document(&m.Instances)
	return m
}

func modificationValues(m *model.Modification) *values {
	v := &values{}
	v.resource(m.Resource)
	v.text(string(m.ID), string(m.Deployment), string(m.Status))
	v.instant(m.EndedAt)
	v.document(m.Context != nil, m.Context)
	v.document(m.Nodes != nil, m.Nodes)
	v.document(true, m.Instances)
	return v
}

func (r *reader) Modification(t model.TenantName, id model.ModificationID) (*model.Modification, error) {
	return get(r, "DeploymentModification", string(id), "SELECT "+heavyModificationColumns+" FROM modifications t"+visibleIn,
		scanHeavyModification, string(id), string(t), string(t))
}

func (r *reader) Modifications(q store.Query) (store.Page[*model.Modification], error) {
	if q.Light {
		return list(r, modifications, q, view{columns: modificationColumns}, scanModification)
	}
	return list(r, modifications, q, view{columns: heavyModificationColumns}, scanHeavyModification)
}

func (t *tx) InsertModification(m *model.Modification) error {
	_, err := t.write("INSERT INTO modifications (tenant, created_by, created_at, visibility, id, deployment, status, "+
		"ended_at, context, nodes, instances) VALUES ("+placeholders(11)+")", modificationValues(m))
	return inserted(err, "DeploymentModification", string(m.ID), m.Tenant, "Deployment", string(m.Deployment))
}

func (t *tx) UpdateModification(m *model.Modification) error {
	n, err := t.write("UPDATE modifications SET created_by = ?2, created_at = ?3, visibility = ?4, deployment = ?6, "+
		"status = ?7, ended_at = ?8, context = ?9, nodes = ?10, instances = ?11 WHERE tenant = ?1 AND id = ?5",
		modificationValues(m))
	return mustChange(n, err, "DeploymentModification", string(m.ID))
}

var deploymentUpdates = &noun{
	name:  "deployment updates",
	table: "deployment_updates",
	order: []string{"t.created_at", "t.seq"},
	fields: resourceFields(map[string]field{
		"id":                      {expr: "t.id", lookup: true},
		"deployment_id":           {expr: "t.deployment", lookup: true},
		"execution_id":            {expr: "t.execution"},
		"state":                   {expr: "t.state"},
		"old_blueprint_id":        {expr: "t.old_blueprint"},
		"new_blueprint_id":        {expr: "t.new_blueprint"},
		"created_at":              {expr: "t.created_at", kind: asInstant},
		"runtime_only_evaluation": {expr: "t.runtime_only_evaluation", kind: asFlag},
	}),
}

const updateColumns = "t.tenant, t.created_by, t.created_at, t.visibility, t.id, t.deployment, t.execution, " +
	"t.old_blueprint, t.new_blueprint, t.state, t.runtime_only_evaluation, t.old_inputs, t.new_inputs, t.steps, t.nodes, " +
	"t.instances, t.modified_entities, t.plugins_to_install, t.plugins_to_uninstall, t.labels"

func scanUpdate(r *row) *model.DeploymentUpdate {
	u := &model.DeploymentUpdate{
		Resource: r.resource(), ID: model.UpdateID(r.text()), Deployment: model.DeploymentID(r.text()),
		Execution: model.ExecutionID(r.text()), OldBlueprint: model.BlueprintID(r.text()),
		NewBlueprint: model.BlueprintID(r.text()), State: model.UpdateState(r.text()), RuntimeOnlyEvaluation: r.flag(),
	}
	r.document(&u.OldInputs)
	r.document(&u.NewInputs)
	r.document(&u.Steps)
	u.Nodes = r.raw()
	r.document(&u.Instances)
	u.ModifiedEntities = r.raw()
	u.PluginsToInstall, u.PluginsToUninstall, u.Labels = r.raw(), r.raw(), r.raw()
	return u
}

const heavyUpdateColumns = updateColumns + ", t.plan"

func scanHeavyUpdate(r *row) *model.DeploymentUpdate {
	u := scanUpdate(r)
	u.Plan = r.raw()
	return u
}

func updateValues(u *model.DeploymentUpdate) *values {
	v := &values{}
	v.resource(u.Resource)
	v.text(string(u.ID), string(u.Deployment), string(u.Execution), string(u.OldBlueprint), string(u.NewBlueprint),
		string(u.State))
	v.flag(u.RuntimeOnlyEvaluation)
	v.document(u.OldInputs != nil, u.OldInputs)
	v.document(u.NewInputs != nil, u.NewInputs)
	v.document(u.Steps != nil, u.Steps)
	v.raw(u.Nodes)
	v.document(u.Instances != nil, u.Instances)
	v.raw(u.ModifiedEntities, u.PluginsToInstall, u.PluginsToUninstall, u.Labels, u.Plan)
	return v
}

func (r *reader) DeploymentUpdate(t model.TenantName, id model.UpdateID) (*model.DeploymentUpdate, error) {
	return get(r, "DeploymentUpdate", string(id), "SELECT "+heavyUpdateColumns+" FROM deployment_updates t"+visibleIn,
		scanHeavyUpdate, string(id), string(t), string(t))
}

func (r *reader) DeploymentUpdates(q store.Query) (store.Page[*model.DeploymentUpdate], error) {
	if q.Light {
		return list(r, deploymentUpdates, q, view{columns: updateColumns}, scanUpdate)
	}
	return list(r, deploymentUpdates, q, view{columns: heavyUpdateColumns}, scanHeavyUpdate)
}

func (t *tx) InsertDeploymentUpdate(u *model.DeploymentUpdate) error {
	_, err := t.write("INSERT INTO deployment_updates (tenant, created_by, created_at, visibility, id, deployment, execution, "+
		"old_blueprint, new_blueprint, state, runtime_only_evaluation, old_inputs, new_inputs, steps, nodes, instances, "+
		"modified_entities, plugins_to_install, plugins_to_uninstall, labels, plan) VALUES ("+placeholders(21)+")",
		updateValues(u))
	return inserted(err, "DeploymentUpdate", string(u.ID), u.Tenant, "Deployment", string(u.Deployment))
}

func (t *tx) UpdateDeploymentUpdate(u *model.DeploymentUpdate) error {
	n, err := t.write("UPDATE deployment_updates SET created_by = ?2, created_at = ?3, visibility = ?4, deployment = ?6, "+
		"execution = ?7, old_blueprint = ?8, new_blueprint = ?9, state = ?10, runtime_only_evaluation = ?11, "+
		"old_inputs = ?12, new_inputs = ?13, steps = ?14, nodes = ?15, instances = ?16, modified_entities = ?17, "+
		"plugins_to_install = ?18, plugins_to_uninstall = ?19, labels = ?20, plan = ?21 WHERE tenant = ?1 AND id = ?5",
		updateValues(u))
	return mustChange(n, err, "DeploymentUpdate", string(u.ID))
}
