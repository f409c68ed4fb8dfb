package v31

import (
	"net/http"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
)

func filterRecord(f *model.Filter) api.Record {
	byType := map[string][]model.FilterRule{model.RuleLabel: {}, model.RuleAttribute: {}}
	for _, rule := range f.Rules {
		byType[rule.Type] = append(byType[rule.Type], rule)
	}
	rules := f.Rules
	if rules == nil {
		rules = []model.FilterRule{}
	}
	r := api.Record{
		{Name: "created_at", Value: api.Instant(f.CreatedAt)}, {Name: "id", Value: f.ID}, {Name: "visibility", Value: f.Visibility},
		{Name: "value", Value: rules}, {Name: "updated_at", Value: api.Instant(f.UpdatedAt)}, {Name: "is_system_filter", Value: f.IsSystem},
	}
	r = append(r, api.Common(f.Resource)...)
	return append(r, api.Field{Name: "labels_filter_rules", Value: byType[model.RuleLabel]},
		api.Field{Name: "attrs_filter_rules", Value: byType[model.RuleAttribute]})
}

// filterKind is the kind of resource that a route about filters or labels names.
func filterKind(r *http.Request) service.Kind { return service.Kind(param(r, "kind")) }

func (a *API) listFilters(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	l, err := api.ParseList(r, api.ListSpec{Blank: filterRecord(&model.Filter{}), Search: "id"})
	if err != nil {
		return err
	}
	page, err := a.catalog.Filters(r.Context(), actor, filterKind(r), l.Query, l.AllTenants)
	if err != nil {
		return err
	}
	return write(l, w, page, filterRecord)
}

func (a *API) getFilter(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	f, err := a.catalog.Filter(r.Context(), actor, filterKind(r), model.FilterID(param(r, "id")))
	if err != nil {
		return err
	}
	return writeOne(w, r, http.StatusOK, filterRecord(f))
}

func (a *API) createFilter(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	rules, visibility, err := filterBody(w, r, true)
	if err != nil {
		return err
	}
	f, err := a.catalog.CreateFilter(r.Context(), actor, filterKind(r), model.FilterID(unescaped(r, "id")), visibility, rules)
	if err != nil {
		return err
	}
	return writeOne(w, r, http.StatusOK, filterRecord(f))
}

func (a *API) updateFilter(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	rules, visibility, err := filterBody(w, r, false)
	if err != nil {
		return err
	}
	f, err := a.catalog.UpdateFilter(r.Context(), actor, filterKind(r), model.FilterID(param(r, "id")), visibility, rules)
	if err != nil {
		return err
	}
	return writeOne(w, r, http.StatusOK, filterRecord(f))
}

func filterBody(w http.ResponseWriter, r *http.Request, needRules bool) ([]any, model.Visibility, error) {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return nil, "", err
	}
	if needRules {
		if err := body.Need("filter_rules"); err != nil {
			return nil, "", err
		}
	}
	rules, err := body.List("filter_rules")
	if err != nil {
		return nil, "", err
	}
	visibility, err := body.Text("visibility")
	return rules, model.Visibility(visibility), err
}

func (a *API) deleteFilter(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	return noContent(w, a.catalog.DeleteFilter(r.Context(), actor, filterKind(r), model.FilterID(param(r, "id"))))
}
