package engine

import (
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// dequeueBatch is how many executions one end may start (workflows, section 8.5).
const dequeueBatch = 5

// dequeue makes queued executions pending whose turn has come: oldest first, at most one per deployment, none beside an
// active one of its deployment, within the limit of active executions. It returns those it woke.
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
	queued, err := tx.QueuedExecutions(10 * dequeueBatch)
	if err != nil || len(queued) == 0 {
		return nil, err
	}
	active, busy, err := countActive(tx)
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
		if x.Deployment != "" && busy[key] && x.Workflow != model.WorkflowCreateEnvironment {
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

// Dequeue moves the queue inside an update of somebody else, who wakes what it returns: when maintenance mode ends. At
// most limit executions are active afterwards.
func Dequeue(tx store.Tx, limit int) ([]model.ExecutionID, error) {
	return New(Options{MaxConcurrent: limit}).dequeue(tx)
}

// countActive counts the active executions of the installation, without system workflows of the installation itself, and
// says which deployments have one. It reads the active ones only: however many are queued, these are few.
func countActive(tx store.Reader) (active int, busy map[string]bool, err error) {
	q := store.Query{Scope: store.Scope{Admin: true}, Limit: -1}
	var statuses []string
	for _, s := range model.ExecutionStatuses {
		if s.Active() {
			statuses = append(statuses, string(s))
		}
	}
	q.Where = []store.Condition{{Field: "status", Values: statuses}}
	page, err := tx.Executions(q)
	busy = map[string]bool{}
	for _, x := range page.Items {
		busy[string(x.Tenant)+"/"+string(x.Deployment)] = true
		if !x.IsSystem {
			active++
		}
	}
	return active, busy, err
}
