package model

import "slices"

// HostType is the node type that makes a node a host.
const HostType = "cloudify.nodes.Compute"

// Executor says who runs an operation.
type Executor string

// MarshalJSON writes an executor that was not chosen as null, as the original does.
func (e Executor) MarshalJSON() ([]byte, error) {
	if e == "" {
		return []byte("null"), nil
	}
	return EncodeJSON(string(e))
}

// The executors. Auto is resolved at run time: the host agent when the instance has a host, else central.
const (
	ExecutorCentral Executor = "central_deployment_agent"
	ExecutorHost    Executor = "host_agent"
	ExecutorAuto    Executor = "auto"
)

// Operation is one operation of a node or relationship as the plan holds it (dsl, section 9.3). An empty Function is a
// no-op.
type Operation struct {
	Plugin                string            `json:"plugin"`
	Function              string            `json:"operation"`
	Executor              Executor          `json:"executor"`
	Inputs                Document          `json:"inputs"`
	HasIntrinsicFunctions bool              `json:"has_intrinsic_functions"`
	MaxRetries            *int              `json:"max_retries"`
	RetryInterval         *float64          `json:"retry_interval"`
	Timeout               *float64          `json:"timeout"`
	TimeoutRecoverable    *bool             `json:"timeout_recoverable"`
	InputsTypes           map[string]string `json:"inputs_types,omitempty"`
}

// IsNoop reports whether the operation has nothing to run.
func (o Operation) IsNoop() bool { return o.Function == "" }

// NodeRelationship is a relationship of a node template to another.
type NodeRelationship struct {
	Type             string               `json:"type"`
	TargetID         NodeID               `json:"target_id"`
	TypeHierarchy    []string             `json:"type_hierarchy"`
	Properties       Document             `json:"properties"`
	SourceOperations map[string]Operation `json:"source_operations"`
	TargetOperations map[string]Operation `json:"target_operations"`
}

// PlanPlugin is a plugin entry of a plan. All keys are always present (dsl, section 8.10).
type PlanPlugin struct {
	Name                string   `json:"name"`
	Executor            Executor `json:"executor"`
	Install             *bool    `json:"install"`
	InstallArguments    *string  `json:"install_arguments"`
	Source              *string  `json:"source"`
	PackageName         *string  `json:"package_name"`
	PackageVersion      *string  `json:"package_version"`
	SupportedPlatform   *string  `json:"supported_platform"`
	Distribution        *string  `json:"distribution"`
	DistributionVersion *string  `json:"distribution_version"`
	DistributionRelease *string  `json:"distribution_release"`
	Properties          Document `json:"properties"`
	PropertiesDesc      *string  `json:"properties_description"`
}

// Node is a node of a deployment, the stored form of a node template.
type Node struct {
	Resource
	ID               NodeID
	Deployment       DeploymentID
	Type             string
	TypeHierarchy    []string
	HostID           NodeID
	Properties       Document
	Operations       map[string]Operation
	Relationships    []NodeRelationship
	Plugins          []PlanPlugin
	PluginsToInstall []PlanPlugin
	// Number is the count of instances per container, Planned the count a running modification aims at.
	Number, Planned, Deploy, Min, Max int
}

// IsA reports whether typeName is the node's type or one of its ancestors.
func (n *Node) IsA(typeName string) bool { return slices.Contains(n.TypeHierarchy, typeName) }

// IsHost reports whether instances of the node are hosts.
func (n *Node) IsHost() bool { return n.IsA(HostType) }

// Relationship returns the relationship to target; when several lead to one target the last one counts (workflows,
// section 2.1). It returns nil when there is none.
func (n *Node) Relationship(target NodeID) *NodeRelationship {
	for i := len(n.Relationships) - 1; i >= 0; i-- {
		if n.Relationships[i].TargetID == target {
			return &n.Relationships[i]
		}
	}
	return nil
}
