package people

import (
	"net/http"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/service/people"
)

// tenantRecord shows a tenant. The names of a message broker's accounts, which this manager does not have, are answered
// in the form of the original to whom may see them.
func tenantRecord(t *people.Tenant, withData, withBroker bool) api.Record {
	var groups, users, roles any = len(t.Groups), len(t.Users), nil
	if withData {
		direct, members := map[model.UserName]string{}, map[model.UserName]membership{}
		for _, u := range t.Users {
			members[u.Name] = member(u, t.Name)
			if role := u.TenantRoles[t.Name]; role != "" {
				direct[u.Name] = role
			}
		}
		in, through := map[model.GroupName]string{}, map[model.GroupName]any{}
		for _, g := range t.Groups {
			names := g.Users
			if names == nil {
				names = []model.UserName{}
			}
			in[g.Name] = g.TenantRoles[t.Name]
			through[g.Name] = map[string]any{"role": g.TenantRoles[t.Name], "users": names}
		}
		groups, users = in, members
		roles = map[string]any{"direct": direct, "groups": through}
	}
	var user, password, vhost any
	if withBroker {
		user, password, vhost = "rabbitmq_user_"+string(t.Name), "-", "rabbitmq_vhost_"+string(t.Name)
	}
	return api.Record{
		{Name: "name", Value: t.Name}, {Name: "groups", Value: groups}, {Name: "users", Value: users}, {Name: "user_roles", Value: roles},
		{Name: "rabbitmq_username", Value: user}, {Name: "rabbitmq_password", Value: password}, {Name: "rabbitmq_vhost", Value: vhost},
	}
}

func (a *API) writeTenant(w http.ResponseWriter, r *http.Request, actor *service.Actor, status int, t *people.Tenant) error {
	data, err := api.WantsData(r)
	if err != nil {
		return err
	}
	return api.WriteOne(w, r, status, tenantRecord(t, data, actor.Allows(t.Name, "tenant_rabbitmq_credentials")))
}

// ListTenants answers GET /tenants.
func (a *API) ListTenants(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	l, err := api.ParseList(r, api.ListSpec{Blank: tenantRecord(&people.Tenant{}, false, false), Search: "name"})
	if err != nil {
		return err
	}
	data, err := api.WantsData(r)
	if err != nil {
		return err
	}
	page, err := a.people.Tenants(r.Context(), actor, l.Query, data)
	if err != nil {
		return err
	}
	return api.WritePage(l, w, page, func(t *people.Tenant) api.Record { return tenantRecord(t, data, false) })
}

// GetTenant answers GET /tenants/{name}.
func (a *API) GetTenant(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	t, err := a.people.Tenant(r.Context(), actor, model.TenantName(api.Param(r, "name")))
	if err != nil {
		return err
	}
	auditTenant(w, string(t.Name))
	return a.writeTenant(w, r, actor, http.StatusOK, t)
}

// auditTenant says that a request was about another tenant than the one it was made in.
func auditTenant(w http.ResponseWriter, name string) { w.Header().Set("X-Cloudify-Audit-Tenant", name) }

// CreateTenant answers POST /tenants/{name}.
func (a *API) CreateTenant(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	t, err := a.people.CreateTenant(r.Context(), actor, model.TenantName(api.Unescaped(r, "name")))
	if err != nil {
		return err
	}
	return a.writeTenant(w, r, actor, http.StatusCreated, t)
}

// DeleteTenant answers DELETE /tenants/{name}.
func (a *API) DeleteTenant(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	return api.NoContent(w, a.people.DeleteTenant(r.Context(), actor, model.TenantName(api.Param(r, "name"))))
}

// SetMember makes the handler of one of the routes that change who belongs to a tenant: what names the member's key.
func (a *API) SetMember(what, permission string, isNew, ends bool) api.Handler {
	return func(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
		body, err := api.ReadJSON(w, r, false)
		if err != nil {
			return err
		}
		if name, _ := body.Text("tenant_name"); name != "" {
			auditTenant(w, name)
		}
		keys := []string{what, "tenant_name", "role"}
		if ends {
			keys = keys[:2]
		}
		texts, err := body.Texts(keys...)
		if err != nil {
			return err
		}
		m := people.Member{Tenant: model.TenantName(texts[1])}
		if what == "username" {
			m.User = model.UserName(texts[0])
		} else {
			m.Group = model.GroupName(texts[0])
		}
		if !ends {
			m.Role = texts[2]
		}
		t, err := a.people.SetMember(r.Context(), actor, m, permission, isNew)
		if err != nil {
			return err
		}
		if ends {
			return api.NoContent(w, nil)
		}
		return a.writeTenant(w, r, actor, http.StatusOK, t)
	}
}

func grantRecord(g people.Grant) api.Record {
	return api.Record{{Name: "role", Value: g.Role}, {Name: "permission", Value: g.Permission}}
}

// ListPermissions answers GET /permissions.
func (a *API) ListPermissions(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	l, err := api.ParseList(r, api.ListSpec{Blank: grantRecord(people.Grant{})})
	if err != nil {
		return err
	}
	all, err := a.people.Permissions(r.Context(), actor, api.Param(r, "role"))
	if err != nil {
		return err
	}
	return api.WritePage(l, w, service.Page[people.Grant]{Items: all, Total: len(all)}, grantRecord)
}

// AddPermission answers PUT /permissions/{role}/{permission}.
func (a *API) AddPermission(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	g := people.Grant{Role: api.Param(r, "role"), Permission: api.Param(r, "permission")}
	if err := a.people.SetPermission(r.Context(), actor, g, true); err != nil {
		return err
	}
	api.WriteJSON(w, http.StatusOK, grantRecord(g))
	return nil
}

// RemovePermission answers DELETE /permissions/{role}/{permission}.
func (a *API) RemovePermission(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	g := people.Grant{Role: api.Param(r, "role"), Permission: api.Param(r, "permission")}
	return api.NoContent(w, a.people.SetPermission(r.Context(), actor, g, false))
}
