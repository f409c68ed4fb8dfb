package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/reifyhq/reify/internal/agent/setup"
	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
)

// selfInstalling is a blueprint of a host that gets its agent by a script at its first start, as a cloud would run it.
const selfInstalling = `tosca_definitions_version: cloudify_dsl_1_5
imports: [cloudify/types/types.yaml]
inputs:
  user: {type: string}
  key: {type: string}
  port_a: {type: integer}
  port_b: {type: integer}
  dir: {type: string}
  journal: {type: string}
node_templates:
  host:
    type: cloudify.nodes.Compute
    properties:
      agent_config:
        install_method: init_script
        process_management: {name: detach}
        extra: {agent_dir: {concat: [{get_input: dir}, /a]}}
    interfaces:
      cloudify.interfaces.lifecycle:
        create:
          implementation: scripts/note.sh
          executor: central_deployment_agent
          inputs: {DIR: {get_input: dir}}
  app:
    type: cloudify.nodes.Root
    interfaces:
      work:
        do:
          implementation: |
            #!/bin/bash
            echo "$AGENT_NAME" >> "$JOURNAL"
            test -z "$1" || true
            sleep ${SLEEP:-0} & wait
          executor: host_agent
          inputs: {JOURNAL: {get_input: journal}}
    relationships: [{type: cloudify.relationships.contained_in, target: host}]
`

// boot makes the machine: it runs the script as cloud-init would, in the background.
const boot = `#!/bin/bash
set -e
ctx agent init_script > "$DIR/user-data"
head -c 11 "$DIR/user-data" | grep -q '^#!/bin/bash'
setsid bash "$DIR/user-data" > "$DIR/cloud-init.log" 2>&1 < /dev/null &
`

// TestAgentInstallsItself lets a host install its agent, runs an operation there, kills one, and uninstalls: the agent
// ends itself and its account is gone.
func TestAgentInstallsItself(t *testing.T) {
	r := newRemoteRig(t, selfInstalling, boot)
	r.create("d")
	if x := r.execute("d", "install", nil); x.Status != model.ExecutionTerminated {
		log, _ := os.ReadFile(filepath.Join(r.dir, "cloud-init.log"))
		t.Fatalf("install ended %s: %s\n%s", x.Status, x.Error, log)
	}
	x := r.execute("d", "execute_operation", model.Document{"operation": "work.do"})
	if x.Status != model.ExecutionTerminated || len(r.lines()) != 1 || !strings.HasPrefix(r.lines()[0], "host_") {
		t.Fatalf("the operation ended %s: %s, %v", x.Status, x.Error, r.lines())
	}

	slow, err := r.client().StartExecution(t.Context(), client.StartParams{Deployment: "d", Workflow: "execute_operation",
		Parameters: model.Document{"operation": "work.do", "operation_kwargs": model.Document{"SLEEP": "300"}}})
	if err != nil {
		t.Fatal(err)
	}
	r.await("the slow operation", func() bool { return len(r.lines()) == 2 })
	if _, err := r.client().ActOnExecution(t.Context(), slow.ID, "kill"); err != nil {
		t.Fatal(err)
	}
	if got := r.ended(slow.ID); got.Status != model.ExecutionCancelled {
		t.Errorf("the killed execution ended %s", got.Status)
	}
	r.await("the killed operation to be gone", func() bool { return len(operationProcesses(r.journal)) == 0 })

	if x := r.execute("d", "uninstall", nil); x.Status != model.ExecutionTerminated {
		t.Fatalf("uninstall ended %s: %s", x.Status, x.Error)
	}
	dir := filepath.Join(r.dir, "a")
	r.await("the agent to end itself", func() bool {
		code, _ := agentCommand(t, "status", "--config", filepath.Join(dir, setup.File))
		return code != 0 && agentProcess(dir) == 0
	})
	if page := r.instances("host"); len(page) != 1 || page[0].RuntimeProperties["cloudify_agent"] != nil {
		t.Errorf("the host after uninstall: %+v", page)
	}
}

// TestAgentsOverTLS runs a manager with a certificate of its own authority: agents trust that and nothing else.
func TestAgentsOverTLS(t *testing.T) {
	cert, key := certificate(t)
	r := newRemoteRig(t, manyHere, slowNote, "--tls.cert", cert, "--tls.key", key)
	r.install()
	if x := r.ended(r.begin().ID); x.Status != model.ExecutionTerminated {
		t.Fatalf("the operations ended %s: %s", x.Status, x.Error)
	}
}

// TestSSHHostsExample plays the example with the demo, which checks every step of it.
func TestSSHHostsExample(t *testing.T) {
	newSSHHost(t)
	cmd := exec.CommandContext(t.Context(), "go", "run", "./internal/tools/demo", "--example", "ssh-hosts", "--bin", program)
	cmd.Dir = filepath.Join("..", "..")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "Everything is as it should be") {
		t.Errorf("the demo: %v\n%s", err, out)
	}
}

// counting is an operation that counts what calls of ctx cost on its host, in tenths of a millisecond.
const counting = `#!/bin/bash
set -e
begin=$(date +%s%N)
for n in $(seq 50); do ctx instance id >/dev/null; done
ctx instance runtime-properties cost "@$(( ($(date +%s%N) - begin) / 50 / 100000 ))"
`

// TestCtxOnHost measures a call of ctx on a host agent; it fails only when that costs what it did with Python.
func TestCtxOnHost(t *testing.T) {
	r := newRemoteRig(t, manyHere, counting)
	r.install()
	first := string(r.instances("app")[0].ID)
	x := r.execute("d", "execute_operation", model.Document{"operation": "work.do", "node_instance_ids": []string{first}})
	if x.Status != model.ExecutionTerminated {
		t.Fatalf("the operation ended %s: %s", x.Status, x.Error)
	}
	for _, i := range r.instances("app") {
		if string(i.ID) != first {
			continue
		}
		cost, err := strconv.ParseFloat(fmt.Sprint(i.RuntimeProperties["cost"]), 64)
		if err != nil || cost > 1000 {
			t.Errorf("a call of ctx costs %v tenths of a millisecond (%v)", i.RuntimeProperties["cost"], err)
		}
		t.Logf("a call of ctx on a host: %.1f ms", cost/10)
	}
}

// TestAgentIsNobodyElsewhere tries the account of an agent at the REST API.
func TestAgentIsNobodyElsewhere(t *testing.T) {
	r := newRemoteRig(t, manyHere, slowNote)
	r.install()
	s, err := setup.Read(filepath.Join(r.dir, "a", setup.File))
	if err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]client.Config{
		"password": {Username: s.Tenant + "/" + s.Name, Password: s.Secret}, "token": {Token: s.Secret}, "execution token": {ExecutionToken: s.Secret},
	} {
		cfg.URL, cfg.Tenant = r.url, model.DefaultTenant
		c, err := client.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.ListDeployments(t.Context(), client.ListOptions{}); !client.IsUnauthorized(err) {
			t.Errorf("the agent lists deployments with its secret as %s: %v", name, err)
		}
		if d, err := c.Resource(t.Context(), "blueprints/default_tenant/hosts/blueprint.yaml"); !client.IsUnauthorized(err) {
			t.Errorf("the agent reads a file with its secret as %s: %v, %v", name, d, err)
		}
		c.Close()
	}
}
