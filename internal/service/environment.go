package service

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/reifyhq/reify/internal/change"
	"github.com/reifyhq/reify/internal/dependency"
	"github.com/reifyhq/reify/internal/engine"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// SystemWorkflows are the workflows that the manager itself runs, for the engine.
func (s *Service) SystemWorkflows() map[string]engine.SystemWorkflow {
	return map[string]engine.SystemWorkflow{
		model.WorkflowUploadBlueprint:   s.runUpload,
		model.WorkflowCreateEnvironment: s.createEnvironment,
		model.WorkflowDeleteEnvironment: s.deleteEnvironment,
	}
}

// createEnvironment makes the nodes and node instances of a new deployment from its blueprint's plan and its inputs, in
// one transaction (workflows, section 12.2). Run again after a crash it finds them and does nothing.
func (s *Service) createEnvironment(ctx context.Context, job engine.Job) error {
	x := job.Execution
	var d *model.Deployment
	var b *model.Blueprint
	err := s.Store.View(ctx, func(tx store.Reader) (err error) {
		if d, err = tx.Deployment(x.Tenant, x.Deployment); err != nil {
			return err
		}
		b, err = tx.Blueprint(x.Tenant, d.Blueprint)
		return err
	})
	if err != nil || d.Workflows != nil {
		return err
	}
	plan, err := change.Prepare(ctx, b, d, d.Inputs, s.SecretsOf(d), NewInstanceID)
	if err != nil {
		return err
	}
	if err := s.checkEnvironment(ctx, b, d, plan); err != nil {
		return err
	}
	return job.Update(ctx, func(tx store.Tx) error {
		fresh, err := tx.Deployment(x.Tenant, x.Deployment)
		if err != nil {
			return err
		}
		s.fill(fresh, plan)
		env := s.dependencyEnv()
		if err := dependency.Relabel(tx, env, fresh); err != nil {
			return err
		}
		if err := tx.InsertNodes(plan.NewNodes(fresh)); err != nil {
			return err
		}
		instances := plan.NewInstances(fresh)
		if err := tx.InsertInstances(instances); err != nil {
			return err
		}
		if _, err := dependency.Replace(tx, env, fresh.Tenant, fresh.ID, plan.Dependencies(fresh, instances)); err != nil {
			return err
		}
		return change.Settle(tx, fresh, plan.Settings, s.Clock.Now())
	})
}

func (s *Service) dependencyEnv() dependency.Env {
	return dependency.Env{Now: s.Clock.Now(), NewID: newUUID}
}

// checkEnvironment refuses a deployment whose blueprint needs capabilities of its environment that it has not got
// (workflows, section 12.2).
func (s *Service) checkEnvironment(ctx context.Context, b *model.Blueprint, d *model.Deployment, plan *change.Plan) error {
	var needs struct {
		Capabilities [][]any `json:"parent_capabilities"`
	}
	if len(b.Requirements) > 0 {
		if err := model.DecodeJSON(b.Requirements, &needs); err != nil {
			return fmt.Errorf("read the requirements of blueprint %s: %w", b.ID, err)
		}
	}
	if len(needs.Capabilities) == 0 {
		return nil
	}
	labels := append(slices.Clone(d.Labels), plan.NewLabels(d, s.Clock.Now())...)
	parents := model.Parents(labels)
	if len(parents) == 0 {
		return fault.New(fault.DeploymentCreation, "Environment not found, but environment capabilities are required: %s",
			paths(needs.Capabilities))
	}
	return s.Store.View(ctx, func(tx store.Reader) error {
		parent, err := tx.Deployment(d.Tenant, parents[0])
		if err != nil {
			return err
		}
		var missing [][]any
		for _, path := range needs.Capabilities {
			if len(path) > 0 && parent.Capabilities[fmt.Sprint(path[0])] == nil {
				missing = append(missing, path)
			}
		}
		if len(missing) > 0 {
			return fault.New(fault.DeploymentCreation, "Environment %s (%s) does not have the required capabilities: %s",
				parent.DisplayName, parent.ID, paths(missing))
		}
		return nil
	})
}

