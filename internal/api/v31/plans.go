package v31

import (
	"net/http"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/service/planning"
)

// planDeployment answers POST deployments/{id}/plan, which the original does not have: what a workflow, or with the key
// update an update, would do.
func (a *API) planDeployment(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	request, err := decodePlan(body)
	if err != nil {
		return err
	}
	request.Deployment = model.DeploymentID(api.Param(r, "id"))
	plan, err := a.planning.Plan(r.Context(), actor, request)
	if err != nil {
		return err
	}
	api.WriteJSON(w, http.StatusOK, plan)
	return nil
}

func decodePlan(body api.Body) (out planning.Request, err error) {
	if out.Workflow, err = body.Text("workflow_id"); err != nil {
		return out, err
	}
	if out.Parameters, err = body.Object("parameters"); err != nil {
		return out, err
	}
	if out.AllowCustomParameters, err = body.Bool("allow_custom_parameters", false); err != nil {
		return out, err
	}
	if out.Force, err = body.Bool("force", false); err != nil {
		return out, err
	}
	update, err := body.Object("update")
	if err != nil || update == nil {
		if err == nil && out.Workflow == "" {
			err = body.Need("workflow_id")
		}
		return out, err
	}
	n, err := decodeUpdate(api.Body(update))
	if err != nil {
		return out, err
	}
	if n.Workflow != "" {
		return out, fault.New(fault.BadParameters, "an update by a workflow of one's own cannot be planned")
	}
	out.Force = out.Force || n.Force
	out.Update = &planning.Update{Blueprint: n.Blueprint, Inputs: n.Inputs, RuntimeOnlyEvaluation: n.RuntimeOnlyEvaluation,
		ReinstallList: n.ReinstallList, Flags: n.Flags}
	return out, nil
}

// applyPlan answers POST deployments/{id}/apply: it starts what a plan shows.
func (a *API) applyPlan(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	data, err := model.EncodeJSON(body)
	if err != nil {
		return err
	}
	var plan planning.Plan
	if err := model.DecodeJSON(data, &plan); err != nil {
		return fault.Wrap(err, fault.BadParameters, "the body is no plan: %v", err)
	}
	if id := model.DeploymentID(api.Param(r, "id")); plan.Request.Deployment != id {
		return fault.New(fault.BadParameters, "the plan is about deployment %s, not about %s", plan.Request.Deployment, id)
	}
	x, err := a.planning.Apply(r.Context(), actor, &plan)
	if err != nil {
		return err
	}
	api.WriteJSON(w, http.StatusCreated, executionRecord(x, ""))
	return nil
}
