package installer

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/script"
)

// statusProperty is the runtime property with the outcome of the last validation (operations, section 7.8).
const statusProperty = "agent_status"

// seconds reads an input that is a number of seconds.
func (w *work) seconds(name string, def int) time.Duration {
	return time.Duration(number(w.op.Message.Kwargs[name], def)) * time.Second
}

// validate asks the agent for a sign of life and keeps the answer.
func (w *work) validate(ctx context.Context) error {
	if !w.isInstalled {
		return nonRecoverable("Node instance %s has no agent", w.op.Message.Context.NodeID)
	}
	if other := text(w.op.Message.Kwargs["manager_ip"]); other != "" {
		return nonRecoverable("Agents can be validated through this manager only, not through %s", other)
	}
	limit := w.seconds("validate_agent_timeout", 20)
	alive, err := w.await(ctx, w.address(), limit, nil)
	if err != nil {
		return err
	}
	key := "agent_alive_crossbroker"
	current := flag(w.op.Message.Kwargs["current_amqp"], true)
	if current {
		key = "agent_alive"
	}
	problem := ""
	if !alive {
		problem = fmt.Sprintf("Agent %s did not answer within %s", w.name, limit)
	}
	err = w.note(ctx, func(p model.Document) {
		status, _ := p[statusProperty].(map[string]any)
		status = maps.Clone(status)
		if status == nil {
			status = map[string]any{}
		}
		status[key], status[key+"_error"] = alive, problem
		status["timestamp"] = w.Clock.Now().UTC().Format(time.RFC3339)
		p[statusProperty] = status
	})
	if err != nil {
		return err
	}
	if current && !alive {
		return &operation.Error{Task: operation.Recoverable(problem, nil)}
	}
	return nil
}

// replace installs a new agent through the old one, which must be alive.
func (w *work) replace(ctx context.Context) error {
	if !w.isInstalled {
		return nonRecoverable("Node instance %s has no agent that could install another one", w.op.Message.Context.NodeID)
	}
	if other := text(w.op.Message.Kwargs["manager_ip"]); other != "" {
		return nonRecoverable("New agents belong to this manager; moving them to %s is not supported", other)
	}
	old, oldName := w.address(), w.name
	if !w.answers(ctx, old, w.seconds("validate_agent_timeout", 20)) {
		return nonRecoverable("Agent %s does not answer, so it cannot install a new one", w.name)
	}
	current, err := w.currentRecord(ctx)
	if err != nil {
		return err
	}
	next := *w
	next.name = w.successor(w.NewID())
	next.dir = "" // Beside the old one, in the home of the same user.
	if base := text(current["agent_dir"]); base != "" {
		next.dir = parent(base) + "/" + next.name
	}
	s, err := w.api.MakeAgentScript(ctx, next.name, next.params(w.op.Message.Context.NodeID))
	if err != nil {
		return err
	}
	next.version = s.Version
	if err := next.register(ctx, "starting"); err != nil {
		return err
	}
	if err := w.state(ctx, "upgrading"); err != nil {
		return err
	}
	if err := w.order(ctx, old, script.Function, model.Document{"script_source": s.Script}); err != nil {
		return err
	}
	limit := w.seconds("install_agent_timeout", 300)
	ok, err := w.await(ctx, next.address(), limit, nil)
	if err == nil && !ok {
		err = nonRecoverable("The new agent %s did not answer within %s; the old one %s stays", next.name, limit, oldName)
	}
	if err != nil {
		if revokeErr := w.api.RevokeAgent(context.WithoutCancel(ctx), next.name); revokeErr != nil {
			w.Log.Warn("end the account of an agent that did not start", "agent", next.name, "error", revokeErr)
		}
		return next.fail(ctx, err)
	}
	if err := w.note(ctx, func(p model.Document) { p[oldRecord] = current }); err != nil {
		return err
	}
	if err := next.noteAgent(ctx, s, ""); err != nil {
		return err
	}
	if err := next.state(ctx, "started"); err != nil {
		return err
	}
	return w.retire(ctx, old)
}

func (w *work) currentRecord(ctx context.Context) (map[string]any, error) {
	i, err := w.op.Manager.NodeInstance(ctx, w.op.Message.Context.NodeID)
	if err != nil {
		return nil, fmt.Errorf("read the host: %w", err)
	}
	current, _ := i.RuntimeProperties[record].(map[string]any)
	return maps.Clone(current), nil
}

func parent(dir string) string {
	for i := len(dir) - 1; i > 0; i-- {
		if dir[i] == '/' {
			return dir[:i]
		}
	}
	return ""
}

// retire notes that the agent was replaced and, when that was asked for, ends it.
func (w *work) retire(ctx context.Context, old operation.Address) error {
	if !flag(w.op.Message.Kwargs["stop_old_agent"], false) {
		return w.state(ctx, "upgraded")
	}
	if err := w.order(ctx, old, "cloudify_agent.operations.stop", nil); err != nil {
		return err
	}
	for limit := w.Clock.Now().Add(20 * time.Second); w.answers(ctx, old, time.Second) && w.Clock.Now().Before(limit); {
		if err := w.pause(ctx, pingPause); err != nil {
			return err
		}
	}
	if err := w.api.RevokeAgent(ctx, w.name); err != nil && !isMissing(err) {
		return err
	}
	return w.state(ctx, "stopped")
}

// order sends an agent a task of this execution that no graph knows; what it reports is of no interest.
func (w *work) order(ctx context.Context, to operation.Address, task string, inputs model.Document) error {
	m := *w.op.Message
	m.ID = w.NewID()
	m.Kwargs = inputs
	m.Context.TaskID, m.Context.TaskName = model.TaskID(m.ID), task
	m.Context.TaskQueue, m.Context.TaskTarget, m.Context.Executor = w.name, w.name, model.ExecutorHost
	attempt := operation.DispatchID(m.Context.ExecutionID, m.Context.TaskID, 0)
	m.Address, m.ReportKey = to, w.ReportKey(to, attempt)
	data, err := m.Encode()
	if err != nil {
		return err
	}
	return w.Bus.Send(ctx, to.TaskQueue(), attempt, data)
}
