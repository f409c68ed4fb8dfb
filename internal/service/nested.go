package service

import (
	"errors"

	"github.com/reifyhq/reify/internal/dependency"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
	"github.com/reifyhq/reify/internal/workflow"
)

// blocked refuses a workflow that would take the ground from under other deployments, unless the user insists
// (workflows, section 13.4). by is the deployment whose execution asks, empty when a user does.
func blocked(tx store.Reader, by model.DeploymentID, d *model.Deployment, name string, parameters model.Document, force bool) error {
	if force || !dependency.TakesDown(name) {
		return nil
	}
	recursive, _ := parameters["recursive"].(bool)
	blockers, err := dependency.Find(tx, d, dependency.Question{Workflow: name, IsRecursive: recursive, By: by})
	if err != nil {
		return err
	}
	if text := blockers.Text(); text != "" {
		return fault.New(fault.DependentExists, "Can't execute workflow `%s` on deployment %s - existing installations depend on it:\n%s",
			name, d.ID, text)
	}
	return nil
}

// deployment is the deployment whose execution asks, empty when a user does.
func (a *Actor) deployment() model.DeploymentID {
	if a.Execution == nil {
		return ""
	}
	return a.Execution.Deployment
}

// maxCascade bounds how many executions one start may start (workflows, section 8.4).
const maxCascade = 1000

// cascade starts a cascading workflow on the components of a deployment too, on theirs, and so on; those that do not have
// it are passed over.
func (s *Service) cascade(tx store.Tx, a *Actor, d *model.Deployment, r Start) (started []model.ExecutionID, err error) {
	ids, err := dependency.Components(tx, d.Tenant, d.ID)
	for _, id := range ids[:min(len(ids), maxCascade-1)] {
		c, err := tx.Deployment(d.Tenant, id)
		if err != nil {
			return nil, err
		}
		w, ok := c.Workflows[r.Workflow]
		if !ok {
			continue
		}
		parameters, err := workflow.MergeParameters(r.Workflow, w, r.Parameters, true)
		if err != nil {
			return nil, err
		}
		x := s.newExecution(a, r.Workflow, parameters)
		x.Tenant, x.Deployment, x.Blueprint, x.Visibility = c.Tenant, c.ID, c.Blueprint, c.Visibility
		x.AllowCustomParameters, x.Force, x.IsDryRun, x.WaitAfterFail = true, r.Force, r.DryRun, r.WaitAfterFail
		if x.Status, err = startStatus(tx, c, Start{Force: r.Force, Queue: true}); err != nil {
			return nil, err
		}
		if err := tx.InsertExecution(x); err != nil {
			return nil, err
		}
		started = append(started, x.ID)
	}
	return started, err
}

// actOnComponents acts on the latest execution of every component of the execution's deployment that wants it; one that
// refuses is left alone: it is about to end, or was changed by its own user (rest-model, section 3.3).
func (s *Service) actOnComponents(tx store.Tx, x *model.Execution, wants func(*model.Execution) bool, do func(*model.Execution) error) (
	acted []*model.Execution, err error,
) {
	if x.Deployment == "" {
		return nil, nil
	}
	ids, err := dependency.Components(tx, x.Tenant, x.Deployment)
	for _, id := range ids {
		d, err := tx.Deployment(x.Tenant, id)
		if err != nil {
			return nil, err
		}
		c, err := tx.Execution(d.LatestExecution)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if !wants(c) {
			continue
		}
		err = do(c)
		var refused *fault.Error
		if errors.As(err, &refused) {
			continue
		}
		if err != nil {
			return nil, err
		}
		acted = append(acted, c)
	}
	return acted, err
}
