package v31

import (
	"encoding/json"
	"net/http"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/service/revision"
)

// decodeGiven reads a deployment update as it is answered, to be stored as it is.
func decodeGiven(body api.Body) (g revision.GivenUpdate, err error) {
	u := &g.DeploymentUpdate
	take := func(e error) {
		if err == nil {
			err = e
		}
	}
	for key, into := range map[string]func(string){
		"id":               func(v string) { u.ID = model.UpdateID(v) },
		"deployment_id":    func(v string) { u.Deployment = model.DeploymentID(v) },
		"state":            func(v string) { u.State = model.UpdateState(v) },
		"blueprint_id":     func(v string) { u.NewBlueprint = model.BlueprintID(v) },
		"new_blueprint_id": func(v string) { u.NewBlueprint = model.BlueprintID(v) },
		"old_blueprint_id": func(v string) { u.OldBlueprint = model.BlueprintID(v) },
		"execution_id":     func(v string) { u.Execution = model.ExecutionID(v) },
		"visibility":       func(v string) { u.Visibility = model.Visibility(v) },
	} {
		v, e := body.Text(key)
		take(e)
		if v != "" {
			into(v)
		}
	}
	for key, into := range map[string]*model.Document{"inputs": &u.NewInputs, "new_inputs": &u.NewInputs, "old_inputs": &u.OldInputs} {
		if doc, e := body.Object(key); e != nil || doc != nil {
			take(e)
			*into = doc
		}
	}
	for key, into := range map[string]*json.RawMessage{
		"deployment_plan": &u.Plan, "deployment_update_nodes": &u.Nodes, "modified_entity_ids": &u.ModifiedEntities,
		"central_plugins_to_install": &u.PluginsToInstall, "central_plugins_to_uninstall": &u.PluginsToUninstall, "labels_to_create": &u.Labels,
	} {
		if body[key] != nil {
			data, e := model.EncodeJSON(body[key])
			take(e)
			*into = data
		}
	}
	flag, e := body.Bool("runtime_only_evaluation", false)
	take(e)
	u.RuntimeOnlyEvaluation = flag
	if body["steps"] != nil {
		data, e := model.EncodeJSON(body["steps"])
		take(e)
		if e := model.DecodeJSON(data, &u.Steps); e != nil {
			take(fault.Wrap(e, fault.BadParameters, "steps must be a list of {action, entity_type, entity_id, topology_order}: %v", e))
		}
	}
	if text, _ := body["created_at"].(string); text != "" {
		at, e := api.ParseInstant(text)
		take(e)
		g.CreatedAt = at
	}
	if err == nil && u.Deployment == "" {
		err = body.Need("deployment_id")
	}
	return g, err
}

// putUpdate answers PUT deployment-updates/{id} (rest-api, section 4.5).
func (a *API) putUpdate(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	g, err := decodeGiven(body)
	if err != nil {
		return err
	}
	g.ID = model.UpdateID(api.Param(r, "id"))
	list, err := a.revision.PutUpdates(r.Context(), actor, []revision.GivenUpdate{g})
	if err != nil {
		return err
	}
	return writeUpdate(w, r, list[0])
}

// restoreUpdates answers POST deployment-updates (rest-api, section 4.7).
func (a *API) restoreUpdates(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	if err := actor.RequireTenant("deployment_update_create"); err != nil {
		return err
	}
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	items, err := body.List("deployment_updates")
	if err != nil {
		return err
	}
	if len(items) == 0 {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	list := make([]revision.GivenUpdate, len(items))
	for k, item := range items {
		one, ok := item.(map[string]any)
		if !ok {
			return fault.New(fault.BadParameters, "deployment_updates[%d] must be a dict", k)
		}
		if list[k], err = decodeGiven(one); err != nil {
			return err
		}
		if list[k].ID == "" {
			return api.Body(one).Need("id")
		}
	}
	made, err := a.revision.PutUpdates(r.Context(), actor, list)
	if err != nil {
		return err
	}
	out := make([]api.Record, len(made))
	for k, u := range made {
		out[k] = updateRecord(u)
	}
	api.WriteJSON(w, http.StatusCreated, out)
	return nil
}
