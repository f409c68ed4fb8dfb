package e2e_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reifyhq/reify/internal/agent/setup"
	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
)

// twoHosts is a blueprint of two hosts with an application on each, which are connected.
const twoHosts = `tosca_definitions_version: cloudify_dsl_1_5
imports: [cloudify/types/types.yaml]
inputs:
  user: {type: string}
  key: {type: string}
  port_a: {type: integer}
  port_b: {type: integer}
  dir: {type: string}
  journal: {type: string}
  host_key: {type: string, default: ''}
dsl_definitions:
  here: &here
    implementation: scripts/note.sh
    executor: host_agent
    inputs: {JOURNAL: {get_input: journal}}
  life: &life
    cloudify.interfaces.lifecycle: {create: *here, start: *here, stop: *here}
node_templates:
  host_a:
    type: cloudify.nodes.Compute
    properties:
      ip: 127.0.0.1
      agent_config:
        install_method: remote
        user: {get_input: user}
        key: {get_input: key}
        port: {get_input: port_a}
        process_management: {name: detach}
        env: {WHERE: a}
        extra: {agent_dir: {concat: [{get_input: dir}, /a]}, host_key: {get_input: host_key}}
  host_b:
    type: cloudify.nodes.Compute
    properties:
      ip: 127.0.0.1
      agent_config:
        install_method: remote
        user: {get_input: user}
        key: {get_input: key}
        port: {get_input: port_b}
        process_management: {name: detach}
        env: {WHERE: b}
        extra: {agent_dir: {concat: [{get_input: dir}, /b]}}
  app_a:
    type: cloudify.nodes.Root
    interfaces: *life
    relationships:
      - {type: cloudify.relationships.contained_in, target: host_a}
      - type: cloudify.relationships.connected_to
        target: app_b
        source_interfaces:
          cloudify.interfaces.relationship_lifecycle: {establish: *here}
        target_interfaces:
          cloudify.interfaces.relationship_lifecycle: {establish: *here}
  app_b:
    type: cloudify.nodes.Root
    interfaces: *life
    relationships: [{type: cloudify.relationships.contained_in, target: host_b}]
`

const noteHere = `#!/bin/bash
set -e
if ctx instance id >/dev/null 2>&1; then
  id=$(ctx instance id)
  ctx instance runtime-properties "did_$(ctx operation name | tr . _)" "$WHERE"
else
  id="$(ctx source instance id)>$(ctx target instance id)"
fi
ctx logger info "on $WHERE"
echo "$WHERE $(ctx operation name) $id $AGENT_NAME $(ctx execution-id)" >> "$JOURNAL"
`

// remoteRig is a manager with two hosts.
type remoteRig struct {
	*manager
	a, b    *sshHost
	dir     string
	journal string
	inputs  model.Document
}

func newRemoteRig(t *testing.T, text, script string, args ...string) *remoteRig {
	t.Helper()
	r := &remoteRig{a: newSSHHost(t), dir: t.TempDir()}
	r.b = r.a
	r.manager = newManager(t, args...)
	r.journal = filepath.Join(r.dir, "journal")
	t.Cleanup(r.removeAgents)
	bp := blueprint(t, map[string]string{"blueprint.yaml": text, "scripts/note.sh": script})
	r.ok("blueprints", "upload", bp, "-b", "hosts")
	r.inputs = model.Document{"user": userName(t), "key": r.a.key, "port_a": r.a.port, "port_b": r.b.port, "dir": r.dir, "journal": r.journal}
	return r
}

// removeAgents ends the agents that a test left.
func (r *remoteRig) removeAgents() {
	files, _ := filepath.Glob(filepath.Join(r.dir, "*", setup.File))
	for _, f := range files {
		code, out := agentCommand(r.t, "remove", "--config", f)
		if code != 0 {
			r.t.Errorf("remove the agent %s: %s", f, out)
		}
	}
}

func agentCommand(t *testing.T, args ...string) (int, string) {
	t.Helper()
	return runProgram(t, nil, filepath.Join(filepath.Dir(program), "reify-agent"), args...)
}

func (r *remoteRig) create(id string) {
	r.t.Helper()
	data, err := json.Marshal(r.inputs)
	if err != nil {
		r.t.Fatal(err)
	}
	file := filepath.Join(r.dir, id+"-inputs.json")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		r.t.Fatal(err)
	}
	r.ok("deployments", "create", id, "-b", "hosts", "-i", file)
}

func (r *remoteRig) lines() []string {
	data, err := os.ReadFile(r.journal)
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}

