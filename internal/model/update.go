package model

import "encoding/json"

// UpdateState is the state of a deployment update (rest-model, section 3.5).
type UpdateState string

// The states of an update.
const (
	UpdateUpdating   UpdateState = "updating"
	UpdateExecuting  UpdateState = "executing_workflow"
	UpdateFinalizing UpdateState = "finalizing"
	UpdateSuccessful UpdateState = "successful"
	UpdateFailed     UpdateState = "failed"
	UpdatePreview    UpdateState = "preview"
)

// Valid reports whether s is one of the states.
func (s UpdateState) Valid() bool {
	switch s {
	case UpdateUpdating, UpdateExecuting, UpdateFinalizing, UpdateSuccessful, UpdateFailed, UpdatePreview:
		return true
	}
	return false
}

// DeploymentUpdate brings a deployment to another blueprint or to other inputs (workflows, section 12.5).
type DeploymentUpdate struct {
	Resource
	ID                    UpdateID
	Deployment            DeploymentID
	Execution             ExecutionID
	OldBlueprint          BlueprintID
	NewBlueprint          BlueprintID
	State                 UpdateState
	RuntimeOnlyEvaluation bool
	OldInputs             Document
	NewInputs             Document
	// Steps are the differences of the two plans; nil before they were computed.
	Steps []UpdateStep
	// Plan is the new deployment plan, without instances.
	Plan json.RawMessage
	// Instances are the node instances that the update adds, removes and changes; nil before they were computed.
	Instances *ModificationInstances
	// Nodes, ModifiedEntities and the plugins are what the update's workflow found out, as it is answered.
	Nodes              json.RawMessage
	ModifiedEntities   json.RawMessage
	PluginsToInstall   json.RawMessage
	PluginsToUninstall json.RawMessage
	// Labels are the labels that the new plan adds.
	Labels json.RawMessage
}

// UpdateStep is one difference of two plans.
type UpdateStep struct {
	ID         string   `json:"id"`
	Action     string   `json:"action"`
	EntityType string   `json:"entity_type"`
	EntityID   []string `json:"entity_id"`
	// TopologyOrder is how many relationships deep the node is; 0 for what is no node.
	TopologyOrder int `json:"topology_order"`
	// Unsupported says why an update cannot make this step; empty when it can.
	Unsupported string `json:"unsupported,omitempty"`
}
