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

// Roles returns the roles that a user has in a request for the tenant: the system role and the role there. With an
// empty tenant only the system role counts.
func Roles(u *model.User, tenant model.TenantName) []string {
	roles := []string{u.Role}
	if r := u.TenantRoles[tenant]; tenant != "" && r != "" {
		roles = append(roles, r)
	}
	return roles
}

// Allows reports whether the user may do what the permission names in the tenant. The bootstrap administrator may do
// everything; a permission that the table does not know is nobody else's.
func Allows(u *model.User, tenant model.TenantName, permission string) bool {
	if u.IsBootstrap {
		return true
	}
	granted := permissions[permission]
	return slices.ContainsFunc(Roles(u, tenant), func(r string) bool { return slices.Contains(granted, r) })
}

// Permissions returns the table: permission to the roles that have it. The caller must not change it.
func Permissions() map[string][]string { return permissions }
