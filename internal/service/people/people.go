// Package people holds the use cases about who uses a manager: tenants, users, user groups and the permissions of roles.
//
// It is a room of package service and follows its rules: it checks permission and rules, then commits one store.Update.
// It never authenticates (service.Authenticate does) and never renders answers. The table of roles is package auth's.
package people

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/reifyhq/reify/internal/auth"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/store"
)

// Service runs the use cases. It is safe for concurrent use.
type Service struct{ *service.Service }

// New returns the room over the service.
func New(s *service.Service) *Service { return &Service{s} }

// everybody lists all users.
var everybody = store.Query{Limit: -1, Scope: store.Scope{Admin: true}}

// checkRole refuses a role that is unknown or of the other kind.
func checkRole(role, kind string) error {
	own, other, otherKind := auth.SystemRoles, auth.TenantRoles, "tenant_role"
	if kind == "tenant_role" {
		own, other, otherKind = auth.TenantRoles, auth.SystemRoles, "system_role"
	}
	switch {
	case slices.Contains(own, role):
		return nil
	case slices.Contains(other, role):
		return fault.New(fault.BadParameters, "Role `%s` is a %s and cannot be assigned as a %s", role, otherKind, kind)
	}
	return fault.New(fault.BadParameters, "Invalid role: `%s`. Valid %s roles are: ['%s']", role, kind, strings.Join(own, "', '"))
}

// page sorts and cuts a list that is short enough to be kept whole. The name is what lists are searched and sorted by.
func page[T any](all []T, q service.Query, name func(T) string) service.Page[T] {
	all = slices.DeleteFunc(all, func(item T) bool {
		n := name(item)
		for _, s := range q.Search {
			if !strings.Contains(strings.ToLower(n), strings.ToLower(s.Text)) {
				return true
			}
		}
		for _, c := range q.Where {
			if !slices.Contains(c.Values, n) {
				return true
			}
		}
		return false
	})
	if len(q.Sort) > 0 {
		slices.SortStableFunc(all, func(a, b T) int {
			if q.Sort[0].Desc {
				a, b = b, a
			}
			return cmp.Compare(name(a), name(b))
		})
	}
	p := service.Page[T]{Total: len(all), Items: all[min(max(q.Offset, 0), len(all)):]}
	if q.Limit >= 0 {
		p.Items = p.Items[:min(q.Limit, len(p.Items))]
	}
	return p
}

// Grant is one row of the table of permissions.
type Grant struct{ Role, Permission string }

// Permissions lists who has which permission, of one role when it is given.
func (s *Service) Permissions(_ context.Context, a *service.Actor, role string) ([]Grant, error) {
	if err := editor(a); err != nil {
		return nil, err
	}
	var out []Grant
	roles := append(slices.Clone(auth.SystemRoles), auth.TenantRoles...)
	for _, p := range a.Changes.Names() {
		for _, r := range roles {
			if (role == "" || role == r) && a.Changes.Has(r, p) {
				out = append(out, Grant{r, p})
			}
		}
	}
	return out, nil
}

// SetPermission grants a permission to a role or takes it.
func (s *Service) SetPermission(ctx context.Context, a *service.Actor, g Grant, granted bool) error {
	if err := editor(a); err != nil {
		return err
	}
	if !slices.Contains(auth.SystemRoles, g.Role) && !slices.Contains(auth.TenantRoles, g.Role) {
		return fault.New(fault.NotFound, "Requested `Role` was not found (filters: {'name': '%s'})", g.Role)
	}
	return s.ChangePermission(ctx, g.Role, g.Permission, granted)
}

func editor(a *service.Actor) error {
	if a.IsAdministrator() {
		return nil
	}
	return fault.New(fault.Unauthorized, "User unauthorized: Only admin users are permitted to edit permissions")
}

// Roles lists the roles with the permissions that each permission's holders have, for programs that decide by it.
func (s *Service) Roles(a *service.Actor) map[string][]string {
	out := map[string][]string{}
	roles := append(slices.Clone(auth.SystemRoles), auth.TenantRoles...)
	for _, p := range a.Changes.Names() {
		for _, r := range roles {
			if a.Changes.Has(r, p) {
				out[p] = append(out[p], r)
			}
		}
	}
	return out
}
