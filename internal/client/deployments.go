package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/reifyhq/reify/internal/model"
)

// Deployment is an instance of a blueprint.
type Deployment struct {
	ID                 model.DeploymentID       `json:"id"`
	DisplayName        string                   `json:"display_name"`
	Blueprint          model.BlueprintID        `json:"blueprint_id"`
	Description        string                   `json:"description"`
	Inputs             model.Document           `json:"inputs"`
	Outputs            Raw                      `json:"outputs,omitempty"`
	Capabilities       Raw                      `json:"capabilities,omitempty"`
	Groups             Raw                      `json:"groups,omitempty"`
	ScalingGroups      Raw                      `json:"scaling_groups,omitempty"`
	Workflows          []Workflow               `json:"workflows,omitempty"`
	Labels             []Label                  `json:"labels"`
	InstallationStatus model.InstallationStatus `json:"installation_status"`
	Status             model.DeploymentStatus   `json:"deployment_status"`
	LatestExecution    model.ExecutionID        `json:"latest_execution"`
	LatestStatus       string                   `json:"latest_execution_status"`
	LatestWorkflow     string                   `json:"latest_execution_workflow_id"`
	CreateExecution    model.ExecutionID        `json:"create_execution"`
	SiteName           string                   `json:"site_name"`
	CreatedAt          Time                     `json:"created_at"`
	UpdatedAt          Time                     `json:"updated_at"`
	Visibility         model.Visibility         `json:"visibility"`
	Tenant             model.TenantName         `json:"tenant_name"`
	CreatedBy          model.UserName           `json:"created_by"`
}

// Workflow is a workflow that a deployment offers.
type Workflow struct {
	Name        string                             `json:"name"`
	Plugin      string                             `json:"plugin"`
	Operation   string                             `json:"operation"`
	Parameters  map[string]model.WorkflowParameter `json:"parameters"`
	IsCascading bool                               `json:"is_cascading"`
	IsAvailable bool                               `json:"is_available"`
}

// CreateParams describe a deployment to create.
type CreateParams struct {
	Blueprint             model.BlueprintID
	Inputs                model.Document
	DisplayName           string
	Visibility            model.Visibility
	SiteName              string
	Labels                []Label
	SkipPluginsValidation bool
	RuntimeOnlyEvaluation bool
}

type createBody struct {
	Blueprint             model.BlueprintID   `json:"blueprint_id"`
	Visibility            model.Visibility    `json:"visibility,omitempty"`
	Inputs                model.Document      `json:"inputs"`
	SiteName              string              `json:"site_name,omitempty"`
	Labels                []map[string]string `json:"labels,omitempty"`
	DisplayName           string              `json:"display_name,omitempty"`
	SkipPluginsValidation bool                `json:"skip_plugins_validation"`
	RuntimeOnlyEvaluation bool                `json:"runtime_only_evaluation"`
}

// CreateDeployment creates a deployment and returns when its environment is made.
func (c *Client) CreateDeployment(ctx context.Context, id model.DeploymentID, p CreateParams) (Deployment, error) {
	body := createBody{
		Blueprint: p.Blueprint, Visibility: p.Visibility, Inputs: p.Inputs, SiteName: p.SiteName,
		DisplayName: p.DisplayName, SkipPluginsValidation: p.SkipPluginsValidation,
		RuntimeOnlyEvaluation: p.RuntimeOnlyEvaluation,
	}
	if body.Inputs == nil {
		body.Inputs = model.Document{}
	}
	for _, l := range p.Labels {
		body.Labels = append(body.Labels, map[string]string{l.Key: l.Value})
	}
	return send[Deployment](ctx, c, request{method: http.MethodPut, path: path("deployments", string(id)), json: body})
}

// GetDeployment returns a deployment, with only the fields of include when any are given.
func (c *Client) GetDeployment(ctx context.Context, id model.DeploymentID, include ...string) (Deployment, error) {
	return get[Deployment](ctx, c, path("deployments", string(id)), ListOptions{Include: include}.values())
}

// ListDeployments returns the deployments that match the options and, when given, all rules.
func (c *Client) ListDeployments(ctx context.Context, o ListOptions, rules ...FilterRule) (Page[Deployment], error) {
	return list[Deployment](ctx, c, "deployments", o, rules)
}

// DeleteParams say how to delete a deployment.
type DeleteParams struct {
	// Force deletes even when instances are alive or other deployments depend on it.
	Force      bool
	DeleteLogs bool
	Recursive  bool
}

// DeleteDeployment asks for the deletion, which goes on after the answer: the deployment is gone once it is not found.
func (c *Client) DeleteDeployment(ctx context.Context, id model.DeploymentID, p DeleteParams) error {
	q := url.Values{}
	setTrue(q, "force", p.Force)
	setTrue(q, "delete_logs", p.DeleteLogs)
	setTrue(q, "recursive", p.Recursive)
	return c.call(ctx, request{method: http.MethodDelete, path: path("deployments", string(id)), query: q}, nil)
}

// Outputs returns the outputs, evaluated now.
func (c *Client) Outputs(ctx context.Context, id model.DeploymentID) (model.Document, error) {
	v, err := get[struct {
		Outputs model.Document `json:"outputs"`
	}](ctx, c, path("deployments", string(id), "outputs"), nil)
	return v.Outputs, err
}

// Capabilities returns the capabilities, evaluated now.
func (c *Client) Capabilities(ctx context.Context, id model.DeploymentID) (model.Document, error) {
	v, err := get[struct {
		Capabilities model.Document `json:"capabilities"`
	}](ctx, c, path("deployments", string(id), "capabilities"), nil)
	return v.Capabilities, err
}

// SetDeploymentLabels replaces the labels.
func (c *Client) SetDeploymentLabels(ctx context.Context, id model.DeploymentID, labels []Label) (Deployment, error) {
	return send[Deployment](ctx, c, request{
		method: http.MethodPatch, path: path("deployments", string(id)), json: labelsBody(labels),
	})
}
