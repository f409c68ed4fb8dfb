package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/reifyhq/reify/internal/change"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
	"github.com/reifyhq/reify/internal/workflow"
)

// outcome is what a change left behind.
type outcome struct {
	result json.RawMessage
	// awaits are the executions that have to end before the change is done.
	awaits []model.ExecutionID
}

// applier applies one change inside the transaction of its phase; it may run more than once.
type applier func(tx store.Tx) (outcome, error)

// applyChange applies a model change and the progress that goes with it in one transaction. A change that is refused is a
// failure of its phase, which is stored in its place: the program hears of it even after a crash.
func (r *runner) applyChange(ctx context.Context, p *workflow.Phase) error {
	progress := model.Progress{Step: r.exec.Progress.Step + 1, Cursor: p.Cursor}
	apply, err := r.applier(ctx, p.Change)
	if err == nil {
		err = r.advanceTo(ctx, p, func(tx store.Tx) (model.Progress, error) {
			out, err := apply(tx)
			progress.Result, progress.Awaits = out.result, out.awaits
			return progress, err
		})
	}
	var refused *fault.Error
	if errors.As(err, &refused) && !errors.Is(err, store.ErrFenced) {
		failed := model.Progress{Step: progress.Step, Cursor: p.Cursor, Failure: &model.PhaseFailure{Message: refused.Message}}
		err = r.advanceTo(ctx, p, func(store.Tx) (model.Progress, error) { return failed, nil })
	}
	if err != nil {
		return fmt.Errorf("apply %q to deployment %s: %w", p.Change.Kind, r.exec.Deployment, err)
	}
	for _, id := range r.exec.Progress.Awaits {
		r.e.notify(TopicWake, id)
	}
	return nil
}

// advanceTo writes the progress that fn decides on together with what fn does.
func (r *runner) advanceTo(ctx context.Context, p *workflow.Phase, fn func(store.Tx) (model.Progress, error)) error {
	var progress model.Progress
	err := r.update(ctx, func(tx store.Tx) (err error) {
		if progress, err = fn(tx); err != nil {
			return err
		}
		x, err := tx.Execution(r.id)
		if err != nil {
			return err
		}
		x.Progress = progress
		if err := tx.UpdateExecution(x); err != nil {
			return err
		}
		return r.record(tx, workflow.Effects{Logs: p.Logs})
	})
	if err == nil {
		r.exec.Progress = progress
	}
	return err
}

// applier prepares a change: what takes time happens here, what it writes happens in the function it returns.
func (r *runner) applier(_ context.Context, c *workflow.Change) (applier, error) {
	switch c.Kind {
	case workflow.ChangePatch:
		return applies(c, r.patch)
	case workflow.ChangeModificationStart:
		return applies(c, r.startModification)
	case workflow.ChangeModificationFinish, workflow.ChangeModificationRollback:
		return applies(c, func(tx store.Tx, args workflow.ModificationArgs) (outcome, error) {
			end := change.FinishModification
			if c.Kind == workflow.ChangeModificationRollback {
				end = change.RollbackModification
			}
			_, err := end(tx, r.env(), r.exec.Tenant, model.ModificationID(args.ID))
			return outcome{}, err
		})
	}
	return nil, fault.New(fault.IllegalAction, "this manager cannot apply the model change %q", c.Kind)
}

// applies reads the arguments of a change and hands them to fn.
func applies[T any](c *workflow.Change, fn func(store.Tx, T) (outcome, error)) (applier, error) {
	var args T
	if err := model.DecodeJSON(c.Args, &args); err != nil {
		return nil, fmt.Errorf("read the arguments of the change %q: %w", c.Kind, err)
	}
	return func(tx store.Tx) (outcome, error) { return fn(tx, args) }, nil
}

func (r *runner) env() change.Env {
	return change.Env{Now: r.e.Clock.Now(), NewID: r.e.NewID, NewInstanceID: r.e.NewInstanceID}
}

func (r *runner) patch(tx store.Tx, args workflow.PatchArgs) (outcome, error) {
	for _, p := range args.Patches {
		if err := r.patchInstance(tx, p); err != nil {
			return outcome{}, err
		}
	}
	return outcome{}, nil
}

func (r *runner) startModification(tx store.Tx, args workflow.ModificationStartArgs) (outcome, error) {
	m, err := change.StartModification(tx, r.env(), change.NewModification{
		Tenant: r.exec.Tenant, CreatedBy: r.exec.CreatedBy, Deployment: r.exec.Deployment, Nodes: args.Nodes,
	})
	if err != nil {
		return outcome{}, err
	}
	data, err := json.Marshal(change.Summary(m))
	return outcome{result: data}, err
}

// changed is the end of a change phase: at once, or when everything it waits for has ended.
func (r *runner) changed(ctx context.Context) (*workflow.End, error) {
	r.isAwaiting.Store(len(r.exec.Progress.Awaits) > 0)
	defer r.isAwaiting.Store(false)
	for {
		end, err := r.awaited(ctx)
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

// awaited returns the end of a change phase, nil while one of the executions it waits for goes on. The first of them that
// did not succeed is the failure of the phase.
func (r *runner) awaited(ctx context.Context) (end *workflow.End, err error) {
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

// started returns the started modifications of the deployment for a snapshot.
func (r *runner) started(tx store.Reader) ([]workflow.Modification, error) {
	list, err := change.Started(tx, r.exec.Tenant, r.exec.Deployment)
	out := make([]workflow.Modification, 0, len(list))
	for _, m := range list {
		out = append(out, change.Summary(m))
	}
	return out, err
}
