package pyhost_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/pyhost"
	"github.com/reifyhq/reify/internal/pyhost/pyhosttest"
	"github.com/reifyhq/reify/internal/script"
)

// asHost makes the test program a host that runs one operation and waits to be killed; see TestNothingOutlivesTheHost.
const asHost = "REIFY_HOST_UNDER_TEST"

func TestMain(m *testing.M) {
	if file := os.Getenv(asHost); file != "" {
		os.Exit(hostProcess(file))
	}
	goleak.VerifyTestMain(m)
}

// ownOnly makes a wagon of the package alone, built with what the base has.
const ownOnly = "--wheel-args=--no-deps --no-build-isolation"

const (
	token    = "the-token"
	patience = time.Minute
)

// manager is the REST API as far as the operations of the tests ask for it.
type manager struct {
	mu        sync.Mutex
	instances map[string]map[string]any
	nodes     map[string]map[string]any
	resources map[string]string
	plugins   []pyhost.Managed
	archives  map[string][]byte
	requests  []string
}

func newManager() *manager {
	return &manager{
		instances: map[string]map[string]any{
			"vm_1":  {"id": "vm_1", "node_id": "vm", "version": 1, "state": "creating", "runtime_properties": map[string]any{}},
			"net_1": {"id": "net_1", "node_id": "net", "version": 1, "state": "started", "runtime_properties": map[string]any{}},
		},
		nodes: map[string]map[string]any{
			"vm":  {"id": "vm", "properties": map[string]any{"size": 4}, "type": "T", "type_hierarchy": []string{"T"}},
			"net": {"id": "net", "properties": map[string]any{}, "type": "T", "type_hierarchy": []string{"T"}},
		},
		resources: map[string]string{
			"blueprints/default_tenant/bp/t.txt":     "{{ ctx.node.id }} {{ x }}",
			"blueprints/default_tenant/bp/plain.txt": "plain text",
		},
		archives: map[string][]byte{},
	}
}

// ServeHTTP answers like a manager.
func (m *manager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests = append(m.requests, r.Method+" "+r.URL.Path)
	answer := func(status int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(v)
	}
	missing := map[string]any{"message": "not found", "error_code": "not_found_error", "server_traceback": nil}
	path := strings.TrimPrefix(r.URL.Path, "/api/v3.1/")
	switch {
	case r.Header.Get("Execution-Token") != token:
		answer(http.StatusUnauthorized, missing)
	case path == "nodes":
		answer(http.StatusOK, map[string]any{"items": []any{m.nodes[r.URL.Query().Get("id")]}, "metadata": map[string]any{}})
	case strings.HasPrefix(path, "node-instances/"):
		i := m.instances[strings.TrimPrefix(path, "node-instances/")]
		if r.Method == http.MethodPatch {
			var in map[string]any
			json.NewDecoder(r.Body).Decode(&in)
			i["runtime_properties"] = in["runtime_properties"]
			i["version"] = i["version"].(int) + 1
		}
		answer(http.StatusOK, i)
	case strings.HasPrefix(r.URL.Path, "/resources/"):
		text, ok := m.resources[strings.TrimPrefix(r.URL.Path, "/resources/")]
		if !ok {
			answer(http.StatusNotFound, missing)
			return
		}
		io.WriteString(w, text)
	case strings.HasPrefix(path, "blueprints/"):
		answer(http.StatusOK, map[string]any{"id": "bp", "visibility": "tenant", "tenant_name": "default_tenant"})
	case strings.HasPrefix(path, "executions/"):
		answer(http.StatusOK, map[string]any{"id": "exec", "status": "started"})
	default:
		answer(http.StatusNotFound, missing)
	}
}

func (m *manager) properties(id string) map[string]any {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, _ := m.instances[id]["runtime_properties"].(map[string]any)
	return maps.Clone(p)
}

func (m *manager) asked() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.requests)
}

// The manager as an installation reaches it.

func (m *manager) Get(_ context.Context, path string) (json.RawMessage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests = append(m.requests, "get "+path)
	return json.Marshal(map[string]any{"items": m.plugins})
}

func (m *manager) Put(_ context.Context, path string, body any) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	data, err := json.Marshal(body)
	m.requests = append(m.requests, "put "+path+" "+string(data))
	return err
}

