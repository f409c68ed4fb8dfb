package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/reifyhq/reify/internal/bus"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/script"
)

// errRunning sends a message back to the queue whose attempt is running already.
var errRunning = errors.New("the attempt is running")

// attempt is one run of one task.
type attempt struct {
	id string
	// delivery counts the deliveries of the message; 0 sends reports that are never taken for repetitions.
	delivery  int
	execution model.ExecutionID
	task      model.TaskID
	message   *operation.Message
	manager   Manager
	cancel    context.CancelCauseFunc
	// resumed is set when a predecessor started the attempt and did not finish it.
	resumed bool
	// isLast is set when the agent ends after this attempt.
	isLast bool
	// waits is set when the attempt holds no slot.
	waits bool
}

// key says what the attempt is of, whatever its dispatch.
func (t *attempt) key() string {
	if t.task == "" {
		return t.id
	}
	return string(t.execution) + "/" + string(t.task)
}

// handle is one delivery of a task message, in the order of operations, section 2. A nil error acknowledges it. life is
// the life of the agent, ctx that of the delivery.
func (a *Agent) handle(life, ctx context.Context, m bus.Message) error {
	t := &attempt{id: m.ID, delivery: m.Deliveries}
	message, err := operation.DecodeMessage(m.Data)
	if err == nil {
		t.message, t.execution, t.task = message, message.Context.ExecutionID, message.Context.TaskID
	}
	if execution, task, _, idErr := operation.ParseDispatchID(m.ID); idErr == nil {
		t.execution, t.task = execution, task
	} else if t.id == "" && err == nil {
		t.id = operation.DispatchID(t.execution, t.task, 0)
	}
	if err != nil {
		return a.refuse(ctx, t, err)
	}
	if message.Address != "" && message.Address != a.o.Queue {
		// Who sent it is not the manager, so nobody waits for an answer.
		a.log.Error("ignored a task message for another agent", "id", t.id, "address", message.Address)
		return nil
	}
	t.waits = a.functions[message.Context.TaskName].Waits
	if t.waits {
		ctx = life
	}
	inner, cancel := context.WithCancelCause(ctx)
	t.cancel = cancel
	if !a.running.begin(t, a.o.Clock.Now()) {
		cancel(nil)
		return errRunning
	}
	if t.waits {
		a.waiting.Go(func() { a.wait(ctx, inner, t) })
		return nil
	}
	defer cancel(nil)
	defer a.running.end(t)
	err = a.attempt(ctx, inner, t)
	if err == nil && t.isLast {
		a.quit(errStopped)
	}
	return err
}

// reportAgain is how long a waiting attempt lets pass before it tries again to report.
const reportAgain = time.Second

// wait runs an attempt whose message is acknowledged already: the engine sends again what this agent forgot when it died,
// and the journal knows what was done. As nobody else brings the attempt back, it insists on being reported.
func (a *Agent) wait(ctx, inner context.Context, t *attempt) {
	defer t.cancel(nil)
	defer a.running.end(t)
	for {
		err := a.attempt(ctx, inner, t)
		if err == nil || ctx.Err() != nil {
			return
		}
		a.log.Warn("an operation that waits could not go on; trying again", "attempt", t.id, "error", err)
		timer := a.o.Clock.NewTimer(reportAgain)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C():
		}
	}
}

// refuse answers a message that cannot be read; when it does not even say whose it is, nobody waits for an answer.
func (a *Agent) refuse(ctx context.Context, t *attempt, why error) error {
	a.log.Error("unreadable task message", "id", t.id, "error", why)
	if t.execution == "" || t.task == "" {
		return nil
	}
	return a.report(ctx, t, operation.ReportFinished, operation.Fail(operation.NonRecoverable("%v", why)))
}

// attempt runs an attempt that nobody else is running. outer is the life of the agent, ctx that of the attempt.
func (a *Agent) attempt(outer, ctx context.Context, t *attempt) error {
	switch past := a.journal.lookup(t.id); {
	case past.dropped && past.token == t.token():
		return nil
	case past.result != nil:
		// Somebody asks again, so the answer must not be taken for a repetition of the first one.
		t.delivery = 0
		return a.report(outer, t, operation.ReportFinished, *past.result)
	default:
		t.resumed = past.started
	}
	t.manager = a.o.ManagerFor(t.message)
	status, err := t.manager.ExecutionStatus(ctx, t.execution)
	switch {
	case outer.Err() != nil:
		return outer.Err()
	case ctx.Err() != nil, fault.Is(err, fault.Unauthorized),
		status == model.ExecutionCancelled, status == model.ExecutionKillCancelling:
		return a.drop(t)
	case err != nil:
		return a.finish(outer, t, operation.Fail(operation.Exception("CloudifyClientError", "read execution %s: %v", t.execution, err)))
	}
	f, problem := a.find(t)
	if problem != nil {
		return a.finish(outer, t, operation.Fail(problem))
	}
	if err := a.begin(outer, t, f); err != nil {
		return err
	}
	result := a.run(outer, ctx, t, f)
	switch {
	case outer.Err() != nil:
		return outer.Err()
	case ctx.Err() != nil:
		return a.drop(t)
	}
	if result.Err != nil {
		result.Err = operation.WithCause(result.Err)
	}
	return a.finish(outer, t, result)
}

