package storetest

import (
	"fmt"
	"testing"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// events runs an event query and returns the messages.
func (e *env) events(q store.EventQuery) (messages []string) {
	e.t.Helper()
	if q.Limit == 0 {
		q.Limit = -1
	}
	p := read(e, func(r store.Reader) (store.Page[*model.Event], error) { return r.Events(q) })
	for _, ev := range p.Items {
		messages = append(messages, ev.Message)
	}
	if q.Limit < 0 && p.Total != len(p.Items)+q.Offset {
		e.t.Errorf("total %d with %d items after %d", p.Total, len(p.Items), q.Offset)
	}
	return messages
}

func event(x *model.Execution, seconds int, message string) *model.Event {
	return &model.Event{Tenant: x.Tenant, CreatedBy: x.CreatedBy, Visibility: x.Visibility, Kind: model.KindEvent,
		Execution: x.ID, Timestamp: at(seconds), Reported: at(seconds + 100), Message: message,
		EventType: model.EventTaskStarted}
}

func conditions(pairs ...string) store.EventQuery {
	return store.EventQuery{Where: where(pairs...).Where}
}

func testEvents(t *testing.T, open Opener) {
	e := newEnv(t, open)
	d := e.deployment(tenantA, "d1")
	i := e.instances(e.nodes(d, "vm")[0], 1)[0]
	x := e.execution(d, "x1", 0, model.ExecutionStarted)
	full := &model.Event{Tenant: tenantA, CreatedBy: alice, Visibility: model.VisibilityTenant, Kind: model.KindLog,
		Execution: "x1", Timestamp: at(1), Reported: at(2), Message: "100% of ÄPFEL_1\x00", Level: "info", Logger: "l",
		Operation: "op", Instance: i.ID, Source: "s", Target: "t", ManagerName: "m", AgentName: "a",
		ErrorCauses: []model.ErrorCause{{Message: "m", Type: "T", Traceback: "tb"}}}
	plain := event(x, 0, "task started")
	upload := &model.Execution{Resource: resource(tenantB, 0), ID: "x2", Workflow: "upload_blueprint", Blueprint: "db"}
	e.must(func(tx store.Tx) error { return tx.InsertExecution(upload) })
	other := event(upload, 5, "uploaded")
	e.must(func(tx store.Tx) error { return tx.InsertEvents([]*model.Event{full, plain, other}) })
	if full.StorageID <= 0 || plain.StorageID <= full.StorageID || other.StorageID <= plain.StorageID {
		t.Errorf("storage ids do not grow: %d, %d, %d", full.StorageID, plain.StorageID, other.StorageID)
	}
	e.fails(fault.NotFound, func(tx store.Tx) error {
		return tx.InsertEvents([]*model.Event{{Tenant: tenantA, Execution: "nope"}})
	})
	full.Deployment, full.DeploymentDisplay, full.Blueprint, full.Workflow, full.Node = "d1", "d1", "web", "install", "vm"
	plain.Deployment, plain.DeploymentDisplay, plain.Blueprint, plain.Workflow = "d1", "d1", "web", "install"
	other.Blueprint, other.Workflow = "db", "upload_blueprint"
	p := read(e, func(r store.Reader) (store.Page[*model.Event], error) { return r.Events(store.EventQuery{Limit: 10}) })
	equal(t, "events by time", p, store.Page[*model.Event]{Items: []*model.Event{plain, full, other}, Total: 3})

	both, log := []string{plain.Message, full.Message}, []string{full.Message}
	for name, f := range map[string]struct {
		q    store.EventQuery
		want []string
	}{
		"execution":       {conditions("execution_id", "x1"), both},
		"deployment":      {conditions("deployment_id", "d1"), both},
		"blueprint":       {conditions("blueprint_id", "db"), []string{"uploaded"}},
		"workflow":        {conditions("workflow_id", "install"), both},
		"node":            {conditions("node_id", "vm"), log},
		"instance":        {conditions("node_instance_id", string(i.ID)), log},
		"level":           {conditions("level", "info"), log},
		"event type":      {conditions("event_type", "task_started", "execution_id", "x1"), both[:1]},
		"operation":       {conditions("operation", "op"), log},
		"source, target":  {conditions("source_id", "s", "target_id", "t"), log},
		"unknown id":      {conditions("deployment_id", "nope"), nil},
		"logs":            {store.EventQuery{Kinds: []model.EventKind{model.KindLog}}, log},
		"both kinds":      {store.EventQuery{Kinds: []model.EventKind{model.KindLog, model.KindEvent}, Limit: 2}, both},
		"pattern":         {store.EventQuery{Messages: []string{"%TASK%", "%st_rted"}}, both[:1]},
		"literal percent": {store.EventQuery{Messages: []string{`100\% of%`}}, log},
		"letters":         {store.EventQuery{Messages: []string{"%äpfel\\_1%"}}, log},
		"no match":        {store.EventQuery{Messages: []string{"task"}}, nil},
		"range":           {store.EventQuery{Ranges: []store.TimeRange{{Field: "timestamp", From: at(1), To: at(5)}}}, log},
		"open range": {store.EventQuery{Ranges: []store.TimeRange{{Field: "reported_timestamp", To: at(50)}}},
			log},
		"after":    {store.EventQuery{After: full.StorageID}, []string{"task started", "uploaded"}},
		"after x1": {store.EventQuery{After: full.StorageID, Where: where("execution_id", "x1").Where}, both[:1]},
		"tenant":   {store.EventQuery{Scope: store.Scope{Tenants: []model.TenantName{tenantB}}}, []string{"uploaded"}},
	} {
		equal(t, name, e.events(f.q), f.want)
	}
	e.viewFails(fault.BadParameters, func(r store.Reader) error { _, err := r.Events(conditions("nope", "x")); return err })
	e.viewFails(fault.BadParameters, func(r store.Reader) error {
		_, err := r.Events(store.EventQuery{Ranges: []store.TimeRange{{Field: "message", From: at(0)}}})
		return err
	})
	removed := 0
	for _, f := range []struct {
		logs bool
		want int
	}{{false, 1}, {true, 1}, {true, 0}} {
		e.must(func(tx store.Tx) (err error) { removed, err = tx.DeleteEvents(tenantA, "d1", f.logs); return err })
		equal(t, "removed events", removed, f.want)
	}
	equal(t, "left", e.events(store.EventQuery{}), []string{"uploaded"})
}

func testEventOrder(t *testing.T, open Opener) {
	e := newEnv(t, open)
	d := e.deployment(tenantA, "d1")
	x, y := e.execution(d, "x1", 0, model.ExecutionStarted), e.execution(d, "x2", 0, model.ExecutionStarted)
	var list []*model.Event
	for i := range 6 {
		of := x
		if i%2 == 1 {
			of = y
		}
		list = append(list, event(of, (i*2)%4, fmt.Sprint("e", i)))
	}
	e.must(func(tx store.Tx) error { return tx.InsertEvents(list) })
	for name, f := range map[string]struct {
		q    store.EventQuery
		want []string
	}{
		"default":    {store.EventQuery{}, []string{"e0", "e2", "e4", "e1", "e3", "e5"}},
		"descending": {store.EventQuery{Sort: []store.Order{{Field: "timestamp", Desc: true}}}, []string{"e5", "e3", "e1", "e4", "e2", "e0"}},
		"by reported": {store.EventQuery{Sort: []store.Order{{Field: "reported_timestamp"}}},
			[]string{"e0", "e2", "e4", "e1", "e3", "e5"}},
		"by execution, then the time goes the same way": {store.EventQuery{Sort: []store.Order{{Field: "execution_id", Desc: true}}},
			[]string{"e5", "e3", "e1", "e4", "e2", "e0"}},
		"page":            {store.EventQuery{Offset: 1, Limit: 2}, []string{"e2", "e4"}},
		"storage order":   {store.EventQuery{After: list[1].StorageID, Sort: []store.Order{{Field: "timestamp"}}}, []string{"e2", "e3", "e4", "e5"}},
		"of an execution": {store.EventQuery{Where: where("execution_id", "x1").Where}, []string{"e0", "e2", "e4"}},
	} {
		equal(t, name, e.events(f.q), f.want)
	}
	e.must(func(tx store.Tx) error { return tx.DeleteExecution("x2") })
	equal(t, "events of a deleted execution", e.events(store.EventQuery{}), []string{"e0", "e2", "e4"})
	late := event(x, 9, "late")
	e.must(func(tx store.Tx) error { return tx.InsertEvents([]*model.Event{late}) })
	if late.StorageID <= list[5].StorageID {
		t.Errorf("storage id %d was given again after %d", late.StorageID, list[5].StorageID)
	}
}

func testCascade(t *testing.T, open Opener) {
	e := newEnv(t, open)
	for _, tenant := range []model.TenantName{tenantA, tenantB} {
		d := e.deployment(tenant, "d1")
		e.instances(e.nodes(d, "vm")[0], 3)
		x := e.execution(d, "x-"+string(tenant), 0, model.ExecutionStarted)
		g := &model.Graph{ID: model.GraphID("g-" + tenant), Execution: x.ID}
		e.must(func(tx store.Tx) error {
			if err := tx.InsertGraph(g); err != nil {
				return err
			}
			if err := tx.InsertTasks([]*model.Task{task("t-"+string(tenant), g, model.TaskSent)}); err != nil {
				return err
			}
			return tx.InsertEvents([]*model.Event{event(x, 0, string(tenant))})
		})
	}
	trimmed := 0
	for n := 1; n > 0; trimmed += n {
		e.must(func(tx store.Tx) (err error) {
			if n, err = tx.TrimDeployment(tenantA, "d1", 2); n > 2 {
				t.Errorf("%d rows were removed at once, want at most 2", n)
			}
			return err
		})
	}
	if trimmed == 0 {
		t.Error("nothing was removed of a deployment that holds events")
	}
	e.must(func(tx store.Tx) error { return tx.DeleteDeployment(tenantA, "d1") })
	for name, missing := range map[string]func(store.Reader) error{
		"execution": func(r store.Reader) error { _, err := r.Execution("x-" + model.ExecutionID(tenantA)); return err },
		"graph":     func(r store.Reader) error { _, err := r.Graph("g-" + model.GraphID(tenantA)); return err },
		"task":      func(r store.Reader) error { _, err := r.Task("t-" + model.TaskID(tenantA)); return err },
		"instance":  func(r store.Reader) error { _, err := r.Instance(tenantA, "vm_d1_000000"); return err },
	} {
		t.Run(name, func(t *testing.T) { (&env{t, e.Store}).viewFails(fault.NotFound, missing) })
	}
	equal(t, "events", e.events(store.EventQuery{}), []string{string(tenantB)})
	nodes := func(tenant model.TenantName) int {
		return len(read(e, func(r store.Reader) ([]*model.Node, error) { return r.DeploymentNodes(tenant, "d1") }))
	}
	equal(t, "nodes", []int{nodes(tenantA), nodes(tenantB)}, []int{0, 1})
	left := read(e, func(r store.Reader) (store.Page[*model.NodeInstance], error) { return r.Instances(everything) })
	equal(t, "instances", left.Total, 3)
	tasks := read(e, func(r store.Reader) ([]*model.Task, error) { return r.GraphTasks("g-" + model.GraphID(tenantB)) })
	equal(t, "tasks", len(tasks), 1)
}
