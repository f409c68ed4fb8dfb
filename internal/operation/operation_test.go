package operation_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
)

func text(s string) *string     { return &s }
func number(f float64) *float64 { return &f }
func boolean(b bool) *bool      { return &b }
func decode(t *testing.T, data []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	return v
}

func dispatch() operation.Dispatch {
	tenant := model.Resource{Tenant: "default_tenant", CreatedBy: "admin", Visibility: model.VisibilityTenant}
	return operation.Dispatch{
		Task: &model.Task{ID: "task-1", Type: model.TaskRemote, Parameters: model.TaskParameters{
			CurrentRetries: 2, TotalRetries: 60,
			Operation: &model.OperationCall{
				Name: "cloudify.interfaces.lifecycle.start", Instance: "vm_ab12cd", Node: "vm",
				Operation: model.Operation{
					Plugin: "script", Function: "script_runner.tasks.run", HasIntrinsicFunctions: true,
					Timeout: number(30), TimeoutRecoverable: boolean(true),
				},
				Kwargs: model.Document{"script_path": "scripts/start.sh", "port": json.Number("80")},
				Plugin: model.PlanPlugin{Name: "script", PackageName: text("cloudify-script-plugin")},
			},
		}},
		Execution: &model.Execution{
			Resource: tenant, ID: "exec-1", Workflow: "install", Parameters: model.Document{"force": false},
		},
		Deployment: &model.Deployment{Resource: tenant, ID: "dep", Blueprint: "bp", DisplayName: "Dep"},
		Place: operation.Place{
			Executor: model.ExecutorCentral, Queue: operation.CentralQueue, Target: operation.CentralQueue, HostID: "vm_ab12cd",
		},
		Token: "0123456789abcdef", RestHost: []string{"127.0.0.1"}, RestPort: 53333,
	}
}

func TestBuildGolden(t *testing.T) {
	t.Parallel()
	m, err := operation.Build(dispatch())
	if err != nil {
		t.Fatal(err)
	}
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"id":"task-1","cloudify_task":{"kwargs":{"script_path":"scripts/start.sh","port":80,"__cloudify_context":{
		"__cloudify_context":"0.3","type":"operation","task_id":"task-1","task_name":"script_runner.tasks.run",
		"task_queue":"cloudify.management","task_target":"cloudify.management","execution_id":"exec-1","workflow_id":"install",
		"tenant":{"name":"default_tenant"},"timeout":30,"timeout_recoverable":true,"node_id":"vm_ab12cd","node_name":"vm",
		"plugin":{"name":"script","package_name":"cloudify-script-plugin","visibility":"tenant","tenant_name":"default_tenant"},
		"operation":{"name":"cloudify.interfaces.lifecycle.start","retry_number":2,"max_retries":60},
		"has_intrinsic_functions":true,"host_id":"vm_ab12cd","executor":"central_deployment_agent","local":false,
		"rest_host":["127.0.0.1"],"rest_port":53333,"bypass_maintenance":false,"workflow_parameters":{"force":false},
		"execution_token":"0123456789abcdef","execution_creator_username":"admin","blueprint_id":"bp","deployment_id":"dep",
		"deployment_display_name":"Dep","deployment_creator":"admin","deployment_resource_tags":null,
		"runtime_only_evaluation":false}}}}`
	if diff := cmp.Diff(decode(t, []byte(want)), decode(t, data)); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
	back, err := operation.DecodeMessage(data)
	if err != nil {
		t.Fatal(err)
	}
	again, err := back.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if string(again) != string(data) {
		t.Errorf("a message changed on its way:\n%s\n%s", data, again)
	}
}

func TestBuildVariants(t *testing.T) {
	t.Parallel()
	d := dispatch()
	call := d.Task.Parameters.Operation
	call.Side, call.Related, call.RelatedNode = "source", "db_1", "db"
	d.Kwargs = model.Document{"x": "evaluated"}
	d.Place = operation.Place{Executor: model.ExecutorHost, Queue: "vm_1", Target: "vm_1", RestHost: []string{"10.0.0.1"}}
	d.ExecutionEnv = map[string]string{"A": "1"}
	m, err := operation.Build(d)
	if err != nil {
		t.Fatal(err)
	}
	c := m.Context
	if c.Related == nil || !c.Related.IsTarget || c.Related.NodeID != "db_1" || c.Operation.Relationship != "source" {
		t.Errorf("source side: related %+v, operation %+v", c.Related, c.Operation)
	}
	if c.HasFunctions || m.Kwargs["x"] != "evaluated" || len(m.Kwargs) != 1 {
		t.Errorf("evaluated inputs were not taken: %v, functions %v", m.Kwargs, c.HasFunctions)
	}
	if c.RestHost[0] != "10.0.0.1" || c.ExecutionEnv != nil || c.HostID != nil {
		t.Errorf("host agent: rest_host %v, env %v, host %v", c.RestHost, c.ExecutionEnv, c.HostID)
	}
	d.Task.Parameters.Operation = nil
	if _, err := operation.Build(d); err == nil {
		t.Error("a task without an operation was built")
	}
	if _, err := operation.Build(operation.Dispatch{}); err == nil {
		t.Error("an empty dispatch was built")
	}
}

func TestResultJSON(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		result operation.Result
		want   string
	}{
		{"null", operation.Result{}, `{"ok":true,"result":null}`},
		{"value", operation.Result{Value: json.RawMessage(`{"a":1.0}`)}, `{"ok":true,"result":{"a":1.0}}`},
		{
			"non-recoverable", operation.Fail(operation.NonRecoverable("no way")),
			`{"ok":false,"error":{"exception_type":"NonRecoverableError","message":"no way","known_exception_type":"NonRecoverableError",` +
				`"known_exception_type_args":[],"known_exception_type_kwargs":{"causes":[]},"append_message":false,"traceback":""}}`,
		},
		{
			"retry", operation.Fail(operation.Retry("not yet", number(7))),
			`{"ok":false,"error":{"exception_type":"OperationRetry","message":"not yet [retry_after=7]","known_exception_type":"OperationRetry",` +
				`"known_exception_type_args":[7],"known_exception_type_kwargs":{"causes":[]},"append_message":false}}`,
		},
		{
			"plain exception with itself as cause", operation.Fail(operation.WithCause(operation.Exception("ValueError", "bad"))),
			`{"ok":false,"error":{"exception_type":"ValueError","message":"bad","known_exception_type":"RecoverableError",` +
				`"known_exception_type_args":[],"known_exception_type_kwargs":{"causes":[{"message":"bad","type":"ValueError",` +
				`"traceback":""}]},"append_message":false,"traceback":""}}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := json.Marshal(tt.result)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			var back operation.Result
			if err := json.Unmarshal(got, &back); err != nil {
				t.Fatal(err)
			}
			again, err := json.Marshal(back)
			if err != nil || string(again) != tt.want {
				t.Errorf("changed on its way: %s, %v", again, err)
			}
		})
	}
}

