package store

import "github.com/reifyhq/reify/internal/model"

// AccountReader reads the accounts of host agents.
type AccountReader interface {
	AgentAccount(t model.TenantName, name string) (*model.AgentAccount, error)
	// AgentAccounts lists all accounts of all tenants, by tenant and name.
	AgentAccounts() ([]*model.AgentAccount, error)
}

// AccountWriter writes the accounts of host agents; they go with their node instance.
type AccountWriter interface {
	// PutAgentAccount inserts or replaces an account.
	PutAgentAccount(a *model.AgentAccount) error
	DeleteAgentAccount(t model.TenantName, name string) error
}
