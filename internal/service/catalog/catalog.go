// Package catalog holds the use cases about what blueprints and lists refer to by name: secrets, sites and stored filters.
//
// It is a room of package service and follows its rules: it checks permission and rules, then commits one store.Update.
// It never evaluates a secret for a deployment and never runs a filter; package service does.
package catalog

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/store"
)

// Service runs the use cases. It is safe for concurrent use.
type Service struct{ *service.Service }

// New returns the room over the service.
func New(s *service.Service) *Service { return &Service{s} }

// list runs one list of the store in the actor's scope.
func list[T any](ctx context.Context, s *Service, a *service.Actor, permission string, q service.Query, all bool,
	read func(store.Reader, service.Query) (service.Page[T], error),
) (p service.Page[T], err error) {
	if err := a.RequireTenant(permission); err != nil {
		return p, err
	}
	q.Scope = a.Scope(permission, all)
	err = s.Store.View(ctx, func(tx store.Reader) error {
		p, err = read(tx, q)
		return err
	})
	return p, err
}

// Secrets lists secrets; values are not opened.
func (s *Service) Secrets(ctx context.Context, a *service.Actor, q service.Query, all bool) (service.Page[*model.Secret], error) {
	return list(ctx, s, a, "secret_list", q, all, store.Reader.Secrets)
}

func visibleSecret(tx store.Reader, a *service.Actor, key model.SecretKey) (*model.Secret, error) {
	k, err := tx.Secret(a.Tenant, key)
	if err == nil && !a.Sees(k.Resource) {
		return nil, fault.Missing("Secret", string(key))
	}
	return k, err
}

// mayOpen reports whether the actor may read and change the value of a secret.
func mayOpen(a *service.Actor, k *model.Secret) bool {
	return !k.IsHidden || k.CreatedBy == a.User.Name || a.IsAdministrator()
}

// Secret returns a secret with its value, which is "" when it is hidden from the actor (rest-model, section 11).
func (s *Service) Secret(ctx context.Context, a *service.Actor, key model.SecretKey) (k *model.Secret, value any, err error) {
	if err := a.RequireTenant("secret_get"); err != nil {
		return nil, nil, err
	}
	err = s.Store.View(ctx, func(tx store.Reader) error {
		k, err = visibleSecret(tx, a, key)
		return err
	})
	if err != nil || !mayOpen(a, k) {
		return k, "", err
	}
	value, err = s.OpenSecret(ctx, k)
	return k, value, err
}

// NewSecret is a request to create a secret; the value is text unless there is a schema.
type NewSecret struct {
	Key            model.SecretKey
	Value          any
	Schema         model.Document
	IsHidden       bool
	Visibility     model.Visibility
	UpdateIfExists bool
	// Provider, when set, has the value; Options say where.
	Provider model.ProviderName
	Options  model.Document
}

// seal checks a value and stores it into the secret.
func (s *Service) seal(k *model.Secret, value any) error {
	text, isText := value.(string)
	if len(k.Schema) > 0 {
		var schema model.Document
		if err := model.DecodeJSON(k.Schema, &schema); err != nil {
			return fmt.Errorf("read the schema of secret %s: %w", k.Key, err)
		}
		probe := model.Setting{Name: string(k.Key), Schema: schema}
		if reason := probe.Misfit(value); reason != "" {
			return fault.New(fault.Conflict, "Error validating secret value: %s", reason)
		}
		data, err := json.Marshal(value)
		if err != nil {
			return fmt.Errorf("write secret %s: %w", k.Key, err)
		}
		return s.SealSecret(k, string(data))
	}
	if !isText {
		return fault.New(fault.BadParameters, "the value of secret `%s` must be text; give a schema to store other JSON", k.Key)
	}
	return s.SealSecret(k, text)
}

