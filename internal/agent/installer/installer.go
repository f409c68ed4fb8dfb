// Package installer holds the operations of cloudify.interfaces.cloudify_agent: they bring an agent onto a host, look after
// it and take it away again (operations, section 7).
//
// The operations run in the central executor. They reach a host over SSH (install_method remote), or wait for an agent that
// the host installed by itself (init_script, plugin, provided). They know the manager through its REST API only, with the
// token of the operation's execution, and keep what is known of an agent in the runtime property cloudify_agent of its host.
//
// Invariants: every operation may be repeated; a host whose key has changed is never spoken to; secrets are in no log line
// and no error.
package installer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/reifyhq/reify/internal/agent"
	"github.com/reifyhq/reify/internal/bus"
	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/script"
)

const (
	// answerWait is how long an agent that was installed over SSH may take to answer, startWait one that its host installs.
	answerWait = time.Minute
	startWait  = time.Hour
	// complainAfter is when a missing answer is logged and the agent is called nonresponsive.
	complainAfter = 5 * time.Minute
	pingWait      = 10 * time.Second
	pingPause     = 500 * time.Millisecond
)

// Options are what the operations work with. All are required.
type Options struct {
	Clock clock.Clock
	Log   *slog.Logger
	// Bus is that of the manager: agents are pinged and, to replace one, given a task.
	Bus bus.Bus
	// ClientFor returns the manager's API with the token of the task's execution.
	ClientFor func(*operation.Message) *client.Client
	// ReportKey is what an agent sends with its reports about an attempt.
	ReportKey func(to operation.Address, attempt string) string
	// NewID returns a fresh UUID.
	NewID func() string
}

// Functions returns the operations by the names of their tasks.
func Functions(o Options) map[string]agent.Function {
	functions := map[string]agent.Function{}
	for name, run := range map[string]func(*work, context.Context) error{
		"cloudify_agent.installer.operations.create":    (*work).create,
		"cloudify_agent.installer.operations.configure": func(*work, context.Context) error { return nil },
		"cloudify_agent.installer.operations.start":     (*work).start,
		"cloudify_agent.installer.operations.stop":      (*work).stop,
		"cloudify_agent.installer.operations.delete":    (*work).delete,
		"cloudify_agent.installer.operations.restart":   (*work).restart,
		"cloudify_agent.operations.create_agent_amqp":   (*work).replace,
		"cloudify_agent.operations.validate_agent_amqp": (*work).validate,
		"worker_installer.tasks.install":                (*work).create,
		"worker_installer.tasks.start":                  func(*work, context.Context) error { return nil },
		"worker_installer.tasks.stop":                   (*work).stop,
		"worker_installer.tasks.restart":                (*work).restart,
		"worker_installer.tasks.uninstall":              (*work).delete,
	} {
		functions[name] = agent.Function{Resumable: true, Run: func(ctx context.Context, op *agent.Operation) operation.Result {
			w, err := newWork(ctx, o, op)
			if err == nil && w.method != methodNone {
				err = run(w, ctx)
			}
			return resultOf(err)
		}}
	}
	return functions
}

func resultOf(err error) operation.Result {
	var known *operation.Error
	switch {
	case err == nil:
		return operation.Result{}
	case errors.As(err, &known):
		return operation.Fail(known.Task)
	}
	code := fault.CodeOf(err)
	var refused *client.Error
	if errors.As(err, &refused) {
		code = refused.Code
	}
	switch code {
	case fault.BadParameters, fault.Forbidden, fault.Conflict:
		// It would be refused again.
		return operation.Fail(operation.NonRecoverable("%v", err))
	}
	return operation.Fail(operation.Exception("RecoverableError", "%v", err))
}

func nonRecoverable(format string, args ...any) error {
	return &operation.Error{Task: operation.NonRecoverable(format, args...)}
}

func retry(format string, args ...any) error {
	return &operation.Error{Task: operation.Retry(fmt.Sprintf(format, args...), nil)}
}

// work is one operation on the agent of one host.
type work struct {
	Options
	config
	op  *agent.Operation
	api *client.Client
}

