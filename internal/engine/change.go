package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

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
	w := r.writing(workflow.Effects{Logs: p.Logs})
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
		return r.record(tx, w)
	})
	if err == nil {
		r.exec.Progress = progress
	}
	return err
}

// applier prepares a change: what takes time happens here, what it writes happens in the function it returns.
func (r *runner) applier(ctx context.Context, c *workflow.Change) (applier, error) {
	switch c.Kind {
	case workflow.ChangeServices:
		return applies(c, r.startServices)
	case workflow.ChangeWorkflow:
		return applies(c, r.startWorkflow)
	case workflow.ChangeUpdatePlan:
		return r.prepareUpdate(ctx, c)
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
	if strings.HasPrefix(c.Kind, "update-") {
		return applies(c, func(tx store.Tx, args workflow.UpdateArgs) (outcome, error) {
			preview, _ := r.exec.Parameters["preview"].(bool)
			result, err := change.Update(tx, r.env(), r.exec.Tenant, model.UpdateID(args.ID), c.Kind, preview)
			return outcome{result: result}, err
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

// prepareUpdate computes the new plan of an update before the transaction that stores it.
func (r *runner) prepareUpdate(ctx context.Context, c *workflow.Change) (applier, error) {
	var args workflow.UpdateArgs
	if err := model.DecodeJSON(c.Args, &args); err != nil {
		return nil, fmt.Errorf("read the arguments of the change %q: %w", c.Kind, err)
	}
	view := func(fn func(store.Reader) error) error { return r.e.Store.View(ctx, fn) }
	write, err := change.PrepareUpdate(ctx, view, r.env(), r.exec.Tenant, model.UpdateID(args.ID))
	if err != nil {
		return nil, err
	}
	return func(tx store.Tx) (outcome, error) { return outcome{}, write(tx) }, nil
}

func (r *runner) env() change.Env {
	return change.Env{Now: r.e.Clock.Now(), NewID: r.e.NewID, NewInstanceID: r.e.NewInstanceID, Secrets: r.e.Secrets}
}

func (r *runner) patch(tx store.Tx, args workflow.PatchArgs) (outcome, error) {
	return outcome{}, tx.ChangeInstances(r.exec.Tenant, instanceChanges(workflow.Effects{Patches: args.Patches}))
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

// started returns the started modifications of the deployment for a snapshot.
func (r *runner) started(tx store.Reader) ([]workflow.Modification, error) {
	list, err := change.Started(tx, r.exec.Tenant, r.exec.Deployment)
	out := make([]workflow.Modification, 0, len(list))
	for _, m := range list {
		out = append(out, change.Summary(m))
	}
	return out, err
}
