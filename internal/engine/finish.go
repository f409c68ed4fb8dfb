package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/reifyhq/reify/internal/change"
	"github.com/reifyhq/reify/internal/dependency"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
	"github.com/reifyhq/reify/internal/workflow"
)

// trimRows is how many rows one update of a deletion removes.
const trimRows = 1000

// begin writes that the execution started, in one transaction with its first event and its deployment's status.
func (r *runner) begin(ctx context.Context) error {
	now := r.e.Clock.Now()
	err := r.update(ctx, func(tx store.Tx) error {
		x, err := tx.Execution(r.id)
		if err != nil {
			return err
		}
		if x.Status != model.ExecutionPending {
			r.exec = x
			return nil
		}
		x.Status, x.StartedAt = model.ExecutionStarted, now
		if err := tx.UpdateExecution(x); err != nil {
			return err
		}
		if err := r.noteStarted(tx, x, now); err != nil {
			return err
		}
		if err := r.e.changed(tx, x, now); err != nil {
			return err
		}
		r.exec = x
		return nil
	})
	if err != nil {
		return fmt.Errorf("start execution %s: %w", r.id, err)
	}
	return nil
}

func (r *runner) noteStarted(tx store.Tx, x *model.Execution, now time.Time) error {
	verb := "Starting"
	if x.Resume {
		verb = "Resuming"
	}
	text := fmt.Sprintf("%s '%s' workflow execution%s", verb, x.Workflow, drySuffix(x))
	if err := tx.InsertEvents([]*model.Event{r.workflowEvent(x, now, model.EventWorkflowStarted, text)}); err != nil {
		return err
	}
	if x.Deployment == "" {
		return nil
	}
	d, err := tx.Deployment(x.Tenant, x.Deployment)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	d.LatestExecution = x.ID
	return dependency.Settle(tx, d, x.Status)
}

func drySuffix(x *model.Execution) string {
	if x.IsDryRun {
		return " (dry run)"
	}
	return ""
}

func (r *runner) workflowEvent(x *model.Execution, now time.Time, t model.EventType, text string) *model.Event {
	return &model.Event{
		Tenant: x.Tenant, CreatedBy: x.CreatedBy, Visibility: x.Visibility, Kind: model.KindEvent, Execution: x.ID,
		Timestamp: now, Reported: now, Message: text, EventType: t, ManagerName: r.e.Owner,
	}
}

// finish writes the end of the execution: event, status, deployment statuses, and the queued executions whose turn it is.
func (r *runner) finish(ctx context.Context, end workflow.End) error {
	if err := r.emptyDeployment(ctx, end); err != nil {
		return fmt.Errorf("empty deployment %s: %w", r.exec.Deployment, err)
	}
	var woken []model.ExecutionID
	retarget, end, err := r.targets(ctx, end)
	if err != nil {
		return err
	}
	err = r.update(ctx, func(tx store.Tx) error {
		woken = nil
		now := r.e.Clock.Now()
		x, err := tx.Execution(r.id)
		if err != nil || x.Status.Ended() {
			return err
		}
		if err := retarget(tx); err != nil {
			var refused *fault.Error
			if !errors.As(err, &refused) {
				return err
			}
			if end.Failure == nil && !end.Cancelled {
				end.Failure = dependencyFailure(x.Deployment, refused)
			}
		}
		event := r.conclude(x, end, now)
		if err := tx.InsertEvents([]*model.Event{event}); err != nil {
			return err
		}
		if err := tx.UpdateExecution(x); err != nil {
			return err
		}
		if err := r.e.changed(tx, x, now); err != nil {
			return err
		}
		if err := settleDeployment(tx, dependency.Env{Now: now, NewID: r.e.NewID}, x); err != nil {
			return err
		}
		if id, _ := x.Parameters["update_id"].(string); x.Workflow == model.WorkflowUpdate && x.Status != model.ExecutionTerminated {
			if err := change.FailUpdate(tx, x.Tenant, model.UpdateID(id)); err != nil {
				return err
			}
		}
		woken, err = r.e.dequeue(tx)
		r.exec = x
		return err
	})
	if err != nil {
		return fmt.Errorf("end execution %s: %w", r.id, err)
	}
	r.e.keepKilling(r.id, r.exec.TokenSerial, r.killed)
	r.e.notify(TopicEnded, r.id)
	for _, id := range woken {
		r.e.notify(TopicWake, id)
	}
	return nil
}

