package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
)

// ran is an operation of an execution: when it began and ended among the events.
type ran struct {
	key        string
	begin, end int
}

// operationsOf reads the operations of an execution in the order of their starts.
func operationsOf(t *testing.T, m *manager, x model.ExecutionID) []ran {
	t.Helper()
	items := m.wants(200, "GET", "/events?execution_id="+string(x)+"&type=cloudify_event&_size=5000&_sort=timestamp", nil)["items"].([]any)
	var out []ran
	open := map[string]int{}
	for k, item := range items {
		e := item.(map[string]any)
		operation, _ := e["operation"].(string)
		if operation == "" {
			continue
		}
		key := fmt.Sprint(e["node_instance_id"], " ", operation)
		switch e["event_type"] {
		case "task_started":
			open[key] = len(out)
			out = append(out, ran{key: key, begin: k})
		case "task_succeeded":
			out[open[key]].end = k
		}
	}
	return out
}

// anonymous replaces the ids of instances that a plan made up, and those that did not exist when it was made.
func anonymous(key string, known map[string]bool) string {
	id, rest, _ := strings.Cut(key, " ")
	if known[id] {
		return key
	}
	return id[:strings.LastIndexByte(id, '_')] + "_new " + rest
}

// TestPlannedIsDone plans install, scale, heal, update and uninstall of several blueprints, applies each plan, and compares
// what ran with what was planned: the same operations, in an order that the plan allows.
func TestPlannedIsDone(t *testing.T) {
	t.Parallel()
	const single = "tosca_definitions_version: cloudify_dsl_1_5\nimports: [cloudify/types/types.yaml]\n" +
		"inputs: {journal: {type: string}}\nnode_templates:\n  a:\n    type: cloudify.nodes.Root\n    interfaces:\n" +
		"      cloudify.interfaces.lifecycle:\n        create: &run {implementation: scripts/note.sh, executor: central_deployment_agent, inputs: {JOURNAL: {get_input: journal}}}\n        delete: *run\n" +
		"      cloudify.interfaces.validation: {check_status: *run}\n"
	m := newManager(t)
	journal := filepath.Join(t.TempDir(), "journal")
	for name, text := range map[string]string{
		"one": fmt.Sprintf(scalable, firstVersion), "two": fmt.Sprintf(scalable, secondVersion), "single": single, "chained": chain,
	} {
		m.ok("blueprints", "upload", blueprint(t, map[string]string{"blueprint.yaml": text, "scripts/note.sh": note}), "-b", name)
	}
	for _, c := range []struct {
		deployment, blueprint string
		plans                 [][]string
	}{
		{"d", "one", [][]string{
			{"install"}, {"scale", "-p", "scalable_entity_name=web", "-p", "delta=2"}, {"heal", "-p", "force_reinstall=true"},
			{"scale", "-p", "scalable_entity_name=web", "-p", "delta=-1"}, {"restart"}, {"update", "-b", "two"}, {"uninstall"},
		}},
		{"s", "single", [][]string{{"install"}, {"check_status"}, {"heal"}, {"uninstall"}, {"install"}, {"reinstall"}}},
		{"c", "chained", [][]string{{"install"}, {"execute_operation", "-p", "operation=cloudify.interfaces.lifecycle.start",
			"-p", "run_by_dependency_order=true"}, {"uninstall"}}},
	} {
		m.ok("deployments", "create", c.deployment, "-b", c.blueprint, "-i", "journal="+journal)
		for k, args := range c.plans {
			name := fmt.Sprintf("%s/%d-%s", c.deployment, k, args[0])
			file := filepath.Join(t.TempDir(), "plan.json")
			m.ok(slices.Concat([]string{"plan", args[0], c.deployment}, args[1:], []string{"--out", file})...)
			checkPlan(t, m, name, c.deployment, file)
		}
	}
}

// checkPlan applies a saved plan and compares.
func checkPlan(t *testing.T, m *manager, name, deployment, file string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := client.ReadPlan(data)
	if err != nil {
		t.Fatal(err)
	}
	c := m.client()
	page, err := c.ListNodeInstances(t.Context(), client.InstanceQuery{Deployment: model.DeploymentID(deployment)})
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, i := range page.Items {
		known[string(i.ID)] = true
	}
	m.ok("apply", file)
	d, err := c.GetDeployment(t.Context(), model.DeploymentID(deployment))
	if err != nil {
		t.Fatal(err)
	}
	done := operationsOf(t, m, d.LatestExecution)
	var want, got []string
	for _, s := range plan.Steps {
		want = append(want, anonymous(fmt.Sprint(s.Instance, " ", s.Operation), known))
	}
	at := map[string][]ran{}
	for _, r := range done {
		key := anonymous(r.key, known)
		got = append(got, key)
		at[key] = append(at[key], r)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		t.Fatalf("%s: planned\n  %s\ndone\n  %s", name, strings.Join(want, "\n  "), strings.Join(got, "\n  "))
	}
	steps := map[int]string{}
	for _, s := range plan.Steps {
		key := anonymous(fmt.Sprint(s.Instance, " ", s.Operation), known)
		steps[s.ID] = key
		for _, before := range s.After {
			// Operations of instances that have no id yet cannot be told apart when there are several.
			if first, then := at[steps[before]], at[key]; len(first) == 1 && len(then) == 1 && first[0].end > then[0].begin {
				t.Errorf("%s: %s ended after %s began", name, steps[before], key)
			}
		}
	}
}

// TestPlanIsKept checks that a plan writes nothing, that it is refused once something changed, and that nobody edits it.
func TestPlanIsKept(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	journal := filepath.Join(t.TempDir(), "journal")
	m.ok("blueprints", "upload", blueprint(t, map[string]string{"blueprint.yaml": fmt.Sprintf(scalable, firstVersion), "scripts/note.sh": note}), "-b", "one")
	m.ok("deployments", "create", "d", "-b", "one", "-i", "journal="+journal)
	file := filepath.Join(t.TempDir(), "plan.json")
	out := m.ok("plan", "install", "d", "--out", file)
	for _, want := range []string{"6 operations on 3 node instances", "uninitialized -> started", "cloudify.interfaces.lifecycle.create", "none of these operations ran"} {
		if !strings.Contains(out, want) {
			t.Errorf("the plan does not say %q:\n%s", want, out)
		}
	}
	if _, err := os.Stat(journal); err == nil {
		t.Error("planning ran an operation")
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	forged := filepath.Join(t.TempDir(), "forged.json")
	if err := os.WriteFile(forged, []byte(strings.Replace(string(data), `"workflow_id":"install"`, `"workflow_id":"uninstall"`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	refused := func(file, want string) {
		t.Helper()
		if code, out := m.reify("apply", file); code == 0 || !strings.Contains(out, want) {
			t.Errorf("apply: code %d, want a refusal with %q:\n%s", code, want, out)
		}
	}
	refused(forged, "the plan was changed after it was made")
	m.ok("apply", file)
	refused(file, "was uninitialized (version 1) and is started")
	out = m.ok("plan", "scale", "d", "-p", "scalable_entity_name=web", "--out", file)
	if !strings.Contains(out, "+ instance of web: started") || !strings.Contains(out, "Duration: ") || strings.Contains(out, "none of these") {
		t.Errorf("the plan of a scale:\n%s", out)
	}
	m.ok("executions", "start", "scale", "-d", "d", "-p", "scalable_entity_name=db")
	refused(file, "is new")
	if code, out := m.reify("plan", "nothing", "d"); code == 0 || !strings.Contains(out, "does not exist") {
		t.Errorf("a plan of an unknown workflow: %d %s", code, out)
	}
}
