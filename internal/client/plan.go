package client

import (
	"context"
	"net/http"

	"github.com/reifyhq/reify/internal/model"
)

// PlanParams say what to plan: a workflow, or an update when Update is not nil.
type PlanParams struct {
	Workflow              string         `json:"workflow_id,omitempty"`
	Parameters            model.Document `json:"parameters,omitempty"`
	AllowCustomParameters bool           `json:"allow_custom_parameters,omitempty"`
	Force                 bool           `json:"force,omitempty"`
	Update                model.Document `json:"update,omitempty"`
}

// Plan is what a workflow would do. Raw is the whole answer, which ApplyPlan wants back unchanged.
type Plan struct {
	Request struct {
		Deployment model.DeploymentID `json:"deployment_id"`
		Workflow   string             `json:"workflow_id"`
	} `json:"request"`
	Steps     []PlanStep     `json:"steps"`
	Instances []PlanInstance `json:"instances"`
	Nodes     []PlanNode     `json:"nodes"`
	Blocked   string         `json:"blocked"`
	Estimate  *struct {
		Seconds float64 `json:"seconds"`
		Known   int     `json:"known"`
		Unknown int     `json:"unknown"`
	} `json:"estimate"`
	Dependents []struct {
		Deployment string `json:"deployment"`
		Type       string `json:"dependency_type"`
		Node       string `json:"dependent_node"`
	} `json:"dependents"`
	Raw Raw `json:"-"`
}

// PlanStep is an operation that would run after those in After have ended.
type PlanStep struct {
	ID        int              `json:"id"`
	After     []int            `json:"after"`
	Phase     int              `json:"phase"`
	Node      model.NodeID     `json:"node"`
	Instance  model.InstanceID `json:"instance"`
	Side      string           `json:"side"`
	Related   model.InstanceID `json:"related"`
	Operation string           `json:"operation"`
	Plugin    string           `json:"plugin"`
	Function  string           `json:"function"`
	Executor  string           `json:"executor"`
}

// PlanInstance is what happens to a node instance: add, change or remove.
type PlanInstance struct {
	Action     string              `json:"action"`
	Instance   model.InstanceID    `json:"instance"`
	Node       model.NodeID        `json:"node"`
	From       model.InstanceState `json:"from"`
	To         model.InstanceState `json:"to"`
	Operations int                 `json:"operations"`
}

// PlanNode is what happens to a node: add, change or remove.
type PlanNode struct {
	Action     string       `json:"action"`
	Node       model.NodeID `json:"node"`
	Properties []struct {
		Name string `json:"name"`
		From Raw    `json:"from"`
		To   Raw    `json:"to"`
	} `json:"properties"`
}

// ReadPlan reads a plan as it was saved.
func ReadPlan(data []byte) (Plan, error) {
	var p Plan
	err := model.DecodeJSON(data, &p)
	p.Raw = data
	return p, err
}

// MakePlan asks what a workflow or an update would do; nothing is changed.
func (c *Client) MakePlan(ctx context.Context, id model.DeploymentID, p PlanParams) (Plan, error) {
	raw, err := send[Raw](ctx, c, request{method: http.MethodPost, path: path("deployments", string(id), "plan"), json: p})
	if err != nil {
		return Plan{}, err
	}
	return ReadPlan(raw)
}

// ApplyPlan starts what a plan shows; when something changed since it was made the answer is a conflict (IsConflict).
func (c *Client) ApplyPlan(ctx context.Context, p Plan) (Execution, error) {
	return send[Execution](ctx, c, request{
		method: http.MethodPost, path: path("deployments", string(p.Request.Deployment), "apply"), json: p.Raw,
	})
}
