package sqlite

import (
	"fmt"
	"slices"
	"time"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

var executions = &noun{
	name:    "executions",
	table:   "executions",
	counted: true,
	order:   []string{"t.created_at", "t.seq"},
	fields: resourceFields(map[string]field{
		"id":                      {expr: "t.id", lookup: true},
		"workflow_id":             {expr: "t.workflow"},
		"status":                  {expr: "t.status", lookup: true},
		"status_display":          {expr: "CASE t.status WHEN 'terminated' THEN 'completed' ELSE t.status END"},
		"deployment_id":           {expr: "t.deployment", lookup: true, nullable: true},
		"deployment_display_name": {expr: deploymentName, nullable: true},
		"blueprint_id":            {expr: "t.blueprint", lookup: true},
		"is_system_workflow":      {expr: "t.is_system", kind: asFlag},
		"is_dry_run":              {expr: "t.is_dry_run", kind: asFlag},
		"resume":                  {expr: "t.resume", kind: asFlag},
		"allow_custom_parameters": {expr: "t.allow_custom_parameters", kind: asFlag},
		"created_at":              {expr: "t.created_at", kind: asInstant},
		"started_at":              {expr: "t.started_at", kind: asInstant, nullable: true},
		"ended_at":                {expr: "t.ended_at", kind: asInstant, nullable: true},
		"scheduled_for":           {expr: "t.scheduled_at", kind: asInstant, nullable: true},
		"error":                   {expr: "t.error"},
		"total_operations":        {expr: "t.total_operations", kind: asInteger},
		"finished_operations":     {expr: "t.finished_operations", kind: asInteger},
		"parameters":              {expr: "t.parameters"},
		"execution_group_id":      {expr: "t.execution_group", lookup: true, also: "t.execution_group <> ''"},
	}),
}

const executionColumns = "t.tenant, t.created_by, t.created_at, t.visibility, t.id, t.workflow, t.deployment, " +
	"t.blueprint, t.status, t.error, t.started_at, t.ended_at, t.scheduled_at, t.is_system, t.is_dry_run, t.resume, " +
	"t.allow_custom_parameters, t.force, t.wait_after_fail, t.total_operations, t.finished_operations, t.token_hash, " +
	"t.token_serial, t.step, t.graph, t.cursor, t.result, t.failure, t.awaits, t.parameters, t.execution_group, t.lease_owner, t.lease_epoch, t.lease_until"

func scanExecution(r *row) *model.Execution {
	e := &model.Execution{
		Resource: r.resource(), ID: model.ExecutionID(r.text()), Workflow: r.text(),
		Deployment: model.DeploymentID(r.text()), Blueprint: model.BlueprintID(r.text()),
		Status: model.ExecutionStatus(r.text()), Error: r.text(), StartedAt: r.instant(), EndedAt: r.instant(),
		ScheduledAt: r.instant(), IsSystem: r.flag(), IsDryRun: r.flag(), Resume: r.flag(),
		AllowCustomParameters: r.flag(), Force: r.flag(), WaitAfterFail: r.integer(), TotalOperations: r.integer(),
		FinishedOperations: r.integer(), TokenHash: r.text(), TokenSerial: r.integer(),
		Progress: model.Progress{Step: r.integer(), Graph: model.GraphID(r.text()), Cursor: r.raw(), Result: r.raw()},
	}
	r.document(&e.Progress.Failure)
	r.document(&e.Progress.Awaits)
	r.document(&e.Parameters)
	e.Group = model.ExecutionGroupID(r.text())
	e.Lease = model.Lease{Owner: r.text(), Epoch: r.number(), Until: r.instant()}
	return e
}

func executionValues(e *model.Execution) *values {
	v := &values{}
	v.resource(e.Resource)
	v.text(string(e.ID), e.Workflow)
	v.list = append(v.list, nullable(string(e.Deployment)))
	v.text(string(e.Blueprint), string(e.Status), e.Error)
	v.instant(e.StartedAt, e.EndedAt, e.ScheduledAt)
	v.flag(e.IsSystem, e.IsDryRun, e.Resume, e.AllowCustomParameters, e.Force)
	v.integer(e.WaitAfterFail, e.TotalOperations, e.FinishedOperations)
	v.text(e.TokenHash)
	v.integer(e.TokenSerial, e.Progress.Step)
	v.text(string(e.Progress.Graph))
	v.raw(e.Progress.Cursor, e.Progress.Result)
	v.document(e.Progress.Failure != nil, e.Progress.Failure)
	v.document(e.Progress.Awaits != nil, e.Progress.Awaits)
	v.document(e.Parameters != nil, e.Parameters)
	v.text(string(e.Group))
	return v
}

func (r *reader) Execution(id model.ExecutionID) (*model.Execution, error) {
	return get(r, "Execution", string(id), "SELECT "+executionColumns+" FROM executions t WHERE t.id = ?", scanExecution,
		string(id))
}

func (r *reader) Executions(q store.Query) (store.Page[*model.Execution], error) {
	return list(r, executions, q, view{columns: executionColumns}, scanExecution)
}

func (r *reader) ExecutionByToken(hash string) (*model.Execution, error) {
	return get(r, "Execution", "of the token", "SELECT "+executionColumns+" FROM executions t WHERE t.token_hash = ? "+
		"AND t.token_hash <> ''", scanExecution, hash)
}

// The index is named because SQLite cannot know that few executions are active and most have ended.
const claimable = "SELECT t.id FROM executions t INDEXED BY executions_active WHERE t.status IN ('pending', 'started', 'cancelling', " +
	"'force_cancelling', 'kill_cancelling') AND (t.lease_owner = '' OR t.lease_until < ?) " +
	"ORDER BY t.created_at, t.seq LIMIT ?"

func (r *reader) Claimable(now time.Time, limit int) ([]model.ExecutionID, error) {
	ids, err := all(r, claimable, func(r *row) model.ExecutionID { return model.ExecutionID(r.text()) }, now.UnixMicro(),
		int64(limit))
	if err != nil {
		return nil, fmt.Errorf("list claimable executions: %w", err)
	}
	return ids, nil
}

// One walk over the index per group: its active members first, then, when there are fewer of them than it may have, its
// oldest queued ones. The names of the groups come from the same index by skipping from one to the next.
const (
	waitingGroups = "WITH RECURSIVE g (id) AS (SELECT min(execution_group) FROM executions WHERE status = 'queued' " +
		"AND execution_group > '' UNION ALL SELECT (SELECT min(e.execution_group) FROM executions e WHERE " +
		"e.status = 'queued' AND e.execution_group > g.id) FROM g WHERE g.id IS NOT NULL) " +
		"SELECT g.id FROM g JOIN execution_groups x ON x.id = g.id WHERE x.concurrency > (SELECT count(*) FROM executions a " +
		"WHERE a.execution_group = g.id AND a.execution_group <> '' AND a.status IN ('pending', 'started', 'cancelling', " +
		"'force_cancelling', 'kill_cancelling'))"
	queuedExecutions = "SELECT " + executionColumns + " FROM executions t WHERE t.status = 'queued' " +
		"AND t.execution_group = ? ORDER BY t.created_at, t.seq LIMIT ?"
)

func (r *reader) QueuedExecutions(limit int) ([]*model.Execution, error) {
	groups, err := all(r, waitingGroups, func(r *row) string { return r.text() })
	if err != nil {
		return nil, fmt.Errorf("list groups with queued executions: %w", err)
	}
	out := []*model.Execution{}
	for _, g := range append([]string{""}, groups...) {
		list, err := all(r, queuedExecutions, scanExecution, g, int64(limit))
		if err != nil {
			return nil, fmt.Errorf("list queued executions: %w", err)
		}
		out = append(out, list...)
	}
	slices.SortStableFunc(out, func(a, b *model.Execution) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return out, nil
}

func (t *tx) InsertExecution(e *model.Execution) error {
	v := executionValues(e)
	v.text(e.Lease.Owner)
	v.list = append(v.list, e.Lease.Epoch)
	v.instant(e.Lease.Until)
	_, err := t.write("INSERT INTO executions (tenant, created_by, created_at, visibility, id, workflow, deployment, "+
		"blueprint, status, error, started_at, ended_at, scheduled_at, is_system, is_dry_run, resume, "+
		"allow_custom_parameters, force, wait_after_fail, total_operations, finished_operations, token_hash, token_serial, "+
		"step, graph, cursor, result, failure, awaits, parameters, execution_group, lease_owner, lease_epoch, lease_until) "+
		"VALUES ("+placeholders(34)+")", v)
	return inserted(err, "Execution", string(e.ID), e.Tenant, "Deployment", string(e.Deployment))
}

func (t *tx) UpdateExecution(e *model.Execution) error {
	n, err := t.write("UPDATE executions SET tenant = ?1, created_by = ?2, created_at = ?3, visibility = ?4, "+
		"workflow = ?6, deployment = ?7, blueprint = ?8, status = ?9, error = ?10, started_at = ?11, ended_at = ?12, "+
		"scheduled_at = ?13, is_system = ?14, is_dry_run = ?15, resume = ?16, allow_custom_parameters = ?17, "+
		"force = ?18, wait_after_fail = ?19, total_operations = ?20, finished_operations = ?21, token_hash = ?22, "+
		"token_serial = ?23, step = ?24, graph = ?25, cursor = ?26, result = ?27, failure = ?28, awaits = ?29, "+
		"parameters = ?30, execution_group = ?31 WHERE id = ?5", executionValues(e))
	return mustChange(n, err, "Execution", string(e.ID))
}

func (t *tx) Claim(id model.ExecutionID, owner string, now, until time.Time) (epoch int64, ok bool, err error) {
	found, err := t.c.one(t.ctx, "UPDATE executions SET lease_owner = ?1, lease_epoch = lease_epoch + 1, lease_until = ?2 "+
		"WHERE id = ?3 AND (lease_owner = '' OR lease_owner = ?1 OR lease_until < ?4) RETURNING lease_epoch",
		func(r *row) { epoch = r.number() }, owner, micros(until), string(id), now.UnixMicro())
	if err != nil {
		return 0, false, fmt.Errorf("claim execution %s: %w", id, err)
	}
	if found {
		return epoch, true, nil
	}
	_, err = t.Execution(id)
	return 0, false, err
}

func (t *tx) RenewLeases(owner string, until time.Time) error {
	_, err := t.c.exec(t.ctx, renewLeases, micros(until), owner)
	if err != nil {
		return fmt.Errorf("renew leases of %s: %w", owner, err)
	}
	return nil
}

const renewLeases = "UPDATE executions SET lease_until = ? WHERE lease_owner = ? AND lease_owner <> ''"

func (t *tx) ReleaseLease(id model.ExecutionID, epoch int64) error {
	_, err := t.c.exec(t.ctx, "UPDATE executions SET lease_owner = '', lease_until = NULL WHERE id = ? AND lease_epoch = ?",
		string(id), epoch)
	if err != nil {
		return fmt.Errorf("release execution %s: %w", id, err)
	}
	return nil
}

func (t *tx) CountOperations(id model.ExecutionID, total, finished int) error {
	n, err := t.c.exec(t.ctx, "UPDATE executions SET total_operations = total_operations + ?, "+
		"finished_operations = finished_operations + ? WHERE id = ?", int64(total), int64(finished), string(id))
	return mustChange(n, err, "Execution", string(id))
}

func (r *reader) Fence(id model.ExecutionID, epoch int64) error {
	var current int64
	found, err := r.c.one(r.ctx, "SELECT lease_epoch FROM executions WHERE id = ?", func(r *row) { current = r.number() },
		string(id))
	if err != nil {
		return fmt.Errorf("check the lease of execution %s: %w", id, err)
	}
	// An execution that is gone has no owner either: its last one must stop just the same.
	if !found || current != epoch {
		return store.ErrFenced
	}
	return nil
}

func (t *tx) DeleteExecution(id model.ExecutionID) error {
	n, err := t.c.exec(t.ctx, "DELETE FROM executions WHERE id = ?", string(id))
	return mustChange(n, err, "Execution", string(id))
}
