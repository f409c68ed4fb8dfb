package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/store"
	"github.com/reifyhq/reify/internal/workflow"
)

// Evaluator replaces intrinsic functions by their values of this moment.
type Evaluator interface {
	// Inputs returns the inputs of an operation.
	Inputs(ctx context.Context, e *model.Execution, call *model.OperationCall) (model.Document, error)
	// Properties returns the properties of an instance's node.
	Properties(ctx context.Context, t model.TenantName, i *model.NodeInstance) (model.Document, error)
}

// pingWait is how long an agent may take to answer before a task is sent to it (operations, section 1.2).
const pingWait = 30 * time.Second

// send publishes operations whose task rows are committed. What cannot be sent for a reason of its own fails the task
// through the usual path; only the failure of the bus or of the storage stops the runner, and then everything is sent
// again.
func (r *runner) send(ctx context.Context, tasks []*model.Task) error {
	if err := r.publish(ctx, tasks); err != nil {
		return err
	}
	r.await(tasks)
	return nil
}

func (r *runner) publish(ctx context.Context, tasks []*model.Task) error {
	if len(tasks) == 0 {
		return nil
	}
	d, err := r.deployment(ctx)
	if err != nil {
		return err
	}
	for _, t := range tasks {
		if err := r.sendOne(ctx, d, t); err != nil {
			return fmt.Errorf("send task %s of execution %s: %w", t.ID, r.id, err)
		}
	}
	return nil
}

func (r *runner) deployment(ctx context.Context) (d *model.Deployment, err error) {
	err = r.e.Store.View(ctx, func(tx store.Reader) error {
		d, err = tx.Deployment(r.exec.Tenant, r.exec.Deployment)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read deployment %s: %w", r.exec.Deployment, err)
	}
	return d, nil
}

func (r *runner) sendOne(ctx context.Context, d *model.Deployment, t *model.Task) error {
	call := t.Parameters.Operation
	kwargs, err := r.e.Evaluate.Inputs(ctx, r.exec, call)
	if err != nil {
		return r.refuse(ctx, t, err)
	}
	place, err := r.route(ctx, call)
	var broken storageError
	if errors.As(err, &broken) {
		return err
	}
	if err != nil {
		return r.refuse(ctx, t, err)
	}
	msg, err := operation.Build(operation.Dispatch{
		Task: t, Execution: r.exec, Deployment: d, Place: place, Token: r.e.Token(r.exec), Kwargs: kwargs,
		RestHost: r.e.RestHost, RestPort: r.e.RestPort,
	})
	if err != nil {
		return r.refuse(ctx, t, err)
	}
	// The token's serial changes when a user resumes the execution, and only then: a task that was reset is a new
	// attempt under its old id, a task that is merely sent again is not.
	id := operation.DispatchID(r.id, t.ID, r.exec.TokenSerial)
	if place.NeedsPing() && r.e.ReportKey != nil {
		msg.Address, msg.ReportKey = place.Address(), r.e.ReportKey(place.Address(), id)
	}
	data, err := msg.Encode()
	if err != nil {
		return r.refuse(ctx, t, err)
	}
	return r.e.Bus.Send(ctx, place.Address().TaskQueue(), id, data)
}

// refuse ends a task that could not be sent, through the reducer like any other result. An error that is not a known
// one is recoverable, as if the operation had raised it. When ctx has ended the task is left as it is.
func (r *runner) refuse(ctx context.Context, t *model.Task, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	failed := operation.ErrorOf(err, "RecoverableError")
	r.local = append(r.local, workflow.Finished{Task: t.ID, Err: operation.WithCause(failed)})
	return nil
}

// route finds who runs the operation and, for a host agent, makes sure that it answers.
func (r *runner) route(ctx context.Context, call *model.OperationCall) (operation.Place, error) {
	dir := directory{ctx: ctx, e: r.e}
	instance, err := dir.Instance(r.exec.Tenant, call.Instance)
	if err != nil {
		return operation.Place{}, err
	}
	place, err := operation.Route(dir, r.exec.Tenant, call.Operation.Executor, instance)
	if err != nil || !place.NeedsPing() {
		return place, err
	}
	ping, stop := context.WithTimeout(ctx, pingWait)
	defer stop()
	if err := r.e.isThere(ping, place.Address()); err != nil {
		if ctx.Err() == nil && !errors.Is(err, context.Canceled) {
			err = &operation.Error{Task: place.Unreachable()}
		}
		return place, err
	}
	return place, nil
}

// directory reads for routing.
type directory struct {
	ctx context.Context
	e   *Engine
}

// Instance returns a node instance of a tenant.
func (d directory) Instance(t model.TenantName, id model.InstanceID) (i *model.NodeInstance, err error) {
	err = d.e.Store.View(d.ctx, func(tx store.Reader) error {
		i, err = tx.Instance(t, id)
		return err
	})
	var known *fault.Error
	if err != nil && !errors.As(err, &known) {
		err = storageError{err}
	}
	return i, err
}

// storageError is an error that says nothing about the operation that was to be sent.
type storageError struct{ error }

// Properties returns the evaluated properties of an instance's node.
func (d directory) Properties(t model.TenantName, i *model.NodeInstance) (model.Document, error) {
	return d.e.Evaluate.Properties(d.ctx, t, i)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
