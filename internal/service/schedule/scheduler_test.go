package schedule_test

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/reifyhq/reify/internal/bus/membus"
	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/service/schedule"
	"github.com/reifyhq/reify/internal/store"
	"github.com/reifyhq/reify/internal/store/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2030, 1, 1, 10, 0, 0, 0, time.UTC)

// house is a store with one deployment that has the workflow "tick", and two managers' schedulers over it.
type house struct {
	*testing.T
	store    store.Store
	clock    *clock.Manual
	managers []*schedule.Service
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{T: t, store: memstore.New(), clock: clock.NewManual(start.Add(-time.Hour))}
	for range 2 {
		h.managers = append(h.managers, schedule.New(service.New(service.Options{
			Store: h.store, Bus: membus.New(h.clock), Clock: h.clock, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Key: []byte("key"),
		})))
	}
	r := model.Resource{Tenant: "t", CreatedBy: "alice", CreatedAt: h.clock.Now(), Visibility: model.VisibilityTenant}
	h.update(func(tx store.Tx) error {
		if err := tx.PutTenant("t"); err != nil {
			return err
		}
		if err := tx.PutUser(&model.User{Name: "alice", Role: "default"}); err != nil {
			return err
		}
		return tx.InsertDeployment(&model.Deployment{Resource: r, ID: "d", Workflows: map[string]model.Workflow{"tick": {}}})
	})
	return h
}

func (h *house) update(fn func(store.Tx) error) {
	h.Helper()
	if err := h.store.Update(h.Context(), fn); err != nil {
		h.Fatal(err)
	}
}

// plan stores a schedule of every hour from start on.
func (h *house) plan(change func(*model.Schedule)) {
	h.Helper()
	c := &model.Schedule{
		Resource: model.Resource{Tenant: "t", CreatedBy: "alice", Visibility: model.VisibilityTenant}, ID: "s", Deployment: "d", Workflow: "tick",
		Since: start, NextAt: start, Rule: model.ScheduleRule{Recurrence: "1 hour"}, Enabled: true,
	}
	change(c)
	h.update(func(tx store.Tx) error { return tx.InsertSchedule(c) })
}

// pass lets both managers look at the same moment.
func (h *house) pass(at time.Time) {
	h.Helper()
	h.clock.Advance(at.Sub(h.clock.Now()))
	var wg sync.WaitGroup
	for _, m := range h.managers {
		for range 3 {
			wg.Go(func() {
				if err := m.Pass(context.Background()); err != nil {
					h.Error(err)
				}
			})
		}
	}
	wg.Wait()
}

func (h *house) executions() (list []*model.Execution) {
	h.Helper()
	err := h.store.View(h.Context(), func(tx store.Reader) error {
		p, err := tx.Executions(store.Query{Scope: store.Scope{Admin: true}, Limit: -1})
		list = p.Items
		return err
	})
	if err != nil {
		h.Fatal(err)
	}
	return list
}

// end ends all executions.
func (h *house) end(status model.ExecutionStatus) {
	h.Helper()
	list := h.executions()
	h.update(func(tx store.Tx) error {
		for _, x := range list {
			if !x.Status.Ended() {
				x.Status = status
				if err := tx.UpdateExecution(x); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (h *house) schedule() (c *model.Schedule) {
	h.Helper()
	err := h.store.View(h.Context(), func(tx store.Reader) (err error) {
		c, err = tx.Schedule("t", "d", "s")
		return err
	})
	if err != nil {
		h.Fatal(err)
	}
	return c
}

// TestOnce checks that two managers that look at the same time start every occurrence once.
func TestOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.plan(func(*model.Schedule) {})
	h.pass(start)
	if n := len(h.executions()); n != 0 {
		t.Fatalf("%d executions before the first occurrence has passed", n)
	}
	for k := range 5 {
		h.pass(start.Add(time.Duration(k)*time.Hour + time.Second))
		if n := len(h.executions()); n != k+1 {
			t.Fatalf("%d executions after %d occurrences", n, k+1)
		}
		h.end(model.ExecutionTerminated)
	}
	if c := h.schedule(); !c.NextAt.Equal(start.Add(5*time.Hour)) || c.Latest != h.executions()[4].ID {
		t.Errorf("%+v", c)
	}
}

func TestSkipped(t *testing.T) {
	t.Parallel()
	for _, f := range []struct {
		name   string
		change func(*model.Schedule)
		do     func(*house)
		runs   int
		off    bool
	}{
		{"too late", func(*model.Schedule) {}, func(h *house) { h.pass(start.Add(62 * time.Second)) }, 0, false},
		{"late within its slip", func(c *model.Schedule) { c.Slip = 1 }, func(h *house) { h.pass(start.Add(62 * time.Second)) }, 1, false},
		{"the last one still runs", func(*model.Schedule) {}, func(h *house) {
			h.pass(start.Add(time.Second))
			h.pass(start.Add(time.Hour + time.Second))
		}, 1, false},
		{"the last one failed", func(*model.Schedule) {}, func(h *house) {
			h.pass(start.Add(time.Second))
			h.end(model.ExecutionFailed)
			h.pass(start.Add(time.Hour + time.Second))
		}, 2, false},
		{"the last one failed, and it stops then", func(c *model.Schedule) { c.StopOnFail = true }, func(h *house) {
			h.pass(start.Add(time.Second))
			h.end(model.ExecutionFailed)
			h.pass(start.Add(time.Hour + time.Second))
		}, 1, true},
		{"a workflow that is gone", func(c *model.Schedule) { c.Workflow = "gone" }, func(h *house) { h.pass(start.Add(time.Second)) }, 0, false},
		{"a user that is gone", func(c *model.Schedule) { c.CreatedBy = "bob" }, func(h *house) { h.pass(start.Add(time.Second)) }, 0, false},
	} {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.plan(f.change)
			f.do(h)
			c := h.schedule()
			if n := len(h.executions()); n != f.runs || c.Enabled == f.off {
				t.Errorf("%d executions, want %d; enabled is %v", n, f.runs, c.Enabled)
			}
			if !c.NextAt.After(h.clock.Now()) {
				t.Errorf("the next occurrence is %v", c.NextAt)
			}
		})
	}
}

// TestRun checks that the scheduler wakes at the occurrence and ends with its context.
func TestRun(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.plan(func(c *model.Schedule) {
		c.Since, c.NextAt = h.clock.Now().Add(3*time.Second), h.clock.Now().Add(3*time.Second)
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.managers[0].Run(ctx) }()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		if len(h.executions()) > 0 {
			break
		}
		h.clock.Advance(100 * time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
