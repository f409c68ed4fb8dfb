// Package pyworkflow runs custom workflows, which are Python functions, for the engine.
//
// The workflow runs in a process of its own with the graph code of the published package (workflows, section 14.3). It
// asks for operations over a socket; this package hands them to the engine and brings back their ends. Everything else
// the process does over REST, where its graph is stored, so that it can be resumed.
//
// The package never decides what a workflow does next and keeps nothing that must survive: after a crash the process is
// started again with resume set, finds its graph, and asks for the ends of the operations that it had sent.
//
//	engine ──job──▶ process ──send──▶ engine ──▶ executor
//	                   ▲                            │
//	                   └──────── result ◀── report ◀┘
package pyworkflow

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/engine"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/pyhost"
	"github.com/reifyhq/reify/internal/workflow"
)

// forceWait is how long a workflow may take to end by itself after a force-cancel; it looks for one every five seconds.
const forceWait = 7 * time.Second

// maxLine is the longest request of a workflow in bytes.
const maxLine = 64 << 20

// Options are what a Runner works with; all are required.
type Options struct {
	Host  *pyhost.Host
	Clock clock.Clock
	Log   *slog.Logger
	// Name is what workflows know as the name of their manager.
	Name string
	// Env is the environment of workflows.
	Env []string
	// Files reaches the manager with the token of an execution.
	Files func(t model.TenantName, token string) pyhost.Files
}

// Runner runs custom workflows. It is safe for concurrent use.
type Runner struct{ o Options }

// New returns a runner.
func New(o Options) *Runner { return &Runner{o} }

// Run is an engine.CustomWorkflow.
func (r *Runner) Run(ctx context.Context, job engine.CustomJob) (workflow.End, error) {
	start, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	cancelled := make(chan model.ExecutionStatus, 1)
	started := make(chan struct{})
	var early sync.WaitGroup
	early.Go(func() { r.watchStart(start, job, started, cancelled, stop) })
	w, err := r.o.Host.StartWorkflow(start, r.request(job))
	close(started)
	early.Wait()
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return workflow.End{}, ctx.Err()
	case start.Err() != nil:
		return workflow.End{Cancelled: true}, nil
	default:
		return workflow.End{Failure: &workflow.Failure{Message: err.Error()}}, nil
	}
	s := &session{r: r, job: job, w: w, kept: map[model.TaskID]*operation.Result{}, wanted: map[model.TaskID]bool{}}
	return s.run(ctx, cancelled)
}

// errCancelled ends the start of a workflow that is not wanted any more.
var errCancelled = errors.New("the execution was cancelled")

// watchStart looks for a cancel while a plugin is being installed. What comes here is handed on when it is too weak to
// stop that.
func (r *Runner) watchStart(ctx context.Context, job engine.CustomJob, started <-chan struct{}, cancelled chan<- model.ExecutionStatus,
	stop context.CancelCauseFunc) {
	select {
	case <-ctx.Done():
	case <-started:
	case status := <-job.Cancels:
		if status == model.ExecutionCancelling {
			cancelled <- status
			return
		}
		stop(errCancelled)
	}
}

func (r *Runner) request(job engine.CustomJob) pyhost.WorkflowRequest {
	x, d := job.Execution, job.Deployment
	wait := int(job.Settings.WaitAfterFail / time.Second)
	c := &pyhost.WorkflowContext{
		Context: operation.Context{
			Version: "0.3", Type: operation.TypeWorkflow, TaskID: model.TaskID(x.ID), TaskName: job.Function,
			TaskQueue: operation.CentralQueue, TaskTarget: operation.CentralQueue,
			ExecutionID: x.ID, WorkflowID: x.Workflow, Tenant: operation.Tenant{Name: x.Tenant},
			RestToken: job.Token, ExecutionToken: job.Token, RestHost: job.RestHost, RestPort: job.RestPort,
			WorkflowParameters: x.Parameters, ExecutionCreator: x.CreatedBy,
			BlueprintID: d.Blueprint, DeploymentID: d.ID, DeploymentDisplay: d.DisplayName, DeploymentCreator: d.CreatedBy,
			ResourceTags: d.ResourceTags, RuntimeOnly: d.RuntimeOnlyEvaluation,
			Plugin: operation.Plugin{
				Name: job.Plugin.Name, PackageName: job.Plugin.PackageName, PackageVersion: job.Plugin.PackageVersion,
				Visibility: d.Visibility, TenantName: x.Tenant, Source: job.Plugin.Source, Properties: job.Plugin.Properties,
				InstallArguments: job.Plugin.InstallArguments,
			},
		},
		DryRun: x.IsDryRun, IsSystem: x.IsSystem, WaitAfterFail: wait, IsResumed: job.Resume,
	}
	env := append(append([]string(nil), r.o.Env...), "MANAGER_NAME="+r.o.Name)
	return pyhost.WorkflowRequest{Context: c, Kwargs: x.Parameters, Env: env, Files: r.o.Files(x.Tenant, job.Token), Started: job.Started}
}

// session is one run of a workflow.
type session struct {
	r   *Runner
	job engine.CustomJob
	w   *pyhost.Workflow

	mu sync.Mutex
	// kept are results that nobody asked for yet, wanted the operations that the workflow waits for.
	kept   map[model.TaskID]*operation.Result
	wanted map[model.TaskID]bool
}

