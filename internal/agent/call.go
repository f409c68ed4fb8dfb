package agent

import (
	"context"

	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/script"
)

// Call runs a task at once and returns its outcome, without queue and reports: it is for tasks that belong to no execution,
// such as hooks. What the task logs goes to emit. A process that the agent leaves behind when it dies is ended when it
// starts again. The id of the message must be unique.
func (a *Agent) Call(ctx context.Context, m *operation.Message, emit func(script.Record)) operation.Result {
	t := &attempt{id: m.ID, message: m, manager: a.o.ManagerFor(m)}
	f, problem := a.find(t)
	if problem != nil {
		return operation.Fail(problem)
	}
	result := call(ctx, f, &Operation{Message: m, Manager: t.manager, Emit: emit, agent: a, attempt: t})
	if err := a.journal.drop(t.id, t.token()); err != nil {
		a.log.Warn("note the end of a task", "task", t.id, "error", err)
	}
	return result
}
