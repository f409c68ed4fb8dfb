package engine_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/reifyhq/reify/internal/change"
	"github.com/reifyhq/reify/internal/engine"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/store"
)

// deployTopology stores a deployment of a host "vm" with "web" contained in it and "db" connected to web; host and web
// form the scaling group "grp" when grouped is set.
func (h *house) deployTopology(id model.DeploymentID, grouped bool) {
	h.t.Helper()
	h.deploy(id, 0)
	var nodes []*model.Node
	var instances []*model.NodeInstance
	var groups []model.GroupMembership
	if grouped {
		groups = []model.GroupMembership{{Name: "grp", ID: "grp_000000"}}
	}
	op := model.Operation{Plugin: "script", Function: "script_runner.tasks.run", Executor: model.ExecutorCentral, Inputs: model.Document{}}
	add := func(name model.NodeID, typ string, host model.NodeID, target model.NodeID, rel string, in []model.GroupMembership) {
		n := &model.Node{ID: name, Deployment: id, Type: typ, TypeHierarchy: []string{"cloudify.nodes.Root", typ}, HostID: host,
			Operations: map[string]model.Operation{create: op, start: op, stop: op},
			Plugins:    []model.PlanPlugin{{Name: "script", Executor: model.ExecutorCentral}}, Number: 1, Planned: 1, Deploy: 1, Max: -1}
		n.Tenant, n.Visibility, n.CreatedBy = model.DefaultTenant, model.VisibilityTenant, "admin"
		i := &model.NodeInstance{Resource: n.Resource, ID: model.InstanceID(name) + "_000000", Node: name, Deployment: id, Index: 1,
			State: model.InstanceUninitialized, Version: 1, RuntimeProperties: model.Document{}, ScalingGroups: in}
		if host != "" {
			i.HostID = model.InstanceID(host) + "_000000"
		}
		if target != "" {
			n.Relationships = []model.NodeRelationship{{Type: rel, TargetID: target, Properties: model.Document{"connection_type": "all_to_all"},
				TypeHierarchy: []string{"cloudify.relationships.depends_on", rel}}}
			i.Relationships = []model.InstanceRelationship{{Type: rel, TargetName: target, TargetID: model.InstanceID(target) + "_000000"}}
		}
		nodes, instances = append(nodes, n), append(instances, i)
	}
	add("vm", "cloudify.nodes.Root", "", "", "", groups)
	add("web", "cloudify.nodes.Root", "", "vm", "cloudify.relationships.contained_in", nil)
	add("db", "cloudify.nodes.Root", "", "web", "cloudify.relationships.connected_to", nil)
	h.update(func(tx store.Tx) error {
		d, err := tx.Deployment(model.DefaultTenant, id)
		if err != nil {
			return err
		}
		if grouped {
			d.ScalingGroups = map[string]model.ScalingGroup{"grp": {Members: []string{"vm"},
				Properties: model.ScaleProperties{Max: -1, Default: 1, Current: 1, Planned: 1}}}
		}
		for name, mapped := range map[string]string{"scale": "scale_entity", "heal": "auto_heal_reinstall_node_subgraph"} {
			d.Workflows[name] = model.Workflow{Plugin: "default_workflows", Operation: "cloudify.plugins.workflows." + mapped}
		}
		if err := tx.UpdateDeployment(d); err != nil {
			return err
		}
		if err := tx.InsertNodes(nodes); err != nil {
			return err
		}
		return tx.InsertInstances(instances)
	})
}

// run starts a workflow with parameters and waits for its end.
func (h *house) run(d model.DeploymentID, workflow string, parameters model.Document) *model.Execution {
	h.t.Helper()
	return h.ended(h.begin(d, workflow, parameters))
}

func (h *house) begin(d model.DeploymentID, workflow string, parameters model.Document) model.ExecutionID {
	h.t.Helper()
	id := model.ExecutionID(uuid.NewString())
	h.update(func(tx store.Tx) error {
		x := &model.Execution{ID: id, Workflow: workflow, Deployment: d, Blueprint: "bp", Status: model.ExecutionPending,
			Parameters: parameters, TokenSerial: 1}
		x.Tenant, x.CreatedBy, x.Visibility = model.DefaultTenant, "admin", model.VisibilityTenant
		return tx.InsertExecution(x)
	})
	if err := h.bus.Notify(engine.TopicWake, []byte(id)); err != nil {
		h.t.Fatal(err)
	}
	return id
}

