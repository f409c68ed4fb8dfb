package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

func testExecutions(t *testing.T, open Opener) {
	e := newEnv(t, open)
	d := e.deployment(tenantA, "d1")
	x := &model.Execution{Resource: d.Resource, ID: "x1", Workflow: "install", Deployment: d.ID, Blueprint: "web",
		Status: model.ExecutionStarted, Error: "none", Parameters: model.Document{"n": json.Number("1.0")},
		StartedAt: at(1), EndedAt: at(2), ScheduledAt: at(3), IsSystem: true, IsDryRun: true, Resume: true,
		AllowCustomParameters: true, Force: true, WaitAfterFail: 600, TotalOperations: 10, FinishedOperations: 4,
		TokenHash: "abc", TokenSerial: 3, Progress: model.Progress{Step: 2, Graph: "g1", Cursor: json.RawMessage(`{"a": 1}`),
			Result: json.RawMessage(`{"b": 1.0}`), Failure: &model.PhaseFailure{Message: "no", Causes: []model.ErrorCause{{Message: "m"}}},
			Awaits: []model.ExecutionID{"x7", "x8"}}}
	e.must(func(tx store.Tx) error { return tx.InsertExecution(x) })
	get := func(r store.Reader) (*model.Execution, error) { return r.Execution("x1") }
	equal(t, "execution", read(e, get), x)
	e.fails(fault.Conflict, func(tx store.Tx) error { return tx.InsertExecution(x) })
	byToken := func(hash string) func(store.Reader) (*model.Execution, error) {
		return func(r store.Reader) (*model.Execution, error) { return r.ExecutionByToken(hash) }
	}
	equal(t, "execution of the token", read(e, byToken("abc")), x)
	bare := &model.Execution{Resource: resource(tenantA, 5), ID: "x1", Workflow: "upload_blueprint",
		Status: model.ExecutionTerminated}
	e.must(func(tx store.Tx) error { return tx.UpdateExecution(bare) })
	equal(t, "bare execution", read(e, get), bare)
	e.viewFails(fault.NotFound, func(r store.Reader) error { _, err := byToken("abc")(r); return err })
	e.viewFails(fault.NotFound, func(r store.Reader) error { _, err := byToken("")(r); return err })
	orphan := execution(resource(tenantA, 0), "x9", "nope")
	e.fails(fault.NotFound, func(tx store.Tx) error { return tx.InsertExecution(orphan) })
	e.must(func(tx store.Tx) error { return tx.DeleteExecution("x1") })
	e.fails(fault.NotFound, func(tx store.Tx) error { return tx.DeleteExecution("x1") })
	e.fails(fault.NotFound, func(tx store.Tx) error { return tx.UpdateExecution(bare) })

	for i, s := range model.ExecutionStatuses {
		e.execution(d, fmt.Sprintf("late-%s", s), 100+i, s)
		e.execution(d, fmt.Sprintf("early-%s", s), 10+i, s)
	}
	ids := func(fn func(store.Reader) ([]*model.Execution, error)) (ids []string) {
		for _, x := range read(e, fn) {
			ids = append(ids, string(x.ID))
		}
		return ids
	}
	queued := func(limit int) []string {
		return ids(func(r store.Reader) ([]*model.Execution, error) { return r.QueuedExecutions(limit) })
	}
	equal(t, "queued", queued(10), []string{"early-queued", "late-queued"})
	equal(t, "first queued", queued(1), []string{"early-queued"})
	claimable := read(e, func(r store.Reader) ([]model.ExecutionID, error) { return r.Claimable(at(0), 7) })
	equal(t, "claimable, oldest first", claimable, []model.ExecutionID{"early-pending", "early-started",
		"early-cancelling", "early-force_cancelling", "early-kill_cancelling", "late-pending", "late-started"})
}

