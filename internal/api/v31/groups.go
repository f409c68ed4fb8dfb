package v31

import (
	"net/http"
	"slices"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/service/catalog"
	"github.com/reifyhq/reify/internal/service/group"
)

// inGroup adds the condition of _group_id to a list.
func inGroup(r *http.Request, q *service.Query, field string) {
	if id := r.URL.Query().Get("_group_id"); id != "" {
		q.Where = append(q.Where, service.Condition{Field: field, Values: []string{id}})
	}
}

// unmade is the record of something that does not exist: everything but the named fields is null.
func unmade(r api.Record, but ...string) api.Record {
	for i, f := range r {
		if !slices.Contains(but, f.Name) {
			r[i].Value = nil
		}
	}
	return r
}

// groups are ids as they are, [] when there are none.
func groups(ids []model.DeploymentGroupID) []model.DeploymentGroupID {
	if ids == nil {
		return []model.DeploymentGroupID{}
	}
	return ids
}

func deploymentGroupRecord(g *group.View) api.Record {
	var inputs any
	if g.Inputs != nil {
		inputs = g.Inputs
	}
	members := g.Members
	if members == nil {
		members = []model.DeploymentID{}
	}
	r := api.Record{
		{Name: "created_at", Value: api.Instant(g.CreatedAt)}, {Name: "id", Value: g.ID}, {Name: "visibility", Value: g.Visibility},
		{Name: "description", Value: api.Text(g.Description)}, {Name: "default_inputs", Value: inputs},
		{Name: "creation_counter", Value: g.Counter}, {Name: "default_blueprint_id", Value: api.Text(g.Blueprint)},
	}
	r = append(r, api.Common(g.Resource)...)
	return append(r, api.Field{Name: "deployment_ids", Value: members}, api.Field{Name: "labels", Value: labelRecords(g.Labels)})
}

func (a *API) listDeploymentGroups(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	blank := deploymentGroupRecord(&group.View{DeploymentGroup: &model.DeploymentGroup{}})
	l, err := api.ParseList(r, api.ListSpec{Blank: blank, Search: "id"})
	if err != nil {
		return err
	}
	page, err := a.groups.List(r.Context(), actor, l.Query, l.AllTenants)
	if err != nil {
		return err
	}
	return api.WritePage(l, w, page, deploymentGroupRecord)
}

func (a *API) getDeploymentGroup(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	v, err := a.groups.Get(r.Context(), actor, model.DeploymentGroupID(api.Param(r, "id")))
	if err != nil {
		return err
	}
	return api.WriteOne(w, r, http.StatusOK, deploymentGroupRecord(v))
}

func (a *API) putDeploymentGroup(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	p := group.Put{ID: model.DeploymentGroupID(api.Unescaped(r, "id"))}
	visibility, err := body.Text("visibility")
	if err != nil {
		return err
	}
	p.Visibility = model.Visibility(visibility)
	if p.Description, err = optional[string](body, "description"); err != nil {
		return err
	}
	if p.Blueprint, err = optional[model.BlueprintID](body, "blueprint_id"); err != nil {
		return err
	}
	if p.Inputs, err = body.Object("default_inputs"); err != nil {
		return err
	}
	if p.Labels, err = body.Labels("labels"); err != nil {
		return err
	}
	if p.Members, err = decodeSelection(body); err != nil {
		return err
	}
	if p.New, err = decodeMembers(body); err != nil {
		return err
	}
	p.SetLabels = body["labels"] != nil
	for _, key := range []string{"deployment_ids", "filter_id", "filter_rules", "deployments_from_group"} {
		p.SetMembers = p.SetMembers || body[key] != nil
	}
	v, err := a.groups.Put(r.Context(), actor, p)
	if err != nil {
		return err
	}
	return api.WriteOne(w, r, http.StatusOK, deploymentGroupRecord(v))
}

// optional returns a text, nil when it is missing or null.
func optional[S ~string](body api.Body, key string) (*S, error) {
	if body[key] == nil {
		return nil, nil
	}
	text, err := body.Text(key)
	s := S(text)
	return &s, err
}

func decodeSelection(body api.Body) (s group.Selection, err error) {
	list, err := body.List("deployment_ids")
	if err != nil {
		return s, err
	}
	for _, item := range list {
		id, ok := item.(string)
		if !ok {
			return s, fault.New(fault.BadParameters, "deployment_ids must be a list of ids")
		}
		s.Deployments = append(s.Deployments, model.DeploymentID(id))
	}
	filter, err := body.Text("filter_id")
	if err != nil {
		return s, err
	}
	from, err := body.Text("deployments_from_group")
	if err != nil {
		return s, err
	}
	s.Filter, s.Group = model.FilterID(filter), model.DeploymentGroupID(from)
	rules, err := body.List("filter_rules")
	if err != nil {
		return s, err
	}
	s.Rules, err = catalog.ParseRules(service.Deployments, rules)
	return s, err
}

