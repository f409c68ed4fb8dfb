package pyhost

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
)

// WorkflowRequest is one workflow to run.
type WorkflowRequest struct {
	// Context says which function of which plugin to run, for whom; its Type must be workflow.
	Context *WorkflowContext
	Kwargs  model.Document
	Files   Files
	// Env is the environment of the workflow before what the dispatch itself adds.
	Env []string
	// Started is called when the workflow says that it starts; a fault of it tells the workflow that it must not run.
	Started func(ctx context.Context) error
}

// WorkflowContext is __cloudify_context of a workflow (workflows, section 8.11).
type WorkflowContext struct {
	operation.Context
	DryRun        bool `json:"dry_run"`
	IsSystem      bool `json:"is_system_workflow"`
	WaitAfterFail int  `json:"wait_after_fail"`
	IsResumed     bool `json:"resume"`
}

// WorkflowEnd is how a workflow ended. Status is the end status that it asked for, empty when it asked for none and its
// process ended nevertheless. Failure and Error are the short and the long text of a failure.
type WorkflowEnd struct {
	Status         model.ExecutionStatus
	Failure, Error string
}

// Workflow is a running workflow. Lines of JSON go both ways over Conn (see python/dispatch/reify_workflow.py).
type Workflow struct {
	Conn net.Conn

	h         *Host
	execution string
	dir       string
	p         *child
	leave     func()
	out       *os.File
	started   func(ctx context.Context) error

	mu  sync.Mutex
	end WorkflowEnd
}

// StartWorkflow starts a workflow. Wait must be called.
func (h *Host) StartWorkflow(ctx context.Context, r WorkflowRequest) (_ *Workflow, err error) {
	c := r.Context
	env, err := h.environmentOf(ctx, &c.Context, r.Files)
	if err != nil {
		return nil, err
	}
	w := &Workflow{h: h, execution: string(c.ExecutionID), started: r.Started}
	defer func() {
		if err != nil {
			w.clean()
		}
	}()
	if w.dir, err = h.prepare(c, r.Kwargs, nil); err != nil {
		return nil, err
	}
	if w.out, err = h.logOf(string(c.DeploymentID)); err != nil {
		return nil, err
	}
	conn, theirs, err := streamPair()
	if err != nil {
		return nil, fmt.Errorf("connect a workflow: %w", err)
	}
	defer theirs.Close()
	w.Conn = conn
	w.leave = h.workflows.admit(c.ExecutionToken, &guest{execution: c.ExecutionID, intercept: w.intercept})
	environ := h.environ(r.Env, env)
	environ["REST_PORT"] = fmt.Sprint(h.workflows.port())
	l := launch{
		Env: environ, Cwd: h.cwd(), Entry: entryWorkflow, Args: []string{"dispatch", w.dir},
		env: env, dir: w.dir, out: w.out, channel: theirs, isOdd: odd(c.ExecutionEnv),
	}
	w.p, err = h.launch(ctx, l)
	return w, err
}

// streamPair returns a connection of lines: our end, and the one for the child.
func streamPair() (*net.UnixConn, *os.File, error) {
	syscall.ForkLock.RLock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, err
	}
	return splitPair(fds)
}

func (h *Host) logOf(deployment string) (*os.File, error) {
	dir := filepath.Join(h.logDir(), "workflows")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return os.OpenFile(filepath.Join(dir, part(deployment)+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
}

// Ended is closed when the process of the workflow has ended.
func (w *Workflow) Ended() <-chan struct{} { return w.p.ended }

// Kill ends the workflow's process group: TERM, five seconds, KILL.
func (w *Workflow) Kill() { w.h.endProcess(w.p) }

// Wait waits until the process has ended and returns how the workflow did. It frees everything.
func (w *Workflow) Wait() WorkflowEnd {
	<-w.p.ended
	w.h.endLost(w.p)
	w.mu.Lock()
	end := w.end
	w.mu.Unlock()
	if end.Status == "" {
		end.Error = w.explain()
		end.Failure = end.Error
	}
	w.clean()
	return end
}

// explain says why a workflow ended without telling its end.
func (w *Workflow) explain() string {
	switch {
	case w.p.lost:
		return "The process of the workflow was lost"
	case w.p.rc == 0:
		_, problem, err := readOutput(w.dir)
		if err != nil {
			return err.Error()
		}
		if problem != nil {
			return problem.ExceptionType + ": " + problem.Message
		}
		return "The workflow ended without telling its end"
	}
	return fmt.Sprintf("The process of the workflow ended unexpectedly (rc=%d); its output is in %s", w.p.rc, w.out.Name())
}

func (w *Workflow) clean() {
	if w.leave != nil {
		w.leave()
	}
	if w.Conn != nil {
		_ = w.Conn.Close()
	}
	if w.out != nil {
		_ = w.out.Close()
	}
	if w.dir != "" {
		// What cannot be removed is found by whoever looks after the disk.
		_ = os.RemoveAll(w.dir)
	}
}

// ownEvents are the events that the manager itself writes, together with the status that they tell of.
var ownEvents = []model.EventType{
	model.EventWorkflowStarted, model.EventWorkflowSucceeded, model.EventWorkflowFailed, model.EventWorkflowCancelled,
}

// intercept takes what a workflow says about its own execution: the manager records it in one step with everything that
// follows from it.
func (w *Workflow) intercept(rw http.ResponseWriter, r *http.Request) bool {
	_, path, isAPI := strings.Cut(strings.TrimPrefix(r.URL.Path, "/api/"), "/")
	if !isAPI || !strings.HasPrefix(r.URL.Path, "/api/") {
		return false
	}
	switch {
	case r.Method == http.MethodPatch && path == "executions/"+w.execution:
		return w.takeStatus(rw, r)
	case r.Method == http.MethodPost && path == "events":
		return w.takeEvents(rw, r)
	}
	return false
}

// reread reads the body of a request and leaves it to be read again.
func reread(r *http.Request) ([]byte, bool) {
	data, err := io.ReadAll(io.LimitReader(r.Body, maxEvents+1))
	rest := r.Body
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(data), rest), rest}
	return data, err == nil && len(data) <= maxEvents
}

