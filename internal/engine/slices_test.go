package engine_test

import (
	"testing"

	"github.com/reifyhq/reify/internal/engine"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// TestLargeGraphsAreStoredInSlices ends the engine after every number of commits while it stores and begins a graph in
// slices: an incomplete graph never runs and is gone afterwards, and nothing runs twice because of it.
func TestLargeGraphsAreStoredInSlices(t *testing.T) {
	const nodes, slice = 12, 7
	inSlices := func(o *engine.Options) { o.Slice = slice }
	leftBehind, begun := 0, 0
	for commits := 2; commits < 14; commits++ {
		h := newHouseWith(t, &executor{copies: 1, slots: 8})
		h.deployAs("d", nodes, false, create)
		died := &failing{Store: h.store, left: commits, down: make(chan struct{})}
		h.under = died
		h.startWith(inSlices)
		id := h.executeWith("d", "execute_operation", model.ExecutionPending, model.Document{"operation": create})
		h.await("the crash or the end", func() bool { return died.isDown() || h.get(id).Status.Ended() })
		h.stop()
		h.under = nil
		if n, running := h.incomplete(id), h.get(id).Progress.Graph; n > 0 {
			leftBehind++
			if running != "" {
				t.Errorf("after %d commits graph %s runs beside %d incomplete ones", commits, running, n)
			}
			if len(h.exec.runs) > 0 {
				t.Errorf("after %d commits operations of an incomplete graph ran: %v", commits, h.exec.runs)
			}
		} else if running != "" {
			begun++
		}
		h.startWith(inSlices)
		x := h.ended(id)
		if x.Status != model.ExecutionTerminated || x.TotalOperations != 4*nodes || x.FinishedOperations != 4*nodes {
			t.Errorf("after a crash at commit %d it ended %s with %d of %d operations: %s", commits, x.Status, x.FinishedOperations,
				x.TotalOperations, x.Error)
		}
		if n := h.incomplete(id); n > 0 || len(h.tasks(id)) < 4*nodes {
			t.Errorf("after a crash at commit %d there are %d incomplete graphs and %d tasks", commits, n, len(h.tasks(id)))
		}
		h.stop()
	}
	if leftBehind < 3 || begun < 3 {
		t.Errorf("%d crashes left an incomplete graph, %d one that had begun", leftBehind, begun)
	}
}

// incomplete counts the incomplete graphs of an execution.
func (h *house) incomplete(id model.ExecutionID) (n int) {
	h.t.Helper()
	err := h.store.View(h.t.Context(), func(tx store.Reader) error {
		graphs, err := tx.Graphs(id)
		for _, g := range graphs {
			if g.IsIncomplete {
				n++
			}
		}
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

// TestCancelBetweenSlices cancels an execution whose graph has begun in part: nothing more of it starts.
func TestCancelBetweenSlices(t *testing.T) {
	h := newHouseWith(t, &executor{copies: 1, slots: 1})
	const nodes = 300
	h.deployAs("d", nodes, false, create)
	h.startWith(func(o *engine.Options) { o.Slice = 2 })
	id := h.executeWith("d", "execute_operation", model.ExecutionPending, model.Document{"operation": create})
	h.await("the first operations", func() bool { return h.get(id).FinishedOperations > 0 })
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
	if x := h.ended(id); x.Status != model.ExecutionCancelled || x.FinishedOperations >= 4*nodes {
		t.Errorf("it ended %s with %d finished operations", x.Status, x.FinishedOperations)
	}
}
