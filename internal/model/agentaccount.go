package model

import "time"

// AgentAccount lets the agent of a host connect to the manager. It ends with its node instance.
type AgentAccount struct {
	Tenant TenantName
	// Name is unique in the tenant; it is the name of the agent's queue too.
	Name     string
	Instance InstanceID
	// SecretHash is the hash of the agent's secret.
	SecretHash string
	CreatedAt  time.Time
}
