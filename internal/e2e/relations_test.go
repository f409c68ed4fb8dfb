package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// giver has a capability, which taker reads; %s says of whom.
const giver = `tosca_definitions_version: cloudify_dsl_1_5
imports: [cloudify/types/types.yaml]
node_templates:
  a: {type: cloudify.nodes.Root}
capabilities:
  address: {value: 10.0.0.7}
`

const taker = `tosca_definitions_version: cloudify_dsl_1_5
imports: [cloudify/types/types.yaml]
node_types:
  app:
    derived_from: cloudify.nodes.Root
    properties: {address: {default: ""}}
node_templates:
  web:
    type: app
    properties:
      address: {get_capability: [%s, address]}
`

// install creates and installs a deployment of a blueprint given as text.
func (m *manager) deploy(text, id string, args ...string) {
	m.t.Helper()
	bp := blueprint(m.t, map[string]string{"blueprint.yaml": text})
	m.ok("blueprints", "upload", bp, "-b", id)
	m.ok(append([]string{"deployments", "create", id, "-b", id}, args...)...)
	m.ok("executions", "start", "install", "-d", id)
}

func (m *manager) ids(path string) []string {
	m.t.Helper()
	var out []string
	for _, item := range m.wants(200, "GET", path, nil)["items"].([]any) {
		out = append(out, item.(map[string]any)["id"].(string))
	}
	return out
}

// labels returns the values of a label of a deployment, sorted.
func (m *manager) labels(deployment, key string) []string {
	m.t.Helper()
	var out []string
	for _, l := range m.wants(200, "GET", "/deployments/"+deployment, nil)["labels"].([]any) {
		if l := l.(map[string]any); l["key"] == key {
			out = append(out, l["value"].(string))
		}
	}
	slices.Sort(out)
	return out
}

// TestDependencies checks that a deployment that another one uses cannot be taken down, whatever made the dependency.
func TestDependencies(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	m.deploy(giver, "giver")
	m.deploy(fmt.Sprintf(taker, "giver"), "taker")

	list := m.wants(200, "GET", "/deployments/inter-deployment-dependencies?source_deployment_id=taker", nil)["items"].([]any)
	if len(list) != 1 {
		t.Fatalf("dependencies of the taker: %v", list)
	}
	d := list[0].(map[string]any)
	if d["dependency_creator"] != "nodes.web.properties.address.get_capability" || d["target_deployment_id"] != "giver" {
		t.Errorf("dependency %v", d)
	}
	if got := m.ids("/deployments?_dependencies_of=taker&_include=id"); !slices.Equal(got, []string{"giver"}) {
		t.Errorf("the taker depends on %v", got)
	}
	if got := m.labels("giver", "csys-consumer-id"); !slices.Equal(got, []string{"taker"}) {
		t.Errorf("consumers of the giver: %v", got)
	}
	blocked := func(status int, method, path string, body any, want string) {
		t.Helper()
		got := m.wants(status, method, path, body)
		if got["error_code"] != "dependent_exists_error" || !strings.Contains(got["message"].(string), want) {
			t.Errorf("%s %s: %v", method, path, got)
		}
	}
	uses := "Deployment `taker` uses capabilities of the current deployment in its node `web`"
	blocked(400, "POST", "/executions", map[string]any{"deployment_id": "giver", "workflow_id": "uninstall"}, uses)
	blocked(400, "POST", "/deployment-updates/giver/update/initiate", map[string]any{"blueprint_id": "taker"}, uses)
	blocked(400, "DELETE", "/deployments/giver", nil, uses)
	if got := m.wants(200, "GET", "/deployments/giver", nil)["blueprint_id"]; got != "giver" {
		t.Errorf("the refused update changed the blueprint to %v", got)
	}
	if got := m.wants(409, "PUT", "/deployments/inter-deployment-dependencies", map[string]any{
		"dependency_creator": "sharedresource.a", "source_deployment": "giver", "target_deployment": "taker",
	}); got["error_code"] != "conflict_error" {
		t.Errorf("a cycle: %v", got)
	}
	m.wants(404, "PUT", "/deployments/inter-deployment-dependencies", map[string]any{
		"dependency_creator": "sharedresource.a", "source_deployment": "taker", "target_deployment": "nobody"})

	// Who is not installed needs no capability.
	m.ok("executions", "start", "uninstall", "-d", "taker")
	m.ok("executions", "start", "uninstall", "-d", "giver")
	shared := map[string]any{"dependency_creator": "sharedresource.web_1", "source_deployment": "taker", "target_deployment": "giver"}
	m.wants(200, "PUT", "/deployments/inter-deployment-dependencies", shared)
	m.ok("executions", "start", "install", "-d", "giver")
	blocked(400, "POST", "/executions", map[string]any{"deployment_id": "giver", "workflow_id": "uninstall"}, "uses a shared resource from")
	shared["is_component_deletion"] = false
	m.wants(204, "DELETE", "/deployments/inter-deployment-dependencies", shared)
	m.wants(404, "DELETE", "/deployments/inter-deployment-dependencies", shared)
	m.ok("executions", "start", "uninstall", "-d", "giver")
	m.ok("deployments", "delete", "taker")
	if got := m.labels("giver", "csys-consumer-id"); got != nil {
		t.Errorf("consumers of the giver after the taker is gone: %v", got)
	}
	m.ok("deployments", "delete", "giver")
}