func decodeMembers(body api.Body) (out []group.NewMember, err error) {
	list, err := body.List("new_deployments")
	if err != nil {
		return nil, err
	}
	for _, item := range list {
		m, ok := item.(map[string]any)
		if !ok {
			return nil, fault.New(fault.BadParameters, "new_deployments must be a list of objects")
		}
		n, err := decodeMember(m)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

func decodeMember(body api.Body) (n group.NewMember, err error) {
	if n.ID, err = body.Text("id"); err != nil {
		return n, err
	}
	if n.Inputs, err = body.Object("inputs"); err != nil {
		return n, err
	}
	if n.Labels, err = body.Labels("labels"); err != nil {
		return n, err
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
	n.SkipPluginsValidation, err = body.Bool("skip_plugins_validation", false)
	return n, err
}

func (a *API) patchDeploymentGroup(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	add, err := body.Object("add")
	if err != nil {
		return err
	}
	remove, err := body.Object("remove")
	if err != nil {
		return err
	}
	var p group.Patch
	if p.Add, err = decodeSelection(api.Body(add)); err != nil {
		return err
	}
	if p.New, err = decodeMembers(api.Body(add)); err != nil {
		return err
	}
	if p.Remove, err = decodeSelection(api.Body(remove)); err != nil {
		return err
	}
	v, err := a.groups.Patch(r.Context(), actor, model.DeploymentGroupID(api.Param(r, "id")), p)
	if err != nil {
		return err
	}
	return api.WriteOne(w, r, http.StatusOK, deploymentGroupRecord(v))
}

func (a *API) deleteDeploymentGroup(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	var how service.Deletion
	var deployments bool
	for key, flag := range map[string]*bool{"delete_deployments": &deployments, "force": &how.Force, "delete_logs": &how.DeleteLogs,
		"recursive": &how.Recursive} {
		var err error
		if *flag, err = api.Flag(r.URL.Query(), key); err != nil {
			return err
		}
	}
	id, err := a.groups.Delete(r.Context(), actor, model.DeploymentGroupID(api.Param(r, "id")), deployments, how)
	if err != nil || id == "" {
		return api.NoContent(w, err)
	}
	api.WriteJSON(w, http.StatusOK, api.Record{{Name: "execution_group_id", Value: id}})
	return nil
}

func executionGroupRecord(g *group.Executions) api.Record {
	var members, status any
	if g.IsFull {
		members, status = g.Members, api.Text(g.Status)
	}
	r := api.Record{
		{Name: "created_at", Value: api.Instant(g.CreatedAt)}, {Name: "id", Value: g.ID}, {Name: "visibility", Value: g.Visibility},
		{Name: "workflow_id", Value: g.Workflow}, {Name: "concurrency", Value: g.Concurrency},
		{Name: "deployment_group_id", Value: api.Text(g.DeploymentGroup)},
	}
	r = append(r, api.Common(g.Resource)...)
	return append(r, api.Field{Name: "execution_ids", Value: members}, api.Field{Name: "status", Value: status})
}

func (a *API) listExecutionGroups(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	l, err := api.ParseList(r, api.ListSpec{Blank: executionGroupRecord(&group.Executions{ExecutionGroup: &model.ExecutionGroup{}}), Search: "id"})
	if err != nil {
		return err
	}
	full, err := api.WantsData(r)
	if err != nil {
		return err
	}
	page, err := a.groups.ListExecutions(r.Context(), actor, l.Query, l.AllTenants, full)
	if err != nil {
		return err
	}
	return api.WritePage(l, w, page, executionGroupRecord)
}

func (a *API) getExecutionGroup(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	all, err := api.Flag(r.URL.Query(), "_all_tenants")
	if err != nil {
		return err
	}
	v, err := a.groups.GetExecutions(r.Context(), actor, model.ExecutionGroupID(api.Param(r, "id")), all)
	if err != nil {
		return err
	}
	return api.WriteOne(w, r, http.StatusOK, executionGroupRecord(v))
}

func (a *API) startExecutionGroup(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	texts, err := body.Texts("deployment_group_id", "workflow_id")
	if err != nil {
		return err
	}
	s := group.Start{Group: model.DeploymentGroupID(texts[0]), Workflow: texts[1], Parameters: map[model.DeploymentID]model.Document{}}
	if s.Defaults, err = body.Object("default_parameters"); err != nil {
		return err
	}
	parameters, err := body.Object("parameters")
	if err != nil {
		return err
	}
	for id, given := range parameters {
		own, ok := given.(map[string]any)
		if !ok && given != nil {
			return fault.New(fault.BadParameters, "the parameters of deployment %s must be an object", id)
		}
		s.Parameters[model.DeploymentID(id)] = own
	}
	if s.Force, err = body.Bool("force", false); err != nil {
		return err
	}
	if s.Concurrency, err = body.Int("concurrency", model.DefaultConcurrency); err != nil {
		return err
	}
	v, err := a.groups.Start(r.Context(), actor, s)
	if err != nil {
		return err
	}
	return api.WriteOne(w, r, http.StatusOK, executionGroupRecord(v))
}

func (a *API) actOnExecutionGroup(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	texts, err := body.Texts("action")
	if err != nil {
		return err
	}
	v, err := a.groups.Act(r.Context(), actor, model.ExecutionGroupID(api.Param(r, "id")), service.Action(texts[0]))
	if err != nil {
		return err
	}
	return api.WriteOne(w, r, http.StatusOK, executionGroupRecord(v))
}

func (a *API) patchExecutionGroup(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	var c group.Change
	if body["concurrency"] != nil {
		n, err := body.Int("concurrency", 0)
		if err != nil {
			return err
		}
		c.Concurrency = &n
	}
	if c.SuccessGroup, err = optional[model.DeploymentGroupID](body, "success_group_id"); err != nil {
		return err
	}
	if c.FailedGroup, err = optional[model.DeploymentGroupID](body, "failure_group_id"); err != nil {
		return err
	}
	v, err := a.groups.Change(r.Context(), actor, model.ExecutionGroupID(api.Param(r, "id")), c)
	if err != nil {
		return err
	}
	return api.WriteOne(w, r, http.StatusOK, executionGroupRecord(v))
}
