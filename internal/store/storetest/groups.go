package storetest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

func testDeploymentGroups(t *testing.T, open Opener) {
	e := newEnv(t, open)
	for _, id := range []string{"d1", "d2", "d3"} {
		e.deployment(tenantA, id)
	}
	b := &model.Blueprint{Resource: resource(tenantA, 0), ID: "web", State: model.BlueprintUploaded}
	g := &model.DeploymentGroup{Resource: resource(tenantA, 1), ID: "g", Description: "all", Blueprint: "web", Counter: 3,
		Inputs: model.Document{"n": json.Number("1.0")},
		Labels: []model.Label{{Key: "team", Value: "x", CreatedAt: at(2), CreatedBy: bob}}}
	other := &model.DeploymentGroup{Resource: resource(tenantA, 2), ID: "other"}
	e.must(func(tx store.Tx) error {
		if err := tx.InsertBlueprint(b); err != nil {
			return err
		}
		if err := tx.InsertDeploymentGroup(g); err != nil {
			return err
		}
		return tx.InsertDeploymentGroup(other)
	})
	get := func(r store.Reader) (*model.DeploymentGroup, error) { return r.DeploymentGroup(tenantA, "g") }
	equal(t, "group", read(e, get), g)
	e.fails(fault.Conflict, func(tx store.Tx) error { return tx.InsertDeploymentGroup(g) })
	e.viewFails(fault.NotFound, func(r store.Reader) error { _, err := r.DeploymentGroup(tenantB, "g"); return err })

	members := func(r store.Reader) ([]model.DeploymentID, error) { return r.GroupDeployments(tenantA, "g") }
	equal(t, "no members", read(e, members), []model.DeploymentID{})
	e.must(func(tx store.Tx) error { return tx.AddToGroup(tenantA, "g", []model.DeploymentID{"d3", "d1", "d1"}) })
	e.must(func(tx store.Tx) error { return tx.AddToGroup(tenantA, "g", []model.DeploymentID{"d1", "d2"}) })
	e.must(func(tx store.Tx) error { return tx.AddToGroup(tenantA, "other", []model.DeploymentID{"d1"}) })
	e.fails(fault.NotFound, func(tx store.Tx) error { return tx.AddToGroup(tenantA, "g", []model.DeploymentID{"nope"}) })
	e.fails(fault.NotFound, func(tx store.Tx) error { return tx.AddToGroup(tenantA, "nope", []model.DeploymentID{"d1"}) })
	equal(t, "members", read(e, members), []model.DeploymentID{"d1", "d2", "d3"})
	equal(t, "groups of a deployment", read(e, func(r store.Reader) ([]model.DeploymentGroupID, error) {
		return r.GroupsOfDeployment(tenantA, "d1")
	}), []model.DeploymentGroupID{"g", "other"})
	inGroup, _ := e.deployments(where("deployment_group_id", "other"))
	equal(t, "deployments of a group", inGroup, []string{"d1"})
	e.must(func(tx store.Tx) error { return tx.RemoveFromGroup(tenantA, "g", []model.DeploymentID{"d3", "nope"}) })
	e.fails(fault.NotFound, func(tx store.Tx) error { return tx.RemoveFromGroup(tenantA, "nope", nil) })
	e.must(func(tx store.Tx) error { return tx.DeleteDeployment(tenantA, "d2") })
	equal(t, "members that are left", read(e, members), []model.DeploymentID{"d1"})

	e.must(func(tx store.Tx) error { return tx.DeleteBlueprint(tenantA, "web") })
	g.Blueprint = ""
	equal(t, "group without its blueprint", read(e, get), g)
	g.Counter, g.Inputs, g.Labels, g.Visibility = 4, nil, nil, model.VisibilityGlobal
	e.must(func(tx store.Tx) error { return tx.UpdateDeploymentGroup(g) })
	equal(t, "global group", read(e, func(r store.Reader) (*model.DeploymentGroup, error) { return r.DeploymentGroup(tenantB, "g") }), g)
	list := read(e, func(r store.Reader) (store.Page[*model.DeploymentGroup], error) {
		return r.DeploymentGroups(where("id", "g"))
	})
	equal(t, "groups", list.Items, []*model.DeploymentGroup{g})
	e.must(func(tx store.Tx) error { return tx.DeleteDeploymentGroup(tenantA, "g") })
	e.fails(fault.NotFound, func(tx store.Tx) error { return tx.DeleteDeploymentGroup(tenantA, "g") })
	e.fails(fault.NotFound, func(tx store.Tx) error { return tx.UpdateDeploymentGroup(g) })
	equal(t, "members of a group that is gone", read(e, members), []model.DeploymentID{})
	left, _ := e.deployments(everything)
	equal(t, "deployments stay", left, []string{"d1", "d3"})
}

