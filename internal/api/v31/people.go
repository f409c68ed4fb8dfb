package v31

import (
	"net/http"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/service/people"
)

// membership is what a user is in a tenant: the role of its own, null when there is none, and all its roles there.
type membership struct {
	TenantRole any      `json:"tenant-role"`
	Roles      []string `json:"roles"`
}

func member(u *model.User, t model.TenantName) membership {
	m := membership{TenantRole: api.Text(u.TenantRoles[t]), Roles: []string{}}
	add := func(role string) {
		for _, r := range m.Roles {
			if r == role {
				return
			}
		}
		if role != "" {
			m.Roles = append(m.Roles, role)
		}
	}
	add(u.TenantRoles[t])
	for _, g := range u.Groups {
		add(g.TenantRoles[t])
	}
	return m
}

func userRecord(u *model.User, withData bool) api.Record {
	of := service.MemberOf(u)
	var tenants, roles, groups any = len(of), nil, len(u.Groups)
	system := map[string][]model.GroupName{}
	for _, g := range u.Groups {
		if g.Role != "" {
			system[g.Role] = append(system[g.Role], g.Name)
		}
	}
	if withData {
		in := map[model.TenantName]membership{}
		for _, t := range of {
			in[t] = member(u, t)
		}
		direct, through := u.TenantRoles, map[model.TenantName]map[string][]model.GroupName{}
		if direct == nil {
			direct = map[model.TenantName]string{}
		}
		names := []model.GroupName{}
		for _, g := range u.Groups {
			names = append(names, g.Name)
			for t, role := range g.TenantRoles {
				if through[t] == nil {
					through[t] = map[string][]model.GroupName{}
				}
				through[t][role] = append(through[t][role], g.Name)
			}
		}
		tenants, groups = in, names
		roles = map[string]any{"direct": direct, "groups": through}
	}
	return api.Record{
		{Name: "username", Value: u.Name}, {Name: "tenants", Value: tenants}, {Name: "tenant_roles", Value: roles},
		{Name: "groups", Value: groups}, {Name: "role", Value: u.Role}, {Name: "group_system_roles", Value: system},
		{Name: "active", Value: u.Active}, {Name: "created_at", Value: api.Instant(u.CreatedAt)},
		{Name: "first_login_at", Value: api.Instant(u.FirstLoginAt)}, {Name: "last_login_at", Value: api.Instant(u.LastLoginAt)},
		{Name: "is_locked", Value: u.IsLocked}, {Name: "show_getting_started", Value: u.ShowGettingStarted}, {Name: "password_hash", Value: nil},
	}
}

// writeOne answers one object with the fields of _include.
func writeOne(w http.ResponseWriter, r *http.Request, status int, record api.Record) error {
	include, err := api.Include(r, record)
	if err != nil {
		return err
	}
	api.WriteJSON(w, status, record.Pick(include))
	return nil
}

func withData(r *http.Request) (bool, error) { return api.Flag(r.URL.Query(), "_get_data") }

func (a *API) writeUser(w http.ResponseWriter, r *http.Request, status int, u *model.User) error {
	data, err := withData(r)
	if err != nil {
		return err
	}
	return writeOne(w, r, status, userRecord(u, data))
}

func (a *API) self(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	if err := actor.Require("user_get_self"); err != nil {
		return err
	}
	return a.writeUser(w, r, http.StatusOK, actor.User)
}

func (a *API) listUsers(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	l, err := api.ParseList(r, api.ListSpec{Blank: userRecord(&model.User{}, false), Search: "username"})
	if err != nil {
		return err
	}
	data, err := withData(r)
	if err != nil {
		return err
	}
	page, err := a.people.Users(r.Context(), actor, l.Query)
	if err != nil {
		return err
	}
	return write(l, w, page, func(u *model.User) api.Record { return userRecord(u, data) })
}

// write answers a page of a list.
func write[T any](l *api.List, w http.ResponseWriter, page service.Page[T], record func(T) api.Record) error {
	items := make([]api.Record, 0, len(page.Items))
	for _, item := range page.Items {
		items = append(items, record(item))
	}
	return l.Write(w, items, page.Total)
}

func (a *API) getUser(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	u, err := a.people.User(r.Context(), actor, model.UserName(param(r, "name")))
	if err != nil {
		return err
	}
	return a.writeUser(w, r, http.StatusOK, u)
}

func (a *API) createUser(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	texts, err := body.Texts("username", "password")
	if err != nil {
		return err
	}
	n := people.NewUser{Name: model.UserName(texts[0]), Password: texts[1]}
	if n.Role, err = body.Text("role"); err != nil {
		return err
	}
	if n.IsHash, err = body.Bool("is_prehashed", false); err != nil {
		return err
	}
	if at, _ := body.Text("created_at"); at != "" {
		if n.CreatedAt, err = api.ParseInstant(at); err != nil {
			return err
		}
	}
	u, err := a.people.CreateUser(r.Context(), actor, n)
	if err != nil {
		return err
	}
	return a.writeUser(w, r, http.StatusCreated, u)
}

