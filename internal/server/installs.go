package server

import (
	"context"
	"errors"
	"time"

	"github.com/reifyhq/reify/internal/agent/remote"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/pyhost"
	"github.com/reifyhq/reify/internal/service/plugins"
	"github.com/reifyhq/reify/internal/store"
)

// installLimit bounds one installation of a plugin.
const installLimit = 30 * time.Minute

// installs installs the plugins whose installation on this manager was asked for: those that an earlier process left
// waiting first, then whatever the bus tells. One at a time: they write to the same disk and run pip.
func (m *manager) installs(ctx context.Context) error {
	hints := make(chan struct{}, 1)
	hint := func([]byte) {
		select {
		case hints <- struct{}{}:
		default:
		}
	}
	hint(nil)
	watched := make(chan error, 1)
	go func() { watched <- m.bus.Watch(ctx, plugins.TopicInstall, hint) }()
	for {
		select {
		case err := <-watched:
			return err
		case <-hints:
			if err := m.installWaiting(ctx); err != nil && ctx.Err() == nil {
				m.Log.Error("install plugins that were asked for; another request tries again", "error", err)
			}
		}
	}
}

func (m *manager) installWaiting(ctx context.Context) error {
	waiting, err := m.waitingPlugins(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range waiting {
		if err := m.installPlugin(ctx, p); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (m *manager) waitingPlugins(ctx context.Context) (waiting []*model.Plugin, err error) {
	const slice = 500
	for offset := 0; ; offset += slice {
		total := 0
		err := m.store.View(ctx, func(r store.Reader) error {
			page, err := r.Plugins(store.Query{Scope: store.Scope{Admin: true}, Offset: offset, Limit: slice})
			total = page.Total
			for _, p := range page.Items {
				for _, i := range p.Installations {
					if i.Manager == m.dir.id && (i.State == model.PluginPendingInstall || i.State == model.PluginInstalling) {
						waiting = append(waiting, p)
					}
				}
			}
			return err
		})
		if err != nil || offset+slice >= total {
			return waiting, err
		}
	}
}

// installPlugin installs a plugin as the user who uploaded it; the state, good or bad, is reported by the installer.
func (m *manager) installPlugin(ctx context.Context, p *model.Plugin) error {
	ctx, cancel := context.WithTimeout(ctx, installLimit)
	defer cancel()
	token, revoke, err := m.service.IssueToken(ctx, p.CreatedBy, "of the installation of plugin "+string(p.ID), m.clock.Now().Add(installLimit))
	if err != nil {
		return err
	}
	// The token ends with the installation even when the manager stops in the middle of it.
	defer func() {
		if err := revoke(context.WithoutCancel(ctx)); err != nil {
			m.Log.Warn("revoke the token of an installation; it ends by itself", "plugin", p.ID, "error", err)
		}
	}()
	return m.plugins.Install(ctx, p.Tenant, &pyhost.Managed{
		ID: string(p.ID), Package: p.PackageName, Version: p.PackageVersion, Platform: p.SupportedPlatform, Pythons: p.SupportedPythons,
	}, remote.New(m.inside.c.AsUser(p.Tenant, token)))
}
