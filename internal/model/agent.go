package model

import (
	"slices"
	"time"
)

// AgentName names an agent, unique in its tenant.
type AgentName string

// AgentState is the state of a host agent; any may follow any other (operations, section 7.7).
type AgentState string

// AgentStates lists every state.
var AgentStates = []AgentState{
	"creating", "created", "configuring", "configured", "starting", "started", "stopping", "stopped", "deleting", "deleted",
	"restarting", "restarted", "restored", "upgrading", "upgraded", "nonresponsive", "failed",
}

// Valid reports whether the state is a known one.
func (s AgentState) Valid() bool { return slices.Contains(AgentStates, s) }

// Agent is what is known of an agent on the host that a node instance stands for.
type Agent struct {
	Resource
	Name          AgentName
	Instance      InstanceID
	IP            string
	InstallMethod string
	System        string
	Version       string
	State         AgentState
	UpdatedAt     time.Time
	// Username, Password and Exchange are the agent's account at the original's broker; the password is sealed.
	Username, Password, Exchange string
	// Deployment and Node are read from the instance; they are not stored with the agent.
	Deployment DeploymentID
	Node       NodeID
}

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

// AgentPresence is whether the agent of a host is connected.
type AgentPresence struct {
	Name      string
	Connected bool
	// Since is since when it is connected or, when that is known, away.
	Since time.Time
}

// String names the agent, and says when it is away.
func (a AgentPresence) String() string {
	switch {
	case a.Connected:
		return "agent " + a.Name
	case a.Since.IsZero():
		return "agent " + a.Name + " (not connected)"
	}
	return "agent " + a.Name + " (not connected since " + a.Since.UTC().Format("2006-01-02 15:04:05Z") + ")"
}
