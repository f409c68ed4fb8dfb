package sim

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// wall is the clock of a process. Its timers run by the world's time; what it shows may be off.
type wall struct{ p *process }

type timer struct {
	p   *process
	at  time.Time
	seq int
	c   chan time.Time
}

// Now returns the world's time as this process sees it.
func (c wall) Now() time.Time {
	w := c.p.m.w
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now.Add(c.p.m.skew)
}

// NewTimer returns a timer that the scheduler fires when its instant has come.
func (c wall) NewTimer(d time.Duration) clock.Timer {
	w := c.p.m.w
	w.mu.Lock()
	defer w.mu.Unlock()
	c.p.ids++
	t := &timer{p: c.p, at: w.now.Add(d), seq: c.p.ids, c: make(chan time.Time, 1)}
	c.p.timers = append(c.p.timers, t)
	return t
}

func (t *timer) C() <-chan time.Time { return t.c }

func (t *timer) Stop() bool {
	w := t.p.m.w
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(t.p.timers)
	t.p.timers = slices.DeleteFunc(t.p.timers, func(o *timer) bool { return o == t })
	return len(t.p.timers) < n
}

// disk is the store as a process sees it.
type disk struct{ p *process }

var _ store.Store = disk{}

// View reads after the scheduler let it.
func (d disk) View(ctx context.Context, fn func(store.Reader) error) error {
	switch v := d.p.park("view "+label(func(tx store.Tx) error { return fn(tx) }), fail, dieBefore); {
	case d.p.dead.Load():
		return errDead
	case v == fail:
		return errDisk
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return d.p.m.w.disk.View(ctx, fn)
}

// Update writes after the scheduler let it, or meets its fate.
func (d disk) Update(ctx context.Context, fn func(store.Tx) error) error {
	v := d.p.park("update "+label(fn), fail, torn, twice, dieBefore, dieAfter)
	switch {
	case d.p.dead.Load():
		return errDead
	case v == fail:
		return errDisk
	case ctx.Err() != nil:
		return ctx.Err()
	}
	w := d.p.m.w
	if v == twice {
		_ = w.disk.Update(ctx, func(tx store.Tx) error {
			_ = fn(tx)
			return errDisk
		})
	}
	var made *recorder
	err := w.disk.Update(ctx, func(tx store.Tx) error {
		made = &recorder{Tx: tx, disk: w.disk, plant: w.opt.Plant}
		return fn(made)
	})
	if err == nil {
		w.check.commit(d.p, made)
	}
	switch v {
	case dieAfter:
		d.p.dead.Store(true)
		return errDead
	case torn:
		return errDisk
	}
	return err
}

// Close does nothing: the disk outlives its processes.
func (d disk) Close() error { return nil }

// probe finds out what a function is about to do: it notes the first call and stops there.
type probe struct {
	store.Tx
	label string
}

// stopped ends the function that is probed.
type stopped struct{}

func label(fn func(store.Tx) error) string {
	p := &probe{label: "other"}
	func() {
		// Calls that the probe does not know end in a nil pointer.
		defer func() { _ = recover() }()
		_ = fn(p)
	}()
	return p.label
}

func (p *probe) stop(format string, args ...any) {
	p.label = fmt.Sprintf(format, args...)
	panic(stopped{})
}

func (p *probe) Fence(id model.ExecutionID, _ int64) error {
	p.stop("of %s", id)
	return nil
}

func (p *probe) ReleaseLease(id model.ExecutionID, _ int64) error {
	p.stop("release %s", id)
	return nil
}

func (p *probe) RenewLeases(string, time.Time) error {
	p.stop("renew")
	return nil
}

func (p *probe) Claim(id model.ExecutionID, _ string, _, _ time.Time) (int64, bool, error) {
	p.stop("claim %s", id)
	return 0, false, nil
}

func (p *probe) Execution(id model.ExecutionID) (*model.Execution, error) {
	p.stop("execution %s", id)
	return nil, nil
}

func (p *probe) Deployment(_ model.TenantName, id model.DeploymentID) (*model.Deployment, error) {
	p.stop("deployment %s", id)
	return nil, nil
}

func (p *probe) Instance(_ model.TenantName, id model.InstanceID) (*model.NodeInstance, error) {
	p.stop("instance %s", id)
	return nil, nil
}

func (p *probe) GraphTasks(id model.GraphID) ([]*model.Task, error) {
	p.stop("tasks of %s", id)
	return nil, nil
}

func (p *probe) Claimable(time.Time, int) ([]model.ExecutionID, error) {
	p.stop("claimable")
	return nil, nil
}
