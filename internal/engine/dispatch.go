package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/store"
	"github.com/reifyhq/reify/internal/workflow"
)

// send publishes operations whose task rows are committed. What cannot be sent for a reason of its own fails the task
// through the usual path; only the failure of the bus stops the runner, and then everything is sent again.
func (r *runner) send(ctx context.Context, tasks []*model.Task) error {
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
	kwargs, err := r.e.Evaluate(ctx, r.exec, call)
	if err != nil {
		r.refuse(t, err)
		return ctx.Err()
	}
	queue, err := r.route(ctx, call)
	if err != nil {
		r.refuse(t, err)
		return ctx.Err()
	}
	msg := operation.Build(operation.Params{
		Task: t, Kwargs: kwargs, Execution: r.exec, Deployment: d,
		Token: r.e.Token(r.exec), Endpoint: r.e.Endpoint, Queue: queue,
	})
	data, err := msg.Encode()
	if err != nil {
		r.refuse(t, err)
		return nil
	}
	// The instant in the id lets a repeated send pass the broker's filter of duplicates; executors tell attempts apart
	// by the task id alone.
	id := fmt.Sprintf("%s/%s/%d", r.id, t.ID, r.e.Clock.Now().UnixNano())
	return r.e.Bus.Send(ctx, queue, id, data)
}

// refuse ends a task that could not be sent, through the reducer like any other result. An error that is not a known
// one is recoverable, as if the operation had raised it.
func (r *runner) refuse(t *model.Task, err error) {
	var failed *model.TaskError
	var typed *refusal
	if errors.As(err, &typed) {
		failed = typed.err
	} else {
		failed = &model.TaskError{ExceptionType: "RecoverableError", Known: model.ErrorRecoverable, Message: err.Error(),
			Causes: []model.ErrorCause{{Type: "RecoverableError", Message: err.Error()}}}
	}
	r.local = append(r.local, workflow.Finished{Task: t.ID, Err: failed})
}

// refusal is a failure to send that has a task error of its own.
type refusal struct{ err *model.TaskError }

func (r *refusal) Error() string { return r.err.Message }

func nonRecoverable(format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	return &refusal{&model.TaskError{ExceptionType: "NonRecoverableError", Known: model.ErrorNonRecoverable, Message: text,
		Causes: []model.ErrorCause{{Type: "NonRecoverableError", Message: text}}}}
}

// route finds the queue of whoever runs the operation (operations, section 1.2).
func (r *runner) route(ctx context.Context, call *model.OperationCall) (string, error) {
	var host *model.NodeInstance
	err := r.e.Store.View(ctx, func(tx store.Reader) error {
		i, err := tx.Instance(r.exec.Tenant, call.Instance)
		if err != nil || i.HostID == "" {
			return err
		}
		if i.HostID == i.ID {
			host = i
			return nil
		}
		host, err = tx.Instance(r.exec.Tenant, i.HostID)
		return err
	})
	if err != nil {
		return "", err
	}
	return operation.Route(call, host)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