func testExecutionGroups(t *testing.T, open Opener) {
	e := newEnv(t, open)
	d := e.deployment(tenantA, "d1")
	g := &model.ExecutionGroup{Resource: resource(tenantA, 1), ID: "eg", Workflow: "install", DeploymentGroup: "g", Concurrency: 2,
		SuccessGroup: "good", FailedGroup: "bad"}
	paused := &model.ExecutionGroup{Resource: resource(tenantA, 2), ID: "paused", Workflow: "install"}
	e.must(func(tx store.Tx) error {
		for _, id := range []model.DeploymentGroupID{"g", "good"} {
			if err := tx.InsertDeploymentGroup(&model.DeploymentGroup{Resource: resource(tenantA, 0), ID: id}); err != nil {
				return err
			}
		}
		if err := tx.InsertExecutionGroup(g); err != nil {
			return err
		}
		return tx.InsertExecutionGroup(paused)
	})
	get := func(r store.Reader) (*model.ExecutionGroup, error) { return r.ExecutionGroup("eg") }
	equal(t, "group", read(e, get), g)
	e.fails(fault.Conflict, func(tx store.Tx) error { return tx.InsertExecutionGroup(g) })
	add := func(id string, group model.ExecutionGroupID, seconds int, status model.ExecutionStatus) {
		x := execution(d.Resource, id, d.ID)
		x.CreatedAt, x.Group, x.Status = at(seconds), group, status
		e.must(func(tx store.Tx) error { return tx.InsertExecution(x) })
	}
	add("m1", "eg", 1, model.ExecutionStarted)
	add("m2", "eg", 2, model.ExecutionQueued)
	add("m3", "eg", 3, model.ExecutionQueued)
	add("p1", "paused", 0, model.ExecutionQueued)
	add("free", "", 4, model.ExecutionQueued)
	queued := func(limit int) (ids []model.ExecutionID) {
		for _, x := range read(e, func(r store.Reader) ([]*model.Execution, error) { return r.QueuedExecutions(limit) }) {
			ids = append(ids, x.ID)
		}
		return ids
	}
	equal(t, "queued", queued(10), []model.ExecutionID{"m2", "m3", "free"})
	equal(t, "first queued of each group", queued(1), []model.ExecutionID{"m2", "free"})
	members := func(r store.Reader) ([]model.ExecutionID, error) { return r.GroupExecutions("eg") }
	equal(t, "members", read(e, members), []model.ExecutionID{"m1", "m2", "m3"})
	equal(t, "states", read(e, func(r store.Reader) (map[model.ExecutionStatus]int, error) { return r.GroupStates("eg") }),
		map[model.ExecutionStatus]int{model.ExecutionStarted: 1, model.ExecutionQueued: 2})
	inGroup := read(e, func(r store.Reader) (store.Page[*model.Execution], error) {
		return r.Executions(where("execution_group_id", "eg", "status", "queued"))
	})
	equal(t, "executions of the group", inGroup.Total, 2)
	add("m4", "eg", 9, model.ExecutionCancelling)
	equal(t, "queued beside a full group", queued(10), []model.ExecutionID{"free"})
	paused.Concurrency = 1
	e.must(func(tx store.Tx) error { return tx.UpdateExecutionGroup(paused) })
	equal(t, "queued of a group that goes on", queued(10), []model.ExecutionID{"p1", "free"})

	testGroupEvents(e)

	e.must(func(tx store.Tx) error { return tx.DeleteExecution("m1") })
	equal(t, "members that are left", read(e, members), []model.ExecutionID{"m2", "m3", "m4"})
	e.must(func(tx store.Tx) error { return tx.DeleteDeploymentGroup(tenantA, "g") })
	e.must(func(tx store.Tx) error { return tx.DeleteDeploymentGroup(tenantA, "good") })
	g.DeploymentGroup, g.SuccessGroup = "", ""
	equal(t, "group of deployment groups that are gone", read(e, get), g)
	list := read(e, func(r store.Reader) (store.Page[*model.ExecutionGroup], error) {
		return r.ExecutionGroups(where("workflow_id", "install"))
	})
	equal(t, "groups", list.Items, []*model.ExecutionGroup{g, paused})
	e.fails(fault.NotFound, func(tx store.Tx) error { return tx.UpdateExecutionGroup(&model.ExecutionGroup{ID: "nope"}) })
}

