package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
	"github.com/reifyhq/reify/internal/workflow"
)

// errCancelled ends the context of a system workflow whose execution is being cancelled.
var errCancelled = errors.New("the execution was cancelled")

// runSystem runs a workflow of the manager itself and records its end. A cancel request cancels its context.
func (r *runner) runSystem(ctx context.Context, sys SystemWorkflow) error {
	if r.exec.Status.Cancelling() && !deletes(r.exec) {
		return r.finish(ctx, workflow.End{Cancelled: true})
	}
	work, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	done := make(chan error, 1)
	job := Job{Execution: r.exec, Update: r.updateForSystem}
	go func() { done <- callSystem(work, sys, job) }()
	for {
		select {
		case err := <-done:
			return r.endSystem(ctx, work, err)
		case <-r.poked:
			if batch, err := r.cancelInput(ctx); err == nil && len(batch) > 0 && !deletes(r.exec) {
				stop(errCancelled)
			}
		case d := <-r.inbox:
			d.done <- nil
		}
	}
}

// updateForSystem is the Update of a Job. A commit that fails says nothing about the workflow: it is marked, so that the
// execution does not fail with it but is taken up again.
func (r *runner) updateForSystem(ctx context.Context, fn func(store.Tx) error) error {
	var own error
	err := r.update(ctx, func(tx store.Tx) error {
		own = fn(tx)
		return own
	})
	var known *fault.Error
	if err != nil && own == nil && ctx.Err() == nil && !errors.As(err, &known) {
		return storageError{err}
	}
	return err
}

// callSystem turns a panic of the workflow into its failure: one broken blueprint must not stop the manager.
func callSystem(ctx context.Context, sys SystemWorkflow, job Job) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("internal error in workflow %q: %v", job.Execution.Workflow, p)
		}
	}()
	return sys(ctx, job)
}

func (r *runner) endSystem(ctx, work context.Context, err error) error {
	switch {
	case err == nil:
		return r.finish(ctx, workflow.End{})
	case errors.Is(context.Cause(work), errCancelled):
		return r.finish(ctx, workflow.End{Cancelled: true})
	case ctx.Err() != nil, errors.Is(err, store.ErrFenced):
		return err
	}
	var broken storageError
	if errors.As(err, &broken) {
		return fmt.Errorf("run workflow %q: %w", r.exec.Workflow, err)
	}
	return r.finish(ctx, workflow.End{Failure: &workflow.Failure{
		Message: err.Error(),
		Causes:  []model.ErrorCause{{Message: err.Error(), Type: "NonRecoverableError"}},
	}})
}
