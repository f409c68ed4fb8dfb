package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/reifyhq/reify/internal/change"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/store"
	"github.com/reifyhq/reify/internal/workflow"
)

// CustomWorkflow runs a workflow that is code outside of the manager. It owns the graph: it decides what is sent and what
// follows from an end; the engine sends, and records what executors report. It returns how the workflow ended. An error
// leaves the execution as it is, to be taken up again with Resume set; the end of ctx must be one.
type CustomWorkflow func(ctx context.Context, job CustomJob) (workflow.End, error)

// CustomJob is what a CustomWorkflow works on. Its functions and channels serve one call and are safe for concurrent use.
type CustomJob struct {
	Execution  *model.Execution
	Deployment *model.Deployment
	// Function is what the workflow is mapped to, Plugin the plan's entry of the plugin that holds it.
	Function string
	Plugin   model.PlanPlugin
	// Token is the execution token, in clear.
	Token    string
	RestHost []string
	RestPort int
	Settings workflow.Settings
	// Resume says that the workflow was started before.
	Resume bool
	// Started must be called when the code of the workflow is about to run. An error says that it must not, because the
	// execution was cancelled meanwhile.
	Started func(ctx context.Context) error
	// Send sends an operation, again if it was sent before: executors recognise it and answer again.
	Send func(ctx context.Context, o CustomOperation) error
	// Reports are the ends of operations, those that were sent by an earlier call included. They must be received.
	Reports <-chan *operation.Report
	// Cancels are the cancels of the execution as they are asked for, by increasing strength.
	Cancels <-chan model.ExecutionStatus
}

// CustomOperation is an operation of a custom workflow: its message as the owner of the graph wrote it, and where it goes.
type CustomOperation struct {
	ID            model.TaskID
	Queue, Target string
	Message       []byte
}

// custom is a custom workflow at work.
type custom struct {
	r       *runner
	serial  int
	reports chan *operation.Report
	cancels chan model.ExecutionStatus
	// out is how the workflow ended, set when done is closed.
	out  customEnd
	done chan struct{}
	// begins asks for the execution to be started.
	begins chan chan error

	mu sync.Mutex
	// silent are the operations under way; more is signalled when there is one more. told are those whose end the workflow
	// knows: reports come twice.
	silent map[model.TaskID]*silence
	more   chan struct{}
	told   map[model.TaskID]bool
}

type customEnd struct {
	end workflow.End
	err error
}

// silence is an operation under way and for how many intervals it may be silent until it is sent again.
type silence struct {
	operation      CustomOperation
	left, patience int
}

// customCode returns what the execution's workflow is mapped to when that is code outside of the manager, else nil.
func (r *runner) customCode(ctx context.Context) (*model.Workflow, error) {
	if _, ok := r.e.System[r.exec.Workflow]; ok || r.e.Custom == nil || r.exec.Deployment == "" {
		return nil, nil
	}
	var declared model.Workflow
	err := r.e.Store.View(ctx, func(tx store.Reader) error {
		d, err := tx.Deployment(r.exec.Tenant, r.exec.Deployment)
		if err == nil {
			declared = mapping(d, r.exec.Workflow)
		}
		return err
	})
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read deployment %s: %w", r.exec.Deployment, err)
	}
	if _, ok := workflow.Find(declared.Plugin, declared.Operation); ok {
		return nil, nil
	}
	return &declared, nil
}

// maxCancels is the number of strengths of a cancel.
const maxCancels = 3

// runCustom runs a workflow that is not built in and records its end.
func (r *runner) runCustom(ctx context.Context, declared model.Workflow) error {
	if r.exec.Status.Cancelling() {
		return r.finish(ctx, workflow.End{Cancelled: true})
	}
	job, err := r.customJob(ctx, declared)
	if err != nil {
		return err
	}
	c := &custom{
		r: r, serial: r.exec.TokenSerial, reports: make(chan *operation.Report), cancels: make(chan model.ExecutionStatus, maxCancels),
		done: make(chan struct{}), silent: map[model.TaskID]*silence{}, more: make(chan struct{}, 1), begins: make(chan chan error),
		told: map[model.TaskID]bool{},
	}
	job.Send, job.Reports, job.Cancels, job.Started = c.send, c.reports, c.cancels, c.started
	work, stop := context.WithCancel(ctx)
	defer func() {
		stop()
		<-c.done
	}()
	go func() {
		defer close(c.done)
		c.out = callCustom(work, r.e.Custom, job)
	}()
	if err := c.serve(ctx); err != nil {
		return err
	}
	if c.out.err != nil {
		return c.out.err
	}
	return r.finishCustom(ctx, c.out.end)
}

