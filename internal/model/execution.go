package model

import (
	"encoding/json"
	"time"
)

// ExecutionStatus is the status of an execution (rest-model, section 3.3).
type ExecutionStatus string

// The statuses of an execution.
const (
	ExecutionPending         ExecutionStatus = "pending"
	ExecutionStarted         ExecutionStatus = "started"
	ExecutionTerminated      ExecutionStatus = "terminated"
	ExecutionFailed          ExecutionStatus = "failed"
	ExecutionCancelled       ExecutionStatus = "cancelled"
	ExecutionCancelling      ExecutionStatus = "cancelling"
	ExecutionForceCancelling ExecutionStatus = "force_cancelling"
	ExecutionKillCancelling  ExecutionStatus = "kill_cancelling"
	ExecutionQueued          ExecutionStatus = "queued"
	ExecutionScheduled       ExecutionStatus = "scheduled"
)

// ExecutionStatuses lists every status.
var ExecutionStatuses = []ExecutionStatus{
	ExecutionPending, ExecutionStarted, ExecutionTerminated, ExecutionFailed, ExecutionCancelled, ExecutionCancelling,
	ExecutionForceCancelling, ExecutionKillCancelling, ExecutionQueued, ExecutionScheduled,
}

// Ended reports whether the execution will never change again except by resume.
func (s ExecutionStatus) Ended() bool {
	return s == ExecutionTerminated || s == ExecutionFailed || s == ExecutionCancelled
}

// Waiting reports whether the execution waits for its turn or its time.
func (s ExecutionStatus) Waiting() bool { return s == ExecutionQueued || s == ExecutionScheduled }

// Active reports whether the execution occupies its deployment.
func (s ExecutionStatus) Active() bool { return !s.Ended() && !s.Waiting() }

// Cancelling reports whether a cancel of any strength was requested.
func (s ExecutionStatus) Cancelling() bool {
	return s == ExecutionCancelling || s == ExecutionForceCancelling || s == ExecutionKillCancelling
}

// Display is the status shown to users: terminated reads completed.
func (s ExecutionStatus) Display() string {
	if s == ExecutionTerminated {
		return "completed"
	}
	return string(s)
}

// CanBecome reports whether an execution of the workflow may change from s to next through the API (rest-model, 3.3).
func (s ExecutionStatus) CanBecome(next ExecutionStatus, workflow string) bool {
	switch {
	case s == next:
		return true
	case s.Ended():
		return workflow == WorkflowCreateSnapshot
	case s == ExecutionCancelling, s == ExecutionForceCancelling:
		return !next.Active() && next != ExecutionTerminated
	}
	return true
}

// Names of workflows that the manager itself knows (workflows, section 12).
const (
	WorkflowInstall           = "install"
	WorkflowUninstall         = "uninstall"
	WorkflowUpdate            = "update"
	WorkflowUploadBlueprint   = "upload_blueprint"
	WorkflowCreateEnvironment = "create_deployment_environment"
	WorkflowDeleteEnvironment = "delete_deployment_environment"
	WorkflowCreateSnapshot    = "create_snapshot"
	WorkflowUpdatePlugin      = "update_plugin"
)

// Execution is one run of a workflow.
type Execution struct {
	Resource
	ID         ExecutionID
	Workflow   string
	Deployment DeploymentID
	Blueprint  BlueprintID
	// Group is the execution group that it belongs to, empty for none.
	Group       ExecutionGroupID
	Status      ExecutionStatus
	Error       string
	Parameters  Document
	StartedAt   time.Time
	EndedAt     time.Time
	ScheduledAt time.Time
	IsSystem    bool
	IsDryRun    bool
	Resume      bool
	// AllowCustomParameters, Force and WaitAfterFail (seconds) are kept as the user gave them.
	AllowCustomParameters bool
	Force                 bool
	WaitAfterFail         int
	TotalOperations       int
	FinishedOperations    int
	// TokenHash is the SHA-256, in hex, of the execution token; empty when it has none.
	TokenHash string
	// TokenSerial counts the tokens that were given out; a new serial makes the old token worthless.
	TokenSerial int
	Progress    Progress
	Lease       Lease
}

// Progress is where a durable execution stands: the number of phases begun and what the workflow keeps between them.
type Progress struct {
	// Step counts the phases that were begun; zero before the first.
	Step int `json:"step"`
	// Graph is the graph of the current phase, empty when it is not a graph phase.
	Graph GraphID `json:"graph,omitempty"`
	// Cursor is the private state of the workflow function between phases.
	Cursor json.RawMessage `json:"cursor,omitempty"`
	// Result is what the change of the current phase gave back, Failure why it was refused; both are nil for a graph.
	Result  json.RawMessage `json:"result,omitempty"`
	Failure *PhaseFailure   `json:"failure,omitempty"`
	// Awaits are the executions that have to end before the current phase does.
	Awaits []ExecutionID `json:"awaits,omitempty"`
}

// PhaseFailure is why a phase of an execution failed.
type PhaseFailure struct {
	Message string       `json:"message"`
	Causes  []ErrorCause `json:"causes,omitempty"`
}

// Lease says which manager runs an execution. Epoch grows with every change of owner and fences late writers.
type Lease struct {
	Owner string
	Epoch int64
	Until time.Time
}
