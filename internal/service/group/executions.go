package group

import (
	"context"
	"maps"
	"slices"

	"github.com/reifyhq/reify/internal/change"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/store"
)

// Executions is an execution group with its members, when these were asked for.
type Executions struct {
	*model.ExecutionGroup
	// IsFull says that Members and Status are set.
	IsFull  bool
	Members []model.ExecutionID
	Status  model.ExecutionStatus
}

func fullView(tx store.Reader, g *model.ExecutionGroup) (*Executions, error) {
	members, err := tx.GroupExecutions(g.ID)
	if err != nil {
		return nil, err
	}
	states, err := tx.GroupStates(g.ID)
	return &Executions{ExecutionGroup: g, IsFull: true, Members: members, Status: model.GroupStatus(states)}, err
}

func visibleExecutions(tx store.Reader, a *service.Actor, id model.ExecutionGroupID, all bool) (*model.ExecutionGroup, error) {
	g, err := tx.ExecutionGroup(id)
	if err != nil {
		return nil, err
	}
	mine := g.Tenant == a.Tenant || g.Visibility == model.VisibilityGlobal || all && a.Allows(g.Tenant, "execution_group_get")
	if !mine || !a.Sees(g.Resource) {
		return nil, fault.Missing("ExecutionGroup", string(id))
	}
	return g, nil
}

// ListExecutions lists execution groups; with full also their members and status.
func (s *Service) ListExecutions(ctx context.Context, a *service.Actor, q service.Query, all, full bool) (p service.Page[*Executions], err error) {
	if err := a.RequireTenant("execution_group_list"); err != nil {
		return p, err
	}
	q.Scope = a.Scope("execution_group_list", all)
	err = s.Store.View(ctx, func(tx store.Reader) error {
		found, err := tx.ExecutionGroups(q)
		if err != nil {
			return err
		}
		p = service.Page[*Executions]{Total: found.Total}
		for _, g := range found.Items {
			v := &Executions{ExecutionGroup: g}
			if full {
				if v, err = fullView(tx, g); err != nil {
					return err
				}
			}
			p.Items = append(p.Items, v)
		}
		return nil
	})
	return p, err
}

// GetExecutions returns an execution group with its members and status.
func (s *Service) GetExecutions(ctx context.Context, a *service.Actor, id model.ExecutionGroupID, all bool) (v *Executions, err error) {
	if err := a.RequireTenant("execution_group_get"); err != nil {
		return nil, err
	}
	err = s.Store.View(ctx, func(tx store.Reader) error {
		g, err := visibleExecutions(tx, a, id, all)
		if err != nil {
			return err
		}
		v, err = fullView(tx, g)
		return err
	})
	return v, err
}

// Start is a request to run a workflow on every deployment of a group.
type Start struct {
	Group    model.DeploymentGroupID
	Workflow string
	// Defaults are the parameters of all, Parameters those of single deployments over them.
	Defaults    model.Document
	Parameters  map[model.DeploymentID]model.Document
	Force       bool
	Concurrency int
}

// Start stores one execution per deployment of the group: as many as the concurrency start at once, or are queued behind
// what runs on their deployments; the others are queued behind these (workflows, section 8.8). A deployment that does not
// have the workflow gets none, only a log line of the group. One that may not start fails alone.
func (s *Service) Start(ctx context.Context, a *service.Actor, r Start) (v *Executions, err error) {
	if err := a.RequireTenant("execution_group_create"); err != nil {
		return nil, err
	}
	if a.Execution != nil && a.Execution.Status.Cancelling() {
		return nil, fault.New(fault.ForbiddenWhileCancelling, "a cancelling execution may not start executions")
	}
	if r.Concurrency < 0 {
		return nil, fault.New(fault.BadParameters, "concurrency must be 0 or more but is %d", r.Concurrency)
	}
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		g, err := visible(tx, a, r.Group)
		if err != nil {
			return err
		}
		xg := s.executionGroup(a, r.Workflow, r.Concurrency)
		xg.Visibility, xg.DeploymentGroup = g.Visibility, g.ID
		if err := tx.InsertExecutionGroup(xg); err != nil {
			return err
		}
		members, err := tx.GroupDeployments(g.Tenant, g.ID)
		if err != nil {
			return err
		}
		begun := 0
		for _, id := range members {
			if err := s.startMember(tx, a, xg, r, id, &begun); err != nil {
				return err
			}
		}
		v, err = fullView(tx, xg)
		return err
	})
	if err == nil {
		s.wakeAll(v.Members)
	}
	return v, err
}

