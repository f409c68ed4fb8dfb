package plugins

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/plugin"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/store"
)

// users returns the blueprints that use the package of a plugin in its version: those of its tenant, and of all tenants
// when it is global.
func users(tx store.Reader, p *model.Plugin) ([]string, error) {
	scope := store.Scope{Tenants: []model.TenantName{p.Tenant}, Admin: true}
	if p.Visibility == model.VisibilityGlobal {
		scope.Tenants = nil
	}
	page, err := tx.Blueprints(store.Query{Scope: scope, Limit: -1})
	if err != nil {
		return nil, err
	}
	var out []string
	for _, b := range page.Items {
		list, err := plugin.Plan(b.Plan)
		if err != nil {
			return nil, fmt.Errorf("blueprint %s: %w", b.ID, err)
		}
		uses := func(o plugin.Planned) bool {
			return o.PackageName == p.PackageName && o.PackageVersion == p.PackageVersion
		}
		if slices.ContainsFunc(list, uses) {
			out = append(out, string(b.ID))
		}
	}
	return out, nil
}

// Delete removes a plugin with its files. One that blueprints use is fault.PluginInUse unless forced.
func (s *Service) Delete(ctx context.Context, a *service.Actor, id model.PluginID, force bool) error {
	p, err := s.find(ctx, a, "plugin_delete", id)
	if err != nil {
		return err
	}
	if err := service.Foreign(a, p.Resource, string(id)); err != nil {
		return err
	}
	err = s.Store.View(ctx, func(tx store.Reader) error {
		if err := noSnapshot(tx); err != nil || force {
			return err
		}
		used, err := users(tx, p)
		if err == nil && len(used) > 0 {
			err = fault.New(fault.PluginInUse, "Plugin \"%s\" is currently in use in blueprints: %s. You can \"force\" plugin removal if needed.",
				id, strings.Join(used, ", "))
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := s.Store.Update(ctx, func(tx store.Tx) error { return tx.DeletePlugin(p.Tenant, id) }); err != nil {
		return err
	}
	if len(p.Installations) > 0 {
		s.tell(TopicUninstall, id)
	}
	return errors.Join(s.Blobs.DeleteAll(ctx, filesOf(id)), s.Blobs.DeleteAll(ctx, packedOf(id)))
}
