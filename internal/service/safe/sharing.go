// Package safe holds the use cases about secrets as a whole: taking them to another manager, the external stores that may
// have their values, and exchanging the key under which they are sealed.
//
// It is a room of package service and follows its rules. A value is opened only for the call that needs it and never
// becomes part of an error. Exchanging the key goes in slices, each a transaction of its own, that may be repeated: it can
// be stopped at any moment and goes on where it was.
package safe

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/secret/fernet"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/store"
)

// Service runs the use cases. It is safe for concurrent use.
type Service struct{ *service.Service }

// New returns the room over the service.
func New(s *service.Service) *Service { return &Service{s} }

// minPassphrase is the least length of a passphrase.
const minPassphrase = 8

// Exported is a secret outside of a manager (rest-api, section 13.1). Value is encrypted when IsEncrypted is set.
type Exported struct {
	Secret      *model.Secret
	Value       string
	IsEncrypted bool
	Options     model.Document
}

// Export returns the secrets that the query selects with their values, encrypted with a key of the passphrase unless that
// is empty. Hidden values of others are left out; secrets whose values a provider has go without.
func (s *Service) Export(ctx context.Context, a *service.Actor, q service.Query, all bool, passphrase string) ([]Exported, error) {
	if err := a.RequireTenant("secret_export"); err != nil {
		return nil, err
	}
	key, err := keyOf(passphrase)
	if err != nil {
		return nil, err
	}
	q.Scope, q.Limit, q.Offset = a.Scope("secret_export", all), -1, 0
	var page store.Page[*model.Secret]
	err = s.Store.View(ctx, func(tx store.Reader) error {
		page, err = tx.Secrets(q)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]Exported, 0, len(page.Items))
	for _, k := range page.Items {
		if !mayOpen(a, k) {
			continue
		}
		e := Exported{Secret: k, IsEncrypted: key != nil}
		if k.Provider != "" {
			if e.Options, err = s.OpenOptions(k); err != nil {
				return nil, err
			}
			e.IsEncrypted = false
			out = append(out, e)
			continue
		}
		if e.Value, err = s.SecretText(ctx, k); err != nil {
			return nil, err
		}
		if key != nil {
			if e.Value, err = key.Encrypt(e.Value, s.Clock.Now()); err != nil {
				return nil, fmt.Errorf("encrypt secret %s: %w", k.Key, err)
			}
		}
		out = append(out, e)
	}
	return out, nil
}

// keyOf derives the key of a passphrase; it is nil for an empty one.
func keyOf(passphrase string) (*fernet.Key, error) {
	if passphrase == "" {
		return nil, nil
	}
	if len(passphrase) < minPassphrase {
		return nil, fault.New(fault.BadParameters, "the passphrase must have at least %d characters", minPassphrase)
	}
	key, err := fernet.Derive(passphrase)
	return &key, err
}

func mayOpen(a *service.Actor, k *model.Secret) bool {
	return !k.IsHidden || k.CreatedBy == a.User.Name || a.Allows(k.Tenant, "administrators")
}

// Imported is a secret to import; what the request had of the wrong kind is in Errors already, by field.
type Imported struct {
	Key         model.SecretKey
	Value       string
	Visibility  model.Visibility
	Tenant      model.TenantName
	IsHidden    bool
	IsEncrypted bool
	Schema      model.Document
	Provider    model.ProviderName
	Options     model.Document
	Creator     model.UserName
	CreatedAt   time.Time
	UpdatedAt   time.Time
	Errors      map[string]any
}

// ImportRequest is what is imported, and how.
type ImportRequest struct {
	Secrets    []*Imported
	Passphrase string
	// TenantMap says into which tenant the secrets of another manager's tenant go; nil keeps the names.
	TenantMap map[string]string
	// Override replaces secrets that exist.
	Override bool
}

// ImportResult tells which secrets existed already, by tenant, and what was wrong with others, by their index.
type ImportResult struct {
	Colliding map[model.TenantName][]model.SecretKey
	Errors    map[string]map[string]any
}

// Import adds secrets that another manager, ours or an original one, exported (rest-api, section 13.1). Each is imported
// by itself: what is wrong with one keeps only that one out.
func (s *Service) Import(ctx context.Context, a *service.Actor, r ImportRequest) (*ImportResult, error) {
	if err := a.RequireTenant("secret_import"); err != nil {
		return nil, err
	}
	var tenants []model.TenantName
	err := s.Store.View(ctx, func(tx store.Reader) (err error) {
		tenants, err = tx.Tenants()
		return err
	})
	if err != nil {
		return nil, err
	}
	for from, to := range r.TenantMap {
		if !slices.Contains(tenants, model.TenantName(to)) {
			return nil, fault.New(fault.BadParameters, "the tenant map sends secrets of `%s` to the tenant `%s`, which does not exist", from, to)
		}
	}
	var key *fernet.Key
	if r.Passphrase != "" {
		derived, err := fernet.Derive(r.Passphrase)
		if err != nil {
			return nil, err
		}
		key = &derived
	}
	result := &ImportResult{Colliding: map[model.TenantName][]model.SecretKey{}, Errors: map[string]map[string]any{}}
	for i, in := range r.Secrets {
		if to, ok := r.TenantMap[string(in.Tenant)]; ok {
			in.Tenant = model.TenantName(to)
		}
		s.check(a, in, tenants, key)
		if len(in.Errors) == 0 {
			if err := s.importOne(ctx, a, in, r.Override, result); err != nil {
				return nil, err
			}
		}
		if len(in.Errors) > 0 {
			result.Errors[strconv.Itoa(i)] = in.Errors
		}
	}
	return result, nil
}

