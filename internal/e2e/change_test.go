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

// scalable is a host with a web server in it and a database that is connected to the server; %s is what differs between
// the versions of the blueprint.
const scalable = `tosca_definitions_version: cloudify_dsl_1_5
imports: [cloudify/types/types.yaml]
inputs:
  journal: {type: string}
dsl_definitions:
  run: &run
    implementation: scripts/note.sh
    executor: central_deployment_agent
    inputs: {JOURNAL: {get_input: journal}}
  life: &life
    cloudify.interfaces.lifecycle: {create: *run, start: *run, stop: *run, delete: *run}
node_types:
  app:
    derived_from: cloudify.nodes.Root
    properties: {port: {default: 80}}
node_templates:
  vm: {type: cloudify.nodes.Root, interfaces: *life}
  web:
    type: app
    interfaces: *life
    relationships: [{type: cloudify.relationships.contained_in, target: vm}]
%s
`

const firstVersion = `
  db:
    type: cloudify.nodes.Root
    interfaces: *life
    relationships: [{type: cloudify.relationships.connected_to, target: web}]
`

const secondVersion = `
  cache:
    type: cloudify.nodes.Root
    interfaces: *life
    relationships: [{type: cloudify.relationships.connected_to, target: web}]
`

// states counts the instances of a deployment by node and checks that all are started.
func (m *manager) started(c *client.Client, d string) map[model.NodeID]int {
	m.t.Helper()
	page, err := c.ListNodeInstances(m.t.Context(), client.InstanceQuery{Deployment: model.DeploymentID(d)})
	if err != nil {
		m.t.Fatal(err)
	}
	out := map[model.NodeID]int{}
	for _, i := range page.Items {
		out[i.Node]++
		if i.State != model.InstanceStarted {
			m.t.Errorf("instance %s is %s", i.ID, i.State)
		}
	}
	return out
}

// TestScaleAndUpdate scales out with a kill of the manager in the middle, scales in, and updates to another blueprint.
func TestScaleAndUpdate(t *testing.T) {
	m := newManager(t)
	journal := filepath.Join(t.TempDir(), "journal")
	for name, nodes := range map[string]string{"one": firstVersion, "two": secondVersion} {
		bp := blueprint(t, map[string]string{"blueprint.yaml": fmt.Sprintf(scalable, nodes), "scripts/note.sh": note})
		m.ok("blueprints", "upload", bp, "-b", name)
	}
	m.ok("deployments", "create", "d", "-b", "one", "-i", "journal="+journal)
	m.ok("executions", "start", "install", "-d", "d")
	x, err := m.client().StartExecution(t.Context(), client.StartParams{Deployment: "d", Workflow: "scale",
		Parameters: model.Document{"scalable_entity_name": "web", "delta": 1}})
	if err != nil {
		t.Fatal(err)
	}
	m.await("the new instance to be made", func() bool {
		data, err := os.ReadFile(journal)
		return err == nil && strings.Count(string(data), "begin web_") > 2
	})
	m.kill()
	m.start()
	c := m.client()
	m.await("the scale out to end", func() bool {
		got, err := c.GetExecution(t.Context(), x.ID)
		return err == nil && got.Status.Ended()
	})
	if got, err := c.GetExecution(t.Context(), x.ID); err != nil || got.Status != model.ExecutionTerminated {
		t.Fatalf("the scale out ended %s: %s (%v)", got.Status, got.Error, err)
	}
	if got := m.started(c, "d"); got["web"] != 2 || got["vm"] != 1 || got["db"] != 1 {
		t.Errorf("after the scale out there are %v", got)
	}
	m.ok("executions", "start", "scale", "-d", "d", "-p", "scalable_entity_name=web", "-p", "delta=-1")
	if got := m.started(c, "d"); got["web"] != 1 {
		t.Errorf("after the scale in there are %v", got)
	}
	preview := m.ok("deployments", "update", "d", "-b", "two", "--preview")
	for _, want := range []string{"blueprint one -> two", "nodes.cache", "nodes.db", "removed", "added", "preview"} {
		if !strings.Contains(preview, want) {
			t.Errorf("the preview does not say %q:\n%s", want, preview)
		}
	}
	if got := m.started(c, "d"); got["cache"] != 0 || got["db"] != 1 {
		t.Errorf("the preview changed the instances to %v", got)
	}
	m.ok("deployments", "update", "-d", "d", "-b", "two")
	if got := m.started(c, "d"); got["cache"] != 1 || got["db"] != 0 || got["web"] != 1 || got["vm"] != 1 {
		t.Errorf("after the update there are %v", got)
	}
	data, err := os.ReadFile(journal)
	if err != nil || !strings.Contains(string(data), "end db_") {
		t.Errorf("the journal does not tell of the database (%v)", err)
	}
	if history := m.ok("deployments", "history", "-d", "d"); strings.Count(history, "successful") != 1 {
		t.Errorf("the history says:\n%s", history)
	}
	if why := m.ok("executions", "why", string(x.ID)); !strings.Contains(why, "is completed") || !strings.Contains(why, "has ended") {
		t.Errorf("the explanation says:\n%s", why)
	}
	m.ok("executions", "start", "uninstall", "-d", "d")
}
