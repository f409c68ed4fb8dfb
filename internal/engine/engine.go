// Package engine runs executions durably: it claims them, advances their task graphs, dispatches operations, records
// results and resumes what a dead process left behind.
//
// Package workflow decides what happens next; the engine makes it real. Every transition of an execution is one
// store.Update that first checks the owner's epoch (the fence): task rows, instance states, events and counters change
// together or not at all. An operation is sent only after the commit that says so; its task row is its outbox: whatever
// is found unfinished when an execution is claimed, and whatever is silent for too long, is sent again, and executors
// recognise a repeated attempt. A report is acknowledged only after the commit that records it.
//
// The engine never parses blueprints, never calls transports or the service package, and keeps nothing in memory that it
// could not rebuild from the store. One goroutine owns each claimed execution; Run owns all of them and returns when they
// have ended.
//
//	store ──claim──▶ runner ──Program──▶ phase ──Advance──▶ effects ──Update──▶ commit ──▶ bus
//	                   ▲                                                                   │
//	                   └──────────────────────── report ◀── executor ◀────────────────────┘
package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/reifyhq/reify/internal/bus"
	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/dsl"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/store"
	"github.com/reifyhq/reify/internal/workflow"
)

// Topics of best-effort notifications; their payload is an execution id. Losing one costs at most one scan interval.
const (
	// TopicWake says that an execution became ready to be claimed or was asked to cancel.
	TopicWake = "executions.wake"
	// TopicEnded says that an execution ended.
	TopicEnded = "executions.ended"
)

// Options are the parts an Engine works with. All fields without "optional" are required.
type Options struct {
	Store store.Store
	Bus   bus.Bus
	Clock clock.Clock
	Log   *slog.Logger
	// Owner names this manager in leases. It is stable across restarts of one data directory, so that a restarted
	// manager goes on at once with what it owned.
	Owner    string
	Settings workflow.Settings
	// System are the workflows that the manager itself runs, by workflow id.
	System map[string]SystemWorkflow
	// Custom runs the workflows that are neither built in nor the manager's own; optional, nil fails them.
	Custom   CustomWorkflow
	Evaluate Evaluator
	// Secrets returns what a deployment's plan may ask for secrets; optional, nil allows none.
	Secrets func(*model.Deployment) dsl.SecretGetter
	// Targets evaluates the functions that say what a deployment depends on; the result writes what changed. Optional. A
	// *fault.Error fails the execution that ended.
	Targets func(context.Context, model.TenantName, model.DeploymentID) (func(store.Tx) error, error)
	// Token returns the plain execution token of an execution.
	Token func(e *model.Execution) string
	// NewTaskID, NewGraphID return fresh ids.
	NewTaskID  func() model.TaskID
	NewGraphID func() model.GraphID
	// NewID returns a fresh UUID, NewInstanceID a candidate for the id of an instance of a node or scaling group.
	NewID         func() string
	NewInstanceID func(name string) string
	// ReportKey returns what an agent must send with its reports about an attempt; optional.
	ReportKey func(to operation.Address, attempt string) string
	// RestHost and RestPort are where operations reach the REST API.
	RestHost []string
	RestPort int
	// Lease is how long a silent owner keeps an execution; optional, 10 s.
	Lease time.Duration
	// Overdue is how long an operation may be silent before it is sent again, at least; it must be longer than the bus
	// remembers message ids. Optional, 150 s.
	Overdue time.Duration
	// KillEvery is the time between two requests to end the operations of a killed execution; optional, 5 s.
	KillEvery time.Duration
	// Slice is how many tasks of a new graph are stored in one commit at most, and how many are begun in one; a larger graph
	// takes several, so that others may write in between. Optional, 4,000.
	Slice int
	// MaxConcurrent bounds how many executions may be active when queued ones are started; optional, 20.
	MaxConcurrent int
	// Ready completes a queued execution whose turn has come, or says why it may not start; optional, nil lets all start.
	Ready func(tx store.Reader, x *model.Execution) error
	// Hooked says whether there is a hook on a type of event; optional, nil means that there is none.
	Hooked func(eventType string) bool
}

// SystemWorkflow is a workflow that runs inside the manager. It must be repeatable: after a crash it is called again
// from the start. Its writes go through job.Update, which fences them. The returned error fails the execution with its
// message.
type SystemWorkflow func(ctx context.Context, job Job) error

