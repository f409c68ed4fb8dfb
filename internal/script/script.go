// Package script is the script runner: it runs the scripts of a blueprint and serves their ctx.
//
// Run is script_runner.tasks.run of the reference (operations, section 5) in Go: it fetches the script, gives it its
// inputs as environment variables, streams its output into the log, answers its ctx calls over HTTP on the loopback
// interface, and stores the runtime properties that it changed. Shell and other scripts need nothing but themselves;
// Python scripts run under python3 with the small package of the python directory.
//
// The package never talks to the store or the broker: the manager is reached through Manager, logs leave through
// Request.Emit. It never leaves a process of a script behind when the operation is killed or times out; a script that
// ends by itself may leave daemons, which is how services are started.
//
// Invariants: changed runtime properties are saved however the operation ended, unless it was killed; every goroutine
// ends before Run returns.
package script

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
)

// Function is the name of the task that Run carries out.
const Function = "script_runner.tasks.run"

// urlVariable tells scripts where their ctx is.
const urlVariable = "CTX_SOCKET_URL"

// Request is one operation to run.
type Request struct {
	// Message is the task; its inputs must be evaluated.
	Message *operation.Message
	Manager Manager
	// Emit takes log lines and events. It is called from several goroutines and may block to slow the script down.
	Emit  func(Record)
	Clock clock.Clock
	// Env is the environment of the script, without its inputs.
	Env []string
	// TempDir is where scripts and downloads are put; empty is the system's.
	TempDir string
	// WorkDir is the base of ctx.plugin.workdir; empty gives none.
	WorkDir string
	// CtxDir is the directory of the ctx command; it is added to the PATH of scripts.
	CtxDir string
	// Output takes the output that is not logged; nil discards it.
	Output *os.File
	// Python is the interpreter for Python scripts, "python3" when empty; PythonDir is where package python was written.
	Python    string
	PythonDir string
	// Started is called with the id of the script's process, which leads a group of its own; nil is allowed. An error
	// of it ends the operation before the script is waited for.
	Started func(pid int) error
}

// errTimeout is why the context of an operation ends when its time is up.
var errTimeout = errors.New("operation timed out")

// Run runs the operation and returns its outcome. When ctx ends, every process of the script is ended and the outcome is
// the error ErrorKillCancelled, which nobody should be told. Run is safe for concurrent use.
func Run(ctx context.Context, req Request) operation.Result {
	if req.Python == "" {
		req.Python = "python3"
	}
	inner, cancel := context.WithCancelCause(ctx)
	var timer sync.WaitGroup
	defer timer.Wait()
	defer cancel(nil)
	if limit := req.Message.Context.Limit(); limit > 0 {
		timer.Go(func() { expire(inner, req.Clock, limit, cancel) })
	}
	s := newSession(inner, &req)
	result := s.run(inner)
	if ctx.Err() != nil {
		return operation.Fail(killed())
	}
	if err := s.saveAll(ctx); err != nil {
		// Compat: what the last save says replaces the outcome, even that of a failed operation (operations, section 3.1).
		return operation.Fail(taskError(err))
	}
	if errors.Is(context.Cause(inner), errTimeout) {
		return operation.Fail(req.Message.Context.TimedOut())
	}
	if result.Err == nil && s.outcome.retry != nil {
		return operation.Fail(s.outcome.retry)
	}
	return result
}

func expire(ctx context.Context, c clock.Clock, after time.Duration, cancel context.CancelCauseFunc) {
	timer := c.NewTimer(after)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C():
		cancel(errTimeout)
	}
}

func killed() *model.TaskError {
	return &model.TaskError{
		ExceptionType: string(model.ErrorKillCancelled), Message: "Process terminated", Known: model.ErrorKillCancelled,
	}
}

// taskError turns an error into the error object of an outcome.
func taskError(err error) *model.TaskError {
	var e *Exception
	var missing *missingResource
	switch {
	case errors.As(err, &missing):
		return missing.taskError()
	case errors.As(err, &e) && e.Type == string(model.ErrorNonRecoverable):
		return operation.NonRecoverable("%s", e.Message)
	case errors.As(err, &e):
		return operation.Exception(e.Type, "%s", e.Message)
	}
	return operation.ErrorOf(err, "RuntimeError")
}

// run fetches and executes the script.
func (s *session) run(ctx context.Context) operation.Result {
	in, err := parseInputs(s.req.Message.Kwargs)
	if err != nil {
		return operation.Fail(taskError(err))
	}
	path, err := s.fetch(ctx, in)
	if path != "" {
		defer s.discard(path)
	}
	if err != nil {
		return operation.Fail(taskError(err))
	}
	p, err := s.serve()
	if err != nil {
		return operation.Fail(taskError(err))
	}
	defer p.close()
	s.proxyURL = p.url
	if in.isPython(path) {
		return s.runPython(ctx, in, path)
	}
	return s.runScript(ctx, in, path)
}

func (s *session) runScript(ctx context.Context, in *inputs, path string) operation.Result {
	s.logf("debug", "process: %s", in.describe())
	end, err := s.execute(ctx, in, in.command(path), s.scriptEnv(in))
	if err != nil {
		return operation.Fail(taskError(err))
	}
	return s.conclude(end)
}

// conclude decides the outcome of a script that ended (operations, section 5.2).
func (s *session) conclude(end ending) operation.Result {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch o := &s.outcome; {
	case o.illegal:
		return operation.Fail(operation.NonRecoverable(onlyOnce))
	case o.stop != nil:
		return operation.Fail(o.stop)
	case end.code != 0:
		return operation.Fail(operation.Exception("ProcessException", "command: %s, exit_code: %d, stdout: %s, stderr: %s",
			end.command, end.code, end.stdout, end.stderr))
	}
	return s.returned()
}

// returned is the result of a success; mu is held.
func (s *session) returned() operation.Result {
	value, err := model.EncodeJSON(encodable(s.outcome.value))
	if err != nil {
		return operation.Fail(operation.Exception("TypeError", "%v", err))
	}
	return operation.Result{Value: value}
}

// runPython runs a Python script under the interpreter, which reports its end through the proxy.
func (s *session) runPython(ctx context.Context, in *inputs, path string) operation.Result {
	if s.req.PythonDir == "" {
		return operation.Fail(operation.NonRecoverable("%s is a Python script and this executor has no Python support", path))
	}
	quiet := &inputs{cwd: in.cwd, silent: true}
	command := []string{s.req.Python, "-u", filepath.Join(s.req.PythonDir, runner), path}
	end, err := s.execute(ctx, quiet, command, append(s.scriptEnv(in), urlVariable+"="+s.proxyURL))
	if err != nil {
		return operation.Fail(operation.NonRecoverable("run %s with %s: %v", path, s.req.Python, err))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch o := &s.outcome; {
	case o.failure != nil:
		return operation.Fail(o.failure)
	case o.illegal:
		return operation.Fail(operation.NonRecoverable(onlyOnce))
	case end.code == -15 || end.code == -9:
		return operation.Fail(operation.NonRecoverable("Process terminated (rc=%d)", end.code))
	case end.code != 0 || !o.reported:
		return operation.Fail(operation.NonRecoverable("Unhandled exception occurred in operation dispatch (rc=%d)", end.code))
	case o.stop != nil:
		return operation.Fail(o.stop)
	}
	return s.returned()
}
