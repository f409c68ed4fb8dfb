package service

import (
	"context"
	"fmt"
	"strings"

	"github.com/reifyhq/reify/internal/change"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
	"github.com/reifyhq/reify/internal/workflow"
)

// StartExecution checks and starts a workflow; the order of the checks is that of workflows, section 8.1. A deployment
// that is busy is fault.ExistingRunningExecution unless the request asks to queue or to force.
func (s *Service) StartExecution(ctx context.Context, a *Actor, r Start) (*model.Execution, error) {
	if err := a.RequireTenant("execution_start"); err != nil {
		return nil, err
	}
	if a.Execution != nil && a.Execution.Status.Cancelling() {
		return nil, fault.New(fault.ForbiddenWhileCancelling, "a cancelling execution may not start executions")
	}
	var x *model.Execution
	var started []model.ExecutionID
	err := s.Store.Update(ctx, func(tx store.Tx) (err error) {
		x, started, err = s.begin(tx, a, r)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, id := range started {
		s.wake(id)
	}
	return x, nil
}

// begin checks a start and stores its execution, with those of the components below when the workflow cascades. It returns
// all that were started.
func (s *Service) begin(tx store.Tx, a *Actor, r Start) (x *model.Execution, started []model.ExecutionID, err error) {
	d, err := visibleDeployment(tx, a, r.Deployment)
	if err != nil {
		return nil, nil, err
	}
	x = s.newExecution(a, r.Workflow, r.Parameters)
	x.Tenant, x.Deployment, x.Blueprint, x.Visibility, x.Group = d.Tenant, d.ID, d.Blueprint, d.Visibility, r.Group
	x.AllowCustomParameters, x.Force, x.IsDryRun, x.WaitAfterFail = r.AllowCustomParameters, r.Force, r.DryRun, r.WaitAfterFail
	x.Status = model.ExecutionQueued
	if !r.Held {
		if err := s.admit(tx, a, d, x, r); err != nil {
			return nil, nil, err
		}
	}
	if err := tx.InsertExecution(x); err != nil {
		return nil, nil, err
	}
	if err := change.Announce(tx, x, x.CreatedAt, s.Hooked); err != nil {
		return nil, nil, err
	}
	if x.Status != model.ExecutionQueued && d.Workflows[x.Workflow].IsCascading {
		started, err = s.cascade(tx, a, d, r)
	}
	return x, append(started, x.ID), err
}

// admit decides in the order of workflows, section 8.1, whether and how an execution starts now.
func (s *Service) admit(tx store.Reader, a *Actor, d *model.Deployment, x *model.Execution, r Start) error {
	if err := environmentReady(tx, d); err != nil {
		return err
	}
	if r.Check != nil {
		if err := r.Check(tx); err != nil {
			return err
		}
	}
	if err := complete(tx, d, x, a.deployment()); err != nil {
		return err
	}
	var err error
	if x.Status, err = startStatus(tx, d, r); err != nil || x.Status == model.ExecutionQueued {
		return err
	}
	return available(tx, d, x)
}

// complete gives an execution all parameters of its workflow, or says why it may not run on its deployment. by is the
// deployment whose execution asks, empty when a user does.
func complete(tx store.Reader, d *model.Deployment, x *model.Execution, by model.DeploymentID) error {
	w, ok := d.Workflows[x.Workflow]
	if !ok {
		return fault.New(fault.NonexistentWorkflow, "Workflow %s does not exist in the deployment %s", x.Workflow, d.ID)
	}
	parameters, err := workflow.MergeParameters(x.Workflow, w, x.Parameters, x.AllowCustomParameters)
	if err != nil {
		return err
	}
	x.Parameters = parameters
	return blocked(tx, by, d, x.Workflow, parameters, x.Force)
}

// available refuses a workflow that the state of the deployment does not allow now.
func available(tx store.Reader, d *model.Deployment, x *model.Execution) error {
	if x.Force {
		return nil
	}
	v, err := viewDeployment(tx, d)
	if err != nil {
		return err
	}
	if !v.Available(d.Workflows[x.Workflow]) {
		return fault.New(fault.UnavailableWorkflow, "Workflow not available: %s", x.Workflow)
	}
	return nil
}

// Ready completes a queued execution whose turn has come, or says why it may not start any more (workflows, section 8.5).
func (s *Service) Ready(tx store.Reader, x *model.Execution) error {
	if x.Deployment == "" || x.Workflow == model.WorkflowCreateEnvironment || x.Workflow == model.WorkflowDeleteEnvironment {
		return nil
	}
	d, err := tx.Deployment(x.Tenant, x.Deployment)
	if err != nil {
		return err
	}
	if err := environmentReady(tx, d); err != nil {
		return fault.Wrap(err, fault.CodeOf(err), "create_deployment_environment failed")
	}
	if _, declared := d.Workflows[x.Workflow]; !declared && x.Group == "" || x.Resume {
		return nil
	}
	if err := complete(tx, d, x, ""); err != nil {
		return err
	}
	return available(tx, d, x)
}

// startStatus decides between pending, queued and refused (workflows, section 8.4).
func startStatus(tx store.Reader, d *model.Deployment, r Start) (model.ExecutionStatus, error) {
	if r.Force {
		return model.ExecutionPending, nil
	}
	busy, err := unfinished(tx, d)
	if err != nil || len(busy) == 0 {
		return model.ExecutionPending, err
	}
	if r.Queue {
		return model.ExecutionQueued, nil
	}
	texts := make([]string, 0, len(busy))
	for _, x := range busy {
		texts = append(texts, fmt.Sprintf("<Execution id=`%s` tenant=`%s` status=`%s` workflow_id=`%s`>", x.ID, x.Tenant, x.Status, x.Workflow))
	}
	return "", fault.New(fault.ExistingRunningExecution, "The following executions are currently running for this deployment: [%s]. "+
		"To execute this workflow anyway, pass \"force=true\" as a query parameter to this request", strings.Join(texts, ", "))
}
