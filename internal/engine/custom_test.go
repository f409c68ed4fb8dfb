package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/reifyhq/reify/internal/engine"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/store"
	"github.com/reifyhq/reify/internal/workflow"
)

// foreignMessage is a task message as a custom workflow writes it.
func foreignMessage(id model.TaskID, execution model.ExecutionID) []byte {
	return fmt.Appendf(nil, `{"id": %q, "cloudify_task": {"kwargs": {"a": 1, "__cloudify_context": {"__cloudify_context": "0.3",
		"type": "operation", "task_id": %q, "task_name": "my.tasks.run", "execution_id": %q, "node_id": "d-n0_000000",
		"operation": {"name": "op-%s", "retry_number": 0, "max_retries": 0}, "tenant": {"name": "default_tenant"}}}}}`,
		id, id, execution, id)
}

// store writes a task that the owner of a graph stores, in a graph of its own.
func (h *house) storeForeign(id model.TaskID, execution model.ExecutionID) {
	h.update(func(tx store.Tx) error {
		g := &model.Graph{ID: model.GraphID("g-" + id), Execution: execution, Name: string(id)}
		if err := tx.InsertGraph(g); err != nil {
			return err
		}
		return tx.InsertTasks([]*model.Task{{
			ID: id, Graph: g.ID, Execution: execution, Name: "my.tasks.run", Type: model.TaskRemote, State: model.TaskSent,
			Parameters: model.TaskParameters{SendTaskEvents: true, Foreign: json.RawMessage("{}")},
		}})
	})
}

