package model

// InstanceState is the life cycle state of a node instance. Workflows may set any text; these are the conventional ones.
type InstanceState string

// The conventional states (workflows, section 1).
const (
	InstanceUninitialized InstanceState = "uninitialized"
	InstanceInitializing  InstanceState = "initializing"
	InstanceCreating      InstanceState = "creating"
	InstanceCreated       InstanceState = "created"
	InstanceConfiguring   InstanceState = "configuring"
	InstanceConfigured    InstanceState = "configured"
	InstanceStarting      InstanceState = "starting"
	InstanceStarted       InstanceState = "started"
	InstanceStopping      InstanceState = "stopping"
	InstanceStopped       InstanceState = "stopped"
	InstanceDeleting      InstanceState = "deleting"
	InstanceDeleted       InstanceState = "deleted"
)

// Dead reports whether an instance in this state has nothing left to remove.
func (s InstanceState) Dead() bool { return s == InstanceUninitialized || s == InstanceDeleted }

// InstanceRelationship is an edge between two node instances.
type InstanceRelationship struct {
	Type       string     `json:"type"`
	TargetName NodeID     `json:"target_name"`
	TargetID   InstanceID `json:"target_id"`
}

// GroupMembership names the scaling group instance a node instance belongs to.
type GroupMembership struct {
	Name string `json:"name"`
	ID   string `json:"id"`
}

// NodeInstance is a runtime copy of a node.
type NodeInstance struct {
	Resource
	ID                InstanceID
	Node              NodeID
	Deployment        DeploymentID
	HostID            InstanceID
	Index             int
	State             InstanceState
	Version           int
	Relationships     []InstanceRelationship
	ScalingGroups     []GroupMembership
	RuntimeProperties Document
	SystemProperties  Document
}

// StatusCheckOK reports whether the last status check of the instance was good; false when there was none (rest-model,
// section 3.4).
func (i *NodeInstance) StatusCheckOK() bool {
	status, _ := i.SystemProperties["status"].(map[string]any)
	ok, _ := status["ok"].(bool)
	return ok
}

// HasDrift reports whether the last drift check of the instance or of one of its relationships failed or found drift.
func (i *NodeInstance) HasDrift() bool {
	if drifted(i.SystemProperties["configuration_drift"]) {
		return true
	}
	for _, key := range []string{"source_relationships_configuration_drift", "target_relationships_configuration_drift"} {
		records, _ := i.SystemProperties[key].(map[string]any)
		for _, r := range records {
			if drifted(r) {
				return true
			}
		}
	}
	return false
}

func drifted(record any) bool {
	r, isRecord := record.(map[string]any)
	if !isRecord {
		return false
	}
	ok, _ := r["ok"].(bool)
	return !ok || r["result"] != nil
}
