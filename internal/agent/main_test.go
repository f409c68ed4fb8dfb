package agent_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/reifyhq/reify/internal/agent"
	"github.com/reifyhq/reify/internal/bus"
	"github.com/reifyhq/reify/internal/bus/membus"
	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/script"
	"github.com/reifyhq/reify/internal/script/ctxcmd"
	"github.com/reifyhq/reify/internal/script/scripttest"
)

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == ctxcmd.Name {
		os.Exit(ctxcmd.Main(os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
	}
	// A program under the race detector sleeps a second at its end, and ctx is this program.
	os.Setenv("GORACE", "atexit_sleep_ms=0")
	goleak.VerifyTestMain(m)
}

const patience = time.Minute

// rig is an agent with a bus and a manager, seen from the engine.
type rig struct {
	bus     bus.Bus
	manager *scripttest.Manager
	options agent.Options
	reports chan *operation.Report

	mu       sync.Mutex
	statuses int
}

func newRig(t testing.TB, b bus.Bus) *rig {
	t.Helper()
	r := &rig{bus: b, manager: scripttest.New(), reports: make(chan *operation.Report, 1000)}
	r.manager.Instances["vm_1"] = &model.NodeInstance{ID: "vm_1", Node: "vm", Version: 1, RuntimeProperties: model.Document{}}
	r.options = agent.Options{
		Name: "test", WorkDir: t.TempDir(), Bus: b, Slots: 5, Clock: clock.Real{},
		ManagerFor: func(*operation.Message) agent.Manager { return r },
	}
	r.background(t, func(ctx context.Context) error {
		return b.Receive(ctx, operation.ResultsQueue, bus.ReceiveOptions{Slots: 1}, func(_ context.Context, m bus.Message) error {
			report, err := operation.DecodeReport(m.Data)
			if err != nil {
				t.Error(err)
				return nil
			}
			r.reports <- report
			return nil
		})
	})
	return r
}

// The rig is the manager of its agent: that of scripttest, counting the calls that begin an attempt.
var _ agent.Manager = (*rig)(nil)

func (r *rig) ExecutionStatus(ctx context.Context, id model.ExecutionID) (model.ExecutionStatus, error) {
	r.mu.Lock()
	r.statuses++
	r.mu.Unlock()
	return r.manager.ExecutionStatus(ctx, id)
}

// attempts returns how many attempts were begun.
func (r *rig) attempts() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.statuses
}

// background runs f until stop or the end of the test.
func (r *rig) background(t testing.TB, f func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(patience):
			t.Error("did not end with its context")
		}
	})
	t.Cleanup(stop)
	return stop
}

func (r *rig) start(t testing.TB) (stop func()) {
	t.Helper()
	return r.background(t, agent.New(r.options).Run)
}

// message returns a task that runs an inline script.
func message(task, body string) *operation.Message {
	return &operation.Message{
		ID: task, Kwargs: model.Document{"script_source": "#!/bin/bash -e\n" + body},
		Context: operation.Context{
			Type: operation.TypeOperation, TaskID: model.TaskID(task), TaskName: script.Function, ExecutionID: "exec",
			Tenant: operation.Tenant{Name: "default_tenant"}, NodeID: "vm_1", NodeName: "vm", DeploymentID: "dep",
			Plugin: operation.Plugin{Name: "script"}, ExecutionToken: "token", RestHost: []string{"127.0.0.1"},
		},
	}
}

func (r *rig) send(t testing.TB, m *operation.Message, n int) string {
	t.Helper()
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	id := operation.DispatchID(m.Context.ExecutionID, m.Context.TaskID, n)
	r.sendRaw(t, id, data)
	return id
}

func (r *rig) sendRaw(t testing.TB, id string, data []byte) {
	t.Helper()
	queue := r.options.Queue
	if queue == "" {
		queue = operation.CentralQueue
	}
	if err := r.bus.Send(t.Context(), queue.TaskQueue(), id, data); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) next(t testing.TB) *operation.Report {
	t.Helper()
	select {
	case report := <-r.reports:
		return report
	case <-time.After(patience):
		var log strings.Builder
		for _, record := range r.manager.Records() {
			fmt.Fprintln(&log, record.Message.Text)
		}
		t.Fatalf("no report came; log:\n%s", log.String())
		return nil
	}
}

// finished waits for the finished report of a task, past started ones.
func (r *rig) finished(t testing.TB, task string) operation.Result {
	t.Helper()
	for {
		if report := r.next(t); report.Kind == operation.ReportFinished && string(report.Task) == task {
			return *report.Result
		}
	}
}

// The parts of scripttest.Manager that the rig passes on.

func (r *rig) Node(ctx context.Context, d model.DeploymentID, id model.NodeID, self model.InstanceID) (*model.Node, error) {
	return r.manager.Node(ctx, d, id, self)
}

func (r *rig) NodeInstance(ctx context.Context, id model.InstanceID) (*model.NodeInstance, error) {
	return r.manager.NodeInstance(ctx, id)
}

func (r *rig) UpdateNodeInstance(ctx context.Context, id model.InstanceID, v int, p model.Document, s model.InstanceState) error {
	return r.manager.UpdateNodeInstance(ctx, id, v, p, s)
}

func (r *rig) PostEvents(ctx context.Context, b script.Batch) error {
	return r.manager.PostEvents(ctx, b)
}

func (r *rig) Evaluate(ctx context.Context, id model.DeploymentID, s script.Scope, d model.Document) (model.Document, error) {
	return r.manager.Evaluate(ctx, id, s, d)
}

func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come true", what)
		}
		timer := time.NewTimer(5 * time.Millisecond)
		<-timer.C
	}
}

func exists(path string) func() bool {
	return func() bool {
		data, err := os.ReadFile(path)
		return err == nil && len(data) > 0
	}
}

func alive(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	text := string(data)
	return !strings.HasPrefix(text[strings.LastIndexByte(text, ')')+1:], " Z") && syscall.Kill(pid, 0) == nil
}

func readPID(t testing.TB, path string) (pid int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(string(data), &pid); err != nil {
		t.Fatal(err)
	}
	return pid
}

func newMembus() bus.Bus { return membus.New(clock.Real{}) }

func value(r operation.Result) string {
	if r.Err != nil {
		return "error: " + r.Err.Message
	}
	if len(r.Value) == 0 {
		return "<nil>"
	}
	var v any
	if err := json.Unmarshal(r.Value, &v); err != nil {
		return err.Error()
	}
	return fmt.Sprint(v)
}

func (r *rig) Download(ctx context.Context, path string) (io.ReadCloser, error) {
	return r.manager.Download(ctx, path)
}

func (r *rig) Get(ctx context.Context, path string) (json.RawMessage, error) {
	return r.manager.Get(ctx, path)
}

func (r *rig) Put(context.Context, string, any) error { return nil }

func (r *rig) Open(context.Context, string) (io.ReadCloser, error) {
	return nil, fault.New(fault.NotFound, "no such file")
}
