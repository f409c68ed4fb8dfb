// Package people answers the routes about who uses the manager: users, groups, tenants and what they may do, tokens, and
// sign-ins with accounts that others keep.
//
// Handlers decode, call one use case and map its result to the wire in the same file. They decide nothing.
package people

import (
	"net/http"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/service/people"
	"github.com/reifyhq/reify/internal/service/signin"
)

// API serves the routes. It is safe for concurrent use.
type API struct {
	svc    *service.Service
	people *people.Service
	signin *signin.Service
}

// New returns the handlers over the use cases; outside lets people in with accounts that others keep.
func New(s *service.Service, outside *signin.Service) *API {
	return &API{svc: s, people: people.New(s), signin: outside}
}

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

func (a *API) writeUser(w http.ResponseWriter, r *http.Request, status int, u *model.User) error {
	data, err := api.WantsData(r)
	if err != nil {
		return err
	}
	return api.WriteOne(w, r, status, userRecord(u, data))
}

// Self answers GET /user.
func (a *API) Self(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	if err := actor.Require("user_get_self"); err != nil {
		return err
	}
	return a.writeUser(w, r, http.StatusOK, actor.User)
}

// ListUsers answers GET /users.
func (a *API) ListUsers(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	l, err := api.ParseList(r, api.ListSpec{Blank: userRecord(&model.User{}, false), Search: "username"})
	if err != nil {
		return err
	}
	data, err := api.WantsData(r)
	if err != nil {
		return err
	}
	page, err := a.people.Users(r.Context(), actor, l.Query)
	if err != nil {
		return err
	}
	return api.WritePage(l, w, page, func(u *model.User) api.Record { return userRecord(u, data) })
}

// GetUser answers GET /users/{name}.
func (a *API) GetUser(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	u, err := a.people.User(r.Context(), actor, model.UserName(api.Param(r, "name")))
	if err != nil {
		return err
	}
	return a.writeUser(w, r, http.StatusOK, u)
}

// CreateUser answers PUT /users.
func (a *API) CreateUser(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
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

// UpdateUser answers POST /users/{name}.
func (a *API) UpdateUser(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
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
	u, err := a.people.UpdateUser(r.Context(), actor, model.UserName(api.Param(r, "name")), c)
	if err != nil {
		return err
	}
	return a.writeUser(w, r, http.StatusOK, u)
}

// SetActive answers POST /users/active/{name}.
func (a *API) SetActive(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
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
	u, err := a.people.SetActive(r.Context(), actor, model.UserName(api.Param(r, "name")), action[0] == "activate")
	if err != nil {
		return err
	}
	return a.writeUser(w, r, http.StatusOK, u)
}

// UnlockUser answers POST /users/unlock/{name}.
func (a *API) UnlockUser(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	u, err := a.people.Unlock(r.Context(), actor, model.UserName(api.Param(r, "name")))
	if err != nil {
		return err
	}
	return a.writeUser(w, r, http.StatusOK, u)
}

// DeleteUser answers DELETE /users/{name}.
func (a *API) DeleteUser(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	return api.NoContent(w, a.people.DeleteUser(r.Context(), actor, model.UserName(api.Param(r, "name"))))
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
	data, err := api.WantsData(r)
	if err != nil {
		return err
	}
	return api.WriteOne(w, r, status, groupRecord(g, data))
}

// ListGroups answers GET /user-groups.
func (a *API) ListGroups(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	l, err := api.ParseList(r, api.ListSpec{Blank: groupRecord(&model.Group{}, false), Search: "name"})
	if err != nil {
		return err
	}
	data, err := api.WantsData(r)
	if err != nil {
		return err
	}
	page, err := a.people.Groups(r.Context(), actor, l.Query)
	if err != nil {
		return err
	}
	return api.WritePage(l, w, page, func(g *model.Group) api.Record { return groupRecord(g, data) })
}

// GetGroup answers GET /user-groups/{name}.
func (a *API) GetGroup(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	g, err := a.people.Group(r.Context(), actor, model.GroupName(api.Param(r, "name")))
	if err != nil {
		return err
	}
	return a.writeGroup(w, r, http.StatusOK, g)
}

// CreateGroup answers POST /user-groups.
func (a *API) CreateGroup(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
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

// UpdateGroup answers POST /user-groups/{name}.
func (a *API) UpdateGroup(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	role, err := body.Texts("role")
	if err != nil {
		return err
	}
	g, err := a.people.SetGroupRole(r.Context(), actor, model.GroupName(api.Param(r, "name")), role[0])
	if err != nil {
		return err
	}
	return a.writeGroup(w, r, http.StatusOK, g)
}

// DeleteGroup answers DELETE /user-groups/{name}.
func (a *API) DeleteGroup(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	return api.NoContent(w, a.people.DeleteGroup(r.Context(), actor, model.GroupName(api.Param(r, "name"))))
}

// AddToGroup answers PUT /user-groups/users.
func (a *API) AddToGroup(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
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

// RemoveFromGroup answers DELETE /user-groups/users.
func (a *API) RemoveFromGroup(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	names, err := body.Texts("username", "group_name")
	if err != nil {
		return err
	}
	return api.NoContent(w, a.people.RemoveFromGroup(r.Context(), actor, model.GroupName(names[1]), model.UserName(names[0])))
}
