// Package plugins holds the use cases of the plugin catalogue: uploading plugins, finding, describing and deleting them,
// recording where they are installed, and updating blueprints to other versions of theirs.
//
// It is a room of package service and follows its rules: it checks permission and rules, then commits one store.Update.
// It never installs a package: it records that an installation is wanted (pending-install) and says so on the bus under
// TopicInstall; whoever runs Python there does the work and reports the states back. What it stores of a plugin is its
// row and the files below plugins/<id>/; the row comes last and goes first, so that a row always has its files.
package plugins

import (
	"context"
	"fmt"
	"slices"

	"github.com/reifyhq/reify/internal/blob"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/plugin"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/store"
)

// Topics of the bus on which installers hear what is wanted. The message is the id of the plugin; it is a hint, the
// states of the installations are the truth.
const (
	TopicInstall   = "plugin.install"
	TopicUninstall = "plugin.uninstall"
)

// Service runs the use cases. It is safe for concurrent use.
type Service struct{ *service.Service }

// New returns the room over the service.
func New(s *service.Service) *Service { return &Service{s} }

// Plugins lists plugins.
func (s *Service) Plugins(ctx context.Context, a *service.Actor, q service.Query, all bool) (p service.Page[*model.Plugin], err error) {
	if err := a.RequireTenant("plugin_list"); err != nil {
		return p, err
	}
	q.Scope = a.Scope("plugin_list", all)
	err = s.Store.View(ctx, func(tx store.Reader) error {
		p, err = tx.Plugins(q)
		return err
	})
	return p, err
}

func visible(tx store.Reader, a *service.Actor, id model.PluginID) (*model.Plugin, error) {
	p, err := tx.Plugin(a.Tenant, id)
	if err == nil && !a.Sees(p.Resource) {
		return nil, fault.Missing("Plugin", string(id))
	}
	return p, err
}

// find returns a plugin that the actor sees and for which it has the permission.
func (s *Service) find(ctx context.Context, a *service.Actor, permission string, id model.PluginID) (p *model.Plugin, err error) {
	if err := a.RequireTenant(permission); err != nil {
		return nil, err
	}
	err = s.Store.View(ctx, func(tx store.Reader) error {
		p, err = visible(tx, a, id)
		return err
	})
	return p, err
}

// Plugin returns a plugin of the actor's tenant, or a global one.
func (s *Service) Plugin(ctx context.Context, a *service.Actor, id model.PluginID) (*model.Plugin, error) {
	return s.find(ctx, a, "plugin_get", id)
}

// change changes a plugin of the actor's tenant.
func (s *Service) change(ctx context.Context, a *service.Actor, permission string, id model.PluginID, fn func(store.Tx, *model.Plugin) error) (
	p *model.Plugin, err error,
) {
	if err := a.RequireTenant(permission); err != nil {
		return nil, err
	}
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		if p, err = visible(tx, a, id); err != nil {
			return err
		}
		if err := service.Foreign(a, p.Resource, string(id)); err != nil {
			return err
		}
		if err := fn(tx, p); err != nil {
			return err
		}
		return tx.UpdatePlugin(p)
	})
	return p, err
}

// SetVisibility makes a plugin visible to more people.
func (s *Service) SetVisibility(ctx context.Context, a *service.Actor, id model.PluginID, v model.Visibility) (*model.Plugin, error) {
	return s.change(ctx, a, "resource_set_visibility", id, func(_ store.Tx, p *model.Plugin) error {
		return service.Widen(a, &p.Resource, string(id), v)
	})
}

// Change is what may be changed of a plugin; nil fields stay as they are.
type Change struct {
	Creator         *model.UserName
	BlueprintLabels model.Document
	Labels          model.Document
	ResourceTags    model.Document
}

// Change changes labels, tags and owner of a plugin. Labels whose list of values is empty are removed.
func (s *Service) Change(ctx context.Context, a *service.Actor, id model.PluginID, c Change) (*model.Plugin, error) {
	if c.Creator != nil {
		if err := a.Require("set_owner"); err != nil {
			return nil, err
		}
	}
	for _, labels := range []model.Document{c.BlueprintLabels, c.Labels} {
		if err := checkLabels(labels); err != nil {
			return nil, err
		}
	}
	return s.change(ctx, a, "plugin_upload", id, func(tx store.Tx, p *model.Plugin) error {
		if c.Creator != nil {
			if _, err := tx.User(*c.Creator); err != nil {
				return fault.New(fault.BadParameters, "there is no user `%s`", *c.Creator)
			}
			p.CreatedBy = *c.Creator
		}
		if c.BlueprintLabels != nil {
			p.BlueprintLabels = c.BlueprintLabels
		}
		if c.Labels != nil {
			p.Labels = c.Labels
		}
		if c.ResourceTags != nil {
			p.ResourceTags = c.ResourceTags
		}
		return nil
	})
}