func (h *house) instances(d model.DeploymentID) map[model.NodeID][]*model.NodeInstance {
	h.t.Helper()
	out := map[model.NodeID][]*model.NodeInstance{}
	h.update(func(tx store.Tx) error {
		list, err := tx.DeploymentInstances(model.DefaultTenant, d)
		clear(out)
		for _, i := range list {
			out[i.Node] = append(out[i.Node], i)
		}
		return err
	})
	return out
}

// counts are the numbers of instances by node, and started how many of all run.
func (h *house) counts(d model.DeploymentID) (vm, web, db, started int) {
	all := h.instances(d)
	return len(all["vm"]), len(all["web"]), len(all["db"]), h.states(d)[model.InstanceStarted]
}

func (h *house) modifications(d model.DeploymentID) (statuses []model.ModificationStatus) {
	h.t.Helper()
	h.update(func(tx store.Tx) error {
		statuses = nil
		page, err := tx.Modifications(store.Query{Scope: store.Scope{Admin: true}, Limit: -1,
			Where: []store.Condition{{Field: "deployment_id", Values: []string{string(d)}}}})
		for _, m := range page.Items {
			statuses = append(statuses, m.Status)
		}
		return err
	})
	return statuses
}

func TestScaleOutAndIn(t *testing.T) {
	for _, f := range []struct {
		name, entity string
		grouped      bool
	}{{"contained node", "web", false}, {"host", "vm", false}, {"group", "grp", true}} {
		t.Run(f.name, func(t *testing.T) {
			h := newHouse(t)
			h.deployTopology("d", f.grouped)
			h.start("m1")
			h.run("d", "install", model.Document{})
			x := h.run("d", "scale", model.Document{"scalable_entity_name": f.entity, "delta": 1})
			if x.Status != model.ExecutionTerminated {
				t.Fatalf("scale out ended %s: %s", x.Status, x.Error)
			}
			vm, web, db, started := h.counts("d")
			hosts := map[string]int{"web": 1, "vm": 2, "grp": 2}[f.entity]
			if vm != hosts || web != 2 || db != 1 || started != vm+web+db {
				t.Errorf("after the scale out there are %d vm, %d web, %d db, %d of them started", vm, web, db, started)
			}
			if n := len(h.instances("d")["db"][0].Relationships); n != 2 {
				t.Errorf("db is connected to %d instances of web", n)
			}
			if x.TotalOperations == 0 || x.TotalOperations != x.FinishedOperations {
				t.Errorf("%d of %d operations finished", x.FinishedOperations, x.TotalOperations)
			}
			x = h.run("d", "scale", model.Document{"scalable_entity_name": f.entity, "delta": -1})
			if x.Status != model.ExecutionTerminated {
				t.Fatalf("scale in ended %s: %s", x.Status, x.Error)
			}
			vm, web, db, started = h.counts("d")
			if vm != 1 || web != 1 || db != 1 || started != 3 {
				t.Errorf("after the scale in there are %d vm, %d web, %d db, %d of them started", vm, web, db, started)
			}
			if n := len(h.instances("d")["db"][0].Relationships); n != 1 {
				t.Errorf("db is left with %d connections", n)
			}
			if got := h.modifications("d"); len(got) != 2 || got[0] != model.ModificationFinished || got[1] != model.ModificationFinished {
				t.Errorf("the modifications are %v", got)
			}
		})
	}
}

func TestScaleRefusedWhileAModificationIsStarted(t *testing.T) {
	h := newHouse(t)
	h.deployTopology("d", false)
	h.start("m1")
	h.run("d", "install", model.Document{})
	h.startModification("d", model.Document{"db": map[string]any{"instances": 2}})
	x := h.run("d", "scale", model.Document{"scalable_entity_name": "web"})
	if x.Status != model.ExecutionFailed || !strings.Contains(x.Error, "while there are existing started deployment modifications") {
		t.Fatalf("ended %s: %s", x.Status, x.Error)
	}
	x = h.run("d", "scale", model.Document{"scalable_entity_name": "web", "abort_started": true})
	if vm, web, db, _ := h.counts("d"); x.Status != model.ExecutionTerminated || vm != 1 || web != 2 || db != 1 {
		t.Errorf("with abort_started it ended %s: %s, with %d vm, %d web, %d db", x.Status, x.Error, vm, web, db)
	}
}

