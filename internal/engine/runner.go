package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/store"
	"github.com/reifyhq/reify/internal/workflow"
)

// maxBatch is the number of waiting inputs that share one commit.
const maxBatch = 256

// errGone answers deliveries to a runner that has stopped; the bus brings them again.
var errGone = errors.New("the runner of the execution has stopped")

// runner owns one claimed execution. Its fields belong to the goroutine of run, the channels excepted.
type runner struct {
	e     *Engine
	id    model.ExecutionID
	epoch int64
	inbox chan delivery
	poked chan struct{}
	gone  chan struct{}

	exec  *model.Execution
	graph *workflow.Run
	timer clockTimer
	// deployment and hosts are read once for each graph: who it is for, and on which host each instance is.
	deployment *model.Deployment
	hosts      map[model.InstanceID]model.InstanceID
	// awaited are the operations under way in the order of their dispatch, overdue looks at them now and then.
	awaited []awaited
	overdue clockTimer
	// pings are the questions to host agents that are not answered yet, by their address; pinging owns their goroutines,
	// which end when stopped is closed.
	pings   map[operation.Address]*ping
	pinged  chan pinged
	pinging sync.WaitGroup
	stopped chan struct{}
	// killed are the attempts that a kill found under way.
	killed []string
	// cancelled is the strongest cancel that was handed to the graph.
	cancelled model.ExecutionStatus
	// local are inputs that the runner itself produced, such as the failure to build an operation's inputs.
	local []workflow.Input
	// isAwaiting is set while the runner waits for the end of other executions.
	isAwaiting atomic.Bool
}

// delivery is an input from outside together with the channel on which its commit is answered.
type delivery struct {
	input workflow.Input
	// attempt is the message id of the attempt that a report is about.
	attempt string
	done    chan error
}

func newRunner(e *Engine, id model.ExecutionID, epoch int64) *runner {
	return &runner{
		e: e, id: id, epoch: epoch,
		inbox: make(chan delivery, maxBatch),
		poked: make(chan struct{}, 1),
		gone:  make(chan struct{}),
		pings: map[operation.Address]*ping{}, pinged: make(chan pinged), stopped: make(chan struct{}),
	}
}

// deliver hands a report to the runner and waits until it is committed.
func (r *runner) deliver(ctx context.Context, report *operation.Report) error {
	d := delivery{input: reportInput(report), attempt: report.Attempt, done: make(chan error, 1)}
	select {
	case r.inbox <- d:
	case <-r.gone:
		return errGone
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-d.done:
		return err
	case <-r.gone:
		return errGone
	case <-ctx.Done():
		return ctx.Err()
	}
}

// poke makes the runner read the status of its execution again.
func (r *runner) poke() {
	select {
	case r.poked <- struct{}{}:
	default:
	}
}

// update is store.Update behind the fence of this owner.
func (r *runner) update(ctx context.Context, fn func(store.Tx) error) error {
	return r.e.Store.Update(ctx, func(tx store.Tx) error {
		if err := tx.Fence(r.id, r.epoch); err != nil {
			return err
		}
		return fn(tx)
	})
}

// run takes the execution from wherever it stands to its end, or until ctx ends or a commit fails. A broken invariant in
// the pure code below fails this execution and nothing else.
func (r *runner) run(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			r.e.Log.Error("broken invariant in an execution", "execution", r.id, "panic", p, "stack", string(debug.Stack()))
			err = r.finish(ctx, workflow.End{Failure: &workflow.Failure{Message: fmt.Sprintf("internal error: %v", p)}})
		}
	}()
	defer r.stop()
	if err := r.reload(ctx); err != nil {
		return err
	}
	if r.exec.Status.Ended() || r.exec.Status.Waiting() {
		return nil
	}
	custom, err := r.customCode(ctx)
	if err != nil {
		return err
	}
	if custom != nil {
		return r.runCustom(ctx, *custom)
	}
	if r.exec.Status == model.ExecutionPending {
		if err := r.begin(ctx); err != nil {
			return err
		}
	}
	if sys, ok := r.e.System[r.exec.Workflow]; ok {
		return r.runSystem(ctx, sys)
	}
	if r.exec.Status.Cancelling() && r.exec.Progress.Step == 0 {
		return r.finish(ctx, workflow.End{Cancelled: true})
	}
	program, failure, err := r.program(ctx)
	if err != nil {
		return err
	}
	if failure != nil {
		return r.finish(ctx, workflow.End{Failure: failure})
	}
	return r.runProgram(ctx, program)
}

