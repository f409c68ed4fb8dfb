package sqlite

import (
	"fmt"
	"time"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

var schedules = byName("schedules", "id", map[string]field{
	"deployment_id":   {expr: "t.deployment", lookup: true},
	"workflow_id":     {expr: "t.workflow"},
	"since":           {expr: "t.since", kind: asInstant, nullable: true},
	"until":           {expr: "t.until", kind: asInstant, nullable: true},
	"next_occurrence": {expr: "t.next_at", kind: asInstant, nullable: true},
	"slip":            {expr: "t.slip", kind: asInteger},
	"stop_on_fail":    {expr: "t.stop_on_fail", kind: asFlag},
	"enabled":         {expr: "t.enabled", kind: asFlag},
	"rule":            {expr: "t.rule"},
	"recurrence":      {expr: "(t.rule ->> 'recurrence')", nullable: true},
	"latest_execution_status": {nullable: true,
		expr: "(SELECT e.status FROM executions e WHERE e.id = t.latest AND t.latest <> '')"},
})

const scheduleColumns = "t.tenant, t.created_by, t.created_at, t.visibility, t.id, t.deployment, t.workflow, t.since, t.until, " +
	"t.next_at, t.slip, t.stop_on_fail, t.enabled, t.latest, t.rule, t.parameters, t.arguments"

func scanSchedule(r *row) *model.Schedule {
	s := &model.Schedule{
		Resource: r.resource(), ID: model.ScheduleID(r.text()), Deployment: model.DeploymentID(r.text()), Workflow: r.text(),
		Since: r.instant(), Until: r.instant(), NextAt: r.instant(), Slip: r.integer(), StopOnFail: r.flag(), Enabled: r.flag(),
		Latest: model.ExecutionID(r.text()),
	}
	r.document(&s.Rule)
	r.document(&s.Parameters)
	r.document(&s.Arguments)
	return s
}

func scheduleValues(s *model.Schedule) *values {
	v := &values{}
	v.resource(s.Resource)
	v.text(string(s.ID), string(s.Deployment), s.Workflow)
	v.instant(s.Since, s.Until, s.NextAt)
	v.integer(s.Slip)
	v.flag(s.StopOnFail, s.Enabled)
	v.text(string(s.Latest))
	v.document(true, s.Rule)
	v.document(s.Parameters != nil, s.Parameters)
	v.document(s.Arguments != nil, s.Arguments)
	return v
}

func (r *reader) Schedule(t model.TenantName, d model.DeploymentID, id model.ScheduleID) (*model.Schedule, error) {
	return get(r, "ExecutionSchedule", string(id), "SELECT "+scheduleColumns+" FROM schedules t WHERE t.deployment = ? AND t.id = ? "+
		"AND t.tenant = ?", scanSchedule, string(d), string(id), string(t))
}

func (r *reader) Schedules(q store.Query) (store.Page[*model.Schedule], error) {
	return list(r, schedules, q, view{columns: scheduleColumns}, scanSchedule)
}

const dueSchedules = "SELECT " + scheduleColumns + " FROM schedules t WHERE t.enabled = 1 AND t.next_at < ? ORDER BY t.next_at LIMIT ?"

func (r *reader) DueSchedules(now time.Time, limit int) ([]*model.Schedule, error) {
	list, err := all(r, dueSchedules, scanSchedule, now.UnixMicro(), int64(limit))
	if err != nil {
		return nil, fmt.Errorf("list due schedules: %w", err)
	}
	return list, nil
}

func (r *reader) NextSchedule() (next time.Time, err error) {
	_, err = r.c.one(r.ctx, "SELECT min(next_at) FROM schedules WHERE enabled = 1", func(r *row) { next = r.instant() })
	if err != nil {
		return next, fmt.Errorf("find the next schedule: %w", err)
	}
	return next, nil
}

func (t *tx) InsertSchedule(s *model.Schedule) error {
	_, err := t.write("INSERT INTO schedules (tenant, created_by, created_at, visibility, id, deployment, workflow, since, until, "+
		"next_at, slip, stop_on_fail, enabled, latest, rule, parameters, arguments) VALUES ("+placeholders(17)+")", scheduleValues(s))
	return inserted(err, "ExecutionSchedule", string(s.ID), s.Tenant, "Deployment", string(s.Deployment))
}

func (t *tx) UpdateSchedule(s *model.Schedule) error {
	n, err := t.write("UPDATE schedules SET created_by = ?2, created_at = ?3, visibility = ?4, workflow = ?7, since = ?8, until = ?9, "+
		"next_at = ?10, slip = ?11, stop_on_fail = ?12, enabled = ?13, latest = ?14, rule = ?15, parameters = ?16, "+
		"arguments = ?17 WHERE tenant = ?1 AND id = ?5 AND deployment = ?6", scheduleValues(s))
	return mustChange(n, err, "ExecutionSchedule", string(s.ID))
}

func (t *tx) DeleteSchedule(tenant model.TenantName, d model.DeploymentID, id model.ScheduleID) error {
	n, err := t.c.exec(t.ctx, "DELETE FROM schedules WHERE tenant = ? AND deployment = ? AND id = ?", string(tenant), string(d), string(id))
	return mustChange(n, err, "ExecutionSchedule", string(id))
}

func (r *reader) Hooks(limit int) ([]*model.Hook, error) {
	list, err := all(r, "SELECT seq, event_type, at, message, tenant, user, execution, context FROM hooks ORDER BY seq LIMIT ?",
		func(r *row) *model.Hook {
			h := &model.Hook{ID: r.number(), EventType: r.text(), At: r.instant(), Message: r.text(), Tenant: model.TenantName(r.text()),
				User: model.UserName(r.text()), Execution: model.ExecutionID(r.text())}
			r.document(&h.Context)
			return h
		}, int64(limit))
	if err != nil {
		return nil, fmt.Errorf("list hooks: %w", err)
	}
	return list, nil
}

func (t *tx) InsertHook(h *model.Hook) error {
	v := &values{}
	v.text(h.EventType)
	v.instant(h.At)
	v.text(h.Message, string(h.Tenant), string(h.User), string(h.Execution))
	v.document(h.Context != nil, h.Context)
	if v.err != nil {
		return v.err
	}
	seq, err := t.c.insert(t.ctx, "INSERT INTO hooks (event_type, at, message, tenant, user, execution, context) VALUES ("+
		placeholders(7)+")", v.list...)
	if err != nil {
		return fmt.Errorf("insert hook on %s: %w", h.EventType, err)
	}
	h.ID = seq
	return nil
}

func (t *tx) DeleteHook(id int64) error {
	if _, err := t.c.exec(t.ctx, "DELETE FROM hooks WHERE seq = ?", id); err != nil {
		return fmt.Errorf("delete hook %d: %w", id, err)
	}
	return nil
}