func (h *house) startModification(d model.DeploymentID, nodes model.Document) {
	h.t.Helper()
	h.update(func(tx store.Tx) error {
		wanted, err := change.ParseNodes(nodes)
		if err != nil {
			return err
		}
		env := change.Env{NewID: uuid.NewString, NewInstanceID: func(n string) string { return n + "_" + uuid.NewString()[:6] }}
		_, err = change.StartModification(tx, env, change.NewModification{Tenant: model.DefaultTenant, Deployment: d, Nodes: wanted, Given: nodes})
		return err
	})
}

func TestFailedScaleOutLeavesNothingBehind(t *testing.T) {
	h := newHouse(t)
	h.deployTopology("d", false)
	h.exec.outcome = func(m *operation.Message, _ int) operation.Result {
		if m.Context.Operation.Name == start && strings.HasPrefix(string(m.Context.NodeID), "web_") && m.Context.NodeID != "web_000000" {
			return operation.Fail(operation.NonRecoverable("no room"))
		}
		return operation.Result{}
	}
	h.start("m1")
	h.run("d", "install", model.Document{})
	before := h.instances("d")
	x := h.run("d", "scale", model.Document{"scalable_entity_name": "vm"})
	if x.Status != model.ExecutionFailed || !strings.Contains(x.Error, "no room") {
		t.Fatalf("ended %s: %s", x.Status, x.Error)
	}
	after := h.instances("d")
	for node, list := range before {
		if len(after[node]) != len(list) || after[node][0].State != model.InstanceStarted {
			t.Errorf("%s has %d instances, the first %s", node, len(after[node]), after[node][0].State)
		}
	}
	if got := h.modifications("d"); len(got) != 1 || got[0] != model.ModificationRolledBack {
		t.Errorf("the modifications are %v", got)
	}
	// A resume after everything was undone begins again.
	h.exec.set(func(*operation.Message, int) operation.Result { return operation.Result{} })
	h.resume(x.ID)
	if x = h.ended(x.ID); x.Status != model.ExecutionTerminated {
		t.Fatalf("after the resume it ended %s: %s", x.Status, x.Error)
	}
	if vm, web, _, started := h.counts("d"); vm != 2 || web != 2 || started != 5 {
		t.Errorf("there are %d vm and %d web, %d instances are started", vm, web, started)
	}
}

// TestScaleOutSurvivesARestartAtEveryCommit stops the engine in every state that a scale out leaves in the store: the
// store dies after the n-th commit.
func TestScaleOutSurvivesARestartAtEveryCommit(t *testing.T) {
	total := 0
	for n := 1; total == 0 || n <= total; n++ {
		h := newHouse(t)
		h.deployTopology("d", false)
		end := h.start("m1")
		h.run("d", "install", model.Document{})
		end()
		died := &failing{Store: h.store, left: n, down: make(chan struct{})}
		h.under = died
		end = h.start("m1")
		id := h.begin("d", "scale", model.Document{"scalable_entity_name": "vm"})
		h.await("the crash or the end", func() bool { return died.isDown() || h.get(id).Status.Ended() })
		end()
		if !died.isDown() {
			total = n
		}
		h.under = nil
		h.start("m1")
		x := h.ended(id)
		vm, web, db, started := h.counts("d")
		if x.Status != model.ExecutionTerminated || vm != 2 || web != 2 || db != 1 || started != 5 {
			t.Errorf("after a crash at commit %d it ended %s: %s; %d vm, %d web, %d db, %d started", n, x.Status, x.Error, vm, web, db, started)
		}
		if got := h.modifications("d"); len(got) != 1 || got[0] != model.ModificationFinished {
			t.Errorf("after a crash at commit %d the modifications are %v", n, got)
		}
		if x.TotalOperations != x.FinishedOperations {
			t.Errorf("after a crash at commit %d %d of %d operations are finished", n, x.FinishedOperations, x.TotalOperations)
		}
		h.stop()
	}
	if total < 10 {
		t.Errorf("only %d commits were tried", total)
	}
}
