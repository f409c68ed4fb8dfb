package model

import (
	"encoding/json"
	"time"
)

// InstallationStatus says whether all node instances of a deployment are started.
type InstallationStatus string

// The installation statuses (rest-model, section 3.2).
const (
	InstallationActive   InstallationStatus = "active"
	InstallationInactive InstallationStatus = "inactive"
)

// DeploymentStatus is the traffic light of a deployment.
type DeploymentStatus string

// The deployment statuses, from best to worst.
const (
	DeploymentGood              DeploymentStatus = "good"
	DeploymentInProgress        DeploymentStatus = "in_progress"
	DeploymentRequiresAttention DeploymentStatus = "requires_attention"
)

// Deployment is an instance of a blueprint. Free documents are stored as they were computed.
type Deployment struct {
	Resource
	ID                    DeploymentID
	Blueprint             BlueprintID
	DisplayName           string
	Description           string
	UpdatedAt             time.Time
	Inputs                Document
	Groups                json.RawMessage
	PolicyTypes           json.RawMessage
	PolicyTriggers        json.RawMessage
	Outputs               Document
	Capabilities          Document
	ScalingGroups         map[string]ScalingGroup
	Workflows             map[string]Workflow
	ResourceTags          json.RawMessage
	RuntimeOnlyEvaluation bool
	InstallationStatus    InstallationStatus
	Status                DeploymentStatus
	CreateExecution       ExecutionID
	LatestExecution       ExecutionID
	Labels                []Label
	SiteName              string
	// What is below this deployment, directly or not (rest-model, section 3.2); the statuses are the worst of each kind, and
	// empty when there is none.
	SubServices, SubEnvironments             int
	SubServicesStatus, SubEnvironmentsStatus DeploymentStatus
}

// ScalingGroup is a group of nodes that scale together.
type ScalingGroup struct {
	Members    []string        `json:"members"`
	Properties ScaleProperties `json:"properties"`
}

// ScaleProperties are the instance counts of a node or scaling group; Max -1 is unbounded.
type ScaleProperties struct {
	Min     int `json:"min_instances"`
	Max     int `json:"max_instances"`
	Default int `json:"default_instances"`
	Current int `json:"current_instances"`
	Planned int `json:"planned_instances"`
}

// Workflow is a declared workflow of a deployment (dsl, section 8.11).
type Workflow struct {
	Plugin            string                       `json:"plugin"`
	Operation         string                       `json:"operation"`
	Parameters        map[string]WorkflowParameter `json:"parameters"`
	IsCascading       bool                         `json:"is_cascading"`
	AvailabilityRules *AvailabilityRules           `json:"availability_rules"`
}

// WorkflowParameter is the schema of one workflow parameter as the blueprint gives it: default, type, description,
// required, item_type, constraints. A key that was not given is absent.
type WorkflowParameter map[string]any

// AvailabilityRules say when a workflow may start (workflows, section 8.3).
type AvailabilityRules struct {
	Available           *bool    `json:"available,omitempty"`
	NodeInstancesActive []string `json:"node_instances_active,omitempty"`
	NodeTypesRequired   []string `json:"node_types_required,omitempty"`
}
