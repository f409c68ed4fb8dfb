package engine_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/reifyhq/reify/internal/bus"
	"github.com/reifyhq/reify/internal/engine"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/store"
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

// tornClaim is a store of which the first claim is committed and answered with an error.
type tornClaim struct {
	store.Store
	claims atomic.Int32
}

type claimSeen struct {
	store.Tx
	hit bool
}

func (c *claimSeen) Claim(id model.ExecutionID, owner string, now, until time.Time) (int64, bool, error) {
	c.hit = true
	return c.Tx.Claim(id, owner, now, until)
}

func (s *tornClaim) Update(ctx context.Context, fn func(store.Tx) error) error {
	seen := false
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		c := &claimSeen{Tx: tx}
		defer func() { seen = c.hit }()
		return fn(c)
	})
	if err == nil && seen && s.claims.Add(1) == 1 {
		return errors.New("the answer was lost")
	}
	return err
}

// TestTornClaimIsTakenUp loses the answer to a claim that was committed, while another execution keeps the manager renewing
// its leases: the claimed one must not wait for the end of the other.
func TestTornClaimIsTakenUp(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.deploy("busy", 1)
	h.deploy("d", 1)
	torn := &tornClaim{Store: h.store}
	torn.claims.Store(1)
	h.under = torn
	h.startWith(func(o *engine.Options) { o.Lease = time.Second })
	holder := h.execute("busy", "sys_wait", model.ExecutionPending)
	h.await("the other execution", func() bool { return h.get(holder).Status == model.ExecutionStarted })
	torn.claims.Store(0)
	if x := h.ended(h.execute("d", "sys_ok", model.ExecutionPending)); x.Status != model.ExecutionTerminated {
		t.Errorf("the execution ended as %s: %s", x.Status, x.Error)
	}
	if torn.claims.Load() < 2 {
		t.Error("no claim was torn")
	}
}