// Job is what a SystemWorkflow works on.
type Job struct {
	Execution *model.Execution
	// Update is store.Update with the fence of the execution's owner.
	Update func(ctx context.Context, fn func(store.Tx) error) error
}

const (
	defaultLease     = 10 * time.Second
	defaultOverdue   = 150 * time.Second
	defaultKillEvery = 5 * time.Second
	scanInterval     = time.Second
	claimBatch       = 100
	maxConcurrent    = 20
	defaultSlice     = 4000
)

// Engine runs executions; see New.
type Engine struct {
	Options
	mu      sync.Mutex
	runners map[model.ExecutionID]*runner
	// kills are killed executions whose operations may still run.
	kills     map[model.ExecutionID]*kill
	wake      chan struct{}
	killsCame chan struct{}
	// doubtful are executions whose claim failed in a way that may have been committed all the same: nobody runs them, and
	// their lease may be renewed with all others. They belong to claimLoop.
	doubtful []model.ExecutionID
}

// New returns an engine that does nothing until Run.
func New(o Options) *Engine {
	if o.Lease == 0 {
		o.Lease = defaultLease
	}
	if o.Overdue == 0 {
		o.Overdue = defaultOverdue
	}
	if o.KillEvery == 0 {
		o.KillEvery = defaultKillEvery
	}
	if o.Slice == 0 {
		o.Slice = defaultSlice
	}
	if o.MaxConcurrent == 0 {
		o.MaxConcurrent = maxConcurrent
	}
	return &Engine{
		Options: o, runners: map[model.ExecutionID]*runner{}, kills: map[model.ExecutionID]*kill{},
		wake: make(chan struct{}, 1), killsCame: make(chan struct{}, 1),
	}
}

// Run claims and runs executions until ctx ends. It returns after every runner has stopped at a commit boundary and its
// leases are released; operations that are under way go on without it.
func (e *Engine) Run(ctx context.Context) error {
	if err := e.takeOver(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("take over own executions: %w", err)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return e.Bus.Receive(ctx, operation.ResultsQueue, bus.ReceiveOptions{Slots: maxBatch}, e.receive)
	})
	g.Go(func() error { return e.Bus.Watch(ctx, TopicWake, e.notified) })
	g.Go(func() error { return e.Bus.Watch(ctx, TopicEnded, e.othersEnded) })
	g.Go(func() error { return e.Bus.Watch(ctx, operation.KilledTopic, e.othersKilled) })
	g.Go(func() error { return e.repeatKills(ctx) })
	g.Go(func() error { return e.renewLeases(ctx) })
	g.Go(func() error { return e.claimLoop(ctx) })
	err := g.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// takeOver frees what an earlier process of this owner held when it died, and starts queued executions whose turn came
// while nobody looked.
func (e *Engine) takeOver(ctx context.Context) error {
	past := e.Clock.Now().Add(-time.Second)
	return e.Store.Update(ctx, func(tx store.Tx) error {
		if err := tx.RenewLeases(e.Owner, past); err != nil {
			return err
		}
		_, err := e.dequeue(tx)
		return err
	})
}

// notified reacts to a wake topic: it looks for work at once and lets a running execution look at its status.
func (e *Engine) notified(data []byte) {
	if r := e.runner(model.ExecutionID(data)); r != nil {
		r.poke()
	}
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// othersEnded lets executions look up whether what they wait for has ended.
func (e *Engine) othersEnded([]byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range e.runners {
		if r.isAwaiting.Load() {
			r.poke()
		}
	}
}

func (e *Engine) claimLoop(ctx context.Context) error {
	var runners sync.WaitGroup
	defer runners.Wait()
	for {
		more, err := e.claim(ctx, &runners)
		if err != nil && ctx.Err() == nil {
			e.Log.Error("claim executions", "error", err)
		}
		if more && err == nil {
			continue
		}
		select {
		case <-e.wake:
			continue
		default:
		}
		timer := e.Clock.NewTimer(scanInterval)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-e.wake:
			timer.Stop()
		case <-timer.C():
			if err := e.pokeCancelling(ctx); err != nil && ctx.Err() == nil {
				e.Log.Error("look for cancelled executions", "error", err)
			}
			if err := e.sweep(ctx); err != nil && ctx.Err() == nil {
				e.Log.Error("look for queued executions whose turn has come", "error", err)
			}
		}
	}
}

