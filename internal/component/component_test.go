package component_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/reifyhq/reify/internal/agent"
	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/component"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/script/scripttest"
)

// api is a REST API of fixed answers that notes what it was asked.
type api struct {
	t       *testing.T
	answers map[string]string
	mu      sync.Mutex
	calls   []string
	bodies  map[string]string
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		a.t.Error(err)
	}
	call := r.Method + " " + strings.TrimPrefix(r.URL.Path, "/api/v3.1/")
	a.mu.Lock()
	a.calls = append(a.calls, call)
	a.bodies[call] = string(body)
	a.mu.Unlock()
	answer, ok := a.answers[call]
	if !ok {
		answer = `404 {"error_code": "not_found_error", "message": "no ` + call + `"}`
	}
	status, text, _ := strings.Cut(answer, " ")
	var code int
	if _, err := fmt.Sscan(status, &code); err != nil {
		a.t.Error(err)
	}
	w.WriteHeader(code)
	if _, err := io.WriteString(w, text); err != nil {
		a.t.Error(err)
	}
}

// rig runs one operation on an instance part_1 of a node with the properties.
type rig struct {
	*api
	manager *scripttest.Manager
	url     string
}

func newRig(t *testing.T, properties model.Document, answers map[string]string) *rig {
	a := &api{t: t, answers: answers, bodies: map[string]string{}}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	r := &rig{api: a, manager: scripttest.New(), url: server.URL}
	r.manager.Nodes["part"] = &model.Node{ID: "part", Properties: properties}
	r.manager.Instances["part_1"] = &model.NodeInstance{ID: "part_1", Node: "part", Version: 1, RuntimeProperties: model.Document{}}
	return r
}

func (r *rig) run(name string, kwargs model.Document) operation.Result {
	r.t.Helper()
	own := func(*operation.Message) *client.Client {
		c, err := client.New(client.Config{URL: r.url, ExecutionToken: "token", Tenant: "default_tenant"})
		if err != nil {
			r.t.Fatal(err)
		}
		return c
	}
	f, ok := component.Functions(own, clock.Real{})["cloudify_types."+name]
	if !ok || !f.Resumable || !f.Waits {
		r.t.Fatalf("there is no function %s", name)
	}
	m := &operation.Message{Kwargs: kwargs, Context: operation.Context{
		TaskID: "t", NodeID: "part_1", NodeName: "part", DeploymentID: "outer", BlueprintID: "b", ExecutionID: "x", WorkflowID: "install",
		Tenant: operation.Tenant{Name: "default_tenant"}, RestHost: []string{"127.0.0.1"}, RestPort: 1,
	}}
	return f.Run(context.Background(), &agent.Operation{Message: m, Manager: whole{r.manager}, Emit: r.manager.Emit})
}

// whole adds to the manager of the tests what agents need for plugins, which these operations have no use for.
type whole struct{ *scripttest.Manager }

func (whole) Open(context.Context, string) (io.ReadCloser, error) {
	return nil, errors.New("these operations open no file of the API")
}

func (whole) Put(context.Context, string, any) error {
	return errors.New("these operations write no document this way")
}

func failure(r operation.Result) string {
	if r.Err == nil {
		return ""
	}
	return string(r.Err.Known) + ": " + r.Err.Message
}

const none = `200 {"items": []}`

