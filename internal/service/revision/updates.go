package revision

import (
	"context"
	"fmt"
	"maps"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/store"
)

// NewUpdate is a request to bring a deployment to another blueprint or to other inputs (rest-api, section 4.1).
type NewUpdate struct {
	// Blueprint is empty to keep the deployment's own; Inputs are laid over those that the deployment has.
	Blueprint model.BlueprintID
	Inputs    model.Document
	// RuntimeOnlyEvaluation is nil to keep what the deployment has.
	RuntimeOnlyEvaluation *bool
	// Workflow replaces what an update does with instances; empty for the usual.
	Workflow      string
	ReinstallList []any
	Preview       bool
	Force         bool
	// Check refuses the update in the transaction that would start it; nil allows it.
	Check func(store.Reader) error
	// Flags are the further booleans of the request by name; those that are not named are at their defaults.
	Flags map[string]bool
}

// UpdateFlags are the booleans of an update that its workflow gets as parameters, with their defaults. As in the
// original auto_correct_types, reevaluate_active_statuses, install_first and update_plugins have no effect (workflows,
// section 12.5).
var UpdateFlags = map[string]bool{
	"auto_correct_types": false, "reevaluate_active_statuses": false, "install_first": false, "update_plugins": true,
	"ignore_failure": false, "skip_reinstall": false, "skip_uninstall": false, "skip_install": false,
	"skip_drift_check": false, "force_reinstall": false, "skip_heal": false,
}

// StartUpdate stores a deployment update and starts the workflow `update`, which carries it out. It may overlap other
// executions of the deployment. A preview changes nothing; it is waited for and returned with its steps.
func (s *Service) StartUpdate(ctx context.Context, a *service.Actor, id model.DeploymentID, n NewUpdate) (*model.DeploymentUpdate, error) {
	if err := a.RequireTenant("deployment_update_create"); err != nil {
		return nil, err
	}
	if a.Execution != nil && a.Execution.Status.Cancelling() {
		return nil, fault.New(fault.ForbiddenWhileCancelling, "a cancelling execution may not update deployments")
	}
	var u *model.DeploymentUpdate
	var refused error
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		refused = nil
		d, err := service.VisibleDeployment(tx, a, id)
		if err != nil {
			return err
		}
		if err := service.Foreign(a, d.Resource, string(id)); err != nil {
			return err
		}
		if err := service.EnvironmentReady(tx, d); err != nil {
			return err
		}
		if n.Workflow != "" {
			if _, ok := d.Workflows[n.Workflow]; !ok {
				return fault.New(fault.NonexistentWorkflow, "Workflow %s does not exist in the deployment %s", n.Workflow, d.ID)
			}
		}
		if n.Check != nil {
			if err := n.Check(tx); err != nil {
				return err
			}
		}
		if u, err = s.newUpdate(tx, a, d, n); err != nil {
			return err
		}
		if refused = service.Blocked(tx, a, d, model.WorkflowUpdate, nil, n.Force || n.Preview); fault.Is(refused, fault.DependentExists) {
			u.State = model.UpdateFailed
			return tx.InsertDeploymentUpdate(u)
		}
		if refused != nil {
			return refused
		}
		x := s.SystemExecution(a, model.WorkflowUpdate, updateParameters(u, n))
		x.Tenant, x.Deployment, x.Blueprint, x.Visibility = d.Tenant, d.ID, d.Blueprint, d.Visibility
		x.Force = n.Force
		u.Execution = x.ID
		if err := tx.InsertDeploymentUpdate(u); err != nil {
			return err
		}
		return tx.InsertExecution(x)
	})
	if err != nil {
		return nil, err
	}
	if refused != nil {
		return nil, refused
	}
	s.Wake(u.Execution)
	if !n.Preview {
		return u, nil
	}
	x, err := s.Await(ctx, u.Execution, service.SyncLimit)
	if err != nil {
		return nil, err
	}
	if x.Status.Ended() && x.Status != model.ExecutionTerminated {
		return nil, fault.New(fault.BadParameters, "The preview of the update of deployment %s failed: %s", id, x.Error)
	}
	return s.DeploymentUpdate(ctx, a, u.ID)
}

// Draft returns the deployment update that a request would start, and the parameters of its execution.
func (s *Service) Draft(tx store.Reader, a *service.Actor, d *model.Deployment, n NewUpdate) (*model.DeploymentUpdate, model.Document, error) {
	u, err := s.newUpdate(tx, a, d, n)
	if err != nil {
		return nil, nil, err
	}
	return u, updateParameters(u, n), nil
}

