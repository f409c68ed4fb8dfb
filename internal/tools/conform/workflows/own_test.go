package workflows

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reifyhq/reify/internal/model"
)

// ownCase is a case of our own: the types of a recorded one with another blueprint.
func ownCase(t *testing.T, blueprint string) *testCase {
	t.Helper()
	cases, err := loadCases("testdata")
	if err != nil {
		t.Fatal(err)
	}
	return &testCase{Main: "main.yaml", Files: map[string]string{"types.yaml": cases[0].Files["types.yaml"], "main.yaml": blueprint}}
}

// happened runs a workflow and lists its operations, states and failures.
func happened(t *testing.T, w *world, s *step) []string {
	t.Helper()
	if _, err := w.runStep(s, w.bp.workflows[s.Workflow]); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range w.records {
		op, _ := r["operation"].(string)
		op = op[strings.LastIndexByte(op, '.')+1:]
		switch {
		case r["kind"] == "op" && r["side"] == nil:
			out = append(out, fmt.Sprintf("%s %s %s", r["instance"], op, r["outcome"]))
		case r["kind"] == "op":
			out = append(out, fmt.Sprintf("%s→%s %s %s %s", r["source"], r["target"], r["side"], op, r["outcome"]))
		case r["kind"] == "model":
			out = append(out, fmt.Sprint(r["action"]))
		case r["event_type"] == model.EventWorkflowFailed || r["event_type"] == "workflow_failed":
			out = append(out, fmt.Sprint(r["message"]))
		}
	}
	return out
}

const driftBlueprint = `
tosca_definitions_version: cloudify_dsl_1_3
imports: [types.yaml]
node_types:
  updatable:
    derived_from: cloudify.nodes.Root
    properties: {p: {default: ''}}
    interfaces:
      cloudify.interfaces.lifecycle:
        preupdate: trace.trace_plugin.op
        update: trace.trace_plugin.op
        update_apply: trace.trace_plugin.op
        stop: trace.trace_plugin.op
node_templates:
  checked:
    type: updatable
    interfaces:
      cloudify.interfaces.lifecycle:
        check_drift: {implementation: trace.trace_plugin.op, inputs: {script: [{do: ok, result: {x: 1}}]}}
  broken:
    type: updatable
    interfaces:
      cloudify.interfaces.lifecycle:
        check_drift: {implementation: trace.trace_plugin.op, inputs: {script: [{do: ok, result: true}]}}
        update: {implementation: trace.trace_plugin.op, inputs: {script: [{do: nonrecoverable, message: cannot}]}}
  connected:
    type: updatable
    relationships:
      - type: cloudify.relationships.connected_to
        target: checked
        source_interfaces:
          cloudify.interfaces.relationship_lifecycle:
            check_drift: {implementation: trace.trace_plugin.op, inputs: {script: [{do: ok, result: drifted}]}}
            update: trace.trace_plugin.op
  changed:
    type: updatable
    properties: {p: %s}
`

func TestUpdateInPlace(t *testing.T) {
	t.Parallel()
	c := ownCase(t, fmt.Sprintf(driftBlueprint, "v1"))
	c.Files["two.yaml"] = fmt.Sprintf(driftBlueprint, "v2")
	w, err := newWorld(c)
	if err != nil {
		t.Fatal(err)
	}
	happened(t, w, &step{Workflow: "install"})
	if err := w.createUpdate(c, before{ID: "u", Blueprint: "two.yaml"}); err != nil {
		t.Fatal(err)
	}
	got := happened(t, w, &step{Workflow: "update", Parameters: model.Document{"update_id": "u"}})
	want := []string{
		"checked_000001 check_drift ok", "broken_000001 check_drift ok", "connected_000001→checked_000001 source check_drift ok",
		"checked_000001 preupdate ok", "broken_000001 preupdate ok", "changed_000001 preupdate ok",
		"checked_000001 update ok", "broken_000001 update nonrecoverable", "changed_000001 update ok",
		"checked_000001 update_apply ok", "changed_000001 update_apply ok",
		"connected_000001→checked_000001 source update ok",
		"broken_000001 stop ok",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what happened (-want +got):\n%s", diff)
	}
	for _, i := range w.instances {
		if i.State != model.InstanceStarted || i.SystemProperties["configuration_drift"] != nil || i.SystemProperties["update_failed"] != nil {
			t.Errorf("%s is %s with %v", i.ID, i.State, i.SystemProperties)
		}
	}
}

