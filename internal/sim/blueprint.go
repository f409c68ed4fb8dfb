package sim

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

const (
	lifecycle    = "cloudify.interfaces.lifecycle."
	relationship = "cloudify.interfaces.relationship_lifecycle."
	maxInstances = 30
	// hostQueue is the queue of the agent of all hosts.
	hostQueue = "hosts"
)

var (
	nodeOperations     = []string{"precreate", "create", "configure", "start", "poststart", "prestop", "stop", "delete"}
	relationOperations = []string{"preconfigure", "postconfigure", "establish", "unlink"}
	workflows          = []string{"install", "uninstall", "restart", "execute_operation"}
	tenant             = model.DefaultTenant
)

func (w *world) resource() model.Resource {
	return model.Resource{Tenant: tenant, CreatedBy: "admin", CreatedAt: w.now, Visibility: model.VisibilityTenant}
}

// layOut stores random deployments and finds a user for each.
func (w *world) layOut() {
	w.update(func(tx store.Tx) error {
		if err := tx.PutTenant(tenant); err != nil {
			return err
		}
		return tx.InsertBlueprint(&model.Blueprint{Resource: w.resource(), ID: "bp", State: model.BlueprintUploaded, Plan: json.RawMessage("{}")})
	})
	for i := range 1 + w.rng.IntN(3) {
		id := model.DeploymentID(fmt.Sprintf("d%d", i))
		w.deploy(id)
		w.users = append(w.users, newUser(w, id, plans))
	}
	if w.chance(1, 3) {
		w.deployModel("d9")
		w.users = append(w.users, newUser(w, "d9", modelPlans))
	}
}

// deploy stores a deployment of a random graph of nodes.
func (w *world) deploy(id model.DeploymentID) {
	d := &model.Deployment{Resource: w.resource(), ID: id, Blueprint: "bp", DisplayName: string(id),
		Workflows: map[string]model.Workflow{}, InstallationStatus: model.InstallationInactive, Status: model.DeploymentGood}
	for _, name := range workflows {
		d.Workflows[name] = model.Workflow{Plugin: "default_workflows", Operation: "cloudify.plugins.workflows." + name}
	}
	budget := 1 + w.rng.IntN(8)
	if w.chance(1, 10) {
		budget = 1 + w.rng.IntN(maxInstances)
	}
	var nodes []*model.Node
	var all []*model.NodeInstance
	of := map[model.NodeID][]*model.NodeInstance{}
	for n := 0; len(all) < budget; n++ {
		node := w.node(d, n, nodes)
		nodes = append(nodes, node)
		for k := range min(1+w.rng.IntN(3), budget-len(all)) {
			i := &model.NodeInstance{Resource: w.resource(), ID: model.InstanceID(fmt.Sprintf("%s_%d", node.ID, k)), Node: node.ID,
				Deployment: id, Index: k + 1, State: model.InstanceUninitialized, Version: 1, RuntimeProperties: model.Document{}}
			i.HostID = i.ID
			i.RuntimeProperties["cloudify_agent"] = map[string]any{"queue": hostQueue, "name": "agent"}
			for _, rel := range node.Relationships {
				for _, target := range of[rel.TargetID] {
					i.Relationships = append(i.Relationships, model.InstanceRelationship{Type: rel.Type, TargetName: rel.TargetID, TargetID: target.ID})
				}
			}
			of[node.ID] = append(of[node.ID], i)
			all = append(all, i)
			w.writeScripts(i)
		}
	}
	w.update(func(tx store.Tx) error {
		if err := tx.InsertDeployment(d); err != nil {
			return err
		}
		if err := tx.InsertNodes(nodes); err != nil {
			return err
		}
		return tx.InsertInstances(all)
	})
}

// node makes a node that may depend on those before it.
func (w *world) node(d *model.Deployment, n int, before []*model.Node) *model.Node {
	executor := model.ExecutorCentral
	if w.chance(1, 5) {
		executor = model.ExecutorHost
	}
	plugin := model.PlanPlugin{Name: "script", Executor: executor}
	node := &model.Node{Resource: d.Resource, ID: model.NodeID(fmt.Sprintf("%s-n%d", d.ID, n)), Deployment: d.ID,
		Type: "cloudify.nodes.Root", TypeHierarchy: []string{"cloudify.nodes.Root"}, Operations: map[string]model.Operation{},
		Plugins: []model.PlanPlugin{plugin}, Number: 1, Planned: 1, Deploy: 1, Max: -1}
	op := model.Operation{Plugin: "script", Function: "script_runner.tasks.run", Executor: executor, Inputs: model.Document{}}
	for _, name := range nodeOperations {
		if w.chance(1, 2) {
			node.Operations[lifecycle+name] = op
		}
	}
	for _, target := range before {
		if !w.chance(1, 3) {
			continue
		}
		const kind = "cloudify.relationships.depends_on"
		rel := model.NodeRelationship{Type: kind, TargetID: target.ID, TypeHierarchy: []string{kind},
			SourceOperations: map[string]model.Operation{}, TargetOperations: map[string]model.Operation{}}
		for _, name := range relationOperations {
			if w.chance(1, 8) {
				rel.SourceOperations[relationship+name] = op
			}
			if w.chance(1, 8) {
				rel.TargetOperations[relationship+name] = op
			}
		}
		node.Relationships = append(node.Relationships, rel)
	}
	return node
}

// writeScripts decides how the operations of an instance go.
func (w *world) writeScripts(i *model.NodeInstance) {
	for _, name := range nodeOperations {
		w.scripts[scriptKey(lifecycle+name, i.ID)] = w.script()
	}
	for _, name := range relationOperations {
		w.scripts[scriptKey(relationship+name, i.ID)] = w.script()
	}
}

func (w *world) script() script {
	s := script{takes: 2 * time.Second}
	switch w.rng.IntN(12) {
	case 0:
		s.failures = 1 + w.rng.IntN(3)
	case 1:
		s.failures, s.kind = 1+w.rng.IntN(2), model.ErrorRecoverable
	case 2:
		after := float64(w.rng.IntN(40))
		s.failures, s.kind, s.after = 1, model.ErrorRecoverable, &after
	case 3:
		after := float64(w.rng.IntN(40))
		s.failures, s.kind, s.after = 1+w.rng.IntN(2), model.ErrorRetry, &after
	case 4:
		s.takes = 3 * time.Minute
	case 5:
		if !w.isTransient && w.chance(1, 3) {
			s.failures = -1
		}
	}
	return s
}
