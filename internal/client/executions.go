package client

import (
	"context"
	"net/http"

	"github.com/reifyhq/reify/internal/model"
)

// Execution is one run of a workflow.
type Execution struct {
	ID                 model.ExecutionID     `json:"id"`
	Workflow           string                `json:"workflow_id"`
	Deployment         model.DeploymentID    `json:"deployment_id"`
	DeploymentName     string                `json:"deployment_display_name"`
	Blueprint          model.BlueprintID     `json:"blueprint_id"`
	Status             model.ExecutionStatus `json:"status"`
	StatusDisplay      string                `json:"status_display"`
	Error              string                `json:"error"`
	Parameters         model.Document        `json:"parameters"`
	IsSystem           bool                  `json:"is_system_workflow"`
	IsDryRun           bool                  `json:"is_dry_run"`
	CreatedAt          Time                  `json:"created_at"`
	StartedAt          Time                  `json:"started_at"`
	EndedAt            Time                  `json:"ended_at"`
	ScheduledFor       Time                  `json:"scheduled_for"`
	TotalOperations    int                   `json:"total_operations"`
	FinishedOperations int                   `json:"finished_operations"`
	Visibility         model.Visibility      `json:"visibility"`
	Tenant             model.TenantName      `json:"tenant_name"`
	CreatedBy          model.UserName        `json:"created_by"`
}

// StartParams describe an execution to start.
type StartParams struct {
	Deployment            model.DeploymentID
	Workflow              string
	Parameters            model.Document
	AllowCustomParameters bool
	Force                 bool
	DryRun                bool
	// Queue lets it wait for the executions that are in its way instead of being refused.
	Queue bool
	// WaitAfterFail is how many seconds running operations may go on after one failed; 0 leaves it to the manager.
	WaitAfterFail int
	// ScheduledTime, such as 202601311430+0000, starts it later.
	ScheduledTime string
}

type startBody struct {
	Deployment            model.DeploymentID `json:"deployment_id"`
	Workflow              string             `json:"workflow_id"`
	Parameters            model.Document     `json:"parameters"`
	AllowCustomParameters bool               `json:"allow_custom_parameters"`
	Force                 bool               `json:"force"`
	DryRun                bool               `json:"dry_run"`
	Queue                 bool               `json:"queue"`
	WaitAfterFail         int                `json:"wait_after_fail,omitempty"`
	ScheduledTime         string             `json:"scheduled_time,omitempty"`
}

// StartExecution starts a workflow. The answer's status is pending, queued or scheduled.
func (c *Client) StartExecution(ctx context.Context, p StartParams) (Execution, error) {
	body := startBody(p)
	if body.Parameters == nil {
		body.Parameters = model.Document{}
	}
	return send[Execution](ctx, c, request{method: http.MethodPost, path: path("executions"), json: body})
}

// GetExecution returns an execution, with only the fields of include when any are given.
func (c *Client) GetExecution(ctx context.Context, id model.ExecutionID, include ...string) (Execution, error) {
	return get[Execution](ctx, c, path("executions", string(id)), ListOptions{Include: include}.values())
}

// ListExecutions returns the executions that match the options, those of the manager's own workflows only when system
// is set.
func (c *Client) ListExecutions(ctx context.Context, o ListOptions, system bool) (Page[Execution], error) {
	q := o.values()
	setTrue(q, "_include_system_workflows", system)
	return get[Page[Execution]](ctx, c, path("executions"), q)
}

// Action is what can be asked of an execution.
type Action string

// The actions on an execution.
const (
	ActionCancel      Action = "cancel"
	ActionForceCancel Action = "force-cancel"
	ActionKill        Action = "kill"
	ActionResume      Action = "resume"
	ActionForceResume Action = "force-resume"
)

// ActOnExecution asks for an action and returns the execution with its new status.
func (c *Client) ActOnExecution(ctx context.Context, id model.ExecutionID, action Action) (Execution, error) {
	return send[Execution](ctx, c, request{
		method: http.MethodPost, path: path("executions", string(id)), json: map[string]Action{"action": action},
	})
}

// SetExecutionStatus changes the status; errorText goes with a failure. It is for those who run workflows.
func (c *Client) SetExecutionStatus(
	ctx context.Context, id model.ExecutionID, status model.ExecutionStatus, errorText string,
) (Execution, error) {
	return send[Execution](ctx, c, request{
		method: http.MethodPatch, path: path("executions", string(id)),
		json: map[string]string{"status": string(status), "error": errorText},
	})
}

// Operation is a task of an execution as the API shows it. Parameters are left unread: their shape is the engine's.
type Operation struct {
	ID         model.TaskID    `json:"id"`
	Name       string          `json:"name"`
	State      model.TaskState `json:"state"`
	Type       model.TaskType  `json:"type"`
	CreatedAt  Time            `json:"created_at"`
	Parameters Raw             `json:"parameters,omitempty"`
}

// ListOperations returns the tasks of an execution that people care for: operations and subgraphs.
func (c *Client) ListOperations(ctx context.Context, id model.ExecutionID, o ListOptions) (Page[Operation], error) {
	q := o.values()
	q.Set("execution_id", string(id))
	q.Set("skip_internal", "true")
	return get[Page[Operation]](ctx, c, path("operations"), q)
}
