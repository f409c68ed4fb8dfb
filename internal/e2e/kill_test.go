package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
)

// moments is the number of different places at which the manager is killed.
const moments = 20

// chain is a blueprint of four nodes whose operations note in a file when they begin and end.
const chain = `tosca_definitions_version: cloudify_dsl_1_5
imports: [cloudify/types/types.yaml]
inputs:
  journal: {type: string}
dsl_definitions:
  run: &run
    implementation: scripts/note.sh
    executor: central_deployment_agent
    inputs: {JOURNAL: {get_input: journal}}
  life: &life
    cloudify.interfaces.lifecycle: {create: *run, configure: *run, start: *run}
node_templates:
  first: {type: cloudify.nodes.Root, interfaces: *life}
  second:
    type: cloudify.nodes.Root
    interfaces: *life
    relationships: [{type: cloudify.relationships.depends_on, target: first}]
  third:
    type: cloudify.nodes.Root
    interfaces: *life
    relationships: [{type: cloudify.relationships.depends_on, target: first}]
  last:
    type: cloudify.nodes.Root
    interfaces: *life
    relationships:
      - {type: cloudify.relationships.depends_on, target: second}
      - {type: cloudify.relationships.depends_on, target: third}
`

const note = `#!/bin/bash
set -e
name="$(ctx instance id) $(ctx operation name)"
echo "begin $name" >> "$JOURNAL"
ctx logger info "at work"
ctx instance runtime-properties "did_$(ctx operation name | tr . _)" yes
sleep 0.03
echo "end $name" >> "$JOURNAL"
`

// TestKillAtAnyMoment kills the manager with SIGKILL at 20 different moments of an install and starts it again: the
// install finishes, and every operation has exactly one final state.
func TestKillAtAnyMoment(t *testing.T) {
	bp := blueprint(t, map[string]string{"blueprint.yaml": chain, "scripts/note.sh": note})
	for moment := range moments {
		t.Run(fmt.Sprint(moment), func(t *testing.T) {
			t.Parallel()
			killAt(t, bp, moment)
		})
	}
}

func killAt(t *testing.T, bp string, moment int) {
	m := newManager(t)
	journal := filepath.Join(t.TempDir(), "journal")
	lines := func() []string {
		data, err := os.ReadFile(journal)
		if err != nil {
			return nil
		}
		return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	}
	m.ok("blueprints", "upload", bp, "-b", "chain")
	m.ok("deployments", "create", "d", "-b", "chain", "-i", "journal="+journal)
	x, err := m.client().StartExecution(t.Context(), client.StartParams{Deployment: "d", Workflow: "install"})
	if err != nil {
		t.Fatal(err)
	}
	m.await("the moment", func() bool { return len(lines()) >= moment })
	m.kill()
	m.start()
	c := m.client()
	m.await("the install to end", func() bool {
		got, err := c.GetExecution(t.Context(), x.ID)
		return err == nil && got.Status.Ended()
	})
	got, err := c.GetExecution(t.Context(), x.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got.Status != model.ExecutionTerminated {
		t.Fatalf("the install ended %s: %s", got.Status, got.Error)
	}
	checkOperations(t, c, x.ID)
	ends := map[string]int{}
	for _, line := range lines() {
		if name, ok := strings.CutPrefix(line, "end "); ok {
			ends[name]++
		}
	}
	if len(ends) != 12 {
		t.Errorf("%d of 12 operations ran to their end: %v", len(ends), ends)
	}
}

// checkOperations fails unless each of the 12 operations has one task, which succeeded, and one event that says so.
func checkOperations(t *testing.T, c *client.Client, id model.ExecutionID) {
	t.Helper()
	page, err := c.ListOperations(t.Context(), id, client.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	remote := 0
	for _, op := range page.Items {
		if op.State != model.TaskSucceeded {
			t.Errorf("task %s (%s) is left %s", op.Name, op.Type, op.State)
		}
		if op.Type == model.TaskRemote {
			remote++
		}
	}
	if remote != 12 {
		t.Errorf("%d operations are stored, not 12", remote)
	}
	events, err := c.ListEvents(t.Context(), client.EventQuery{Execution: id})
	if err != nil {
		t.Fatal(err)
	}
	finished := map[string]int{}
	for _, e := range events.Items {
		if e.EventType == model.EventTaskSucceeded && e.Operation != "" {
			finished[string(e.Instance)+" "+e.Operation]++
		}
	}
	if len(finished) != 12 {
		t.Errorf("events tell of the end of %d operations, not 12: %v", len(finished), finished)
	}
	for name, n := range finished {
		if n != 1 {
			t.Errorf("%s ended %d times", name, n)
		}
	}
}

// TestGracefulStopInTheMiddle stops the manager with SIGTERM during an install; the next one finishes it.
func TestGracefulStopInTheMiddle(t *testing.T) {
	t.Parallel()
	bp := blueprint(t, map[string]string{"blueprint.yaml": chain, "scripts/note.sh": note})
	m := newManager(t)
	journal := filepath.Join(t.TempDir(), "journal")
	m.ok("blueprints", "upload", bp, "-b", "chain")
	m.ok("deployments", "create", "d", "-b", "chain", "-i", "journal="+journal)
	x, err := m.client().StartExecution(t.Context(), client.StartParams{Deployment: "d", Workflow: "install"})
	if err != nil {
		t.Fatal(err)
	}
	m.await("an operation to run", func() bool {
		data, _ := os.ReadFile(journal)
		return len(data) > 0
	})
	m.stop()
	m.start()
	c := m.client()
	m.await("the install to end", func() bool {
		got, err := c.GetExecution(t.Context(), x.ID)
		return err == nil && got.Status.Ended()
	})
	checkOperations(t, c, x.ID)
}
