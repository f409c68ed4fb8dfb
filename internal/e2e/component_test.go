package e2e_test

import (
	"strings"
	"testing"

	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
)

const outer = `tosca_definitions_version: cloudify_dsl_1_5
imports: [cloudify/types/types.yaml]
node_templates:
  part:
    type: cloudify.nodes.ServiceComponent
    properties:
      resource_config:
        blueprint: {id: part, blueprint_archive: part, main_file_name: blueprint.yaml}
        deployment: {id: part, inputs: {text: hello}}
      secrets: {part_secret: sesame}
  user:
    type: cloudify.nodes.Root
    relationships: [{type: cloudify.relationships.depends_on, target: part}]
outputs:
  said: {value: {get_attribute: [part, capabilities, said]}}
workflows:
  ping:
    mapping: default_workflows.cloudify.plugins.workflows.execute_operation
    is_cascading: true
    parameters: {operation: {default: cloudify.interfaces.lifecycle.pull}}
`

const part = `tosca_definitions_version: cloudify_dsl_1_5
imports: [cloudify/types/types.yaml]
inputs: {text: {type: string}}
node_templates:
  a:
    type: cloudify.nodes.Root
    interfaces:
      cloudify.interfaces.lifecycle:
        create: {implementation: s.sh, executor: central_deployment_agent, inputs: {TEXT: {get_input: text}}}
capabilities:
  said: {value: {get_attribute: [a, said]}}
workflows:
  ping:
    mapping: default_workflows.cloudify.plugins.workflows.execute_operation
    is_cascading: true
    parameters: {operation: {default: cloudify.interfaces.lifecycle.pull}}
`

const say = `#!/bin/bash
[ "$TEXT" = fail ] && { ctx abort-operation "no luck"; exit 1; }
ctx logger info "saying $TEXT"
ctx instance runtime-properties said "$TEXT to you"
`

func nestedBlueprint(t *testing.T, text string) string {
	return blueprint(t, map[string]string{"blueprint.yaml": text, "part/blueprint.yaml": part, "part/s.sh": say})
}

// TestComponent installs a deployment that makes another one, with a single slot: what waits for the other holds none.
func TestComponent(t *testing.T) {
	t.Parallel()
	m := newManager(t, "--executor.slots", "1")
	m.ok("blueprints", "upload", nestedBlueprint(t, outer), "-b", "outer")
	m.ok("deployments", "create", "o", "-b", "outer")
	m.ok("executions", "start", "install", "-d", "o")
	if got := m.wants(200, "GET", "/deployments/o/outputs", nil)["outputs"].(map[string]any)["said"]; got != "hello to you" {
		t.Errorf("the capability of the component is %v", got)
	}
	d := m.wants(200, "GET", "/deployments/part", nil)
	if d["installation_status"] != "active" || strings.Join(m.labels("part", "csys-obj-parent"), ",") != "o" {
		t.Errorf("the component's deployment: %v %v", d["installation_status"], d["labels"])
	}
	if got := m.wants(200, "GET", "/deployments/o", nil)["sub_services_count"]; got != 1.0 {
		t.Errorf("the outer deployment counts %v services", got)
	}
	refused := m.wants(400, "POST", "/executions", map[string]any{"deployment_id": "part", "workflow_id": "uninstall"})
	if text := refused["message"].(string); !strings.Contains(text, "Deployment `o` contains the current deployment in its node `part_") {
		t.Errorf("the uninstall of a component in use: %v", refused)
	}
	if got := m.ids("/deployments?_environments_only=true&_include=id"); len(got) != 1 || got[0] != "o" {
		t.Errorf("deployments that are no components: %v", got)
	}
	logs := m.wants(200, "GET", "/events?deployment_id=o&type=cloudify_log&message=%25saying+hello%25", nil)["items"].([]any)
	if len(logs) == 0 {
		t.Error("the log of the component is not in the outer log")
	}
	m.ok("executions", "start", "ping", "-d", "o")
	m.await("the cascading workflow to run on the component", func() bool {
		items := m.wants(200, "GET", "/executions?deployment_id=part&workflow_id=ping", nil)["items"].([]any)
		return len(items) == 1 && items[0].(map[string]any)["status"] == "terminated"
	})
	m.ok("executions", "start", "heal", "-d", "o", "-p", "force_reinstall=true")
	if got := m.wants(200, "GET", "/deployments/part", nil)["installation_status"]; got != "active" {
		t.Errorf("the component after a reinstall is %v", got)
	}
	m.ok("executions", "start", "uninstall", "-d", "o")
	m.wants(404, "GET", "/deployments/part", nil)
	m.wants(404, "GET", "/blueprints/part", nil)
	m.wants(404, "GET", "/secrets/part_secret", nil)
	m.ok("deployments", "delete", "o")
}

// TestComponentFails checks that the failure of what is nested is told, and that a cancel reaches it.
func TestComponentFails(t *testing.T) {
	t.Parallel()
	m := newManager(t, "--workflow.task-retries", "0")
	m.ok("blueprints", "upload", nestedBlueprint(t, strings.Replace(outer, "text: hello", "text: fail", 1)), "-b", "outer")
	m.ok("deployments", "create", "o", "-b", "outer")
	if code, out := m.reify("executions", "start", "install", "-d", "o"); code == 0 || !strings.Contains(out, "Error in execute_start") || !strings.Contains(out, "no luck") {
		t.Errorf("a component that fails: code %d\n%s", code, out)
	}
	// What was never installed is taken down all the same.
	m.ok("executions", "start", "uninstall", "-d", "o")
	m.wants(404, "GET", "/deployments/part", nil)
	m.wants(204, "DELETE", "/deployments/o?force=true", nil)
	m.await("the deployment to go", func() bool {
		status, _ := m.request("admin", m.password(), "GET", "/deployments/o", nil)
		return status == 404
	})
}