// stop ends what the runner started beside itself.
func (r *runner) stop() {
	r.timer.stop()
	r.overdue.stop()
	r.forgetPings()
	close(r.stopped)
	r.pinging.Wait()
}

// reload reads the execution as it is stored.
func (r *runner) reload(ctx context.Context) error {
	return r.e.Store.View(ctx, func(tx store.Reader) error {
		x, err := tx.Execution(r.id)
		if err != nil {
			return fmt.Errorf("read execution %s: %w", r.id, err)
		}
		r.exec = x
		return nil
	})
}

// program finds what the execution's workflow is mapped to. An error says nothing about the workflow.
func (r *runner) program(ctx context.Context) (workflow.Program, *workflow.Failure, error) {
	var declared model.Workflow
	err := r.e.Store.View(ctx, func(tx store.Reader) error {
		d, err := tx.Deployment(r.exec.Tenant, r.exec.Deployment)
		if err != nil {
			return err
		}
		declared = mapping(d, r.exec.Workflow)
		return nil
	})
	switch {
	case fault.Is(err, fault.NotFound):
		return nil, &workflow.Failure{Message: fmt.Sprintf("read the workflow %q of deployment %q: %v",
			r.exec.Workflow, r.exec.Deployment, err)}, nil
	case err != nil:
		return nil, nil, fmt.Errorf("read deployment %s: %w", r.exec.Deployment, err)
	}
	if p, ok := workflow.Find(declared.Plugin, declared.Operation); ok {
		return p, nil, nil
	}
	return nil, &workflow.Failure{Message: fmt.Sprintf("workflow %q is mapped to %s.%s, which is custom Python code; "+
		"this manager runs the built-in workflows only", r.exec.Workflow, declared.Plugin, declared.Operation)}, nil
}

// mapping is what a workflow name stands for: what the deployment declares, else what the manager itself knows (workflows,
// section 12).
func mapping(d *model.Deployment, name string) model.Workflow {
	if w, ok := d.Workflows[name]; ok {
		return w
	}
	return model.Workflow{Operation: name}
}

// runProgram runs phase after phase until the program says it is done.
func (r *runner) runProgram(ctx context.Context, program workflow.Program) error {
	end, err := r.resumePhase(ctx)
	for err == nil {
		var done bool
		end, done, err = r.nextPhase(ctx, program, end)
		if done || err != nil {
			return err
		}
		if end == nil {
			end, err = r.runGraph(ctx)
		}
	}
	return err
}