// check notes what is wrong with a secret and decrypts its value.
func (s *Service) check(a *service.Actor, in *Imported, tenants []model.TenantName, key *fernet.Key) {
	wrong := func(field, format string, args ...any) {
		if in.Errors[field] == nil {
			in.Errors[field] = fmt.Sprintf(format, args...)
		}
	}
	if in.Key != "" {
		if err := service.CheckID("key", string(in.Key)); err != nil {
			wrong("key", "%v", err)
		}
	}
	if in.Visibility != "" && !in.Visibility.Valid() {
		wrong("visibility", "Invalid visibility: `%s`", in.Visibility)
	}
	switch {
	case in.Tenant != "" && !slices.Contains(tenants, in.Tenant):
		wrong("tenant_name", "The tenant `%s` was not found", in.Tenant)
	case in.Tenant != "" && !a.Allows(in.Tenant, "secret_import"):
		wrong("tenant_name", "User `%s` is not permitted to import secrets in the tenant `%s`", a.User.Name, in.Tenant)
	}
	if in.Visibility == model.VisibilityGlobal && !a.Allows(in.Tenant, "create_global_resource") {
		wrong("visibility", "User `%s` is not permitted to create global secrets", a.User.Name)
	}
	if in.Creator != "" && !a.Allows(in.Tenant, "set_owner") {
		wrong("creator", "User `%s` is not permitted to set the owner of a secret", a.User.Name)
	}
	if (!in.CreatedAt.IsZero() || !in.UpdatedAt.IsZero()) && !a.Allows(in.Tenant, "set_timestamp") {
		wrong("timestamp", "User `%s` is not permitted to set timestamps", a.User.Name)
	}
	if !in.IsEncrypted || in.Provider != "" {
		return
	}
	if key == nil {
		wrong("No passphrase", "The secret is encrypted, and no passphrase was given")
		return
	}
	text, err := key.Decrypt(in.Value)
	if err != nil {
		wrong("value", "The value cannot be decrypted with this passphrase")
		return
	}
	in.Value = text
}

// importOne stores a secret that was checked.
func (s *Service) importOne(ctx context.Context, a *service.Actor, in *Imported, override bool, result *ImportResult) error {
	now := s.Clock.Now()
	k := &model.Secret{Key: in.Key, IsHidden: in.IsHidden, Provider: string(in.Provider), UpdatedAt: in.UpdatedAt, Resource: model.Resource{
		Tenant: in.Tenant, CreatedBy: a.User.Name, CreatedAt: in.CreatedAt, Visibility: in.Visibility}}
	if in.Creator != "" {
		k.CreatedBy = in.Creator
	}
	if k.CreatedAt.IsZero() {
		k.CreatedAt = now
	}
	if k.UpdatedAt.IsZero() {
		k.UpdatedAt = now
	}
	if in.Schema != nil {
		schema, err := model.EncodeJSON(in.Schema)
		if err != nil {
			return err
		}
		k.Schema = schema
	}
	collides := false
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		collides = false
		if err := s.SealOptions(k, in.Options); err != nil {
			return err
		}
		if in.Provider == "" {
			if err := s.SealSecret(k, in.Value); err != nil {
				return err
			}
		}
		if _, err := tx.User(k.CreatedBy); err != nil {
			return err
		}
		if in.Provider != "" {
			if _, err := tx.SecretsProvider(in.Tenant, in.Provider); err != nil {
				return err
			}
		}
		old, err := tx.Secret(in.Tenant, in.Key)
		if fault.Is(err, fault.NotFound) {
			return tx.InsertSecret(k)
		}
		if err != nil {
			return err
		}
		collides = true
		if !override {
			return nil
		}
		if old.Tenant != in.Tenant || !mayOpen(a, old) {
			return fault.New(fault.Forbidden, "User `%s` is not permitted to replace the secret `%s`", a.User.Name, in.Key)
		}
		return tx.UpdateSecret(k)
	})
	if collides {
		result.Colliding[in.Tenant] = append(result.Colliding[in.Tenant], in.Key)
	}
	switch code := fault.CodeOf(err); {
	case err == nil:
	case code == fault.Internal:
		return err
	default:
		in.Errors[string(code)] = err.Error()
	}
	return nil
}
