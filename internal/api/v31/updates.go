package v31

import (
	"net/http"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/service/revision"
)

func stepRecord(u *model.DeploymentUpdate, s model.UpdateStep) api.Record {
	r := api.Record{
		{Name: "id", Value: s.ID}, {Name: "visibility", Value: u.Visibility}, {Name: "action", Value: s.Action},
		{Name: "entity_id", Value: s.EntityID}, {Name: "entity_type", Value: s.EntityType},
		{Name: "topology_order", Value: s.TopologyOrder}, {Name: "deployment_update_id", Value: u.ID},
	}
	return append(r, api.Common(u.Resource)...)
}

func updateRecord(u *model.DeploymentUpdate) api.Record {
	steps := make([]api.Record, 0, len(u.Steps))
	for _, s := range u.Steps {
		steps = append(steps, stepRecord(u, s))
	}
	var instances any
	if u.Instances != nil {
		instances = instancesRecord(u.Instances)
	}
	r := api.Record{
		{Name: "created_at", Value: api.Instant(u.CreatedAt)}, {Name: "id", Value: u.ID}, {Name: "visibility", Value: u.Visibility},
		{Name: "deployment_plan_p", Value: nil}, {Name: "deployment_plan", Value: api.Raw(u.Plan)},
		{Name: "deployment_update_node_instances_p", Value: nil}, {Name: "deployment_update_node_instances", Value: instances},
		{Name: "deployment_update_deployment_p", Value: nil},
		{Name: "central_plugins_to_uninstall_p", Value: nil}, {Name: "central_plugins_to_uninstall", Value: api.Raw(u.PluginsToUninstall)},
		{Name: "central_plugins_to_install_p", Value: nil}, {Name: "central_plugins_to_install", Value: api.Raw(u.PluginsToInstall)},
		{Name: "deployment_update_nodes_p", Value: nil}, {Name: "deployment_update_nodes", Value: api.Raw(u.Nodes)},
		{Name: "modified_entity_ids_p", Value: nil}, {Name: "modified_entity_ids", Value: api.Raw(u.ModifiedEntities)},
		{Name: "old_inputs_p", Value: nil}, {Name: "old_inputs", Value: api.Object(u.OldInputs)},
		{Name: "new_inputs_p", Value: nil}, {Name: "new_inputs", Value: api.Object(u.NewInputs)}, {Name: "state", Value: u.State},
		{Name: "runtime_only_evaluation", Value: u.RuntimeOnlyEvaluation}, {Name: "keep_old_deployment_dependencies", Value: false},
		{Name: "deployment_id", Value: u.Deployment}, {Name: "execution_id", Value: api.Text(u.Execution)},
		{Name: "old_blueprint_id", Value: api.Text(u.OldBlueprint)}, {Name: "new_blueprint_id", Value: api.Text(u.NewBlueprint)},
	}
	r = append(r, api.Common(u.Resource)...)
	return append(r, api.Field{Name: "steps", Value: steps}, api.Field{Name: "recursive_dependencies", Value: nil},
		api.Field{Name: "schedules_to_create", Value: nil}, api.Field{Name: "schedules_to_delete", Value: nil},
		api.Field{Name: "labels_to_create", Value: api.Raw(u.Labels)})
}

var blankUpdate = updateRecord(&model.DeploymentUpdate{})

func (a *API) listUpdates(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	l, err := api.ParseList(r, api.ListSpec{Blank: blankUpdate, Search: "id"})
	if err != nil {
		return err
	}
	page, err := a.revision.DeploymentUpdates(r.Context(), actor, l.Query, l.AllTenants)
	if err != nil {
		return err
	}
	items := make([]api.Record, 0, len(page.Items))
	for _, u := range page.Items {
		items = append(items, updateRecord(u))
	}
	return l.Write(w, items, page.Total)
}

func writeUpdate(w http.ResponseWriter, r *http.Request, u *model.DeploymentUpdate) error {
	include, err := api.Include(r, blankUpdate)
	if err != nil {
		return err
	}
	api.WriteJSON(w, http.StatusOK, updateRecord(u).Pick(include))
	return nil
}

func (a *API) getUpdate(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	u, err := a.revision.DeploymentUpdate(r.Context(), actor, model.UpdateID(api.Param(r, "id")))
	if err != nil {
		return err
	}
	return writeUpdate(w, r, u)
}

func (a *API) patchUpdate(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	for key := range body {
		if key != "state" {
			return fault.New(fault.BadParameters, "%s of a deployment update is computed by this manager and cannot be set; only state can", key)
		}
	}
	state, err := body.Text("state")
	if err != nil {
		return err
	}
	u, err := a.revision.SetUpdateState(r.Context(), actor, model.UpdateID(api.Param(r, "id")), model.UpdateState(state))
	if err != nil {
		return err
	}
	return writeUpdate(w, r, u)
}

// runUpdate answers …/update/initiate, whose id is a deployment, and …/update/finalize, whose id is an update and which
// does nothing (rest-api, sections 4.1 and 4.2). Any other word reads the update too, so that it is missed.
func (a *API) runUpdate(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	if api.Param(r, "action") != "initiate" {
		return a.getUpdate(w, r, actor)
	}
	body, err := api.ReadJSON(w, r, true)
	if err != nil {
		return err
	}
	n, err := decodeUpdate(body)
	if err != nil {
		return err
	}
	u, err := a.revision.StartUpdate(r.Context(), actor, model.DeploymentID(api.Param(r, "id")), n)
	if err != nil {
		return err
	}
	if !n.Preview {
		return writeUpdate(w, r, u)
	}
	affected, err := a.relations.Affected(r.Context(), actor, u.Deployment)
	if err != nil {
		return err
	}
	include, err := api.Include(r, blankUpdate)
	if err != nil {
		return err
	}
	record := updateRecord(u)
	for k := range record {
		if record[k].Name == "recursive_dependencies" {
			record[k].Value = affected
		}
	}
	api.WriteJSON(w, http.StatusOK, record.Pick(include))
	return nil
}

func decodeUpdate(body api.Body) (n revision.NewUpdate, err error) {
	blueprint, err := body.Text("blueprint_id")
	if err != nil {
		return n, err
	}
	n.Blueprint = model.BlueprintID(blueprint)
	if n.Inputs, err = body.Object("inputs"); err != nil {
		return n, err
	}
	if n.Workflow, err = body.Text("workflow_id"); err != nil {
		return n, err
	}
	if n.ReinstallList, err = body.List("reinstall_list"); err != nil {
		return n, err
	}
	if n.Preview, err = body.Bool("preview", false); err != nil {
		return n, err
	}
	if n.Force, err = body.Bool("force", false); err != nil {
		return n, err
	}
	if body["runtime_only_evaluation"] != nil {
		flag, err := body.Bool("runtime_only_evaluation", false)
		if err != nil {
			return n, err
		}
		n.RuntimeOnlyEvaluation = &flag
	}
	n.Flags = map[string]bool{}
	for name, otherwise := range revision.UpdateFlags {
		if n.Flags[name], err = body.Bool(name, otherwise); err != nil {
			return n, err
		}
	}
	return n, nil
}
