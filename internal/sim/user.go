package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/reifyhq/reify/internal/engine"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// user works on one deployment: starts a workflow when the one before has ended, and in worlds whose outcome need not
// be repeatable cancels at random moments and resumes.
type user struct {
	w          *world
	deployment model.DeploymentID
	// plan are the workflows still to be started, current the execution that was started last.
	plan    []string
	current model.ExecutionID
	count   int
	resumes int
	// isIdle is whether the last execution had ended at the number of commits that was seen.
	isIdle bool
	seen   int
	// isPlanned says that the user will act again.
	isPlanned bool
	// rng decides what a calm world decides too.
	rng *rand.Rand
}

var plans = [][]string{
	{"install", "uninstall"},
	{"install", "restart", "uninstall"},
	{"install", "execute_operation"},
	{"install"},
	{"execute_operation", "install", "uninstall", "install"},
	{"install", systemWork, "uninstall"},
	{"install", "uninstall", model.WorkflowDeleteEnvironment},
}

func newUser(w *world, d model.DeploymentID, plans [][]string) *user {
	u := &user{w: w, deployment: d, resumes: 3, seen: -1, rng: rand.New(rand.NewPCG(w.opt.Seed, hash(string(d), 0, 0)))}
	u.plan = slices.Clone(plans[u.rng.IntN(len(plans))])
	u.later()
	return u
}

func (u *user) isDone() bool {
	return !u.isPlanned && len(u.plan) == 0 && u.isFree()
}

// later plans the next start.
func (u *user) later() {
	u.isPlanned = true
	u.w.when(u.w.upTo(10*time.Second), "user of "+string(u.deployment)+" acts", u.isFree, u.act)
}

// isFree reports whether the last execution has ended.
func (u *user) isFree() bool {
	if u.seen != u.w.check.commits {
		u.seen = u.w.check.commits
		x := u.w.disk.SharedExecution(u.current)
		u.isIdle = x == nil || x.Status.Ended()
	}
	return u.isIdle
}

func (u *user) act() {
	w := u.w
	u.isPlanned = false
	if u.current != "" && !w.isTransient {
		x := w.execution(u.current)
		if x.Status != model.ExecutionTerminated && isResumable(x.Workflow) && u.resumes > 0 && w.chance(2, 3) {
			u.resumes--
			u.resume(x, w.chance(1, 3))
			u.maybeCancel()
			u.later()
			return
		}
	}
	if len(u.plan) == 0 {
		return
	}
	name := u.plan[0]
	u.plan = u.plan[1:]
	status := model.ExecutionPending
	if u.rng.IntN(3) == 0 {
		status = model.ExecutionQueued
	}
	u.count++
	x := &model.Execution{Resource: w.resource(), ID: model.ExecutionID(fmt.Sprintf("x%s%d", strings.TrimPrefix(string(u.deployment), "d"), u.count)),
		Workflow: name, Deployment: u.deployment, Blueprint: "bp", Status: status, Parameters: model.Document{}, TokenSerial: 1}
	u.current = x.ID
	w.update(func(tx store.Tx) error {
		if err := u.request(tx, x); err != nil {
			return err
		}
		busy, err := anyActive(tx, u.deployment)
		if err != nil {
			return err
		}
		if !busy {
			x.Status = model.ExecutionPending
		}
		return tx.InsertExecution(x)
	})
	w.note("user starts %s of %s as %s", x.Workflow, u.deployment, x.ID)
	w.notify(engine.TopicWake, string(x.ID))
	u.maybeCancel()
	u.later()
}

func anyActive(tx store.Reader, d model.DeploymentID) (bool, error) {
	p, err := tx.Executions(store.Query{Scope: store.Scope{Admin: true}, Limit: -1,
		Where: []store.Condition{{Field: "deployment_id", Values: []string{string(d)}}}})
	return slices.ContainsFunc(p.Items, func(x *model.Execution) bool { return x.Status.Active() }), err
}

