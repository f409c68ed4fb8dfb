package sqlite

import (
	"fmt"

	"github.com/reifyhq/reify/internal/model"
)

const accountColumns = "t.tenant, t.name, t.instance, t.secret_hash, t.created_at"

func scanAccount(r *row) *model.AgentAccount {
	return &model.AgentAccount{
		Tenant: model.TenantName(r.text()), Name: r.text(), Instance: model.InstanceID(r.text()), SecretHash: r.text(), CreatedAt: r.instant(),
	}
}

func (r *reader) AgentAccount(t model.TenantName, name string) (*model.AgentAccount, error) {
	return get(r, "AgentAccount", name, "SELECT "+accountColumns+" FROM agent_accounts t WHERE t.tenant = ? AND t.name = ?", scanAccount,
		string(t), name)
}

func (r *reader) AgentAccounts() ([]*model.AgentAccount, error) {
	return all(r, "SELECT "+accountColumns+" FROM agent_accounts t ORDER BY t.tenant, t.name", scanAccount)
}

func (t *tx) PutAgentAccount(a *model.AgentAccount) error {
	var v values
	v.text(string(a.Tenant), a.Name, string(a.Instance), a.SecretHash)
	v.instant(a.CreatedAt)
	_, err := t.write("INSERT INTO agent_accounts (tenant, name, instance, secret_hash, created_at) VALUES ("+placeholders(5)+
		") ON CONFLICT (tenant, name) DO UPDATE SET instance = excluded.instance, secret_hash = excluded.secret_hash, "+
		"created_at = excluded.created_at", &v)
	return inserted(err, "AgentAccount", a.Name, a.Tenant, "NodeInstance", string(a.Instance))
}

func (t *tx) DeleteAgentAccount(tenant model.TenantName, name string) error {
	n, err := t.c.exec(t.ctx, "DELETE FROM agent_accounts WHERE tenant = ? AND name = ?", string(tenant), name)
	if err != nil {
		return fmt.Errorf("delete agent account %s: %w", name, err)
	}
	return mustChange(n, nil, "AgentAccount", name)
}
