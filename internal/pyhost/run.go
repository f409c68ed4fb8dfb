package pyhost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/script"
)

// Request is one operation to run.
type Request struct {
	// Message is the task; its inputs must be evaluated.
	Message *operation.Message
	Files   Files
	// Emit takes the log lines and events of the operation.
	Emit func(script.Record)
	// Env is the environment of the operation before what the dispatch itself adds.
	Env []string
	// Output takes what the operation prints.
	Output *os.File
	// Started is called with the id of the process, which leads a group of its own. An error of it ends the operation.
	Started func(pid int) error
}

// names of the files of a dispatch directory (operations, section 3.1).
const (
	inputName  = "input.json"
	outputName = "output.json"
	launchName = "launch.json"
)

// Run runs an operation and returns its outcome. When ctx ends, every process of the operation is ended and the outcome is
// one that nobody should be told. It is safe for concurrent use.
func (h *Host) Run(ctx context.Context, r Request) operation.Result {
	c := &r.Message.Context
	env, err := h.environmentOf(ctx, c, r.Files)
	if err != nil {
		return operation.Fail(operation.ErrorOf(err, "RuntimeError"))
	}
	dir, err := h.prepare(c, r.Message.Kwargs, r.Message.Args)
	if err != nil {
		return operation.Fail(operation.Exception("OSError", "%v", err))
	}
	defer os.RemoveAll(dir)
	leave := h.proxy.admit(c.ExecutionToken, &guest{execution: c.ExecutionID, task: c.TaskID, emit: r.Emit})
	defer leave()
	l := launch{
		Env: h.environ(r.Env, env), Cwd: h.cwd(), Entry: entryOperation, Args: []string{"dispatch", dir},
		env: env, dir: dir, out: r.Output, isOdd: odd(c.ExecutionEnv),
	}
	p, err := h.launch(ctx, l)
	if err != nil {
		return operation.Fail(operation.ErrorOf(err, "RuntimeError"))
	}
	if r.Started != nil {
		if err := r.Started(p.pid); err != nil {
			h.endProcess(p)
			return operation.Fail(operation.Exception("OSError", "record process: %v", err))
		}
	}
	if why := h.await(ctx, c, p); why != nil {
		return operation.Fail(why)
	}
	return outcome(p, dir)
}

// await waits for the process; when its time is up or ctx ends it ends the whole group and returns why.
func (h *Host) await(ctx context.Context, c *operation.Context, p *child) *model.TaskError {
	var expired <-chan struct{}
	if limit := c.Limit(); limit > 0 {
		late := make(chan struct{})
		expired = late
		timer := h.o.Clock.NewTimer(limit)
		defer timer.Stop()
		go func() {
			select {
			case <-timer.C():
				close(late)
			case <-p.ended:
			}
		}()
	}
	select {
	case <-p.ended:
		h.endLost(p)
		return nil
	case <-expired:
		h.endProcess(p)
		return c.TimedOut()
	case <-ctx.Done():
		h.endProcess(p)
		return &model.TaskError{
			ExceptionType: string(model.ErrorKillCancelled), Message: errKilled.Error(), Known: model.ErrorKillCancelled,
		}
	}
}

// endProcess ends the group of a process: TERM, five seconds, KILL.
func (h *Host) endProcess(p *child) {
	script.EndGroup(h.o.Clock, p.pid)
	<-p.ended
}

// endLost ends what is left of a process whose zygote is gone: it has died itself, but perhaps not what it had started.
func (h *Host) endLost(p *child) {
	if p.lost {
		script.EndGroup(h.o.Clock, p.pid)
	}
}

// outcome reads how an operation ended (operations, section 2, 12).
func outcome(p *child, dir string) operation.Result {
	switch {
	case p.lost:
		return operation.Fail(operation.Recoverable("the process of the operation was lost together with the process that had started it", nil))
	case p.rc == -15 || p.rc == -9:
		return operation.Fail(operation.NonRecoverable("Process terminated (rc=%d)", p.rc))
	case p.rc != 0:
		return operation.Fail(operation.NonRecoverable("Unhandled exception occurred in operation dispatch (rc=%d)", p.rc))
	}
	value, problem, err := readOutput(dir)
	if err != nil {
		return operation.Fail(operation.NonRecoverable("%v", err))
	}
	if problem != nil {
		return operation.Fail(problem)
	}
	return operation.Result{Value: value}
}

// readOutput reads what the dispatch left behind.
func readOutput(dir string) (json.RawMessage, *model.TaskError, error) {
	data, err := os.ReadFile(filepath.Join(dir, outputName))
	if err != nil {
		return nil, nil, fmt.Errorf("the operation left no result: %w", err)
	}
	var out struct {
		Type    string          `json:"type"`
		Payload json.RawMessage `json:"payload"`
	}
	if err := model.DecodeJSON(data, &out); err != nil {
		return nil, nil, fmt.Errorf("read the result of the operation: %w", err)
	}
	switch out.Type {
	case "result":
		if string(out.Payload) == "null" {
			return nil, nil, nil
		}
		return out.Payload, nil, nil
	case "error":
		problem, err := operation.DecodeError(out.Payload)
		return nil, problem, err
	}
	return nil, nil, fmt.Errorf("the result of the operation is of the unknown type %q", out.Type)
}

// prepare makes a dispatch directory.
func (h *Host) prepare(context any, kwargs model.Document, args []any) (string, error) {
	name := "workflow"
	if c, ok := context.(*operation.Context); ok {
		parts := strings.Split(c.TaskName, ".")
		name = "task-" + part(parts[0]+"."+parts[len(parts)-1])
	}
	dir, err := os.MkdirTemp(h.o.TempDir, name+"-")
	if err != nil {
		return "", fmt.Errorf("make a dispatch directory: %w", err)
	}
	if args == nil {
		args = []any{}
	}
	if kwargs == nil {
		kwargs = model.Document{}
	}
	data, err := model.EncodeJSON(map[string]any{"cloudify_context": context, "args": args, "kwargs": kwargs})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, inputName), data, 0o600)
	}
	if err != nil {
		return "", errors.Join(fmt.Errorf("write the inputs of the operation: %w", err), os.RemoveAll(dir))
	}
	return dir, nil
}
