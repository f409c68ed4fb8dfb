package sqlite

import (
	"fmt"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// byName makes the noun of a table whose id has another name in the REST API.
func byName(table, id string, own map[string]field) *noun {
	own[id] = field{expr: "t.id", lookup: true}
	own["created_at"] = field{expr: "t.created_at", kind: asInstant}
	return &noun{name: table, table: table, order: []string{"t.created_at", "t.seq"}, fields: resourceFields(own)}
}

var secrets = byName("secrets", "key", map[string]field{
	"id":              {expr: "t.id", lookup: true},
	"updated_at":      {expr: "t.updated_at", kind: asInstant, nullable: true},
	"is_hidden_value": {expr: "t.hidden", kind: asFlag},
	"provider_name":   {expr: "t.provider"},
})

const secretColumns = "t.tenant, t.created_by, t.created_at, t.visibility, t.id, t.updated_at, t.hidden, t.provider, " +
	"t.value, t.schema, t.provider_options"

func scanSecret(r *row) *model.Secret {
	return &model.Secret{
		Resource: r.resource(), Key: model.SecretKey(r.text()), UpdatedAt: r.instant(), IsHidden: r.flag(),
		Provider: r.text(), Value: r.text(), Schema: r.raw(), ProviderOptions: r.raw(),
	}
}

func secretValues(s *model.Secret) *values {
	v := &values{}
	v.resource(s.Resource)
	v.text(string(s.Key))
	v.instant(s.UpdatedAt)
	v.flag(s.IsHidden)
	v.text(s.Provider, s.Value)
	v.raw(s.Schema, s.ProviderOptions)
	return v
}

func (r *reader) Secret(t model.TenantName, key model.SecretKey) (*model.Secret, error) {
	return get(r, "Secret", string(key), "SELECT "+secretColumns+" FROM secrets t"+visibleIn, scanSecret,
		string(key), string(t), string(t))
}

func (r *reader) Secrets(q store.Query) (store.Page[*model.Secret], error) {
	return list(r, secrets, q, view{columns: secretColumns}, scanSecret)
}

func (t *tx) InsertSecret(s *model.Secret) error {
	if err := t.free("secrets", "Secret", string(s.Key), s.Resource); err != nil {
		return err
	}
	_, err := t.write("INSERT INTO secrets (tenant, created_by, created_at, visibility, id, updated_at, hidden, provider, "+
		"value, schema, provider_options) VALUES ("+placeholders(11)+")", secretValues(s))
	return inserted(err, "Secret", string(s.Key), s.Tenant, "", "")
}

func (t *tx) UpdateSecret(s *model.Secret) error {
	if err := t.free("secrets", "Secret", string(s.Key), s.Resource); err != nil {
		return err
	}
	n, err := t.write("UPDATE secrets SET created_by = ?2, created_at = ?3, visibility = ?4, updated_at = ?6, hidden = ?7, "+
		"provider = ?8, value = ?9, schema = ?10, provider_options = ?11 WHERE tenant = ?1 AND id = ?5", secretValues(s))
	return mustChange(n, err, "Secret", string(s.Key))
}

func (t *tx) DeleteSecret(tenant model.TenantName, key model.SecretKey) error {
	n, err := t.c.exec(t.ctx, "DELETE FROM secrets WHERE tenant = ? AND id = ?", string(tenant), string(key))
	return mustChange(n, err, "Secret", string(key))
}

var sites = byName("sites", "name", map[string]field{
	"id":        {expr: "t.id", lookup: true},
	"latitude":  {expr: "(t.location ->> 'latitude')", nullable: true},
	"longitude": {expr: "(t.location ->> 'longitude')", nullable: true},
})

const siteColumns = "t.tenant, t.created_by, t.created_at, t.visibility, t.id, t.location"

func scanSite(r *row) *model.Site {
	s := &model.Site{Resource: r.resource(), Name: model.SiteName(r.text())}
	r.document(&s.Location)
	return s
}

func siteValues(s *model.Site) *values {
	v := &values{}
	v.resource(s.Resource)
	v.text(string(s.Name))
	v.document(s.Location != nil, s.Location)
	return v
}

func (r *reader) Site(t model.TenantName, name model.SiteName) (*model.Site, error) {
	return get(r, "Site", string(name), "SELECT "+siteColumns+" FROM sites t"+visibleIn, scanSite,
		string(name), string(t), string(t))
}

func (r *reader) Sites(q store.Query) (store.Page[*model.Site], error) {
	return list(r, sites, q, view{columns: siteColumns}, scanSite)
}

func (t *tx) InsertSite(s *model.Site) error {
	if err := t.free("sites", "Site", string(s.Name), s.Resource); err != nil {
		return err
	}
	_, err := t.write("INSERT INTO sites (tenant, created_by, created_at, visibility, id, location) VALUES ("+
		placeholders(6)+")", siteValues(s))
	return inserted(err, "Site", string(s.Name), s.Tenant, "", "")
}

func (t *tx) UpdateSite(name model.SiteName, s *model.Site) error {
	if err := t.free("sites", "Site", string(s.Name), s.Resource); err != nil {
		return err
	}
	v := siteValues(s)
	v.text(string(name))
	n, err := t.write("UPDATE sites SET created_by = ?2, created_at = ?3, visibility = ?4, id = ?5, location = ?6 "+
		"WHERE tenant = ?1 AND id = ?7", v)
	if err := mustChange(n, inserted(err, "Site", string(s.Name), s.Tenant, "", ""), "Site", string(name)); err != nil {
		return err
	}
	return t.moveDeployments(s.Tenant, name, s.Name)
}

func (t *tx) moveDeployments(tenant model.TenantName, from, to model.SiteName) error {
	if from == to {
		return nil
	}
	_, err := t.c.exec(t.ctx, "UPDATE deployments SET site_name = ? WHERE site_name = ? AND site_name <> '' AND tenant = ?",
		string(to), string(from), string(tenant))
	if err != nil {
		return fmt.Errorf("move deployments of site %s: %w", from, err)
	}
	return nil
}

func (t *tx) DeleteSite(tenant model.TenantName, name model.SiteName) error {
	n, err := t.c.exec(t.ctx, "DELETE FROM sites WHERE tenant = ? AND id = ?", string(tenant), string(name))
	if err := mustChange(n, err, "Site", string(name)); err != nil {
		return err
	}
	return t.moveDeployments(tenant, name, "")
}

// filterTable is where the filters of a kind are, and what users call one of them.
type filterTable struct {
	noun *noun
	name string
}

func newFilterTable(table, name string) filterTable {
	return filterTable{name: name, noun: byName(table, "id", map[string]field{
		"updated_at":       {expr: "t.updated_at", kind: asInstant, nullable: true},
		"is_system_filter": {expr: "t.is_system", kind: asFlag},
	})}
}

var filterTables = map[store.Kind]filterTable{
	store.Blueprints:  newFilterTable("blueprints_filters", "BlueprintsFilter"),
	store.Deployments: newFilterTable("deployments_filters", "DeploymentsFilter"),
}

func filtersOf(k store.Kind) (filterTable, error) {
	f, ok := filterTables[k]
	if !ok {
		return f, fault.New(fault.BadParameters, "there are no filters for %s", k)
	}
	return f, nil
}

const filterColumns = "t.tenant, t.created_by, t.created_at, t.visibility, t.id, t.updated_at, t.is_system, t.rules"

func scanFilter(r *row) *model.Filter {
	f := &model.Filter{Resource: r.resource(), ID: model.FilterID(r.text()), UpdatedAt: r.instant(), IsSystem: r.flag()}
	r.document(&f.Rules)
	return f
}

func filterValues(f *model.Filter) *values {
	v := &values{}
	v.resource(f.Resource)
	v.text(string(f.ID))
	v.instant(f.UpdatedAt)
	v.flag(f.IsSystem)
	v.document(f.Rules != nil, f.Rules)
	return v
}

func (r *reader) Filter(k store.Kind, t model.TenantName, id model.FilterID) (*model.Filter, error) {
	of, err := filtersOf(k)
	if err != nil {
		return nil, err
	}
	return get(r, of.name, string(id), "SELECT "+filterColumns+" FROM "+of.noun.table+" t"+visibleIn, scanFilter,
		string(id), string(t), string(t))
}

func (r *reader) Filters(k store.Kind, q store.Query) (p store.Page[*model.Filter], err error) {
	of, err := filtersOf(k)
	if err != nil {
		return p, err
	}
	return list(r, of.noun, q, view{columns: filterColumns}, scanFilter)
}

func (t *tx) InsertFilter(k store.Kind, f *model.Filter) error {
	of, err := filtersOf(k)
	if err != nil {
		return err
	}
	if err := t.free(of.noun.table, of.name, string(f.ID), f.Resource); err != nil {
		return err
	}
	_, err = t.write("INSERT INTO "+of.noun.table+" (tenant, created_by, created_at, visibility, id, updated_at, is_system, "+
		"rules) VALUES ("+placeholders(8)+")", filterValues(f))
	return inserted(err, of.name, string(f.ID), f.Tenant, "", "")
}

func (t *tx) UpdateFilter(k store.Kind, f *model.Filter) error {
	of, err := filtersOf(k)
	if err != nil {
		return err
	}
	if err := t.free(of.noun.table, of.name, string(f.ID), f.Resource); err != nil {
		return err
	}
	n, err := t.write("UPDATE "+of.noun.table+" SET created_by = ?2, created_at = ?3, visibility = ?4, updated_at = ?6, "+
		"is_system = ?7, rules = ?8 WHERE tenant = ?1 AND id = ?5", filterValues(f))
	return mustChange(n, err, of.name, string(f.ID))
}

func (t *tx) DeleteFilter(k store.Kind, tenant model.TenantName, id model.FilterID) error {
	of, err := filtersOf(k)
	if err != nil {
		return err
	}
	n, err := t.c.exec(t.ctx, "DELETE FROM "+of.noun.table+" WHERE tenant = ? AND id = ?", string(tenant), string(id))
	return mustChange(n, err, of.name, string(id))
}

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
