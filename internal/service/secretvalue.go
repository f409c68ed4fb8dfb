package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/reifyhq/reify/internal/dsl"
	"github.com/reifyhq/reify/internal/dsl/fn"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
	"github.com/reifyhq/reify/internal/vault"
)

// SealSecret sets the value of a secret. It is bound to the secret's tenant and key.
func (s *Service) SealSecret(k *model.Secret, value string) (err error) {
	k.Value, err = s.Keys.Seal(secretName(k), value)
	return err
}

// OpenValue returns the value that this manager itself has of a secret.
func (s *Service) OpenValue(k *model.Secret) (string, error) {
	return s.Keys.Open(secretName(k), k.Value)
}

// SecretText returns the value of a secret as it is stored: text, or JSON text when the secret has a schema. That of a
// secret with a provider is read from there (rest-model, section 11).
func (s *Service) SecretText(ctx context.Context, k *model.Secret) (string, error) {
	if k.Provider == "" {
		return s.OpenValue(k)
	}
	var p *model.SecretsProvider
	err := s.Store.View(ctx, func(tx store.Reader) (err error) {
		p, err = tx.SecretsProvider(k.Tenant, model.ProviderName(k.Provider))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("find the provider of secret %s: %w", k.Key, err)
	}
	return s.readThrough(ctx, p, k)
}

// OpenSecret returns the value of a secret as it was given: text, or JSON when the secret has a schema.
func (s *Service) OpenSecret(ctx context.Context, k *model.Secret) (any, error) {
	text, err := s.SecretText(ctx, k)
	if err != nil || len(k.Schema) == 0 {
		return text, err
	}
	var v any
	if err := model.DecodeJSON([]byte(text), &v); err != nil {
		// The decoder's error could tell a part of the value.
		return nil, fmt.Errorf("read secret %s: its value is not valid JSON", k.Key)
	}
	return v, nil
}

// ProviderOptions say where a provider has the value of a secret.
type ProviderOptions struct {
	// Path of the value; empty is the secret's key. Field of it; empty is value.
	Path  string `json:"path"`
	Field string `json:"field"`
}

// readThrough reads the value of a secret from its provider.
func (s *Service) readThrough(ctx context.Context, p *model.SecretsProvider, k *model.Secret) (string, error) {
	o := ProviderOptions{Path: string(k.Key), Field: "value"}
	if err := s.openDocument(secretName(k)+"/options", k.ProviderOptions, &o); err != nil {
		return "", fmt.Errorf("read the provider options of secret %s: %w", k.Key, err)
	}
	client, err := s.OpenProvider(p)
	if err != nil {
		return "", err
	}
	defer client.Close()
	text, err := client.Read(ctx, o.Path, o.Field)
	if errors.Is(err, vault.ErrNotFound) {
		return "", fault.Wrap(err, fault.NotFound, "the value of secret `%s` is not at its provider `%s`", k.Key, p.Name)
	}
	if err != nil {
		return "", fault.Wrap(err, fault.FailedDependency, "read the value of secret `%s` from its provider `%s`: %v", k.Key, p.Name, err)
	}
	return text, nil
}

// openDocument opens a sealed document that is stored as a JSON text; an empty one leaves v alone.
func (s *Service) openDocument(name string, sealed json.RawMessage, v any) error {
	var text string
	if len(sealed) == 0 {
		return nil
	}
	if err := model.DecodeJSON(sealed, &text); err != nil {
		return err
	}
	plain, err := s.Keys.Open(name, text)
	if err != nil {
		return err
	}
	return model.DecodeJSON([]byte(plain), v)
}

// SealOptions sets the provider options of a secret; nil removes them.
func (s *Service) SealOptions(k *model.Secret, options model.Document) error {
	k.ProviderOptions = nil
	if options == nil {
		return nil
	}
	data, err := model.EncodeJSON(options)
	if err != nil {
		return err
	}
	sealed, err := s.Keys.Seal(secretName(k)+"/options", string(data))
	if err != nil {
		return err
	}
	k.ProviderOptions, err = model.EncodeJSON(sealed)
	return err
}

// OpenOptions returns the provider options of a secret, nil when it has none.
func (s *Service) OpenOptions(k *model.Secret) (d model.Document, err error) {
	err = s.openDocument(secretName(k)+"/options", k.ProviderOptions, &d)
	return d, err
}

func providerName(p *model.SecretsProvider) string {
	return fmt.Sprintf("provider/%s/%s", p.Tenant, p.Name)
}

// SealParameters sets the connection parameters of a provider.
func (s *Service) SealParameters(p *model.SecretsProvider, parameters model.Document) error {
	data, err := model.EncodeJSON(parameters)
	if err != nil {
		return err
	}
	p.Parameters, err = s.Keys.Seal(providerName(p), string(data))
	return err
}

// OpenParameters returns the connection parameters of a provider.
func (s *Service) OpenParameters(p *model.SecretsProvider) (d model.Document, err error) {
	text, err := s.Keys.Open(providerName(p), p.Parameters)
	if err == nil {
		err = model.DecodeJSON([]byte(text), &d)
	}
	return d, err
}

// agentName binds a sealed password to its agent.
func agentName(g *model.Agent) string { return fmt.Sprintf("agent/%s/%s", g.Tenant, g.Name) }

// SealAgent sets the password of an agent; "" is none. It is to be called inside the transaction that stores the agent.
func (s *Service) SealAgent(g *model.Agent, password string) (err error) {
	g.Password = ""
	if password != "" {
		g.Password, err = s.Keys.Seal(agentName(g), password)
	}
	return err
}

// OpenAgent returns the password of an agent as it was stored.
func (s *Service) OpenAgent(g *model.Agent) (string, error) {
	return s.Keys.Open(agentName(g), g.Password)
}

// sealedValues are the installation's values that are sealed as a whole.
var sealedValues = []string{LDAPValue}

// LDAPValue is the name of the installation's value that holds how LDAP is reached, sealed.
const LDAPValue = "ldap"

// ResealSettings seals under the active key the installation's values that are not; it returns how many.
func (s *Service) ResealSettings(tx store.Tx) (n int, err error) {
	for _, name := range sealedValues {
		sealed, err := tx.Value(name)
		if err != nil {
			return n, err
		}
		if sealed == "" || s.Keys.IsCurrent(sealed) {
			continue
		}
		text, err := s.Keys.Open(name, sealed)
		if err != nil {
			return n, err
		}
		if sealed, err = s.Keys.Seal(name, text); err != nil {
			return n, err
		}
		if err := tx.SetValue(name, sealed); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// OpenProvider returns a client of a provider, which the caller closes.
func (s *Service) OpenProvider(p *model.SecretsProvider) (*vault.Client, error) {
	d, err := s.OpenParameters(p)
	if err != nil {
		return nil, fmt.Errorf("read the connection parameters of provider %s: %w", p.Name, err)
	}
	return ConnectProvider(p.Type, d)
}

// ConnectProvider returns a client for connection parameters, or fault.BadParameters.
func ConnectProvider(kind string, d model.Document) (*vault.Client, error) {
	if kind != "vault" {
		return nil, fault.New(fault.BadParameters, "Unknown secrets provider type: `%s`; known is vault (OpenBao and HashiCorp Vault)", kind)
	}
	var p vault.Parameters
	data, err := model.EncodeJSON(d)
	if err == nil {
		err = model.DecodeJSON(data, &p)
	}
	if err != nil {
		return nil, fault.New(fault.BadParameters, "the connection parameters of a vault are texts (and the number kv_version)")
	}
	c, err := vault.New(p)
	if err != nil {
		return nil, fault.Wrap(err, fault.BadParameters, "%v", err)
	}
	return c, nil
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
	v, err := s.OpenSecret(ctx, k)
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
