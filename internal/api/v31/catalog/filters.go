package catalog

import (
	"net/http"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/api/v31/search"
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

// ListFilters answers GET /filters/{kind}.
func (a *API) ListFilters(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	l, err := api.ParseList(r, api.ListSpec{Blank: filterRecord(&model.Filter{}), Search: "id"})
	if err != nil {
		return err
	}
	page, err := a.catalog.Filters(r.Context(), actor, search.Kind(r), l.Query, l.AllTenants)
	if err != nil {
		return err
	}
	return api.WritePage(l, w, page, filterRecord)
}

// GetFilter answers GET /filters/{kind}/{id}.
func (a *API) GetFilter(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	f, err := a.catalog.Filter(r.Context(), actor, search.Kind(r), model.FilterID(api.Param(r, "id")))
	if err != nil {
		return err
	}
	return api.WriteOne(w, r, http.StatusOK, filterRecord(f))
}

// CreateFilter answers PUT /filters/{kind}/{id}.
func (a *API) CreateFilter(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	rules, visibility, err := filterBody(w, r, true)
	if err != nil {
		return err
	}
	f, err := a.catalog.CreateFilter(r.Context(), actor, search.Kind(r), model.FilterID(api.Unescaped(r, "id")), visibility, rules)
	if err != nil {
		return err
	}
	return api.WriteOne(w, r, http.StatusOK, filterRecord(f))
}

// UpdateFilter answers PATCH /filters/{kind}/{id}.
func (a *API) UpdateFilter(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	rules, visibility, err := filterBody(w, r, false)
	if err != nil {
		return err
	}
	f, err := a.catalog.UpdateFilter(r.Context(), actor, search.Kind(r), model.FilterID(api.Param(r, "id")), visibility, rules)
	if err != nil {
		return err
	}
	return api.WriteOne(w, r, http.StatusOK, filterRecord(f))
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

// DeleteFilter answers DELETE /filters/{kind}/{id}.
func (a *API) DeleteFilter(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	return api.NoContent(w, a.catalog.DeleteFilter(r.Context(), actor, search.Kind(r), model.FilterID(api.Param(r, "id"))))
}
