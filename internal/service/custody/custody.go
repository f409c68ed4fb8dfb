// Package custody holds the use cases with which administrators keep an installation tidy: owners and icons of what exists,
// and the deletion of executions that are over.
//
// It is a room of package service and follows its rules: it checks permission and rules, then commits. It never touches
// what is running.
package custody

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/store"
)

// Service runs the use cases. It is safe for concurrent use.
type Service struct{ *service.Service }

// New returns the room over the service.
func New(s *service.Service) *Service { return &Service{s} }

// hand gives a resource that the actor sees in its own tenant to another user (rest-api, section 1.6).
func hand(tx store.Reader, a *service.Actor, r *model.Resource, id string, owner model.UserName) error {
	if err := service.Foreign(a, *r, id); err != nil {
		return err
	}
	u, err := tx.User(owner)
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.BadParameters, "there is no user `%s`", owner)
	}
	if err != nil {
		return err
	}
	r.CreatedBy = u.Name
	return nil
}

// SetBlueprintOwner gives a blueprint to another user.
func (s *Service) SetBlueprintOwner(ctx context.Context, a *service.Actor, id model.BlueprintID, owner model.UserName) error {
	if err := a.RequireTenant("blueprint_upload"); err != nil {
		return err
	}
	if err := a.Require("set_owner"); err != nil {
		return err
	}
	return s.Store.Update(ctx, func(tx store.Tx) error {
		b, err := tx.Blueprint(a.Tenant, id)
		if err != nil {
			return err
		}
		if !a.Sees(b.Resource) {
			return fault.Missing("Blueprint", string(id))
		}
		if err := hand(tx, a, &b.Resource, string(id), owner); err != nil {
			return err
		}
		return tx.UpdateBlueprint(b)
	})
}

// DeploymentChange changes what a deployment is called and whose it is; what is empty stays as it is.
type DeploymentChange struct {
	Owner       model.UserName
	DisplayName string
}

// ChangeDeployment changes a deployment; a new owner gets its nodes and instances, too.
func (s *Service) ChangeDeployment(ctx context.Context, a *service.Actor, id model.DeploymentID, c DeploymentChange) error {
	if err := a.RequireTenant("deployment_update"); err != nil {
		return err
	}
	if c.Owner != "" {
		if err := a.Require("set_owner"); err != nil {
			return err
		}
	}
	return s.Store.Update(ctx, func(tx store.Tx) error {
		d, err := tx.Deployment(a.Tenant, id)
		if err != nil {
			return err
		}
		if !a.Sees(d.Resource) {
			return fault.Missing("Deployment", string(id))
		}
		if err := service.Foreign(a, d.Resource, string(id)); err != nil {
			return err
		}
		if c.DisplayName != "" {
			d.DisplayName = c.DisplayName
		}
		if c.Owner != "" {
			if err := hand(tx, a, &d.Resource, string(id), c.Owner); err != nil {
				return err
			}
			if err := handNodes(tx, d); err != nil {
				return err
			}
		}
		d.UpdatedAt = s.Clock.Now()
		return tx.UpdateDeployment(d)
	})
}

func handNodes(tx store.Tx, d *model.Deployment) error {
	nodes, err := tx.DeploymentNodes(d.Tenant, d.ID)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		n.CreatedBy = d.CreatedBy
		if err := tx.UpdateNode(n); err != nil {
			return err
		}
	}
	instances, err := tx.DeploymentInstances(d.Tenant, d.ID)
	if err != nil {
		return err
	}
	for _, i := range instances {
		i.CreatedBy = d.CreatedBy
		if err := tx.UpdateInstance(i); err != nil {
			return err
		}
	}
	return nil
}

// Retention says which executions are deleted: those that began to exist before an instant, or all but the newest.
// Exactly one of the two is set, or neither, which means all.
type Retention struct {
	Before time.Time
	// Keep is how many of the newest stay; nil when that was not asked for.
	Keep *int
}

// statusField is the field of executions that says whether one is over.
const statusField = "status"

