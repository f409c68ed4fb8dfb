package catalog

import (
	"context"
	"strings"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/store"
)

// reservedPrefix begins the ids of filters that belong to the system.
const reservedPrefix = "csys-"

// Filters lists stored filters for lists of a kind.
func (s *Service) Filters(ctx context.Context, a *service.Actor, kind service.Kind, q service.Query, all bool) (service.Page[*model.Filter], error) {
	return list(ctx, s, a, "filter_list", q, all, func(tx store.Reader, q service.Query) (service.Page[*model.Filter], error) {
		return tx.Filters(kind, q)
	})
}

func visibleFilter(tx store.Reader, a *service.Actor, kind service.Kind, id model.FilterID) (*model.Filter, error) {
	f, err := tx.Filter(kind, a.Tenant, id)
	if err == nil && !a.Sees(f.Resource) {
		return nil, fault.Missing("Filter", string(id))
	}
	return f, err
}

// Filter returns a stored filter.
func (s *Service) Filter(ctx context.Context, a *service.Actor, kind service.Kind, id model.FilterID) (f *model.Filter, err error) {
	if err := a.RequireTenant("filter_get"); err != nil {
		return nil, err
	}
	err = s.Store.View(ctx, func(tx store.Reader) error {
		f, err = visibleFilter(tx, a, kind, id)
		return err
	})
	return f, err
}

// CreateFilter stores a filter.
func (s *Service) CreateFilter(ctx context.Context, a *service.Actor, kind service.Kind, id model.FilterID, v model.Visibility,
	rules []any,
) (*model.Filter, error) {
	if err := a.RequireTenant("filter_create"); err != nil {
		return nil, err
	}
	if err := service.CheckID("filter_id", string(id)); err != nil {
		return nil, err
	}
	if strings.HasPrefix(strings.ToLower(string(id)), reservedPrefix) {
		return nil, fault.New(fault.BadParameters, "All filters with a `%s` prefix are reserved for internal use.", reservedPrefix)
	}
	parsed, err := ParseRules(kind, rules)
	if err != nil {
		return nil, err
	}
	r, err := s.NewResource(a, v)
	if err != nil {
		return nil, err
	}
	f := &model.Filter{Resource: r, ID: id, UpdatedAt: r.CreatedAt, Rules: parsed}
	return f, s.Store.Update(ctx, func(tx store.Tx) error { return tx.InsertFilter(kind, f) })
}

// UpdateFilter changes a filter. Rules of one type replace only those of that type; rules of both replace all
// (rest-model, section 7).
func (s *Service) UpdateFilter(ctx context.Context, a *service.Actor, kind service.Kind, id model.FilterID, v model.Visibility,
	rules []any,
) (f *model.Filter, err error) {
	if err := a.RequireTenant("filter_update"); err != nil {
		return nil, err
	}
	parsed, err := ParseRules(kind, rules)
	if err != nil {
		return nil, err
	}
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		if f, err = visibleFilter(tx, a, kind, id); err != nil {
			return err
		}
		if f.IsSystem {
			return fault.New(fault.IllegalAction, "Cannot update a system filter")
		}
		if err := service.Foreign(a, f.Resource, string(id)); err != nil {
			return err
		}
		f.Rules = mergeRules(f.Rules, parsed)
		if v != "" {
			if err := service.Widen(a, &f.Resource, string(id), v); err != nil {
				return err
			}
		}
		f.UpdatedAt = s.Clock.Now()
		return tx.UpdateFilter(kind, f)
	})
	return f, err
}

func mergeRules(old, given []model.FilterRule) []model.FilterRule {
	types := map[string]bool{}
	for _, r := range given {
		types[r.Type] = true
	}
	if len(types) != 1 {
		if len(given) == 0 {
			return old
		}
		return given
	}
	var out []model.FilterRule
	for _, r := range old {
		if !types[r.Type] {
			out = append(out, r)
		}
	}
	return append(out, given...)
}

// DeleteFilter removes a filter.
func (s *Service) DeleteFilter(ctx context.Context, a *service.Actor, kind service.Kind, id model.FilterID) error {
	if err := a.RequireTenant("filter_delete"); err != nil {
		return err
	}
	return s.Store.Update(ctx, func(tx store.Tx) error {
		f, err := visibleFilter(tx, a, kind, id)
		if err != nil {
			return err
		}
		if f.IsSystem {
			return fault.New(fault.IllegalAction, "Cannot delete a system filter")
		}
		if err := service.Foreign(a, f.Resource, string(id)); err != nil {
			return err
		}
		return tx.DeleteFilter(kind, a.Tenant, id)
	})
}

// RulesOf returns the rules of a stored filter that the actor sees.
func (s *Service) RulesOf(ctx context.Context, a *service.Actor, k service.Kind, id model.FilterID) (rules []model.FilterRule, err error) {
	err = s.Store.View(ctx, func(tx store.Reader) error {
		f, err := visibleFilter(tx, a, k, id)
		if err == nil {
			rules = f.Rules
		}
		return err
	})
	return rules, err
}
