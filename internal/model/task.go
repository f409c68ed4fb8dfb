package model

import (
	"encoding/json"
	"time"
)

// TaskState is the state of a task (workflows, section 1).
type TaskState string

// The states of a task.
const (
	TaskPending      TaskState = "pending"
	TaskSending      TaskState = "sending"
	TaskSent         TaskState = "sent"
	TaskStarted      TaskState = "started"
	TaskResponseSent TaskState = "response-sent"
	TaskRescheduled  TaskState = "rescheduled"
	TaskSucceeded    TaskState = "succeeded"
	TaskFailed       TaskState = "failed"
)

// Ended reports whether the task is in an end state.
func (s TaskState) Ended() bool {
	return s == TaskRescheduled || s == TaskSucceeded || s == TaskFailed
}

// TaskType names what a task does; the names are those stored by the reference (workflows, section 2).
type TaskType string

// The task types.
const (
	TaskRemote       TaskType = "RemoteWorkflowTask"
	TaskLocal        TaskType = "LocalWorkflowTask"
	TaskNop          TaskType = "NOPLocalWorkflowTask"
	TaskDryRun       TaskType = "DryRunLocalWorkflowTask"
	TaskSubgraph     TaskType = "SubgraphTask"
	TaskSetState     TaskType = "SetNodeInstanceStateTask"
	TaskSendEvent    TaskType = "SendNodeEventTask"
	TaskWorkflowNote TaskType = "SendWorkflowEventTask"
)

// Graph is a stored task graph of an execution.
type Graph struct {
	ID        GraphID
	Execution ExecutionID
	Name      string
	CreatedAt time.Time
}

// Task is one step of a task graph. It is what the reference's API calls an operation.
type Task struct {
	ID           TaskID
	Graph        GraphID
	Execution    ExecutionID
	Name         string
	Type         TaskType
	State        TaskState
	Dependencies []TaskID
	Parameters   TaskParameters
	AgentName    string
	ManagerName  string
	CreatedAt    time.Time
}

// TaskParameters is everything else a task needs to run and to be resumed; stored as one document in the shape of the
// reference (workflows, section 5.1).
type TaskParameters struct {
	OnSuccess          *Handler        `json:"on_success"`
	OnFailure          *Handler        `json:"on_failure"`
	RetriedTask        *TaskID         `json:"retried_task"`
	CurrentRetries     int             `json:"current_retries"`
	TotalRetries       int             `json:"total_retries"`
	RetryInterval      float64         `json:"retry_interval"`
	SendTaskEvents     bool            `json:"send_task_events"`
	ContainingSubgraph *TaskID         `json:"containing_subgraph"`
	Info               any             `json:"info"`
	Error              *TaskError      `json:"error"`
	Result             json.RawMessage `json:"result,omitempty"`
	// ExecuteAfter is the earliest start, the zero time when there is none.
	ExecuteAfter time.Time `json:"execute_after,omitzero"`
	// StateEvent, NodeEvent and Operation are set for TaskSetState, TaskSendEvent and TaskRemote respectively.
	SetState  *SetState      `json:"set_state,omitempty"`
	NodeEvent *NodeEvent     `json:"node_event,omitempty"`
	Operation *OperationCall `json:"operation,omitempty"`
	// Foreign is the document of a task whose graph a process outside of the manager owns, as it wrote it. The other
	// fields say what the manager understands of it; CurrentRetries wins over what the document says.
	Foreign json.RawMessage `json:"foreign,omitempty"`
}

// Handler names a reaction to the end of a task; the reducer in package workflow knows what each kind does.
type Handler struct {
	Kind string   `json:"kind"`
	Args Document `json:"args,omitempty"`
}

// SetState asks for a node instance to be put into a state.
type SetState struct {
	Instance InstanceID    `json:"node_instance_id"`
	State    InstanceState `json:"state"`
}

// NodeEvent asks for a workflow_node_event on an instance.
type NodeEvent struct {
	Instance InstanceID `json:"node_instance_id"`
	Message  string     `json:"event"`
}

// OperationCall is the operation that a remote task runs, on an instance and, for relationship operations, towards a
// related one.
type OperationCall struct {
	// Name is the full interface operation, such as cloudify.interfaces.lifecycle.start.
	Name string `json:"name"`
	// Side is "source" or "target" for relationship operations, else empty; Instance is the instance on that side.
	Side     string     `json:"relationship,omitempty"`
	Instance InstanceID `json:"node_id,omitempty"`
	Node     NodeID     `json:"node_name,omitempty"`
	Related  InstanceID `json:"related_id,omitempty"`
	// RelatedNode is the node of Related.
	RelatedNode NodeID    `json:"related_name,omitempty"`
	Operation   Operation `json:"operation"`
	// Kwargs are the inputs with the caller's parameters laid over them, intrinsic functions not yet evaluated.
	Kwargs Document `json:"kwargs"`
	// Plugin is the plan entry of the operation's plugin.
	Plugin PlanPlugin `json:"plugin"`
}

// TaskError is the error object of a failed attempt (operations, section 1.6).
type TaskError struct {
	ExceptionType string       `json:"exception_type"`
	Message       string       `json:"message"`
	Known         KnownError   `json:"known_exception_type"`
	Args          []any        `json:"known_exception_type_args"`
	AppendMessage bool         `json:"append_message"`
	Causes        []ErrorCause `json:"causes,omitempty"`
	Traceback     string       `json:"traceback,omitempty"`
	// RetryAfter is the delay in seconds that the operation asked for; nil when it asked for none.
	RetryAfter *float64 `json:"retry_after,omitempty"`
}

// KnownError is the class of an error as the engine understands it.
type KnownError string

// The known errors. Everything else is recoverable.
const (
	ErrorNonRecoverable KnownError = "NonRecoverableError"
	ErrorHTTP           KnownError = "HttpException"
	ErrorKillCancelled  KnownError = "ProcessKillCancelled"
	ErrorRetry          KnownError = "OperationRetry"
	ErrorRecoverable    KnownError = "RecoverableError"
	ErrorStopAgent      KnownError = "StopAgent"
	ErrorWorkflowFailed KnownError = "WorkflowFailed"
)

// Final reports whether an attempt that ended with this error must not be repeated.
func (k KnownError) Final() bool {
	return k == ErrorNonRecoverable || k == ErrorHTTP || k == ErrorKillCancelled
}

// ErrorCause is one link of the chain of causes of an error.
type ErrorCause struct {
	Message   string `json:"message"`
	Type      string `json:"type"`
	Traceback string `json:"traceback"`
}
