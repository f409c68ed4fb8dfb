// Package auth decides who may do what: roles and their permissions, the form of passwords and tokens.
//
// It holds decisions only. It never reads users from a store, never looks at a request and draws no random numbers:
// salts and secrets are given to it. The permission table is the original's (rest-model, section 10).
package auth

import (
	"slices"

	"github.com/reifyhq/reify/internal/model"
)

// The roles. SysAdmin and Default are system roles, the others are given in a tenant.
const (
	RoleSysAdmin   = "sys_admin"
	RoleDefault    = "default"
	RoleManager    = "manager"
	RoleUser       = "user"
	RoleOperations = "operations"
	RoleViewer     = "viewer"
)

// SystemRoles and TenantRoles are the roles by what they are given for, in the order in which they are told.
var (
	SystemRoles = []string{RoleSysAdmin, RoleDefault}
	TenantRoles = []string{RoleManager, RoleUser, RoleOperations, RoleViewer}
)

// Roles returns the roles that a user has in a request for the tenant, by itself and through its groups: the system
// roles and the roles there. With an empty tenant only the system roles count.
func Roles(u *model.User, tenant model.TenantName) []string {
	roles := []string{u.Role}
	if r := u.TenantRoles[tenant]; tenant != "" && r != "" {
		roles = append(roles, r)
	}
	for _, g := range u.Groups {
		if g.Role != "" {
			roles = append(roles, g.Role)
		}
		if r := g.TenantRoles[tenant]; tenant != "" && r != "" {
			roles = append(roles, r)
		}
	}
	return roles
}

// Changes are what an installation grants beyond the table (true) and takes from it (false), by permission and role.
type Changes map[string]map[string]bool

// Allows reports whether the user may do what the permission names in the tenant. The bootstrap administrator may do
// everything; a permission that nobody was granted is nobody else's.
func (c Changes) Allows(u *model.User, tenant model.TenantName, permission string) bool {
	if u.IsBootstrap {
		return true
	}
	return slices.ContainsFunc(Roles(u, tenant), func(r string) bool { return c.Has(r, permission) })
}

// Has reports whether the role has the permission.
func (c Changes) Has(role, permission string) bool {
	if granted, changed := c[permission][role]; changed {
		return granted
	}
	return slices.Contains(permissions[permission], role)
}

// Set grants or takes a permission; a change back to the table is forgotten.
func (c Changes) Set(role, permission string, granted bool) {
	if slices.Contains(permissions[permission], role) == granted {
		delete(c[permission], role)
		return
	}
	if c[permission] == nil {
		c[permission] = map[string]bool{}
	}
	c[permission][role] = granted
}

// Names returns all permissions: those of the table in its order, then what the changes add, sorted.
func (c Changes) Names() []string {
	var names, added []string
	for _, g := range grants {
		names = append(names, g.permissions...)
	}
	for p := range c {
		if _, known := permissions[p]; !known {
			added = append(added, p)
		}
	}
	slices.Sort(added)
	return append(names, added...)
}

// Grant is a role of a user and where it comes from: Group is empty for the user's own, Tenant for system roles.
type Grant struct {
	Role   string
	Group  model.GroupName
	Tenant model.TenantName
	// Has reports whether the role has the permission in question.
	Has bool
}

// Decision explains what Allows answers.
type Decision struct {
	IsAllowed bool
	// IsBootstrap says that the user may do everything.
	IsBootstrap bool
	// Grants are all roles of the user that count, in the order in which they are looked at.
	Grants []Grant
	// Elsewhere are the tenants in which the user has a role with the permission, sorted.
	Elsewhere []model.TenantName
	// Holders are the roles that have the permission.
	Holders []string
}

// Explain says why the user may do what the permission names in the tenant, or why not.
func (c Changes) Explain(u *model.User, tenant model.TenantName, permission string) Decision {
	d := Decision{IsBootstrap: u.IsBootstrap, IsAllowed: u.IsBootstrap}
	add := func(g Grant) {
		if g.Role == "" {
			return
		}
		g.Has = c.Has(g.Role, permission)
		d.Grants = append(d.Grants, g)
		d.IsAllowed = d.IsAllowed || g.Has
	}
	elsewhere := func(roles map[model.TenantName]string) {
		for t, role := range roles {
			if t != tenant && c.Has(role, permission) {
				d.Elsewhere = append(d.Elsewhere, t)
			}
		}
	}
	add(Grant{Role: u.Role})
	if tenant != "" {
		add(Grant{Role: u.TenantRoles[tenant], Tenant: tenant})
	}
	elsewhere(u.TenantRoles)
	for _, g := range u.Groups {
		add(Grant{Role: g.Role, Group: g.Name})
		if tenant != "" {
			add(Grant{Role: g.TenantRoles[tenant], Group: g.Name, Tenant: tenant})
		}
		elsewhere(g.TenantRoles)
	}
	slices.Sort(d.Elsewhere)
	d.Elsewhere = slices.Compact(d.Elsewhere)
	for _, role := range slices.Concat(SystemRoles, TenantRoles) {
		if c.Has(role, permission) {
			d.Holders = append(d.Holders, role)
		}
	}
	return d
}