// execute starts a workflow and waits for its end.
func (r *remoteRig) execute(d model.DeploymentID, name string, parameters model.Document) client.Execution {
	r.t.Helper()
	x, err := r.client().StartExecution(r.t.Context(), client.StartParams{Deployment: d, Workflow: name, Parameters: parameters})
	if err != nil {
		r.t.Fatal(err)
	}
	return r.ended(x.ID)
}

func (r *remoteRig) ended(id model.ExecutionID) client.Execution {
	r.t.Helper()
	c := r.client()
	var x client.Execution
	r.await("the end of execution "+string(id), func() bool {
		var err error
		x, err = c.GetExecution(r.t.Context(), id)
		return err == nil && x.Status.Ended()
	})
	return x
}

// TestAgentsOverSSH installs agents on two hosts, runs operations and those of a relationship on the right ones, replaces
// an agent, and takes everything away again.
func TestAgentsOverSSH(t *testing.T) {
	r := newRemoteRig(t, twoHosts, noteHere)
	r.create("d")
	if x := r.execute("d", "install", nil); x.Status != model.ExecutionTerminated {
		t.Fatalf("install ended %s: %s", x.Status, x.Error)
	}
	want := map[string]int{"a cloudify.interfaces.lifecycle.create": 1, "a cloudify.interfaces.lifecycle.start": 1,
		"b cloudify.interfaces.lifecycle.create": 1, "b cloudify.interfaces.lifecycle.start": 1,
		"a cloudify.interfaces.relationship_lifecycle.establish": 1, "b cloudify.interfaces.relationship_lifecycle.establish": 1}
	got := map[string]int{}
	for _, line := range r.lines() {
		f := strings.Fields(line)
		got[f[0]+" "+f[1]]++
		if !strings.HasPrefix(f[3], "host_"+f[0]) {
			t.Errorf("%s did not run on the agent of its host", line)
		}
	}
	for what, n := range want {
		if got[what] != n {
			t.Errorf("%s: %d times, want %d; all: %v", what, got[what], n, r.lines())
		}
	}
	for _, name := range []string{"a", "b"} {
		if code, out := agentCommand(t, "status", "--config", filepath.Join(r.dir, name, setup.File)); code != 0 {
			t.Errorf("status of agent %s: %s", name, out)
		}
		info, err := os.Stat(filepath.Join(r.dir, name, setup.File))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("settings of agent %s: %v, %v", name, info, err)
		}
	}
	if x := r.execute("d", "validate_agents", nil); x.Status != model.ExecutionTerminated {
		t.Errorf("validate_agents ended %s: %s", x.Status, x.Error)
	}
	r.ok("agents", "validate", "-d", "d")
	first := string(r.instances("host_a")[0].ID)
	if out := r.ok("agents", "list", "--deployment-id", "d"); !strings.Contains(out, first) || strings.Count(out, "remote") != 2 {
		t.Errorf("agents that are started are not listed:\n%s", out)
	}
	if out := r.ok("agents", "logs", first, "-d", "d"); !strings.Contains(out, "on a") || strings.Contains(out, "on b") {
		t.Errorf("logs of agent %s:\n%s", first, out)
	}
	r.upgrade()
	if x := r.execute("d", "uninstall", nil); x.Status != model.ExecutionTerminated {
		t.Fatalf("uninstall ended %s: %s", x.Status, x.Error)
	}
	left, err := filepath.Glob(filepath.Join(r.dir, "*", "bin"))
	if err != nil || len(left) > 0 {
		t.Errorf("left on the hosts: %v, %v", left, err)
	}
}

// upgrade replaces both agents and looks for operations on the new ones.
func (r *remoteRig) upgrade() {
	r.t.Helper()
	if out := r.ok("agents", "upgrade", "-d", "d", "--wave", "1"); !strings.Contains(out, "Upgraded 2 agents") {
		r.t.Errorf("agents upgrade: %s", out)
	}
	before := len(r.lines())
	x := r.execute("d", "execute_operation", model.Document{"operation": "cloudify.interfaces.lifecycle.start", "node_ids": []string{"app_a", "app_b"}})
	if x.Status != model.ExecutionTerminated {
		r.t.Fatalf("execute_operation ended %s: %s", x.Status, x.Error)
	}
	for _, line := range r.lines()[before:] {
		if f := strings.Fields(line); strings.Count(f[3], "-") != 4 {
			r.t.Errorf("%s did not run on a new agent", line)
		}
	}
}

// instances returns the node instances of a node.
func (r *remoteRig) instances(node model.NodeID) []client.NodeInstance {
	r.t.Helper()
	page, err := r.client().ListNodeInstances(r.t.Context(), client.InstanceQuery{})
	if err != nil {
		r.t.Fatal(err)
	}
	var found []client.NodeInstance
	for _, i := range page.Items {
		if i.Node == node {
			found = append(found, i)
		}
	}
	return found
}