// testGroupEvents checks what is known of a group that has the member m1 of the deployment d1.
func testGroupEvents(e *env) {
	e.t.Helper()
	of := func(id model.ExecutionID, group model.ExecutionGroupID, message string) *model.Event {
		return &model.Event{Tenant: tenantA, CreatedBy: alice, Visibility: model.VisibilityTenant, Kind: model.KindEvent, Execution: id,
			Group: group, Timestamp: at(1), Reported: at(1), Message: message, EventType: model.EventExecutionState}
	}
	e.must(func(tx store.Tx) error {
		return tx.InsertEvents([]*model.Event{of("m1", "eg", "of the group"), of("m1", "", "of the execution")})
	})
	messages := func(field, value string) (list []string) {
		q := store.EventQuery{Scope: store.Scope{Admin: true}, Limit: -1, Where: []store.Condition{{Field: field, Values: []string{value}}}}
		for _, ev := range read(e, func(r store.Reader) (store.Page[*model.Event], error) { return r.Events(q) }).Items {
			list = append(list, ev.Message)
		}
		return list
	}
	equal(e.t, "events of the group", messages("execution_group_id", "eg"), []string{"of the group"})
	equal(e.t, "events of the execution", messages("execution_id", "m1"), []string{"of the execution"})
	equal(e.t, "events of the deployment", messages("deployment_id", "d1"), []string{"of the execution"})
}

func testSchedules(t *testing.T, open Opener) {
	e := newEnv(t, open)
	e.deployment(tenantA, "d1")
	e.deployment(tenantA, "d2")
	three := 3
	s := &model.Schedule{Resource: resource(tenantA, 1), ID: "s", Deployment: "d1", Workflow: "install", Since: at(10), Until: at(99),
		Parameters: model.Document{"n": json.Number("1.0")}, Arguments: model.Document{"force": true},
		Rule: model.ScheduleRule{Recurrence: "1 day", Count: &three, Weekdays: []string{"mo"}}, Slip: 2, StopOnFail: true, Enabled: true,
		NextAt: at(20), Latest: "x"}
	next := func() time.Time { return read(e, store.Reader.NextSchedule) }
	equal(t, "no next", next(), time.Time{})
	e.must(func(tx store.Tx) error { return tx.InsertSchedule(s) })
	get := func(r store.Reader) (*model.Schedule, error) { return r.Schedule(tenantA, "d1", "s") }
	equal(t, "schedule", read(e, get), s)
	e.fails(fault.Conflict, func(tx store.Tx) error { return tx.InsertSchedule(s) })
	e.fails(fault.NotFound, func(tx store.Tx) error {
		return tx.InsertSchedule(&model.Schedule{Resource: s.Resource, ID: "s", Deployment: "nope"})
	})
	for id, c := range map[model.ScheduleID]struct {
		at      int
		enabled bool
	}{"early": {5, true}, "off": {1, false}, "done": {0, true}} {
		o := &model.Schedule{Resource: resource(tenantA, 2), ID: id, Deployment: "d2", Workflow: "stop", Enabled: c.enabled}
		if c.at > 0 {
			o.NextAt = at(c.at)
		}
		e.must(func(tx store.Tx) error { return tx.InsertSchedule(o) })
	}
	due := func(now, limit int) (ids []model.ScheduleID) {
		for _, c := range read(e, func(r store.Reader) ([]*model.Schedule, error) { return r.DueSchedules(at(now), limit) }) {
			ids = append(ids, c.ID)
		}
		return ids
	}
	equal(t, "due", due(21, 10), []model.ScheduleID{"early", "s"})
	equal(t, "most overdue", due(21, 1), []model.ScheduleID{"early"})
	equal(t, "due exactly now", due(20, 10), []model.ScheduleID{"early"})
	equal(t, "next", next(), at(5))
	s.Enabled, s.NextAt, s.Rule, s.Latest = false, time.Time{}, model.ScheduleRule{RRule: "FREQ=DAILY"}, ""
	e.must(func(tx store.Tx) error { return tx.UpdateSchedule(s) })
	equal(t, "changed schedule", read(e, get), s)
	list := read(e, func(r store.Reader) (store.Page[*model.Schedule], error) {
		return r.Schedules(where("deployment_id", "d1"))
	})
	equal(t, "schedules of a deployment", list.Items, []*model.Schedule{s})
	e.must(func(tx store.Tx) error { return tx.DeleteSchedule(tenantA, "d2", "off") })
	e.fails(fault.NotFound, func(tx store.Tx) error { return tx.DeleteSchedule(tenantA, "d2", "off") })
	e.must(func(tx store.Tx) error { return tx.DeleteDeployment(tenantA, "d1") })
	e.viewFails(fault.NotFound, func(r store.Reader) error { _, err := get(r); return err })
	e.fails(fault.NotFound, func(tx store.Tx) error { return tx.UpdateSchedule(s) })
}