func (a *API) updateUser(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	var c people.UserChange
	for key, target := range map[string]**string{"password": &c.Password, "role": &c.Role} {
		if body[key] == nil {
			continue
		}
		text, err := body.Text(key)
		if err != nil {
			return err
		}
		*target = &text
	}
	if body["show_getting_started"] != nil {
		show, err := body.Bool("show_getting_started", false)
		if err != nil {
			return err
		}
		c.ShowGettingStarted = &show
	}
	u, err := a.people.UpdateUser(r.Context(), actor, model.UserName(param(r, "name")), c)
	if err != nil {
		return err
	}
	return a.writeUser(w, r, http.StatusOK, u)
}

func (a *API) setActive(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	action, err := body.Texts("action")
	if err != nil {
		return err
	}
	if action[0] != "activate" && action[0] != "deactivate" {
		return fault.New(fault.BadParameters, "Invalid action: %s, Valid action values are: ['activate', 'deactivate']", action[0])
	}
	u, err := a.people.SetActive(r.Context(), actor, model.UserName(param(r, "name")), action[0] == "activate")
	if err != nil {
		return err
	}
	return a.writeUser(w, r, http.StatusOK, u)
}

func (a *API) unlockUser(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	u, err := a.people.Unlock(r.Context(), actor, model.UserName(param(r, "name")))
	if err != nil {
		return err
	}
	return a.writeUser(w, r, http.StatusOK, u)
}

func (a *API) deleteUser(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	return noContent(w, a.people.DeleteUser(r.Context(), actor, model.UserName(param(r, "name"))))
}

// noContent answers a deletion.
func noContent(w http.ResponseWriter, err error) error {
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}

func groupRecord(g *model.Group, withData bool) api.Record {
	var tenants, users any = len(g.TenantRoles), len(g.Users)
	if withData {
		roles, names := g.TenantRoles, g.Users
		if roles == nil {
			roles = map[model.TenantName]string{}
		}
		if names == nil {
			names = []model.UserName{}
		}
		tenants, users = roles, names
	}
	return api.Record{
		{Name: "name", Value: g.Name}, {Name: "ldap_dn", Value: api.Text(g.LDAP)}, {Name: "tenants", Value: tenants},
		{Name: "users", Value: users}, {Name: "role", Value: g.Role},
	}
}

func (a *API) writeGroup(w http.ResponseWriter, r *http.Request, status int, g *model.Group) error {
	data, err := withData(r)
	if err != nil {
		return err
	}
	return writeOne(w, r, status, groupRecord(g, data))
}

func (a *API) listGroups(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	l, err := api.ParseList(r, api.ListSpec{Blank: groupRecord(&model.Group{}, false), Search: "name"})
	if err != nil {
		return err
	}
	data, err := withData(r)
	if err != nil {
		return err
	}
	page, err := a.people.Groups(r.Context(), actor, l.Query)
	if err != nil {
		return err
	}
	return write(l, w, page, func(g *model.Group) api.Record { return groupRecord(g, data) })
}

func (a *API) getGroup(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	g, err := a.people.Group(r.Context(), actor, model.GroupName(param(r, "name")))
	if err != nil {
		return err
	}
	return a.writeGroup(w, r, http.StatusOK, g)
}

func (a *API) createGroup(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	name, err := body.Texts("group_name")
	if err != nil {
		return err
	}
	g := &model.Group{Name: model.GroupName(name[0])}
	if g.LDAP, err = body.Text("ldap_group_dn"); err != nil {
		return err
	}
	if g.Role, err = body.Text("role"); err != nil {
		return err
	}
	if err := a.people.CreateGroup(r.Context(), actor, g); err != nil {
		return err
	}
	return a.writeGroup(w, r, http.StatusCreated, g)
}

func (a *API) updateGroup(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	role, err := body.Texts("role")
	if err != nil {
		return err
	}
	g, err := a.people.SetGroupRole(r.Context(), actor, model.GroupName(param(r, "name")), role[0])
	if err != nil {
		return err
	}
	return a.writeGroup(w, r, http.StatusOK, g)
}

func (a *API) deleteGroup(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	return noContent(w, a.people.DeleteGroup(r.Context(), actor, model.GroupName(param(r, "name"))))
}

func (a *API) addToGroup(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	names, err := body.Texts("username", "group_name")
	if err != nil {
		return err
	}
	g, err := a.people.AddToGroup(r.Context(), actor, model.GroupName(names[1]), model.UserName(names[0]))
	if err != nil {
		return err
	}
	return a.writeGroup(w, r, http.StatusOK, g)
}

func (a *API) removeFromGroup(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	names, err := body.Texts("username", "group_name")
	if err != nil {
		return err
	}
	return noContent(w, a.people.RemoveFromGroup(r.Context(), actor, model.GroupName(names[1]), model.UserName(names[0])))
}
