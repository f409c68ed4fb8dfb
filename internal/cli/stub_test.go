package cli

import (
	"archive/tar"
	"compress/gzip"
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
)

// stub is a manager that holds its state in memory and answers in the shapes of the recorded exchanges. Nothing in it
// takes time: an execution goes one stage further whenever somebody looks at it.
type stub struct {
	mu          sync.Mutex
	blueprints  map[string]object
	deployments map[string]object
	executions  []object
	instances   map[string]object
	tokens      []object
	requests    []string
	// onExecution is called when an execution is looked at.
	onExecution func(seen int)
	seen        int
}

type object = map[string]any

const stamp = "2026-01-31T14:30:00.123Z"

func newStub() *stub {
	return &stub{blueprints: map[string]object{}, deployments: map[string]object{}, instances: map[string]object{}}
}

func serve(t *testing.T, s *stub) string {
	t.Helper()
	server := httptest.NewServer(s.handler())
	t.Cleanup(server.Close)
	return server.URL
}

// refuse is an answer with an error.
type refuse struct {
	status        int
	code, message string
}

func (r *refuse) Error() string { return r.message }

func missing(model, id string) error {
	return &refuse{404, "not_found_error", fmt.Sprintf("Requested `%s` with ID `%s` was not found", model, id)}
}

