package model

import "time"

// EventKind tells events from logs.
type EventKind string

// The two kinds.
const (
	KindEvent EventKind = "cloudify_event"
	KindLog   EventKind = "cloudify_log"
)

// EventType is the type of an event (workflows, section 7.2).
type EventType string

// The event types that the manager emits.
const (
	EventWorkflowStarted   EventType = "workflow_started"
	EventWorkflowSucceeded EventType = "workflow_succeeded"
	EventWorkflowFailed    EventType = "workflow_failed"
	EventWorkflowCancelled EventType = "workflow_cancelled"
	EventWorkflowStage     EventType = "workflow_stage"
	EventNode              EventType = "workflow_node_event"
	EventSendingTask       EventType = "sending_task"
	EventTaskStarted       EventType = "task_started"
	EventTaskSucceeded     EventType = "task_succeeded"
	EventTaskRescheduled   EventType = "task_rescheduled"
	EventTaskFailed        EventType = "task_failed"
	EventPlugin            EventType = "plugin_event"
	// EventExecutionState is an event of an execution group: a member changed its status.
	EventExecutionState EventType = "execution_state_change"
)

// Event is one happening of an execution, or one log line when Kind is KindLog.
type Event struct {
	// StorageID grows with the order of arrival; assigned by the store.
	StorageID  int64
	Tenant     TenantName
	CreatedBy  UserName
	Visibility Visibility
	Kind       EventKind
	Execution  ExecutionID
	// Group is set for what happened to an execution group; Execution then only says how long the event is kept.
	Group       ExecutionGroupID
	Timestamp   time.Time
	Reported    time.Time
	Message     string
	EventType   EventType
	Level       string
	Logger      string
	Operation   string
	Instance    InstanceID
	Source      InstanceID
	Target      InstanceID
	ErrorCauses []ErrorCause
	ManagerName string
	AgentName   string
	// The following are not stored with the event; they are read from its execution and instance.
	Deployment        DeploymentID
	DeploymentDisplay string
	Blueprint         BlueprintID
	Workflow          string
	Node              NodeID
}