// TestLateDependency checks that a target that only the run knows is found when the run has told it.
func TestLateDependency(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	m.deploy(giver, "giver")
	bp := blueprint(t, map[string]string{"blueprint.yaml": fmt.Sprintf(taker, "{get_attribute: [web, whose]}") +
		"    interfaces: {cloudify.interfaces.lifecycle: {create: {implementation: s.sh, executor: central_deployment_agent}}}\n",
		"s.sh": "#!/bin/bash\nctx instance runtime-properties whose giver\n"})
	m.ok("blueprints", "upload", bp, "-b", "late")
	m.ok("deployments", "create", "late", "-b", "late")
	path := "/deployments/inter-deployment-dependencies?source_deployment_id=late"
	target := func() any {
		return m.wants(200, "GET", path, nil)["items"].([]any)[0].(map[string]any)["target_deployment_id"]
	}
	if got := target(); got != nil {
		t.Errorf("the target is known before the run: %v", got)
	}
	m.ok("executions", "start", "install", "-d", "late")
	if got := target(); got != "giver" {
		t.Errorf("the target after the run: %v", got)
	}
}

// TestFamily checks what an environment knows of what is in it.
func TestFamily(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	m.deploy(giver, "env", "--labels", "csys-obj-type:environment")
	m.deploy(giver, "mid", "--labels", "csys-obj-type:environment,csys-obj-parent:env")
	m.deploy(giver, "leaf", "--labels", "csys-obj-parent:mid")
	counts := func(d string) string {
		v := m.wants(200, "GET", "/deployments/"+d, nil)
		return fmt.Sprintf("%v %v %v %v %v %v", v["sub_services_count"], v["sub_environments_count"], v["sub_services_status"], v["sub_environments_status"],
			v["deployment_status"], v["has_sub_deployments"])
	}
	for d, want := range map[string]string{
		"env": "1 1 good good good true", "env?all_sub_deployments=false": "0 1 <nil> good good true",
		"mid": "1 0 good <nil> good true", "leaf": "0 0 <nil> <nil> good false",
	} {
		if got := counts(d); got != want {
			t.Errorf("%s: %s, want %s", d, got, want)
		}
	}
	m.wants(409, "PATCH", "/deployments/env", map[string]any{"labels": []any{map[string]any{"csys-obj-parent": "leaf"}}})
	got := m.wants(404, "PATCH", "/deployments/env", map[string]any{"labels": []any{map[string]any{"csys-obj-parent": "nobody"}}})
	if got["error_code"] != "deployment_parent_not_found_error" {
		t.Errorf("an unknown parent: %v", got)
	}
	refused := m.wants(400, "POST", "/executions", map[string]any{"deployment_id": "env", "workflow_id": "uninstall"})
	if text := refused["message"].(string); !strings.Contains(text, "Deployment `mid` depends on `env`") || !strings.Contains(text, "`leaf` depends on `mid`") {
		t.Errorf("an environment with services: %v", refused)
	}
	m.ok("executions", "start", "uninstall", "-d", "leaf")
	if got, want := counts("env"), "1 1 requires_attention requires_attention requires_attention true"; got != want {
		t.Errorf("after the leaf is down: %s, want %s", got, want)
	}
	m.ok("deployments", "delete", "leaf")
	if got, want := counts("env"), "0 1 <nil> good good true"; got != want {
		t.Errorf("after the leaf is gone: %s, want %s", got, want)
	}
	if got := m.labels("mid", "csys-consumer-id"); got != nil {
		t.Errorf("consumers of an environment without services: %v", got)
	}
	m.ok("executions", "start", "uninstall", "-d", "env", "-p", "recursive=true")
	if got := m.wants(200, "GET", "/deployments/mid", nil)["installation_status"]; got != "inactive" {
		t.Errorf("the service after a recursive uninstall is %v", got)
	}
	m.wants(400, "DELETE", "/deployments/env", nil)
	m.wants(204, "DELETE", "/deployments/env?recursive=true", nil)
	m.await("the environment and what is in it to go", func() bool {
		status, _ := m.request("admin", m.password(), "GET", "/deployments/env", nil)
		inside, _ := m.request("admin", m.password(), "GET", "/deployments/mid", nil)
		return status == 404 && inside == 404
	})
}