// pokeCancelling lets the runners of executions that were asked to cancel look at their status, in case the notification
// was lost.
func (e *Engine) pokeCancelling(ctx context.Context) error {
	if e.idle() {
		return nil
	}
	q := store.Query{Scope: store.Scope{Admin: true}, Limit: -1, Where: []store.Condition{{Field: "status", Values: []string{
		string(model.ExecutionCancelling), string(model.ExecutionForceCancelling), string(model.ExecutionKillCancelling)}}}}
	return e.Store.View(ctx, func(tx store.Reader) error {
		p, err := tx.Executions(q)
		for _, x := range p.Items {
			if r := e.runner(x.ID); r != nil {
				r.poke()
			}
		}
		return err
	})
}

// claim takes up to one batch of executions and starts a runner for each; more says that the batch was full.
func (e *Engine) claim(ctx context.Context, wg *sync.WaitGroup) (more bool, err error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	var ids []model.ExecutionID
	now := e.Clock.Now()
	err = e.Store.View(ctx, func(tx store.Reader) error {
		ids, err = tx.Claimable(now, claimBatch)
		return err
	})
	if err != nil {
		return false, err
	}
	more = len(ids) == claimBatch
	// A lease of our own that ran out while a long commit kept the renewal waiting is renewed, not taken from its runner.
	for _, id := range e.doubtful {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	ids = slices.DeleteFunc(ids, func(id model.ExecutionID) bool { return e.runner(id) != nil })
	if len(ids) == 0 {
		return false, nil
	}
	epochs := map[model.ExecutionID]int64{}
	err = e.Store.Update(ctx, func(tx store.Tx) error {
		clear(epochs)
		for _, id := range ids {
			epoch, ok, err := tx.Claim(id, e.Owner, now, now.Add(e.Lease))
			if fault.Is(err, fault.NotFound) {
				// It was deleted meanwhile.
				continue
			}
			if err != nil {
				return err
			}
			if ok {
				epochs[id] = epoch
			}
		}
		return nil
	})
	e.doubtful = nil
	if err != nil {
		e.doubtful = ids
		return false, err
	}
	for _, id := range ids {
		if epoch, ok := epochs[id]; ok {
			e.start(ctx, wg, id, epoch)
		}
	}
	return more, nil
}

func (e *Engine) start(ctx context.Context, wg *sync.WaitGroup, id model.ExecutionID, epoch int64) {
	r := newRunner(e, id, epoch)
	e.mu.Lock()
	e.runners[id] = r
	e.mu.Unlock()
	wg.Go(func() {
		err := r.run(ctx)
		e.mu.Lock()
		delete(e.runners, id)
		e.mu.Unlock()
		close(r.gone)
		if err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrFenced) {
			e.Log.Error("run execution; it will be taken up again", "execution", id, "error", err)
		}
		e.release(ctx, r)
	})
}

// release frees the lease of a runner that stopped, so that whoever comes next need not wait for it to run out. It
// insists: a lease that stayed with a runner that is gone would be renewed for ever.
func (e *Engine) release(ctx context.Context, r *runner) {
	for {
		err := e.Store.Update(context.WithoutCancel(ctx), func(tx store.Tx) error { return tx.ReleaseLease(r.id, r.epoch) })
		if err == nil {
			return
		}
		e.Log.Warn("release the lease of an execution", "execution", r.id, "error", err)
		timer := e.Clock.NewTimer(scanInterval)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C():
		}
	}
}

func (e *Engine) renewLeases(ctx context.Context) error {
	for {
		timer := e.Clock.NewTimer(e.Lease / 3)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C():
		}
		if e.idle() {
			continue
		}
		until := e.Clock.Now().Add(e.Lease)
		err := e.Store.Update(ctx, func(tx store.Tx) error { return tx.RenewLeases(e.Owner, until) })
		if err != nil && ctx.Err() == nil {
			e.Log.Error("renew leases", "error", err)
		}
	}
}

func (e *Engine) idle() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.runners) == 0
}

func (e *Engine) runner(id model.ExecutionID) *runner {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.runners[id]
}