// paths writes paths into capabilities with dots, separated by commas.
func paths(list [][]any) string {
	texts := make([]string, len(list))
	for k, path := range list {
		steps := make([]string, len(path))
		for j, step := range path {
			steps[j] = fmt.Sprint(step)
		}
		texts[k] = strings.Join(steps, ".")
	}
	return strings.Join(texts, ", ")
}

// fill sets what the plan decides of a deployment; labels of the plan join those the user gave.
func (s *Service) fill(d *model.Deployment, p *change.Plan) {
	d.Description, d.Inputs, d.Outputs, d.Capabilities = p.Description, p.Inputs, p.Outputs, p.Capabilities
	d.Workflows, d.Groups, d.PolicyTypes, d.PolicyTriggers = p.Workflows, p.Groups, p.PolicyTypes, p.PolicyTriggers
	d.ScalingGroups, d.ResourceTags, d.UpdatedAt = p.ScalingGroups, p.ResourceTags, s.Clock.Now()
	if d.Workflows == nil {
		d.Workflows = map[string]model.Workflow{}
	}
	d.Labels = append(d.Labels, p.NewLabels(d, d.UpdatedAt)...)
}

// deleteEnvironment removes the files of a deployment, with recursive the deployments inside it first; its row goes when
// the execution ends (workflows, section 12.3).
func (s *Service) deleteEnvironment(ctx context.Context, job engine.Job) error {
	if recursive, _ := job.Execution.Parameters["recursive"].(bool); recursive {
		if err := s.deleteChildren(ctx, job); err != nil {
			return err
		}
	}
	return s.removeFiles(ctx, workdirPrefix(job.Execution.Tenant, job.Execution.Deployment))
}

// deleteChildren deletes the deployments inside an environment, which delete those inside themselves, and waits until they
// are gone. One that cannot be deleted fails it. Run again after a crash it waits for what it started.
func (s *Service) deleteChildren(ctx context.Context, job engine.Job) error {
	started := map[model.DeploymentID]model.ExecutionID{}
	for {
		var children []*model.Deployment
		var fresh []model.ExecutionID
		err := job.Update(ctx, func(tx store.Tx) (err error) {
			fresh = nil
			if children, err = tx.Children(job.Execution.Tenant, job.Execution.Deployment); err != nil {
				return err
			}
			for _, c := range children {
				id, err := s.deleteChild(tx, job.Execution, c, started[c.ID])
				if err != nil {
					return err
				}
				if started[c.ID] != id {
					started[c.ID], fresh = id, append(fresh, id)
				}
			}
			return nil
		})
		if err != nil || len(children) == 0 {
			return err
		}
		for _, id := range fresh {
			s.wake(id)
		}
		timer := s.Clock.NewTimer(10 * awaitInterval)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C():
		}
	}
}

// deleteChild starts the deletion of a deployment inside an environment unless one is under way, and returns its execution.
func (s *Service) deleteChild(tx store.Tx, parent *model.Execution, c *model.Deployment, known model.ExecutionID) (model.ExecutionID, error) {
	running, err := unfinished(tx, c)
	if err != nil {
		return "", err
	}
	for _, x := range running {
		if x.Workflow == model.WorkflowDeleteEnvironment {
			return x.ID, nil
		}
	}
	if known != "" {
		return "", fault.New(fault.DependentExists, "Deployment %s, which is inside of %s, was not deleted", c.ID, parent.Deployment)
	}
	force, _ := parent.Parameters["force"].(bool)
	if err := deletable(tx, &Actor{Execution: parent}, c, Deletion{Force: force, Recursive: true}); err != nil {
		return "", err
	}
	x := &model.Execution{
		Resource: model.Resource{Tenant: c.Tenant, CreatedBy: parent.CreatedBy, CreatedAt: s.Clock.Now(), Visibility: c.Visibility},
		ID:       model.ExecutionID(newUUID()), Workflow: model.WorkflowDeleteEnvironment, Status: model.ExecutionPending,
		Parameters: parent.Parameters, AllowCustomParameters: true, Deployment: c.ID, Blueprint: c.Blueprint,
	}
	s.renewToken(x)
	return x.ID, tx.InsertExecution(x)
}

func workdirPrefix(t model.TenantName, id model.DeploymentID) string {
	return fmt.Sprintf("deployments/%s/%s", t, id)
}
