package change

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/reifyhq/reify/internal/dsl"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
	"github.com/reifyhq/reify/internal/topology"
	"github.com/reifyhq/reify/internal/workflow"
)

// PrepareUpdate computes the plan that a deployment update leads to: the new blueprint with the inputs that it declares,
// and with the counts to which the deployment was scaled (workflows, section 12.5). It reads through view and takes time;
// the function it returns stores the plan.
func PrepareUpdate(ctx context.Context, view func(func(store.Reader) error) error, env Env, t model.TenantName, id model.UpdateID) (
	func(store.Tx) error, error,
) {
	var b *model.Blueprint
	var d *model.Deployment
	var u *model.DeploymentUpdate
	err := view(func(tx store.Reader) (err error) {
		if u, err = tx.DeploymentUpdate(t, id); err != nil {
			return err
		}
		if d, err = tx.Deployment(t, u.Deployment); err != nil {
			return err
		}
		b, err = tx.Blueprint(t, u.NewBlueprint)
		return err
	})
	if err != nil {
		return nil, err
	}
	var declared struct {
		Inputs map[string]json.RawMessage `json:"inputs"`
	}
	if err := model.DecodeJSON(b.Plan, &declared); err != nil {
		return nil, fmt.Errorf("read the inputs of blueprint %s: %w", b.ID, err)
	}
	inputs := model.Document{}
	for name, v := range u.NewInputs {
		if _, ok := declared.Inputs[name]; ok {
			inputs[name] = v
		}
	}
	d.RuntimeOnlyEvaluation = u.RuntimeOnlyEvaluation
	var secrets dsl.SecretGetter
	if env.Secrets != nil {
		secrets = env.Secrets(d)
	}
	next, err := Prepare(ctx, b, d, inputs, secrets, env.NewInstanceID)
	if err != nil {
		return nil, err
	}
	next.Instances = nil
	return func(tx store.Tx) error {
		up, err := openUpdate(tx, t, id)
		if err != nil {
			return err
		}
		next.keepCounts(up.world)
		if up.u.Plan, err = model.EncodeJSON(next); err != nil {
			return fmt.Errorf("write the plan of deployment update %s: %w", id, err)
		}
		up.u.NewInputs = next.Inputs
		return tx.UpdateDeploymentUpdate(up.u)
	}, nil
}

// updating is a deployment update in a transaction.
type updating struct {
	*world
	u    *model.DeploymentUpdate
	next *Plan
	env  Env
}

func openUpdate(tx store.Tx, t model.TenantName, id model.UpdateID) (*updating, error) {
	u, err := tx.DeploymentUpdate(t, id)
	if err != nil {
		return nil, err
	}
	w, err := open(tx, u.Tenant, u.Deployment)
	if err != nil {
		return nil, err
	}
	up := &updating{world: w, u: u}
	if len(u.Plan) == 0 {
		return up, nil
	}
	up.next = &Plan{}
	if err := model.DecodeJSON(u.Plan, up.next); err != nil {
		return nil, fmt.Errorf("read the plan of deployment update %s: %w", id, err)
	}
	return up, nil
}

// Update makes one of the changes of a deployment update, other than its plan, and returns the result of the change
// (see the kinds in package workflow). preview says that the update only looks.
func Update(tx store.Tx, env Env, t model.TenantName, id model.UpdateID, kind string, preview bool) (json.RawMessage, error) {
	up, err := openUpdate(tx, t, id)
	if err != nil {
		return nil, err
	}
	up.env = env
	if kind == workflow.ChangeUpdateDone {
		return nil, up.done(preview)
	}
	if up.next == nil {
		return nil, fault.New(fault.IllegalAction, "deployment update %s has no plan; start the update again", id)
	}
	switch kind {
	case workflow.ChangeUpdateSteps:
		return up.steps()
	case workflow.ChangeUpdatePrepare:
		return up.prepare()
	}
	do := map[string]func() error{
		workflow.ChangeUpdatePluginsPrepare:    up.plugins,
		workflow.ChangeUpdateAttributes:        up.attributes,
		workflow.ChangeUpdateNodes:             up.changeNodes,
		workflow.ChangeUpdateInstances:         up.changeInstances,
		workflow.ChangeUpdateDropRelationships: up.dropRelationships,
		workflow.ChangeUpdateDropInstances:     up.dropInstances,
		workflow.ChangeUpdateDropNodes:         up.dropNodes,
		workflow.ChangeUpdateOperations:        up.operations,
		workflow.ChangeUpdateDependencies:      up.dependencies,
		// This manager keeps no schedules yet, so there are none to bring up to date.
		workflow.ChangeUpdateSchedules: func() error { return nil },
	}[kind]
	if do == nil {
		return nil, fault.New(fault.IllegalAction, "a deployment update has no change %q", kind)
	}
	return nil, do()
}

// FailUpdate marks an update whose execution did not succeed; one that ended already stays as it is.
func FailUpdate(tx store.Tx, t model.TenantName, id model.UpdateID) error {
	u, err := tx.DeploymentUpdate(t, id)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil || u.State == model.UpdateSuccessful || u.State == model.UpdatePreview {
		return err
	}
	u.State = model.UpdateFailed
	return tx.UpdateDeploymentUpdate(u)
}

func (up *updating) save() error { return up.tx.UpdateDeploymentUpdate(up.u) }

