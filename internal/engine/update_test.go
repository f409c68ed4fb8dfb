package engine_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/reifyhq/reify/internal/change"
	"github.com/reifyhq/reify/internal/dsl"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

const (
	updateHead = `tosca_definitions_version: cloudify_dsl_1_5
plugins: {script: {executor: central_deployment_agent, install: false}}
relationships:
  cloudify.relationships.depends_on: {properties: {connection_type: {default: all_to_all}}}
  cloudify.relationships.connected_to: {derived_from: cloudify.relationships.depends_on}
  cloudify.relationships.contained_in: {derived_from: cloudify.relationships.depends_on}
node_types:
  cloudify.nodes.Root:
    interfaces:
      cloudify.interfaces.lifecycle: {create: script.run, start: script.run, stop: script.run}
  app: {derived_from: cloudify.nodes.Root, properties: {port: {default: 80}}}
  other: {derived_from: cloudify.nodes.Root}
workflows:
  install: {mapping: script.run}
node_templates:
  vm: {type: cloudify.nodes.Root}
`
	updateFrom = updateHead + `
  web: {type: app, relationships: [{type: cloudify.relationships.contained_in, target: vm}]}
  db: {type: cloudify.nodes.Root, relationships: [{type: cloudify.relationships.connected_to, target: web}]}
`
	updateTo = updateHead + `
  web: {type: app, properties: {port: 8080}, relationships: [{type: cloudify.relationships.contained_in, target: vm}]}
  cache: {type: cloudify.nodes.Root, relationships: [{type: cloudify.relationships.connected_to, target: web}]}
`
	updateBad = updateHead + `
  web: {type: other, relationships: [{type: cloudify.relationships.contained_in, target: vm}]}
`
)

// noFiles is a source without any file.
type noFiles struct{}

func (noFiles) Fetch(context.Context, string, string) (dsl.Fetched, error) { return dsl.Fetched{}, nil }
func (noFiles) Exists(context.Context, string) bool                        { return false }

// blueprint stores a parsed blueprint.
func (h *house) blueprint(id model.BlueprintID, text string) *model.Blueprint {
	h.t.Helper()
	plan, problems := dsl.Parse(h.t.Context(), dsl.Input{Text: []byte(text), Location: "/b/blueprint.yaml", WorkingDirectory: "/b",
		NoBuiltInTypes: true}, noFiles{})
	if problems.HasErrors() {
		h.t.Fatal(problems.Err())
	}
	data, err := json.Marshal(plan)
	if err != nil {
		h.t.Fatal(err)
	}
	b := &model.Blueprint{ID: id, State: model.BlueprintUploaded, Plan: data}
	b.Tenant, b.Visibility, b.CreatedBy = model.DefaultTenant, model.VisibilityTenant, "admin"
	h.update(func(tx store.Tx) error { return tx.InsertBlueprint(b) })
	return b
}

