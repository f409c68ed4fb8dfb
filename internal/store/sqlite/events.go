package sqlite

import (
	"database/sql/driver"
	"fmt"
	"slices"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

var events = &noun{
	name:  "events",
	table: "events",
	order: []string{"t.timestamp", "t.seq"},
	fields: map[string]field{
		"execution_id": {expr: "t.execution", lookup: true, keys: "SELECT seq FROM executions WHERE id = ?",
			sort: eventExecution("id"), also: "t.execution_group IS NULL"},
		"execution_group_id": {expr: "t.execution_group", lookup: true, nullable: true},
		"deployment_id": {expr: "t.deployment", lookup: true, keys: "SELECT seq FROM deployments WHERE id = ?",
			sort: eventExecution("deployment"), nullable: true, also: "t.execution_group IS NULL"},
		"deployment_display_name": {nullable: true,
			expr: "(SELECT d.display_name FROM deployments d WHERE d.seq = t.deployment)"},
		"blueprint_id": {expr: eventExecution("blueprint"), lookup: true,
			in: "t.execution IN (SELECT seq FROM executions WHERE blueprint IN (%s))"},
		"workflow_id":        {expr: eventExecution("workflow")},
		"node_id":            {expr: eventNode, nullable: true, lookup: true, in: ofNode},
		"node_name":          {expr: eventNode, nullable: true, lookup: true, in: ofNode},
		"node_instance_id":   {expr: "t.instance", lookup: true, also: "t.instance <> ''"},
		"event_type":         {expr: "t.event_type"},
		"level":              {expr: "t.level"},
		"logger":             {expr: "t.logger"},
		"operation":          {expr: "t.operation"},
		"source_id":          {expr: "t.source"},
		"target_id":          {expr: "t.target"},
		"message":            {expr: "t.message"},
		"type":               {expr: eventKind},
		"manager_name":       {expr: "t.manager_name"},
		"agent_name":         {expr: "t.agent_name"},
		"timestamp":          {expr: "t.timestamp", kind: asInstant},
		"reported_timestamp": {expr: "t.reported", kind: asInstant, nullable: true},
		"tenant_name":        {expr: "t.tenant"},
		"created_by":         {expr: "t.created_by"},
		"visibility":         {expr: "t.visibility"},
	},
}

func eventExecution(column string) string {
	return "(SELECT e." + column + " FROM executions e WHERE e.seq = t.execution)"
}

const eventNode = "(SELECT i.node FROM instances i WHERE i.id = t.instance AND i.tenant = t.tenant)"

const ofNode = "t.instance IN (SELECT id FROM instances WHERE node IN (%s)) AND t.instance <> ''"

const eventKind = "CASE t.is_log WHEN 0 THEN 'cloudify_event' ELSE 'cloudify_log' END"

const eventColumns = "t.seq, t.tenant, t.created_by, t.visibility, " + eventKind + ", e.id, t.timestamp, t.reported, t.message, " +
	"t.event_type, t.level, t.logger, t.operation, t.instance, t.source, t.target, t.error_causes, t.manager_name, " +
	"t.agent_name, t.execution_group, e.deployment, d.display_name, e.blueprint, e.workflow, " + eventNode

const eventJoins = " JOIN executions e ON e.seq = t.execution LEFT JOIN deployments d ON d.seq = t.deployment"

func scanEvent(r *row) *model.Event {
	e := &model.Event{
		StorageID: r.number(), Tenant: model.TenantName(r.text()), CreatedBy: model.UserName(r.text()),
		Visibility: model.Visibility(r.text()), Kind: model.EventKind(r.text()), Execution: model.ExecutionID(r.text()),
		Timestamp: r.instant(), Reported: r.instant(), Message: r.text(), EventType: model.EventType(r.text()),
		Level: r.text(), Logger: r.text(), Operation: r.text(), Instance: model.InstanceID(r.text()),
		Source: model.InstanceID(r.text()), Target: model.InstanceID(r.text()),
	}
	r.document(&e.ErrorCauses)
	e.ManagerName, e.AgentName, e.Group = r.text(), r.text(), model.ExecutionGroupID(r.text())
	e.Deployment, e.DeploymentDisplay = model.DeploymentID(r.text()), r.text()
	e.Blueprint, e.Workflow, e.Node = model.BlueprintID(r.text()), r.text(), model.NodeID(r.text())
	return e
}

func (r *reader) Events(q store.EventQuery) (store.Page[*model.Event], error) {
	s, err := r.compile(events, store.Query{Scope: q.Scope, Where: q.Where, Sort: q.Sort})
	if err != nil {
		return store.Page[*model.Event]{}, err
	}
	s.order = eventOrder(s.order, q)
	if q.After > 0 {
		s.add("t.seq > ?", q.After)
		s.order = []term{{expr: "t.seq"}}
		// Newer rows than the last one seen are few: one walk over them beats a merge of two.
		s.lookup = true
	}
	if len(q.Kinds) == 1 {
		s.add("t.is_log = ?", flag(q.Kinds[0] == model.KindLog))
	}
	for _, m := range q.Messages {
		s.add(likeCondition("t.message", m), m)
	}
	for _, t := range q.Ranges {
		if err := s.addRange(t); err != nil {
			return store.Page[*model.Event]{}, err
		}
	}
	return page(r, s, view{columns: eventColumns, joins: eventJoins}, max(q.Offset, 0), q.Limit, scanEvent)
}

// eventOrder lets the time and the storage id go the way of the last order that was asked for.
func eventOrder(order []term, q store.EventQuery) []term {
	if len(q.Sort) == 0 {
		return order
	}
	desc := q.Sort[len(q.Sort)-1].Desc
	order = slices.Clone(order)
	for i := len(q.Sort); i < len(order); i++ {
		order[i].desc = desc
	}
	return order
}

func (s *selection) addRange(t store.TimeRange) error {
	expr := ""
	switch t.Field {
	case "timestamp", "reported_timestamp":
		expr = events.fields[t.Field].expr
	default:
		return fault.New(fault.BadParameters, "events have no range of field `%s`; use timestamp or reported_timestamp",
			t.Field)
	}
	if !t.From.IsZero() {
		s.add(expr+" >= ?", t.From.UnixMicro())
	}
	if !t.To.IsZero() {
		s.add(expr+" < ?", t.To.UnixMicro())
	}
	return nil
}

// eventParent is what an event inherits from its execution.
type eventParent struct{ execution, deployment any }

const insertEvent = "INSERT INTO events (execution, deployment, tenant, created_by, visibility, is_log, timestamp, " +
	"reported, message, event_type, level, logger, operation, instance, source, target, error_causes, manager_name, " +
	"agent_name, execution_group) VALUES "

// eventColumnCount is the number of columns that insertEvent writes.
const eventColumnCount = 20

func (t *tx) InsertEvents(list []*model.Event) error {
	parents := map[model.ExecutionID]eventParent{}
	for len(list) > 0 {
		n := rowsAtOnce(len(list))
		v := &values{list: make([]driver.Value, 0, n*eventColumnCount)}
		for _, e := range list[:n] {
			parent, err := t.eventParent(parents, e.Execution)
			if err != nil {
				return err
			}
			v.event(e, parent)
		}
		if v.err != nil {
			return v.err
		}
		last, err := t.c.insert(t.ctx, manyRows(insertEvent, eventColumnCount, n), v.list...)
		if err != nil {
			return fmt.Errorf("insert %d events of execution %s: %w", n, list[0].Execution, err)
		}
		for i, e := range list[:n] {
			e.StorageID = last - int64(n-1-i)
		}
		list = list[n:]
	}
	return nil
}

// eventParent looks up what the events of an execution inherit, once for each execution.
func (t *tx) eventParent(known map[model.ExecutionID]eventParent, id model.ExecutionID) (eventParent, error) {
	parent, ok := known[id]
	if ok {
		return parent, nil
	}
	found, err := t.c.one(t.ctx, "SELECT e.seq, d.seq FROM executions e LEFT JOIN deployments d "+
		"ON d.id = e.deployment AND d.tenant = e.tenant WHERE e.id = ?",
		func(r *row) { parent = eventParent{r.value(), r.value()} }, string(id))
	switch {
	case err != nil:
		return parent, fmt.Errorf("look up execution %s: %w", id, err)
	case !found:
		return parent, fault.Missing("Execution", string(id))
	}
	known[id] = parent
	return parent, nil
}

// event adds the columns of insertEvent.
func (v *values) event(e *model.Event, parent eventParent) {
	v.list = append(v.list, parent.execution, parent.deployment)
	v.text(string(e.Tenant), string(e.CreatedBy), string(e.Visibility))
	v.flag(e.Kind == model.KindLog)
	v.instant(e.Timestamp, e.Reported)
	v.text(e.Message, string(e.EventType), e.Level, e.Logger, e.Operation, string(e.Instance), string(e.Source),
		string(e.Target))
	v.document(e.ErrorCauses != nil, e.ErrorCauses)
	v.text(e.ManagerName, e.AgentName)
	v.list = append(v.list, nullable(string(e.Group)))
}

func (t *tx) DeleteEvents(tenant model.TenantName, d model.DeploymentID, logs bool) (int, error) {
	n, err := t.c.exec(t.ctx, "DELETE FROM events WHERE deployment = (SELECT seq FROM deployments WHERE id = ? "+
		"AND tenant = ?) AND (is_log = 0 OR ?)", string(d), string(tenant), flag(logs))
	if err != nil {
		return 0, fmt.Errorf("delete events of deployment %s: %w", d, err)
	}
	return n, nil
}
