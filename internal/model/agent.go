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
