// Package hook runs the operations that an administrator hooked on changes of executions: started, ended, queued.
//
// Who changes an execution stores the change in the same transaction when there is a hook on it (store.HookWriter); Run
// takes these in their order and runs the first hook of the file that is on the event, through the central executor. A
// stored change is removed after its hook ran: a manager that dies in between runs the hook again when it starts.
//
// Hooks never touch the execution. One that fails is logged with its reason and is not repeated. The file is read again
// when it changes; an unreadable one is logged and leaves what was read before.
package hook

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/config"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/script"
	"github.com/reifyhq/reify/internal/store"
)

// Options are the parts a Runner works with. All are required.
type Options struct {
	Store store.Store
	Clock clock.Clock
	Log   *slog.Logger
	// File is the hooks file; there are no hooks while it does not exist.
	File string
	// Call runs an operation and returns its outcome; emit takes what it logs.
	Call func(ctx context.Context, m *operation.Message, emit func(script.Record)) operation.Result
	// Token makes a token of the user, good for a while, and returns how to make it worthless.
	Token func(ctx context.Context, user model.UserName, until time.Time) (value string, revoke func(context.Context) error, err error)
	// RestHost and RestPort are where operations reach the REST API.
	RestHost string
	RestPort int
}

const (
	scanInterval = time.Second
	batch        = 20
	// slots is how many hooks run at the same time.
	slots = 4
	// timeout bounds a hook, tokenLife its token (workflows, section 8.6).
	timeout   = 10 * time.Minute
	tokenLife = 10 * time.Hour
)

// Runner runs hooks; see New.
type Runner struct {
	Options
	hooks atomic.Pointer[[]config.Hook]
	seen  string
}

// New returns a runner that has read the file and does nothing more until Run.
func New(o Options) *Runner {
	r := &Runner{Options: o}
	r.hooks.Store(&[]config.Hook{})
	r.reload()
	return r
}

// Wanted reports whether there is a hook on a type of event. It is safe for concurrent use and reads no file.
func (r *Runner) Wanted(eventType string) bool {
	_, ok := r.find(eventType)
	return ok
}

// find returns the first hook on a type of event.
func (r *Runner) find(eventType string) (config.Hook, bool) {
	for _, h := range *r.hooks.Load() {
		if h.EventType == eventType {
			return h, true
		}
	}
	return config.Hook{}, false
}

// reload reads the file when it changed.
func (r *Runner) reload() {
	info, err := os.Stat(r.File)
	seen := ""
	if err == nil {
		seen = fmt.Sprintf("%d %d", info.ModTime().UnixNano(), info.Size())
	}
	if seen == r.seen {
		return
	}
	r.seen = seen
	if seen == "" {
		r.hooks.Store(&[]config.Hook{})
		return
	}
	data, err := os.ReadFile(r.File)
	if err != nil {
		r.Log.Error("read the hooks file; the hooks stay as they were", "file", r.File, "error", err)
		return
	}
	hooks, err := config.ParseHooks(data)
	if err != nil {
		r.Log.Error("some hooks cannot be read", "file", r.File, "error", err)
		if len(hooks) == 0 {
			return
		}
	}
	r.hooks.Store(&hooks)
	r.Log.Info("read the hooks file", "file", r.File, "hooks", len(hooks))
}

// Run runs hooks until ctx ends, and returns when those that run have ended.
func (r *Runner) Run(ctx context.Context) error {
	for {
		r.reload()
		more, err := r.pass(ctx)
		if err != nil && ctx.Err() == nil {
			r.Log.Error("look for hooks; they are looked for again", "error", err)
		}
		if more && err == nil && ctx.Err() == nil {
			continue
		}
		timer := r.Clock.NewTimer(scanInterval)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C():
		}
	}
}

// pass runs one batch of stored changes; more says that the batch was full.
func (r *Runner) pass(ctx context.Context) (more bool, err error) {
	var due []*model.Hook
	err = r.Store.View(ctx, func(tx store.Reader) error {
		due, err = tx.Hooks(batch)
		return err
	})
	if err != nil || len(due) == 0 {
		return false, err
	}
	var running sync.WaitGroup
	free := make(chan struct{}, slots)
	for _, h := range due {
		free <- struct{}{}
		running.Go(func() {
			defer func() { <-free }()
			r.run(ctx, h)
		})
	}
	running.Wait()
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	return len(due) == batch, r.Store.Update(ctx, func(tx store.Tx) error {
		for _, h := range due {
			if err := tx.DeleteHook(h.ID); err != nil {
				return err
			}
		}
		return nil
	})
}

// run runs the hook on one change; how it went only shows in the log.
func (r *Runner) run(ctx context.Context, h *model.Hook) {
	hooked, ok := r.find(h.EventType)
	if !ok {
		return
	}
	log := r.Log.With("event", h.EventType, "execution", h.Execution, "implementation", hooked.Implementation)
	token, revoke, err := r.Token(ctx, h.User, r.Clock.Now().Add(tokenLife))
	if err != nil {
		log.Error("a hook did not run: there is no token for it", "user", h.User, "error", err)
		return
	}
	defer func() {
		if err := revoke(context.WithoutCancel(ctx)); err != nil {
			log.Warn("revoke the token of a hook; it ends by itself", "error", err)
		}
	}()
	limited, stop := context.WithTimeout(ctx, timeout)
	defer stop()
	result := r.Call(limited, r.message(h, hooked, token), func(rec script.Record) { log.Info("a hook says", "message", rec.Message.Text) })
	switch {
	case ctx.Err() != nil:
	case limited.Err() != nil:
		log.Error("a hook was stopped: it ran too long", "limit", timeout)
	case result.Err != nil:
		log.Error("a hook failed", "reason", result.Err.Message)
	default:
		log.Info("a hook ran")
	}
}

// scriptName is how the file calls the script runner.
const scriptName = "script"

// message is the task of a hook: one positional argument, the context of the event, and the inputs of the file. Scripts,
// which take no positional arguments, find the context in the variable hook_context.
func (r *Runner) message(h *model.Hook, hooked config.Hook, token string) *operation.Message {
	about := model.Document{}
	maps.Copy(about, h.Context)
	maps.Copy(about, model.Document{"event_type": h.EventType, "timestamp": h.At.UTC().Format("2006-01-02T15:04:05.000Z"), "arguments": nil,
		"tenant_name": string(h.Tenant), "rest_token": token})
	inputs := model.Document{}
	maps.Copy(inputs, hooked.Inputs)
	name := hooked.Implementation
	if name == scriptName || name == script.Function {
		name = script.Function
		inputs["hook_context"] = map[string]any(about)
	}
	deployment, _ := about["deployment_id"].(string)
	blueprint, _ := about["blueprint_id"].(string)
	workflow, _ := about["workflow_id"].(string)
	id := fmt.Sprintf("hook-%d", h.ID)
	return &operation.Message{
		ID: id, Kwargs: inputs, Args: []any{map[string]any(about)},
		Context: operation.Context{
			Type: operation.TypeHook, TaskID: model.TaskID(id), TaskName: name, TaskTarget: operation.CentralQueue, TaskQueue: operation.CentralQueue,
			ExecutionID: h.Execution, WorkflowID: workflow, Tenant: operation.Tenant{Name: h.Tenant}, TenantName: h.Tenant,
			DeploymentID: model.DeploymentID(deployment), BlueprintID: model.BlueprintID(blueprint), ExecutionCreator: h.User,
			RestToken: token, RestHost: []string{r.RestHost}, RestPort: r.RestPort, Operation: operation.Call{Name: h.EventType},
		},
	}
}
