package v31

import (
	"net/http"
	"sort"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/service/custody"
)

// latestStatus is the summary of an execution's status for latest_execution_status (rest-model, section 3.2).
func latestStatus(x *model.Execution) any {
	switch {
	case x == nil, x.Status == model.ExecutionScheduled:
		return nil
	case x.Status.Ended():
		return x.Status.Display()
	}
	return "in_progress"
}

func environmentType(d *model.Deployment) string {
	for _, l := range d.Labels {
		if l.Key == "csys-env-type" {
			return l.Value
		}
	}
	return ""
}

func workflowRecords(v *service.DeploymentView) []api.Record {
	names := make([]string, 0, len(v.Workflows))
	for name := range v.Workflows {
		names = append(names, name)
	}
	sort.Strings(names)
	out := make([]api.Record, 0, len(names))
	for _, name := range names {
		wf := v.Workflows[name]
		parameters := wf.Parameters
		if parameters == nil {
			parameters = map[string]model.WorkflowParameter{}
		}
		out = append(out, api.Record{
			{Name: "name", Value: name}, {Name: "plugin", Value: wf.Plugin}, {Name: "operation", Value: wf.Operation},
			{Name: "parameters", Value: parameters}, {Name: "is_cascading", Value: wf.IsCascading},
			{Name: "is_available", Value: v.Available(wf)}, {Name: "availability_rules", Value: wf.AvailabilityRules},
		})
	}
	return out
}

func deploymentRecord(v *service.DeploymentView) api.Record {
	d := v.Deployment
	var latestID, finished, total, workflow any
	if x := v.Latest; x != nil {
		latestID, finished, total, workflow = x.ID, x.FinishedOperations, x.TotalOperations, x.Workflow
	}
	scaling := d.ScalingGroups
	if scaling == nil {
		scaling = map[string]model.ScalingGroup{}
	}
	r := api.Record{
		{Name: "created_at", Value: api.Instant(d.CreatedAt)}, {Name: "id", Value: d.ID}, {Name: "visibility", Value: d.Visibility},
		{Name: "description", Value: api.Text(d.Description)}, {Name: "inputs_p", Value: nil}, {Name: "inputs", Value: api.Object(d.Inputs)}, {Name: "groups_p", Value: nil}, {Name: "groups", Value: api.Raw(d.Groups)},
		{Name: "permalink", Value: nil}, {Name: "policy_triggers_p", Value: nil}, {Name: "policy_triggers", Value: api.Raw(d.PolicyTriggers)}, {Name: "policy_types_p", Value: nil}, {Name: "policy_types", Value: api.Raw(d.PolicyTypes)},
		{Name: "outputs_p", Value: nil}, {Name: "outputs", Value: api.Object(d.Outputs)}, {Name: "capabilities_p", Value: nil}, {Name: "capabilities", Value: api.Object(d.Capabilities)},
		{Name: "scaling_groups_p", Value: nil}, {Name: "scaling_groups", Value: scaling}, {Name: "updated_at", Value: api.Instant(d.UpdatedAt)},
		{Name: "workflows_p", Value: nil}, {Name: "workflows", Value: workflowRecords(v)}, {Name: "runtime_only_evaluation", Value: d.RuntimeOnlyEvaluation},
		{Name: "installation_status", Value: d.InstallationStatus}, {Name: "deployment_status", Value: d.Status},
		{Name: "sub_services_status", Value: api.Text(d.SubServicesStatus)}, {Name: "sub_environments_status", Value: api.Text(d.SubEnvironmentsStatus)},
		{Name: "sub_services_count", Value: d.SubServices}, {Name: "sub_environments_count", Value: d.SubEnvironments},
		{Name: "display_name", Value: d.DisplayName}, {Name: "resource_tags", Value: api.Raw(d.ResourceTags)},
		{Name: "drifted_instances", Value: v.Drifted}, {Name: "unavailable_instances", Value: v.Unhealthy},
		{Name: "latest_execution", Value: latestID}, {Name: "latest_execution_finished_operations", Value: finished},
		{Name: "latest_execution_total_operations", Value: total}, {Name: "latest_execution_workflow_id", Value: workflow},
		{Name: "create_execution", Value: api.Text(d.CreateExecution)}, {Name: "blueprint_id", Value: d.Blueprint},
		{Name: "site_name", Value: api.Text(d.SiteName)}, {Name: "latest_execution_status", Value: latestStatus(v.Latest)},
		{Name: "environment_type", Value: environmentType(d)}, {Name: "has_sub_deployments", Value: d.SubServices+d.SubEnvironments > 0},
	}
	r = append(r, api.Common(d.Resource)...)
	return append(r, api.Field{Name: "workdir_zip", Value: nil}, api.Field{Name: "labels", Value: labelRecords(d.Labels)},
		api.Field{Name: "deployment_groups", Value: groups(v.Groups)})
}

