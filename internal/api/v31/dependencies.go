package v31

import (
	"net/http"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/service/relations"
)

// optional is a document as it is, null when there is none.
func documentOrNull(d model.Document) any {
	if d == nil {
		return nil
	}
	return d
}

func dependencyRecord(d *model.Dependency) api.Record {
	r := api.Record{
		{Name: "created_at", Value: api.Instant(d.CreatedAt)}, {Name: "id", Value: d.ID}, {Name: "visibility", Value: d.Visibility},
		{Name: "dependency_creator", Value: d.Creator}, {Name: "target_deployment_func", Value: documentOrNull(d.TargetFunction)},
		{Name: "external_source", Value: documentOrNull(d.ExternalSource)}, {Name: "external_target", Value: documentOrNull(d.ExternalTarget)},
		{Name: "source_deployment_id", Value: api.Text(d.Source)}, {Name: "target_deployment_id", Value: api.Text(d.Target)},
	}
	return append(r, api.Common(d.Resource)...)
}

var blankDependency = dependencyRecord(&model.Dependency{})

func (a *API) listDependencies(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	l, err := api.ParseList(r, api.ListSpec{Blank: blankDependency, Search: "dependency_creator"})
	if err != nil {
		return err
	}
	page, err := a.relations.Dependencies(r.Context(), actor, l.Query, l.AllTenants)
	if err != nil {
		return err
	}
	items := make([]api.Record, 0, len(page.Items))
	for _, d := range page.Items {
		items = append(items, dependencyRecord(d))
	}
	return l.Write(w, items, page.Total)
}

// decodeDependency reads a dependency; the names of both routes that take one are known.
func decodeDependency(body api.Body) (out relations.Request, err error) {
	text := func(into func(string), keys ...string) {
		for _, key := range keys {
			if v, e := body.Text(key); err == nil && (e != nil || v != "") {
				into(v)
				err = e
			}
		}
	}
	text(func(v string) { out.Creator = v }, "dependency_creator")
	text(func(v string) { out.ID = model.DependencyID(v) }, "id")
	text(func(v string) { out.Source = model.DeploymentID(v) }, "source_deployment", "source_deployment_id")
	text(func(v string) { out.Target = model.DeploymentID(v) }, "target_deployment", "target_deployment_id")
	text(func(v string) { out.Visibility = model.Visibility(v) }, "visibility")
	for key, into := range map[string]*model.Document{
		"target_deployment_func": &out.TargetFunction, "external_source": &out.ExternalSource, "external_target": &out.ExternalTarget,
	} {
		// A function may be the plain id of a deployment, which says no more than the target does.
		if name, isText := body[key].(string); isText && key == "target_deployment_func" {
			*into = model.Document{"function": name, "context": map[string]any{}}
			continue
		}
		doc, e := body.Object(key)
		if err == nil {
			*into, err = doc, e
		}
	}
	if out.Target == " " {
		out.Target = ""
	}
	return out, err
}

func (a *API) createDependency(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	if _, err := body.Texts("dependency_creator", "source_deployment"); err != nil {
		return err
	}
	request, err := decodeDependency(body)
	if err != nil {
		return err
	}
	d, err := a.relations.Create(r.Context(), actor, request)
	if err != nil {
		return err
	}
	api.WriteJSON(w, http.StatusOK, dependencyRecord(d))
	return nil
}

func (a *API) deleteDependency(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	for _, key := range []string{"dependency_creator", "source_deployment", "is_component_deletion"} {
		if err := body.Need(key); err != nil {
			return err
		}
	}
	request, err := decodeDependency(body)
	if err != nil {
		return err
	}
	if err := a.relations.Delete(r.Context(), actor, request); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func decodeDependencies(body api.Body) ([]relations.Request, error) {
	if err := body.Need("inter_deployment_dependencies"); err != nil {
		return nil, err
	}
	list, err := body.List("inter_deployment_dependencies")
	if err != nil {
		return nil, err
	}
	out := make([]relations.Request, len(list))
	for k, item := range list {
		entry, ok := item.(map[string]any)
		if !ok {
			return nil, fault.New(fault.BadParameters, "inter_deployment_dependencies[%d] must be a dict", k)
		}
		if _, err := api.Body(entry).Texts("dependency_creator"); err != nil {
			return nil, err
		}
		if out[k], err = decodeDependency(entry); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func writeDependencyIDs(w http.ResponseWriter, status int, list []*model.Dependency) {
	out := make([]api.Record, len(list))
	for k, d := range list {
		out[k] = api.Record{{Name: "id", Value: d.ID}}
	}
	api.WriteJSON(w, status, out)
}

func (a *API) restoreDependencies(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	source, err := body.Texts("source_deployment_id")
	if err != nil {
		return err
	}
	list, err := decodeDependencies(body)
	if err != nil {
		return err
	}
	made, err := a.relations.Restore(r.Context(), actor, model.DeploymentID(source[0]), list)
	if err != nil {
		return err
	}
	writeDependencyIDs(w, http.StatusCreated, made)
	return nil
}

func (a *API) replaceDependencies(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	list, err := decodeDependencies(body)
	if err != nil {
		return err
	}
	made, err := a.relations.Replace(r.Context(), actor, model.DeploymentID(api.Param(r, "id")), list)
	if err != nil {
		return err
	}
	writeDependencyIDs(w, http.StatusOK, made)
	return nil
}

// related narrows a list of deployments to those that another depends on, or to those that are no components.
func (a *API) related(r *http.Request, actor *service.Actor, q *service.Query) error {
	if id := r.URL.Query().Get("_dependencies_of"); id != "" {
		targets, err := a.relations.TargetsOf(r.Context(), actor, model.DeploymentID(id))
		if err != nil {
			return err
		}
		// A condition without values holds for nothing, which is right: it depends on nothing.
		c := service.Condition{Field: "id", Values: []string{}}
		for _, t := range targets {
			c.Values = append(c.Values, string(t))
		}
		q.Where = append(q.Where, c)
	}
	only, err := api.Flag(r.URL.Query(), "_environments_only")
	if err != nil || !only {
		return err
	}
	components, err := a.relations.ComponentDeployments(r.Context(), actor)
	if err != nil || len(components) == 0 {
		return err
	}
	rule := model.FilterRule{Key: "id", Operator: "not_any_of", Type: "attribute"}
	for _, id := range components {
		rule.Values = append(rule.Values, string(id))
	}
	q.Rules = append(q.Rules, rule)
	return nil
}
