package script_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/script"
	"github.com/reifyhq/reify/internal/script/ctxcmd"
	"github.com/reifyhq/reify/internal/script/scripttest"
	"github.com/reifyhq/reify/python"
)

// ctxDir and pythonDir are what an agent prepares before it runs scripts.
var ctxDir, pythonDir string

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == ctxcmd.Name {
		os.Exit(ctxcmd.Main(os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
	}
	// A program under the race detector sleeps a second at its end, and ctx is this program.
	os.Setenv("GORACE", "atexit_sleep_ms=0")
	dir, err := os.MkdirTemp("", "script")
	if err == nil {
		ctxDir, pythonDir = filepath.Join(dir, "bin"), filepath.Join(dir, "python")
		err = prepare()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		os.RemoveAll(dir)
		os.Exit(code)
	}))
}

func prepare() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := os.Mkdir(ctxDir, 0o755); err != nil {
		return err
	}
	if err := os.Symlink(self, filepath.Join(ctxDir, ctxcmd.Name)); err != nil {
		return err
	}
	return python.Write(pythonDir)
}

// bench is one operation with a manager behind it.
type bench struct {
	manager *scripttest.Manager
	request script.Request
}

// onNode returns an operation on an instance of a node.
func onNode(t testing.TB, kwargs model.Document) *bench {
	t.Helper()
	m := scripttest.New()
	m.Nodes["vm"] = &model.Node{
		ID: "vm", Type: "cloudify.nodes.Compute", TypeHierarchy: []string{"cloudify.nodes.Root", "cloudify.nodes.Compute"}, Number: 2,
		Properties: model.Document{"ip": "10.0.0.1", "port": json.Number("8080"), "nested": map[string]any{"list": []any{"a", "b"}}},
		Relationships: []model.NodeRelationship{
			{Type: "connected", TargetID: "db", TypeHierarchy: []string{"cloudify.relationships.depends_on", "connected"}},
		},
	}
	m.Nodes["db"] = &model.Node{ID: "db", Type: "cloudify.nodes.Database"}
	m.Instances["vm_1"] = &model.NodeInstance{
		ID: "vm_1", Node: "vm", HostID: "vm_1", Version: 3, Index: 1, State: model.InstanceStarting,
		RuntimeProperties: model.Document{"number": json.Number("1"), "a": map[string]any{"old": true}},
		Relationships:     []model.InstanceRelationship{{Type: "connected", TargetName: "db", TargetID: "db_1"}},
		ScalingGroups:     []model.GroupMembership{{Name: "web", ID: "web_1"}},
	}
	m.Instances["db_1"] = &model.NodeInstance{
		ID: "db_1", Node: "db", HostID: "vm_1", Version: 1, RuntimeProperties: model.Document{"url": "sql://db"},
	}
	return &bench{manager: m, request: script.Request{
		Message: &operation.Message{ID: "task-1", Kwargs: kwargs, Context: operation.Context{
			TaskID: "task-1", TaskName: script.Function, ExecutionID: "exec-1", WorkflowID: "install",
			Tenant: operation.Tenant{Name: "default_tenant"}, NodeID: "vm_1", NodeName: "vm",
			Operation: operation.Call{Name: "cloudify.interfaces.lifecycle.start", RetryNumber: 1, MaxRetries: 60},
			Plugin:    operation.Plugin{Name: "script"}, BlueprintID: "bp", DeploymentID: "dep", DeploymentDisplay: "Dep",
			RestHost: []string{"127.0.0.1"}, RestPort: 53333,
		}},
		Manager: m, Emit: m.Emit, Clock: clock.Real{}, Env: os.Environ(), TempDir: t.TempDir(), WorkDir: t.TempDir(),
		CtxDir: ctxDir, PythonDir: pythonDir,
	}}
}

// onRelationship returns an operation on the source side of the relationship from vm_1 to db_1.
func onRelationship(t testing.TB, kwargs model.Document) *bench {
	b := onNode(t, kwargs)
	b.request.Message.Context.Related = &operation.Related{NodeID: "db_1", NodeName: "db", IsTarget: true}
	b.request.Message.Context.Operation.Relationship = "source"
	return b
}

func bash(body string) model.Document {
	return model.Document{"script_source": "#!/bin/bash -e\n" + body}
}

func py(body string) model.Document {
	return model.Document{"script_source": "#!/usr/bin/env python3\n" + body}
}

func (b *bench) run(t testing.TB) operation.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	return script.Run(ctx, b.request)
}

// succeed runs the operation and returns its value.
func (b *bench) succeed(t testing.TB) string {
	t.Helper()
	r := b.run(t)
	if r.Err != nil {
		t.Fatalf("failed: %+v\nlog:\n%s", r.Err, b.log())
	}
	return string(r.Value)
}

// fail runs the operation and returns its error.
func (b *bench) fail(t testing.TB) *model.TaskError {
	t.Helper()
	r := b.run(t)
	if r.Err == nil {
		t.Fatalf("succeeded with %s\nlog:\n%s", r.Value, b.log())
	}
	return r.Err
}

func (b *bench) log() string {
	var s strings.Builder
	for _, r := range b.manager.Records() {
		fmt.Fprintf(&s, "%s %s\n", r.Level, r.Message.Text)
	}
	return s.String()
}

func (b *bench) property(name string) any { return b.manager.Properties("vm_1")[name] }

// waitFor polls a condition.
func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come true", what)
		}
		timer := time.NewTimer(5 * time.Millisecond)
		<-timer.C
	}
}

// alive reports whether a process exists and is no zombie.
func alive(pid int) bool {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	after := string(data[strings.LastIndexByte(string(data), ')')+1:])
	return !strings.HasPrefix(after, " Z") && syscall.Kill(pid, 0) == nil
}

// pids reads the process ids that a script wrote to a file.
func pids(t testing.TB, file string) []int {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var list []int
	for _, field := range strings.Fields(string(data)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, pid)
	}
	return list
}
