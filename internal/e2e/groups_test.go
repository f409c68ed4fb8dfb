package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// gated is an application whose start waits until a file exists, and notes that it ran.
const gated = `tosca_definitions_version: cloudify_dsl_1_5
imports: [cloudify/types/types.yaml]
inputs:
  gate: {type: string}
  journal: {type: string}
deployment_settings:
  id_template: '{group_id}-{count}'
  default_groups: [everybody]
  default_schedules:
    later: {workflow: uninstall, since: '+1 day', recurrence: 1 week, default_enabled: false}
node_templates:
  app:
    type: cloudify.nodes.Root
    interfaces:
      cloudify.interfaces.lifecycle:
        start:
          implementation: scripts/start.sh
          executor: central_deployment_agent
          inputs: {GATE: {get_input: gate}, JOURNAL: {get_input: journal}}
`

const waitAtGate = `#!/bin/sh
while [ ! -e "$GATE" ]; do sleep 0.05; done
echo ran >>"$JOURNAL"
`

const noteHook = `#!/bin/sh
echo "$hook_context" >>"$JOURNAL"
`

func (m *manager) groupStatus(id any) (status any, members int) {
	m.t.Helper()
	g := m.wants(200, "GET", fmt.Sprintf("/execution-groups/%v", id), nil)
	return g["status"], len(g["execution_ids"].([]any))
}

// count counts executions of a group with one of the statuses.
func (m *manager) count(id any, statuses ...string) int {
	m.t.Helper()
	path := fmt.Sprintf("/executions?_group_id=%v&_size=0", id)
	for _, s := range statuses {
		path += "&status=" + s
	}
	page := m.wants(200, "GET", path, nil)
	return int(page["metadata"].(map[string]any)["pagination"].(map[string]any)["total"].(float64))
}

// blanks are new deployments that leave everything to their group.
func blanks(n int) []object {
	out := make([]object, n)
	for i := range out {
		out[i] = object{}
	}
	return out
}

func lines(path string) int {
	data, _ := os.ReadFile(path)
	return strings.Count(string(data), "\n")
}

// TestGroups makes deployments in a group, installs them with a limit while the manager is killed, and deletes them.
func TestGroups(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	dir := t.TempDir()
	gate, journal := filepath.Join(dir, "gate"), filepath.Join(dir, "journal")
	m.ok("blueprints", "upload", blueprint(t, map[string]string{"blueprint.yaml": gated, "scripts/start.sh": waitAtGate}), "-b", "gated")
	m.wants(200, "PUT", "/deployment-groups/g", object{"blueprint_id": "gated", "default_inputs": object{"gate": gate, "journal": journal},
		"labels": []object{{"team": "x"}}})
	m.wants(200, "PUT", "/deployment-groups/good", object{"labels": []object{{"state": "good"}}})
	const size = 5
	g := m.wants(200, "PATCH", "/deployment-groups/g", object{"add": object{"new_deployments": blanks(size)}})
	if ids := fmt.Sprint(g["deployment_ids"]); ids != "[g-1 g-2 g-3 g-4 g-5]" {
		t.Fatalf("members %s", ids)
	}
	x := m.wants(200, "POST", "/execution-groups", object{"deployment_group_id": "g", "workflow_id": "install", "concurrency": 2})
	m.wants(200, "PATCH", fmt.Sprintf("/execution-groups/%v", x["id"]), object{"success_group_id": "good"})
	m.await("two executions to run", func() bool { return m.count(x["id"], "started") == 2 })
	queued := m.wants(200, "GET", fmt.Sprintf("/executions?_group_id=%v&status=queued", x["id"]), nil)["items"].([]any)
	if len(queued) != size-2 {
		t.Fatalf("%d executions are queued", len(queued))
	}
	why := m.ok("executions", "why", fmt.Sprint(queued[0].(map[string]any)["id"]))
	if !strings.Contains(why, "limit of the group") {
		t.Errorf("why does not tell of the limit:\n%s", why)
	}
	m.kill()
	m.start()
	if n := m.count(x["id"], "pending", "started"); n != 2 {
		t.Errorf("%d members are active after a restart", n)
	}
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	m.await("the group to end", func() bool {
		if n := m.count(x["id"], "pending", "started"); n > 2 {
			t.Fatalf("%d members are active", n)
		}
		status, _ := m.groupStatus(x["id"])
		return status == "terminated"
	})
	good := m.wants(200, "GET", "/deployment-groups/good", nil)["deployment_ids"].([]any)
	if len(good) != size {
		t.Errorf("the success group has %v", good)
	}
	d := m.wants(200, "GET", "/deployments/g-1", nil)
	if labels := fmt.Sprint(d["labels"]); !strings.Contains(labels, "team") || !strings.Contains(labels, "state") {
		t.Errorf("labels of a member: %s", labels)
	}
	if groups := fmt.Sprint(d["deployment_groups"]); groups != "[g good everybody]" && groups != "[g everybody good]" {
		t.Errorf("groups of a member: %s", groups)
	}
	later := m.wants(200, "GET", "/execution-schedules/later?deployment_id=g-1", nil)
	if later["enabled"] != false || len(later["all_next_occurrences"].([]any)) != 1000 {
		t.Errorf("default schedule: %v", later)
	}
	events := m.wants(200, "GET", fmt.Sprintf("/events?execution_group_id=%v", x["id"]), nil)["items"].([]any)
	if len(events) < 2*size {
		t.Errorf("%d events of the group", len(events))
	}
	gone := m.wants(200, "DELETE", "/deployment-groups/g?delete_deployments=true&force=true", nil)
	if gone["execution_group_id"] == nil {
		t.Errorf("deletion answers %v", gone)
	}
	m.await("the deployments to be gone", func() bool {
		return len(m.wants(200, "GET", "/deployments", nil)["items"].([]any)) == 0
	})
}