// deployBlueprint deploys and installs the first version and stores the others.
func (h *house) deployBlueprint(id model.DeploymentID) {
	h.t.Helper()
	h.deploy(id, 0)
	b := h.blueprint("from", updateFrom)
	h.blueprint("to", updateTo)
	h.blueprint("bad", updateBad)
	h.update(func(tx store.Tx) error {
		d, err := tx.Deployment(model.DefaultTenant, id)
		if err != nil {
			return err
		}
		plan, err := change.Prepare(h.t.Context(), b, d, nil, nil, func(n string) string { return n + "_000000" })
		if err != nil {
			return err
		}
		d.Blueprint, d.Inputs = b.ID, model.Document{}
		for _, err := range []error{tx.UpdateDeployment(d), tx.InsertNodes(plan.NewNodes(d)), tx.InsertInstances(plan.NewInstances(d))} {
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// beginUpdate does what service.StartUpdate does.
func (h *house) beginUpdate(d model.DeploymentID, to model.BlueprintID, more model.Document) (model.ExecutionID, model.UpdateID) {
	h.t.Helper()
	id := model.UpdateID(string(d) + "-" + uuid.NewString())
	h.update(func(tx store.Tx) error {
		u := &model.DeploymentUpdate{ID: id, Deployment: d, OldBlueprint: "from", NewBlueprint: to, State: model.UpdateUpdating,
			OldInputs: model.Document{}, NewInputs: model.Document{"dropped": true}}
		u.Tenant, u.Visibility, u.CreatedBy = model.DefaultTenant, model.VisibilityTenant, "admin"
		return tx.InsertDeploymentUpdate(u)
	})
	parameters := model.Document{"update_id": string(id)}
	for k, v := range more {
		parameters[k] = v
	}
	return h.begin(d, "update", parameters), id
}

func (h *house) updateState(id model.UpdateID) *model.DeploymentUpdate {
	h.t.Helper()
	var u *model.DeploymentUpdate
	h.update(func(tx store.Tx) (err error) {
		u, err = tx.DeploymentUpdate(model.DefaultTenant, id)
		return err
	})
	return u
}

// TestUpdateSurvivesARestartAtEveryCommit stops the engine in every state that an update leaves in the store.
func TestUpdateSurvivesARestartAtEveryCommit(t *testing.T) {
	total := 0
	for n := 1; total == 0 || n <= total; n++ {
		h := newHouse(t)
		h.deployBlueprint("d")
		end := h.start("m1")
		h.run("d", "install", model.Document{})
		end()
		died := &failing{Store: h.store, left: n, down: make(chan struct{})}
		h.under = died
		end = h.start("m1")
		id, u := h.beginUpdate("d", "to", nil)
		h.await("the crash or the end", func() bool { return died.isDown() || h.get(id).Status.Ended() })
		end()
		if !died.isDown() {
			total = n
		}
		h.under = nil
		h.start("m1")
		x, all := h.ended(id), h.instances("d")
		if x.Status != model.ExecutionTerminated || h.updateState(u).State != model.UpdateSuccessful {
			t.Fatalf("after a crash at commit %d it ended %s: %s; the update is %s", n, x.Status, x.Error, h.updateState(u).State)
		}
		if len(all["db"]) != 0 || len(all["cache"]) != 1 || len(all["web"]) != 1 || h.states("d")[model.InstanceStarted] != 3 {
			t.Errorf("after a crash at commit %d the instances are %v", n, all)
		}
		// web changed and has no update operation: it was reinstalled, and so was nothing else.
		if got := h.exec.count(create + "@web_000000"); got != 2 {
			t.Errorf("after a crash at commit %d web was created %d times", n, got)
		}
		if got := h.exec.count(create + "@vm_000000"); got != 1 {
			t.Errorf("after a crash at commit %d vm was created %d times", n, got)
		}
		h.stop()
	}
	if total < 20 {
		t.Errorf("only %d commits were tried", total)
	}
}

func TestUpdatePreviewChangesNothing(t *testing.T) {
	h := newHouse(t)
	h.deployBlueprint("d")
	h.start("m1")
	h.run("d", "install", model.Document{})
	id, u := h.beginUpdate("d", "to", model.Document{"preview": true})
	if x := h.ended(id); x.Status != model.ExecutionTerminated {
		t.Fatalf("ended %s: %s", x.Status, x.Error)
	}
	up := h.updateState(u)
	var steps []string
	for _, s := range up.Steps {
		steps = append(steps, s.Action+" "+strings.Join(s.EntityID, "."))
	}
	want := "remove nodes.db, add nodes.cache, modify nodes.web.properties.port"
	if got := strings.Join(steps, ", "); !strings.Contains(got, "remove nodes.db") || !strings.Contains(got, "modify nodes.web.properties.port") ||
		!strings.Contains(got, "add nodes.cache") || up.State != model.UpdatePreview {
		t.Errorf("the preview is %s with the steps %s, want %s", up.State, got, want)
	}
	if all := h.instances("d"); len(all["db"]) != 1 || len(all["cache"]) != 0 {
		t.Errorf("the preview changed the instances to %v", all)
	}
}

func TestUpdateIsRefusedForUnsupportedSteps(t *testing.T) {
	h := newHouse(t)
	h.deployBlueprint("d")
	h.start("m1")
	h.run("d", "install", model.Document{})
	id, u := h.beginUpdate("d", "bad", nil)
	x := h.ended(id)
	if x.Status != model.ExecutionFailed || x.Error != "Cannot update: unsupported steps found" || h.updateState(u).State != model.UpdateFailed {
		t.Errorf("ended %s: %s; the update is %s", x.Status, x.Error, h.updateState(u).State)
	}
	if all := h.instances("d"); len(all["db"]) != 1 {
		t.Errorf("the instances are %v", all)
	}
	if !strings.Contains(strings.Join(h.messages(id), "\n"), "modify node nodes.web is not supported by an update") {
		t.Errorf("no log line says what is not supported: %q", h.messages(id))
	}
}
