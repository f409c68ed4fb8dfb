package client

import (
	"context"

	"github.com/reifyhq/reify/internal/model"
)

// Explanation says what an execution waits for, or why it failed; the most important reason comes first.
type Explanation struct {
	Execution  model.ExecutionID     `json:"execution_id"`
	Workflow   string                `json:"workflow_id"`
	Deployment model.DeploymentID    `json:"deployment_id"`
	Status     model.ExecutionStatus `json:"status"`
	Summary    string                `json:"summary"`
	Reasons    []Reason              `json:"reasons"`
	Next       string                `json:"next"`
}

// Reason is one thing that an execution waits for, or that made it fail.
type Reason struct {
	Kind      string            `json:"kind"`
	Text      string            `json:"text"`
	Since     Time              `json:"since"`
	Until     Time              `json:"until"`
	Execution model.ExecutionID `json:"execution_id"`
	Task      model.TaskID      `json:"operation_id"`
	Operation string            `json:"operation"`
	Instance  model.InstanceID  `json:"node_instance_id"`
	Executor  string            `json:"executor"`
	Error     string            `json:"error"`
	Log       []string          `json:"log"`
}

// Why asks what an execution waits for, or why it failed.
func (c *Client) Why(ctx context.Context, id model.ExecutionID) (Explanation, error) {
	return get[Explanation](ctx, c, path("executions", string(id), "why"), nil)
}