// TestDecodeError is the decision table of operations, section 1.6.
func TestDecodeError(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, object string
		final        bool
		retryAfter   *float64
	}{
		{"text", `"KeyError('x')"`, false, nil},
		{"unknown type", `{"known_exception_type":"Whatever","known_exception_type_args":[]}`, false, nil},
		{"no type", `{"message":"m"}`, false, nil},
		{"recoverable", `{"known_exception_type":"RecoverableError","known_exception_type_args":[null]}`, false, nil},
		{"recoverable later", `{"known_exception_type":"RecoverableError","known_exception_type_args":[2.5]}`, false, number(2.5)},
		{"retry", `{"known_exception_type":"OperationRetry","known_exception_type_args":[7]}`, false, number(7)},
		{"retry, text", `{"known_exception_type":"OperationRetry","known_exception_type_args":["7"]}`, false, number(7)},
		{"retry, negative", `{"known_exception_type":"OperationRetry","known_exception_type_args":[-7]}`, false, nil},
		{"retry, endless", `{"known_exception_type":"OperationRetry","known_exception_type_args":["inf"]}`, false, nil},
		{"non-recoverable", `{"known_exception_type":"NonRecoverableError","known_exception_type_args":[]}`, true, nil},
		{"http", `{"known_exception_type":"HttpException","known_exception_type_args":["u",404],"append_message":true}`, true, nil},
		{"killed", `{"known_exception_type":"ProcessKillCancelled","known_exception_type_args":[]}`, true, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e, err := operation.DecodeError([]byte(tt.object))
			if err != nil {
				t.Fatal(err)
			}
			if e.Known.Final() != tt.final || e.ExceptionType == "" {
				t.Errorf("final %v, type %q; want final %v", e.Known.Final(), e.ExceptionType, tt.final)
			}
			if diff := cmp.Diff(tt.retryAfter, e.RetryAfter); diff != "" {
				t.Errorf("retry after (-want +got):\n%s", diff)
			}
		})
	}
	if _, err := operation.DecodeError([]byte(`[1]`)); err == nil {
		t.Error("a list was taken for an error object")
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	id := operation.DispatchID("e", "t", 3)
	e, task, n, err := operation.ParseDispatchID(id)
	if e != "e" || task != "t" || n != 3 || err != nil {
		t.Errorf("dispatch id %q came back as %s %s %d %v", id, e, task, n, err)
	}
	for _, bad := range []string{"", "a", "a/b", "a/b/c", "/b/1", "a//1", "a/b/1/2"} {
		if _, _, _, err := operation.ParseDispatchID(bad); err == nil {
			t.Errorf("dispatch id %q was accepted", bad)
		}
	}
	r := &operation.Report{
		Kind: operation.ReportFinished, Execution: "e", Task: "t", Attempt: id, Executor: "vm_1",
		Result: &operation.Result{Value: json.RawMessage(`1`)},
	}
	data, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := operation.DecodeReport(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, back); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	if got := r.MessageID(2); got != "e/t/3/finished/2" {
		t.Errorf("message id %q", got)
	}
	for _, bad := range []string{
		``, `{}`, `{"execution":"e","task":"t","kind":"other"}`, `{"execution":"e","task":"t","kind":"finished"}`,
	} {
		if _, err := operation.DecodeReport([]byte(bad)); err == nil {
			t.Errorf("report %s was accepted", bad)
		}
	}
}

