package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/reifyhq/reify/internal/change"
	"github.com/reifyhq/reify/internal/dsl"
	"github.com/reifyhq/reify/internal/engine"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// systemWork is a workflow of the manager itself: a few writes that may be repeated.
const (
	systemWork  = "sys_work"
	systemSteps = 3
)

// work is the SystemWorkflow of systemWork.
func work(ctx context.Context, job engine.Job) error {
	for step := range systemSteps {
		err := job.Update(ctx, func(tx store.Tx) error {
			return tx.SetValue(fmt.Sprintf("%s/%d", job.Execution.ID, step), "done")
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// worked checks that a system workflow that says so has done all of its steps.
func (c *checker) worked(x *model.Execution) {
	if x.Workflow != systemWork || x.Status != model.ExecutionTerminated {
		return
	}
	c.w.view(func(tx store.Reader) error {
		for step := range systemSteps {
			v, err := tx.Value(fmt.Sprintf("%s/%d", x.ID, step))
			if err != nil {
				return err
			}
			if v != "done" {
				c.w.broke("execution %s ended well without its step %d", x.ID, step)
			}
		}
		return nil
	})
}

// The two versions of the blueprint that deployments are updated between.
const (
	modelHead = `tosca_definitions_version: cloudify_dsl_1_5
plugins:
  script: {executor: central_deployment_agent, install: false}
  default_workflows: {executor: central_deployment_agent, install: false}
relationships:
  cloudify.relationships.depends_on: {properties: {connection_type: {default: all_to_all}}}
  cloudify.relationships.connected_to: {derived_from: cloudify.relationships.depends_on}
  cloudify.relationships.contained_in: {derived_from: cloudify.relationships.depends_on}
node_types:
  cloudify.nodes.Root:
    interfaces:
      cloudify.interfaces.lifecycle: {create: script.run, start: script.run, stop: script.run, delete: script.run}
      cloudify.interfaces.validation: {check_status: script.run}
  app: {derived_from: cloudify.nodes.Root, properties: {port: {default: 80}}}
workflows:
  install: default_workflows.cloudify.plugins.workflows.install
  uninstall: default_workflows.cloudify.plugins.workflows.uninstall
  scale: default_workflows.cloudify.plugins.workflows.scale_entity
  heal: default_workflows.cloudify.plugins.workflows.auto_heal_reinstall_node_subgraph
  update: default_workflows.cloudify.plugins.workflows.update
node_templates:
  vm: {type: cloudify.nodes.Root}
`
	modelOne = modelHead + `
  web: {type: app, relationships: [{type: cloudify.relationships.contained_in, target: vm}]}
  db: {type: cloudify.nodes.Root, relationships: [{type: cloudify.relationships.connected_to, target: web}]}
`
	modelTwo = modelHead + `
  web: {type: app, properties: {port: 8080}, relationships: [{type: cloudify.relationships.contained_in, target: vm}]}
  cache: {type: cloudify.nodes.Root, relationships: [{type: cloudify.relationships.connected_to, target: web}]}
`
)

// noFiles is a source without any file.
type noFiles struct{}

func (noFiles) Fetch(context.Context, string, string) (dsl.Fetched, error) { return dsl.Fetched{}, nil }
func (noFiles) Exists(context.Context, string) bool                        { return false }

// plansOnce keeps the plans of both versions, parsed once for all simulations.
var plansOnce struct {
	sync.Mutex
	plans map[model.BlueprintID]json.RawMessage
}

func parsed(ctx context.Context) (map[model.BlueprintID]json.RawMessage, error) {
	plansOnce.Lock()
	defer plansOnce.Unlock()
	if plansOnce.plans != nil {
		return plansOnce.plans, nil
	}
	out := map[model.BlueprintID]json.RawMessage{}
	for id, text := range map[model.BlueprintID]string{"one": modelOne, "two": modelTwo} {
		plan, problems := dsl.Parse(ctx, dsl.Input{Text: []byte(text), Location: "/b/blueprint.yaml", WorkingDirectory: "/b",
			NoBuiltInTypes: true}, noFiles{})
		if problems.HasErrors() {
			return nil, fmt.Errorf("parse blueprint %s of the simulation: %w", id, problems.Err())
		}
		data, err := json.Marshal(plan)
		if err != nil {
			return nil, err
		}
		out[id] = data
	}
	plansOnce.plans = out
	return out, nil
}

// deployModel stores a deployment whose model will change: it is scaled, healed and updated.
func (w *world) deployModel(id model.DeploymentID) {
	plans, err := parsed(w.ctx)
	if err != nil {
		w.broke("%v", err)
		return
	}
	d := &model.Deployment{Resource: w.resource(), ID: id, Blueprint: "one", DisplayName: string(id), Inputs: model.Document{},
		Workflows: map[string]model.Workflow{}, InstallationStatus: model.InstallationInactive, Status: model.DeploymentGood}
	for name, mapped := range map[string]string{"install": "install", "uninstall": "uninstall", "scale": "scale_entity",
		"heal": "auto_heal_reinstall_node_subgraph", "update": "update"} {
		d.Workflows[name] = model.Workflow{Plugin: "default_workflows", Operation: "cloudify.plugins.workflows." + mapped}
	}
	w.update(func(tx store.Tx) error {
		for _, name := range []model.BlueprintID{"one", "two"} {
			b := &model.Blueprint{Resource: w.resource(), ID: name, State: model.BlueprintUploaded, Plan: plans[name]}
			if err := tx.InsertBlueprint(b); err != nil {
				return err
			}
		}
		b, err := tx.Blueprint(tenant, "one")
		if err != nil {
			return err
		}
		plan, err := change.Prepare(w.ctx, b, d, nil, nil, func(n string) string { return n + "_0" })
		if err != nil {
			return err
		}
		if err := tx.InsertDeployment(d); err != nil {
			return err
		}
		if err := tx.InsertNodes(plan.NewNodes(d)); err != nil {
			return err
		}
		return tx.InsertInstances(plan.NewInstances(d))
	})
	for _, node := range []string{"vm", "web", "db", "cache"} {
		for _, name := range []string{"create", "start", "stop", "delete"} {
			w.scripts[lifecycle+name+"@"+node] = w.script()
		}
	}
}

// modelPlans are what users do to such a deployment.
var modelPlans = [][]string{
	{"install", "scale-out", "scale-in", "uninstall"},
	{"install", "update", "uninstall"},
	{"install", "scale-out", "update", "heal"},
	{"install", "heal", "scale-out", "scale-in"},
	{"install", "update", "scale-out", "uninstall"},
}

// request fills in what an execution of a plan's entry asks for.
func (u *user) request(tx store.Tx, x *model.Execution) error {
	switch x.Workflow {
	case "scale-out":
		x.Workflow = "scale"
		x.Parameters = model.Document{"scalable_entity_name": "web", "delta": 2, "scale_compute": false}
	case "scale-in":
		x.Workflow = "scale"
		x.Parameters = model.Document{"scalable_entity_name": "web", "delta": -1, "scale_compute": false}
	case "heal":
		x.Parameters = model.Document{"force_reinstall": true, "node_ids": []any{"web"}}
	case "update":
		id := model.UpdateID("u-" + string(x.ID))
		x.Parameters = model.Document{"update_id": string(id)}
		return tx.InsertDeploymentUpdate(&model.DeploymentUpdate{Resource: u.w.resource(), ID: id, Deployment: u.deployment, Execution: x.ID,
			OldBlueprint: "one", NewBlueprint: "two", State: model.UpdateUpdating, OldInputs: model.Document{}, NewInputs: model.Document{}})
	case "execute_operation":
		x.Parameters = model.Document{"operation": lifecycle + "start", "run_by_dependency_order": u.rng.IntN(2) == 0}
	}
	return nil
}

// isResumable says whether a user may resume a workflow.
func isResumable(name string) bool {
	return !slices.Contains([]string{"heal", "update", systemWork, model.WorkflowDeleteEnvironment}, name)
}
