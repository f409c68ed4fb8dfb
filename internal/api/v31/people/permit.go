package people

import (
	"net/http"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
)

// WhyUser explains whether a user has the permission in the query, in the tenant there.
func (a *API) WhyUser(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	q := r.URL.Query()
	if q.Get("permission") == "" {
		return fault.New(fault.BadParameters, "say which permission: ?permission=NAME&tenant=NAME")
	}
	p, err := a.people.Why(r.Context(), actor, model.UserName(api.Param(r, "name")), q.Get("permission"), model.TenantName(q.Get("tenant")))
	if err != nil {
		return err
	}
	grants := []api.Record{}
	for _, g := range p.Grants {
		grants = append(grants, api.Record{{Name: "role", Value: g.Role}, {Name: "group", Value: api.Text(g.Group)},
			{Name: "tenant_name", Value: api.Text(g.Tenant)}, {Name: "has_permission", Value: g.Has}})
	}
	list := func(names []string) []string { return append([]string{}, names...) }
	elsewhere := make([]string, len(p.Elsewhere))
	for i, t := range p.Elsewhere {
		elsewhere[i] = string(t)
	}
	api.WriteJSON(w, http.StatusOK, api.Record{{Name: "username", Value: p.User}, {Name: "permission", Value: p.Permission},
		{Name: "tenant_name", Value: api.Text(p.Tenant)}, {Name: "allowed", Value: p.IsAllowed}, {Name: "summary", Value: p.Summary},
		{Name: "grants", Value: grants}, {Name: "roles_with_permission", Value: list(p.Holders)}, {Name: "allowed_in_tenants", Value: elsewhere},
		{Name: "next", Value: api.Text(p.Next)}})
	return nil
}