func testAgents(t *testing.T, open Opener) {
	e := newEnv(t, open)
	d := e.deployment(tenantA, "d1")
	i := e.instances(e.nodes(d, "vm")[0], 1)[0]
	a := &model.Agent{Resource: resource(tenantA, 1), Name: "a", Instance: i.ID, IP: "10.0.0.1", InstallMethod: "remote", System: "ubuntu",
		Version: "7.1.0", State: "creating", UpdatedAt: at(2), Username: "u", Password: "p", Exchange: "e"}
	e.must(func(tx store.Tx) error { return tx.InsertAgent(a) })
	a.Deployment, a.Node = "d1", "vm"
	get := func(r store.Reader) (*model.Agent, error) { return r.Agent(tenantA, "a") }
	equal(t, "agent", read(e, get), a)
	e.fails(fault.Conflict, func(tx store.Tx) error { return tx.InsertAgent(a) })
	e.fails(fault.NotFound, func(tx store.Tx) error {
		return tx.InsertAgent(&model.Agent{Resource: a.Resource, Name: "b", Instance: "nope"})
	})
	a.State, a.UpdatedAt = "started", at(3)
	e.must(func(tx store.Tx) error { return tx.UpdateAgent(a) })
	for field, value := range map[string]string{"deployment_id": "d1", "node_ids": "vm", "state": "started", "install_methods": "remote"} {
		list := read(e, func(r store.Reader) (store.Page[*model.Agent], error) { return r.Agents(where(field, value)) })
		equal(t, "agents by "+field, list.Items, []*model.Agent{a})
	}
	e.must(func(tx store.Tx) error { return tx.DeleteInstance(tenantA, i.ID) })
	e.viewFails(fault.NotFound, func(r store.Reader) error { _, err := get(r); return err })
	e.fails(fault.NotFound, func(tx store.Tx) error { return tx.UpdateAgent(a) })
}

func testSnapshots(t *testing.T, open Opener) {
	e := newEnv(t, open)
	s := &model.Snapshot{Resource: resource(tenantA, 1), ID: "s", Status: model.SnapshotCreating}
	e.must(func(tx store.Tx) error { return tx.InsertSnapshot(s) })
	e.fails(fault.Conflict, func(tx store.Tx) error { return tx.InsertSnapshot(s) })
	s.Status, s.Error = model.SnapshotFailed, "no"
	e.must(func(tx store.Tx) error { return tx.UpdateSnapshot(s) })
	get := func(r store.Reader) (*model.Snapshot, error) { return r.Snapshot(tenantA, "s") }
	equal(t, "snapshot", read(e, get), s)
	list := read(e, func(r store.Reader) (store.Page[*model.Snapshot], error) {
		return r.Snapshots(where("status", "failed"))
	})
	equal(t, "snapshots", list.Items, []*model.Snapshot{s})
	e.must(func(tx store.Tx) error { return tx.DeleteSnapshot(tenantA, "s") })
	e.viewFails(fault.NotFound, func(r store.Reader) error { _, err := get(r); return err })
	e.fails(fault.NotFound, func(tx store.Tx) error { return tx.DeleteSnapshot(tenantA, "s") })
	e.fails(fault.NotFound, func(tx store.Tx) error { return tx.UpdateSnapshot(s) })
}

func testHooks(t *testing.T, open Opener) {
	e := newEnv(t, open)
	first := &model.Hook{EventType: "workflow_started", At: at(1), Message: "m", Tenant: tenantA, User: alice, Execution: "x",
		Context: model.Document{"n": json.Number("1.0")}}
	second := &model.Hook{EventType: "workflow_failed"}
	e.must(func(tx store.Tx) error {
		if err := tx.InsertHook(first); err != nil {
			return err
		}
		return tx.InsertHook(second)
	})
	hooks := func(limit int) []*model.Hook {
		return read(e, func(r store.Reader) ([]*model.Hook, error) { return r.Hooks(limit) })
	}
	equal(t, "hooks", hooks(10), []*model.Hook{first, second})
	equal(t, "first hook", hooks(1), []*model.Hook{first})
	e.must(func(tx store.Tx) error { return tx.DeleteHook(first.ID) })
	e.must(func(tx store.Tx) error { return tx.DeleteHook(first.ID) })
	equal(t, "hooks that are left", hooks(10), []*model.Hook{second})
}
