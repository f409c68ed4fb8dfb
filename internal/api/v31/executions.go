package v31

import (
	"net/http"
	"slices"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/service/custody"
)

// displayName is the display name of an execution's deployment; it is the id unless the deployment says otherwise.
func executionRecord(x *model.Execution, displayName string) api.Record {
	if displayName == "" {
		displayName = string(x.Deployment)
	}
	// The original answers an error of "" for executions that began, and null before.
	var text any = x.Error
	if x.Error == "" && x.Status == model.ExecutionPending {
		text = nil
	}
	parameters := x.Parameters
	if parameters == nil {
		parameters = model.Document{}
	}
	r := api.Record{
		{Name: "created_at", Value: api.Instant(x.CreatedAt)}, {Name: "visibility", Value: x.Visibility}, {Name: "id", Value: x.ID},
		{Name: "ended_at", Value: api.Instant(x.EndedAt)}, {Name: "error", Value: text}, {Name: "is_system_workflow", Value: x.IsSystem},
		{Name: "parameters_p", Value: nil}, {Name: "parameters", Value: parameters}, {Name: "status", Value: x.Status},
		{Name: "workflow_id", Value: x.Workflow}, {Name: "started_at", Value: api.Instant(x.StartedAt)},
		{Name: "scheduled_for", Value: api.Instant(x.ScheduledAt)}, {Name: "is_dry_run", Value: x.IsDryRun}, {Name: "resume", Value: x.Resume},
		{Name: "total_operations", Value: x.TotalOperations}, {Name: "finished_operations", Value: x.FinishedOperations},
		{Name: "allow_custom_parameters", Value: x.AllowCustomParameters}, {Name: "blueprint_id", Value: api.Text(x.Blueprint)},
		{Name: "deployment_display_name", Value: api.Text(displayName)}, {Name: "deployment_id", Value: api.Text(x.Deployment)},
		{Name: "status_display", Value: x.Status.Display()},
	}
	return append(r, api.Common(x.Resource)...)
}

func (a *API) writeExecution(w http.ResponseWriter, r *http.Request, status int, x *model.Execution) error {
	include, err := api.Include(r, executionRecord(&model.Execution{}, ""))
	if err != nil {
		return err
	}
	api.WriteJSON(w, status, executionRecord(x, "").Pick(include))
	return nil
}

// deleteExecutions deletes those that are over and that the filters select.
func (a *API) deleteExecutions(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	l, err := api.ParseList(r, api.ListSpec{Blank: executionRecord(&model.Execution{}, "")})
	if err != nil {
		return err
	}
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	var keep custody.Retention
	if body["keep_last"] != nil {
		n, err := body.Int("keep_last", 0)
		if err != nil {
			return err
		}
		keep.Keep = &n
	}
	before, err := body.Text("to_datetime")
	if err != nil {
		return err
	}
	if before != "" {
		if keep.Before, err = api.ParseInstant(before); err != nil {
			return err
		}
	}
	n, err := a.custody.DeleteExecutions(r.Context(), actor, l.Query, l.AllTenants, keep)
	if err != nil {
		return err
	}
	l.Size, l.Offset = api.DefaultPageSize, 0
	return l.WriteWhole(w, []api.Record{{{Name: "count", Value: n}}})
}

func (a *API) listExecutions(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	l, err := api.ParseList(r, api.ListSpec{Blank: executionRecord(&model.Execution{}, ""), Search: "id",
		Filters: []string{"execution_group_id"}})
	if err != nil {
		return err
	}
	inGroup(r, &l.Query, "execution_group_id")
	system, err := api.Flag(r.URL.Query(), "_include_system_workflows")
	if err != nil {
		return err
	}
	asked := slices.ContainsFunc(l.Query.Where, func(c service.Condition) bool { return c.Field == "is_system_workflow" })
	if !system && !asked {
		l.Query.Where = append(l.Query.Where, service.Condition{Field: "is_system_workflow", Values: []string{"false"}})
	}
	page, err := a.svc.Executions(r.Context(), actor, l.Query, l.AllTenants)
	if err != nil {
		return err
	}
	items := make([]api.Record, 0, len(page.Items))
	for _, x := range page.Items {
		items = append(items, executionRecord(x, ""))
	}
	return l.Write(w, items, page.Total)
}

func (a *API) getExecution(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	x, err := a.svc.Execution(r.Context(), actor, model.ExecutionID(api.Param(r, "id")))
	if err != nil {
		return err
	}
	return a.writeExecution(w, r, http.StatusOK, x)
}

func (a *API) startExecution(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	start, err := decodeStart(body)
	if err != nil {
		return err
	}
	at, err := body.Text("scheduled_time")
	if err != nil {
		return err
	}
	if at != "" {
		x, err := a.schedules.Later(r.Context(), actor, start, at)
		if err != nil {
			return err
		}
		api.WriteJSON(w, http.StatusCreated, unmade(executionRecord(x, ""), "status", "status_display"))
		return nil
	}
	x, err := a.svc.StartExecution(r.Context(), actor, start)
	if err != nil {
		return err
	}
	return a.writeExecution(w, r, http.StatusCreated, x)
}

