package sqlite

import (
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

var secretsProviders = byName("secrets_providers", "name", map[string]field{
	"id":         {expr: "t.id", lookup: true},
	"updated_at": {expr: "t.updated_at", kind: asInstant, nullable: true},
	"type":       {expr: "t.type"},
})

const providerColumns = "t.tenant, t.created_by, t.created_at, t.visibility, t.id, t.updated_at, t.type, t.parameters"

func scanProvider(r *row) *model.SecretsProvider {
	return &model.SecretsProvider{Resource: r.resource(), Name: model.ProviderName(r.text()), UpdatedAt: r.instant(), Type: r.text(),
		Parameters: r.text()}
}

func providerValues(p *model.SecretsProvider) *values {
	v := &values{}
	v.resource(p.Resource)
	v.text(string(p.Name))
	v.instant(p.UpdatedAt)
	v.text(p.Type, p.Parameters)
	return v
}

func (r *reader) SecretsProvider(t model.TenantName, name model.ProviderName) (*model.SecretsProvider, error) {
	return get(r, "SecretsProvider", string(name), "SELECT "+providerColumns+" FROM secrets_providers t"+visibleIn, scanProvider,
		string(name), string(t), string(t))
}

func (r *reader) SecretsProviders(q store.Query) (store.Page[*model.SecretsProvider], error) {
	return list(r, secretsProviders, q, view{columns: providerColumns}, scanProvider)
}

func (t *tx) InsertSecretsProvider(p *model.SecretsProvider) error {
	if err := t.free("secrets_providers", "SecretsProvider", string(p.Name), p.Resource); err != nil {
		return err
	}
	_, err := t.write("INSERT INTO secrets_providers (tenant, created_by, created_at, visibility, id, updated_at, type, parameters) "+
		"VALUES ("+placeholders(8)+")", providerValues(p))
	return inserted(err, "SecretsProvider", string(p.Name), p.Tenant, "", "")
}

func (t *tx) UpdateSecretsProvider(p *model.SecretsProvider) error {
	if err := t.free("secrets_providers", "SecretsProvider", string(p.Name), p.Resource); err != nil {
		return err
	}
	n, err := t.write("UPDATE secrets_providers SET created_by = ?2, created_at = ?3, visibility = ?4, updated_at = ?6, type = ?7, "+
		"parameters = ?8 WHERE tenant = ?1 AND id = ?5", providerValues(p))
	return mustChange(n, err, "SecretsProvider", string(p.Name))
}

func (t *tx) DeleteSecretsProvider(tenant model.TenantName, name model.ProviderName) error {
	n, err := t.c.exec(t.ctx, "DELETE FROM secrets_providers WHERE tenant = ? AND id = ?", string(tenant), string(name))
	return mustChange(n, err, "SecretsProvider", string(name))
}