// TestUpdatesOfTaker checks what an update does to dependencies, how it counts its operations, and that updates can be
// restored.
func TestUpdatesOfTaker(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	m.deploy(giver, "giver")
	m.deploy(giver, "other")
	m.deploy(fmt.Sprintf(taker, "giver"), "taker")
	text := fmt.Sprintf(taker, "other") + "  b: {type: cloudify.nodes.Root}\n"
	m.ok("blueprints", "upload", blueprint(t, map[string]string{"blueprint.yaml": text}), "-b", "next")
	preview := m.wants(200, "POST", "/deployment-updates/giver/update/initiate", map[string]any{"blueprint_id": "other", "preview": true})
	if got := fmt.Sprint(preview["state"], preview["recursive_dependencies"]); got != "preview[map[dependency_type:deployment dependent_node:web deployment:taker tenant:default_tenant]]" &&
		!strings.Contains(got, "deployment:taker") {
		t.Errorf("the preview of an update of what is used: %s", got)
	}
	m.ok("deployments", "update", "taker", "-b", "next")
	list := m.wants(200, "GET", "/deployments/inter-deployment-dependencies?source_deployment_id=taker", nil)["items"].([]any)
	if len(list) != 1 || list[0].(map[string]any)["target_deployment_id"] != "other" {
		t.Errorf("dependencies after the update: %v", list)
	}
	if got := m.labels("giver", "csys-consumer-id"); got != nil {
		t.Errorf("the old target still has the consumers %v", got)
	}
	m.deploy(giver, "lone")
	m.ok("blueprints", "upload", blueprint(t, map[string]string{"blueprint.yaml": strings.Replace(giver, "capabilities:", "  b: {type: cloudify.nodes.Root}\ncapabilities:", 1)}), "-b", "two")
	m.ok("deployments", "update", "lone", "-b", "two")
	u := m.wants(200, "GET", "/deployment-updates?deployment_id=lone", nil)["items"].([]any)[0].(map[string]any)
	x := m.wants(200, "GET", "/executions/"+u["execution_id"].(string), nil)
	if x["total_operations"] != 3.0 || x["finished_operations"] != 3.0 {
		t.Errorf("the update counts %v of %v operations, want those of the one new node", x["finished_operations"], x["total_operations"])
	}
	m.wants(403, "PUT", "/deployment-updates/taker-kept", map[string]any{"deployment_id": "taker"})
	kept := m.wants(200, "PUT", "/deployment-updates/taker-kept", map[string]any{"deployment_id": "taker", "execution_id": x["id"], "state": "successful",
		"steps": []any{map[string]any{"action": "add", "entity_type": "node", "entity_id": []any{"nodes", "n"}, "topology_order": 0}}})
	if kept["state"] != "successful" || len(kept["steps"].([]any)) != 1 {
		t.Errorf("a restored update: %v", kept)
	}
	m.wants(409, "PUT", "/deployment-updates/taker-kept", map[string]any{"deployment_id": "taker", "execution_id": x["id"]})
}