func checkLabels(labels model.Document) error {
	for key, v := range labels {
		values, ok := v.([]any)
		for _, one := range values {
			_, isText := one.(string)
			ok = ok && isText
		}
		if !ok {
			return fault.New(fault.BadParameters, "the values of label `%s` must be a list of texts: {%q: [\"value\"]}", key, key)
		}
		if len(values) == 0 {
			delete(labels, key)
		}
	}
	return nil
}

// Install records that a plugin is wanted on managers and agents, named by their names; neither means on this manager.
func (s *Service) Install(ctx context.Context, a *service.Actor, id model.PluginID, managers, agents []string) (*model.Plugin, error) {
	if i := slices.IndexFunc(managers, func(name string) bool { return name != s.Manager }); i >= 0 {
		return nil, fault.New(fault.NotFound, "Cannot install: requested managers do not exist: %s", managers[i])
	}
	if len(agents) > 0 {
		return nil, fault.New(fault.NotFound, "Cannot install: requested agents do not exist: %s", agents[0])
	}
	p, err := s.change(ctx, a, "plugin_upload", id, func(_ store.Tx, p *model.Plugin) error {
		setState(p, model.PluginInstallation{Manager: s.Manager, State: model.PluginPendingInstall})
		return nil
	})
	if err == nil {
		s.tell(TopicInstall, id)
	}
	return p, err
}

// tell says on the bus that installers have something to do.
func (s *Service) tell(topic string, id model.PluginID) {
	if err := s.Bus.Notify(topic, []byte(id)); err != nil {
		s.Log.Warn("tell installers of a plugin; they find it by its state", "topic", topic, "plugin", id, "error", err)
	}
}

// SetState records the state of a plugin on a manager or an agent, of which exactly one is named.
func (s *Service) SetState(ctx context.Context, a *service.Actor, id model.PluginID, i model.PluginInstallation) (*model.Plugin, error) {
	if (i.Manager == "") == (i.Agent == "") {
		return nil, fault.New(fault.Conflict, "Expected agent or manager, got: agent=%s, manager=%s", orNone(i.Agent), orNone(i.Manager))
	}
	if !i.State.Valid() {
		return nil, fault.New(fault.BadParameters, "Invalid state: `%s` is not a state of the installation of a plugin", i.State)
	}
	if i.State != model.PluginError {
		i.Error = ""
	}
	return s.change(ctx, a, "plugin_upload", id, func(_ store.Tx, p *model.Plugin) error {
		setState(p, i)
		return nil
	})
}

func orNone(name string) string {
	if name == "" {
		return "None"
	}
	return name
}

func setState(p *model.Plugin, i model.PluginInstallation) {
	same := func(o model.PluginInstallation) bool { return o.Manager == i.Manager && o.Agent == i.Agent }
	if k := slices.IndexFunc(p.Installations, same); k >= 0 {
		p.Installations[k] = i
		return
	}
	p.Installations = append(p.Installations, i)
}

// filesOf is the prefix of the files of a plugin, which are served below /resources.
func filesOf(id model.PluginID) string { return service.PluginFiles + string(id) }

// packedOf is the prefix of the archives that are made of a plugin on request.
func packedOf(id model.PluginID) string { return "plugin-archives/" + string(id) }

// YAML opens the description of a plugin for blueprints of a version of the language, such as 1_4 or empty; the caller
// closes it.
func (s *Service) YAML(ctx context.Context, a *service.Actor, id model.PluginID, dslVersion string) (blob.Object, error) {
	p, err := s.find(ctx, a, "plugin_download", id)
	if err != nil {
		return nil, err
	}
	name, err := plugin.ChooseYAML(p.YAMLs, dslVersion)
	if err != nil {
		return nil, fmt.Errorf("choose the description of plugin %s: %w", id, err)
	}
	return s.Blobs.Open(ctx, filesOf(id)+"/"+name)
}