func (s *Service) newUpdate(tx store.Reader, a *service.Actor, d *model.Deployment, n NewUpdate) (*model.DeploymentUpdate, error) {
	next := d.Blueprint
	if n.Blueprint != "" {
		next = n.Blueprint
	}
	b, err := service.VisibleBlueprint(tx, a, next)
	if err != nil {
		return nil, err
	}
	if b.State != model.BlueprintUploaded {
		return nil, fault.New(fault.Conflict, "Required blueprint `%s` is not ready: its state is `%s`. Upload it successfully first",
			b.ID, b.State)
	}
	inputs := maps.Clone(d.Inputs)
	if inputs == nil {
		inputs = model.Document{}
	}
	maps.Copy(inputs, n.Inputs)
	u := &model.DeploymentUpdate{
		Resource: model.Resource{Tenant: d.Tenant, CreatedBy: a.User.Name, CreatedAt: s.Clock.Now(), Visibility: d.Visibility},
		ID:       model.UpdateID(fmt.Sprintf("%s-%s", d.ID, service.NewUUID())), Deployment: d.ID,
		OldBlueprint: d.Blueprint, NewBlueprint: b.ID, State: model.UpdateUpdating, OldInputs: d.Inputs, NewInputs: inputs,
		RuntimeOnlyEvaluation: d.RuntimeOnlyEvaluation,
	}
	if n.RuntimeOnlyEvaluation != nil {
		u.RuntimeOnlyEvaluation = *n.RuntimeOnlyEvaluation
	}
	return u, nil
}

func updateParameters(u *model.DeploymentUpdate, n NewUpdate) model.Document {
	var named any
	if n.Workflow != "" {
		named = n.Workflow
	}
	var blueprint any
	if n.Blueprint != "" {
		blueprint = n.Blueprint
	}
	inputs, list := n.Inputs, n.ReinstallList
	if inputs == nil {
		inputs = model.Document{}
	}
	if list == nil {
		list = []any{}
	}
	out := model.Document{
		"update_id": string(u.ID), "blueprint_id": blueprint, "inputs": map[string]any(inputs), "preview": n.Preview,
		"runtime_only_evaluation": u.RuntimeOnlyEvaluation, "force": n.Force, "workflow_id": named, "reinstall_list": list,
	}
	for name, otherwise := range UpdateFlags {
		out[name] = otherwise
		if given, ok := n.Flags[name]; ok {
			out[name] = given
		}
	}
	return out
}

// DeploymentUpdate returns a deployment update of the actor's tenant.
func (s *Service) DeploymentUpdate(ctx context.Context, a *service.Actor, id model.UpdateID) (u *model.DeploymentUpdate, err error) {
	if err := a.RequireTenant("deployment_update_get"); err != nil {
		return nil, err
	}
	err = s.Store.View(ctx, func(tx store.Reader) error {
		u, err = visibleUpdate(tx, a, id)
		return err
	})
	return u, err
}

func visibleUpdate(tx store.Reader, a *service.Actor, id model.UpdateID) (*model.DeploymentUpdate, error) {
	u, err := tx.DeploymentUpdate(a.Tenant, id)
	if err == nil && !a.Sees(u.Resource) {
		return nil, fault.Missing("DeploymentUpdate", string(id))
	}
	return u, err
}

// DeploymentUpdates lists deployment updates.
func (s *Service) DeploymentUpdates(ctx context.Context, a *service.Actor, q store.Query, allTenants bool) (p store.Page[*model.DeploymentUpdate], err error) {
	if err := a.RequireTenant("deployment_update_list"); err != nil {
		return p, err
	}
	q.Scope = a.Scope("deployment_update_list", allTenants)
	err = s.Store.View(ctx, func(tx store.Reader) error {
		p, err = tx.DeploymentUpdates(q)
		return err
	})
	return p, err
}

// SetUpdateState changes the state of an update from outside, as custom update workflows do (rest-api, section 4.6).
func (s *Service) SetUpdateState(ctx context.Context, a *service.Actor, id model.UpdateID, state model.UpdateState) (u *model.DeploymentUpdate, err error) {
	if err := a.RequireTenant("deployment_update_update"); err != nil {
		return nil, err
	}
	if !state.Valid() {
		return nil, fault.New(fault.BadParameters, "%q is not a state of a deployment update", state)
	}
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		if u, err = visibleUpdate(tx, a, id); err != nil {
			return err
		}
		if err := service.Foreign(a, u.Resource, string(id)); err != nil {
			return err
		}
		u.State = state
		if err := tx.UpdateDeploymentUpdate(u); err != nil || state != model.UpdateSuccessful {
			return err
		}
		d, err := tx.Deployment(u.Tenant, u.Deployment)
		if err != nil {
			return err
		}
		d.UpdatedAt = s.Clock.Now()
		return tx.UpdateDeployment(d)
	})
	return u, err
}