// targets computes what the deployment depends on now that the execution changed it (workflows, section 8.9). When that
// cannot be computed the execution fails.
func (r *runner) targets(ctx context.Context, end workflow.End) (func(store.Tx) error, workflow.End, error) {
	nothing := func(store.Tx) error { return nil }
	if r.e.Targets == nil || r.exec.Deployment == "" || r.exec.Workflow == model.WorkflowDeleteEnvironment {
		return nothing, end, nil
	}
	retarget, err := r.e.Targets(ctx, r.exec.Tenant, r.exec.Deployment)
	var refused *fault.Error
	switch {
	case err == nil:
		return retarget, end, nil
	case errors.As(err, &refused):
		if end.Failure == nil && !end.Cancelled {
			end.Failure = dependencyFailure(r.exec.Deployment, refused)
		}
		return nothing, end, nil
	}
	return nil, end, fmt.Errorf("compute the dependencies of deployment %s: %w", r.exec.Deployment, err)
}

func dependencyFailure(d model.DeploymentID, err error) *workflow.Failure {
	return &workflow.Failure{Message: fmt.Sprintf("Failed updating dependencies of deployment %s: %v", d, err)}
}

// notify is a hint that nobody depends on, so its failure only shows in the log.
func (e *Engine) notify(topic string, id model.ExecutionID) {
	if err := e.Bus.Notify(topic, []byte(id)); err != nil {
		e.Log.Warn("notify; readers find out by themselves a little later", "topic", topic, "error", err)
	}
}

// conclude sets the end status and returns the event that tells of it. An execution that was asked to cancel never
// becomes terminated (rest-model, section 3.3).
func (r *runner) conclude(x *model.Execution, end workflow.End, now time.Time) *model.Event {
	x.EndedAt = now
	name := fmt.Sprintf("'%s' workflow execution", x.Workflow)
	switch {
	case end.Failure != nil:
		x.Status, x.Error = model.ExecutionFailed, end.Failure.Message
		if end.Failure.Detail != "" {
			x.Error = end.Failure.Detail
		}
		ev := r.workflowEvent(x, now, model.EventWorkflowFailed, name+" failed: "+end.Failure.Message+drySuffix(x))
		ev.ErrorCauses = end.Failure.Causes
		return ev
	case !deletes(x) && (end.Cancelled || x.Status.Cancelling()):
		x.Status = model.ExecutionCancelled
		return r.workflowEvent(x, now, model.EventWorkflowCancelled, name+" cancelled")
	default:
		x.Status = model.ExecutionTerminated
		return r.workflowEvent(x, now, model.EventWorkflowSucceeded, name+" succeeded"+drySuffix(x))
	}
}

// deletes reports whether an execution has begun to delete its deployment. From then on there is no way back: a cancel comes
// too late.
func deletes(x *model.Execution) bool {
	return x.Workflow == model.WorkflowDeleteEnvironment && x.Progress.Step > 0
}

// emptyDeployment removes in slices what a deployment holds that the end of this execution deletes, so that nobody waits
// long for his own writes. The execution notes first that it has begun; after a crash it goes on.
func (r *runner) emptyDeployment(ctx context.Context, end workflow.End) error {
	if r.exec.Workflow != model.WorkflowDeleteEnvironment || end.Cancelled {
		return nil
	}
	if force, _ := r.exec.Parameters["force"].(bool); end.Failure != nil && !force {
		return nil
	}
	isGoing := false
	err := r.update(ctx, func(tx store.Tx) error {
		x, err := tx.Execution(r.id)
		if err != nil {
			return err
		}
		if isGoing = deletes(x); isGoing || x.Status.Ended() || x.Status.Cancelling() {
			return nil
		}
		isGoing = true
		x.Progress.Step = 1
		return tx.UpdateExecution(x)
	})
	for removed := 1; err == nil && isGoing && removed > 0; {
		err = r.update(ctx, func(tx store.Tx) (err error) {
			removed, err = tx.TrimDeployment(r.exec.Tenant, r.exec.Deployment, trimRows)
			return err
		})
	}
	return err
}

// settleDeployment recomputes the statuses of the execution's deployment, or removes the deployment when the execution
// was the one to do so (rest-model, sections 3.2 and 3.3).
func settleDeployment(tx store.Tx, env dependency.Env, x *model.Execution) error {
	if x.Deployment == "" {
		return nil
	}
	d, err := tx.Deployment(x.Tenant, x.Deployment)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if x.Workflow == model.WorkflowDeleteEnvironment {
		force, _ := x.Parameters["force"].(bool)
		if x.Status == model.ExecutionTerminated || x.Status == model.ExecutionFailed && force {
			return dependency.Leave(tx, env, x.Tenant, x.Deployment)
		}
	}
	states, err := tx.InstanceStates(x.Tenant, x.Deployment)
	if err != nil {
		return err
	}
	d.InstallationStatus = model.InstallationActive
	for state, n := range states {
		if state != model.InstanceStarted && n > 0 {
			d.InstallationStatus = model.InstallationInactive
		}
	}
	return dependency.Settle(tx, d, x.Status)
}