// find returns the function of the task, or why it cannot run.
func (a *Agent) find(t *attempt) (Function, *model.TaskError) {
	name := t.message.Context.TaskName
	f, ok := a.functions[name]
	if !ok && a.o.Find != nil {
		f, ok = a.o.Find(t.message)
	}
	if !ok && a.o.Plugins != nil {
		f, ok = Function{Run: runPython, Resumable: true}, true
	}
	plugin := t.message.Context.Plugin.Name
	if plugin == "" {
		plugin = name
	}
	switch resume := t.resumed || t.message.Context.Resume; {
	case !ok:
		return f, operation.NonRecoverable("Plugin was not installed: %s (task %s). Upload a plugin that provides it, "+
			"or use a script; this executor runs %s without plugins", plugin, name, script.Function)
	case resume && !f.Resumable:
		return f, operation.NonRecoverable("Cannot resume - operation not resumable: %s", name)
	}
	return f, nil
}

// begin notes and reports that the attempt runs. Functions that start no process need no note: they leave nothing.
func (a *Agent) begin(ctx context.Context, t *attempt, f Function) error {
	if !f.Instant {
		if err := a.journal.start(t.id, nil); err != nil {
			return err
		}
	}
	return a.report(ctx, t, operation.ReportStarted, operation.Result{})
}

// run evaluates the inputs and calls the function, with its log lines on their way to the manager before it returns.
func (a *Agent) run(outer, ctx context.Context, t *attempt, f Function) operation.Result {
	logs := newLogs(outer, a.o.Clock, a.log, t.manager.PostEvents, a.batch(t))
	defer logs.close()
	message := *t.message
	message.Context.Resume = message.Context.Resume || t.resumed
	if message.Context.HasFunctions {
		kwargs, err := t.manager.Evaluate(ctx, message.Context.DeploymentID, script.ScopeOf(&message.Context), message.Kwargs)
		if err != nil {
			return operation.Fail(operation.Exception("CloudifyClientError", "evaluate inputs: %v", err))
		}
		message.Kwargs, message.Context.HasFunctions = kwargs, false
	}
	return call(ctx, f, &Operation{Message: &message, Manager: t.manager, Emit: logs.add, agent: a, attempt: t})
}

// call runs the function; a broken one fails its own attempt and no other.
func call(ctx context.Context, f Function, op *Operation) (result operation.Result) {
	defer func() {
		if r := recover(); r != nil {
			result = operation.Fail(operation.NonRecoverable("internal error in %s: %v", op.Message.Context.TaskName, r))
		}
	}()
	return f.Run(ctx, op)
}

// batch is the frame of the log batches of an attempt.
func (a *Agent) batch(t *attempt) script.Batch {
	b := script.Batch{ExecutionID: t.execution}
	if a.o.Queue == operation.CentralQueue {
		b.ManagerName = &a.o.Name
	} else {
		b.AgentName = &a.o.Name
	}
	return b
}

// drop forgets an attempt that nobody wants to hear of.
func (a *Agent) drop(t *attempt) error {
	a.log.Info("dropped operation", "attempt", t.id)
	if err := a.journal.drop(t.id, t.token()); err != nil {
		return err
	}
	a.tellKilled([]string{t.id})
	return nil
}

// token is the hash of the execution token. A resumed execution has a new one, so that what was dropped for the old one
// is run for the new.
func (t *attempt) token() string {
	sum := sha256.Sum256([]byte(t.message.Context.ExecutionToken))
	return hex.EncodeToString(sum[:8])
}

func (a *Agent) finish(ctx context.Context, t *attempt, result operation.Result) error {
	if err := a.journal.finish(t.id, result); err != nil {
		return err
	}
	return a.report(ctx, t, operation.ReportFinished, result)
}

// largeReport is the size in bytes from which a report that cannot be sent is taken to be too large for the broker.
const largeReport = 512 << 10

// report sends a report to the engine. A result that the broker does not take for its size fails the attempt: sending it
// again and again would leave the execution waiting for ever.
func (a *Agent) report(ctx context.Context, t *attempt, kind operation.ReportKind, result operation.Result) error {
	r := &operation.Report{Kind: kind, Execution: t.execution, Task: t.task, Attempt: t.id, Executor: a.o.Name}
	if t.message != nil {
		r.Key = t.message.ReportKey
	}
	if kind == operation.ReportFinished {
		r.Result = &result
	}
	size, err := a.send(ctx, t, r)
	if err == nil || kind != operation.ReportFinished || size < largeReport || ctx.Err() != nil {
		return err
	}
	failed := operation.Fail(operation.NonRecoverable("The result of %d bytes could not be sent to the manager: %v", size, err))
	r.Result = &failed
	_, err = a.send(ctx, t, r)
	return err
}

// send sends a report and returns its size in bytes.
func (a *Agent) send(ctx context.Context, t *attempt, r *operation.Report) (int, error) {
	data, err := r.Encode()
	if err != nil {
		return 0, err
	}
	id := ""
	if t.delivery > 0 {
		id = r.MessageID(t.delivery)
	}
	if err := a.o.Bus.Send(ctx, operation.ResultsQueue, id, data); err != nil {
		return len(data), fmt.Errorf("report attempt %s as %s: %w", t.id, r.Kind, err)
	}
	return len(data), nil
}
