package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/store"
	"github.com/reifyhq/reify/internal/store/memstore"
)

// recorder notes what an update writes.
type recorder struct {
	store.Tx
	// disk is the state before the update.
	disk   *memstore.Store
	plant  string
	claims []model.ExecutionID
	epochs []int64
	tasks  []*model.Task
	states []stateChange
	wrote  []model.ExecutionID
	ticks  bool
	broken []string
}

type stateChange struct {
	instance model.InstanceID
	from, to model.InstanceState
}

func (r *recorder) Fence(id model.ExecutionID, epoch int64) error {
	if r.plant == PlantNoFence {
		return nil
	}
	return r.Tx.Fence(id, epoch)
}

func (r *recorder) Claim(id model.ExecutionID, owner string, now, until time.Time) (int64, bool, error) {
	epoch, ok, err := r.Tx.Claim(id, owner, now, until)
	if ok {
		r.claims, r.epochs = append(r.claims, id), append(r.epochs, epoch)
	}
	return epoch, ok, err
}

func (r *recorder) RenewLeases(owner string, until time.Time) error {
	r.ticks = true
	return r.Tx.RenewLeases(owner, until)
}

func (r *recorder) note(tasks []*model.Task) {
	for _, t := range tasks {
		copied := *t
		r.tasks = append(r.tasks, &copied)
	}
}

func (r *recorder) InsertGraph(g *model.Graph) error {
	r.wrote = append(r.wrote, g.Execution)
	return r.Tx.InsertGraph(g)
}

func (r *recorder) PutTasks(tasks []*model.Task) error {
	for _, t := range tasks {
		r.wrote = append(r.wrote, t.Execution)
		if old, err := r.Task(t.ID); err == nil && old.State.Ended() && old.State != t.State {
			r.broken = append(r.broken, fmt.Sprintf("task %s ended as %s and becomes %s", t.ID, old.State, t.State))
		}
	}
	r.note(tasks)
	return r.Tx.PutTasks(tasks)
}

func (r *recorder) SetTaskStates(tasks []*model.Task) error {
	for _, t := range tasks {
		r.wrote = append(r.wrote, t.Execution)
		if old := r.disk.SharedTask(t.ID); old != nil && old.State.Ended() && old.State != t.State {
			r.broken = append(r.broken, fmt.Sprintf("task %s ended as %s and becomes %s", t.ID, old.State, t.State))
		}
	}
	r.note(tasks)
	return r.Tx.SetTaskStates(tasks)
}

func (r *recorder) ChangeInstances(t model.TenantName, changes []store.InstanceChange) error {
	for _, c := range changes {
		old, err := r.Instance(t, c.Instance)
		if err == nil && c.State != "" && old.State != c.State {
			r.states = append(r.states, stateChange{c.Instance, old.State, c.State})
		}
	}
	return r.Tx.ChangeInstances(t, changes)
}

func (r *recorder) InsertTasks(tasks []*model.Task) error {
	r.note(tasks)
	return r.Tx.InsertTasks(tasks)
}

func (r *recorder) UpdateInstance(i *model.NodeInstance) error {
	old, err := r.Instance(i.Tenant, i.ID)
	if err != nil {
		return err
	}
	if old.State != i.State {
		r.states = append(r.states, stateChange{i.ID, old.State, i.State})
	}
	return r.Tx.UpdateInstance(i)
}

// checker watches the rules. What commits call runs in the goroutine of an answered call, one at a time.
type checker struct {
	w *world
	// commits counts what was written.
	commits int
	// owner is the process that claimed an execution last.
	owner map[model.ExecutionID]string
	// epochs are the epochs that were given out, with their owners.
	epochs  map[string]string
	resumed map[model.ExecutionID]bool
	// sentBy is the process that sent a message first.
	sentBy map[string]string
	// running are the attempts that run now at any agent.
	running map[string]bool
	// explained is the last quiet time at which the reasons for waiting were looked at.
	explained time.Time
}

func newChecker(w *world) *checker {
	return &checker{w: w, owner: map[model.ExecutionID]string{}, epochs: map[string]string{}, resumed: map[model.ExecutionID]bool{},
		sentBy: map[string]string{}, running: map[string]bool{}}
}

// commit checks an update of a process that was committed.
func (c *checker) commit(p *process, r *recorder) {
	w := c.w
	c.commits++
	if !r.ticks || len(r.claims) > 0 {
		w.moved = w.now
	}
	for _, text := range r.broken {
		w.broke("%s: %s", p.name, text)
	}
	for i, id := range r.claims {
		epoch := fmt.Sprintf("%s/%d", id, r.epochs[i])
		if before, twice := c.epochs[epoch]; twice {
			w.broke("epoch %s was given to %s and to %s", epoch, before, p.name)
		}
		c.epochs[epoch] = p.name
		c.owner[id] = p.name
	}
	for _, id := range r.wrote {
		if c.owner[id] != p.name {
			w.broke("%s wrote tasks of execution %s, which %s owns", p.name, id, c.owner[id])
		}
	}
	for _, s := range r.states {
		if w.isTransient && !isLegal(s.from, s.to) {
			w.broke("instance %s went from %s to %s", s.instance, s.from, s.to)
		}
	}
	sending := slices.DeleteFunc(r.tasks, func(t *model.Task) bool { return t.State != model.TaskSending })
	if len(sending) > 0 {
		c.mayStart(sending)
	}
}

// order is the way of an instance up, and from stopping on the way down.
var order = []model.InstanceState{model.InstanceInitializing, model.InstanceCreating, model.InstanceCreated, model.InstanceConfiguring,
	model.InstanceConfigured, model.InstanceStarting, model.InstanceStarted, model.InstanceStopping, model.InstanceStopped,
	model.InstanceDeleting, model.InstanceDeleted, model.InstanceUninitialized}

