package engine_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/reifyhq/reify/internal/engine"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/store"
)

func TestInstallAndUninstall(t *testing.T) {
	h := newHouse(t)
	h.deploy("d", 3)
	h.start("m1")
	x := h.ended(h.execute("d", "install", model.ExecutionPending))
	if x.Status != model.ExecutionTerminated || x.Error != "" {
		t.Fatalf("install ended %s: %s", x.Status, x.Error)
	}
	if got := h.states("d")[model.InstanceStarted]; got != 3 {
		t.Errorf("%d of 3 instances are started", got)
	}
	if x.TotalOperations == 0 || x.TotalOperations != x.FinishedOperations {
		t.Errorf("%d of %d operations finished", x.FinishedOperations, x.TotalOperations)
	}
	messages := h.messages(x.ID)
	first, last := messages[0], messages[len(messages)-1]
	if first != "Starting 'install' workflow execution" || last != "'install' workflow execution succeeded" {
		t.Errorf("events go from %q to %q", first, last)
	}
	for _, want := range []string{"Sending task 'script_runner.tasks.run'", "Task started 'script_runner.tasks.run'",
		"Task succeeded 'script_runner.tasks.run'", "Creating node instance", "Node instance started"} {
		if !slices.Contains(messages, want) {
			t.Errorf("no event says %q", want)
		}
	}
	if n := h.exec.count(create + "@d-n0_000000"); n != 1 {
		t.Errorf("create ran %d times", n)
	}
	u := h.ended(h.execute("d", "uninstall", model.ExecutionPending))
	if u.Status != model.ExecutionTerminated || h.states("d")[model.InstanceDeleted] != 3 {
		t.Errorf("uninstall ended %s with states %v", u.Status, h.states("d"))
	}
}

func TestFailureAndResume(t *testing.T) {
	h := newHouse(t)
	h.deploy("d", 2)
	broken := true
	var mu sync.Mutex
	h.exec.outcome = func(m *operation.Message, _ int) operation.Result {
		mu.Lock()
		defer mu.Unlock()
		if broken && m.Context.Operation.Name == start && m.Context.NodeID == "d-n1_000000" {
			return operation.Fail(operation.NonRecoverable("the disk is on fire"))
		}
		return operation.Result{}
	}
	h.start("m1")
	id := h.execute("d", "install", model.ExecutionPending)
	x := h.ended(id)
	if x.Status != model.ExecutionFailed || !strings.Contains(x.Error, "the disk is on fire") ||
		!strings.HasPrefix(x.Error, "Task failed: script_runner.tasks.run (d-n1_000000:"+start+")") {
		t.Fatalf("ended %s: %s", x.Status, x.Error)
	}
	mu.Lock()
	broken = false
	mu.Unlock()
	h.resume(id)
	x = h.ended(id)
	if x.Status != model.ExecutionTerminated {
		t.Fatalf("after the resume it ended %s: %s", x.Status, x.Error)
	}
	if n := h.exec.count(start + "@d-n0_000000"); n != 1 {
		t.Errorf("start of the first node ran %d times", n)
	}
}

// resume does what service.Act does for a resume.
func (h *house) resume(id model.ExecutionID) {
	h.t.Helper()
	h.update(func(tx store.Tx) error {
		x, err := tx.Execution(id)
		if err != nil {
			return err
		}
		var tasks []*model.Task
		if x.Progress.Graph != "" {
			tasks, err = tx.GraphTasks(x.Progress.Graph)
		}
		if err != nil {
			return err
		}
		for _, task := range tasks {
			if task.State == model.TaskFailed {
				task.State, task.Parameters.Error = model.TaskPending, nil
				if err := tx.PutTasks([]*model.Task{task}); err != nil {
					return err
				}
			}
		}
		if x.Progress.Graph == "" {
			x.Progress = model.Progress{}
		}
		x.Status, x.Resume, x.TokenSerial, x.Error = model.ExecutionPending, true, x.TokenSerial+1, ""
		return tx.UpdateExecution(x)
	})
	if err := h.bus.Notify(engine.TopicWake, []byte(id)); err != nil {
		h.t.Fatal(err)
	}
}

func TestRetries(t *testing.T) {
	h := newHouse(t)
	h.deploy("d", 1)
	h.exec.outcome = func(m *operation.Message, run int) operation.Result {
		if m.Context.Operation.Name == create && run < 3 {
			return operation.Fail(operation.Recoverable("not yet", nil))
		}
		return operation.Result{}
	}
	h.start("m1")
	x := h.ended(h.execute("d", "install", model.ExecutionPending))
	if x.Status != model.ExecutionTerminated || h.exec.count(create+"@d-n0_000000") != 3 {
		t.Errorf("ended %s after %d runs: %s", x.Status, h.exec.count(create+"@d-n0_000000"), x.Error)
	}
	if !slices.Contains(h.messages(x.ID), "Sending task 'script_runner.tasks.run' [retry 2/2]") {
		t.Errorf("no event tells of the second retry: %q", h.messages(x.ID))
	}
}

