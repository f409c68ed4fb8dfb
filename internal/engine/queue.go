package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/reifyhq/reify/internal/change"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

const (
	// dequeueBatch is how many executions one end may start (workflows, section 8.5).
	dequeueBatch = 5
	// dequeueRounds is how often the queue is looked through again when executions in it turned out to be impossible.
	dequeueRounds = 5
)

// dequeue makes queued executions pending whose turn has come: oldest first, at most one per deployment, none beside an
// active one of its deployment, within the limits of active executions and of their groups. One that may no longer start
// fails and makes room for the next. It returns those it woke.
//
// In maintenance mode nothing is started (workflows, section 8.5).
func (e *Engine) dequeue(tx store.Tx) ([]model.ExecutionID, error) {
	text, err := tx.Value(model.MaintenanceValue)
	if err != nil {
		return nil, err
	}
	if m, err := model.ParseMaintenance(text); err != nil || m.IsOn() {
		return nil, err
	}
	var woken []model.ExecutionID
	for range dequeueRounds {
		turn, err := e.turn(tx)
		if err != nil {
			return nil, err
		}
		failed := false
		for _, x := range turn {
			if err := e.ready(tx, x); err != nil {
				failed = true
				if err := e.failQueued(tx, x, err); err != nil {
					return nil, err
				}
				continue
			}
			x.Status = model.ExecutionPending
			if err := tx.UpdateExecution(x); err != nil {
				return nil, err
			}
			woken = append(woken, x.ID)
		}
		if !failed {
			break
		}
	}
	return woken, nil
}

// ready returns why an execution may not start although its turn has come.
func (e *Engine) ready(tx store.Reader, x *model.Execution) error {
	if e.Ready == nil {
		return nil
	}
	return e.Ready(tx, x)
}

func (e *Engine) failQueued(tx store.Tx, x *model.Execution, why error) error {
	now := e.Clock.Now()
	x.Status, x.EndedAt, x.Error = model.ExecutionFailed, now, fmt.Sprintf("Error dequeueing execution: %v", why)
	if err := tx.UpdateExecution(x); err != nil {
		return err
	}
	return e.changed(tx, x, now)
}

// changed tells the group of an execution and the hooks that it has a new status.
func (e *Engine) changed(tx store.Tx, x *model.Execution, now time.Time) error {
	if err := change.NoteMember(tx, x, now, e.Owner); err != nil {
		return err
	}
	return change.Announce(tx, x, now, e.Hooked)
}

// turn returns the queued executions that may start now, as far as places and deployments go.
func (e *Engine) turn(tx store.Reader) ([]*model.Execution, error) {
	queued, err := tx.QueuedExecutions(10 * dequeueBatch)
	if err != nil || len(queued) == 0 {
		return nil, err
	}
	active, err := activeNow(tx)
	if err != nil {
		return nil, err
	}
	var out []*model.Execution
	taken := map[string]bool{}
	for _, x := range queued {
		if len(out) == dequeueBatch || active.number >= e.MaxConcurrent {
			break
		}
		key := string(x.Tenant) + "/" + string(x.Deployment)
		if x.Deployment != "" && taken[key] {
			continue
		}
		free, err := active.free(tx, x.Group)
		if err != nil {
			return nil, err
		}
		if !free {
			continue
		}
		taken[key] = true
		if x.Deployment != "" && active.busy[key] && x.Workflow != model.WorkflowCreateEnvironment {
			continue
		}
		made, err := isMade(tx, x)
		if err != nil {
			return nil, err
		}
		if !made {
			continue
		}
		active.number++
		active.inGroup[x.Group]++
		out = append(out, x)
	}
	return out, nil
}

// isMade reports whether the environment of the execution's deployment was made, or will never be: before that nothing but
// the workflow that makes it can run.
func isMade(tx store.Reader, x *model.Execution) (bool, error) {
	if x.Deployment == "" || x.Workflow == model.WorkflowCreateEnvironment {
		return true, nil
	}
	d, err := tx.Deployment(x.Tenant, x.Deployment)
	if err != nil || d.CreateExecution == "" {
		return true, err
	}
	creation, err := tx.Execution(d.CreateExecution)
	if fault.Is(err, fault.NotFound) {
		return true, nil
	}
	return err == nil && creation.Status.Ended(), err
}

// activity is what runs at one moment.
type activity struct {
	// number counts the active executions of the installation, without system workflows of the installation itself.
	number int
	// busy says which deployments have one, inGroup counts them by group.
	busy    map[string]bool
	inGroup map[model.ExecutionGroupID]int
	limits  map[model.ExecutionGroupID]int
}

// Dequeue moves the queue inside an update of somebody else, who wakes what it returns: when maintenance mode ends. At
// most limit executions are active afterwards.
func Dequeue(tx store.Tx, limit int) ([]model.ExecutionID, error) {
	return New(Options{MaxConcurrent: limit}).dequeue(tx)
}

// activeNow reads the active executions only: however many are queued, these are few.
func activeNow(tx store.Reader) (*activity, error) {
	q := store.Query{Scope: store.Scope{Admin: true}, Limit: -1}
	var statuses []string
	for _, s := range model.ExecutionStatuses {
		if s.Active() {
			statuses = append(statuses, string(s))
		}
	}
	q.Where = []store.Condition{{Field: "status", Values: statuses}}
	page, err := tx.Executions(q)
	a := &activity{busy: map[string]bool{}, inGroup: map[model.ExecutionGroupID]int{}, limits: map[model.ExecutionGroupID]int{}}
	for _, x := range page.Items {
		a.busy[string(x.Tenant)+"/"+string(x.Deployment)] = true
		a.inGroup[x.Group]++
		if !x.IsSystem {
			a.number++
		}
	}
	return a, err
}

// free reports whether the group has a place for one more member; no group always has.
func (a *activity) free(tx store.Reader, id model.ExecutionGroupID) (bool, error) {
	if id == "" {
		return true, nil
	}
	limit, known := a.limits[id]
	if !known {
		g, err := tx.ExecutionGroup(id)
		if err != nil {
			return false, err
		}
		limit, a.limits[id] = g.Concurrency, g.Concurrency
	}
	return a.inGroup[id] < limit, nil
}

// sweep starts queued executions whose turn came without the end of another one: a group that goes on, a queued execution
// that was cancelled, or another manager that died before it looked.
func (e *Engine) sweep(ctx context.Context) error {
	var turn []*model.Execution
	err := e.Store.View(ctx, func(tx store.Reader) (err error) {
		turn, err = e.turn(tx)
		return err
	})
	if err != nil || len(turn) == 0 {
		return err
	}
	return e.Store.Update(ctx, func(tx store.Tx) error {
		_, err := e.dequeue(tx)
		return err
	})
}