// CreateSecret stores a secret; an existing one is fault.Conflict, or changed when that was asked for.
func (s *Service) CreateSecret(ctx context.Context, a *service.Actor, n NewSecret) (*model.Secret, error) {
	if err := a.RequireTenant("secret_create"); err != nil {
		return nil, err
	}
	if err := service.CheckID("key", string(n.Key)); err != nil {
		return nil, err
	}
	if (n.Value == nil || n.Value == "") && n.Provider == "" {
		return nil, fault.New(fault.BadParameters, "Cannot create a secret with empty value or provider: %s", n.Key)
	}
	r, err := s.NewResource(a, n.Visibility)
	if err != nil {
		return nil, err
	}
	k := &model.Secret{Resource: r, Key: n.Key, UpdatedAt: r.CreatedAt, IsHidden: n.IsHidden}
	if n.Schema != nil {
		if k.Schema, err = json.Marshal(n.Schema); err != nil {
			return nil, fmt.Errorf("write the schema of secret %s: %w", n.Key, err)
		}
	}
	k.Provider = string(n.Provider)
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		// Sealed here, so that no value is under a key that is being forgotten.
		if err := s.SealOptions(k, n.Options); err != nil {
			return err
		}
		if n.Provider == "" {
			if err := s.seal(k, n.Value); err != nil {
				return err
			}
		}
		if err := knownProvider(tx, a, n.Provider); err != nil {
			return err
		}
		old, err := tx.Secret(a.Tenant, n.Key)
		if err != nil || !n.UpdateIfExists || old.Tenant != a.Tenant {
			if err != nil && !fault.Is(err, fault.NotFound) {
				return err
			}
			return tx.InsertSecret(k)
		}
		if !mayOpen(a, old) {
			return hidden(a, old)
		}
		if old.Visibility != k.Visibility && n.Visibility != "" {
			old.Visibility = k.Visibility
		}
		k.Resource = old.Resource
		return tx.UpdateSecret(k)
	})
	return k, err
}

func hidden(a *service.Actor, k *model.Secret) error {
	return fault.New(fault.Forbidden, "User `%s` is not permitted to modify the hidden value secret `%s`", a.User.Name, k.Key)
}

// knownProvider refuses a provider that the actor does not see; "" is none.
func knownProvider(tx store.Reader, a *service.Actor, name model.ProviderName) error {
	if name == "" {
		return nil
	}
	p, err := tx.SecretsProvider(a.Tenant, name)
	if err == nil && !a.Sees(p.Resource) {
		return fault.Missing("SecretsProvider", string(name))
	}
	return err
}

// SecretChange changes a secret; nil fields stay as they are.
type SecretChange struct {
	Value      any
	IsHidden   *bool
	Visibility *model.Visibility
	Creator    *model.UserName
	// Provider moves the secret to a provider; Options say where the value is there.
	Provider *model.ProviderName
	Options  model.Document
}

// UpdateSecret changes a secret that is not hidden from the actor.
func (s *Service) UpdateSecret(ctx context.Context, a *service.Actor, key model.SecretKey, c SecretChange) (k *model.Secret, err error) {
	if err := a.RequireTenant("secret_update"); err != nil {
		return nil, err
	}
	if c.Creator != nil {
		if err := a.Require("set_owner"); err != nil {
			return nil, err
		}
	}
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		if k, err = visibleSecret(tx, a, key); err != nil {
			return err
		}
		if err := service.Foreign(a, k.Resource, string(key)); err != nil {
			return err
		}
		if !mayOpen(a, k) {
			return hidden(a, k)
		}
		if c.Value != nil {
			if err := s.seal(k, c.Value); err != nil {
				return err
			}
		}
		if err := s.changeProvider(tx, a, k, c); err != nil {
			return err
		}
		if c.IsHidden != nil {
			k.IsHidden = *c.IsHidden
		}
		if c.Creator != nil {
			if _, err := tx.User(*c.Creator); err != nil {
				return fault.New(fault.BadParameters, "there is no user `%s`", *c.Creator)
			}
			k.CreatedBy = *c.Creator
		}
		if c.Visibility != nil {
			if err := service.Widen(a, &k.Resource, string(key), *c.Visibility); err != nil {
				return err
			}
		}
		k.UpdatedAt = s.Clock.Now()
		return tx.UpdateSecret(k)
	})
	return k, err
}

// changeProvider moves a secret to a provider, back from it, or to another place there.
func (s *Service) changeProvider(tx store.Reader, a *service.Actor, k *model.Secret, c SecretChange) error {
	switch {
	case c.Provider != nil && *c.Provider != "":
		if err := knownProvider(tx, a, *c.Provider); err != nil {
			return err
		}
		k.Provider, k.Value = string(*c.Provider), ""
	case c.Value != nil:
		k.Provider, k.ProviderOptions = "", nil
	}
	if c.Options != nil && k.Provider != "" {
		return s.SealOptions(k, c.Options)
	}
	return nil
}

// DeleteSecret removes a secret.
func (s *Service) DeleteSecret(ctx context.Context, a *service.Actor, key model.SecretKey) error {
	if err := a.RequireTenant("secret_delete"); err != nil {
		return err
	}
	return s.Store.Update(ctx, func(tx store.Tx) error {
		k, err := visibleSecret(tx, a, key)
		if err != nil {
			return err
		}
		if err := service.Foreign(a, k.Resource, string(key)); err != nil {
			return err
		}
		if !mayOpen(a, k) {
			return hidden(a, k)
		}
		return tx.DeleteSecret(a.Tenant, key)
	})
}