func newWork(ctx context.Context, o Options, op *agent.Operation) (*work, error) {
	c := op.Message.Context
	if c.NodeID == "" {
		return nil, nonRecoverable("%s is an operation of a host", c.TaskName)
	}
	instance, err := op.Manager.NodeInstance(ctx, c.NodeID)
	if err != nil {
		return nil, fmt.Errorf("read node instance %s: %w", c.NodeID, err)
	}
	node, err := op.Manager.Node(ctx, c.DeploymentID, c.NodeName, c.NodeID)
	if err != nil {
		return nil, fmt.Errorf("read node %s: %w", c.NodeName, err)
	}
	cfg, err := configOf(node.Properties, instance, op.Message.Kwargs)
	if err != nil {
		return nil, err
	}
	return &work{Options: o, config: cfg, op: op, api: o.ClientFor(op.Message)}, nil
}

func (w *work) logf(level, format string, args ...any) {
	c := &w.op.Message.Context
	w.op.Emit(script.Record{
		Context: script.ContextOf(c), Logger: "ctx." + string(c.TaskID), Level: level, Type: model.KindLog,
		Message: script.RecordMessage{Text: fmt.Sprintf(format, args...)}, Timestamp: w.Clock.Now().UTC().Format("2006-01-02T15:04:05.000Z"),
	})
}

func (w *work) address() operation.Address {
	return operation.AgentAddress(w.op.Message.Context.Tenant.Name, w.name)
}

// state notes the state of the agent in its record. An agent that was never registered here has none, as one that came with
// the deployment from another manager.
func (w *work) state(ctx context.Context, s string) error {
	err := w.api.PatchAgent(ctx, w.name, model.Document{"state": s})
	if isMissing(err) {
		return nil
	}
	return err
}

func isMissing(err error) bool {
	var e *client.Error
	return errors.As(err, &e) && e.Code == fault.NotFound
}

// register stores the record of the agent; one that is there already is brought up to date.
func (w *work) register(ctx context.Context, s string) error {
	err := w.api.PutAgent(ctx, w.name, model.Document{
		"node_instance_id": w.op.Message.Context.NodeID, "state": s, "create_rabbitmq_user": false, "ip": w.ip,
		"install_method": w.method, "version": w.version,
	})
	if err != nil {
		return err
	}
	return w.api.PatchAgent(ctx, w.name, model.Document{"state": s, "version": w.version})
}

// note changes the runtime properties of the host.
func (w *work) note(ctx context.Context, change func(model.Document)) error {
	for {
		i, err := w.op.Manager.NodeInstance(ctx, w.op.Message.Context.NodeID)
		if err != nil {
			return fmt.Errorf("read the host: %w", err)
		}
		if i.RuntimeProperties == nil {
			i.RuntimeProperties = model.Document{}
		}
		change(i.RuntimeProperties)
		err = w.op.Manager.UpdateNodeInstance(ctx, i.ID, i.Version, i.RuntimeProperties, i.State)
		if !fault.Is(err, fault.Conflict) {
			return err
		}
	}
}

// answers reports whether the agent at an address answers a ping.
func (w *work) answers(ctx context.Context, to operation.Address, wait time.Duration) bool {
	ctx, stop := context.WithTimeout(ctx, wait)
	defer stop()
	data, err := w.Bus.Request(ctx, to.PingTopic(), nil)
	var pong operation.Pong
	return err == nil && json.Unmarshal(data, &pong) == nil
}

// await waits for an answer of the agent; complain is called once when none came for a while.
func (w *work) await(ctx context.Context, to operation.Address, limit time.Duration, complain func() error) (bool, error) {
	begin := w.Clock.Now()
	for {
		if w.answers(ctx, to, pingWait) {
			return true, nil
		}
		waited := w.Clock.Now().Sub(begin)
		if waited >= limit {
			return false, nil
		}
		if waited > complainAfter && complain != nil {
			if err := complain(); err != nil {
				return false, err
			}
			complain = nil
		}
		if err := w.pause(ctx, pingPause); err != nil {
			return false, err
		}
	}
}

func (w *work) pause(ctx context.Context, d time.Duration) error {
	timer := w.Clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C():
		return nil
	}
}