// startMember stores the execution of one member; begun counts those that took a place.
func (s *Service) startMember(tx store.Tx, a *service.Actor, xg *model.ExecutionGroup, r Start, id model.DeploymentID, begun *int) error {
	d, err := service.VisibleDeployment(tx, a, id)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, ok := d.Workflows[r.Workflow]; !ok && d.Workflows != nil {
		return s.logMissing(tx, xg, d)
	}
	parameters := maps.Clone(r.Defaults)
	if parameters == nil {
		parameters = model.Document{}
	}
	maps.Copy(parameters, r.Parameters[id])
	start := service.Start{Deployment: id, Workflow: r.Workflow, Parameters: parameters, Force: r.Force, Queue: true, Group: xg.ID,
		Held: d.Workflows == nil || *begun >= xg.Concurrency}
	*begun++
	_, err = s.Begin(tx, a, start)
	if err == nil || !isRefusal(err) {
		return err
	}
	// The refusal is kept where the user looks for it: as the failure of the member.
	*begun--
	start.Held = true
	x, err2 := s.Begin(tx, a, start)
	if err2 != nil {
		return err2
	}
	x.Status, x.Error, x.EndedAt = model.ExecutionFailed, err.Error(), s.Clock.Now()
	if err := tx.UpdateExecution(x); err != nil {
		return err
	}
	if err := change.NoteMember(tx, x, x.EndedAt, s.Manager); err != nil {
		return err
	}
	return change.Announce(tx, x, x.EndedAt, s.Hooked)
}

// isRefusal reports whether an error is about the one execution, and not about the store.
func isRefusal(err error) bool {
	code := fault.CodeOf(err)
	return code != fault.Internal && code != fault.Storage && code != fault.IllegalExecutionParameters
}

// logMissing writes into the group's log that a deployment lacks the workflow. The line is kept as long as the execution
// that made the deployment.
func (s *Service) logMissing(tx store.Tx, xg *model.ExecutionGroup, d *model.Deployment) error {
	if _, err := tx.Execution(d.CreateExecution); err != nil {
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		return err
	}
	now := s.Clock.Now()
	return tx.InsertEvents([]*model.Event{{
		Tenant: xg.Tenant, CreatedBy: xg.CreatedBy, Visibility: xg.Visibility, Kind: model.KindLog, Execution: d.CreateExecution, Group: xg.ID,
		Timestamp: now, Reported: now, Level: "error", Logger: "manager", ManagerName: s.Manager,
		Message: "Deployment " + string(d.ID) + " does not have workflow " + xg.Workflow,
	}})
}

// Act does an action on every member for which it makes sense: a cancel on those that have not ended, a resume on those
// that were cancelled or failed.
func (s *Service) Act(ctx context.Context, a *service.Actor, id model.ExecutionGroupID, action service.Action) (v *Executions, err error) {
	if err := a.RequireTenant("execution_group_cancel"); err != nil {
		return nil, err
	}
	if !slices.Contains(service.Actions, action) {
		return nil, fault.New(fault.BadParameters, "Invalid action: %s, Valid action values are: %v", action, service.Actions)
	}
	var acted []*model.Execution
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		acted = nil
		g, err := visibleExecutions(tx, a, id, false)
		if err != nil {
			return err
		}
		members, err := tx.GroupExecutions(g.ID)
		if err != nil {
			return err
		}
		running := 0
		for _, member := range members {
			x, err := tx.Execution(member)
			if err != nil {
				return err
			}
			done, err := s.actOn(tx, x, action, g.Concurrency, &running)
			if err != nil {
				return err
			}
			acted = append(acted, done...)
		}
		v, err = fullView(tx, g)
		return err
	})
	if err != nil {
		return nil, err
	}
	return v, s.Acted(acted)
}