// run serves the workflow until it has ended.
func (s *session) run(ctx context.Context, cancelled <-chan model.ExecutionStatus) (workflow.End, error) {
	inner, stop := context.WithCancel(ctx)
	var parts sync.WaitGroup
	parts.Go(func() { s.listen(inner) })
	parts.Go(func() { s.answer(inner) })
	killed := false
	var patience clock.Timer
	defer func() {
		if patience != nil {
			patience.Stop()
		}
	}()
	finish := func() pyhost.WorkflowEnd {
		stop()
		end := s.w.Wait()
		parts.Wait()
		return end
	}
	for {
		var late <-chan time.Time
		if patience != nil {
			late = patience.C()
		}
		var status model.ExecutionStatus
		select {
		case <-s.w.Ended():
			return s.end(finish(), killed), nil
		case <-ctx.Done():
			s.w.Kill()
			finish()
			return workflow.End{}, ctx.Err()
		case <-late:
			killed = true
			s.w.Kill()
			continue
		case status = <-cancelled:
		case status = <-s.job.Cancels:
		}
		switch status {
		case model.ExecutionKillCancelling:
			killed = true
			s.tell(map[string]string{"cancel": "kill"})
			s.w.Kill()
		case model.ExecutionForceCancelling:
			s.tell(map[string]string{"cancel": "cancel"})
			if patience == nil {
				patience = s.r.o.Clock.NewTimer(forceWait)
			}
		default:
			s.tell(map[string]string{"cancel": "cancel"})
		}
	}
}

// end turns what the workflow said into the end of its execution.
func (s *session) end(e pyhost.WorkflowEnd, killed bool) workflow.End {
	switch {
	case killed || e.Status == model.ExecutionCancelled:
		return workflow.End{Cancelled: true}
	case e.Status == model.ExecutionTerminated:
		return workflow.End{}
	}
	return workflow.End{Failure: &workflow.Failure{Message: e.Failure, Detail: e.Error}}
}

// request is a line of the workflow.
type request struct {
	Send   model.TaskID    `json:"send"`
	Await  model.TaskID    `json:"await"`
	Target string          `json:"target"`
	Queue  string          `json:"queue"`
	Kwargs json.RawMessage `json:"kwargs"`
}

// listen carries out the requests of the workflow until it hangs up.
func (s *session) listen(ctx context.Context) {
	lines := bufio.NewScanner(s.w.Conn)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	var sends sync.WaitGroup
	defer sends.Wait()
	for lines.Scan() {
		var in request
		if err := json.Unmarshal(lines.Bytes(), &in); err != nil {
			s.r.o.Log.Error("a workflow sent a line that cannot be read", "execution", s.job.Execution.ID, "error", err)
			continue
		}
		id := in.Send
		if id == "" {
			id = in.Await
		}
		if s.keptFor(id) {
			continue
		}
		// An agent that does not answer must not hold up the operations of others.
		if in.Queue != operation.CentralQueue {
			sends.Go(func() { s.send(ctx, id, in) })
			continue
		}
		s.send(ctx, id, in)
	}
}

// keptFor answers with a result that came before it was asked for.
func (s *session) keptFor(id model.TaskID) bool {
	s.mu.Lock()
	result := s.kept[id]
	delete(s.kept, id)
	s.wanted[id] = result == nil
	s.mu.Unlock()
	if result != nil {
		s.deliver(id, result)
	}
	return result != nil
}

func (s *session) send(ctx context.Context, id model.TaskID, in request) {
	message, err := model.EncodeJSON(map[string]any{
		"id": id, "cloudify_task": map[string]any{"kwargs": in.Kwargs},
	})
	if err == nil {
		err = s.job.Send(ctx, engine.CustomOperation{ID: id, Queue: in.Queue, Target: in.Target, Message: message})
	}
	if err != nil && ctx.Err() == nil {
		failed := operation.Fail(operation.ErrorOf(fmt.Errorf("send operation %s: %w", id, err), "RecoverableError"))
		s.deliver(id, &failed)
	}
}

// answer brings the ends of operations to the workflow.
func (s *session) answer(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case report := <-s.job.Reports:
			s.mu.Lock()
			wanted := s.wanted[report.Task]
			if !wanted {
				s.kept[report.Task] = report.Result
			}
			s.mu.Unlock()
			if wanted {
				s.deliver(report.Task, report.Result)
			}
		}
	}
}

// deliver tells the workflow the end of an operation, once.
func (s *session) deliver(id model.TaskID, result *operation.Result) {
	s.mu.Lock()
	delete(s.wanted, id)
	s.mu.Unlock()
	line := map[string]any{"id": id, "ok": result.Err == nil}
	if result.Err == nil {
		line["result"] = result.Value
	} else {
		object, err := operation.EncodeError(result.Err)
		if err != nil {
			object, err = operation.EncodeError(operation.NonRecoverable("the error of operation %s cannot be told: %v", id, err))
		}
		if err != nil {
			return
		}
		line["error"] = json.RawMessage(object)
	}
	s.tell(line)
}

// tell writes a line to the workflow. One that has ended needs none, so errors only show in the log.
func (s *session) tell(line any) {
	data, err := model.EncodeJSON(line)
	if err == nil {
		_, err = s.w.Conn.Write(append(data, '\n'))
	}
	if err != nil && !errors.Is(err, net.ErrClosed) {
		s.r.o.Log.Debug("tell a workflow", "execution", s.job.Execution.ID, "error", err)
	}
}
