package auth_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/reifyhq/reify/internal/auth"
	"github.com/reifyhq/reify/internal/model"
)

// TestExplainAgreesWithAllows draws users, changes and questions: the explanation never says another thing than the decision,
// and its reasons are reasons.
func TestExplainAgreesWithAllows(t *testing.T) {
	t.Parallel()
	tenants := []model.TenantName{"a", "b", ""}
	system := rapid.SampledFrom(append([]string{""}, auth.SystemRoles...))
	inTenants := rapid.MapOf(rapid.SampledFrom(tenants[:2]), rapid.SampledFrom(auth.TenantRoles))
	rapid.Check(t, func(t *rapid.T) {
		u := &model.User{Role: rapid.SampledFrom(auth.SystemRoles).Draw(t, "role"), TenantRoles: inTenants.Draw(t, "tenant roles"),
			IsBootstrap: rapid.IntRange(0, 9).Draw(t, "bootstrap") == 0}
		for range rapid.IntRange(0, 2).Draw(t, "groups") {
			u.Groups = append(u.Groups, &model.Group{Name: "g", Role: system.Draw(t, "group role"), TenantRoles: inTenants.Draw(t, "group tenant roles")})
		}
		c := auth.Changes{}
		permission := rapid.SampledFrom(c.Names()).Draw(t, "permission")
		if rapid.Bool().Draw(t, "changed") {
			c.Set(rapid.SampledFrom(auth.TenantRoles).Draw(t, "changed role"), permission, rapid.Bool().Draw(t, "granted"))
		}
		tenant := rapid.SampledFrom(tenants).Draw(t, "tenant")
		d := c.Explain(u, tenant, permission)
		if d.IsAllowed != c.Allows(u, tenant, permission) {
			t.Fatalf("explained %v, decided %v", d.IsAllowed, !d.IsAllowed)
		}
		for _, g := range d.Grants {
			if g.Has != slices.Contains(d.Holders, g.Role) || g.Tenant != "" && g.Tenant != tenant {
				t.Fatalf("the grant %+v is none; holders are %v", g, d.Holders)
			}
		}
		for _, other := range d.Elsewhere {
			if other == tenant || !c.Allows(u, other, permission) {
				t.Fatalf("not allowed in %q: %+v", other, d)
			}
		}
	})
}
