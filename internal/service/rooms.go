package service

import (
	"slices"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// What follows is for the rooms below this one, which hold the use cases of nouns that nothing here depends on.

// NewResource starts a new resource of the actor; visibility "" is tenant. A global one needs create_global_resource.
func (s *Service) NewResource(a *Actor, v model.Visibility) (model.Resource, error) {
	if v != "" && !v.Valid() {
		return model.Resource{}, fault.New(fault.BadParameters,
			"Invalid visibility: `%s`. Valid visibility's values are: ['private', 'tenant', 'global']", v)
	}
	if v == model.VisibilityGlobal {
		if err := a.Require("create_global_resource"); err != nil {
			return model.Resource{}, err
		}
	}
	return s.resource(a, v), nil
}

// NewID returns a fresh UUID.
func NewID() string { return newUUID() }

// VisibleDeployment returns a deployment that the actor sees, with its environment made.
func VisibleDeployment(tx store.Reader, a *Actor, id model.DeploymentID) (*model.Deployment, error) {
	d, err := visibleDeployment(tx, a, id)
	if err != nil {
		return nil, err
	}
	return d, environmentReady(tx, d)
}

// DraftUpdate returns the deployment update that a request would start, and the parameters of its execution.
func (s *Service) DraftUpdate(tx store.Reader, a *Actor, d *model.Deployment, n NewUpdate) (*model.DeploymentUpdate, model.Document, error) {
	u, err := s.newUpdate(tx, a, d, n)
	if err != nil {
		return nil, nil, err
	}
	return u, updateParameters(u, n), nil
}

// Sees reports whether the actor may see a resource that the store found for its tenant.
func (a *Actor) Sees(r model.Resource) bool { return a.visible(r) }

// IsAdministrator reports whether the actor administrates its tenant.
func (a *Actor) IsAdministrator() bool { return a.isAdmin() }

// CheckID refuses what may not be a name in a path; argument is what the message calls it.
func CheckID(argument, id string) error { return checkID(argument, id, false) }

// Foreign refuses to change a global resource from another tenant (rest-api, section 1.6).
func Foreign(a *Actor, r model.Resource, id string) error { return foreign(a, r, id) }

// Widen sets a wider visibility: tenant or global, from the resource's own tenant (rest-api, section 1.6).
func Widen(a *Actor, r *model.Resource, id string, to model.Visibility) error {
	if to != model.VisibilityTenant && to != model.VisibilityGlobal {
		return fault.New(fault.BadParameters, "Invalid visibility: `%s`. Valid visibility's values are: ['tenant', 'global']", to)
	}
	if to == model.VisibilityGlobal {
		if err := a.Require("create_global_resource"); err != nil {
			return err
		}
	}
	if err := foreign(a, *r, id); err != nil {
		return err
	}
	if r.Visibility.Wider(to) {
		return fault.New(fault.IllegalAction, "Can't set the visibility of `%s` to %s because it already has wider visibility", id, to)
	}
	r.Visibility = to
	return nil
}

// MemberOf returns the tenants in which the user has a role, by itself or through a group, sorted.
func MemberOf(u *model.User) []model.TenantName {
	var names []model.TenantName
	for t := range u.TenantRoles {
		names = append(names, t)
	}
	for _, g := range u.Groups {
		for t := range g.TenantRoles {
			names = append(names, t)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// The list vocabulary of the store is part of the use cases' interface; transports know it by these names.
type (
	// Query is a list request.
	Query = store.Query
	// Condition is a condition on a field of a Query.
	Condition = store.Condition
	// Search is a substring condition of a Query.
	Search = store.Search
	// Order is a sort key of a Query.
	Order = store.Order
	// EventQuery selects events and logs.
	EventQuery = store.EventQuery
	// TimeRange bounds a time field of an EventQuery.
	TimeRange = store.TimeRange
	// Page is a part of a list.
	Page[T any] = store.Page[T]
)