// TestCustomWorkflow runs a workflow that sends operations and waits for their ends.
func TestCustomWorkflow(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.deploy("d", 1)
	h.exec.set(func(m *operation.Message, _ int) operation.Result {
		if m.ID == "t2" {
			return operation.Fail(operation.NonRecoverable("no way"))
		}
		return operation.Result{Value: json.RawMessage(`"done"`)}
	})
	ends := make(chan string, 10)
	run := func(ctx context.Context, job engine.CustomJob) (workflow.End, error) {
		if job.Function != "wf.run" || job.Plugin.Name != "my" || job.Resume {
			t.Errorf("job %+v", job)
		}
		if err := job.Started(ctx); err != nil {
			return workflow.End{}, err
		}
		for _, id := range []model.TaskID{"t1", "t2"} {
			h.storeForeign(id, job.Execution.ID)
			err := job.Send(ctx, engine.CustomOperation{ID: id, Queue: operation.CentralQueue, Message: foreignMessage(id, job.Execution.ID)})
			if err != nil {
				return workflow.End{}, err
			}
			select {
			case report := <-job.Reports:
				ends <- fmt.Sprint(report.Task, " ", string(report.Result.Value), " ", report.Result.Err != nil)
			case <-ctx.Done():
				return workflow.End{}, ctx.Err()
			}
		}
		return workflow.End{Failure: &workflow.Failure{Message: "short", Detail: "long"}}, nil
	}
	h.startWith(func(o *engine.Options) { o.Custom = run })
	x := h.ended(h.execute("d", "custom", model.ExecutionPending))
	if x.Status != model.ExecutionFailed || x.Error != "long" {
		t.Errorf("ended %s: %s", x.Status, x.Error)
	}
	for _, want := range []string{`t1 "done" false`, `t2  true`} {
		if got := <-ends; got != want {
			t.Errorf("end %q, want %q", got, want)
		}
	}
	text := strings.Join(h.messages(x.ID), "\n")
	for _, want := range []string{"Starting 'custom' workflow execution", "Task started 'my.tasks.run'", "failed: short"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for _, task := range h.foreign("t1", "t2") {
		if task.State != model.TaskResponseSent {
			t.Errorf("task %s is %s", task.ID, task.State)
		}
	}
}

func (h *house) foreign(ids ...model.TaskID) (out []*model.Task) {
	h.t.Helper()
	err := h.store.View(context.Background(), func(tx store.Reader) error {
		for _, id := range ids {
			task, err := tx.Task(id)
			if err != nil {
				return err
			}
			out = append(out, task)
		}
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

// TestCustomWorkflowIsTakenUpAgain stops the engine in the middle: the next one starts the workflow with Resume set.
func TestCustomWorkflowIsTakenUpAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.deploy("d", 1)
	started := make(chan bool, 2)
	h.startWith(func(o *engine.Options) {
		o.Custom = func(ctx context.Context, job engine.CustomJob) (workflow.End, error) {
			if err := job.Started(ctx); err != nil {
				t.Error(err)
			}
			started <- job.Resume
			<-ctx.Done()
			return workflow.End{}, ctx.Err()
		}
	})
	id := h.execute("d", "custom", model.ExecutionPending)
	if <-started {
		t.Error("a new execution is resumed")
	}
	h.stop()
	h.startWith(func(o *engine.Options) {
		o.Custom = func(_ context.Context, job engine.CustomJob) (workflow.End, error) {
			started <- job.Resume
			return workflow.End{}, nil
		}
	})
	if !<-started {
		t.Error("the execution is begun anew")
	}
	if x := h.ended(id); x.Status != model.ExecutionTerminated {
		t.Errorf("ended %s: %s", x.Status, x.Error)
	}
}

// TestCustomWorkflowHearsCancels passes on cancels by increasing strength, and survives a panic.
func TestCustomWorkflowHearsCancels(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.deploy("d", 1)
	h.startWith(func(o *engine.Options) {
		o.Custom = func(ctx context.Context, job engine.CustomJob) (workflow.End, error) {
			if job.Execution.Parameters["panic"] != nil {
				panic("broken")
			}
			if err := job.Started(ctx); err != nil {
				return workflow.End{}, err
			}
			for {
				select {
				case status := <-job.Cancels:
					if status == model.ExecutionForceCancelling {
						return workflow.End{Cancelled: true}, nil
					}
				case <-ctx.Done():
					return workflow.End{}, errors.New("nobody cancelled")
				}
			}
		}
	})
	id := h.execute("d", "custom", model.ExecutionPending)
	for _, status := range []model.ExecutionStatus{model.ExecutionCancelling, model.ExecutionForceCancelling} {
		h.await("the execution to start", func() bool { return h.get(id).Status != model.ExecutionPending })
		h.update(func(tx store.Tx) error {
			x, err := tx.Execution(id)
			if err != nil {
				return err
			}
			x.Status = status
			return tx.UpdateExecution(x)
		})
		if err := h.bus.Notify(engine.TopicWake, []byte(id)); err != nil {
			t.Fatal(err)
		}
	}
	if x := h.ended(id); x.Status != model.ExecutionCancelled {
		t.Errorf("ended %s: %s", x.Status, x.Error)
	}
	broken := h.executeWith("d", "custom", model.ExecutionPending, model.Document{"panic": true})
	if x := h.ended(broken); x.Status != model.ExecutionFailed || !strings.Contains(x.Error, "internal error: broken") {
		t.Errorf("ended %s: %s", x.Status, x.Error)
	}
}

// TestKilledCustomWorkflowIsCancelled ends a workflow with a failure after its execution was killed and before it heard so.
func TestKilledCustomWorkflowIsCancelled(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.deploy("d", 1)
	h.startWith(func(o *engine.Options) {
		o.Custom = func(ctx context.Context, job engine.CustomJob) (workflow.End, error) {
			err := h.store.Update(ctx, func(tx store.Tx) error {
				x, err := tx.Execution(job.Execution.ID)
				if err != nil {
					return err
				}
				x.Status = model.ExecutionKillCancelling
				return tx.UpdateExecution(x)
			})
			if err != nil {
				return workflow.End{}, err
			}
			return workflow.End{Failure: &workflow.Failure{Message: "401: the token is no longer valid"}}, nil
		}
	})
	if x := h.ended(h.execute("d", "custom", model.ExecutionPending)); x.Status != model.ExecutionCancelled || x.Error != "" {
		t.Errorf("ended %s: %s", x.Status, x.Error)
	}
}
