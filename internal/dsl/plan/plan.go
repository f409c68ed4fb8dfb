// Package plan defines the result of parsing a blueprint, its JSON form
// (dsl, section 11), and the instances made from it (section 13).
//
// The types are data only: parsing is in package dsl, instances are made in
// package topology. A plan survives a JSON round trip: order of sections, the
// difference of 1 and 1.0 and integers beyond 64 bits are kept.
package plan

import "github.com/reifyhq/reify/internal/dsl/value"

// Plan is a validated, normalised blueprint.
type Plan struct {
	Description    any
	Metadata       any
	Nodes          []*Node
	Relationships  *value.Map
	Workflows      *value.Ordered[*Workflow]
	PolicyTypes    *value.Map
	PolicyTriggers *value.Map
	Policies       *value.Map
	Groups         *value.Map
	ScalingGroups  *value.Ordered[*ScalingGroup]
	// Inputs are the declarations; after Prepare they are the values.
	Inputs             *value.Map
	Outputs            *value.Map
	Capabilities       *value.Map
	Labels             *value.Map
	BlueprintLabels    *value.Map
	ResourceTags       *value.Map
	DeploymentSettings *value.Map

	DeploymentPluginsToInstall []*Plugin
	WorkflowPluginsToInstall   []*Plugin
	HostAgentPluginsToInstall  []*Plugin

	Version            Version
	ImportedBlueprints []string
	NamespacesMapping  *value.Map
	DataTypes          *value.Map
	Requirements       Requirements
}

// Version is the DSL version of the main file.
type Version struct {
	Raw     string
	Name    string
	Numbers []int
}

// Requirements lists what a deployment of the plan needs from outside, in the
// order in which the functions occur (section 10.4).
type Requirements struct {
	ParentCapabilities []any
	Secrets            []any
}

// Node is one node template with everything of its type merged in.
type Node struct {
	Name          string
	Type          string
	TypeHierarchy []string
	Properties    *value.Map
	// Instances is the raw `instances` section: {} or {deploy: n}.
	Instances                  *value.Map
	Capabilities               *value.Map
	Interfaces                 *value.Map
	Operations                 *value.Ordered[*Operation]
	Relationships              []*Relationship
	Plugins                    []*Plugin
	DeploymentPluginsToInstall []*Plugin
	// PluginsToInstall is set for host nodes only.
	PluginsToInstall []*Plugin
	IsHost           bool
	// HostID is the node that hosts this one; empty when there is none.
	HostID string
	// Extra holds keys of a stored node which this version does not know.
	Extra *value.Map
}

// Relationship is one relationship of a node template.
type Relationship struct {
	Type             string
	TargetID         string
	TypeHierarchy    []string
	Properties       *value.Map
	SourceInterfaces *value.Map
	TargetInterfaces *value.Map
	SourceOperations *value.Ordered[*Operation]
	TargetOperations *value.Ordered[*Operation]
	Extra            *value.Map
}

// Operation is a resolved operation: the plugin that implements it, the name
// inside of the plugin, and its inputs. An operation without implementation
// has an empty Plugin. Retry and timeout fields are nil when not given.
type Operation struct {
	Plugin                string
	Operation             string
	Executor              any
	Inputs                *value.Map
	InputsTypes           *value.Map
	HasIntrinsicFunctions bool
	MaxRetries            any
	RetryInterval         any
	Timeout               any
	TimeoutRecoverable    any
}

// Workflow is a resolved workflow.
type Workflow struct {
	Plugin            string
	Operation         string
	Parameters        *value.Map
	IsCascading       any
	AvailabilityRules any
}

// Plugin is a plugin declaration. Fields which were not given are nil.
type Plugin struct {
	Name                  string
	Source                any
	Executor              any
	Install               any
	InstallArguments      any
	PackageName           any
	PackageVersion        any
	SupportedPlatform     any
	Distribution          any
	DistributionVersion   any
	DistributionRelease   any
	PropertiesDescription any
	Properties            any
}

// ScalingGroup is a group that a scaling policy targets.
type ScalingGroup struct {
	Members    []string
	Properties *value.Map
}

// Instance is one node instance (section 13).
type Instance struct {
	Name          string
	NodeID        string
	ID            string
	HostID        string
	Relationships []InstanceRelationship
	ScalingGroups []GroupRef
	// Modification is set in the result of a modification: added, removed,
	// extended or reduced.
	Modification string
	// Extra holds further keys of a stored instance, such as its state.
	Extra *value.Map
}

// InstanceRelationship is one edge between instances.
type InstanceRelationship struct {
	Type       string
	TargetName string
	TargetID   string
}

// GroupRef names the instance of a scaling group that holds a node instance.
type GroupRef struct {
	Name string
	ID   string
}

// DeploymentPlan is a plan with input values, evaluated functions and node
// instances (section 12).
type DeploymentPlan struct {
	Plan
	NodeInstances            []Instance
	InterDeploymentFunctions []InterDeploymentFunction
}

// InterDeploymentFunction is a use of another deployment's capability.
type InterDeploymentFunction struct {
	FunctionIdentifier string
	// TargetDeployment is the literal id (or nil) and the first argument as written.
	TargetDeployment [2]any
	Context          *value.Map
}
