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
	if err := r.readDeployment(ctx); err != nil {
		return err
	}
	for _, t := range tasks {
		if err := r.sendOne(ctx, t); err != nil {
			return fmt.Errorf("send task %s of execution %s: %w", t.ID, r.id, err)
		}
	}
	return nil
}

// readDeployment reads the deployment once for each graph: what messages say of it does not change while one runs.
func (r *runner) readDeployment(ctx context.Context) error {
	if r.deployment != nil {
		return nil
	}
	err := r.e.Store.View(ctx, func(tx store.Reader) (err error) {
		r.deployment, err = tx.Deployment(r.exec.Tenant, r.exec.Deployment)
		return err
	})
	if err != nil {
		return fmt.Errorf("read deployment %s: %w", r.exec.Deployment, err)
	}
	return nil
}

// sendOne finds who runs a task and sends it there, to a host agent once that has answered a ping.
func (r *runner) sendOne(ctx context.Context, t *model.Task) error {
	place, err := r.route(ctx, t.Parameters.Operation)
	var broken storageError
	switch {
	case errors.As(err, &broken):
		return err
	case err != nil:
		return r.refuse(ctx, t, err)
	case place.NeedsPing():
		r.sendAfterPing(ctx, place, t)
		return nil
	}
	return r.sendTo(ctx, place, t)
}

// sendTo builds the message of a task from what holds now and sends it.
func (r *runner) sendTo(ctx context.Context, place operation.Place, t *model.Task) error {
	kwargs, err := r.e.Evaluate.Inputs(ctx, r.exec, t.Parameters.Operation)
	if err != nil {
		return r.refuse(ctx, t, err)
	}
	msg, err := operation.Build(operation.Dispatch{
		Task: t, Execution: r.exec, Deployment: r.deployment, Place: place, Token: r.e.Token(r.exec), Kwargs: kwargs,
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

// route finds who runs the operation.
func (r *runner) route(ctx context.Context, call *model.OperationCall) (operation.Place, error) {
	dir := directory{ctx: ctx, e: r.e}
	executor := call.Operation.Executor
	host, known := r.hosts[call.Instance]
	if known && (executor == model.ExecutorCentral || executor == model.ExecutorAuto && host == "") {
		return operation.Route(dir, r.exec.Tenant, executor, &model.NodeInstance{ID: call.Instance, HostID: host})
	}
	instance, err := dir.Instance(r.exec.Tenant, call.Instance)
	if err != nil {
		return operation.Place{}, err
	}
	return operation.Route(dir, r.exec.Tenant, executor, instance)
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
