package script

import (
	"context"
	"encoding/json"
	"io"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
)

// Manager is what an operation reaches of its manager, with the execution's token. Everything may be called from several
// goroutines. A missing object is fault.NotFound, a refused token fault.Unauthorized, a stale version fault.Conflict.
type Manager interface {
	// Node returns a node with its functions evaluated as seen from the instance self.
	Node(ctx context.Context, deployment model.DeploymentID, id model.NodeID, self model.InstanceID) (*model.Node, error)
	// NodeInstance returns a node instance with its functions evaluated.
	NodeInstance(ctx context.Context, id model.InstanceID) (*model.NodeInstance, error)
	// UpdateNodeInstance stores all runtime properties; the version and the state are those that were read.
	UpdateNodeInstance(ctx context.Context, id model.InstanceID, version int, properties model.Document,
		state model.InstanceState) error
	// PostEvents stores logs and events.
	PostEvents(ctx context.Context, batch Batch) error
	// Evaluate returns the document with its intrinsic functions evaluated in the scope.
	Evaluate(ctx context.Context, deployment model.DeploymentID, scope Scope, document model.Document) (model.Document, error)
	// Download opens a file below /resources/ of the file server; the caller closes it.
	Download(ctx context.Context, path string) (io.ReadCloser, error)
	// Get reads anything else: path and query are relative to the API's root, such as "provider/context".
	Get(ctx context.Context, path string) (json.RawMessage, error)
}

// Scope says on what functions are evaluated: Self for an instance, the others for a relationship (operations,
// section 3.4).
type Scope struct {
	Self       model.InstanceID `json:"self,omitempty"`
	Source     model.InstanceID `json:"source,omitempty"`
	Target     model.InstanceID `json:"target,omitempty"`
	SourceNode model.NodeID     `json:"source_node,omitempty"`
	TargetNode model.NodeID     `json:"target_node,omitempty"`
}

// Batch is the body of POST /events (operations, section 3.5).
type Batch struct {
	Events      []Record          `json:"events"`
	Logs        []Record          `json:"logs"`
	AgentName   *string           `json:"agent_name"`
	ManagerName *string           `json:"manager_name"`
	ExecutionID model.ExecutionID `json:"execution_id"`
}

// Record is one log line, or one event when Type is model.KindEvent.
type Record struct {
	Context     RecordContext   `json:"context"`
	Logger      string          `json:"logger,omitempty"`
	Level       string          `json:"level,omitempty"`
	EventType   model.EventType `json:"event_type,omitempty"`
	Message     RecordMessage   `json:"message"`
	Timestamp   string          `json:"timestamp"`
	MessageCode *string         `json:"message_code"`
	Type        model.EventKind `json:"type"`
}

// RecordMessage is the text of a record.
type RecordMessage struct {
	Text      string `json:"text"`
	Arguments any    `json:"arguments,omitempty"`
}

// RecordContext says where a record comes from. Operations of a relationship fill the source and target.
type RecordContext struct {
	BlueprintID  model.BlueprintID  `json:"blueprint_id"`
	DeploymentID model.DeploymentID `json:"deployment_id"`
	ExecutionID  model.ExecutionID  `json:"execution_id"`
	WorkflowID   string             `json:"workflow_id"`
	TaskID       model.TaskID       `json:"task_id"`
	TaskName     string             `json:"task_name"`
	TaskQueue    string             `json:"task_queue"`
	TaskTarget   string             `json:"task_target"`
	Operation    string             `json:"operation"`
	Plugin       string             `json:"plugin"`
	Tenant       operation.Tenant   `json:"tenant"`
	NodeID       model.InstanceID   `json:"node_id,omitempty"`
	NodeName     model.NodeID       `json:"node_name,omitempty"`
	SourceID     model.InstanceID   `json:"source_id,omitempty"`
	SourceName   model.NodeID       `json:"source_name,omitempty"`
	TargetID     model.InstanceID   `json:"target_id,omitempty"`
	TargetName   model.NodeID       `json:"target_name,omitempty"`
}

// ContextOf returns the context of the records of a task.
func ContextOf(c *operation.Context) RecordContext {
	r := RecordContext{
		BlueprintID: c.BlueprintID, DeploymentID: c.DeploymentID, ExecutionID: c.ExecutionID, WorkflowID: c.WorkflowID,
		TaskID: c.TaskID, TaskName: c.TaskName, TaskQueue: c.TaskQueue, TaskTarget: c.TaskTarget,
		Operation: c.Operation.Name, Plugin: c.Plugin.Name, Tenant: c.Tenant,
	}
	switch {
	case c.Related == nil:
		r.NodeID, r.NodeName = c.NodeID, c.NodeName
	case c.Related.IsTarget:
		r.SourceID, r.SourceName = c.NodeID, c.NodeName
		r.TargetID, r.TargetName = c.Related.NodeID, c.Related.NodeName
	default:
		r.SourceID, r.SourceName = c.Related.NodeID, c.Related.NodeName
		r.TargetID, r.TargetName = c.NodeID, c.NodeName
	}
	return r
}

// ScopeOf returns the scope in which the functions of a task are evaluated.
func ScopeOf(c *operation.Context) Scope {
	r := ContextOf(c)
	return Scope{Self: r.NodeID, Source: r.SourceID, Target: r.TargetID, SourceNode: r.SourceName, TargetNode: r.TargetName}
}
