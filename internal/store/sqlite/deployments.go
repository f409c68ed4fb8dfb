package sqlite

import (
	"fmt"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

var deployments = &noun{
	name:    "deployments",
	table:   "deployments",
	counted: true,
	order:   []string{"t.created_at", "t.seq"},
	fields: resourceFields(map[string]field{
		"id":                      {expr: "t.id", lookup: true},
		"blueprint_id":            {expr: "t.blueprint", lookup: true},
		"display_name":            {expr: "t.display_name"},
		"description":             {expr: "t.description"},
		"created_at":              {expr: "t.created_at", kind: asInstant},
		"updated_at":              {expr: "t.updated_at", kind: asInstant, nullable: true},
		"runtime_only_evaluation": {expr: "t.runtime_only_evaluation", kind: asFlag},
		"installation_status":     {expr: "t.installation_status"},
		"deployment_status":       {expr: "t.status"},
		"site_name":               {expr: "t.site_name"},
		"sub_services_count":      {expr: "t.sub_services_count", kind: asInteger},
		"sub_environments_count":  {expr: "t.sub_environments_count", kind: asInteger},
		"sub_services_status":     {expr: "nullif(t.sub_services_status, '')", nullable: true},
		"sub_environments_status": {expr: "nullif(t.sub_environments_status, '')", nullable: true},
		"create_execution":        {expr: "t.create_execution"},
		"latest_execution":        {expr: "t.latest_execution"},
		"latest_execution_status": {expr: latest("CASE WHEN e.status = 'terminated' THEN 'completed' " +
			"WHEN e.status IN ('failed', 'cancelled') THEN e.status WHEN e.status <> 'scheduled' THEN 'in_progress' END"),
			nullable: true},
		"latest_execution_workflow_id":         {expr: latest("e.workflow"), nullable: true},
		"latest_execution_total_operations":    {expr: latest("e.total_operations"), kind: asInteger, nullable: true},
		"latest_execution_finished_operations": {expr: latest("e.finished_operations"), kind: asInteger, nullable: true},
		"labels":                               {expr: "t.labels"},
		"inputs":                               {expr: "t.inputs"},
		"groups":                               {expr: "t.groups"},
		"policy_types":                         {expr: "t.policy_types"},
		"policy_triggers":                      {expr: "t.policy_triggers"},
		"outputs":                              {expr: "t.outputs"},
		"capabilities":                         {expr: "t.capabilities"},
		"scaling_groups":                       {expr: "t.scaling_groups"},
		"workflows":                            {expr: "t.workflows"},
		"resource_tags":                        {expr: "t.resource_tags"},
		"schedules":                            {nullable: true, expr: "(SELECT s.id FROM schedules s WHERE s.deployment = t.id AND s.tenant = t.tenant LIMIT 1)"},
		"deployment_group_id": {lookup: true, in: "t.seq IN (SELECT m.deployment FROM deployment_group_members m " +
			"JOIN deployment_groups g ON g.seq = m.grp WHERE g.id IN (%s))"},
	}),
}

// latest is an expression about the latest execution of a deployment.
func latest(expr string) string {
	return "(SELECT " + expr + " FROM executions e WHERE e.id = t.latest_execution)"
}

const deploymentColumns = "t.tenant, t.created_by, t.created_at, t.visibility, t.id, t.blueprint, t.display_name, " +
	"t.description, t.updated_at, t.runtime_only_evaluation, t.installation_status, t.status, t.create_execution, " +
	"t.latest_execution, t.site_name, t.labels, t.inputs, t.groups, t.policy_types, t.policy_triggers, t.outputs, " +
	"t.capabilities, t.scaling_groups, t.workflows, t.resource_tags, t.sub_services_count, t.sub_environments_count, " +
	"t.sub_services_status, t.sub_environments_status"

func scanDeployment(r *row) *model.Deployment {
	d := &model.Deployment{
		Resource: r.resource(), ID: model.DeploymentID(r.text()), Blueprint: model.BlueprintID(r.text()),
		DisplayName: r.text(), Description: r.text(), UpdatedAt: r.instant(), RuntimeOnlyEvaluation: r.flag(),
		InstallationStatus: model.InstallationStatus(r.text()), Status: model.DeploymentStatus(r.text()),
		CreateExecution: model.ExecutionID(r.text()), LatestExecution: model.ExecutionID(r.text()), SiteName: r.text(),
		Labels: r.labels(),
	}
	r.document(&d.Inputs)
	d.Groups, d.PolicyTypes, d.PolicyTriggers = r.raw(), r.raw(), r.raw()
	r.document(&d.Outputs)
	r.document(&d.Capabilities)
	r.document(&d.ScalingGroups)
	r.document(&d.Workflows)
	d.ResourceTags = r.raw()
	d.SubServices, d.SubEnvironments = r.integer(), r.integer()
	d.SubServicesStatus, d.SubEnvironmentsStatus = model.DeploymentStatus(r.text()), model.DeploymentStatus(r.text())
	return d
}

func deploymentValues(d *model.Deployment) *values {
	v := &values{}
	v.resource(d.Resource)
	v.text(string(d.Blueprint), d.DisplayName, d.Description)
	v.instant(d.UpdatedAt)
	v.flag(d.RuntimeOnlyEvaluation)
	v.text(string(d.InstallationStatus), string(d.Status), string(d.CreateExecution), string(d.LatestExecution), d.SiteName)
	v.labels(d.Labels)
	v.document(d.Inputs != nil, d.Inputs)
	v.raw(d.Groups, d.PolicyTypes, d.PolicyTriggers)
	v.document(d.Outputs != nil, d.Outputs)
	v.document(d.Capabilities != nil, d.Capabilities)
	v.document(d.ScalingGroups != nil, d.ScalingGroups)
	v.document(d.Workflows != nil, d.Workflows)
	v.raw(d.ResourceTags)
	v.text(string(d.ID))
	v.integer(d.SubServices, d.SubEnvironments)
	v.text(string(d.SubServicesStatus), string(d.SubEnvironmentsStatus))
	return v
}

func (r *reader) Deployment(t model.TenantName, id model.DeploymentID) (*model.Deployment, error) {
	return get(r, "Deployment", string(id), "SELECT "+deploymentColumns+" FROM deployments t"+visibleIn,
		scanDeployment, string(id), string(t), string(t))
}

func (r *reader) Deployments(q store.Query) (store.Page[*model.Deployment], error) {
	return list(r, deployments, q, view{columns: deploymentColumns}, scanDeployment)
}

func (t *tx) InsertDeployment(d *model.Deployment) error {
	if err := t.free("deployments", "Deployment", string(d.ID), d.Resource); err != nil {
		return err
	}
	_, err := t.write("INSERT INTO deployments (tenant, created_by, created_at, visibility, blueprint, display_name, "+
		"description, updated_at, runtime_only_evaluation, installation_status, status, create_execution, "+
		"latest_execution, site_name, labels, inputs, groups, policy_types, policy_triggers, outputs, capabilities, "+
		"scaling_groups, workflows, resource_tags, id, sub_services_count, sub_environments_count, sub_services_status, "+
		"sub_environments_status) VALUES ("+placeholders(29)+")", deploymentValues(d))
	return inserted(err, "Deployment", string(d.ID), d.Tenant, "", "")
}

func (t *tx) UpdateDeployment(d *model.Deployment) error {
	if err := t.free("deployments", "Deployment", string(d.ID), d.Resource); err != nil {
		return err
	}
	n, err := t.write("UPDATE deployments SET created_by = ?2, created_at = ?3, visibility = ?4, blueprint = ?5, "+
		"display_name = ?6, description = ?7, updated_at = ?8, runtime_only_evaluation = ?9, installation_status = ?10, "+
		"status = ?11, create_execution = ?12, latest_execution = ?13, site_name = ?14, labels = ?15, inputs = ?16, "+
		"groups = ?17, policy_types = ?18, policy_triggers = ?19, outputs = ?20, capabilities = ?21, "+
		"scaling_groups = ?22, workflows = ?23, resource_tags = ?24, sub_services_count = ?26, "+
		"sub_environments_count = ?27, sub_services_status = ?28, sub_environments_status = ?29 WHERE tenant = ?1 AND id = ?25", deploymentValues(d))
	return mustChange(n, err, "Deployment", string(d.ID))
}

// DeleteDeployment leaves the work to the foreign keys, which cascade from the deployment to everything below it.
func (t *tx) DeleteDeployment(tenant model.TenantName, id model.DeploymentID) error {
	n, err := t.c.exec(t.ctx, "DELETE FROM deployments WHERE tenant = ? AND id = ?", string(tenant), string(id))
	return mustChange(n, err, "Deployment", string(id))
}

// trims remove a slice of what a deployment holds, the ends of its foreign keys first. Their arguments are the id, the
// tenant and the limit.
var trims = []string{
	"DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE deployment = " +
		"(SELECT seq FROM deployments WHERE id = ?1 AND tenant = ?2) LIMIT ?3)",
	"DELETE FROM tasks WHERE seq IN (SELECT t.seq FROM executions e CROSS JOIN graphs g ON g.execution = e.seq " +
		"CROSS JOIN tasks t ON t.graph = g.seq WHERE e.deployment = ?1 AND +e.tenant = ?2 LIMIT ?3)",
	"DELETE FROM instances WHERE seq IN (SELECT seq FROM instances WHERE deployment = ?1 AND +tenant = ?2 LIMIT ?3)",
	"DELETE FROM nodes WHERE seq IN (SELECT seq FROM nodes WHERE deployment = ?1 AND +tenant = ?2 LIMIT ?3)",
}

func (t *tx) TrimDeployment(tenant model.TenantName, id model.DeploymentID, limit int) (int, error) {
	removed := 0
	for _, query := range trims {
		if removed >= limit {
			break
		}
		n, err := t.c.exec(t.ctx, query, string(id), string(tenant), int64(limit-removed))
		if err != nil {
			return 0, fmt.Errorf("empty deployment %s: %w", id, err)
		}
		removed += n
	}
	return removed, nil
}

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