// maybeCancel plans a cancel, and perhaps a stronger one after it.
func (u *user) maybeCancel() {
	w := u.w
	if w.isTransient || !w.chance(1, 2) {
		return
	}
	id := u.current
	first := []model.ExecutionStatus{model.ExecutionCancelling, model.ExecutionForceCancelling, model.ExecutionKillCancelling}[w.rng.IntN(3)]
	at := w.upTo(2 * time.Minute)
	w.after(at, "user cancels "+string(id), func() { u.cancel(id, first) })
	if w.chance(1, 3) {
		w.after(at+w.upTo(5*time.Second), "user kills "+string(id), func() { u.cancel(id, model.ExecutionKillCancelling) })
	}
}

// cancel writes what the service writes.
func (u *user) cancel(id model.ExecutionID, to model.ExecutionStatus) {
	w := u.w
	w.update(func(tx store.Tx) error {
		x, err := tx.Execution(id)
		if fault.Is(err, fault.NotFound) {
			// It has deleted its deployment and itself.
			return nil
		}
		if err != nil || x.Status.Ended() || x.Status.Cancelling() && to != model.ExecutionKillCancelling {
			return err
		}
		if x.Status.Waiting() {
			to = model.ExecutionCancelled
			x.EndedAt = w.now
		}
		x.Status, x.Error = to, ""
		if to == model.ExecutionKillCancelling {
			x.TokenSerial++
		}
		w.note("%s becomes %s", id, to)
		return tx.UpdateExecution(x)
	})
	w.notify(engine.TopicWake, string(id))
}

// resume writes what the service writes: failed operations, with force those under way too, begin anew.
func (u *user) resume(x *model.Execution, force bool) {
	w := u.w
	w.note("user resumes %s, force %v", x.ID, force)
	w.update(func(tx store.Tx) error {
		tasks := w.tasks(x.Progress.Graph)
		repeated := map[model.TaskID]bool{}
		for _, t := range tasks {
			if t.Parameters.RetriedTask != nil {
				repeated[*t.Parameters.RetriedTask] = true
			}
		}
		for _, t := range tasks {
			failed := t.State == model.TaskFailed || t.State == model.TaskRescheduled
			underWay := t.State == model.TaskStarted || t.State == model.TaskSent || t.State == model.TaskSending
			if repeated[t.ID] || !failed && (!force || !underWay) {
				continue
			}
			t.State, t.Parameters.CurrentRetries, t.Parameters.Error = model.TaskPending, 0, nil
			if err := tx.PutTasks([]*model.Task{t}); err != nil {
				return err
			}
		}
		x.Status, x.Resume, x.Error, x.EndedAt = model.ExecutionPending, true, "", time.Time{}
		x.TokenSerial++
		return tx.UpdateExecution(x)
	})
	w.check.resumed[x.ID] = true
	w.notify(engine.TopicWake, string(x.ID))
}

// update writes as somebody beside the engine.
func (w *world) update(fn func(store.Tx) error) {
	w.check.commits++
	if err := w.disk.Update(w.ctx, fn); err != nil {
		w.broke("the simulation itself cannot write: %v", err)
	}
}

func (w *world) view(fn func(store.Reader) error) {
	if err := w.disk.View(w.ctx, fn); err != nil {
		w.broke("the simulation itself cannot read: %v", err)
	}
}

// execution returns an execution as it is stored; one that went with its deployment has ended well.
func (w *world) execution(id model.ExecutionID) (x *model.Execution) {
	w.view(func(tx store.Reader) (err error) {
		x, err = tx.Execution(id)
		if fault.Is(err, fault.NotFound) {
			x, err = &model.Execution{ID: id, Status: model.ExecutionTerminated}, nil
		}
		return err
	})
	return x
}

func (w *world) executions() (list []*model.Execution) {
	w.view(func(tx store.Reader) error {
		p, err := tx.Executions(store.Query{Scope: store.Scope{Admin: true}, Limit: -1})
		list = p.Items
		return err
	})
	return list
}

func (w *world) tasks(g model.GraphID) (list []*model.Task) {
	w.view(func(tx store.Reader) (err error) {
		list, err = tx.GraphTasks(g)
		return err
	})
	return list
}
