package memstore

import (
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// notRead refuses to read what is not kept.
type notRead struct{}

var (
	_ store.GroupReader    = notRead{}
	_ store.CatalogReader  = notRead{}
	_ store.InsightReader  = notRead{}
	_ store.AgentReader    = notRead{}
	_ store.SnapshotReader = notRead{}
	_ store.AccountReader  = notRead{}
	_ store.AccountWriter  = notWritten{}
	_ store.AgentWriter    = notWritten{}
	_ store.SnapshotWriter = notWritten{}
	_ store.GroupWriter    = notWritten{}
	_ store.CatalogWriter  = notWritten{}
	_ store.AuditReader    = notRead{}
	_ store.AuditWriter    = notWritten{}
)

func (notRead) TenantInUse(model.TenantName) (bool, error)                  { return false, ErrNotKept }
func (notRead) Group(model.GroupName) (*model.Group, error)                 { return nil, ErrNotKept }
func (notRead) Groups() ([]*model.Group, error)                             { return nil, ErrNotKept }
func (notRead) Count(store.Kind, store.Query, bool) (int, error)            { return 0, ErrNotKept }
func (notRead) LabelKeys(store.Kind, store.Scope, string) ([]string, error) { return nil, ErrNotKept }

func (notRead) Summarize(store.Kind, store.Query, []string) ([]store.Count, error) {
	return nil, ErrNotKept
}

func (notRead) Secret(model.TenantName, model.SecretKey) (*model.Secret, error) {
	return nil, ErrNotKept
}

func (notRead) Secrets(store.Query) (store.Page[*model.Secret], error) {
	return store.Page[*model.Secret]{}, ErrNotKept
}

func (notRead) SecretsProvider(model.TenantName, model.ProviderName) (*model.SecretsProvider, error) {
	return nil, ErrNotKept
}

func (notRead) SecretsProviders(store.Query) (store.Page[*model.SecretsProvider], error) {
	return store.Page[*model.SecretsProvider]{}, ErrNotKept
}

func (notRead) AuditRecords(store.AuditQuery) (store.Page[*model.AuditRecord], error) {
	return store.Page[*model.AuditRecord]{}, ErrNotKept
}

func (notRead) LastAuditRecord() (int64, error) { return 0, ErrNotKept }

func (notRead) Site(model.TenantName, model.SiteName) (*model.Site, error) { return nil, ErrNotKept }

func (notRead) Sites(store.Query) (store.Page[*model.Site], error) {
	return store.Page[*model.Site]{}, ErrNotKept
}

func (notRead) Filter(store.Kind, model.TenantName, model.FilterID) (*model.Filter, error) {
	return nil, ErrNotKept
}

func (notRead) Filters(store.Kind, store.Query) (store.Page[*model.Filter], error) {
	return store.Page[*model.Filter]{}, ErrNotKept
}

func (notRead) Agent(model.TenantName, model.AgentName) (*model.Agent, error) { return nil, ErrNotKept }

func (notRead) Agents(store.Query) (store.Page[*model.Agent], error) {
	return store.Page[*model.Agent]{}, ErrNotKept
}

func (notRead) Snapshot(model.TenantName, model.SnapshotID) (*model.Snapshot, error) {
	return nil, ErrNotKept
}

func (notRead) Snapshots(store.Query) (store.Page[*model.Snapshot], error) {
	return store.Page[*model.Snapshot]{}, ErrNotKept
}

// notWritten refuses to write what is not kept.
type notWritten struct{}

func (notWritten) DeleteTenant(model.TenantName) error                  { return ErrNotKept }
func (notWritten) DeleteUser(model.UserName) error                      { return ErrNotKept }
func (notWritten) PutGroup(*model.Group) error                          { return ErrNotKept }
func (notWritten) DeleteGroup(model.GroupName) error                    { return ErrNotKept }
func (notWritten) InsertSecret(*model.Secret) error                     { return ErrNotKept }
func (notWritten) UpdateSecret(*model.Secret) error                     { return ErrNotKept }
func (notWritten) DeleteSecret(model.TenantName, model.SecretKey) error { return ErrNotKept }
func (notWritten) InsertSite(*model.Site) error                         { return ErrNotKept }
func (notWritten) UpdateSite(model.SiteName, *model.Site) error         { return ErrNotKept }
func (notWritten) DeleteSite(model.TenantName, model.SiteName) error    { return ErrNotKept }
func (notWritten) InsertFilter(store.Kind, *model.Filter) error         { return ErrNotKept }
func (notWritten) UpdateFilter(store.Kind, *model.Filter) error         { return ErrNotKept }

func (notWritten) DeleteFilter(store.Kind, model.TenantName, model.FilterID) error {
	return ErrNotKept
}

func (notRead) AgentAccounts() ([]*model.AgentAccount, error)        { return nil, ErrNotKept }
func (notWritten) PutAgentAccount(*model.AgentAccount) error         { return ErrNotKept }
func (notWritten) DeleteAgentAccount(model.TenantName, string) error { return ErrNotKept }

func (notRead) AgentAccount(model.TenantName, string) (*model.AgentAccount, error) {
	return nil, ErrNotKept
}

func (notWritten) InsertAgent(*model.Agent) error                          { return ErrNotKept }
func (notWritten) UpdateAgent(*model.Agent) error                          { return ErrNotKept }
func (notWritten) InsertSnapshot(*model.Snapshot) error                    { return ErrNotKept }
func (notWritten) UpdateSnapshot(*model.Snapshot) error                    { return ErrNotKept }
func (notWritten) DeleteSnapshot(model.TenantName, model.SnapshotID) error { return ErrNotKept }
func (notWritten) InsertSecretsProvider(*model.SecretsProvider) error      { return ErrNotKept }
func (notWritten) UpdateSecretsProvider(*model.SecretsProvider) error      { return ErrNotKept }
func (notWritten) InsertAuditRecords([]*model.AuditRecord) error           { return ErrNotKept }
func (notWritten) DeleteAuditRecords(store.AuditQuery) (int, error)        { return 0, ErrNotKept }

func (notWritten) DeleteSecretsProvider(model.TenantName, model.ProviderName) error {
	return ErrNotKept
}
