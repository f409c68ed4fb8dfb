package store

import "github.com/reifyhq/reify/internal/model"

// GroupReader reads user groups.
type GroupReader interface {
	// Group finds a group by name, ignoring case, with its members.
	Group(name model.GroupName) (*model.Group, error)
	// Groups lists all groups, oldest first.
	Groups() ([]*model.Group, error)
}

// GroupWriter writes user groups.
type GroupWriter interface {
	// PutGroup inserts or replaces a group with its members.
	PutGroup(g *model.Group) error
	DeleteGroup(name model.GroupName) error
}

// Kind names a kind of entity whose lists can be filtered and counted.
type Kind string

// The kinds, by the names of their lists in the REST API.
const (
	Blueprints    Kind = "blueprints"
	Deployments   Kind = "deployments"
	Nodes         Kind = "nodes"
	NodeInstances Kind = "node_instances"
	Executions    Kind = "executions"
	Secrets       Kind = "secrets"
	Schedules     Kind = "execution_schedules"
)

// CatalogReader reads secrets, their providers, sites and stored filters. A single one is found as the tenant sees it: its own, or a global
// one of another tenant.
type CatalogReader interface {
	Secret(t model.TenantName, key model.SecretKey) (*model.Secret, error)
	Secrets(q Query) (Page[*model.Secret], error)
	SecretsProvider(t model.TenantName, name model.ProviderName) (*model.SecretsProvider, error)
	SecretsProviders(q Query) (Page[*model.SecretsProvider], error)
	Site(t model.TenantName, name model.SiteName) (*model.Site, error)
	Sites(q Query) (Page[*model.Site], error)
	// Filter and Filters know the kinds Blueprints and Deployments.
	Filter(k Kind, t model.TenantName, id model.FilterID) (*model.Filter, error)
	Filters(k Kind, q Query) (Page[*model.Filter], error)
}

// CatalogWriter writes secrets, their providers, sites and stored filters. Inserting an id that is in use in the tenant or globally is
// fault.Conflict.
type CatalogWriter interface {
	InsertSecret(s *model.Secret) error
	UpdateSecret(s *model.Secret) error
	DeleteSecret(t model.TenantName, key model.SecretKey) error
	InsertSecretsProvider(p *model.SecretsProvider) error
	UpdateSecretsProvider(p *model.SecretsProvider) error
	DeleteSecretsProvider(t model.TenantName, name model.ProviderName) error
	InsertSite(s *model.Site) error
	// UpdateSite replaces the site with the name; a new name is carried on to the deployments of the site.
	UpdateSite(name model.SiteName, s *model.Site) error
	// DeleteSite removes the site; its deployments have none then.
	DeleteSite(t model.TenantName, name model.SiteName) error
	InsertFilter(k Kind, f *model.Filter) error
	UpdateFilter(k Kind, f *model.Filter) error
	DeleteFilter(k Kind, t model.TenantName, id model.FilterID) error
}

// Count is how many entities have the values of the fields that were asked for; a value of nil is unknown.
type Count struct {
	Values []any
	Number int
}

// InsightReader counts and collects over lists. It reads every row in the scope of the query.
type InsightReader interface {
	// Count returns how many entities of the kind the query selects, without its rules when bare is set.
	Count(k Kind, q Query, bare bool) (int, error)
	// Summarize counts the entities that the query selects by the values of the fields, in the order of the values.
	Summarize(k Kind, q Query, fields []string) ([]Count, error)
	// LabelKeys returns the distinct keys of labels of blueprints or deployments in the scope, sorted; with key set the
	// distinct values of that key.
	LabelKeys(k Kind, s Scope, key string) ([]string, error)
}
