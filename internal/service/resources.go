package service

import (
	"context"
	"strings"
	"time"

	"github.com/reifyhq/reify/internal/blob"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// Resource opens a file of the file server, whose paths are blob keys (rest-api, section 15). When the path names a
// directory the object is nil and the index maps each file below it, by its path relative to it, to its time of change.
func (s *Service) Resource(ctx context.Context, a *Actor, key string) (blob.Object, map[string]time.Time, error) {
	if err := s.mayRead(ctx, a, key); err != nil {
		return nil, nil, err
	}
	key = strings.TrimSuffix(key, "/")
	obj, err := s.Blobs.Open(ctx, key)
	if err == nil || !fault.Is(err, fault.NotFound) {
		return obj, nil, err
	}
	infos, listErr := s.Blobs.List(ctx, key)
	if listErr != nil || len(infos) == 0 {
		return nil, nil, err
	}
	index := make(map[string]time.Time, len(infos))
	for _, i := range infos {
		index[strings.TrimPrefix(i.Key, key+"/")] = i.ModifiedAt
	}
	return nil, index, nil
}

// mayRead checks a path of the file server: files of a tenant need file_server_auth there; those of a global blueprint
// are open to every user.
func (s *Service) mayRead(ctx context.Context, a *Actor, key string) error {
	parts := strings.Split(key, "/")
	missing := fault.New(fault.NotFound, "Resource not found: %s", key)
	if len(parts) < 3 {
		return missing
	}
	tenant := model.TenantName(parts[1])
	switch parts[0] {
	case "blueprints", "uploaded-blueprints":
		if a.Allows(tenant, "file_server_auth") {
			return nil
		}
		global := false
		err := s.Store.View(ctx, func(tx store.Reader) error {
			b, err := tx.Blueprint(tenant, model.BlueprintID(parts[2]))
			if fault.Is(err, fault.NotFound) {
				return nil
			}
			global = err == nil && b.Visibility == model.VisibilityGlobal
			return err
		})
		if err != nil || global {
			return err
		}
	case "plugins":
		return s.mayReadPlugin(ctx, a, model.PluginID(parts[1]), missing)
	case "deployments", "tenant-resources":
		if a.Allows(tenant, "file_server_auth") {
			return nil
		}
	default:
		return missing
	}
	return fault.New(fault.Forbidden, "User `%s` is not permitted to perform the action file_server_auth in the tenant `%s`", a.User.Name, tenant)
}

// PluginFiles is what the keys of the files of plugins begin with; their ids follow.
const PluginFiles = "plugins/"

// mayReadPlugin checks the files of a plugin, whose path names no tenant: global ones are open to every user.
func (s *Service) mayReadPlugin(ctx context.Context, a *Actor, id model.PluginID, missing error) error {
	return s.Store.View(ctx, func(tx store.Reader) error {
		found, err := tx.Plugins(store.Query{
			Scope: store.Scope{User: a.User.Name, Admin: a.isAdmin()}, Limit: -1,
			Where: []store.Condition{{Field: "id", Values: []string{string(id)}}},
		})
		if err != nil {
			return err
		}
		for _, p := range found.Items {
			if p.Visibility == model.VisibilityGlobal || a.Allows(p.Tenant, "file_server_auth") {
				return nil
			}
		}
		return missing
	})
}
