package engine_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/reifyhq/reify/internal/engine"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// group stores an execution group and queued members of it, each on a deployment of its own.
func (h *house) group(id model.ExecutionGroupID, concurrency, members int, workflow string) (ids []model.ExecutionID) {
	h.t.Helper()
	r := model.Resource{Tenant: model.DefaultTenant, CreatedBy: "admin", CreatedAt: time.Now(), Visibility: model.VisibilityTenant}
	h.update(func(tx store.Tx) error {
		return tx.InsertExecutionGroup(&model.ExecutionGroup{Resource: r, ID: id, Workflow: workflow, Concurrency: concurrency})
	})
	for k := range members {
		d := model.DeploymentID(fmt.Sprintf("%s-%d", id, k))
		h.deploy(d, 1)
		x := model.ExecutionID(fmt.Sprintf("x-%s-%d", id, k))
		h.update(func(tx store.Tx) error {
			return tx.InsertExecution(&model.Execution{Resource: r, ID: x, Workflow: workflow, Deployment: d, Blueprint: "bp",
				Status: model.ExecutionQueued, Group: id, TokenSerial: 1})
		})
		ids = append(ids, x)
	}
	return ids
}

// TestFullGroupHidesNobody queues more members of a group than one look at the queue takes; an execution behind them
// starts nevertheless, and the group never exceeds its limit.
func TestFullGroupHidesNobody(t *testing.T) {
	h := newHouse(t)
	members := h.group("g", 1, 60, "sys_wait")
	h.deploy("other", 1)
	behind := h.execute("other", "sys_ok", model.ExecutionQueued)
	h.start("m1")
	if x := h.ended(behind); x.Status != model.ExecutionTerminated {
		t.Errorf("the execution behind the group ended %s: %s", x.Status, x.Error)
	}
	h.await("a member to run", func() bool { return h.get(members[0]).Status == model.ExecutionStarted })
	for _, id := range members[1:] {
		if s := h.get(id).Status; s != model.ExecutionQueued {
			t.Fatalf("member %s is %s beside the only one that may run", id, s)
		}
	}
}

// TestPausedGroupGoesOn raises the limit of a paused group while nothing else ends that could make it look.
func TestPausedGroupGoesOn(t *testing.T) {
	h := newHouse(t)
	members := h.group("g", 0, 3, "sys_ok")
	h.start("m1")
	h.update(func(tx store.Tx) error {
		g, err := tx.ExecutionGroup("g")
		if err != nil {
			return err
		}
		g.Concurrency = 2
		return tx.UpdateExecutionGroup(g)
	})
	for _, id := range members {
		if x := h.ended(id); x.Status != model.ExecutionTerminated {
			t.Errorf("member %s ended %s", id, x.Status)
		}
	}
}

// TestQueuedThatMayNotStart fails queued executions whose turn comes when they are not possible any more; those behind
// them get their places, and the group and the hooks hear of it.
func TestQueuedThatMayNotStart(t *testing.T) {
	h := newHouse(t)
	members := h.group("g", 1, 12, "sys_ok")
	good := members[len(members)-1]
	h.startWith(func(o *engine.Options) {
		o.Ready = func(_ store.Reader, x *model.Execution) error {
			if x.ID == good {
				return nil
			}
			return errors.New("it is too late")
		}
		o.Hooked = func(event string) bool { return event == "workflow_failed" }
	})
	if x := h.ended(good); x.Status != model.ExecutionTerminated {
		t.Errorf("the last member ended %s", x.Status)
	}
	if x := h.get(members[0]); x.Status != model.ExecutionFailed || x.Error != "Error dequeueing execution: it is too late" || x.EndedAt.IsZero() {
		t.Errorf("%+v", x)
	}
	var hooks []*model.Hook
	var events store.Page[*model.Event]
	err := h.store.View(t.Context(), func(tx store.Reader) (err error) {
		if hooks, err = tx.Hooks(100); err != nil {
			return err
		}
		events, err = tx.Events(store.EventQuery{Scope: store.Scope{Admin: true}, Limit: -1,
			Where: []store.Condition{{Field: "execution_group_id", Values: []string{"g"}}}})
		return err
	})
	if err != nil || len(hooks) != len(members)-1 {
		t.Errorf("%d hooks, %v", len(hooks), err)
	}
	failed := 0
	for _, e := range events.Items {
		if strings.HasSuffix(e.Message, "changed state to 'failed' with error 'Error dequeueing execution: it is too late'") {
			failed++
		}
	}
	if failed != len(members)-1 {
		t.Errorf("%d events of failed members", failed)
	}
}