// actOn acts on one member and returns what it acted on. Resumed ones beyond the concurrency wait for their turn.
func (s *Service) actOn(tx store.Tx, x *model.Execution, action service.Action, concurrency int, running *int) ([]*model.Execution, error) {
	resume := action == service.ActionResume || action == service.ActionForceResume
	if resume {
		if x.Status != model.ExecutionCancelled && x.Status != model.ExecutionFailed {
			if x.Status.Active() {
				*running++
			}
			return nil, nil
		}
	} else if x.Status.Ended() || x.Status.Cancelling() && action != service.ActionKill && !(action == service.ActionForceCancel && x.Status == model.ExecutionCancelling) {
		return nil, nil
	}
	acted, err := s.ActIn(tx, x, action)
	if err != nil {
		return nil, err
	}
	if resume && x.Status == model.ExecutionPending {
		if *running++; *running > concurrency {
			x.Status = model.ExecutionQueued
			return acted, tx.UpdateExecution(x)
		}
	}
	return acted, nil
}

// Change changes an execution group; nil fields stay as they are.
type Change struct {
	Concurrency               *int
	SuccessGroup, FailedGroup *model.DeploymentGroupID
}

// Change changes the limit of an execution group, or where its deployments go. Deployments whose executions have ended
// already join at once.
func (s *Service) Change(ctx context.Context, a *service.Actor, id model.ExecutionGroupID, c Change) (v *Executions, err error) {
	if err := a.RequireTenant("execution_group_update"); err != nil {
		return nil, err
	}
	if c.Concurrency != nil && *c.Concurrency < 0 {
		return nil, fault.New(fault.BadParameters, "concurrency must be 0 or more but is %d", *c.Concurrency)
	}
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		g, err := visibleExecutions(tx, a, id, false)
		if err != nil {
			return err
		}
		if c.Concurrency != nil {
			g.Concurrency = *c.Concurrency
		}
		for _, t := range []struct {
			to     *model.DeploymentGroupID
			field  *model.DeploymentGroupID
			status model.ExecutionStatus
		}{{c.SuccessGroup, &g.SuccessGroup, model.ExecutionTerminated}, {c.FailedGroup, &g.FailedGroup, model.ExecutionFailed}} {
			if t.to == nil {
				continue
			}
			*t.field = *t.to
			if err := s.collect(tx, a, g, *t.to, t.status); err != nil {
				return err
			}
		}
		if err := tx.UpdateExecutionGroup(g); err != nil {
			return err
		}
		v, err = fullView(tx, g)
		return err
	})
	if err == nil {
		s.Wake("")
	}
	return v, err
}

// collect adds the deployments of the members with a status to a group.
func (s *Service) collect(tx store.Tx, a *service.Actor, g *model.ExecutionGroup, to model.DeploymentGroupID, status model.ExecutionStatus) error {
	into, err := visible(tx, a, to)
	if err != nil {
		return err
	}
	ended, err := tx.Executions(store.Query{Scope: store.Scope{Admin: true}, Limit: -1, Where: []store.Condition{
		{Field: "execution_group_id", Values: []string{string(g.ID)}}, {Field: "status", Values: []string{string(status)}},
	}})
	if err != nil {
		return err
	}
	var deployments []model.DeploymentID
	for _, x := range ended.Items {
		if x.Deployment != "" {
			deployments = append(deployments, x.Deployment)
		}
	}
	return change.JoinGroup(tx, s.Clock.Now(), into, deployments)
}
