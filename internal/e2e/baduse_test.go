package e2e_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
)

// slow is a node whose create waits for a file.
const slow = `tosca_definitions_version: cloudify_dsl_1_5
imports: [cloudify/types/types.yaml]
inputs:
  file: {type: string}
node_templates:
  a:
    type: cloudify.nodes.Root
    interfaces:
      cloudify.interfaces.lifecycle:
        create:
          implementation: scripts/wait.sh
          executor: central_deployment_agent
          inputs: {FILE: {get_input: file}}
`

// TestBadUseOfExecutions asks for what must be refused while an execution runs and after it has ended: each with the
// original's error code, and nothing changed.
func TestBadUseOfExecutions(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	bp := blueprint(t, map[string]string{"blueprint.yaml": slow,
		"scripts/wait.sh": "#!/bin/bash\ntouch \"$FILE.begun\"\nwhile [ ! -f \"$FILE\" ]; do sleep 0.02; done\n"})
	file := filepath.Join(t.TempDir(), "go")
	m.ok("blueprints", "upload", bp, "-b", "slow")
	m.ok("deployments", "create", "d", "-b", "slow", "-i", "file="+file)
	c := m.client()
	x, err := c.StartExecution(t.Context(), client.StartParams{Deployment: "d", Workflow: "install"})
	if err != nil {
		t.Fatal(err)
	}
	m.await("the operation to run", func() bool {
		_, err := os.Stat(file + ".begun")
		return err == nil
	})
	seen := m.seen(c, x.ID)
	start := func(p client.StartParams) func() error {
		return func() error {
			p.Deployment = "d"
			_, err := c.StartExecution(t.Context(), p)
			return err
		}
	}
	act := func(action client.Action) func() error {
		return func() error {
			_, err := c.ActOnExecution(t.Context(), x.ID, action)
			return err
		}
	}
	refused := func(when string, cases map[string]func() error) {
		for name, do := range cases {
			var answer *client.Error
			if err := do(); !errors.As(err, &answer) || string(answer.Code) != name {
				t.Errorf("%s: %v, want the error code %s", when, err, name)
			}
		}
		if now := m.seen(c, x.ID); now != seen {
			t.Errorf("%s: what is stored changed from\n%s\nto\n%s", when, seen, now)
		}
	}
	refused("while it runs", map[string]func() error{
		"existing_running_execution_error":   start(client.StartParams{Workflow: "uninstall", Force: false}),
		"conflict_error":                     act("force-resume"),
		"nonexistent_workflow_error":         start(client.StartParams{Workflow: "dance"}),
		"illegal_execution_parameters_error": start(client.StartParams{Workflow: "execute_operation", Parameters: model.Document{"nonsense": 1}}),
	})
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	m.await("the install to end", func() bool {
		got, err := c.GetExecution(t.Context(), x.ID)
		return err == nil && got.Status.Ended()
	})
	seen = m.seen(c, x.ID)
	refused("after its end", map[string]func() error{
		"illegal_action_error":               act("cancel"),
		"conflict_error":                     act("resume"),
		"illegal_execution_parameters_error": start(client.StartParams{Workflow: "uninstall", Parameters: model.Document{"ignore_failure": "many"}}),
	})
	refused("after its end", map[string]func() error{"illegal_action_error": act("force-cancel")})
	refused("after its end", map[string]func() error{"illegal_action_error": act("kill")})
}

// seen is what can be seen of an execution, of its deployment and of the other executions.
func (m *manager) seen(c *client.Client, id model.ExecutionID) string {
	m.t.Helper()
	x, err := c.GetExecution(m.t.Context(), id)
	if err != nil {
		m.t.Fatal(err)
	}
	all, err := c.ListExecutions(m.t.Context(), client.ListOptions{}, true)
	if err != nil {
		m.t.Fatal(err)
	}
	instances, err := c.ListNodeInstances(m.t.Context(), client.InstanceQuery{Deployment: x.Deployment})
	if err != nil {
		m.t.Fatal(err)
	}
	out := fmt.Sprintf("%s %s %d/%d, %d executions", x.Status, x.Error, x.FinishedOperations, x.TotalOperations, len(all.Items))
	for _, i := range instances.Items {
		out += fmt.Sprintf("\n%s %s", i.ID, i.State)
	}
	return out
}