// TestGroupActions pauses a group, cancels it and resumes it.
func TestGroupActions(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	dir := t.TempDir()
	gate, journal := filepath.Join(dir, "gate"), filepath.Join(dir, "journal")
	m.ok("blueprints", "upload", blueprint(t, map[string]string{"blueprint.yaml": gated, "scripts/start.sh": waitAtGate}), "-b", "gated")
	m.wants(200, "PUT", "/deployment-groups/g", object{"blueprint_id": "gated", "default_inputs": object{"gate": gate, "journal": journal},
		"new_deployments": blanks(3)})
	x := m.wants(200, "POST", "/execution-groups", object{"deployment_group_id": "g", "workflow_id": "install", "concurrency": 0})
	path := fmt.Sprintf("/execution-groups/%v", x["id"])
	if x["status"] != "queued" {
		t.Errorf("a paused group is %v", x["status"])
	}
	m.wants(200, "PATCH", path, object{"concurrency": 1})
	m.await("one to run", func() bool { return m.count(x["id"], "started") == 1 })
	m.wants(200, "POST", path, object{"action": "kill"})
	m.await("all to be cancelled", func() bool { return m.count(x["id"], "cancelled") == 3 })
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	m.wants(200, "POST", path, object{"action": "resume"})
	m.await("the group to end", func() bool {
		status, _ := m.groupStatus(x["id"])
		return status == "terminated"
	})
	// The workflow of a started deployment is not available: each member fails alone, and says why.
	again := m.wants(200, "POST", "/execution-groups", object{"deployment_group_id": "g", "workflow_id": "install", "concurrency": 1})
	m.await("the second group to fail", func() bool { return m.count(again["id"], "failed") == 3 })
	m.wants(400, "POST", path, object{"action": "explode"})
	rules := object{"filter_rules": []object{{"key": "schedules", "values": []string{}, "operator": "is_not_empty", "type": "attribute"}}}
	if found := m.wants(200, "POST", "/searches/deployments", rules)["items"].([]any); len(found) != 3 {
		t.Errorf("%d deployments have schedules", len(found))
	}
	if all := m.wants(200, "GET", "/workflows?_group_id=g", nil)["items"].([]any); len(all) == 0 {
		t.Error("the deployments of the group have no workflows")
	}
	if none := m.wants(200, "GET", "/workflows?_group_id=nope", nil)["items"].([]any); len(none) != 0 {
		t.Errorf("no deployments have the workflows %v", none)
	}
	m.wants(404, "POST", "/execution-groups", object{"deployment_group_id": "nope", "workflow_id": "install"})
	m.wants(400, "PATCH", path, object{"concurrency": -1})
}

