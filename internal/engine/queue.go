package engine

import (
	"strconv"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// dequeueBatch is how many executions one end may start (workflows, section 8.5).
const dequeueBatch = 5

// dequeue makes queued executions pending whose turn has come: oldest first, at most one per deployment, none beside an
// active one of its deployment, within the limit of active executions. It returns those it woke.
func (e *Engine) dequeue(tx store.Tx) ([]model.ExecutionID, error) {
	queued, err := tx.QueuedExecutions(10 * dequeueBatch)
	if err != nil || len(queued) == 0 {
		return nil, err
	}
	active, err := countActive(tx, nil)
	if err != nil {
		return nil, err
	}
	var woken []model.ExecutionID
	taken := map[string]bool{}
	for _, x := range queued {
		if len(woken) == dequeueBatch || active >= e.MaxConcurrent {
			break
		}
		key := string(x.Tenant) + "/" + string(x.Deployment)
		if x.Deployment != "" && taken[key] {
			continue
		}
		taken[key] = true
		busy, err := countActive(tx, x)
		if err != nil {
			return nil, err
		}
		if busy > 0 && x.Workflow != model.WorkflowCreateEnvironment {
			continue
		}
		x.Status = model.ExecutionPending
		if err := tx.UpdateExecution(x); err != nil {
			return nil, err
		}
		active++
		woken = append(woken, x.ID)
	}
	return woken, nil
}

// countActive counts the active executions of x's deployment, or of the whole installation when x is nil. System
// workflows of the installation itself do not count there.
func countActive(tx store.Reader, x *model.Execution) (int, error) {
	q := store.Query{Scope: store.Scope{Admin: true}}
	var statuses []string
	for _, s := range model.ExecutionStatuses {
		if s.Active() {
			statuses = append(statuses, string(s))
		}
	}
	q.Where = []store.Condition{{Field: "status", Values: statuses}}
	if x != nil {
		q.Scope.Tenants = []model.TenantName{x.Tenant}
		q.Where = append(q.Where, store.Condition{Field: "deployment_id", Values: []string{string(x.Deployment)}})
	} else {
		q.Where = append(q.Where, store.Condition{Field: "is_system_workflow", Values: []string{strconv.FormatBool(false)}})
	}
	page, err := tx.Executions(q)
	return page.Total, err
}