func testLeases(t *testing.T, open Opener) {
	e := newEnv(t, open)
	d := e.deployment(tenantA, "d1")
	x := e.execution(d, "x1", 0, model.ExecutionPending)
	claim := func(owner string, now, until int) (epoch int64, ok bool) {
		e.must(func(tx store.Tx) (err error) {
			epoch, ok, err = tx.Claim("x1", owner, at(now), at(until))
			return err
		})
		return epoch, ok
	}
	fenced := func(epoch int64) bool {
		err := e.Update(context.Background(), func(tx store.Tx) error { return tx.Fence("x1", epoch) })
		if err != nil && !errors.Is(err, store.ErrFenced) {
			t.Fatalf("fence: %v", err)
		}
		return err != nil
	}
	lease := func() model.Lease {
		return read(e, func(r store.Reader) (*model.Execution, error) { return r.Execution("x1") }).Lease
	}
	claimable := func(now int) int {
		return len(read(e, func(r store.Reader) ([]model.ExecutionID, error) { return r.Claimable(at(now), 10) }))
	}
	first, ok := claim("a", 0, 10)
	if !ok || fenced(first) || !fenced(first-1) || claimable(5) != 0 {
		t.Fatalf("claim: epoch %d, ok %v, lease %+v", first, ok, lease())
	}
	if _, ok := claim("b", 10, 20); ok {
		t.Error("a lease was taken before it ran out")
	}
	x.Status, x.Lease = model.ExecutionStarted, model.Lease{Owner: "intruder", Epoch: 99}
	e.must(func(tx store.Tx) error { return tx.UpdateExecution(x) })
	equal(t, "lease after an update", lease(), model.Lease{Owner: "a", Epoch: first, Until: at(10)})
	e.must(func(tx store.Tx) error { return tx.RenewLeases("a", at(30)) })
	e.must(func(tx store.Tx) error { return tx.RenewLeases("b", at(99)) })
	e.must(func(tx store.Tx) error { return tx.RenewLeases("", at(99)) })
	equal(t, "renewed lease", lease(), model.Lease{Owner: "a", Epoch: first, Until: at(30)})
	again, ok := claim("a", 20, 30)
	if !ok || again <= first || !fenced(first) {
		t.Errorf("claim by the owner: epoch %d after %d, ok %v", again, first, ok)
	}
	if claimable(30) != 0 || claimable(31) != 1 {
		t.Error("a lease is free only after it ran out")
	}
	second, ok := claim("b", 31, 40)
	if !ok || second <= again || !fenced(again) || fenced(second) {
		t.Errorf("takeover: epoch %d after %d, ok %v", second, again, ok)
	}
	e.must(func(tx store.Tx) error { return tx.ReleaseLease("x1", first) })
	equal(t, "lease after a late release", lease().Owner, "b")
	e.must(func(tx store.Tx) error { return tx.ReleaseLease("x1", second) })
	equal(t, "released lease", lease(), model.Lease{Epoch: second})
	if claimable(0) != 1 {
		t.Error("a released execution is not claimable")
	}
	e.must(func(tx store.Tx) error { return tx.DeleteExecution("x1") })
	if !fenced(second) {
		t.Error("the owner of a deleted execution is not fenced")
	}
	e.fails(fault.NotFound, func(tx store.Tx) error { _, _, err := tx.Claim("x1", "a", at(0), at(1)); return err })
}