// TestSchedulesAndHooks runs a schedule while the manager is killed again and again: every occurrence runs at most once,
// and every run is told to the hook.
func TestSchedulesAndHooks(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	dir := t.TempDir()
	journal, script := filepath.Join(dir, "hooks"), filepath.Join(dir, "hook.sh")
	if err := os.WriteFile(script, []byte(noteHook), 0o755); err != nil {
		t.Fatal(err)
	}
	hooks := "hooks:\n- event_type: workflow_succeeded\n  implementation: script\n  inputs: {script_path: 'file://" + script +
		"', JOURNAL: " + journal + "}\n- event_type: workflow_started\n  implementation: nothing.of.this.kind\n"
	if err := os.WriteFile(filepath.Join(m.dir, "hooks.yaml"), []byte(hooks), 0o600); err != nil {
		t.Fatal(err)
	}
	m.await("the hooks to be read", func() bool { return strings.Contains(m.log.String(), "read the hooks file") })
	m.ok("blueprints", "upload", blueprint(t, map[string]string{"blueprint.yaml": "tosca_definitions_version: cloudify_dsl_1_5\n" +
		"imports: [cloudify/types/types.yaml]\nnode_templates:\n  a: {type: cloudify.nodes.Root}\n"}), "-b", "bp")
	m.ok("deployments", "create", "d", "-b", "bp")
	m.ok("executions", "start", "install", "-d", "d")
	since := time.Now().Add(2 * time.Second).UTC().Truncate(time.Second)
	const occurrences = 6
	m.wants(201, "PUT", "/execution-schedules/s?deployment_id=d", object{"workflow_id": "execute_operation",
		"parameters": object{"operation": "cloudify.interfaces.lifecycle.start"}, "since": since.Format("2006-01-02T15:04:05"),
		"recurrence": "1 second", "count": occurrences})
	runs := func() int {
		page := m.wants(200, "GET", "/executions?workflow_id=execute_operation", nil)
		return len(page["items"].([]any))
	}
	for k := 1; k <= 2; k++ {
		m.await("an occurrence to run", func() bool { return runs() >= k })
		m.kill()
		m.start()
	}
	m.await("the schedule to end", func() bool {
		return m.wants(200, "GET", "/execution-schedules/s?deployment_id=d", nil)["next_occurrence"] == nil
	})
	n := runs()
	if n < 2 || n > occurrences {
		t.Errorf("%d executions of %d occurrences", n, occurrences)
	}
	m.await("every success to be told", func() bool { return strings.Count(m.log.String(), "a hook ran") >= n && lines(journal) >= n })
	told, err := os.ReadFile(journal)
	if err != nil || !strings.Contains(string(told), "execute_operation") || !strings.Contains(string(told), "workflow_succeeded") {
		t.Errorf("the hook was told %s, %v", told, err)
	}
	if !strings.Contains(m.log.String(), "a hook failed") {
		t.Error("the log does not tell of the hook that failed")
	}
	m.await("all executions to end well", func() bool {
		ended := m.wants(200, "GET", "/executions?status=terminated&workflow_id=execute_operation", nil)
		return len(ended["items"].([]any)) == runs()
	})
	later := m.wants(201, "POST", "/executions", object{"deployment_id": "d", "workflow_id": "uninstall", "scheduled_time": "+1 hour"})
	if later["status"] != "scheduled" || later["id"] != nil {
		t.Errorf("a scheduled execution is %v", later)
	}
	m.wants(400, "POST", "/executions", object{"deployment_id": "d", "workflow_id": "uninstall", "scheduled_time": "2001-01-01"})
}

// TestGroupCommands drives groups, schedules and agents by the command line.
func TestGroupCommands(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	m.ok("blueprints", "upload", blueprint(t, map[string]string{"blueprint.yaml": "tosca_definitions_version: cloudify_dsl_1_5\n" +
		"imports: [cloudify/types/types.yaml]\ninputs:\n  n: {default: 0}\nnode_templates:\n  a: {type: cloudify.nodes.Root}\n"}), "-b", "bp")
	for _, c := range []struct{ args, want string }{
		{"deployments groups create g -b bp --description all", "Stored the group g; it has 0 deployments"},
		{"deployments groups extend g --count 2 -i n=3", "The group g has 2 deployments"},
		{"deployments groups labels add team:x g", ""},
		{"deployments groups get g", "all"},
		{"deployments groups list", "Showing 1 of 1 groups"},
		{"executions groups start install -g g --concurrency 1", "is completed"},
		{"executions groups list", "Showing 2 of 2 execution groups"},
		{"deployments groups create h", "Stored the group h"},
		{"deployments groups extend h --from-group g", "The group h has 2 deployments"},
		{"deployments groups extend h -lr team=x", "The group h has 2 deployments"},
		{"deployments groups shrink h --from-group g", "The group h has 0 deployments"},
		{"deployments groups delete h", "Deleted the group h"},
		{"deployments create d -b bp", ""},
		{"deployments schedule create d install -s +4h -r 1d -n daily", "install"},
		{"deployments schedule update d daily --slip 5", "5"},
		{"deployments schedule disable d daily", "daily"},
		{"deployments schedule get d daily --preview 3", "false"},
		{"deployments schedule list d", "Showing 1 of 1 schedules"},
		{"deployments schedule delete d daily", "Deleted the schedule daily of deployment d"},
		{"agents list", "Showing 0 of 0 agents"},
	} {
		if out := m.ok(strings.Fields(c.args)...); !strings.Contains(out, c.want) {
			t.Errorf("reify %s does not say %q:\n%s", c.args, c.want, out)
		}
	}
	d := m.wants(200, "GET", "/deployments?_group_id=g", nil)["items"].([]any)
	if len(d) != 2 || fmt.Sprint(d[0].(map[string]any)["inputs"]) != "map[n:3]" {
		t.Errorf("deployments of the group: %v", d)
	}
	group := fmt.Sprint(m.wants(200, "GET", "/execution-groups?workflow_id=install", nil)["items"].([]any)[0].(map[string]any)["id"])
	for args, want := range map[string]string{"get ": "completed", "set-concurrency ": "concurrency"} {
		words := append([]string{"executions", "groups"}, strings.Fields(args+group)...)
		if strings.HasPrefix(args, "set") {
			words = append(words, "3")
		}
		if out := m.ok(words...); !strings.Contains(out, want) {
			t.Errorf("reify %v does not say %q:\n%s", words, want, out)
		}
	}
}