type directory struct {
	instances  map[string]*model.NodeInstance
	properties map[model.InstanceID]model.Document
}

func (d directory) Instance(tenant model.TenantName, id model.InstanceID) (*model.NodeInstance, error) {
	if i := d.instances[string(tenant)+"/"+string(id)]; i != nil {
		return i, nil
	}
	return nil, errors.New("no instance " + string(id))
}

func (d directory) Properties(_ model.TenantName, i *model.NodeInstance) (model.Document, error) {
	return d.properties[i.ID], nil
}

func TestRoute(t *testing.T) {
	t.Parallel()
	agent := model.Document{"cloudify_agent": map[string]any{"queue": "q1", "name": "n1", "rest_host": []any{"10.0.0.9"}}}
	vm := &model.NodeInstance{ID: "vm_1", HostID: "vm_1", RuntimeProperties: agent}
	app := &model.NodeInstance{ID: "app_1", HostID: "vm_1"}
	cloud := &model.NodeInstance{ID: "net_1"}
	bare := &model.NodeInstance{ID: "vm_2", HostID: "vm_2"}
	proxied := &model.NodeInstance{ID: "vm_3", HostID: "vm_3"}
	loop := &model.NodeInstance{ID: "vm_4", HostID: "vm_4"}
	d := directory{
		instances: map[string]*model.NodeInstance{"t/vm_1": vm, "other/vm_9": {ID: "vm_9", HostID: "vm_9", RuntimeProperties: agent}, "t/vm_4": loop},
		properties: map[model.InstanceID]model.Document{
			"vm_3": {"agent_config": map[string]any{"extra": map[string]any{"proxy": map[string]any{"node_instance": "vm_9", "tenant": "other"}}}},
			"vm_4": {"agent_config": map[string]any{"extra": map[string]any{"proxy": map[string]any{"node_instance": "vm_4"}}}},
		},
	}
	tests := []struct {
		name     string
		executor model.Executor
		instance *model.NodeInstance
		address  operation.Address
		err      string
	}{
		{"central", model.ExecutorCentral, vm, "cloudify.management", ""},
		{"no instance", model.ExecutorAuto, nil, "cloudify.management", ""},
		{"auto without host", model.ExecutorAuto, cloud, "cloudify.management", ""},
		{"auto on host", model.ExecutorAuto, app, "t/q1", ""},
		{"host itself", model.ExecutorHost, vm, "t/q1", ""},
		{"host without agent", model.ExecutorHost, bare, "", "vm_2: missing cloudify_agent.queue runtime information"},
		{"no host", model.ExecutorHost, cloud, "", "has no host"},
		{"behind a proxy", model.ExecutorHost, proxied, "other/q1", ""},
		{"proxies in a circle", model.ExecutorHost, loop, "", "more than 8 agent proxies"},
		{"missing host", model.ExecutorHost, &model.NodeInstance{ID: "x", HostID: "gone"}, "", "find host gone of instance x"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			place, err := operation.Route(d, "t", tt.executor, tt.instance)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if place.Address() != tt.address || place.NeedsPing() == (tt.address == operation.CentralQueue) {
				t.Errorf("place %+v, want %s", place, tt.address)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	m, err := operation.Build(dispatch())
	if err != nil {
		f.Fatal(err)
	}
	data, err := m.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"kind":"finished","execution":"e","task":"t","result":{"ok":false,"error":"x"}}`))
	f.Add([]byte(`{"ok":false,"error":{"known_exception_type":"OperationRetry","known_exception_type_args":[7]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if m, err := operation.DecodeMessage(data); err == nil {
			if _, err := m.Encode(); err != nil {
				t.Errorf("a decoded message does not encode: %v", err)
			}
		}
		if r, err := operation.DecodeReport(data); err == nil {
			if _, err := r.Encode(); err != nil {
				t.Errorf("a decoded report does not encode: %v", err)
			}
		}
		if e, err := operation.DecodeError(data); err == nil {
			if _, err := operation.EncodeError(e); err != nil {
				t.Errorf("a decoded error does not encode: %v", err)
			}
		}
	})
}