func TestRestartsFinishWhatWasBegun(t *testing.T) {
	for _, stopAt := range []string{create + "@d-n0_000000", start + "@d-n0_000000", create + "@d-n2_000000", start + "@d-n3_000000"} {
		t.Run(stopAt, func(t *testing.T) {
			h := newHouse(t)
			h.deploy("d", 4)
			reached, release := make(chan struct{}), make(chan struct{})
			var once sync.Once
			h.exec.hold = func(m *operation.Message) {
				if m.Context.Operation.Name+"@"+string(m.Context.NodeID) == stopAt {
					once.Do(func() { close(reached) })
					<-release
				}
			}
			end := h.start("m1")
			id := h.execute("d", "install", model.ExecutionPending)
			<-reached
			end()
			close(release)
			h.start("m2")
			x := h.ended(id)
			if x.Status != model.ExecutionTerminated {
				t.Fatalf("ended %s: %s", x.Status, x.Error)
			}
			for _, task := range h.tasks(id) {
				if task.State != model.TaskSucceeded {
					t.Errorf("task %s (%s) is left %s", task.Name, task.Type, task.State)
				}
			}
			counts := map[string]int{}
			for _, m := range h.messages(id) {
				counts[m]++
			}
			if counts["Task succeeded 'script_runner.tasks.run'"] != 8 || counts["Node instance started"] != 4 {
				t.Errorf("events tell of %d operations and %d started instances", counts["Task succeeded 'script_runner.tasks.run'"],
					counts["Node instance started"])
			}
		})
	}
}

func TestCancel(t *testing.T) {
	h := newHouse(t)
	h.deploy("d", 2)
	reached, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	var once sync.Once
	h.exec.hold = func(*operation.Message) {
		once.Do(func() { close(reached) })
		<-release
	}
	h.start("m1")
	id := h.execute("d", "install", model.ExecutionPending)
	<-reached
	h.update(func(tx store.Tx) error {
		x, err := tx.Execution(id)
		if err != nil {
			return err
		}
		x.Status = model.ExecutionCancelling
		return tx.UpdateExecution(x)
	})
	if err := h.bus.Notify(engine.TopicWake, []byte(id)); err != nil {
		t.Fatal(err)
	}
	x := h.ended(id)
	messages := h.messages(id)
	if x.Status != model.ExecutionCancelled || messages[len(messages)-1] != "'install' workflow execution cancelled" {
		t.Errorf("ended %s with %q", x.Status, messages[len(messages)-1])
	}
}

func TestQueuedStartsWhenItsTurnComes(t *testing.T) {
	h := newHouse(t)
	h.deploy("d", 1)
	h.deploy("e", 1)
	h.start("m1")
	first := h.execute("d", "install", model.ExecutionPending)
	h.ended(first)
	queued := h.execute("d", "uninstall", model.ExecutionQueued)
	h.ended(h.execute("e", "install", model.ExecutionPending))
	if x := h.ended(queued); x.Status != model.ExecutionTerminated {
		t.Errorf("the queued execution ended %s: %s", x.Status, x.Error)
	}
}

func TestSystemWorkflows(t *testing.T) {
	h := newHouse(t)
	h.start("m1")
	for workflow, want := range map[string]struct {
		status model.ExecutionStatus
		text   string
	}{
		"sys_ok":    {model.ExecutionTerminated, ""},
		"sys_fail":  {model.ExecutionFailed, "no luck"},
		"sys_panic": {model.ExecutionFailed, "internal error in workflow \"sys_panic\""},
	} {
		x := h.ended(h.execute("", workflow, model.ExecutionPending))
		if x.Status != want.status || !strings.Contains(x.Error, want.text) {
			t.Errorf("%s ended %s: %q", workflow, x.Status, x.Error)
		}
	}
	id := h.execute("", "sys_wait", model.ExecutionPending)
	h.await("the workflow to run", func() bool { return h.get(id).Status == model.ExecutionStarted })
	h.update(func(tx store.Tx) error {
		x, err := tx.Execution(id)
		if err != nil {
			return err
		}
		x.Status = model.ExecutionCancelling
		return tx.UpdateExecution(x)
	})
	if err := h.bus.Notify(engine.TopicWake, []byte(id)); err != nil {
		t.Fatal(err)
	}
	if x := h.ended(id); x.Status != model.ExecutionCancelled {
		t.Errorf("ended %s", x.Status)
	}
}

