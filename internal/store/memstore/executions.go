package memstore

import (
	"math"
	"slices"
	"time"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

func atExecution(x *model.Execution) (model.TenantName, model.DeploymentID) {
	return x.Tenant, x.Deployment
}

var executions = &noun[model.Execution]{
	name: "executions", resource: scope(ofExecution), byCreation: true,
	fields: resourceFields(ofExecution, map[string]field[model.Execution]{
		"id":                      text(func(x *model.Execution) string { return string(x.ID) }),
		"workflow_id":             text(func(x *model.Execution) string { return x.Workflow }),
		"status":                  text(func(x *model.Execution) string { return string(x.Status) }),
		"status_display":          text(func(x *model.Execution) string { return x.Status.Display() }),
		"deployment_id":           text(func(x *model.Execution) string { return string(x.Deployment) }),
		"deployment_display_name": ofParent(atExecution, displayName),
		"blueprint_id":            text(func(x *model.Execution) string { return string(x.Blueprint) }),
		"is_system_workflow":      flag(func(x *model.Execution) bool { return x.IsSystem }),
		"is_dry_run":              flag(func(x *model.Execution) bool { return x.IsDryRun }),
		"resume":                  flag(func(x *model.Execution) bool { return x.Resume }),
		"allow_custom_parameters": flag(func(x *model.Execution) bool { return x.AllowCustomParameters }),
		"started_at":              instant(func(x *model.Execution) time.Time { return x.StartedAt }),
		"ended_at":                instant(func(x *model.Execution) time.Time { return x.EndedAt }),
		"scheduled_for":           instant(func(x *model.Execution) time.Time { return x.ScheduledAt }),
		"error":                   text(func(x *model.Execution) string { return x.Error }),
		"total_operations":        number(func(x *model.Execution) int { return x.TotalOperations }),
		"finished_operations":     number(func(x *model.Execution) int { return x.FinishedOperations }),
		"execution_group_id":      found("", func(_ *state, x *model.Execution) any { return orNil(string(x.Group)) }),
	}),
}

func noExecution(id model.ExecutionID) error { return fault.Missing("Execution", string(id)) }

func (r reader) Execution(id model.ExecutionID) (*model.Execution, error) {
	return one(&r.s.executions, string(id), noExecution(id))
}

func (r reader) Executions(q store.Query) (store.Page[*model.Execution], error) {
	return list(r.s, executions, &r.s.executions, q)
}

func (r reader) ExecutionByToken(hash string) (*model.Execution, error) {
	rows := r.s.executions.where(func(x *model.Execution) bool { return hash != "" && x.TokenHash == hash })
	if len(rows) == 0 {
		return nil, fault.Missing("Execution", "of the token")
	}
	return clone(rows[0].v)
}

// oldest returns the executions that satisfy keep, oldest first.
func (r reader) oldest(limit int, keep func(*model.Execution) bool) []row[model.Execution] {
	rows := r.s.executions.where(keep)
	slices.SortStableFunc(rows, func(a, b row[model.Execution]) int { return a.v.CreatedAt.Compare(b.v.CreatedAt) })
	return rows[:min(limit, len(rows))]
}

func (r reader) Claimable(now time.Time, limit int) ([]model.ExecutionID, error) {
	ids := []model.ExecutionID{}
	for _, x := range r.oldest(limit, func(x *model.Execution) bool {
		return x.Status.Active() && (x.Lease.Owner == "" || x.Lease.Until.Before(now))
	}) {
		ids = append(ids, x.v.ID)
	}
	return ids, nil
}

func (r reader) QueuedExecutions(limit int) ([]*model.Execution, error) {
	active, taken := map[model.ExecutionGroupID]int{}, map[model.ExecutionGroupID]int{}
	for _, x := range r.s.executions.where(func(x *model.Execution) bool { return x.Status.Active() }) {
		active[x.v.Group]++
	}
	var out []row[model.Execution]
	for _, x := range r.oldest(math.MaxInt, func(x *model.Execution) bool { return x.Status == model.ExecutionQueued }) {
		g := x.v.Group
		if group, ok := r.s.executionGroups.get(string(g)); g != "" && (!ok || active[g] >= group.v.Concurrency) || taken[g] == limit {
			continue
		}
		taken[g]++
		out = append(out, x)
	}
	return give(out)
}

func (t *tx) InsertExecution(x *model.Execution) error {
	if x.Deployment != "" {
		if _, ok := t.s.deployments.get(key(x.Tenant, x.Deployment)); !ok {
			return fault.Missing("Deployment", string(x.Deployment))
		}
	}
	return insert(t.s, &t.s.executions, string(x.ID), x, inUse("Execution", string(x.ID), x.Tenant))
}

func (t *tx) UpdateExecution(x *model.Execution) error {
	old, ok := t.s.executions.get(string(x.ID))
	if !ok {
		return noExecution(x.ID)
	}
	changed := *x
	changed.Lease = old.v.Lease
	return replace(&t.s.executions, string(x.ID), &changed, nil)
}

// lease changes the lease of an execution that exists.
func (t *tx) lease(old row[model.Execution], l model.Lease) {
	changed := *old.v
	changed.Lease = l
	changed.Lease.Until = l.Until.Truncate(time.Microsecond)
	t.s.executions.set(string(changed.ID), row[model.Execution]{old.seq, &changed})
}

func (t *tx) Claim(id model.ExecutionID, owner string, now, until time.Time) (epoch int64, ok bool, err error) {
	x, exists := t.s.executions.get(string(id))
	if !exists {
		return 0, false, noExecution(id)
	}
	l := x.v.Lease
	if l.Owner != "" && l.Owner != owner && !l.Until.Before(now) {
		return 0, false, nil
	}
	t.lease(x, model.Lease{Owner: owner, Epoch: l.Epoch + 1, Until: until})
	return l.Epoch + 1, true, nil
}

func (t *tx) RenewLeases(owner string, until time.Time) error {
	held := t.s.executions.where(func(x *model.Execution) bool { return owner != "" && x.Lease.Owner == owner })
	for _, x := range held {
		t.lease(x, model.Lease{Owner: owner, Epoch: x.v.Lease.Epoch, Until: until})
	}
	return nil
}

func (t *tx) ReleaseLease(id model.ExecutionID, epoch int64) error {
	if x, ok := t.s.executions.get(string(id)); ok && x.v.Lease.Epoch == epoch {
		t.lease(x, model.Lease{Epoch: epoch})
	}
	return nil
}

func (t *tx) CountOperations(id model.ExecutionID, total, finished int) error {
	x, err := t.Execution(id)
	if err != nil {
		return err
	}
	x.TotalOperations += total
	x.FinishedOperations += finished
	return t.UpdateExecution(x)
}

func (r reader) Fence(id model.ExecutionID, epoch int64) error {
	if x, ok := r.s.executions.get(string(id)); !ok || x.v.Lease.Epoch != epoch {
		return store.ErrFenced
	}
	return nil
}

func (t *tx) DeleteExecution(id model.ExecutionID) error {
	if _, ok := t.s.executions.get(string(id)); !ok {
		return noExecution(id)
	}
	t.removeExecution(id)
	return nil
}

func (t *tx) removeExecution(id model.ExecutionID) {
	t.s.executions.remove(string(id))
	t.s.graphs.removeWhere(func(g *model.Graph) bool { return g.Execution == id })
	t.s.tasks.removeWhere(func(k *model.Task) bool { return k.Execution == id })
	t.removeEvents(func(e *model.Event) bool { return e.Execution == id })
}

var tasks = &noun[model.Task]{
	name: "operations",
	resource: func(s *state, k *model.Task) *model.Resource {
		x, _ := s.executions.get(string(k.Execution))
		return &x.v.Resource
	},
	fields: map[string]field[model.Task]{
		"id":             text(func(k *model.Task) string { return string(k.ID) }),
		"graph_id":       text(func(k *model.Task) string { return string(k.Graph) }),
		"tasks_graph_id": text(func(k *model.Task) string { return string(k.Graph) }),
		"execution_id":   text(func(k *model.Task) string { return string(k.Execution) }),
		"name":           text(func(k *model.Task) string { return k.Name }),
		"state":          text(func(k *model.Task) string { return string(k.State) }),
		"type":           text(func(k *model.Task) string { return string(k.Type) }),
		"agent_name":     text(func(k *model.Task) string { return k.AgentName }),
		"manager_name":   text(func(k *model.Task) string { return k.ManagerName }),
		"created_at":     instant(func(k *model.Task) time.Time { return k.CreatedAt }),
	},
}

func noGraph(id model.GraphID) error { return fault.Missing("TasksGraph", string(id)) }

func (r reader) Graph(id model.GraphID) (*model.Graph, error) {
	return one(&r.s.graphs, string(id), noGraph(id))
}

func (r reader) Graphs(x model.ExecutionID) ([]*model.Graph, error) {
	return give(r.s.graphs.where(func(g *model.Graph) bool { return g.Execution == x }))
}

func (r reader) Task(id model.TaskID) (*model.Task, error) {
	return one(&r.s.tasks, string(id), fault.Missing("Operation", string(id)))
}

func (r reader) GraphTasks(g model.GraphID) ([]*model.Task, error) {
	return give(r.s.tasks.where(func(k *model.Task) bool { return k.Graph == g }))
}

func (r reader) Tasks(q store.Query) (store.Page[*model.Task], error) {
	return list(r.s, tasks, &r.s.tasks, q)
}

func (t *tx) InsertGraph(g *model.Graph) error {
	if _, ok := t.s.executions.get(string(g.Execution)); !ok {
		return noExecution(g.Execution)
	}
	taken := fault.New(fault.Conflict, "a tasks graph with the id `%s` exists already", g.ID)
	return insert(t.s, &t.s.graphs, string(g.ID), g, taken)
}

func (t *tx) InsertTasks(list []*model.Task) error {
	for _, k := range list {
		if err := t.insertTask(k); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) insertTask(k *model.Task) error {
	g, ok := t.s.graphs.get(string(k.Graph))
	if !ok {
		return noGraph(k.Graph)
	}
	added := *k
	added.Execution = g.v.Execution
	taken := fault.New(fault.Conflict, "an operation with the id `%s` exists already", k.ID)
	return insert(t.s, &t.s.tasks, string(k.ID), &added, taken)
}

func (t *tx) PutTasks(list []*model.Task) error {
	for _, k := range list {
		old, ok := t.s.tasks.get(string(k.ID))
		if !ok {
			if err := t.insertTask(k); err != nil {
				return err
			}
			continue
		}
		changed := *k
		changed.Graph, changed.Execution, changed.CreatedAt = old.v.Graph, old.v.Execution, old.v.CreatedAt
		if err := replace(&t.s.tasks, string(k.ID), &changed, nil); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) SetTaskStates(list []*model.Task) error {
	for _, k := range list {
		old, ok := t.s.tasks.get(string(k.ID))
		if !ok {
			return fault.Missing("Operation", string(k.ID))
		}
		changed := *old.v
		changed.State = k.State
		t.s.tasks.set(string(k.ID), row[model.Task]{old.seq, &changed})
	}
	return nil
}

// SharedTasks returns the tasks of a graph in the order of their insertion without copying them. They belong to the store
// and must not be changed: the simulation looks at them after every step.
func (s *Store) SharedTasks(g model.GraphID) []*model.Task {
	rows := s.root.Load().tasks.where(func(k *model.Task) bool { return k.Graph == g })
	out := make([]*model.Task, len(rows))
	for i, r := range rows {
		out[i] = r.v
	}
	return out
}

// SharedExecution returns an execution without copying it, nil when there is none; it must not be changed.
func (s *Store) SharedExecution(id model.ExecutionID) *model.Execution {
	x, _ := s.root.Load().executions.get(string(id))
	return x.v
}

// SharedExecutions returns all executions without copying them; they must not be changed.
func (s *Store) SharedExecutions() []*model.Execution {
	rows := s.root.Load().executions.where(func(*model.Execution) bool { return true })
	out := make([]*model.Execution, len(rows))
	for i, r := range rows {
		out[i] = r.v
	}
	return out
}

// SharedTask returns a task without copying it, nil when there is none; it must not be changed.
func (s *Store) SharedTask(id model.TaskID) *model.Task {
	k, _ := s.root.Load().tasks.get(string(id))
	return k.v
}
func (t *tx) DeleteTask(id model.TaskID) error {
	if _, ok := t.s.tasks.get(string(id)); !ok {
		return fault.Missing("Operation", string(id))
	}
	t.s.tasks.remove(string(id))
	return nil
}
