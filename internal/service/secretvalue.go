package service

import (
	"context"
	"fmt"

	"github.com/reifyhq/reify/internal/dsl"
	"github.com/reifyhq/reify/internal/dsl/fn"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/secret"
	"github.com/reifyhq/reify/internal/store"
)

// SealSecret sets the value of a secret. It is bound to the secret's tenant and key.
func (s *Service) SealSecret(k *model.Secret, value string) (err error) {
	k.Value, err = secret.Seal(s.Key, secretName(k), value)
	return err
}

// OpenSecret returns the value of a secret as it was given: text, or JSON when the secret has a schema.
func (s *Service) OpenSecret(k *model.Secret) (any, error) {
	text, err := secret.Open(s.Key, secretName(k), k.Value)
	if err != nil || len(k.Schema) == 0 {
		return text, err
	}
	var v any
	if err := model.DecodeJSON([]byte(text), &v); err != nil {
		return nil, fmt.Errorf("read secret %s: %w", k.Key, err)
	}
	return v, nil
}

func secretName(k *model.Secret) string { return fmt.Sprintf("%s/%s", k.Tenant, k.Key) }

// secretValue is the value of a secret as the owner of a deployment sees it: private ones of others are not there.
func (s *Service) secretValue(ctx context.Context, owner model.Resource, name string) (any, error) {
	var k *model.Secret
	err := s.Store.View(ctx, func(tx store.Reader) (err error) {
		k, err = tx.Secret(owner.Tenant, model.SecretKey(name))
		return err
	})
	if fault.Is(err, fault.NotFound) || err == nil && k.Visibility == model.VisibilityPrivate && k.CreatedBy != owner.CreatedBy {
		return nil, fmt.Errorf("secret %q: %w", name, fn.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	v, err := s.OpenSecret(k)
	if err != nil || len(k.Schema) == 0 {
		return v, err
	}
	data, err := model.EncodeJSON(v)
	if err != nil {
		return nil, fmt.Errorf("read secret %s: %w", name, err)
	}
	return dsl.DecodeJSON(data)
}

// SecretsOf lets the plan of a deployment be checked against the secrets it may use. It is safe for concurrent use.
func (s *Service) SecretsOf(d *model.Deployment) dsl.SecretGetter {
	return func(ctx context.Context, name string) (string, error) {
		v, err := s.secretValue(ctx, d.Resource, name)
		text, isText := v.(string)
		if err != nil || isText {
			return text, err
		}
		data, err := model.EncodeJSON(v)
		return string(data), err
	}
}
