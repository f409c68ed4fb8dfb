package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/reifyhq/reify/internal/bus"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/store"
	"github.com/reifyhq/reify/internal/workflow"
)

// errNotHere makes the bus deliver a report again later: its execution is not claimed by this manager at the moment.
var errNotHere = errors.New("the execution is not owned by this manager now")

// receive hands a report of an executor to the runner of its execution and returns when it is recorded.
func (e *Engine) receive(ctx context.Context, m bus.Message) error {
	report, err := operation.DecodeReport(m.Data)
	if err != nil {
		e.Log.Error("drop a report that cannot be read", "message", m.ID, "error", err)
		return nil
	}
	if r := e.runner(report.Execution); r != nil {
		return r.deliver(ctx, report)
	}
	ended, err := e.ended(ctx, report.Execution)
	if err != nil {
		return err
	}
	if ended {
		return nil
	}
	return errNotHere
}

// ended reports whether nobody will ever wait for reports of the execution again.
func (e *Engine) ended(ctx context.Context, id model.ExecutionID) (bool, error) {
	ended := false
	err := e.Store.View(ctx, func(tx store.Reader) error {
		x, err := tx.Execution(id)
		if fault.Is(err, fault.NotFound) {
			ended = true
			return nil
		}
		if err != nil {
			return fmt.Errorf("look up the execution of a report: %w", err)
		}
		ended = x.Status.Ended()
		return nil
	})
	return ended, err
}

func reportInput(r *operation.Report) workflow.Input {
	if r.Kind == operation.ReportStarted {
		return workflow.Started{Task: r.Task}
	}
	return workflow.Finished{Task: r.Task, Result: r.Result.Value, Err: r.Result.Err}
}
