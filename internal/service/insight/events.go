package insight

import (
	"context"
	"strings"
	"time"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/store"
)

// Events lists events and logs.
func (s *Service) Events(ctx context.Context, a *service.Actor, q store.EventQuery, allTenants bool) (p store.Page[*model.Event], err error) {
	if err := a.RequireTenant("event_list"); err != nil {
		return p, err
	}
	q.Scope = a.Scope("event_list", allTenants)
	err = s.Store.View(ctx, func(tx store.Reader) error {
		p, err = tx.Events(q)
		return err
	})
	return p, err
}

// NewEvents are events and logs that a process reports about one execution or one group of executions.
type NewEvents struct {
	// Execution is empty for the actor's own execution and for a group.
	Execution   model.ExecutionID
	Group       model.ExecutionGroupID
	ManagerName string
	AgentName   string
	Events      []*model.Event
}

// AddEvents stores events and logs. Callers fill in kind, message, type or level, logger, operation, instance, source,
// target, causes and timestamp; the rest comes from the execution or the group. A timestamp that is missing is now. Events
// of a group are kept as long as its first execution; a group without any takes none (rest-api, section 9).
func (s *Service) AddEvents(ctx context.Context, a *service.Actor, n NewEvents) error {
	if a.Execution == nil {
		if err := a.RequireTenant("event_create"); err != nil {
			return err
		}
	}
	if n.Execution != "" && n.Group != "" {
		return fault.New(fault.Conflict, "Events are of the execution `%s` or of the execution group `%s`, not of both", n.Execution, n.Group)
	}
	now := s.Clock.Now()
	return s.Store.Update(ctx, func(tx store.Tx) error {
		of, id, err := eventOwner(tx, a, n)
		if err != nil {
			return err
		}
		for _, e := range n.Events {
			e.Tenant, e.CreatedBy, e.Visibility, e.Execution, e.Group = of.Tenant, of.CreatedBy, of.Visibility, id, n.Group
			e.ManagerName, e.AgentName, e.Reported = n.ManagerName, n.AgentName, now
			e.Message = strings.ReplaceAll(e.Message, "\x00", "<NUL>")
			if e.Timestamp.IsZero() {
				e.Timestamp = now
			}
			e.Timestamp = e.Timestamp.UTC().Truncate(time.Microsecond)
		}
		return tx.InsertEvents(n.Events)
	})
}

// eventOwner returns what new events inherit and the execution with which they go.
func eventOwner(tx store.Reader, a *service.Actor, n NewEvents) (of model.Resource, id model.ExecutionID, err error) {
	if n.Group != "" {
		g, err := tx.ExecutionGroup(n.Group)
		if err != nil {
			return of, "", err
		}
		if g.Tenant != a.Tenant && g.Visibility != model.VisibilityGlobal || !a.Sees(g.Resource) {
			return of, "", fault.Missing("ExecutionGroup", string(n.Group))
		}
		members, err := tx.GroupExecutions(n.Group)
		if err == nil && len(members) == 0 {
			err = fault.New(fault.Conflict, "The execution group `%s` has no executions, so that it cannot have events", n.Group)
		}
		if err != nil {
			return of, "", err
		}
		return g.Resource, members[0], nil
	}
	id = n.Execution
	if id == "" && a.Execution != nil {
		id = a.Execution.ID
	}
	if id == "" {
		return of, "", fault.New(fault.Conflict, "No execution passed, and not authenticated by an execution token")
	}
	x, err := service.VisibleExecution(tx, a, id)
	if err != nil {
		return of, "", err
	}
	return x.Resource, x.ID, nil
}

// DeleteEvents removes the events of a deployment and, with logs set, its logs; it returns how many.
func (s *Service) DeleteEvents(ctx context.Context, a *service.Actor, id model.DeploymentID, logs bool) (n int, err error) {
	if err := a.RequireTenant("event_delete"); err != nil {
		return 0, err
	}
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		if _, err := service.VisibleDeployment(tx, a, id); err != nil {
			return err
		}
		n, err = tx.DeleteEvents(a.Tenant, id, logs)
		return err
	})
	return n, err
}
