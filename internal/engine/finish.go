package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/reifyhq/reify/internal/change"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
	"github.com/reifyhq/reify/internal/workflow"
)

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
	d.LatestExecution, d.Status = x.ID, model.DeploymentInProgress
	return tx.UpdateDeployment(d)
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
	var woken []model.ExecutionID
	err := r.update(ctx, func(tx store.Tx) error {
		woken = nil
		now := r.e.Clock.Now()
		x, err := tx.Execution(r.id)
		if err != nil || x.Status.Ended() {
			return err
		}
		event := r.conclude(x, end, now)
		if err := tx.InsertEvents([]*model.Event{event}); err != nil {
			return err
		}
		if err := tx.UpdateExecution(x); err != nil {
			return err
		}
		if err := settleDeployment(tx, x); err != nil {
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
	r.e.notify(TopicEnded, r.id)
	for _, id := range woken {
		r.e.notify(TopicWake, id)
	}
	return nil
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
	case end.Cancelled || x.Status.Cancelling():
		x.Status = model.ExecutionCancelled
		return r.workflowEvent(x, now, model.EventWorkflowCancelled, name+" cancelled")
	default:
		x.Status = model.ExecutionTerminated
		return r.workflowEvent(x, now, model.EventWorkflowSucceeded, name+" succeeded"+drySuffix(x))
	}
}

// settleDeployment recomputes the statuses of the execution's deployment, or removes the deployment when the execution
// was the one to do so (rest-model, sections 3.2 and 3.3).
func settleDeployment(tx store.Tx, x *model.Execution) error {
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
			return tx.DeleteDeployment(x.Tenant, x.Deployment)
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
	d.Status = model.DeploymentGood
	if d.InstallationStatus == model.InstallationInactive || x.Status == model.ExecutionFailed {
		d.Status = model.DeploymentRequiresAttention
	}
	return tx.UpdateDeployment(d)
}
