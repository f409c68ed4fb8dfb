package engine_test

import (
	"context"
	"errors"
	"testing"

	"github.com/reifyhq/reify/internal/engine"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

func (h *house) isGone(id model.DeploymentID) bool {
	h.t.Helper()
	err := h.store.View(context.Background(), func(tx store.Reader) error {
		_, err := tx.Deployment(model.DefaultTenant, id)
		return err
	})
	if err != nil && !fault.Is(err, fault.NotFound) {
		h.t.Fatal(err)
	}
	return err != nil
}

// TestDeletionInSlicesSurvivesACrash lets the manager die after every commit of a deletion that needs several, and cancels
// it when it has begun to delete: the deployment goes all the same.
func TestDeletionInSlicesSurvivesACrash(t *testing.T) {
	t.Parallel()
	ended := false
	for commits := 1; !ended; commits++ {
		h := newHouse(t)
		h.deployAs("d", 2500, false, create)
		h.deploy("other", 1)
		down := &failing{Store: h.store, left: commits, down: make(chan struct{})}
		h.under = down
		h.start("m1")
		id := h.execute("d", model.WorkflowDeleteEnvironment, model.ExecutionPending)
		h.await("the crash or the end", func() bool { return down.isDown() || h.isGone("d") })
		h.stop()
		h.under = nil
		if ended = h.isGone("d"); ended {
			if commits < 6 {
				t.Errorf("the deletion needed %d commits only", commits)
			}
			continue
		}
		isDeleting := false
		h.update(func(tx store.Tx) error {
			x, err := tx.Execution(id)
			if err != nil || x.Progress.Step == 0 {
				return err
			}
			isDeleting = true
			x.Status = model.ExecutionCancelling
			return tx.UpdateExecution(x)
		})
		h.start("m1")
		h.await("the end of the deployment", func() bool { return h.isGone("d") })
		if n := h.states("other")[model.InstanceUninitialized]; n != 1 {
			t.Errorf("after %d commits, deleting %v: the other deployment has %d instances", commits, isDeleting, n)
		}
		h.stop()
	}
}

func TestCancelledDeletionRemovesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.deployAs("d", 10, false, create)
	waiting := make(chan struct{})
	h.startWith(func(o *engine.Options) {
		o.System[model.WorkflowDeleteEnvironment] = func(ctx context.Context, _ engine.Job) error {
			close(waiting)
			<-ctx.Done()
			return errors.New("no time left")
		}
	})
	id := h.execute("d", model.WorkflowDeleteEnvironment, model.ExecutionPending)
	<-waiting
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
		t.Errorf("the deletion ended as %s", x.Status)
	}
	if n := h.states("d")[model.InstanceUninitialized]; n != 10 {
		t.Errorf("%d instances are left, want all 10", n)
	}
}
