package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/reifyhq/reify/internal/model"
)

// DeploymentGroup is a named set of deployments.
type DeploymentGroup struct {
	ID          model.DeploymentGroupID `json:"id"`
	Description string                  `json:"description"`
	Blueprint   model.BlueprintID       `json:"default_blueprint_id"`
	Inputs      model.Document          `json:"default_inputs"`
	Deployments []model.DeploymentID    `json:"deployment_ids"`
	Labels      []Label                 `json:"labels"`
	CreatedAt   Time                    `json:"created_at"`
	Visibility  model.Visibility        `json:"visibility"`
	Tenant      model.TenantName        `json:"tenant_name"`
	CreatedBy   model.UserName          `json:"created_by"`
}

// GroupParams describe a deployment group to create or change; what is empty stays as it is. Labels, when not nil, replace
// those there are.
type GroupParams struct {
	Visibility  model.Visibility            `json:"visibility,omitempty"`
	Description string                      `json:"description,omitempty"`
	Blueprint   model.BlueprintID           `json:"blueprint_id,omitempty"`
	Inputs      model.Document              `json:"default_inputs,omitempty"`
	Labels      []map[string]string         `json:"labels,omitzero"`
	Members     *[]model.DeploymentID       `json:"deployment_ids,omitempty"`
	New         []map[string]model.Document `json:"new_deployments,omitempty"`
}

// Members selects deployments to add to a group or to remove from it; New makes new ones, of what the group says.
type Members struct {
	Deployments []model.DeploymentID        `json:"deployment_ids,omitempty"`
	Filter      string                      `json:"filter_id,omitempty"`
	Rules       []FilterRule                `json:"filter_rules,omitempty"`
	Group       string                      `json:"deployments_from_group,omitempty"`
	New         []map[string]model.Document `json:"new_deployments,omitempty"`
}

// ListDeploymentGroups returns the groups that match the options.
func (c *Client) ListDeploymentGroups(ctx context.Context, o ListOptions) (Page[DeploymentGroup], error) {
	return list[DeploymentGroup](ctx, c, "deployment-groups", o, nil)
}

// GetDeploymentGroup returns a group.
func (c *Client) GetDeploymentGroup(ctx context.Context, id string) (DeploymentGroup, error) {
	return get[DeploymentGroup](ctx, c, path("deployment-groups", id), nil)
}

// PutDeploymentGroup creates or changes a group.
func (c *Client) PutDeploymentGroup(ctx context.Context, id string, p GroupParams) (DeploymentGroup, error) {
	return send[DeploymentGroup](ctx, c, request{method: http.MethodPut, path: path("deployment-groups", id), json: p})
}

// ExtendDeploymentGroup adds deployments to a group.
func (c *Client) ExtendDeploymentGroup(ctx context.Context, id string, m Members) (DeploymentGroup, error) {
	return send[DeploymentGroup](ctx, c, request{method: http.MethodPatch, path: path("deployment-groups", id), json: map[string]Members{"add": m}})
}

// ShrinkDeploymentGroup removes deployments from a group.
func (c *Client) ShrinkDeploymentGroup(ctx context.Context, id string, m Members) (DeploymentGroup, error) {
	return send[DeploymentGroup](ctx, c, request{method: http.MethodPatch, path: path("deployment-groups", id), json: map[string]Members{"remove": m}})
}

// GroupDeletion says how a group is deleted.
type GroupDeletion struct{ Deployments, Force, Logs, Recursive bool }

// DeleteDeploymentGroup deletes a group. With deployments it returns the execution group that deletes these.
func (c *Client) DeleteDeploymentGroup(ctx context.Context, id string, d GroupDeletion) (model.ExecutionGroupID, error) {
	q := url.Values{}
	setTrue(q, "delete_deployments", d.Deployments)
	setTrue(q, "force", d.Force)
	setTrue(q, "delete_logs", d.Logs)
	setTrue(q, "recursive", d.Recursive)
	if !d.Deployments {
		return "", c.call(ctx, request{method: http.MethodDelete, path: path("deployment-groups", id), query: q}, nil)
	}
	answer, err := send[struct {
		Group model.ExecutionGroupID `json:"execution_group_id"`
	}](ctx, c, request{method: http.MethodDelete, path: path("deployment-groups", id), query: q})
	return answer.Group, err
}

// ExecutionGroup is a workflow that runs on the deployments of a group. Members and Status are left out of lists.
type ExecutionGroup struct {
	ID          model.ExecutionGroupID  `json:"id"`
	Workflow    string                  `json:"workflow_id"`
	Group       model.DeploymentGroupID `json:"deployment_group_id"`
	Concurrency int                     `json:"concurrency"`
	Members     []model.ExecutionID     `json:"execution_ids"`
	Status      model.ExecutionStatus   `json:"status"`
	CreatedAt   Time                    `json:"created_at"`
	Visibility  model.Visibility        `json:"visibility"`
	Tenant      model.TenantName        `json:"tenant_name"`
	CreatedBy   model.UserName          `json:"created_by"`
}

