package sqlite

import (
	"fmt"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

var deploymentGroups = byName("deployment_groups", "id", map[string]field{
	"description":          {expr: "t.description"},
	"default_blueprint_id": {expr: "t.blueprint", lookup: true},
	"default_inputs":       {expr: "t.inputs"},
	"creation_counter":     {expr: "t.counter", kind: asInteger},
})

const deploymentGroupColumns = "t.tenant, t.created_by, t.created_at, t.visibility, t.id, t.description, t.blueprint, " +
	"t.counter, t.inputs, t.labels"

func scanDeploymentGroup(r *row) *model.DeploymentGroup {
	g := &model.DeploymentGroup{
		Resource: r.resource(), ID: model.DeploymentGroupID(r.text()), Description: r.text(),
		Blueprint: model.BlueprintID(r.text()), Counter: r.integer(),
	}
	r.document(&g.Inputs)
	g.Labels = r.labels()
	return g
}

func deploymentGroupValues(g *model.DeploymentGroup) *values {
	v := &values{}
	v.resource(g.Resource)
	v.text(string(g.ID), g.Description, string(g.Blueprint))
	v.integer(g.Counter)
	v.document(g.Inputs != nil, g.Inputs)
	v.labels(g.Labels)
	return v
}

func (r *reader) DeploymentGroup(t model.TenantName, id model.DeploymentGroupID) (*model.DeploymentGroup, error) {
	return get(r, "DeploymentGroup", string(id), "SELECT "+deploymentGroupColumns+" FROM deployment_groups t"+visibleIn,
		scanDeploymentGroup, string(id), string(t), string(t))
}

func (r *reader) DeploymentGroups(q store.Query) (store.Page[*model.DeploymentGroup], error) {
	return list(r, deploymentGroups, q, view{columns: deploymentGroupColumns}, scanDeploymentGroup)
}

const groupDeployments = "SELECT d.id FROM deployment_groups g JOIN deployment_group_members m ON m.grp = g.seq " +
	"JOIN deployments d ON d.seq = m.deployment WHERE g.id = ? AND g.tenant = ? ORDER BY m.deployment"

func (r *reader) GroupDeployments(t model.TenantName, id model.DeploymentGroupID) ([]model.DeploymentID, error) {
	list, err := all(r, groupDeployments, func(r *row) model.DeploymentID { return model.DeploymentID(r.text()) }, string(id), string(t))
	if err != nil {
		return nil, fmt.Errorf("list the deployments of group %s: %w", id, err)
	}
	return list, nil
}

const groupsOfDeployment = "SELECT g.id FROM deployments d JOIN deployment_group_members m ON m.deployment = d.seq " +
	"JOIN deployment_groups g ON g.seq = m.grp WHERE d.id = ? AND d.tenant = ? ORDER BY g.seq"

func (r *reader) GroupsOfDeployment(t model.TenantName, d model.DeploymentID) ([]model.DeploymentGroupID, error) {
	list, err := all(r, groupsOfDeployment, func(r *row) model.DeploymentGroupID { return model.DeploymentGroupID(r.text()) }, string(d), string(t))
	if err != nil {
		return nil, fmt.Errorf("list the groups of deployment %s: %w", d, err)
	}
	return list, nil
}

func (t *tx) InsertDeploymentGroup(g *model.DeploymentGroup) error {
	if err := t.free("deployment_groups", "DeploymentGroup", string(g.ID), g.Resource); err != nil {
		return err
	}
	_, err := t.write("INSERT INTO deployment_groups (tenant, created_by, created_at, visibility, id, description, blueprint, "+
		"counter, inputs, labels) VALUES ("+placeholders(10)+")", deploymentGroupValues(g))
	return inserted(err, "DeploymentGroup", string(g.ID), g.Tenant, "", "")
}

func (t *tx) UpdateDeploymentGroup(g *model.DeploymentGroup) error {
	if err := t.free("deployment_groups", "DeploymentGroup", string(g.ID), g.Resource); err != nil {
		return err
	}
	n, err := t.write("UPDATE deployment_groups SET created_by = ?2, created_at = ?3, visibility = ?4, description = ?6, "+
		"blueprint = ?7, counter = ?8, inputs = ?9, labels = ?10 WHERE tenant = ?1 AND id = ?5", deploymentGroupValues(g))
	return mustChange(n, err, "DeploymentGroup", string(g.ID))
}

func (t *tx) DeleteDeploymentGroup(tenant model.TenantName, id model.DeploymentGroupID) error {
	for _, column := range []string{"deployment_group", "success_group", "failed_group"} {
		_, err := t.c.exec(t.ctx, "UPDATE execution_groups SET "+column+" = '' WHERE "+column+" = ? AND tenant = ?", string(id), string(tenant))
		if err != nil {
			return fmt.Errorf("take group %s from the execution groups of it: %w", id, err)
		}
	}
	n, err := t.c.exec(t.ctx, "DELETE FROM deployment_groups WHERE tenant = ? AND id = ?", string(tenant), string(id))
	return mustChange(n, err, "DeploymentGroup", string(id))
}

// groupSeq finds the row number of a group.
func (t *tx) groupSeq(tenant model.TenantName, id model.DeploymentGroupID) (seq int64, err error) {
	found, err := t.c.one(t.ctx, "SELECT seq FROM deployment_groups WHERE id = ? AND tenant = ?", func(r *row) { seq = r.number() },
		string(id), string(tenant))
	if err == nil && !found {
		err = fault.Missing("DeploymentGroup", string(id))
	}
	return seq, err
}

func (t *tx) AddToGroup(tenant model.TenantName, id model.DeploymentGroupID, members []model.DeploymentID) error {
	grp, err := t.groupSeq(tenant, id)
	if err != nil {
		return err
	}
	for _, d := range members {
		var deployment int64
		found, err := t.c.one(t.ctx, "SELECT t.seq FROM deployments t"+visibleIn, func(r *row) { deployment = r.number() },
			string(d), string(tenant), string(tenant))
		if err != nil {
			return fmt.Errorf("look up deployment %s: %w", d, err)
		}
		if !found {
			return fault.Missing("Deployment", string(d))
		}
		_, err = t.c.exec(t.ctx, "INSERT INTO deployment_group_members (grp, deployment) VALUES (?, ?) ON CONFLICT DO NOTHING", grp, deployment)
		if err != nil {
			return fmt.Errorf("add deployment %s to group %s: %w", d, id, err)
		}
	}
	return nil
}

func (t *tx) RemoveFromGroup(tenant model.TenantName, id model.DeploymentGroupID, members []model.DeploymentID) error {
	grp, err := t.groupSeq(tenant, id)
	if err != nil {
		return err
	}
	for _, d := range members {
		_, err := t.c.exec(t.ctx, "DELETE FROM deployment_group_members WHERE grp = ? AND deployment IN (SELECT seq FROM deployments "+
			"WHERE id = ?)", grp, string(d))
		if err != nil {
			return fmt.Errorf("remove deployment %s from group %s: %w", d, id, err)
		}
	}
	return nil
}

var executionGroups = byName("execution_groups", "id", map[string]field{
	"workflow_id":         {expr: "t.workflow"},
	"concurrency":         {expr: "t.concurrency", kind: asInteger},
	"deployment_group_id": {expr: "t.deployment_group", lookup: true},
})

const executionGroupColumns = "t.tenant, t.created_by, t.created_at, t.visibility, t.id, t.workflow, t.deployment_group, " +
	"t.concurrency, t.success_group, t.failed_group"

func scanExecutionGroup(r *row) *model.ExecutionGroup {
	return &model.ExecutionGroup{
		Resource: r.resource(), ID: model.ExecutionGroupID(r.text()), Workflow: r.text(),
		DeploymentGroup: model.DeploymentGroupID(r.text()), Concurrency: r.integer(),
		SuccessGroup: model.DeploymentGroupID(r.text()), FailedGroup: model.DeploymentGroupID(r.text()),
	}
}

func executionGroupValues(g *model.ExecutionGroup) *values {
	v := &values{}
	v.resource(g.Resource)
	v.text(string(g.ID), g.Workflow, string(g.DeploymentGroup))
	v.integer(g.Concurrency)
	v.text(string(g.SuccessGroup), string(g.FailedGroup))
	return v
}

func (r *reader) ExecutionGroup(id model.ExecutionGroupID) (*model.ExecutionGroup, error) {
	return get(r, "ExecutionGroup", string(id), "SELECT "+executionGroupColumns+" FROM execution_groups t WHERE t.id = ?",
		scanExecutionGroup, string(id))
}

func (r *reader) ExecutionGroups(q store.Query) (store.Page[*model.ExecutionGroup], error) {
	return list(r, executionGroups, q, view{columns: executionGroupColumns}, scanExecutionGroup)
}

const groupExecutions = "SELECT t.id FROM executions t WHERE t.execution_group = ? AND t.execution_group <> '' ORDER BY t.created_at, t.seq"

func (r *reader) GroupExecutions(id model.ExecutionGroupID) ([]model.ExecutionID, error) {
	list, err := all(r, groupExecutions, func(r *row) model.ExecutionID { return model.ExecutionID(r.text()) }, string(id))
	if err != nil {
		return nil, fmt.Errorf("list the executions of group %s: %w", id, err)
	}
	return list, nil
}

const groupStates = "SELECT status, count(*) FROM executions WHERE execution_group = ? AND execution_group <> '' GROUP BY status"

func (r *reader) GroupStates(id model.ExecutionGroupID) (map[model.ExecutionStatus]int, error) {
	states := map[model.ExecutionStatus]int{}
	err := r.c.query(r.ctx, groupStates, func(r *row) error {
		states[model.ExecutionStatus(r.text())] = r.integer()
		return nil
	}, string(id))
	if err != nil {
		return nil, fmt.Errorf("count the executions of group %s: %w", id, err)
	}
	return states, nil
}

func (t *tx) InsertExecutionGroup(g *model.ExecutionGroup) error {
	_, err := t.write("INSERT INTO execution_groups (tenant, created_by, created_at, visibility, id, workflow, deployment_group, "+
		"concurrency, success_group, failed_group) VALUES ("+placeholders(10)+")", executionGroupValues(g))
	return inserted(err, "ExecutionGroup", string(g.ID), g.Tenant, "", "")
}

func (t *tx) UpdateExecutionGroup(g *model.ExecutionGroup) error {
	n, err := t.write("UPDATE execution_groups SET tenant = ?1, created_by = ?2, created_at = ?3, visibility = ?4, workflow = ?6, "+
		"deployment_group = ?7, concurrency = ?8, success_group = ?9, failed_group = ?10 WHERE id = ?5", executionGroupValues(g))
	return mustChange(n, err, "ExecutionGroup", string(g.ID))
}
