package store

import "github.com/reifyhq/reify/internal/model"

// PluginReader reads uploaded plugins and the updates of blueprints to other versions of them.
type PluginReader interface {
	// Plugin returns the plugin visible in the tenant: its own, or a global one of another tenant.
	Plugin(t model.TenantName, id model.PluginID) (*model.Plugin, error)
	// Plugins lists plugins in the order of their upload.
	Plugins(q Query) (Page[*model.Plugin], error)
	PluginsUpdate(t model.TenantName, id model.PluginsUpdateID) (*model.PluginsUpdate, error)
	// PluginsUpdates lists; the plans are left out.
	PluginsUpdates(q Query) (Page[*model.PluginsUpdate], error)
}

// PluginWriter writes plugins and their updates.
type PluginWriter interface {
	// InsertPlugin adds a plugin. It is fault.Conflict when the tenant, or a global plugin, has the id, the archive name of
	// the same package, or the same package, version and distribution.
	InsertPlugin(p *model.Plugin) error
	// UpdatePlugin replaces a plugin; fault.Conflict when it becomes global and collides with one of another tenant.
	UpdatePlugin(p *model.Plugin) error
	DeletePlugin(t model.TenantName, id model.PluginID) error
	InsertPluginsUpdate(u *model.PluginsUpdate) error
	UpdatePluginsUpdate(u *model.PluginsUpdate) error
	// DeletePluginsUpdates removes the updates of a blueprint; none is no error.
	DeletePluginsUpdates(t model.TenantName, b model.BlueprintID) error
}