// steps compares the plan that the deployment has with the new one.
func (up *updating) steps() (json.RawMessage, error) {
	from, err := up.planOf().language()
	if err != nil {
		return nil, err
	}
	to, err := up.next.language()
	if err != nil {
		return nil, err
	}
	var out workflow.UpdateSteps
	changed := map[model.NodeID]bool{}
	up.u.Steps = []model.UpdateStep{}
	for _, s := range topology.Diff(from, to) {
		step := model.UpdateStep{ID: up.env.NewID(), Action: string(s.Action), EntityType: s.EntityType, EntityID: s.EntityID,
			TopologyOrder: s.TopologyOrder}
		if !s.Supported {
			step.Unsupported = fmt.Sprintf("%s %s %s is not supported by an update: delete the deployment, or undo this change "+
				"in the blueprint", s.Action, strings.ReplaceAll(s.EntityType, "_", " "), strings.Join(s.EntityID, "."))
			out.Unsupported = append(out.Unsupported, step.Unsupported)
		}
		if (s.EntityType == "property" || s.EntityType == "operation") && len(s.EntityID) > 1 {
			changed[model.NodeID(s.EntityID[1])] = true
		}
		up.u.Steps = append(up.u.Steps, step)
	}
	out.Changed = slices.Sorted(maps.Keys(changed))
	if up.u.ModifiedEntities, err = model.EncodeJSON(map[string]any{"node": out.Changed}); err != nil {
		return nil, err
	}
	if err := up.save(); err != nil {
		return nil, err
	}
	return json.Marshal(out)
}

// prepare computes which nodes and instances come, go and change.
func (up *updating) prepare() (json.RawMessage, error) {
	result, err := up.modify(up.env, planNodes(up.next.NewNodes(up.d)), planGroups(up.next.ScalingGroups), nil)
	if err != nil {
		return nil, fault.Wrap(err, fault.BadParameters, "compute the update of deployment %s: %s", up.d.ID, diagText(err))
	}
	in := &model.ModificationInstances{
		Added: up.modified(up.env, result.Added), Extended: up.modified(up.env, result.Extended),
		Reduced: up.modified(up.env, result.Reduced), Removed: up.modified(up.env, result.Removed),
	}
	up.u.Instances = in
	nodes := map[string][]model.NodeID{"add": {}, "remove": {}, "modify": {}}
	for _, n := range up.next.Nodes {
		if up.node(n.ID) == nil {
			nodes["add"] = append(nodes["add"], n.ID)
		}
	}
	for _, n := range up.nodes {
		if up.wanted(n.ID) == nil {
			nodes["remove"] = append(nodes["remove"], n.ID)
		}
	}
	for _, s := range up.u.Steps {
		if len(s.EntityID) > 2 && s.EntityID[0] == "nodes" && !slices.Contains(nodes["modify"], model.NodeID(s.EntityID[1])) {
			nodes["modify"] = append(nodes["modify"], model.NodeID(s.EntityID[1]))
		}
	}
	if up.u.Nodes, err = model.EncodeJSON(nodes); err != nil {
		return nil, err
	}
	var c workflow.UpdateChanges
	c.Added, c.AddedTargets = divide(in.Added, markAdded)
	c.Removed, c.RemovedTargets = divide(in.Removed, markRemoved)
	c.Extended, c.ExtendedTargets = divide(in.Extended, markExtended)
	c.Reduced, c.ReducedTargets = divide(in.Reduced, markReduced)
	if err := up.save(); err != nil {
		return nil, err
	}
	return json.Marshal(c)
}

func (up *updating) wanted(id model.NodeID) *PlanNode {
	for k := range up.next.Nodes {
		if up.next.Nodes[k].ID == id {
			return &up.next.Nodes[k]
		}
	}
	return nil
}

// plugins records which central plugins come and go.
func (up *updating) plugins() (err error) {
	old, next := map[string]model.PlanPlugin{}, map[string]model.PlanPlugin{}
	collect := func(into map[string]model.PlanPlugin, list []model.PlanPlugin) {
		for _, p := range list {
			if p.Executor == model.ExecutorCentral {
				into[p.Name] = p
			}
		}
	}
	for _, n := range up.nodes {
		collect(old, n.Plugins)
	}
	for _, n := range up.next.Nodes {
		collect(next, n.Plugins)
	}
	missing := func(from, in map[string]model.PlanPlugin) []model.PlanPlugin {
		out := []model.PlanPlugin{}
		for _, name := range slices.Sorted(maps.Keys(from)) {
			if _, ok := in[name]; !ok {
				out = append(out, from[name])
			}
		}
		return out
	}
	if up.u.PluginsToInstall, err = model.EncodeJSON(missing(next, old)); err != nil {
		return err
	}
	if up.u.PluginsToUninstall, err = model.EncodeJSON(missing(old, next)); err != nil {
		return err
	}
	labels := []any{}
	for _, l := range up.next.NewLabels(up.d, up.env.Now) {
		labels = append(labels, map[string]string{"key": l.Key, "value": l.Value})
	}
	if up.u.Labels, err = model.EncodeJSON(labels); err != nil {
		return err
	}
	return up.save()
}

// done marks the update successful.
func (up *updating) done(preview bool) error {
	up.u.State = model.UpdateSuccessful
	if preview {
		up.u.State = model.UpdatePreview
		return up.save()
	}
	up.d.UpdatedAt = up.env.Now
	if err := up.tx.UpdateDeployment(up.d); err != nil {
		return err
	}
	return up.save()
}