// resumePhase finishes the graph that an earlier owner was running; it returns nil when there was none.
func (r *runner) resumePhase(ctx context.Context) (*workflow.End, error) {
	if r.exec.Progress.Graph == "" {
		if r.exec.Progress.Step == 0 {
			return nil, nil
		}
		return r.changed(ctx)
	}
	var tasks []*model.Task
	err := r.e.Store.View(ctx, func(tx store.Reader) (err error) {
		tasks, err = tx.GraphTasks(r.exec.Progress.Graph)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the graph of execution %s: %w", r.id, err)
	}
	snap, err := r.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	if r.graph, err = workflow.NewRun(tasks, snap, r.runOptions()); err != nil {
		return &workflow.End{Failure: &workflow.Failure{Message: fmt.Sprintf("restore the task graph: %v", err)}}, nil
	}
	r.know(snap)
	batch := []delivery{{input: workflow.Begin{}}}
	if r.exec.Status.Cancelling() {
		r.cancelled = r.exec.Status
		batch = append(batch, delivery{input: workflow.Cancel{Force: r.cancelled != model.ExecutionCancelling}})
	}
	end, err := r.step(ctx, batch)
	if end != nil || err != nil {
		return end, err
	}
	return r.runGraph(ctx)
}

// nextPhase asks the program for the next phase and begins it. done says that the execution ended instead; a non-nil
// next is the end of a graph that had nothing to wait for.
func (r *runner) nextPhase(ctx context.Context, program workflow.Program, end *workflow.End) (
	next *workflow.End, done bool, err error,
) {
	for {
		snap, err := r.snapshot(ctx)
		if err != nil {
			return nil, false, err
		}
		st := r.state(snap, end)
		phase, err := program(st)
		if err != nil {
			return nil, true, r.finish(ctx, workflow.End{Failure: failureOf(err)})
		}
		if phase == nil {
			return nil, true, r.finish(ctx, workflow.End{Cancelled: st.Cancelled})
		}
		if phase.Graph != nil {
			next, err := r.beginGraph(ctx, phase, snap)
			return next, false, err
		}
		if err := r.applyChange(ctx, phase); err != nil {
			return nil, false, err
		}
		if end, err = r.changed(ctx); err != nil {
			return nil, false, err
		}
	}
}

func failureOf(err error) *workflow.Failure {
	var f *workflow.Failure
	if errors.As(err, &f) {
		return f
	}
	return &workflow.Failure{Message: err.Error()}
}

// runGraph feeds the running graph with what happens until it ends.
func (r *runner) runGraph(ctx context.Context) (*workflow.End, error) {
	for {
		batch, err := r.wait(ctx)
		if err != nil {
			return nil, err
		}
		if len(batch) == 0 {
			continue
		}
		end, err := r.step(ctx, batch)
		if end != nil || err != nil {
			return end, err
		}
	}
}

// wait blocks until something happened and returns what is there; nothing when it does not concern the graph.
func (r *runner) wait(ctx context.Context) ([]delivery, error) {
	var batch []delivery
	for _, in := range r.local {
		batch = append(batch, delivery{input: in})
	}
	r.local = nil
	if len(batch) == 0 {
		switch r.next() {
		case happenedPoke:
			return r.cancelInput(ctx)
		case happenedTimer:
			r.timer.stop()
			return []delivery{{input: workflow.Due{}}}, nil
		case happenedOverdue:
			return nil, r.sendAgain(ctx)
		}
		select {
		case p := <-r.pinged:
			return nil, r.answered(ctx, p)
		default:
		}
		if len(r.inbox) > 0 {
			return r.drain(r.accept(batch, <-r.inbox)), nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-r.timer.c():
			r.timer.stop()
			batch = append(batch, delivery{input: workflow.Due{}})
		case <-r.overdue.c():
			return nil, r.sendAgain(ctx)
		case <-r.poked:
			return r.cancelInput(ctx)
		case p := <-r.pinged:
			return nil, r.answered(ctx, p)
		case d := <-r.inbox:
			batch = r.accept(batch, d)
		}
	}
	return r.drain(batch), nil
}

// drain adds what else was delivered.
func (r *runner) drain(batch []delivery) []delivery {
	for len(batch) < maxBatch {
		select {
		case d := <-r.inbox:
			batch = r.accept(batch, d)
		default:
			return batch
		}
	}
	return batch
}

// What wait looks for before it takes whatever comes: a request to cancel and a time that has come must not stand back
// behind reports that never cease.
const (
	happenedNothing = iota
	happenedPoke
	happenedTimer
	happenedOverdue
)

// next takes what comes first of the things that have happened. Their order is fixed, so that a simulation replays.
func (r *runner) next() int {
	select {
	case <-r.poked:
		return happenedPoke
	default:
	}
	select {
	case <-r.timer.c():
		return happenedTimer
	default:
	}
	select {
	case <-r.overdue.c():
		return happenedOverdue
	default:
	}
	return happenedNothing
}

// accept adds a delivery to a batch unless it is the report of an attempt from before the execution was resumed: that
// task was begun anew, and its old end says nothing about the new attempt.
func (r *runner) accept(batch []delivery, d delivery) []delivery {
	_, _, serial, err := operation.ParseDispatchID(d.attempt)
	switch {
	case err == nil && serial < r.exec.TokenSerial:
		d.done <- nil
	case err == nil && serial > r.exec.TokenSerial:
		// This runner does not know yet that somebody else resumed the execution.
		d.done <- errNotHere
	default:
		batch = append(batch, d)
	}
	return batch
}

// cancelInput reads the status again and turns a new cancel request into an input.
func (r *runner) cancelInput(ctx context.Context) ([]delivery, error) {
	var status model.ExecutionStatus
	err := r.e.Store.View(ctx, func(tx store.Reader) error {
		x, err := tx.Execution(r.id)
		if err == nil {
			status = x.Status
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the status of execution %s: %w", r.id, err)
	}
	if !status.Cancelling() || status == r.cancelled {
		return nil, nil
	}
	r.cancelled = status
	r.exec.Status = status
	return []delivery{{input: workflow.Cancel{Force: status != model.ExecutionCancelling}}}, nil
}

// clockTimer is a timer that may be absent.
type clockTimer struct {
	t interface {
		C() <-chan time.Time
		Stop() bool
	}
}

func (t *clockTimer) c() <-chan time.Time {
	if t.t == nil {
		return nil
	}
	return t.t.C()
}

func (t *clockTimer) stop() {
	if t.t != nil {
		t.t.Stop()
		t.t = nil
	}
}
