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
		_, err = dependency.Replace(tx, env, fresh.Tenant, fresh.ID, plan.Dependencies(fresh, instances))
		return err
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

// deleteEnvironment removes the files of a deployment; its row goes when the execution ends (workflows, section 12.3).
func (s *Service) deleteEnvironment(ctx context.Context, job engine.Job) error {
	return s.removeFiles(ctx, workdirPrefix(job.Execution.Tenant, job.Execution.Deployment))
}

func workdirPrefix(t model.TenantName, id model.DeploymentID) string {
	return fmt.Sprintf("deployments/%s/%s", t, id)
}