func testClaimRace(t *testing.T, open Opener) {
	e := newEnv(t, open)
	d := e.deployment(tenantA, "d1")
	const executions, owners = 20, 8
	for i := range executions {
		e.execution(d, fmt.Sprintf("x%d", i), i, model.ExecutionPending)
	}
	var mu sync.Mutex
	won := map[model.ExecutionID]int{}
	var group sync.WaitGroup
	for o := range owners {
		group.Go(func() {
			for i := range executions {
				id := model.ExecutionID(fmt.Sprintf("x%d", i))
				err := e.Update(t.Context(), func(tx store.Tx) error {
					_, ok, err := tx.Claim(id, fmt.Sprintf("owner-%d", o), at(0), at(10))
					if ok {
						mu.Lock()
						won[id]++
						mu.Unlock()
					}
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	for i := range executions {
		if id := model.ExecutionID(fmt.Sprintf("x%d", i)); won[id] != 1 {
			t.Errorf("execution %s was claimed %d times", id, won[id])
		}
	}
}

// task is a fixture with documents worth comparing.
func task(id string, g *model.Graph, state model.TaskState) *model.Task {
	return &model.Task{ID: model.TaskID(id), Graph: g.ID, Execution: g.Execution, Name: "create " + id,
		Type: model.TaskRemote, State: state, Dependencies: []model.TaskID{"a", "b"}, CreatedAt: at(1),
		Parameters: model.TaskParameters{CurrentRetries: 1, TotalRetries: -1, RetryInterval: 15.5, SendTaskEvents: true,
			OnSuccess: &model.Handler{Kind: "k", Args: model.Document{"n": json.Number("1.0")}}, Info: "i",
			Result: json.RawMessage(`{"ok":1.0}`), ExecuteAfter: at(9), Foreign: json.RawMessage(`{"task_kwargs":{"n":1.0}}`),
			Operation: &model.OperationCall{Name: "create", Instance: "vm_1", Kwargs: model.Document{}}}}
}

func testTasks(t *testing.T, open Opener) {
	e := newEnv(t, open)
	d := e.deployment(tenantA, "d1")
	e.execution(d, "x1", 0, model.ExecutionStarted)
	g := &model.Graph{ID: "g1", Execution: "x1", Name: "install", CreatedAt: at(0)}
	other := &model.Graph{ID: "g2", Execution: "x1", Name: "start", CreatedAt: at(1)}
	e.must(func(tx store.Tx) error { return errors.Join(tx.InsertGraph(g), tx.InsertGraph(other)) })
	e.fails(fault.Conflict, func(tx store.Tx) error { return tx.InsertGraph(g) })
	e.fails(fault.NotFound, func(tx store.Tx) error { return tx.InsertGraph(&model.Graph{ID: "g3", Execution: "nope"}) })
	equal(t, "graph", read(e, func(r store.Reader) (*model.Graph, error) { return r.Graph("g1") }), g)
	graphs := read(e, func(r store.Reader) ([]*model.Graph, error) { return r.Graphs("x1") })
	equal(t, "graphs", graphs, []*model.Graph{g, other})

	a, b := task("z", g, model.TaskPending), task("a", g, model.TaskSent)
	bare := &model.Task{ID: "bare", Graph: "g2", Execution: "x1", Type: model.TaskNop, State: model.TaskPending}
	e.must(func(tx store.Tx) error { return tx.InsertTasks([]*model.Task{a, b, bare}) })
	e.fails(fault.Conflict, func(tx store.Tx) error { return tx.InsertTasks([]*model.Task{a}) })
	e.fails(fault.NotFound, func(tx store.Tx) error {
		return tx.InsertTasks([]*model.Task{task("new", &model.Graph{ID: "nope"}, model.TaskPending)})
	})
	equal(t, "task", read(e, func(r store.Reader) (*model.Task, error) { return r.Task("z") }), a)
	ofGraph := func() []*model.Task {
		return read(e, func(r store.Reader) ([]*model.Task, error) { return r.GraphTasks("g1") })
	}
	equal(t, "tasks in the order of insertion", ofGraph(), []*model.Task{a, b})

	a.State, a.AgentName, a.ManagerName = model.TaskFailed, "agent", "m1"
	b.State, b.Parameters.Error = model.TaskRescheduled, &model.TaskError{Message: "no", Known: model.ErrorRetry}
	added := task("c", g, model.TaskPending)
	e.must(func(tx store.Tx) error { return tx.PutTasks([]*model.Task{a, b, added}) })
	equal(t, "tasks after a put", ofGraph(), []*model.Task{a, b, added})
	bare2 := &model.Task{ID: a.ID, State: model.TaskSucceeded, Name: "ignored"}
	e.must(func(tx store.Tx) error { return tx.SetTaskStates([]*model.Task{bare2}) })
	a.State = model.TaskSucceeded
	equal(t, "tasks after a change of state", ofGraph(), []*model.Task{a, b, added})
	e.must(func(tx store.Tx) error { a.State = model.TaskFailed; return tx.SetTaskStates([]*model.Task{a}) })
	e.fails(fault.NotFound, func(tx store.Tx) error { return tx.SetTaskStates([]*model.Task{{ID: "nope"}}) })
	before := read(e, func(r store.Reader) (*model.Execution, error) { return r.Execution("x1") })
	e.must(func(tx store.Tx) error { return tx.CountOperations("x1", 5, 2) })
	e.must(func(tx store.Tx) error { return tx.CountOperations("x1", 0, 3) })
	before.TotalOperations += 5
	before.FinishedOperations += 5
	equal(t, "counters", read(e, func(r store.Reader) (*model.Execution, error) { return r.Execution("x1") }), before)
	e.fails(fault.NotFound, func(tx store.Tx) error { return tx.CountOperations("nope", 1, 1) })
	e.viewFails(fault.Conflict, func(r store.Reader) error { return r.Fence("x1", before.Lease.Epoch+1) })
	count := func(pairs ...string) int {
		return read(e, func(r store.Reader) (store.Page[*model.Task], error) { return r.Tasks(where(pairs...)) }).Total
	}
	equal(t, "tasks of the execution", count("execution_id", "x1"), 4)
	equal(t, "tasks of a graph", count("graph_id", "g2"), 1)
	equal(t, "failed tasks", count("graph_id", "g1", "state", "failed"), 1)
	equal(t, "tasks of nothing", count("graph_id", "nope"), 0)
	e.must(func(tx store.Tx) error { return tx.DeleteTask("c") })
	e.fails(fault.NotFound, func(tx store.Tx) error { return tx.DeleteTask("c") })
	equal(t, "tasks after a deletion", ofGraph(), []*model.Task{a, b})
	e.viewFails(fault.NotFound, func(r store.Reader) error { _, err := r.Task("nope"); return err })
	e.viewFails(fault.NotFound, func(r store.Reader) error { _, err := r.Graph("nope"); return err })
}

// testManyTasks writes more tasks and events than one statement takes.
func testManyTasks(t *testing.T, open Opener) {
	e := newEnv(t, open)
	e.execution(e.deployment(tenantA, "d1"), "x1", 0, model.ExecutionStarted)
	other := &model.Graph{ID: "g2", Execution: "x1", Name: "start", CreatedAt: at(1)}
	e.must(func(tx store.Tx) error { return tx.InsertGraph(other) })
	var many []*model.Task
	var lines []*model.Event
	x := read(e, func(r store.Reader) (*model.Execution, error) { return r.Execution("x1") })
	for i := range 253 {
		many = append(many, task(fmt.Sprintf("many-%d", i), other, model.TaskPending))
		many[i].Parameters.CurrentRetries = i
		lines = append(lines, event(x, i, fmt.Sprintf("line %d", i)))
	}
	e.must(func(tx store.Tx) error { return errors.Join(tx.InsertTasks(many), tx.InsertEvents(lines)) })
	equal(t, "many tasks keep their documents", read(e, func(r store.Reader) ([]*model.Task, error) { return r.GraphTasks("g2") }), many)
	for i, k := range many {
		k.State = []model.TaskState{model.TaskSending, model.TaskSucceeded, model.TaskFailed}[i%3]
	}
	e.must(func(tx store.Tx) error { return tx.SetTaskStates(many) })
	equal(t, "many tasks in their new states", read(e, func(r store.Reader) ([]*model.Task, error) { return r.GraphTasks("g2") }), many)
	e.fails(fault.NotFound, func(tx store.Tx) error {
		return tx.SetTaskStates(append(many[:40:40], &model.Task{ID: "nope", State: model.TaskSending}))
	})
	stored := read(e, func(r store.Reader) (store.Page[*model.Event], error) {
		return r.Events(store.EventQuery{Scope: store.Scope{Admin: true}, Limit: -1})
	}).Items
	for i, l := range stored {
		if l.StorageID != lines[i].StorageID || l.Message != lines[i].Message {
			t.Errorf("event %d is %q with the storage id %d, want %q with %d", i, l.Message, l.StorageID, lines[i].Message, lines[i].StorageID)
		}
	}
	e.fails(fault.Conflict, func(tx store.Tx) error { return tx.InsertTasks(many) })
}
