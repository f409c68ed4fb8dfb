package memstore

import (
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

func ofPlugin(p *model.Plugin) *model.Resource               { return &p.Resource }
func ofPluginsUpdate(u *model.PluginsUpdate) *model.Resource { return &u.Resource }

var plugins = &noun[model.Plugin]{
	name: "plugins", resource: scope(ofPlugin),
	fields: resourceFields(ofPlugin, map[string]field[model.Plugin]{
		"id":                   text(func(p *model.Plugin) string { return string(p.ID) }),
		"title":                text(func(p *model.Plugin) string { return p.Title }),
		"package_name":         text(func(p *model.Plugin) string { return p.PackageName }),
		"package_version":      text(func(p *model.Plugin) string { return p.PackageVersion }),
		"package_source":       text(func(p *model.Plugin) string { return p.PackageSource }),
		"archive_name":         text(func(p *model.Plugin) string { return p.ArchiveName }),
		"supported_platform":   text(func(p *model.Plugin) string { return p.SupportedPlatform }),
		"distribution":         text(func(p *model.Plugin) string { return p.Distribution }),
		"distribution_version": text(func(p *model.Plugin) string { return p.DistributionVersion }),
		"distribution_release": text(func(p *model.Plugin) string { return p.DistributionRelease }),
		"uploaded_at":          instant((*model.Plugin).UploadedAt),
	}),
}

func (r reader) Plugin(t model.TenantName, id model.PluginID) (*model.Plugin, error) {
	return visible(&r.s.plugins, t, id, func(p *model.Plugin) (model.PluginID, model.Visibility) { return p.ID, p.Visibility },
		fault.Missing("Plugin", string(id)))
}

func (r reader) Plugins(q store.Query) (store.Page[*model.Plugin], error) {
	return list(r.s, plugins, &r.s.plugins, q)
}

// freePlugin refuses a plugin that its tenant has, or another one when one of the two is global.
func (t *tx) freePlugin(p *model.Plugin) error {
	build := func(p *model.Plugin) [4]string {
		return [4]string{p.PackageVersion, p.Distribution, p.DistributionVersion, p.DistributionRelease}
	}
	same := t.s.plugins.where(func(o *model.Plugin) bool {
		if o.Tenant == p.Tenant && o.ID == p.ID || o.Tenant != p.Tenant && o.Visibility != model.VisibilityGlobal &&
			p.Visibility != model.VisibilityGlobal {
			return false
		}
		return o.ID == p.ID || o.PackageName == p.PackageName && (o.ArchiveName == p.ArchiveName || build(o) == build(p))
	})
	if len(same) > 0 {
		return inUse("Plugin", string(p.ID), p.Tenant)
	}
	return nil
}

func (t *tx) InsertPlugin(p *model.Plugin) error {
	if err := t.freePlugin(p); err != nil {
		return err
	}
	return insert(t.s, &t.s.plugins, key(p.Tenant, p.ID), p, inUse("Plugin", string(p.ID), p.Tenant))
}

func (t *tx) UpdatePlugin(p *model.Plugin) error {
	if err := t.freePlugin(p); err != nil {
		return err
	}
	return replace(&t.s.plugins, key(p.Tenant, p.ID), p, fault.Missing("Plugin", string(p.ID)))
}

func (t *tx) DeletePlugin(tenant model.TenantName, id model.PluginID) error {
	if _, ok := t.s.plugins.get(key(tenant, id)); !ok {
		return fault.Missing("Plugin", string(id))
	}
	t.s.plugins.remove(key(tenant, id))
	return nil
}

var pluginsUpdates = &noun[model.PluginsUpdate]{
	name: "plugins updates", resource: scope(ofPluginsUpdate), byCreation: true,
	fields: resourceFields(ofPluginsUpdate, map[string]field[model.PluginsUpdate]{
		"id":                text(func(u *model.PluginsUpdate) string { return string(u.ID) }),
		"state":             text(func(u *model.PluginsUpdate) string { return string(u.State) }),
		"blueprint_id":      text(func(u *model.PluginsUpdate) string { return string(u.Blueprint) }),
		"temp_blueprint_id": text(func(u *model.PluginsUpdate) string { return string(u.TempBlueprint) }),
		"execution_id":      text(func(u *model.PluginsUpdate) string { return string(u.Execution) }),
		"forced":            flag(func(u *model.PluginsUpdate) bool { return u.Forced }),
	}),
}

func (r reader) PluginsUpdate(t model.TenantName, id model.PluginsUpdateID) (*model.PluginsUpdate, error) {
	return visible(&r.s.pluginsUpdates, t, id, func(u *model.PluginsUpdate) (model.PluginsUpdateID, model.Visibility) {
		return u.ID, u.Visibility
	}, fault.Missing("PluginsUpdate", string(id)))
}

func (r reader) PluginsUpdates(q store.Query) (store.Page[*model.PluginsUpdate], error) {
	p, err := list(r.s, pluginsUpdates, &r.s.pluginsUpdates, q)
	for _, u := range p.Items {
		u.Plan = nil
	}
	return p, err
}

func (t *tx) InsertPluginsUpdate(u *model.PluginsUpdate) error {
	return insert(t.s, &t.s.pluginsUpdates, key(u.Tenant, u.ID), u, inUse("PluginsUpdate", string(u.ID), u.Tenant))
}

func (t *tx) UpdatePluginsUpdate(u *model.PluginsUpdate) error {
	return replace(&t.s.pluginsUpdates, key(u.Tenant, u.ID), u, fault.Missing("PluginsUpdate", string(u.ID)))
}

func (t *tx) DeletePluginsUpdates(tenant model.TenantName, b model.BlueprintID) error {
	t.s.pluginsUpdates.removeWhere(func(u *model.PluginsUpdate) bool { return u.Tenant == tenant && u.Blueprint == b })
	return nil
}
