package people

import (
	"context"
	"slices"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/store"
)

// Tenant is a tenant with its members.
type Tenant struct {
	Name model.TenantName
	// Users have a role in the tenant, by themselves or through one of Groups.
	Users  []*model.User
	Groups []*model.Group
}

func views(tx store.Reader, names []model.TenantName) ([]*Tenant, error) {
	users, err := tx.Users(everybody)
	if err != nil {
		return nil, err
	}
	groups, err := tx.Groups()
	if err != nil {
		return nil, err
	}
	out := make([]*Tenant, 0, len(names))
	for _, name := range names {
		t := &Tenant{Name: name}
		for _, u := range users.Items {
			if slices.Contains(service.MemberOf(u), name) {
				t.Users = append(t.Users, u)
			}
		}
		for _, g := range groups {
			if g.TenantRoles[name] != "" {
				t.Groups = append(t.Groups, g)
			}
		}
		out = append(out, t)
	}
	return out, nil
}

func view(tx store.Reader, name model.TenantName) (*Tenant, error) {
	all, err := tx.Tenants()
	if err != nil {
		return nil, err
	}
	if !slices.Contains(all, name) {
		return nil, service.UnknownTenant(string(name))
	}
	list, err := views(tx, []model.TenantName{name})
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

// Tenants lists the tenants that the actor belongs to, all of them for who may see all.
func (s *Service) Tenants(ctx context.Context, a *service.Actor, q service.Query, withData bool) (p service.Page[*Tenant], err error) {
	permission := "tenant_list"
	if withData {
		permission = "tenant_list_get_data"
	}
	if err := a.Require(permission); err != nil {
		return p, err
	}
	err = s.Store.View(ctx, func(tx store.Reader) error {
		names, err := tx.Tenants()
		if err != nil {
			return err
		}
		if !a.Allows(a.Tenant, "all_tenants") {
			mine := service.MemberOf(a.User)
			names = slices.DeleteFunc(names, func(n model.TenantName) bool { return !slices.Contains(mine, n) })
		}
		all, err := views(tx, names)
		p = page(all, q, func(t *Tenant) string { return string(t.Name) })
		return err
	})
	return p, err
}

// Tenant returns a tenant in which the actor has tenant_get.
func (s *Service) Tenant(ctx context.Context, a *service.Actor, name model.TenantName) (t *Tenant, err error) {
	err = s.Store.View(ctx, func(tx store.Reader) error {
		if t, err = view(tx, name); err != nil {
			return err
		}
		in := *a
		in.Tenant = name
		return in.Require("tenant_get")
	})
	return t, err
}

// CreateTenant makes an empty tenant. Names that are also words of the API are refused.
func (s *Service) CreateTenant(ctx context.Context, a *service.Actor, name model.TenantName) (*Tenant, error) {
	if err := a.Require("tenant_create"); err != nil {
		return nil, err
	}
	if err := service.CheckID("tenant_name", string(name)); err != nil {
		return nil, err
	}
	if name == "users" || name == "user-groups" {
		return nil, fault.New(fault.BadParameters, "'%s' is not allowed as a tenant name because it wouldn't be possible to remove "+
			"it later due to a conflict with the remove %s from tenant endpoint", name, name)
	}
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		all, err := tx.Tenants()
		if err != nil {
			return err
		}
		if slices.Contains(all, name) {
			return fault.New(fault.Conflict, "<Tenant name=`%s`> already exists", name)
		}
		return tx.PutTenant(name)
	})
	return &Tenant{Name: name}, err
}

// DeleteTenant removes a tenant that holds nothing and has no members; the default one stays.
func (s *Service) DeleteTenant(ctx context.Context, a *service.Actor, name model.TenantName) error {
	if err := a.Require("tenant_delete"); err != nil {
		return err
	}
	if name == model.DefaultTenant {
		return fault.New(fault.IllegalAction, "Can't delete the default tenant")
	}
	return s.Store.Update(ctx, func(tx store.Tx) error {
		t, err := view(tx, name)
		if err != nil {
			return err
		}
		used, err := tx.TenantInUse(name)
		if err != nil {
			return err
		}
		if used || len(t.Users) > 0 || len(t.Groups) > 0 {
			return fault.New(fault.IllegalAction, "Can't delete tenant `%s` because it still has users, groups or resources", name)
		}
		return tx.DeleteTenant(name)
	})
}

// Member is a change of who belongs to a tenant: a user or a group with its role. An empty role ends the membership.
type Member struct {
	Tenant model.TenantName
	User   model.UserName
	Group  model.GroupName
	Role   string
}

// SetMember gives, changes or ends a membership. What must exist before is said by change: a new one must not be there,
// another must.
func (s *Service) SetMember(ctx context.Context, a *service.Actor, m Member, permission string, isNew bool) (t *Tenant, err error) {
	if err := a.Require(permission); err != nil {
		return nil, err
	}
	if m.Role != "" {
		if err := checkRole(m.Role, "tenant_role"); err != nil {
			return nil, err
		}
	}
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		if _, err := view(tx, m.Tenant); err != nil {
			return err
		}
		if m.Group != "" {
			err = setGroup(tx, m, isNew)
		} else {
			err = setUser(tx, m, isNew)
		}
		if err != nil {
			return err
		}
		t, err = view(tx, m.Tenant)
		return err
	})
	return t, err
}

func setUser(tx store.Tx, m Member, isNew bool) error {
	u, err := user(tx, m.User)
	if err != nil {
		return err
	}
	if u.TenantRoles, err = assign(u.TenantRoles, m, isNew, "User", string(u.Name)); err != nil {
		return err
	}
	return tx.PutUser(u)
}

func setGroup(tx store.Tx, m Member, isNew bool) error {
	g, err := group(tx, m.Group)
	if err != nil {
		return err
	}
	if g.TenantRoles, err = assign(g.TenantRoles, m, isNew, "Group", string(g.Name)); err != nil {
		return err
	}
	return tx.PutGroup(g)
}

func assign(roles map[model.TenantName]string, m Member, isNew bool, kind, name string) (map[model.TenantName]string, error) {
	_, has := roles[m.Tenant]
	switch {
	case isNew && has:
		return nil, fault.New(fault.Conflict, "%s `%s` is already associated with Tenant `%s`", kind, name, m.Tenant)
	case !isNew && !has:
		return nil, fault.New(fault.NotFound, "%s `%s` is not associated with Tenant `%s`", kind, name, m.Tenant)
	case m.Role == "":
		delete(roles, m.Tenant)
		return roles, nil
	case roles == nil:
		roles = map[model.TenantName]string{}
	}
	roles[m.Tenant] = m.Role
	return roles, nil
}