// ended are the statuses of executions that may be deleted.
var ended = []string{string(model.ExecutionTerminated), string(model.ExecutionFailed), string(model.ExecutionCancelled)}

// perPage is how many executions are looked at together: a page of them is in memory with all they hold.
const perPage = 500

// perCommit is how many executions one commit deletes: each takes its tasks and events along.
const perCommit = 50

// DeleteExecutions deletes executions that are over and that the query selects, with their task graphs and events, and
// returns how many. The last successful creation of a deployment's environment stays: without it the deployment would
// count as one that was never made (rest-api, section 6). After an error some of them may be gone.
func (s *Service) DeleteExecutions(ctx context.Context, a *service.Actor, q service.Query, all bool, keep Retention) (int, error) {
	if err := a.RequireTenant("execution_delete"); err != nil {
		return 0, err
	}
	if err := check(&q, keep); err != nil {
		return 0, err
	}
	q.Scope = a.Scope("execution_delete", all)
	var ids []model.ExecutionID
	err := s.Store.View(ctx, func(tx store.Reader) (err error) {
		ids, err = doomed(tx, q, keep)
		return err
	})
	if err != nil {
		return 0, err
	}
	deleted := 0
	for batch := range slices.Chunk(ids, perCommit) {
		n := 0
		err := s.Store.Update(ctx, func(tx store.Tx) error {
			n = 0
			for _, id := range batch {
				if err := tx.DeleteExecution(id); fault.Is(err, fault.NotFound) {
					continue
				} else if err != nil {
					return err
				}
				n++
			}
			return nil
		})
		if err != nil {
			return deleted, err
		}
		deleted += n
	}
	return deleted, nil
}

// check refuses what cannot be meant, and lets the query select only executions that are over.
func check(q *service.Query, keep Retention) error {
	if keep.Keep != nil && !keep.Before.IsZero() {
		return fault.New(fault.BadParameters, "Must provide either a `to_datetime` timestamp or a `keep_last` number of executions to keep, not both")
	}
	if keep.Keep != nil && *keep.Keep <= 0 {
		return fault.New(fault.BadParameters, "`keep_last` must be an integer greater than 0. Got %d instead", *keep.Keep)
	}
	asked := false
	for _, c := range q.Where {
		if c.Field != statusField {
			continue
		}
		asked = true
		for _, v := range c.Values {
			if !slices.Contains(ended, v) {
				return fault.New(fault.BadParameters, "executions that are %s cannot be deleted; only those that are over can: %s", v, strings.Join(ended, ", "))
			}
		}
	}
	if !asked {
		q.Where = append(q.Where, service.Condition{Field: statusField, Values: ended})
	}
	return nil
}

// doomed picks those to delete from the executions that the query selects, oldest first.
func doomed(tx store.Reader, q service.Query, keep Retention) ([]model.ExecutionID, error) {
	q.Limit, q.Offset, q.Sort = perPage, 0, []service.Order{{Field: "created_at"}}
	var out []model.ExecutionID
	for ; ; q.Offset += perPage {
		page, err := tx.Executions(q)
		if err != nil {
			return nil, err
		}
		end := page.Total
		if keep.Keep != nil {
			end -= *keep.Keep
		}
		for i, x := range page.Items {
			if q.Offset+i >= end || !keep.Before.IsZero() && !x.CreatedAt.Before(keep.Before) {
				return out, nil
			}
			if is, err := isCreation(tx, x); err != nil {
				return nil, err
			} else if !is {
				out = append(out, x.ID)
			}
		}
		if len(page.Items) < perPage {
			return out, nil
		}
	}
}

// isCreation reports whether the execution made the environment of a deployment that still exists.
func isCreation(tx store.Reader, x *model.Execution) (bool, error) {
	if x.Workflow != model.WorkflowCreateEnvironment || x.Status != model.ExecutionTerminated {
		return false, nil
	}
	d, err := tx.Deployment(x.Tenant, x.Deployment)
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	return err == nil && d.CreateExecution == x.ID, err
}