// TestSystemWorkflowSurvivesAFailedCommit lets one commit of a workflow of the manager fail: the workflow runs again.
func TestSystemWorkflowSurvivesAFailedCommit(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.deploy("d", 1)
	flaky := &oneFailure{Store: h.store}
	h.under = flaky
	h.startWith(func(o *engine.Options) {
		o.System["sys_write"] = func(ctx context.Context, job engine.Job) error {
			flaky.arm.CompareAndSwap(0, 1)
			return job.Update(ctx, func(tx store.Tx) error { return tx.SetValue("done", "yes") })
		}
	})
	if x := h.ended(h.execute("d", "sys_write", model.ExecutionPending)); x.Status != model.ExecutionTerminated {
		t.Errorf("the execution ended as %s: %s", x.Status, x.Error)
	}
	if flaky.arm.Load() != 2 {
		t.Error("no commit failed")
	}
}

// oneFailure is a store of which one commit fails once it is armed with 1.
type oneFailure struct {
	store.Store
	arm atomic.Int32
}

func (f *oneFailure) Update(ctx context.Context, fn func(store.Tx) error) error {
	if f.arm.CompareAndSwap(1, 2) {
		return errors.New("the disk failed")
	}
	return f.Store.Update(ctx, fn)
}

func TestWhatCannotRunFailsWithAReason(t *testing.T) {
	h := newHouse(t)
	h.deploy("d", 1)
	h.start("m1")
	x := h.ended(h.execute("d", "custom", model.ExecutionPending))
	if x.Status != model.ExecutionFailed || !strings.Contains(x.Error, "custom Python code") {
		t.Errorf("ended %s: %s", x.Status, x.Error)
	}
}

func TestAnOwnerThatLostItsLeaseWritesNothing(t *testing.T) {
	h := newHouse(t)
	h.deploy("d", 1)
	reached, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	h.exec.hold = func(*operation.Message) {
		once.Do(func() { close(reached) })
		<-release
	}
	end := h.start("m1")
	id := h.execute("d", "install", model.ExecutionPending)
	<-reached
	h.update(func(tx store.Tx) error {
		if err := tx.RenewLeases("m1", h.get(id).CreatedAt.AddDate(-1, 0, 0)); err != nil {
			return err
		}
		now := h.get(id).CreatedAt
		_, ok, err := tx.Claim(id, "thief", now, now.AddDate(1, 0, 0))
		if !ok {
			t.Error("the lease could not be taken")
		}
		return err
	})
	close(release)
	h.await("the reports to be refused", func() bool { return h.exec.count(create+"@d-n0_000000") >= 1 })
	end()
	if got := h.get(id).Status; got != model.ExecutionStarted {
		t.Errorf("the old owner changed the status to %s", got)
	}
	for _, task := range h.tasks(id) {
		if task.Parameters.Operation != nil && task.State == model.TaskSucceeded {
			t.Errorf("the old owner recorded the end of %s", task.Parameters.Operation.Name)
		}
	}
}

// TestGraphWithACircleFails gives the engine a stored graph of which two tasks wait for each other, as a custom workflow may
// store one: the execution fails and says so, and nothing of it runs.
func TestGraphWithACircleFails(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.deploy("d", 1)
	id := h.execute("d", "install", model.ExecutionStarted)
	task := func(name, on model.TaskID) *model.Task {
		return &model.Task{ID: name, Graph: "g", Execution: id, Name: "op", Type: model.TaskRemote, State: model.TaskPending,
			Dependencies: []model.TaskID{on}, Parameters: model.TaskParameters{Operation: &model.OperationCall{Name: create,
				Instance: "d-n0_000000", Operation: model.Operation{Executor: model.ExecutorCentral}}}}
	}
	h.update(func(tx store.Tx) error {
		x, err := tx.Execution(id)
		if err != nil {
			return err
		}
		x.Progress = model.Progress{Step: 1, Graph: "g"}
		if err := tx.InsertGraph(&model.Graph{ID: "g", Execution: id, Name: "circle"}); err != nil {
			return err
		}
		if err := tx.InsertTasks([]*model.Task{task("a", "b"), task("b", "a")}); err != nil {
			return err
		}
		return tx.UpdateExecution(x)
	})
	h.start("m1")
	x := h.ended(id)
	if x.Status != model.ExecutionFailed || !strings.Contains(x.Error, "in a circle") {
		t.Errorf("the execution ended as %s: %s", x.Status, x.Error)
	}
	for _, k := range h.tasks(id) {
		if k.State != model.TaskPending {
			t.Errorf("task %s became %s", k.ID, k.State)
		}
	}
	if n := h.exec.count(create + "@d-n0_000000"); n != 0 || h.states("d")[model.InstanceUninitialized] != 1 {
		t.Errorf("the operation ran %d times, instances are %v", n, h.states("d"))
	}
}