// isLegal says which states may follow each other: forward always, up again from where an instance is down, and anything
// from where nothing is left of it: an uninstall says stopped and deleted of what was never there too.
func isLegal(from, to model.InstanceState) bool {
	i, k := slices.Index(order, from), slices.Index(order, to)
	down := slices.Index(order, model.InstanceStopping)
	return k > i || i > down && k < down || from.Dead()
}

// mayStart checks that everything that tasks of one graph depend on has ended.
func (c *checker) mayStart(sending []*model.Task) {
	all := map[model.TaskID]*model.Task{}
	repeats := map[model.TaskID]*model.Task{}
	for _, o := range c.w.disk.SharedTasks(sending[0].Graph) {
		all[o.ID] = o
		if o.Parameters.RetriedTask != nil {
			repeats[*o.Parameters.RetriedTask] = o
		}
	}
	for _, t := range sending {
		for _, id := range t.Dependencies {
			d := all[id]
			for d != nil && repeats[d.ID] != nil {
				d = repeats[d.ID]
			}
			inside := t.Parameters.ContainingSubgraph != nil && *t.Parameters.ContainingSubgraph == id
			if d == nil || inside || d.State.Ended() || c.enclosingEnded(all, d) {
				continue
			}
			c.w.broke("task %s %s is sent before %s %s has ended, which is %s", t.ID, t.Name, d.ID, d.Name, d.State)
		}
	}
}

func (c *checker) enclosingEnded(all map[model.TaskID]*model.Task, t *model.Task) bool {
	for t != nil && t.Parameters.ContainingSubgraph != nil {
		t = all[*t.Parameters.ContainingSubgraph]
		if t != nil && t.State.Ended() {
			return true
		}
	}
	return false
}

// begins checks the begin of an attempt at an agent: of an execution that goes on, and not beside itself.
func (c *checker) begins(attempt string, x *model.Execution, m *operation.Message) {
	if x.Status.Ended() {
		c.w.broke("operation %s begins after execution %s has ended as %s", m.Context.TaskID, x.ID, x.Status)
	}
	if c.running[attempt] {
		c.w.broke("attempt %s runs beside itself", attempt)
	}
	c.running[attempt] = true
}

func (c *checker) ends(attempt string) { delete(c.running, attempt) }

// acknowledged checks that what a report says is recorded before the broker forgets it.
func (c *checker) acknowledged(l *letter) {
	r, err := operation.DecodeReport(l.data)
	if err != nil || r.Kind != operation.ReportFinished {
		return
	}
	x := c.w.disk.SharedExecution(r.Execution)
	_, _, serial, err := operation.ParseDispatchID(r.Attempt)
	if err != nil || x == nil || x.Status.Ended() || serial != x.TokenSerial {
		return
	}
	c.w.view(func(tx store.Reader) error {
		t, err := tx.Task(r.Task)
		if err == nil && !t.State.Ended() && t.Graph == x.Progress.Graph {
			c.w.broke("the report of %s was acknowledged and not recorded: the task is %s", r.Attempt, t.State)
		}
		return err
	})
}

// atEnd checks what must hold when nobody wants anything any more. It reports whether all executions have ended.
func (c *checker) atEnd() bool {
	all := c.w.disk.SharedExecutions()
	for _, x := range all {
		if !x.Status.Ended() {
			return false
		}
	}
	for _, x := range all {
		c.counted(x)
		c.worked(x)
	}
	return true
}

// counted checks the counters of an execution against its tasks.
func (c *checker) counted(x *model.Execution) {
	if c.resumed[x.ID] {
		return
	}
	total, finished := 0, 0
	c.w.view(func(tx store.Reader) error {
		graphs, err := tx.Graphs(x.ID)
		for _, g := range graphs {
			tasks, err := tx.GraphTasks(g.ID)
			if err != nil {
				return err
			}
			for _, t := range tasks {
				if t.Type == model.TaskNop {
					continue
				}
				total++
				if t.State.Ended() {
					finished++
				}
			}
		}
		return err
	})
	if total != x.TotalOperations || finished != x.FinishedOperations {
		c.w.broke("execution %s counts %d of %d operations, it has %d of %d", x.ID, x.FinishedOperations, x.TotalOperations, finished, total)
	}
	if c.w.isTransient && x.Status != model.ExecutionTerminated {
		c.w.broke("execution %s ended as %s although all faults were transient: %s", x.ID, x.Status, x.Error)
	}
}

// outcome is what must not depend on faults: executions, instances and operations.
func (w *world) outcome() string {
	var out []string
	for _, x := range w.executions() {
		out = append(out, fmt.Sprintf("%s %s %s %d/%d", x.ID, x.Workflow, x.Status, x.FinishedOperations, x.TotalOperations))
	}
	w.view(func(tx store.Reader) error {
		p, err := tx.Instances(store.Query{Scope: store.Scope{Admin: true}, Limit: -1})
		for _, i := range p.Items {
			out = append(out, fmt.Sprintf("%s %s", w.settledID(i.ID), i.State))
		}
		if err != nil {
			return err
		}
		tasks, err := tx.Tasks(store.Query{Scope: store.Scope{Admin: true}, Limit: -1})
		var lines []string
		for _, t := range tasks.Items {
			if op := t.Parameters.Operation; op != nil {
				lines = append(lines, fmt.Sprintf("%s %s %s%s #%d %s", t.Execution, op.Name, w.settledID(op.Instance),
					" "+string(w.settledID(op.Related)), t.Parameters.CurrentRetries, t.State))
			}
		}
		slices.Sort(lines)
		out = append(out, lines...)
		return err
	})
	slices.Sort(out)
	return strings.Join(out, "\n")
}