func (m *manager) Open(_ context.Context, path string) (io.ReadCloser, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests = append(m.requests, "open "+path)
	data, ok := m.archives[path]
	if !ok {
		return nil, fault.Missing("Plugin", path)
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

func (m *manager) Download(_ context.Context, path string) (io.ReadCloser, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if text, ok := m.resources[path]; ok {
		return io.NopCloser(strings.NewReader(text)), nil
	}
	index := map[string]string{}
	for name := range m.resources {
		if below, ok := strings.CutPrefix(name, strings.TrimSuffix(path, "/")+"/"); ok {
			index[below] = "2026-01-01T00:00:00+00:00"
		}
	}
	if len(index) == 0 {
		return nil, fault.New(fault.NotFound, "Resource not found: %s", path)
	}
	data, err := json.Marshal(index)
	return io.NopCloser(bytes.NewReader(data)), err
}

// rig is a host with a manager.
type rig struct {
	*pyhost.Host
	manager *manager
	work    string

	mu      sync.Mutex
	records []script.Record
}

func newRig(t testing.TB, change func(*pyhost.Options)) *rig {
	t.Helper()
	base := pyhosttest.Base(t)
	m := newManager()
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	r := &rig{manager: m, work: t.TempDir()}
	r.Host = startHost(t, base, r.work, server.URL, change)
	return r
}

func startHost(t testing.TB, base pyhost.Base, work, upstream string, change func(*pyhost.Options)) *pyhost.Host {
	t.Helper()
	u, err := url.Parse(upstream)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	o := pyhost.Options{Name: "test", WorkDir: work, Base: base, Clock: clock.Real{}, Upstream: u, Transport: transport}
	if change != nil {
		change(&o)
	}
	h := pyhost.New(o)
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		transport.CloseIdleConnections()
	})
	return h
}

var (
	wagonOnce sync.Once
	wagonData []byte
)

// probe returns the wagon of the plugin in testdata, built once.
func probe(t testing.TB) []byte {
	t.Helper()
	wagonOnce.Do(func() {
		copied := filepath.Join(t.TempDir(), "probe")
		if err := os.CopyFS(copied, os.DirFS(filepath.Join("testdata", "probe"))); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(pyhosttest.Wagon(t, pyhosttest.Base(t), copied, ownOnly))
		if err != nil {
			t.Fatal(err)
		}
		wagonData = data
	})
	return wagonData
}

// withProbe makes the manager hold the plugin of the tests.
func (r *rig) withProbe(t testing.TB) *rig {
	t.Helper()
	r.manager.plugins = []pyhost.Managed{{ID: "p1", Package: "reify-probe", Version: "1.2", Platform: "any", Pythons: []string{"py311"}}}
	r.manager.archives["plugins/p1/archive"] = probe(t)
	return r
}

func message(function string, kwargs model.Document) *operation.Message {
	name, version := "reify-probe", "1.2"
	return &operation.Message{ID: "task", Kwargs: kwargs, Context: operation.Context{
		Version: "0.3", Type: operation.TypeOperation, TaskID: "task", TaskName: "probe.tasks." + function, TaskTarget: operation.CentralQueue,
		TaskQueue: operation.CentralQueue, ExecutionID: "exec", WorkflowID: "install", Tenant: operation.Tenant{Name: "default_tenant"},
		NodeID: "vm_1", NodeName: "vm", BlueprintID: "bp", DeploymentID: "dep", ExecutionToken: token, RestHost: []string{"manager"},
		Plugin:    operation.Plugin{Name: "probe", PackageName: &name, PackageVersion: &version, TenantName: "default_tenant"},
		Operation: operation.Call{Name: "cloudify.interfaces.lifecycle.create"}, Executor: model.ExecutorCentral,
	}}
}

func (r *rig) emit(record script.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.records = append(r.records, record)
}

func (r *rig) texts() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, record := range r.records {
		out = append(out, record.Message.Text)
	}
	return out
}

func (r *rig) request(m *operation.Message) pyhost.Request {
	env := append(os.Environ(), "MANAGER_NAME=test")
	return pyhost.Request{Message: m, Files: r.manager, Emit: r.emit, Env: env}
}

func (r *rig) run(t testing.TB, m *operation.Message) operation.Result {
	t.Helper()
	return r.Run(t.Context(), r.request(m))
}

// show is a result in one line.
func show(r operation.Result) string {
	if r.Err == nil {
		return "value " + string(r.Value)
	}
	e := r.Err
	var causes []string
	for _, c := range e.Causes {
		causes = append(causes, c.Type+":"+c.Message)
	}
	return fmt.Sprintf("%s (%s) %q args %v causes %q", e.ExceptionType, e.Known, e.Message, e.Args, causes)
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

// alive reports whether a process runs; one that has ended and was not waited for does not.
func alive(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	text := string(data)
	return !strings.HasPrefix(text[strings.LastIndexByte(text, ')')+1:], " Z") && syscall.Kill(pid, 0) == nil
}

// pids waits for the file that the operation hang writes.
func pids(t testing.TB, file string) (leader, child, parent int) {
	t.Helper()
	var list []int
	waitFor(t, "the start of the operation", func() bool {
		data, err := os.ReadFile(file)
		return err == nil && json.Unmarshal(data, &list) == nil && len(list) == 3
	})
	return list[0], list[1], list[2]
}