func TestPreviewChangesNothing(t *testing.T) {
	t.Parallel()
	c := ownCase(t, fmt.Sprintf(driftBlueprint, "v1"))
	c.Files["two.yaml"] = fmt.Sprintf(driftBlueprint, "v2")
	w, err := newWorld(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.createUpdate(c, before{ID: "u", Blueprint: "two.yaml"}); err != nil {
		t.Fatal(err)
	}
	got := happened(t, w, &step{Workflow: "update", Parameters: model.Document{"update_id": "u", "preview": true}})
	if len(got) > 0 || w.updates["u"].state != "successful" {
		t.Errorf("happened %q, update %s", got, w.updates["u"].state)
	}
}

// TestHealReinstallsContents shows that what is contained in an instance whose heal failed is reinstalled with it.
func TestHealReinstallsContents(t *testing.T) {
	t.Parallel()
	c := ownCase(t, `
tosca_definitions_version: cloudify_dsl_1_3
imports: [types.yaml]
node_templates:
  box:
    type: cloudify.nodes.Root
    interfaces:
      cloudify.interfaces.validation:
        check_status: {implementation: trace.trace_plugin.op, inputs: {script: [{do: nonrecoverable, message: ill}]}}
      cloudify.interfaces.lifecycle:
        heal: {implementation: trace.trace_plugin.op, inputs: {script: [{do: nonrecoverable, message: no}]}}
        stop: trace.trace_plugin.op
  content:
    type: cloudify.nodes.Root
    interfaces: {cloudify.interfaces.lifecycle: {stop: trace.trace_plugin.op, start: trace.trace_plugin.op}}
    relationships: [{type: cloudify.relationships.contained_in, target: box}]
`)
	w, err := newWorld(c)
	if err != nil {
		t.Fatal(err)
	}
	happened(t, w, &step{Workflow: "install"})
	want := []string{
		"box_000001 check_status nonrecoverable", "box_000001 heal nonrecoverable",
		"content_000001 stop ok", "box_000001 stop ok", "content_000001 start ok",
	}
	if diff := cmp.Diff(want, happened(t, w, &step{Workflow: "heal"})); diff != "" {
		t.Errorf("what happened (-want +got):\n%s", diff)
	}
	if w.instance("box_000001").SystemProperties["heal_failed"] != nil {
		t.Error("the mark of the failed heal is still there")
	}
}

// TestOrderByLifecycleOperation shows that a relationship may order by one operation only.
func TestOrderByLifecycleOperation(t *testing.T) {
	t.Parallel()
	c := ownCase(t, `
tosca_definitions_version: cloudify_dsl_1_3
imports: [types.yaml]
node_templates:
  slow:
    type: trace.Basic
    interfaces: {cloudify.interfaces.lifecycle: {create: trace.trace_plugin.op}}
  early:
    type: trace.Basic
    relationships:
      - {type: cloudify.relationships.depends_on_lifecycle_operation, target: slow, properties: {operation: create}}
`)
	w, err := newWorld(c)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"slow_000001 create ok", "slow_000001 configure ok", "early_000001 create ok", "slow_000001 start ok",
		"early_000001 configure ok", "early_000001 start ok",
	}
	if diff := cmp.Diff(want, happened(t, w, &step{Workflow: "install"})); diff != "" {
		t.Errorf("what happened (-want +got):\n%s", diff)
	}
}