// finishCustom records the end of a custom workflow. After a kill or a force-cancel it does not matter what the workflow made
// of it: its token may have become worthless before it heard why.
func (r *runner) finishCustom(ctx context.Context, end workflow.End) error {
	if err := r.reload(ctx); err != nil {
		return err
	}
	if s := r.exec.Status; s == model.ExecutionKillCancelling || s == model.ExecutionForceCancelling {
		end = workflow.End{Cancelled: true}
	}
	return r.finish(ctx, end)
}

// callCustom turns a panic into the failure of the workflow.
func callCustom(ctx context.Context, run CustomWorkflow, job CustomJob) (out customEnd) {
	defer func() {
		if p := recover(); p != nil {
			out = customEnd{end: workflow.End{Failure: &workflow.Failure{Message: fmt.Sprintf("internal error: %v", p)}}}
		}
	}()
	end, err := run(ctx, job)
	return customEnd{end, err}
}

// customJob reads what the workflow needs.
func (r *runner) customJob(ctx context.Context, declared model.Workflow) (CustomJob, error) {
	x := *r.exec
	job := CustomJob{
		Execution: &x, Function: declared.Operation, Token: r.e.Token(r.exec), RestHost: r.e.RestHost, RestPort: r.e.RestPort,
		Settings: r.settings(), Resume: r.exec.Resume || r.exec.Progress.Step > 0,
	}
	err := r.e.Store.View(ctx, func(tx store.Reader) error {
		d, err := tx.Deployment(r.exec.Tenant, r.exec.Deployment)
		if err != nil {
			return err
		}
		job.Deployment = d
		job.Plugin, err = workflowPlugin(tx, d, declared.Plugin)
		return err
	})
	if err != nil {
		return job, fmt.Errorf("begin the custom workflow of execution %s: %w", r.id, err)
	}
	return job, nil
}

// workflowPlugin returns the plan's entry of a plugin of workflows; the name alone when the plan does not have it.
func workflowPlugin(tx store.Reader, d *model.Deployment, name string) (model.PlanPlugin, error) {
	p := model.PlanPlugin{Name: name}
	b, err := tx.Blueprint(d.Tenant, d.Blueprint)
	if fault.Is(err, fault.NotFound) {
		return p, nil
	}
	if err != nil {
		return p, err
	}
	var plan struct {
		Plugins []model.PlanPlugin `json:"workflow_plugins_to_install"`
	}
	if err := model.DecodeJSON(b.Plan, &plan); err != nil {
		return p, fmt.Errorf("read the plan of blueprint %s: %w", b.ID, err)
	}
	for _, entry := range plan.Plugins {
		if entry.Name == name {
			return entry, nil
		}
	}
	return p, nil
}

// serve passes on what happens until the workflow has ended.
func (c *custom) serve(ctx context.Context) error {
	r := c.r
	for {
		select {
		case <-c.done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-r.poked:
			batch, err := r.cancelInput(ctx)
			if err != nil {
				return err
			}
			if len(batch) > 0 {
				c.cancels <- r.cancelled
			}
		case reply := <-c.begins:
			reply <- c.begin(ctx)
		case <-c.more:
			c.watch()
		case <-r.overdue.c():
			if err := c.sendAgain(ctx); err != nil {
				return err
			}
		case d := <-r.inbox:
			if err := c.take(ctx, d); err != nil {
				return err
			}
		}
	}
}

// started is CustomJob.Started.
func (c *custom) started(ctx context.Context) error {
	reply := make(chan error, 1)
	select {
	case c.begins <- reply:
		return <-reply
	case <-ctx.Done():
		return ctx.Err()
	}
}

// begin starts the execution, and notes that its code runs: whoever finds it later resumes it.
func (c *custom) begin(ctx context.Context) error {
	r := c.r
	if r.exec.Status == model.ExecutionPending {
		if err := r.begin(ctx); err != nil {
			return err
		}
	}
	if r.exec.Status.Cancelling() {
		return fault.New(fault.InvalidExecutionUpdate, "Invalid relationship - can't change status from %s to started for \"%s\" execution "+
			"while running \"%s\" workflow.", r.exec.Status, r.id, r.exec.Workflow)
	}
	return r.update(ctx, func(tx store.Tx) error {
		x, err := tx.Execution(r.id)
		if err != nil {
			return err
		}
		x.Progress.Step = 1
		return tx.UpdateExecution(x)
	})
}

