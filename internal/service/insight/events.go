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

// NewEvents are events and logs that a process reports about one execution.
type NewEvents struct {
	// Execution is empty for the actor's own execution.
	Execution   model.ExecutionID
	ManagerName string
	AgentName   string
	Events      []*model.Event
}

// AddEvents stores events and logs. Callers fill in kind, message, type or level, logger, operation, instance, source,
// target, causes and timestamp; the rest comes from the execution. A timestamp that is missing is now.
func (s *Service) AddEvents(ctx context.Context, a *service.Actor, n NewEvents) error {
	if a.Execution == nil {
		if err := a.RequireTenant("event_create"); err != nil {
			return err
		}
	}
	id := n.Execution
	if id == "" && a.Execution != nil {
		id = a.Execution.ID
	}
	if id == "" {
		return fault.New(fault.Conflict, "No execution passed, and not authenticated by an execution token")
	}
	now := s.Clock.Now()
	return s.Store.Update(ctx, func(tx store.Tx) error {
		x, err := service.VisibleExecution(tx, a, id)
		if err != nil {
			return err
		}
		for _, e := range n.Events {
			e.Tenant, e.CreatedBy, e.Visibility, e.Execution = x.Tenant, x.CreatedBy, x.Visibility, x.ID
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
