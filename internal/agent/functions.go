package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/pyhost"
	"github.com/reifyhq/reify/internal/script"
)

// Function carries out tasks of one name.
type Function struct {
	// Run carries out a task; it must end soon after ctx does, which means that the task was killed.
	Run func(ctx context.Context, op *Operation) operation.Result
	// Resumable says that a task which was interrupted may be started again.
	Resumable bool
	// Instant says that the function neither starts processes nor changes anything.
	Instant bool
	// Waits says that the function mostly waits for others and is resumable: it holds no slot, so that what it waits for
	// finds one.
	Waits bool
}

// Operation is a task as a function sees it.
type Operation struct {
	// Message is the task with its inputs evaluated.
	Message *operation.Message
	Manager Manager
	// Emit sends a log line or event; it may block.
	Emit func(script.Record)

	agent   *Agent
	attempt *attempt
}

// nothing are the tasks that have nothing to do: those of hosts without an agent of their own (install_method none)
// and the legacy monitoring agent (operations, section 7.2).
var nothing = []string{
	"cloudify_agent.installer.operations.create",
	"cloudify_agent.installer.operations.configure",
	"cloudify_agent.installer.operations.start",
	"cloudify_agent.installer.operations.stop",
	"cloudify_agent.installer.operations.delete",
	"cloudify_agent.installer.operations.restart",
	"cloudify_agent.operations.install_plugins",
	"cloudify_agent.operations.uninstall_plugins",
	stopTask,
	"cloudify_agent.operations.restart",
	"worker_installer.tasks.install",
	"worker_installer.tasks.start",
	"worker_installer.tasks.stop",
	"worker_installer.tasks.restart",
	"worker_installer.tasks.uninstall",
	"plugin_installer.tasks.install",
	"diamond_agent.tasks.install",
	"diamond_agent.tasks.start",
	"diamond_agent.tasks.stop",
	"diamond_agent.tasks.uninstall",
	"diamond_agent.tasks.add_collectors",
	"diamond_agent.tasks.del_collectors",
}

// builtin are the functions that every agent has.
func builtin() map[string]Function {
	functions := map[string]Function{script.Function: {Run: runScript, Resumable: true}}
	for _, name := range nothing {
		functions[name] = Function{Run: doNothing, Resumable: true, Instant: true}
	}
	return functions
}

// doNothing succeeds for hosts that want no agent and says clearly when one was wanted.
func doNothing(_ context.Context, op *Operation) operation.Result {
	config, _ := op.Message.Kwargs["agent_config"].(map[string]any)
	method, _ := config["install_method"].(string)
	if strings.HasPrefix(op.Message.Context.TaskName, "cloudify_agent.installer.") && method != "" && method != "none" {
		return operation.Fail(operation.NonRecoverable("Installing agents with method %q is not supported by this executor; "+
			"use install_method none", method))
	}
	return operation.Result{}
}

// stopTask is the task by which an agent is told to end (operations, section 7.2).
const stopTask = "cloudify_agent.operations.stop"

// stopAgent ends the agent after the operation was answered.
func stopAgent(_ context.Context, op *Operation) operation.Result {
	op.attempt.isLast = true
	return operation.Result{}
}

func runScript(ctx context.Context, op *Operation) operation.Result {
	a := op.agent
	output, err := a.deploymentLog(string(op.Message.Context.DeploymentID))
	if err != nil {
		return operation.Fail(operation.Exception("OSError", "%v", err))
	}
	defer output.Close()
	return script.Run(ctx, script.Request{
		Message: op.Message, Manager: op.Manager, Emit: op.Emit, Clock: a.o.Clock,
		Env: append(a.environment(op.Message), attemptVariable+"="+op.attempt.id), TempDir: a.o.TempDir, WorkDir: a.o.WorkDir,
		CtxDir: a.ctxDir(), Python: a.o.Python, PythonDir: a.pythonDir(), Output: output,
		Started: op.started,
	})
}

// runPython runs an operation of a Python plugin. Whether it can be resumed is its own decision: the context says that it
// was started before.
func runPython(ctx context.Context, op *Operation) operation.Result {
	a := op.agent
	output, err := a.deploymentLog(string(op.Message.Context.DeploymentID))
	if err != nil {
		return operation.Fail(operation.Exception("OSError", "%v", err))
	}
	defer output.Close()
	return a.o.Plugins.Run(ctx, pyhost.Request{
		Message: op.Message, Files: op.Manager, Emit: op.Emit, Env: a.environment(op.Message), Output: output,
		Started: op.started,
	})
}

// started notes the process of an operation in the journal, so that a successor can end it.
func (op *Operation) started(pid int) error {
	p, err := describeProcess(pid)
	if errors.Is(err, fs.ErrNotExist) {
		// It has ended already, and so there is nothing to be ended.
		return nil
	}
	if err != nil {
		return err
	}
	return op.agent.journal.start(op.attempt.id, p)
}

// environment is what operations find in their environment (operations, section 3.2).
func (a *Agent) environment(m *operation.Message) []string {
	c := m.Context
	own := map[string]string{
		"CLOUDIFY_DISPATCH": "true",
		"AGENT_WORK_DIR":    a.o.WorkDir,
		"REST_HOST":         strings.Join(c.RestHost, ","),
		"REST_PORT":         strconv.Itoa(c.RestPort),
	}
	if a.o.Queue == operation.CentralQueue {
		own["MANAGER_NAME"] = a.o.Name
	} else {
		own["AGENT_NAME"] = a.o.Name
	}
	if c.BypassMaintenance {
		own["BYPASS_MAINTENANCE"] = "True"
	}
	env := append([]string(nil), a.o.Env...)
	for name, value := range own {
		env = append(env, name+"="+value)
	}
	for name, value := range c.ExecutionEnv {
		env = append(env, name+"="+value)
	}
	return env
}

// maxDeploymentLog is the size in bytes from which a deployment's log is begun anew; one old one is kept.
const maxDeploymentLog = 5 << 20

// deploymentLog opens the file for output that does not go to the manager.
func (a *Agent) deploymentLog(deployment string) (*os.File, error) {
	if deployment == "" {
		deployment = "__system__"
	}
	path := filepath.Join(a.o.WorkDir, "logs", filepath.Base(deployment)+".log")
	if info, err := os.Stat(path); err == nil && info.Size() > maxDeploymentLog {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, fmt.Errorf("rotate deployment log: %w", err)
		}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o640)
	if err != nil {
		return nil, fmt.Errorf("open deployment log: %w", err)
	}
	return f, nil
}