// ExecutionGroupParams describe an execution group to start.
type ExecutionGroupParams struct {
	Group       string         `json:"deployment_group_id"`
	Workflow    string         `json:"workflow_id"`
	Defaults    model.Document `json:"default_parameters"`
	Force       bool           `json:"force"`
	Concurrency int            `json:"concurrency"`
}

// ListExecutionGroups returns the groups that match the options.
func (c *Client) ListExecutionGroups(ctx context.Context, o ListOptions) (Page[ExecutionGroup], error) {
	return list[ExecutionGroup](ctx, c, "execution-groups", o, nil)
}

// GetExecutionGroup returns a group with its members and status.
func (c *Client) GetExecutionGroup(ctx context.Context, id string) (ExecutionGroup, error) {
	return get[ExecutionGroup](ctx, c, path("execution-groups", id), nil)
}

// StartExecutionGroup starts a workflow on every deployment of a group.
func (c *Client) StartExecutionGroup(ctx context.Context, p ExecutionGroupParams) (ExecutionGroup, error) {
	return send[ExecutionGroup](ctx, c, request{method: http.MethodPost, path: path("execution-groups"), json: p})
}

// ActOnExecutionGroup asks for an action on every member.
func (c *Client) ActOnExecutionGroup(ctx context.Context, id string, action Action) (ExecutionGroup, error) {
	return send[ExecutionGroup](ctx, c, request{
		method: http.MethodPost, path: path("execution-groups", id), json: map[string]Action{"action": action},
	})
}

// ChangeExecutionGroup changes the fields concurrency, success_group_id and failure_group_id of a group.
func (c *Client) ChangeExecutionGroup(ctx context.Context, id string, fields map[string]any) (ExecutionGroup, error) {
	return send[ExecutionGroup](ctx, c, request{method: http.MethodPatch, path: path("execution-groups", id), json: fields})
}

// Schedule starts a workflow on a deployment again and again.
type Schedule struct {
	ID           model.ScheduleID      `json:"id"`
	Deployment   model.DeploymentID    `json:"deployment_id"`
	Workflow     string                `json:"workflow_id"`
	Parameters   model.Document        `json:"parameters"`
	Arguments    model.Document        `json:"execution_arguments"`
	Since        Time                  `json:"since"`
	Until        Time                  `json:"until"`
	Next         Time                  `json:"next_occurrence"`
	Rule         model.Document        `json:"rule"`
	Slip         int                   `json:"slip"`
	StopOnFail   bool                  `json:"stop_on_fail"`
	Enabled      bool                  `json:"enabled"`
	LatestStatus model.ExecutionStatus `json:"latest_execution_status"`
	Occurrences  []string              `json:"all_next_occurrences"`
	CreatedAt    Time                  `json:"created_at"`
	Visibility   model.Visibility      `json:"visibility"`
	Tenant       model.TenantName      `json:"tenant_name"`
	CreatedBy    model.UserName        `json:"created_by"`
}

func ofDeployment(id model.DeploymentID) url.Values { return url.Values{"deployment_id": {string(id)}} }

// ListSchedules returns the schedules that match the options.
func (c *Client) ListSchedules(ctx context.Context, o ListOptions) (Page[Schedule], error) {
	return list[Schedule](ctx, c, "execution-schedules", o, nil)
}

// GetSchedule returns a schedule of a deployment.
func (c *Client) GetSchedule(ctx context.Context, d model.DeploymentID, id string) (Schedule, error) {
	return get[Schedule](ctx, c, path("execution-schedules", id), ofDeployment(d))
}

// CreateSchedule creates a schedule with the fields of the API.
func (c *Client) CreateSchedule(ctx context.Context, d model.DeploymentID, id string, fields model.Document) (Schedule, error) {
	return send[Schedule](ctx, c, request{method: http.MethodPut, path: path("execution-schedules", id), query: ofDeployment(d), json: fields})
}

// ChangeSchedule changes the given fields of a schedule.
func (c *Client) ChangeSchedule(ctx context.Context, d model.DeploymentID, id string, fields model.Document) (Schedule, error) {
	return send[Schedule](ctx, c, request{method: http.MethodPatch, path: path("execution-schedules", id), query: ofDeployment(d), json: fields})
}

// DeleteSchedule deletes a schedule.
func (c *Client) DeleteSchedule(ctx context.Context, d model.DeploymentID, id string) error {
	return c.call(ctx, request{method: http.MethodDelete, path: path("execution-schedules", id), query: ofDeployment(d)}, nil)
}

// Agent is what is known of an agent on a host.
type Agent struct {
	ID            model.AgentName    `json:"id"`
	IP            string             `json:"ip"`
	Deployment    model.DeploymentID `json:"deployment"`
	Node          model.NodeID       `json:"node"`
	System        string             `json:"system"`
	Version       string             `json:"version"`
	InstallMethod string             `json:"install_method"`
	State         model.AgentState   `json:"state"`
	Tenant        model.TenantName   `json:"tenant_name"`
}

// ListAgents returns the agents that match the options.
func (c *Client) ListAgents(ctx context.Context, o ListOptions) (Page[Agent], error) {
	return list[Agent](ctx, c, "agents", o, nil)
}