// TestCancelReachesComponents checks that cancelling the outer execution cancels the one it waits for.
func TestCancelReachesComponents(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	bp := blueprint(t, map[string]string{"blueprint.yaml": outer, "part/blueprint.yaml": part,
		"part/s.sh": "#!/bin/bash\nctx retry-operation --retry-after 600 later\n"})
	m.ok("blueprints", "upload", bp, "-b", "outer")
	m.ok("deployments", "create", "o", "-b", "outer")
	c := m.client()
	x, err := c.StartExecution(t.Context(), client.StartParams{Deployment: "o", Workflow: "install"})
	if err != nil {
		t.Fatal(err)
	}
	inner := func() model.ExecutionStatus {
		page, err := c.ListExecutions(t.Context(), client.ListOptions{}, false)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Items {
			if e.Deployment == "part" && e.Workflow == "install" {
				return e.Status
			}
		}
		return ""
	}
	m.await("the inner install to run", func() bool { return inner() == model.ExecutionStarted })
	if _, err := c.ActOnExecution(t.Context(), x.ID, client.ActionCancel); err != nil {
		t.Fatal(err)
	}
	m.await("both to be cancelled", func() bool {
		o, err := c.GetExecution(t.Context(), x.ID)
		return err == nil && o.Status == model.ExecutionCancelled && inner() == model.ExecutionCancelled
	})
}

// TestComponentSurvivesKill kills the manager while a component is being installed: the wait is taken up again.
func TestComponentSurvivesKill(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	bp := blueprint(t, map[string]string{"blueprint.yaml": outer, "part/blueprint.yaml": part, "part/s.sh": say + "sleep 0.5\n"})
	m.ok("blueprints", "upload", bp, "-b", "outer")
	m.ok("deployments", "create", "o", "-b", "outer")
	x, err := m.client().StartExecution(t.Context(), client.StartParams{Deployment: "o", Workflow: "install"})
	if err != nil {
		t.Fatal(err)
	}
	m.await("the inner deployment", func() bool {
		status, _ := m.request("admin", m.password(), "GET", "/deployments/part", nil)
		return status == 200
	})
	m.await("the script of the inner install", func() bool {
		items := m.wants(200, "GET", "/events?deployment_id=part&type=cloudify_log", nil)["items"].([]any)
		return len(items) > 0
	})
	m.kill()
	m.start()
	m.await("the install to end", func() bool {
		o, err := m.client().GetExecution(t.Context(), x.ID)
		return err == nil && o.Status == model.ExecutionTerminated
	})
}

const sharing = `tosca_definitions_version: cloudify_dsl_1_5
imports: [cloudify/types/types.yaml]
node_templates:
  res:
    type: cloudify.nodes.SharedResource
    properties: {resource_config: {deployment: {id: giver}}}
  word:
    type: cloudify.nodes.PasswordSecret
    properties: {length: 12, digits: 2, symbols: -1, secret_name: word}
outputs:
  address: {value: {get_attribute: [res, capabilities, address]}}
`

// TestSharedResource uses a deployment as a resource that is installed on demand, and makes a password.
func TestSharedResource(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	m.ok("blueprints", "upload", blueprint(t, map[string]string{"blueprint.yaml": giver}), "-b", "giver")
	m.ok("deployments", "create", "giver", "-b", "giver")
	m.ok("blueprints", "upload", blueprint(t, map[string]string{"blueprint.yaml": sharing}), "-b", "sharing")
	m.ok("deployments", "create", "s", "-b", "sharing")
	if code, out := m.reify("executions", "start", "install", "-d", "s"); code == 0 || !strings.Contains(out, "is in an inactive state") {
		t.Errorf("a resource that is not installed: code %d\n%s", code, out)
	}
	m.wants(200, "PATCH", "/deployments/giver", map[string]any{"labels": []any{map[string]any{"csys-obj-type": "on-demand-resource"}}})
	m.ok("executions", "start", "install", "-d", "s", "--force")
	if got := m.wants(200, "GET", "/deployments/s/outputs", nil)["outputs"].(map[string]any)["address"]; got != "10.0.0.7" {
		t.Errorf("the address of the resource is %v", got)
	}
	secret := m.wants(200, "GET", "/secrets/word", nil)["value"].(string)
	if digits := strings.Count(strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return '0'
		}
		return 'x'
	}, secret), "0"); len(secret) != 12 || digits < 2 {
		t.Errorf("the password has %d characters and %d digits", len(secret), digits)
	}
	refused := m.wants(400, "POST", "/executions", map[string]any{"deployment_id": "giver", "workflow_id": "uninstall"})
	if text := refused["message"].(string); !strings.Contains(text, "Deployment `s` uses a shared resource from the current deployment") {
		t.Errorf("the uninstall of a resource in use: %v", refused)
	}
	m.ok("executions", "start", "uninstall", "-d", "s")
	if got := m.wants(200, "GET", "/deployments/giver", nil)["installation_status"]; got != "inactive" {
		t.Errorf("the resource that nobody uses is %v", got)
	}
	m.wants(404, "GET", "/secrets/word", nil)
}