func (s *stub) handler() http.Handler {
	mux := http.NewServeMux()
	route := func(pattern string, status int, f func(r *http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.requests = append(s.requests, r.Method+" "+r.URL.RequestURI())
			v, err := f(r)
			if authErr := authorize(r); authErr != nil {
				err = authErr
			}
			respond(w, status, v, err)
		})
	}
	const v = "/api/v3.1"
	mux.HandleFunc("GET /api/version", func(w http.ResponseWriter, _ *http.Request) {
		respond(w, 200, object{"edition": "community", "version": "7.1.0-test", "build": nil}, nil)
	})
	route("GET "+v+"/status", 200, func(*http.Request) (any, error) {
		return object{"status": "OK", "services": object{"Engine": object{"status": "Active", "is_remote": false, "extra_info": object{}}}}, nil
	})
	route("GET "+v+"/config", 200, func(*http.Request) (any, error) {
		return page([]any{object{"name": "max_workers", "scope": "agent", "value": 5, "schema": object{"type": "integer"}, "is_editable": true}}), nil
	})
	route("PUT "+v+"/blueprints/{id}", 201, s.uploadBlueprint)
	route("GET "+v+"/blueprints", 200, func(*http.Request) (any, error) { return page(sorted(s.blueprints)), nil })
	route("POST "+v+"/searches/blueprints", 200, func(*http.Request) (any, error) { return page(sorted(s.blueprints)), nil })
	route("GET "+v+"/blueprints/{id}", 200, func(r *http.Request) (any, error) { return find(s.blueprints, "Blueprint", r) })
	route("PATCH "+v+"/blueprints/{id}", 200, func(r *http.Request) (any, error) { return patchLabels(s.blueprints, "Blueprint", r) })
	route("DELETE "+v+"/blueprints/{id}", 204, func(r *http.Request) (any, error) {
		_, err := find(s.blueprints, "Blueprint", r)
		for _, d := range s.deployments {
			if err == nil && d["blueprint_id"] == r.PathValue("id") {
				err = &refuse{400, "dependent_exists_error", "Can't delete blueprint " + r.PathValue("id") + " - There exist deployments for this blueprint"}
			}
		}
		if err == nil {
			delete(s.blueprints, r.PathValue("id"))
		}
		return nil, err
	})
	mux.HandleFunc("GET "+v+"/blueprints/{id}/archive", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="../%s.tar.gz"`, r.PathValue("id")))
		io.WriteString(w, "archive of "+r.PathValue("id"))
	})
	route("PUT "+v+"/deployments/{id}", 201, s.createDeployment)
	route("GET "+v+"/deployments", 200, func(*http.Request) (any, error) { return page(sorted(s.deployments)), nil })
	route("GET "+v+"/deployments/{id}", 200, func(r *http.Request) (any, error) { return find(s.deployments, "Deployment", r) })
	route("PATCH "+v+"/deployments/{id}", 200, func(r *http.Request) (any, error) { return patchLabels(s.deployments, "Deployment", r) })
	route("DELETE "+v+"/deployments/{id}", 204, s.deleteDeployment)
	route("GET "+v+"/deployments/{id}/outputs", 200, func(r *http.Request) (any, error) {
		return object{"deployment_id": r.PathValue("id"), "outputs": object{"message": "all is well"}}, nil
	})
	route("GET "+v+"/deployments/{id}/capabilities", 200, func(r *http.Request) (any, error) {
		return object{"deployment_id": r.PathValue("id"), "capabilities": object{"url": "http://127.0.0.1:8080/", "port": 8080}}, nil
	})
	route("POST "+v+"/executions", 201, s.startExecution)
	route("GET "+v+"/executions", 200, func(r *http.Request) (any, error) { return page(untyped(s.executions)), nil })
	route("GET "+v+"/executions/{id}", 200, s.getExecution)
	route("POST "+v+"/executions/{id}", 200, s.actOnExecution)
	route("GET "+v+"/events", 200, s.events)
	route("GET "+v+"/operations", 200, func(*http.Request) (any, error) { return page(nil), nil })
	route("GET "+v+"/nodes", 200, func(r *http.Request) (any, error) {
		if id := r.URL.Query().Get("id"); id != "" && id != "web" {
			return page(nil), nil
		}
		return page([]any{node}), nil
	})
	route("GET "+v+"/node-instances", 200, func(*http.Request) (any, error) { return page(sorted(s.instances)), nil })
	route("GET "+v+"/node-instances/{id}", 200, func(r *http.Request) (any, error) { return find(s.instances, "NodeInstance", r) })
	route("PATCH "+v+"/node-instances/{id}", 200, s.patchInstance)
	route("GET "+v+"/plugins", 200, func(*http.Request) (any, error) {
		return page([]any{object{"id": "p1", "package_name": "cloudify-gold-plugin", "package_version": "1.0.0",
			"supported_platform": "any", "uploaded_at": stamp, "visibility": "tenant", "tenant_name": "default_tenant"}}), nil
	})
	route("POST "+v+"/tokens", 200, func(r *http.Request) (any, error) {
		t := object{"id": "abcdefghij", "username": "admin", "value": "ctok-abcdefghij-secret", "role": "sys_admin",
			"description": decode(r)["description"], "expiration_date": nil, "last_used": nil}
		s.tokens = append(s.tokens, t)
		return t, nil
	})
	route("GET "+v+"/tokens", 200, func(*http.Request) (any, error) { return page(untyped(s.tokens)), nil })
	route("DELETE "+v+"/tokens/{id}", 204, func(r *http.Request) (any, error) {
		s.tokens = slices.DeleteFunc(s.tokens, func(t object) bool { return t["id"] == r.PathValue("id") })
		return nil, nil
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		respond(w, 0, nil, &refuse{404, "not_found_error", "no route " + r.Method + " " + r.URL.Path})
	})
	return mux
}

func respond(w http.ResponseWriter, status int, v any, err error) {
	w.Header().Set("Content-Type", "application/json")
	var no *refuse
	if errors.As(err, &no) {
		status, v = no.status, object{"message": no.message, "error_code": no.code, "server_traceback": nil}
	}
	w.WriteHeader(status)
	if status != 204 {
		json.NewEncoder(w).Encode(v)
	}
}

func authorize(r *http.Request) error {
	user, password, _ := r.BasicAuth()
	switch {
	case r.Header.Get("Authentication-Token") == "ctok-abcdefghij-secret", user == "admin" && password == "admin":
	case user == "viewer" && password == "viewer":
		if r.Method != "GET" {
			return &refuse{403, "forbidden_error", "User `viewer` is not permitted to perform the action x in the tenant `default_tenant`"}
		}
	default:
		return &refuse{401, "unauthorized_error", "User unauthorized: no authentication info provided"}
	}
	if r.Header.Get("Tenant") != "default_tenant" {
		return &refuse{403, "forbidden_error", "Authorization failed: Tried to authenticate with invalid tenant name: " + r.Header.Get("Tenant")}
	}
	return nil
}

func page(items []any) object {
	if items == nil {
		items = []any{}
	}
	return object{"items": items, "metadata": object{
		"pagination": object{"total": len(items), "size": 1000, "offset": 0}, "filtered": nil}}
}

func sorted(m map[string]object) []any {
	var ids []string
	for id := range m {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var out []any
	for _, id := range ids {
		out = append(out, m[id])
	}
	return out
}

func untyped(list []object) []any {
	var out []any
	for _, o := range list {
		out = append(out, o)
	}
	return out
}

func find(m map[string]object, model string, r *http.Request) (any, error) {
	if o, ok := m[r.PathValue("id")]; ok {
		return o, nil
	}
	return nil, missing(model, r.PathValue("id"))
}

func decode(r *http.Request) object {
	var o object
	dec := json.NewDecoder(r.Body)
	dec.UseNumber()
	dec.Decode(&o)
	return o
}

func patchLabels(m map[string]object, model string, r *http.Request) (any, error) {
	o, ok := m[r.PathValue("id")]
	if !ok {
		return nil, missing(model, r.PathValue("id"))
	}
	labels := []any{}
	for _, l := range decode(r)["labels"].([]any) {
		for k, v := range l.(object) {
			labels = append(labels, object{"key": k, "value": v, "created_at": stamp, "created_by": "admin"})
		}
	}
	o["labels"] = labels
	return o, nil
}

// uploadBlueprint reads the archive as a manager does and keeps the names of its files.
func (s *stub) uploadBlueprint(r *http.Request) (any, error) {
	id := r.PathValue("id")
	if _, ok := s.blueprints[id]; ok {
		return nil, &refuse{409, "conflict_error", "blueprint with id=" + id + " already exists on tenant default_tenant or with global visibility"}
	}
	var params object
	if err := json.Unmarshal([]byte(r.FormValue("params")), &params); err != nil {
		return nil, &refuse{400, "bad_parameters_error", err.Error()}
	}
	var names []string
	if f, _, err := r.FormFile("blueprint_archive"); err == nil {
		defer f.Close()
		zr, err := gzip.NewReader(f)
		if err != nil {
			return nil, &refuse{400, "bad_parameters_error", err.Error()}
		}
		for tr := tar.NewReader(zr); ; {
			h, err := tr.Next()
			if err != nil {
				break
			}
			names = append(names, h.Name)
		}
	}
	state, message := "uploaded", any(nil)
	if strings.HasPrefix(id, "bad") {
		state, message = "invalid", "Invalid blueprint - Missing definition for type 'no.such.Type'"
	}
	s.blueprints[id] = object{
		"id": id, "description": strings.Join(names, " "), "main_file_name": params["application_file_name"], "state": state,
		"error": message, "visibility": params["visibility"], "tenant_name": "default_tenant", "created_by": "admin",
		"created_at": stamp, "updated_at": stamp, "labels": params["labels"], "upload_execution": object{"id": "u1"},
		"plan": object{"inputs": object{
			"greeting": object{"type": "string", "default": "hello", "description": "What the page says."},
			"port":     object{"type": "integer", "default": 0, "constraints": []any{object{"in_range": []any{0, 65535}}}},
		}},
	}
	return s.blueprints[id], nil
}

func (s *stub) createDeployment(r *http.Request) (any, error) {
	body, id := decode(r), r.PathValue("id")
	blueprint, _ := body["blueprint_id"].(string)
	inputs, _ := body["inputs"].(object)
	switch {
	case s.blueprints[blueprint] == nil:
		return nil, missing("Blueprint", blueprint)
	case s.deployments[id] != nil:
		return nil, &refuse{409, "conflict_error", "deployment with id=" + id + " already exists"}
	case inputs["nosuch"] != nil:
		return nil, &refuse{400, "unknown_deployment_input_error", "Cannot create deployment - unknown inputs: nosuch"}
	}
	s.deployments[id] = object{
		"id": id, "display_name": body["display_name"], "blueprint_id": blueprint, "inputs": inputs, "labels": []any{},
		"installation_status": "inactive", "deployment_status": "requires_attention", "visibility": body["visibility"],
		"tenant_name": "default_tenant", "created_by": "admin", "created_at": stamp, "create_execution": "c1",
		"outputs":      object{"message": object{"description": "How it is.", "value": object{"get_attribute": []any{"web", "x"}}}},
		"capabilities": object{"url": object{"description": "Where it is.", "value": "x"}, "port": object{"value": 1}},
		"workflows": []any{
			object{"name": "install", "is_available": true, "parameters": object{"node_ids": object{"default": []any{}, "type": "list"}}},
			object{"name": "uninstall", "is_available": false, "parameters": object{}}},
	}
	instance := "web_" + id
	s.instances[instance] = object{"id": instance, "node_id": "web", "deployment_id": id, "host_id": nil, "index": 1,
		"state": "uninitialized", "version": 1, "relationships": []any{object{"type": "cloudify.relationships.contained_in",
			"target_name": "host", "target_id": "host_1"}}, "runtime_properties": object{"a": object{"b": 1}},
		"visibility": "tenant", "tenant_name": "default_tenant"}
	return s.deployments[id], nil
}

func (s *stub) deleteDeployment(r *http.Request) (any, error) {
	id := r.PathValue("id")
	if s.deployments[id] == nil {
		return nil, missing("Deployment", id)
	}
	if state := s.instances["web_"+id]["state"]; state == "started" && r.URL.Query().Get("force") == "" {
		return nil, &refuse{400, "dependent_exists_error", "Can't delete deployment " + id + " - There are live nodes for this deployment. Live nodes ids: web_" + id}
	}
	delete(s.deployments, id)
	delete(s.instances, "web_"+id)
	return nil, nil
}

func (s *stub) startExecution(r *http.Request) (any, error) {
	body := decode(r)
	workflow, _ := body["workflow_id"].(string)
	deployment, _ := body["deployment_id"].(string)
	switch {
	case s.deployments[deployment] == nil:
		return nil, missing("Deployment", deployment)
	case workflow == "nosuch":
		return nil, &refuse{400, "nonexistent_workflow_error", "Workflow nosuch does not exist in the deployment " + deployment}
	case workflow == "blocked" && body["queue"] != true:
		return nil, &refuse{400, "existing_running_execution_error", "The following executions are currently running for this deployment: x"}
	}
	x := object{
		"id": fmt.Sprintf("x%d", len(s.executions)+1), "workflow_id": workflow, "deployment_id": deployment, "blueprint_id": "b",
		"status": "pending", "status_display": "pending", "error": nil, "parameters": body["parameters"], "is_dry_run": body["dry_run"],
		"is_system_workflow": false, "created_at": stamp, "started_at": nil, "ended_at": nil, "scheduled_for": nil,
		"total_operations": 2, "finished_operations": 0, "visibility": "tenant", "tenant_name": "default_tenant", "created_by": "admin",
	}
	if workflow == "blocked" {
		x["status"], x["status_display"] = "queued", "queued"
	}
	s.executions = append(s.executions, x)
	return x, nil
}

func (s *stub) execution(id string) (object, error) {
	i := slices.IndexFunc(s.executions, func(x object) bool { return x["id"] == id })
	if i < 0 {
		return nil, missing("Execution", id)
	}
	return s.executions[i], nil
}

// getExecution answers with the execution and lets it go one stage further, except for the endless one.
func (s *stub) getExecution(r *http.Request) (any, error) {
	x, err := s.execution(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	s.seen++
	if s.onExecution != nil {
		s.onExecution(s.seen)
	}
	switch x["status"] {
	case "pending":
		x["status"], x["started_at"] = "started", stamp
	case "started":
		switch x["workflow_id"] {
		case "endless":
		case "fail":
			x["status"], x["error"] = "failed", "Task failed 'script_runner.tasks.run' -> no space left"
		default:
			x["status"], x["finished_operations"] = "terminated", 2
			state := map[any]string{"install": "started", "uninstall": "deleted"}[x["workflow_id"]]
			if i := s.instances["web_"+x["deployment_id"].(string)]; state != "" && i != nil {
				i["state"] = state
			}
		}
		x["ended_at"] = "2026-01-31T14:30:01.623Z"
	}
	x["status_display"] = x["status"]
	if x["status"] == "terminated" {
		x["status_display"] = "completed"
	}
	return x, nil
}

func (s *stub) actOnExecution(r *http.Request) (any, error) {
	x, err := s.execution(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	x["status"] = map[any]string{"cancel": "cancelling", "force-cancel": "force_cancelling", "kill": "kill_cancelling",
		"resume": "pending", "force-resume": "pending"}[decode(r)["action"]]
	if x["status"] == "pending" {
		x["workflow_id"] = "resumed"
	}
	return x, nil
}

// events answers with as many events as the execution has come far.
func (s *stub) events(r *http.Request) (any, error) {
	x, err := s.execution(r.URL.Query().Get("execution_id"))
	if err != nil {
		return page(nil), nil
	}
	var list []any
	add := func(kind, eventType, message, level, operation string) {
		e := object{"_storage_id": len(list) + 1, "timestamp": stamp, "reported_timestamp": stamp, "type": kind,
			"message": message, "deployment_id": x["deployment_id"], "execution_id": x["id"], "workflow_id": x["workflow_id"],
			"operation": nil, "node_instance_id": nil, "node_name": nil, "source_id": nil, "target_id": nil, "error_causes": nil}
		if eventType != "" {
			e["event_type"] = eventType
		}
		if level != "" {
			e["level"], e["logger"] = level, "ctx"
		}
		if operation != "" {
			e["operation"], e["node_instance_id"], e["node_name"] = operation, "web_1", "web"
		}
		if kinds := r.URL.Query()["type"]; len(kinds) == 0 || slices.Contains(kinds, kind) {
			list = append(list, e)
		}
	}
	const operation = "cloudify.interfaces.lifecycle.create"
	if x["status"] != "pending" {
		add("cloudify_event", "workflow_started", fmt.Sprintf("Starting '%s' workflow execution", x["workflow_id"]), "", "")
		add("cloudify_event", "sending_task", "Sending task 'script_runner.tasks.run'", "", operation)
		add("cloudify_log", "", "made a directory", "info", operation)
	}
	switch x["status"] {
	case "terminated":
		add("cloudify_event", "task_succeeded", "Task succeeded 'script_runner.tasks.run'", "", operation)
		add("cloudify_event", "workflow_succeeded", fmt.Sprintf("'%s' workflow execution succeeded", x["workflow_id"]), "", "")
	case "failed":
		add("cloudify_event", "task_failed", "Task failed 'script_runner.tasks.run' -> no space left", "", operation)
		list[len(list)-1].(object)["error_causes"] = []any{object{"message": "no space left", "type": "OSError", "traceback": "Traceback\nOSError: no space left"}}
	}
	total := len(list)
	var offset int
	fmt.Sscan(r.URL.Query().Get("_offset"), &offset)
	answer := page(list[min(offset, total):])
	answer["metadata"].(object)["pagination"].(object)["total"] = total
	return answer, nil
}

var node = object{
	"id": "web", "deployment_id": "hello", "type": "hello.nodes.WebServer", "type_hierarchy": []any{"cloudify.nodes.Root", "hello.nodes.WebServer"},
	"host_id": "host", "number_of_instances": 1, "planned_number_of_instances": 1, "min_number_of_instances": 0, "max_number_of_instances": -1,
	"properties": object{"port": 8080}, "visibility": "tenant", "tenant_name": "default_tenant",
	"relationships": []any{object{"type": "cloudify.relationships.contained_in", "target_id": "host"}},
	"operations": object{"create": object{"operation": "script_runner.tasks.run"},
		"cloudify.interfaces.lifecycle.create": object{"operation": "script_runner.tasks.run"},
		"cloudify.interfaces.lifecycle.start":  object{"operation": ""}},
}

func (s *stub) patchInstance(r *http.Request) (any, error) {
	i := s.instances[r.PathValue("id")]
	if i == nil {
		return nil, missing("NodeInstance", r.PathValue("id"))
	}
	body := decode(r)
	if given, err := body["version"].(json.Number).Int64(); err != nil || int(given) < i["version"].(int) {
		return nil, &refuse{409, "conflict_error", fmt.Sprintf("Node instance update conflict [current version=%d, update version=%d]", i["version"], given)}
	}
	i["runtime_properties"], i["version"] = body["runtime_properties"], i["version"].(int)+1
	return i, nil
}