var blankDeployment = deploymentRecord(&service.DeploymentView{Deployment: &model.Deployment{}})

func (a *API) writeDeployment(w http.ResponseWriter, r *http.Request, status int, v *service.DeploymentView) error {
	include, err := api.Include(r, blankDeployment)
	if err != nil {
		return err
	}
	api.WriteJSON(w, status, deploymentRecord(v).Pick(include))
	return nil
}

func (a *API) listDeployments(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	l, err := a.lists.Parse(r, actor, service.Deployments, api.ListSpec{Blank: blankDeployment, Search: "id", Filters: []string{"deployment_group_id"}})
	if err != nil {
		return err
	}
	inGroup(r, &l.Query, "deployment_group_id")
	if name := r.URL.Query().Get("_search_name"); name != "" {
		l.Query.Search = append(l.Query.Search, service.Search{Field: "display_name", Text: name})
	}
	if err := a.related(r, actor, &l.Query); err != nil {
		return err
	}
	page, err := a.svc.Deployments(r.Context(), actor, l.Query, l.AllTenants)
	if err != nil {
		return err
	}
	items := make([]api.Record, 0, len(page.Items))
	for _, v := range page.Items {
		items = append(items, deploymentRecord(v))
	}
	if err := a.lists.Count(r, actor, service.Deployments, l, page.Total); err != nil {
		return err
	}
	return l.Write(w, items, page.Total)
}

func (a *API) getDeployment(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	v, err := a.svc.Deployment(r.Context(), actor, model.DeploymentID(api.Param(r, "id")))
	if err != nil {
		return err
	}
	if r.URL.Query().Has("all_sub_deployments") {
		all, err := api.Flag(r.URL.Query(), "all_sub_deployments")
		if err != nil {
			return err
		}
		if !all {
			if err := a.relations.OnlyChildren(r.Context(), v); err != nil {
				return err
			}
		}
	}
	return a.writeDeployment(w, r, http.StatusOK, v)
}

func (a *API) createDeployment(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	if err := body.Need("blueprint_id"); err != nil {
		return err
	}
	n, err := decodeDeployment(body)
	if err != nil {
		return err
	}
	n.ID = model.DeploymentID(api.Param(r, "id"))
	if n.Async, err = api.Flag(r.URL.Query(), "async_create"); err != nil {
		return err
	}
	d, err := a.svc.CreateDeployment(r.Context(), actor, n)
	if err != nil {
		return err
	}
	v, err := a.svc.Deployment(r.Context(), actor, d.ID)
	if err != nil {
		return err
	}
	return a.writeDeployment(w, r, http.StatusCreated, v)
}

func decodeDeployment(body api.Body) (n service.NewDeployment, err error) {
	blueprint, err := body.Text("blueprint_id")
	if err != nil {
		return n, err
	}
	n.Blueprint = model.BlueprintID(blueprint)
	if n.Inputs, err = body.Object("inputs"); err != nil {
		return n, err
	}
	if n.Inputs == nil {
		n.Inputs = model.Document{}
	}
	visibility, err := body.Text("visibility")
	if err != nil {
		return n, err
	}
	n.Visibility = model.Visibility(visibility)
	if visibility != "" && !n.Visibility.Valid() {
		return n, fault.New(fault.BadParameters, "Invalid visibility: `%s`. Valid visibility's values are: ['private', 'tenant', 'global']", visibility)
	}
	if n.DisplayName, err = body.Text("display_name"); err != nil {
		return n, err
	}
	site, err := body.Text("site_name")
	if err != nil {
		return n, err
	}
	n.Site = model.SiteName(site)
	if n.RuntimeOnlyEvaluation, err = body.Bool("runtime_only_evaluation", false); err != nil {
		return n, err
	}
	if n.SkipPluginsValidation, err = body.Bool("skip_plugins_validation", false); err != nil {
		return n, err
	}
	n.Labels, err = body.Labels("labels")
	return n, err
}

