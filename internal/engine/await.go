package engine

import (
	"context"
	"fmt"

	"github.com/reifyhq/reify/internal/auth"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
	"github.com/reifyhq/reify/internal/workflow"
)

// startWorkflow starts another workflow on the same deployment beside this execution; the phase waits for its end.
func (r *runner) startWorkflow(tx store.Tx, args workflow.WorkflowArgs) (outcome, error) {
	d, err := tx.Deployment(r.exec.Tenant, r.exec.Deployment)
	if err != nil {
		return outcome{}, err
	}
	x, err := r.child(tx, d, args.Workflow, args.Parameters, model.ExecutionPending)
	if err != nil {
		return outcome{}, err
	}
	return outcome{awaits: []model.ExecutionID{x.ID}}, nil
}

// startServices starts a workflow on every deployment that names this one as its parent. One that is busy is queued: it
// starts when its turn comes, like any other.
func (r *runner) startServices(tx store.Tx, args workflow.ServicesArgs) (outcome, error) {
	children, err := tx.Children(r.exec.Tenant, r.exec.Deployment)
	if err != nil {
		return outcome{}, fmt.Errorf("find the services of deployment %s: %w", r.exec.Deployment, err)
	}
	active, err := activeNow(tx)
	if err != nil {
		return outcome{}, err
	}
	var out outcome
	for _, d := range children {
		status := model.ExecutionPending
		if active.busy[string(d.Tenant)+"/"+string(d.ID)] {
			status = model.ExecutionQueued
		}
		x, err := r.child(tx, d, args.Workflow, args.Parameters, status)
		if err != nil {
			return outcome{}, err
		}
		out.awaits = append(out.awaits, x.ID)
	}
	return out, nil
}

// child stores an execution that this one waits for, in the name of the same user.
func (r *runner) child(tx store.Tx, d *model.Deployment, name string, given model.Document, status model.ExecutionStatus) (
	*model.Execution, error,
) {
	declared, ok := d.Workflows[name]
	if !ok {
		return nil, fault.New(fault.NonexistentWorkflow, "Workflow %s does not exist in the deployment %s", name, d.ID)
	}
	parameters, err := workflow.MergeParameters(name, declared, given, true)
	if err != nil {
		return nil, err
	}
	x := &model.Execution{
		Resource: model.Resource{Tenant: d.Tenant, CreatedBy: r.exec.CreatedBy, CreatedAt: r.e.Clock.Now(), Visibility: d.Visibility},
		ID:       model.ExecutionID(r.e.NewID()), Workflow: name, Deployment: d.ID, Blueprint: d.Blueprint, Status: status,
		Parameters: parameters, AllowCustomParameters: true, Force: true, IsDryRun: r.exec.IsDryRun, TokenSerial: 1,
	}
	x.TokenHash = auth.HashToken(r.e.Token(x))
	return x, tx.InsertExecution(x)
}

// changed is the end of a change phase: at once, or when everything it waits for has ended.
func (r *runner) changed(ctx context.Context) (*workflow.End, error) {
	r.isAwaiting.Store(len(r.exec.Progress.Awaits) > 0)
	defer r.isAwaiting.Store(false)
	for {
		end, err := r.changeEnd(ctx)
		if end != nil || err != nil {
			return end, err
		}
		batch, err := r.cancelInput(ctx)
		if err != nil {
			return nil, err
		}
		if len(batch) > 0 || r.exec.Status.Cancelling() {
			return &workflow.End{Cancelled: true}, nil
		}
		timer := r.e.Clock.NewTimer(scanInterval)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		case <-timer.C():
		case <-r.poked:
			timer.Stop()
		case d := <-r.inbox:
			timer.Stop()
			d.done <- nil
		}
	}
}

// changeEnd returns the end of a change phase, nil while one of the executions it waits for goes on. The first of them that
// did not succeed is the failure of the phase.
func (r *runner) changeEnd(ctx context.Context) (end *workflow.End, err error) {
	p := r.exec.Progress
	if p.Failure != nil {
		return &workflow.End{Failure: &workflow.Failure{Message: p.Failure.Message, Causes: p.Failure.Causes}}, nil
	}
	end = &workflow.End{Cancelled: r.exec.Status.Cancelling()}
	if len(p.Awaits) == 0 {
		return end, nil
	}
	err = r.e.Store.View(ctx, func(tx store.Reader) error {
		for _, id := range p.Awaits {
			x, err := tx.Execution(id)
			if fault.Is(err, fault.NotFound) {
				continue
			}
			if err != nil {
				return err
			}
			switch {
			case !x.Status.Ended():
				end = nil
				return nil
			case x.Status != model.ExecutionTerminated && end.Failure == nil:
				end.Failure = &workflow.Failure{Message: fmt.Sprintf("Execution %s of workflow '%s' on deployment %s ended %s%s",
					x.ID, x.Workflow, x.Deployment, x.Status, afterColon(x.Error))}
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look at the executions that execution %s waits for: %w", r.id, err)
	}
	return end, nil
}

func afterColon(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}
