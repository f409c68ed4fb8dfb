package client

import (
	"context"
	"net/http"

	"github.com/reifyhq/reify/internal/model"
)

// DeploymentUpdate is a change of a deployment to another blueprint or other inputs.
type DeploymentUpdate struct {
	ID           model.UpdateID     `json:"id"`
	Deployment   model.DeploymentID `json:"deployment_id"`
	Execution    model.ExecutionID  `json:"execution_id"`
	State        model.UpdateState  `json:"state"`
	OldBlueprint model.BlueprintID  `json:"old_blueprint_id"`
	NewBlueprint model.BlueprintID  `json:"new_blueprint_id"`
	OldInputs    model.Document     `json:"old_inputs"`
	NewInputs    model.Document     `json:"new_inputs"`
	Steps        []UpdateStep       `json:"steps"`
	Instances    *UpdateInstances   `json:"deployment_update_node_instances"`
	Labels       []model.Document   `json:"labels_to_create"`
	CreatedAt    Time               `json:"created_at"`
	Visibility   model.Visibility   `json:"visibility"`
	Tenant       model.TenantName   `json:"tenant_name"`
	CreatedBy    model.UserName     `json:"created_by"`
}

// UpdateStep is one difference of the two plans of an update.
type UpdateStep struct {
	Action     string   `json:"action"`
	EntityType string   `json:"entity_type"`
	EntityID   []string `json:"entity_id"`
}

// UpdateInstances are the node instances that an update is about; those without a Modification are only related.
type UpdateInstances struct {
	Added    []UpdateInstance `json:"added_and_related"`
	Removed  []UpdateInstance `json:"removed_and_related"`
	Extended []UpdateInstance `json:"extended_and_related"`
	Reduced  []UpdateInstance `json:"reduced_and_related"`
}

// UpdateInstance is a node instance in a list of an update.
type UpdateInstance struct {
	ID           model.InstanceID `json:"id"`
	Node         model.NodeID     `json:"node_id"`
	Modification string           `json:"modification"`
}

// UpdateParams describe an update to start. The zero value updates with the blueprint and the inputs that are there.
type UpdateParams struct {
	Blueprint             model.BlueprintID
	Inputs                model.Document
	ReinstallList         []string
	Workflow              string
	Preview               bool
	Force                 bool
	RuntimeOnlyEvaluation *bool
	SkipInstall           bool
	SkipUninstall         bool
	SkipReinstall         bool
	SkipDriftCheck        bool
	SkipHeal              bool
	ForceReinstall        bool
	IgnoreFailure         bool
}

type updateBody struct {
	Blueprint             *model.BlueprintID `json:"blueprint_id"`
	Inputs                model.Document     `json:"inputs,omitempty"`
	ReinstallList         []string           `json:"reinstall_list,omitempty"`
	Workflow              *string            `json:"workflow_id"`
	Preview               bool               `json:"preview"`
	Force                 bool               `json:"force"`
	RuntimeOnlyEvaluation *bool              `json:"runtime_only_evaluation"`
	SkipInstall           bool               `json:"skip_install"`
	SkipUninstall         bool               `json:"skip_uninstall"`
	SkipReinstall         bool               `json:"skip_reinstall"`
	SkipDriftCheck        bool               `json:"skip_drift_check"`
	SkipHeal              bool               `json:"skip_heal"`
	ForceReinstall        bool               `json:"force_reinstall"`
	IgnoreFailure         bool               `json:"ignore_failure"`
}

// UpdateDeployment starts an update and returns it. A preview is returned when its steps are known; nothing is changed.
func (c *Client) UpdateDeployment(ctx context.Context, id model.DeploymentID, p UpdateParams) (DeploymentUpdate, error) {
	body := updateBody{
		Inputs: p.Inputs, ReinstallList: p.ReinstallList, Preview: p.Preview, Force: p.Force,
		RuntimeOnlyEvaluation: p.RuntimeOnlyEvaluation, SkipInstall: p.SkipInstall, SkipUninstall: p.SkipUninstall,
		SkipReinstall: p.SkipReinstall, SkipDriftCheck: p.SkipDriftCheck, SkipHeal: p.SkipHeal,
		ForceReinstall: p.ForceReinstall, IgnoreFailure: p.IgnoreFailure,
	}
	if p.Blueprint != "" {
		body.Blueprint = &p.Blueprint
	}
	if p.Workflow != "" {
		body.Workflow = &p.Workflow
	}
	return send[DeploymentUpdate](ctx, c, request{
		method: http.MethodPost, path: path("deployment-updates", string(id), "update", "initiate"), json: body,
	})
}

// GetDeploymentUpdate returns an update.
func (c *Client) GetDeploymentUpdate(ctx context.Context, id model.UpdateID) (DeploymentUpdate, error) {
	return get[DeploymentUpdate](ctx, c, path("deployment-updates", string(id)), nil)
}

// ListDeploymentUpdates returns the updates that match the options.
func (c *Client) ListDeploymentUpdates(ctx context.Context, o ListOptions) (Page[DeploymentUpdate], error) {
	return list[DeploymentUpdate](ctx, c, "deployment-updates", o, nil)
}
