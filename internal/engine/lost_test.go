package engine_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/reifyhq/reify/internal/bus"
	"github.com/reifyhq/reify/internal/engine"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
)

// forgetful loses the first messages to executors.
type forgetful struct {
	bus.Bus
	left atomic.Int32
}

func (b *forgetful) Send(ctx context.Context, queue, id string, data []byte) error {
	if strings.HasPrefix(queue, "tasks/") && b.left.Add(-1) >= 0 {
		return nil
	}
	return b.Bus.Send(ctx, queue, id, data)
}

func TestLostMessageIsSentAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.deploy("d", 1)
	lossy := &forgetful{Bus: h.bus}
	lossy.left.Store(1)
	h.startWith(func(o *engine.Options) { o.Bus, o.Overdue = lossy, 20*time.Millisecond })
	x := h.ended(h.execute("d", "install", model.ExecutionPending))
	if x.Status != model.ExecutionTerminated {
		t.Errorf("the execution ended as %s: %s", x.Status, x.Error)
	}
}

func TestWakeUpKeepsTheTimerOfARetry(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.deploy("d", 1)
	after := 0.2
	h.exec.outcome = func(_ *operation.Message, run int) operation.Result {
		if run == 1 {
			return operation.Fail(operation.Recoverable("not yet", &after))
		}
		return operation.Result{}
	}
	h.startWith(func(*engine.Options) {})
	id := h.execute("d", "install", model.ExecutionPending)
	h.await("the first failure", func() bool {
		for _, k := range h.tasks(id) {
			if k.State == model.TaskFailed {
				return true
			}
		}
		return false
	})
	if err := h.bus.Notify(engine.TopicWake, []byte(id)); err != nil {
		t.Fatal(err)
	}
	if x := h.ended(id); x.Status != model.ExecutionTerminated {
		t.Errorf("the execution ended as %s: %s", x.Status, x.Error)
	}
}