// take records a report and hands the end of an operation to the workflow, unless that has ended.
func (c *custom) take(ctx context.Context, d delivery) error {
	r := c.r
	if len(r.accept(nil, d)) == 0 {
		return nil
	}
	report, ok := d.report()
	if !ok {
		d.done <- nil
		return nil
	}
	if err := r.update(ctx, func(tx store.Tx) error { return c.note(tx, report) }); err != nil {
		return fmt.Errorf("record the report of task %s of execution %s: %w", report.Task, r.id, err)
	}
	if report.Kind == operation.ReportFinished && c.tells(report.Task) {
		select {
		case c.reports <- report:
		case <-c.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	d.done <- nil
	return nil
}

// note writes what a report says into the stored task; a task that its graph does not store is not known here.
func (c *custom) note(tx store.Tx, report *operation.Report) error {
	t, err := tx.Task(report.Task)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil || t.State.Ended() {
		return err
	}
	x, err := tx.Execution(c.r.id)
	if err != nil {
		return err
	}
	enter := func(state model.TaskState) error {
		u := change.TaskUpdate{State: state, ManagerName: c.r.e.Owner}
		return change.SetTaskState(tx, x, t, u, c.r.e.Clock.Now())
	}
	// The end may overtake the start.
	if t.State != model.TaskStarted && t.State != model.TaskResponseSent {
		if err := enter(model.TaskStarted); err != nil {
			return err
		}
	}
	if report.Kind != operation.ReportFinished || t.State == model.TaskResponseSent {
		return nil
	}
	return enter(model.TaskResponseSent)
}

// send is CustomJob.Send.
func (c *custom) send(ctx context.Context, o CustomOperation) error {
	c.mu.Lock()
	c.silent[o.ID] = &silence{o, 2, 2}
	delete(c.told, o.ID)
	c.mu.Unlock()
	select {
	case c.more <- struct{}{}:
	default:
	}
	err := c.publish(ctx, o)
	if err != nil {
		c.forget(o.ID)
	}
	return err
}

// tells notes that the workflow is told the end of an operation; false when it was told already.
func (c *custom) tells(id model.TaskID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.silent, id)
	isNew := !c.told[id]
	c.told[id] = true
	return isNew
}

func (c *custom) forget(id model.TaskID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.silent, id)
}

func (c *custom) publish(ctx context.Context, o CustomOperation) error {
	e := c.r.e
	address := operation.Address(operation.CentralQueue)
	if o.Queue != operation.CentralQueue {
		address = operation.AgentAddress(c.r.exec.Tenant, o.Queue)
		ping, stop := context.WithTimeout(ctx, pingWait)
		defer stop()
		if _, err := e.Bus.Request(ping, address.PingTopic(), nil); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return &operation.Error{Task: operation.Place{Target: o.Target}.Unreachable()}
		}
	}
	return e.Bus.Send(ctx, address.TaskQueue(), operation.DispatchID(c.r.id, o.ID, c.serial), o.Message)
}

// watch keeps the timer running as long as anything is awaited.
func (c *custom) watch() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.r.overdue.t == nil && len(c.silent) > 0 {
		c.r.overdue.t = c.r.e.Clock.NewTimer(c.r.e.Overdue)
	}
}

// sendAgain sends the operations that were silent for too long; see awaited.
func (c *custom) sendAgain(ctx context.Context) error {
	c.r.overdue.stop()
	for _, o := range c.late() {
		c.r.e.Log.Warn("send an operation again that nothing was heard of", "execution", c.r.id, "task", o.ID)
		var unreachable *operation.Error
		if err := c.publish(ctx, o); err != nil && !errors.As(err, &unreachable) {
			return err
		}
	}
	c.watch()
	return nil
}

// late returns the operations whose time of silence is over, in the order of their ids.
func (c *custom) late() []CustomOperation {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []CustomOperation
	for _, id := range slices.Sorted(maps.Keys(c.silent)) {
		s := c.silent[id]
		if s.left--; s.left == 0 {
			s.patience = min(2*s.patience, longestSilence)
			s.left = s.patience
			out = append(out, s.operation)
		}
	}
	return out
}

// report returns what a delivery of a report says.
func (d delivery) report() (*operation.Report, bool) {
	switch in := d.input.(type) {
	case workflow.Started:
		return &operation.Report{Kind: operation.ReportStarted, Task: in.Task, Attempt: d.attempt}, true
	case workflow.Finished:
		return &operation.Report{
			Kind: operation.ReportFinished, Task: in.Task, Attempt: d.attempt,
			Result: &operation.Result{Value: json.RawMessage(in.Result), Err: in.Err},
		}, true
	}
	return nil, false
}
