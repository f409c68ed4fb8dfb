package model

// Ids of groups of deployments and of executions.
type (
	// DeploymentGroupID is chosen by the user, unique in its tenant.
	DeploymentGroupID string
	// ExecutionGroupID is a UUID, unique in the installation.
	ExecutionGroupID string
)

// DeploymentGroup is a named set of deployments; which ones the store tells (rest-api, section 5).
type DeploymentGroup struct {
	Resource
	ID          DeploymentGroupID
	Description string
	// Blueprint and Inputs are what new deployments of the group are made of unless they say otherwise.
	Blueprint BlueprintID
	Inputs    Document
	// Counter is how many deployments the group has made; ids of new ones may count with it.
	Counter int
	Labels  []Label
}

// DefaultConcurrency is how many executions of an execution group run at the same time unless it says otherwise.
const DefaultConcurrency = 5

// ExecutionGroup is one workflow that runs on many deployments (workflows, section 8.8). Its members are the executions
// whose Group it is.
type ExecutionGroup struct {
	Resource
	ID       ExecutionGroupID
	Workflow string
	// DeploymentGroup is empty when the group was made for deployments whose group is gone.
	DeploymentGroup DeploymentGroupID
	// Concurrency is how many members may be active when queued ones are started; 0 pauses the group.
	Concurrency int
	// SuccessGroup and FailedGroup receive the deployments of the members as these end; empty for none.
	SuccessGroup, FailedGroup DeploymentGroupID
}

// GroupStatus is the status of an execution group by how many members have which status; "" when it has none (rest-model,
// section 3.5).
func GroupStatus(members map[ExecutionStatus]int) ExecutionStatus {
	total, ended := 0, 0
	for status, n := range members {
		total += n
		if status.Ended() {
			ended += n
		}
	}
	idle := members[ExecutionPending]
	waiting := idle + members[ExecutionQueued] + members[ExecutionScheduled]
	switch total {
	case 0:
		return ""
	case idle:
		return ExecutionPending
	case waiting:
		return ExecutionQueued
	case ended:
		if members[ExecutionFailed] > 0 {
			return ExecutionFailed
		}
		return ExecutionTerminated
	}
	return ExecutionStarted
}