func decodeStart(body api.Body) (s service.Start, err error) {
	for _, key := range []string{"deployment_id", "workflow_id"} {
		if err := body.Need(key); err != nil {
			return s, err
		}
	}
	deployment, err := body.Text("deployment_id")
	if err != nil {
		return s, err
	}
	s.Deployment = model.DeploymentID(deployment)
	if s.Workflow, err = body.Text("workflow_id"); err != nil {
		return s, err
	}
	if s.Parameters, err = body.Object("parameters"); err != nil {
		return s, err
	}
	for key, flag := range map[string]*bool{
		"allow_custom_parameters": &s.AllowCustomParameters, "force": &s.Force, "dry_run": &s.DryRun, "queue": &s.Queue,
	} {
		if *flag, err = body.Bool(key, false); err != nil {
			return s, err
		}
	}
	s.WaitAfterFail, err = body.Int("wait_after_fail", 0)
	return s, err
}

func (a *API) actOnExecution(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	if err := body.Need("action"); err != nil {
		return err
	}
	action, err := body.Text("action")
	if err != nil {
		return err
	}
	x, err := a.svc.Act(r.Context(), actor, model.ExecutionID(api.Param(r, "id")), service.Action(action))
	if err != nil {
		return err
	}
	return a.writeExecution(w, r, http.StatusOK, x)
}

func (a *API) patchExecution(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	if err := body.Need("status"); err != nil {
		return err
	}
	status, err := body.Text("status")
	if err != nil {
		return err
	}
	if !slices.Contains(model.ExecutionStatuses, model.ExecutionStatus(status)) {
		return fault.New(fault.BadParameters, "%q is not a status of an execution", status)
	}
	text, err := body.Text("error")
	if err != nil {
		return err
	}
	x, err := a.svc.SetStatus(r.Context(), actor, model.ExecutionID(api.Param(r, "id")), model.ExecutionStatus(status), text)
	if err != nil {
		return err
	}
	return a.writeExecution(w, r, http.StatusOK, x)
}

func graphRecord(g *model.Graph, of model.Resource) api.Record {
	r := api.Record{
		{Name: "created_at", Value: api.Instant(g.CreatedAt)}, {Name: "visibility", Value: of.Visibility}, {Name: "id", Value: g.ID},
		{Name: "name", Value: g.Name}, {Name: "execution_id", Value: g.Execution},
	}
	return append(r, api.Common(of)...)
}

func (a *API) listGraphs(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	q := r.URL.Query()
	id := model.ExecutionID(q.Get("execution_id"))
	if id == "" {
		return fault.New(fault.BadParameters, "execution_id is required: name the execution whose graphs are wanted")
	}
	l, err := api.ParseList(r, api.ListSpec{Blank: graphRecord(&model.Graph{}, model.Resource{})})
	if err != nil {
		return err
	}
	x, err := a.svc.Execution(r.Context(), actor, id)
	if err != nil {
		return err
	}
	graphs, err := a.svc.Graphs(r.Context(), actor, id, q.Get("name"))
	if err != nil {
		return err
	}
	items := make([]api.Record, 0, len(graphs))
	for _, g := range graphs {
		items = append(items, graphRecord(g, x.Resource))
	}
	return l.Write(w, items, len(items))
}

func operationRecord(t *model.Task) api.Record {
	deps := t.Dependencies
	if deps == nil {
		deps = []model.TaskID{}
	}
	return api.Record{
		{Name: "created_at", Value: api.Instant(t.CreatedAt)}, {Name: "id", Value: t.ID}, {Name: "name", Value: t.Name},
		{Name: "state", Value: t.State}, {Name: "dependencies", Value: deps}, {Name: "type", Value: t.Type},
		{Name: "parameters", Value: taskParameters(&t.Parameters)}, {Name: "manager_name", Value: api.Text(t.ManagerName)},
		{Name: "agent_name", Value: api.Text(t.AgentName)}, {Name: "tasks_graph_id", Value: t.Graph},
	}
}

func (a *API) listOperations(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	q := r.URL.Query()
	if (q.Get("graph_id") == "") == (q.Get("execution_id") == "") {
		return fault.New(fault.BadParameters, "Either graph_id or execution_id must be specified, and not both of them")
	}
	skip := q.Get("skip_internal") != ""
	q.Del("skip_internal")
	r.URL.RawQuery = q.Encode()
	l, err := api.ParseList(r, api.ListSpec{Blank: operationRecord(&model.Task{}), Filters: []string{"graph_id", "execution_id"}})
	if err != nil {
		return err
	}
	if skip {
		l.Query.Where = append(l.Query.Where, service.Condition{Field: "type",
			Values: []string{string(model.TaskSubgraph), string(model.TaskRemote)}})
	}
	page, err := a.svc.Tasks(r.Context(), actor, l.Query)
	if err != nil {
		return err
	}
	items := make([]api.Record, 0, len(page.Items))
	for _, t := range page.Items {
		items = append(items, operationRecord(t))
	}
	return l.Write(w, items, page.Total)
}

func (a *API) getOperation(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	t, err := a.svc.Task(r.Context(), actor, model.TaskID(api.Param(r, "id")))
	if err != nil {
		return err
	}
	api.WriteJSON(w, http.StatusOK, operationRecord(t))
	return nil
}