// setOnce are the attributes that only an update of the deployment may change.
var setOnce = []string{"description", "workflows", "inputs", "policy_types", "policy_triggers", "groups", "scaling_groups",
	"outputs", "capabilities", "runtime_only_evaluation", "resource_tags", "blueprint_id"}

func (a *API) patchDeployment(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	if len(body) == 0 {
		return fault.New(fault.IllegalAction, "Update a deployment request must include at least one parameter to update")
	}
	for _, key := range setOnce {
		if _, ok := body[key]; ok {
			return fault.New(fault.Conflict, "%s is already set", key)
		}
	}
	id := model.DeploymentID(api.Param(r, "id"))
	name, err := body.Text("display_name")
	if err != nil {
		return err
	}
	delete(body, "display_name")
	owner, labels, hasLabels, err := ownerAndLabels(body)
	if err != nil {
		return err
	}
	if owner != "" || name != "" {
		change := custody.DeploymentChange{Owner: owner, DisplayName: name}
		if err := a.custody.ChangeDeployment(r.Context(), actor, id, change); err != nil {
			return err
		}
	}
	if !hasLabels {
		return a.getDeployment(w, r, actor)
	}
	v, err := a.svc.SetDeploymentLabels(r.Context(), actor, id, labels)
	if err != nil {
		return err
	}
	return a.writeDeployment(w, r, http.StatusOK, v)
}

func (a *API) setDeploymentVisibility(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	visibility, err := api.ReadVisibility(w, r)
	if err != nil {
		return err
	}
	v, err := a.svc.SetDeploymentVisibility(r.Context(), actor, model.DeploymentID(api.Param(r, "id")), visibility)
	if err != nil {
		return err
	}
	return a.writeDeployment(w, r, http.StatusOK, v)
}

func (a *API) setSite(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	site, err := body.Text("site_name")
	if err != nil {
		return err
	}
	detach, err := body.Bool("detach_site", false)
	if err != nil {
		return err
	}
	if (site != "") == detach {
		return fault.New(fault.BadParameters, "Must provide either a `site_name` of a valid site or `detach_site` with true value for "+
			"detaching the current site of the given deployment")
	}
	v, err := a.svc.SetSite(r.Context(), actor, model.DeploymentID(api.Param(r, "id")), model.SiteName(site))
	if err != nil {
		return err
	}
	return a.writeDeployment(w, r, http.StatusOK, v)
}

func (a *API) deleteDeployment(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	var how service.Deletion
	for key, flag := range map[string]*bool{"force": &how.Force, "delete_logs": &how.DeleteLogs, "recursive": &how.Recursive} {
		var err error
		if *flag, err = api.Flag(r.URL.Query(), key); err != nil {
			return err
		}
	}
	if err := a.svc.DeleteDeployment(r.Context(), actor, model.DeploymentID(api.Param(r, "id")), how); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) deploymentOutputs(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	id := model.DeploymentID(api.Param(r, "id"))
	values, err := a.svc.Outputs(r.Context(), actor, id)
	if err != nil {
		return err
	}
	api.WriteJSON(w, http.StatusOK, api.Record{{Name: "deployment_id", Value: id}, {Name: "outputs", Value: values}})
	return nil
}

func (a *API) deploymentCapabilities(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	id := model.DeploymentID(api.Param(r, "id"))
	values, err := a.svc.Capabilities(r.Context(), actor, id)
	if err != nil {
		return err
	}
	api.WriteJSON(w, http.StatusOK, api.Record{{Name: "deployment_id", Value: id}, {Name: "capabilities", Value: values}})
	return nil
}
