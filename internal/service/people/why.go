package people

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/reifyhq/reify/internal/auth"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/store"
)

// Permit explains whether a user may do something.
type Permit struct {
	User       model.UserName
	Permission string
	Tenant     model.TenantName
	auth.Decision
	// Summary says it in one sentence, Next what would change it.
	Summary, Next string
}

// Why explains whether a user has a permission in a tenant, and through which role and group; tenant "" is a request
// without one. Users ask for themselves, others need user_get.
func (s *Service) Why(ctx context.Context, a *service.Actor, name model.UserName, permission string, tenant model.TenantName) (*Permit, error) {
	if !strings.EqualFold(string(name), string(a.User.Name)) {
		if err := a.Require("user_get"); err != nil {
			return nil, err
		}
	}
	if !slices.Contains(a.Changes.Names(), permission) {
		return nil, fault.New(fault.BadParameters, "there is no permission `%s`; \"permissions\" lists all of them", permission)
	}
	p := &Permit{Permission: permission, Tenant: tenant}
	var u *model.User
	err := s.Store.View(ctx, func(tx store.Reader) (err error) {
		if u, err = user(tx, name); err != nil {
			return err
		}
		tenants, err := tx.Tenants()
		if err == nil && tenant != "" && !slices.Contains(tenants, tenant) {
			return fault.Missing("Tenant", string(tenant))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	p.User, p.Decision = u.Name, a.Changes.Explain(u, tenant, permission)
	p.tell(u)
	return p, nil
}

func (p *Permit) tell(u *model.User) {
	where := "without a tenant"
	if p.Tenant != "" {
		where = "in tenant " + string(p.Tenant)
	}
	has := slices.IndexFunc(p.Grants, func(g auth.Grant) bool { return g.Has })
	switch {
	case !u.Active:
		p.IsAllowed = false
		p.Summary = fmt.Sprintf("%s may do nothing: the account is not active", p.User)
		p.Next = "activate the account"
	case p.IsBootstrap:
		p.Summary = fmt.Sprintf("%s may %s %s: it is the administrator of the installation and may do everything", p.User, p.Permission, where)
	case p.IsAllowed:
		p.Summary = fmt.Sprintf("%s may %s %s: %s has the permission", p.User, p.Permission, where, origin(p.Grants[has]))
	default:
		roles := make([]string, len(p.Grants))
		for i, g := range p.Grants {
			roles[i] = origin(g)
		}
		p.Summary = fmt.Sprintf("%s may not %s %s: none of its roles has the permission (%s)", p.User, p.Permission, where, strings.Join(roles, "; "))
		p.Next = "give the user, or one of its groups, one of the roles that have it: " + strings.Join(p.Holders, ", ")
		if len(p.Holders) == 0 {
			p.Next = "grant the permission to a role first: no role has it"
		}
		if len(p.Elsewhere) > 0 {
			p.Next += fmt.Sprintf("; or name a tenant in which it may: %s", p.Elsewhere[0])
		}
	}
}

// origin names a role and where it comes from.
func origin(g auth.Grant) string {
	text := "the system role " + g.Role
	if g.Tenant != "" {
		text = fmt.Sprintf("the role %s in tenant %s", g.Role, g.Tenant)
	}
	if g.Group != "" {
		text += fmt.Sprintf(" through group %s", g.Group)
	}
	return text
}
