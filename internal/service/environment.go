package service

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/reifyhq/reify/internal/change"
	"github.com/reifyhq/reify/internal/engine"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/recurrence"
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
	return job.Update(ctx, func(tx store.Tx) error {
		fresh, err := tx.Deployment(x.Tenant, x.Deployment)
		if err != nil {
			return err
		}
		s.fill(fresh, plan)
		if err := tx.UpdateDeployment(fresh); err != nil {
			return err
		}
		if err := tx.InsertNodes(plan.NewNodes(fresh)); err != nil {
			return err
		}
		if err := tx.InsertInstances(plan.NewInstances(fresh)); err != nil {
			return err
		}
		return s.settle(tx, fresh, plan.Settings)
	})
}

// settle makes the schedules that a blueprint declares and joins its groups, which are made when they do not exist.
func (s *Service) settle(tx store.Tx, d *model.Deployment, p change.PlanSettings) error {
	now := s.Clock.Now()
	for _, id := range p.Groups {
		g, err := tx.DeploymentGroup(d.Tenant, id)
		if fault.Is(err, fault.NotFound) {
			g = &model.DeploymentGroup{Resource: d.Resource, ID: id}
			g.CreatedAt = now
			err = tx.InsertDeploymentGroup(g)
		}
		if err != nil {
			return err
		}
		if err := change.JoinGroup(tx, now, g, []model.DeploymentID{d.ID}); err != nil {
			return err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(p.Schedules)) {
		c, err := defaultSchedule(d, id, p.Schedules[id], now)
		if err != nil {
			return fmt.Errorf("make the default schedule %s: %w", id, err)
		}
		if err := tx.InsertSchedule(c); err != nil {
			return err
		}
	}
	return nil
}

func defaultSchedule(d *model.Deployment, id model.ScheduleID, p change.PlanSchedule, now time.Time) (*model.Schedule, error) {
	c := &model.Schedule{
		Resource: d.Resource, ID: id, Deployment: d.ID, Workflow: p.Workflow, Parameters: p.Parameters, Arguments: p.Arguments,
		Rule: model.ScheduleRule{Recurrence: p.Recurrence, Count: p.Count, Weekdays: p.Weekdays}, Slip: p.Slip,
		StopOnFail: p.StopAfterFail, Enabled: p.Enabled == nil || *p.Enabled,
	}
	c.CreatedAt = now
	if _, ok := d.Workflows[p.Workflow]; !ok {
		return nil, fault.New(fault.NonexistentWorkflow, "Workflow %s does not exist in deployment %s", p.Workflow, d.ID)
	}
	var err error
	if c.Since, err = recurrence.ParseTime(p.Since, now); err != nil {
		return nil, err
	}
	if c.Until, err = recurrence.ParseTime(p.Until, now); err != nil {
		return nil, err
	}
	if c.Rule, err = recurrence.Check(c.Rule); err != nil {
		return nil, err
	}
	if next := recurrence.Next(c.Rule, c.Since, c.Until, now, 1); len(next) > 0 {
		c.NextAt = next[0]
	}
	return c, nil
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