// TestErrors checks how what goes wrong is told: final, with the name of the operation; only what a cancelling execution
// may not do is tried again.
func TestErrors(t *testing.T) {
	t.Parallel()
	external := model.Document{"resource_config": map[string]any{"blueprint": map[string]any{"id": "b", "external_resource": true}}}
	for name, c := range map[string]struct {
		properties model.Document
		answers    map[string]string
		operation  string
		want       string
	}{
		"external blueprint is missing": {external, map[string]string{"GET blueprints": none}, "component.upload_blueprint",
			`NonRecoverableError: Error in upload_blueprint: Blueprint ID "b" does not exist on tenant "default_tenant", but external_resource is True.`},
		"no archive": {model.Document{}, map[string]string{"GET blueprints": none}, "component.upload_blueprint",
			"NonRecoverableError: Error in upload_blueprint: No blueprint_archive supplied, but external_resource is False"},
		"deployment exists": {model.Document{"resource_config": map[string]any{"deployment": map[string]any{"id": "d"}}},
			map[string]string{"GET deployments": `200 {"items": [{"id": "d"}]}`}, "component.create",
			`NonRecoverableError: Error in create: Component's deployment ID "d" already exists, please verify the chosen name.`},
		"secret exists": {model.Document{"secrets": map[string]any{"s": "v"}}, map[string]string{"GET secrets/s": `200 {"key": "s"}`}, "component.create",
			`NonRecoverableError: Error in create: The secrets: "s" already exist, not updating...`},
		"cancelling": {model.Document{"resource_config": map[string]any{"deployment": map[string]any{"id": "d"}}}, map[string]string{
			"GET deployments": none, "PUT deployments/d": `403 {"error_code": "forbidden_while_cancelling", "message": "no"}`}, "component.create",
			"OperationRetry: the execution is being cancelled"},
		"busy": {model.Document{"resource_config": map[string]any{"deployment": map[string]any{"id": "d"}}},
			map[string]string{"GET executions": `200 {"items": [{"id": "e", "workflow_id": "heal", "status": "started"}]}`}, "component.execute_start",
			"OperationRetry: Waiting for the execution e of workflow heal of deployment d to end"},
		"shared resource is missing": {model.Document{"resource_config": map[string]any{"deployment": map[string]any{"id": "d"}}},
			map[string]string{"GET deployments": none}, "shared_resource.connect_deployment",
			`NonRecoverableError: Error in connect_deployment: SharedResource's deployment ID "d" does not exist on tenant "default_tenant", please verify the given ID.`},
		"password too short": {model.Document{"length": json.Number("5")}, nil, "password_secret.creation_validation",
			"NonRecoverableError: Error in creation_validation: length must be at least 6, but is 5"},
		"password of nothing": {model.Document{"uppercase": json.Number("-1"), "lowercase": json.Number("-1"), "digits": json.Number("-1"), "symbols": json.Number("-1")},
			nil, "password_secret.creation_validation",
			"NonRecoverableError: Error in creation_validation: no kind of characters is allowed: at least one of uppercase, lowercase, digits and symbols must not be -1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := failure(newRig(t, c.properties, c.answers).run(c.operation, model.Document{})); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestUploadsFromTheOwnBlueprint packs a directory of the own blueprint.
func TestUploadsFromTheOwnBlueprint(t *testing.T) {
	t.Parallel()
	r := newRig(t, model.Document{"resource_config": map[string]any{"blueprint": map[string]any{"id": "p", "blueprint_archive": "part", "main_file_name": "main.yaml"}}},
		map[string]string{"GET blueprints": none, "PUT blueprints/p": `201 {"id": "p"}`, "GET blueprints/p": `200 {"id": "p", "state": "uploaded"}`})
	at := "blueprints/default_tenant/b/part"
	r.manager.Files[at], r.manager.Files[at+"/main.yaml"] = `{"main.yaml": "2026-01-01"}`, "node_templates: {}"
	if got := failure(r.run("component.upload_blueprint", model.Document{})); got != "" {
		t.Fatal(got)
	}
	sent := r.bodies["PUT blueprints/p"]
	archive := sent[strings.Index(sent, "PK\x03\x04"):strings.LastIndex(sent, "\r\n--")]
	z, err := zip.NewReader(bytes.NewReader([]byte(archive)), int64(len(archive)))
	if err != nil || len(z.File) != 1 || z.File[0].Name != "blueprint/main.yaml" {
		t.Errorf("archive: %v %v", z, err)
	}
	if got := r.manager.Properties("part_1")["blueprint"].(map[string]any)["id"]; got != "p" {
		t.Errorf("the runtime property names the blueprint %v", got)
	}
}

// TestCreateIsTakenUp lets create die after each of its calls and run again: the deployment and the dependency are made
// once, with the parent label.
func TestCreateIsTakenUp(t *testing.T) {
	t.Parallel()
	answers := map[string]string{
		"GET deployments": none, "PUT deployments/d-1": `201 {"id": "d-1"}`, "PUT deployments/inter-deployment-dependencies": `500 {"message": "no luck"}`,
		"GET executions": `200 {"items": [{"id": "e", "status": "terminated"}]}`,
	}
	r := newRig(t, model.Document{"resource_config": map[string]any{"blueprint": map[string]any{"id": "p"},
		"deployment": map[string]any{"id": "d-1", "inputs": map[string]any{"a": "b"}, "labels": []any{map[string]any{"k": "v"}}}}}, answers)
	if got := failure(r.run("component.create", model.Document{})); !strings.Contains(got, "no luck") {
		t.Fatal(got)
	}
	var body struct {
		Blueprint string              `json:"blueprint_id"`
		Labels    []map[string]string `json:"labels"`
	}
	if err := json.Unmarshal([]byte(r.bodies["PUT deployments/d-1"]), &body); err != nil || body.Blueprint != "p" || fmt.Sprint(body.Labels) != "[map[csys-obj-parent:outer] map[k:v]]" {
		t.Errorf("the deployment is created with %s", r.bodies["PUT deployments/d-1"])
	}
	answers["GET deployments"] = `200 {"items": [{"id": "d-1"}]}`
	answers["PUT deployments/inter-deployment-dependencies"] = `200 {}`
	if got := failure(r.run("component.create", model.Document{})); got != "" {
		t.Fatal(got)
	}
	if n := len(slices.DeleteFunc(slices.Clone(r.calls), func(c string) bool { return c != "PUT deployments/d-1" })); n != 1 {
		t.Errorf("the deployment was created %d times", n)
	}
	if body := r.bodies["PUT deployments/inter-deployment-dependencies"]; !strings.Contains(body, `"component.part_1"`) || !strings.Contains(body, `"target_deployment":"d-1"`) {
		t.Errorf("the dependency is %s", body)
	}
}

// TestSuffix finds the first free id.
func TestSuffix(t *testing.T) {
	t.Parallel()
	r := newRig(t, model.Document{"resource_config": map[string]any{"blueprint": map[string]any{"id": "p"},
		"deployment": map[string]any{"id": "d", "auto_inc_suffix": true}}}, map[string]string{
		"GET deployments": none, "PUT deployments/d-0": `201 {}`, "PUT deployments/inter-deployment-dependencies": `200 {}`, "GET executions": none,
	})
	if got := failure(r.run("component.create", model.Document{})); got != "" {
		t.Fatal(got)
	}
	if got := r.manager.Properties("part_1")["_component_create_deployment_id"]; got != "d-0" {
		t.Errorf("the deployment is %v", got)
	}
}

// TestPlugins uploads plugins once and passes over those that are there.
func TestPlugins(t *testing.T) {
	t.Parallel()
	r := newRig(t, model.Document{"resource_config": map[string]any{"blueprint": map[string]any{"id": "p", "external_resource": true}},
		"plugins": map[string]any{"pl": map[string]any{"wagon_path": "w.wgn", "plugin_yaml_path": "plugin.yaml"}}},
		map[string]string{"POST plugins": `201 {"id": "plugin-1"}`, "GET blueprints": `200 {"items": [{"id": "p"}]}`})
	r.manager.Files["blueprints/default_tenant/b/w.wgn"], r.manager.Files["blueprints/default_tenant/b/plugin.yaml"] = "wagon", "plugins: {}"
	for range 2 {
		if got := failure(r.run("blueprint.upload", model.Document{})); got != "" {
			t.Fatal(got)
		}
	}
	if got := fmt.Sprint(r.manager.Properties("part_1")["plugins"]); got != "[plugin-1]" {
		t.Errorf("plugins %s", got)
	}
	if n := len(slices.DeleteFunc(slices.Clone(r.calls), func(c string) bool { return c != "POST plugins" })); n != 1 {
		t.Errorf("the plugin was uploaded %d times", n)
	}
}
