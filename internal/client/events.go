package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/reifyhq/reify/internal/model"
)

// Event is one event or log line of an execution.
type Event struct {
	StorageID      int64              `json:"_storage_id"`
	Timestamp      Time               `json:"timestamp"`
	Reported       Time               `json:"reported_timestamp"`
	Kind           model.EventKind    `json:"type"`
	EventType      model.EventType    `json:"event_type,omitempty"`
	Level          string             `json:"level,omitempty"`
	Logger         string             `json:"logger,omitempty"`
	Message        string             `json:"message"`
	Blueprint      model.BlueprintID  `json:"blueprint_id"`
	Deployment     model.DeploymentID `json:"deployment_id"`
	DeploymentName string             `json:"deployment_display_name"`
	Execution      model.ExecutionID  `json:"execution_id"`
	Workflow       string             `json:"workflow_id"`
	Operation      string             `json:"operation"`
	Node           model.NodeID       `json:"node_name"`
	Instance       model.InstanceID   `json:"node_instance_id"`
	Source         model.InstanceID   `json:"source_id"`
	Target         model.InstanceID   `json:"target_id"`
	ErrorCauses    []model.ErrorCause `json:"error_causes"`
	ManagerName    string             `json:"manager_name"`
	AgentName      string             `json:"agent_name"`
}

// EventQuery selects events and logs. Empty fields select all; several values of one field are alternatives.
type EventQuery struct {
	Kinds      []model.EventKind
	Execution  model.ExecutionID
	Group      string
	Deployment model.DeploymentID
	Blueprint  model.BlueprintID
	Node       model.NodeID
	Instance   model.InstanceID
	Operation  string
	EventTypes []string
	Levels     []string
	// Messages are patterns with % as wildcard; all must match.
	Messages []string
	// From and To bound the timestamp, From inclusive; any ISO form.
	From, To string
	ListOptions
}

// ListEvents returns the events of the query.
func (c *Client) ListEvents(ctx context.Context, e EventQuery) (Page[Event], error) {
	q := e.values()
	for _, k := range e.Kinds {
		q.Add("type", string(k))
	}
	setText(q, "execution_id", e.Execution)
	setText(q, "execution_group_id", e.Group)
	setText(q, "deployment_id", e.Deployment)
	setText(q, "blueprint_id", e.Blueprint)
	setText(q, "node_id", e.Node)
	setText(q, "node_instance_id", e.Instance)
	setText(q, "operation", e.Operation)
	addAll(q, "event_type", e.EventTypes)
	addAll(q, "level", e.Levels)
	addAll(q, "message", e.Messages)
	if e.From != "" || e.To != "" {
		q.Add("_range", "@timestamp,"+e.From+","+e.To)
	}
	return get[Page[Event]](ctx, c, path("events"), q)
}

func addAll(q url.Values, key string, values []string) {
	for _, v := range values {
		q.Add(key, v)
	}
}

// NewEvent is an event to store.
type NewEvent struct {
	EventType model.EventType `json:"event_type"`
	Timestamp Time            `json:"timestamp,omitzero"`
	Message   Text            `json:"message"`
	Context   EventContext    `json:"context"`
}

// NewLog is a log line to store.
type NewLog struct {
	Logger    string       `json:"logger"`
	Level     string       `json:"level"`
	Timestamp Time         `json:"timestamp,omitzero"`
	Message   Text         `json:"message"`
	Context   EventContext `json:"context"`
}

// Text is the message of an event.
type Text struct {
	Text string `json:"text"`
}

// EventContext says where an event comes from. NodeID is the id of the node instance.
type EventContext struct {
	NodeID      model.InstanceID   `json:"node_id,omitempty"`
	Operation   string             `json:"operation,omitempty"`
	SourceID    model.InstanceID   `json:"source_id,omitempty"`
	TargetID    model.InstanceID   `json:"target_id,omitempty"`
	ErrorCauses []model.ErrorCause `json:"task_error_causes,omitempty"`
}

// Batch is a number of events and logs of one execution.
type Batch struct {
	Execution   model.ExecutionID `json:"execution_id,omitempty"`
	Events      []NewEvent        `json:"events"`
	Logs        []NewLog          `json:"logs"`
	AgentName   string            `json:"agent_name,omitempty"`
	ManagerName string            `json:"manager_name,omitempty"`
}

// PostEvents stores a batch.
func (c *Client) PostEvents(ctx context.Context, b Batch) error {
	if b.Events == nil {
		b.Events = []NewEvent{}
	}
	if b.Logs == nil {
		b.Logs = []NewLog{}
	}
	return c.call(ctx, request{method: http.MethodPost, path: path("events"), json: b}, nil)
}

// CountEvents returns how many events and logs an execution has.
func (c *Client) CountEvents(ctx context.Context, id model.ExecutionID) (int, error) {
	q := url.Values{"execution_id": {string(id)}, "_size": {strconv.Itoa(1)}}
	page, err := get[Page[Event]](ctx, c, path("events"), q)
	return page.Metadata.Pagination.Total, err
}
