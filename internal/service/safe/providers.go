package safe

import (
	"context"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/store"
)

// Provider is a secrets provider with its connection parameters, which are nil for who may not see them.
type Provider struct {
	*model.SecretsProvider
	Parameters model.Document
}

// opened adds the connection parameters for who may see them.
func (s *Service) opened(a *service.Actor, p *model.SecretsProvider) (*Provider, error) {
	v := &Provider{SecretsProvider: p}
	if !a.Allows(a.Tenant, "secrets_provider_credentials") {
		return v, nil
	}
	var err error
	v.Parameters, err = s.OpenParameters(p)
	return v, err
}

// Providers lists secrets providers, without their connection parameters.
func (s *Service) Providers(ctx context.Context, a *service.Actor, q service.Query, all bool) (p service.Page[*model.SecretsProvider], err error) {
	if err := a.RequireTenant("secrets_provider_list"); err != nil {
		return p, err
	}
	q.Scope = a.Scope("secrets_provider_list", all)
	err = s.Store.View(ctx, func(tx store.Reader) error {
		p, err = tx.SecretsProviders(q)
		return err
	})
	return p, err
}

func visible(tx store.Reader, a *service.Actor, name model.ProviderName) (*model.SecretsProvider, error) {
	p, err := tx.SecretsProvider(a.Tenant, name)
	if err == nil && !a.Sees(p.Resource) {
		return nil, fault.Missing("SecretsProvider", string(name))
	}
	return p, err
}

// Provider returns a secrets provider.
func (s *Service) Provider(ctx context.Context, a *service.Actor, name model.ProviderName) (*Provider, error) {
	if err := a.RequireTenant("secrets_provider_get"); err != nil {
		return nil, err
	}
	p, err := s.find(ctx, a, name)
	if err != nil {
		return nil, err
	}
	return s.opened(a, p)
}

func (s *Service) find(ctx context.Context, a *service.Actor, name model.ProviderName) (p *model.SecretsProvider, err error) {
	err = s.Store.View(ctx, func(tx store.Reader) error {
		p, err = visible(tx, a, name)
		return err
	})
	return p, err
}

// CreateProvider adds a secrets provider. Parameters that cannot be used are fault.BadParameters; the server is not asked.
func (s *Service) CreateProvider(ctx context.Context, a *service.Actor, name model.ProviderName, kind string, parameters model.Document,
	v model.Visibility,
) (*Provider, error) {
	if err := a.RequireTenant("secrets_provider_create"); err != nil {
		return nil, err
	}
	if err := service.CheckID("name", string(name)); err != nil {
		return nil, err
	}
	if err := usable(kind, parameters); err != nil {
		return nil, err
	}
	r, err := s.NewResource(a, v)
	if err != nil {
		return nil, err
	}
	p := &model.SecretsProvider{Resource: r, Name: name, Type: kind, UpdatedAt: r.CreatedAt}
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		if err := s.SealParameters(p, parameters); err != nil {
			return err
		}
		return tx.InsertSecretsProvider(p)
	})
	if err != nil {
		return nil, err
	}
	return s.opened(a, p)
}

func usable(kind string, parameters model.Document) error {
	c, err := service.ConnectProvider(kind, parameters)
	if err != nil {
		return err
	}
	c.Close()
	return nil
}

// ProviderChange changes a provider; what is empty or nil stays as it is.
type ProviderChange struct {
	Type       string
	Parameters model.Document
	Visibility model.Visibility
}

// UpdateProvider changes a secrets provider.
func (s *Service) UpdateProvider(ctx context.Context, a *service.Actor, name model.ProviderName, c ProviderChange) (*Provider, error) {
	if err := a.RequireTenant("secrets_provider_update"); err != nil {
		return nil, err
	}
	var p *model.SecretsProvider
	err := s.Store.Update(ctx, func(tx store.Tx) (err error) {
		if p, err = visible(tx, a, name); err != nil {
			return err
		}
		if err := service.Foreign(a, p.Resource, string(name)); err != nil {
			return err
		}
		parameters := c.Parameters
		if parameters == nil {
			if parameters, err = s.OpenParameters(p); err != nil {
				return err
			}
		}
		if c.Type != "" {
			p.Type = c.Type
		}
		if err := usable(p.Type, parameters); err != nil {
			return err
		}
		if err := s.SealParameters(p, parameters); err != nil {
			return err
		}
		if c.Visibility != "" && c.Visibility != p.Visibility {
			if err := service.Widen(a, &p.Resource, string(name), c.Visibility); err != nil {
				return err
			}
		}
		p.UpdatedAt = s.Clock.Now()
		return tx.UpdateSecretsProvider(p)
	})
	if err != nil {
		return nil, err
	}
	return s.opened(a, p)
}

// DeleteProvider removes a secrets provider that no secret uses.
func (s *Service) DeleteProvider(ctx context.Context, a *service.Actor, name model.ProviderName) error {
	if err := a.RequireTenant("secrets_provider_delete"); err != nil {
		return err
	}
	return s.Store.Update(ctx, func(tx store.Tx) error {
		p, err := visible(tx, a, name)
		if err != nil {
			return err
		}
		if err := service.Foreign(a, p.Resource, string(name)); err != nil {
			return err
		}
		q := store.Query{Scope: store.Scope{Admin: true}, Limit: 1, Where: []store.Condition{{Field: "provider_name", Values: []string{string(name)}}}}
		if p.Visibility != model.VisibilityGlobal {
			q.Scope.Tenants = []model.TenantName{p.Tenant}
		}
		users, err := tx.Secrets(q)
		if err != nil {
			return err
		}
		if users.Total > 0 {
			return fault.New(fault.DependentExists, "the secrets provider `%s` has the values of %d secrets, such as `%s`; change or delete them first",
				name, users.Total, users.Items[0].Key)
		}
		return tx.DeleteSecretsProvider(p.Tenant, name)
	})
}

// TestProvider reports whether the server of a provider can be reached and accepts the credentials: of a stored one when
// the name says which, else with the given parameters.
func (s *Service) TestProvider(ctx context.Context, a *service.Actor, name model.ProviderName, kind string, parameters model.Document) error {
	if err := a.RequireTenant("secrets_provider_create"); err != nil {
		return err
	}
	if parameters == nil {
		p, err := s.find(ctx, a, name)
		if err != nil {
			return err
		}
		kind = p.Type
		if parameters, err = s.OpenParameters(p); err != nil {
			return err
		}
	}
	c, err := service.ConnectProvider(kind, parameters)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Check(ctx); err != nil {
		return fault.Wrap(err, fault.BadParameters, "the secrets provider cannot be used: %v", err)
	}
	return nil
}