// takeStatus takes the start and the end of the workflow; other statuses go to the manager.
func (w *Workflow) takeStatus(rw http.ResponseWriter, r *http.Request) bool {
	data, ok := reread(r)
	var in struct {
		Status model.ExecutionStatus `json:"status"`
		Error  string                `json:"error"`
	}
	if !ok || model.DecodeJSON(data, &in) != nil || !in.Status.Ended() && in.Status != model.ExecutionStarted {
		return false
	}
	if in.Status == model.ExecutionStarted {
		w.begin(rw, r)
		return true
	}
	w.mu.Lock()
	w.end.Status, w.end.Error = in.Status, in.Error
	if w.end.Failure == "" {
		w.end.Failure = in.Error
	}
	w.mu.Unlock()
	reply(rw, map[string]any{"id": w.execution, "status": in.Status, "error": in.Error})
	return true
}

// begin asks whether the workflow may run.
func (w *Workflow) begin(rw http.ResponseWriter, r *http.Request) {
	var refusal *fault.Error
	err := w.started(r.Context())
	switch {
	case errors.As(err, &refusal):
		refuse(rw, http.StatusBadRequest, string(refusal.Code), refusal.Message)
	case err != nil:
		refuse(rw, http.StatusServiceUnavailable, "internal_server_error", err.Error())
	default:
		reply(rw, map[string]any{"id": w.execution, "status": model.ExecutionStarted, "error": ""})
	}
}

func reply(rw http.ResponseWriter, value any) {
	data, err := model.EncodeJSON(value)
	if err != nil {
		refuse(rw, http.StatusInternalServerError, "internal_server_error", err.Error())
		return
	}
	rw.Header().Set("Content-Type", "application/json")
	// Who does not listen any more cannot be told.
	_, _ = rw.Write(data)
}

// takeEvents takes the events about the execution itself out of a request and passes on the others.
func (w *Workflow) takeEvents(rw http.ResponseWriter, r *http.Request) bool {
	data, ok := reread(r)
	var batch map[string]any
	if !ok || model.DecodeJSON(data, &batch) != nil {
		return false
	}
	events, _ := batch["events"].([]any)
	kept := slices.DeleteFunc(slices.Clone(events), w.isOwn)
	if len(kept) == len(events) {
		return false
	}
	logs, _ := batch["logs"].([]any)
	if len(kept) == 0 && len(logs) == 0 {
		rw.WriteHeader(http.StatusNoContent)
		return true
	}
	batch["events"] = kept
	smaller, err := model.EncodeJSON(batch)
	if err != nil {
		return false
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(smaller)), int64(len(smaller))
	return false
}

func (w *Workflow) isOwn(event any) bool {
	e, _ := event.(map[string]any)
	kind, _ := e["event_type"].(string)
	if !slices.Contains(ownEvents, model.EventType(kind)) {
		return false
	}
	if model.EventType(kind) == model.EventWorkflowFailed {
		message, _ := e["message"].(map[string]any)
		text, _ := message["text"].(string)
		if _, failure, found := strings.Cut(text, " workflow execution failed: "); found {
			w.mu.Lock()
			w.end.Failure = failure
			w.mu.Unlock()
		}
	}
	return true
}
