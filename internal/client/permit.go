package client

import (
	"context"
	"net/url"

	"github.com/reifyhq/reify/internal/model"
)

// Permit explains whether a user may do something.
type Permit struct {
	User       model.UserName   `json:"username"`
	Permission string           `json:"permission"`
	Tenant     model.TenantName `json:"tenant_name"`
	Allowed    bool             `json:"allowed"`
	Summary    string           `json:"summary"`
	Grants     []Grant          `json:"grants"`
	Roles      []string         `json:"roles_with_permission"`
	Elsewhere  []string         `json:"allowed_in_tenants"`
	Next       string           `json:"next"`
}

// Grant is a role of a user and where it comes from.
type Grant struct {
	Role   string           `json:"role"`
	Group  model.GroupName  `json:"group"`
	Tenant model.TenantName `json:"tenant_name"`
	Has    bool             `json:"has_permission"`
}

// WhyUser asks whether a user has a permission in a tenant, and why.
func (c *Client) WhyUser(ctx context.Context, user model.UserName, permission string, tenant model.TenantName) (Permit, error) {
	return get[Permit](ctx, c, path("users", string(user), "why"), url.Values{"permission": {permission}, "tenant": {string(tenant)}})
}
