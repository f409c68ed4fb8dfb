package engine

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
	"github.com/reifyhq/reify/internal/workflow"
)

// step advances the graph by a batch of inputs, commits what follows in one transaction, answers the deliveries and
// sends what is to be sent. It returns the end of the graph, nil while it goes on. After an error the runner's memory is
// ahead of the store and must be dropped.
func (r *runner) step(ctx context.Context, batch []delivery) (*workflow.End, error) {
	eff := r.advance(batch)
	if empty(eff) {
		if err := r.confirm(ctx); err != nil {
			return nil, err
		}
	} else {
		w := r.writing(eff)
		if err := r.update(ctx, func(tx store.Tx) error { return r.record(tx, w) }); err != nil {
			return nil, fmt.Errorf("record %d transitions of execution %s: %w", len(eff.Tasks), r.id, err)
		}
	}
	for _, d := range batch {
		if d.done != nil {
			d.done <- nil
		}
	}
	if eff.End != nil {
		r.noteKilled(eff)
		r.endGraph()
		return eff.End, nil
	}
	r.setTimer(eff.Wake)
	return nil, r.send(ctx, eff.Send)
}

// confirm checks that the execution still belongs to this runner. Inputs that change nothing are answered without a
// commit, but only the owner knows that they change nothing.
func (r *runner) confirm(ctx context.Context) error {
	return r.e.Store.View(ctx, func(tx store.Reader) error { return tx.Fence(r.id, r.epoch) })
}

// endGraph drops what belongs to the graph that has ended.
func (r *runner) endGraph() {
	r.timer.stop()
	r.overdue.stop()
	r.forgetPings()
	r.graph, r.awaited, r.deployment, r.hosts = nil, nil, nil, nil
}

// advance runs a batch of inputs through the reducer and joins the effects.
func (r *runner) advance(batch []delivery) workflow.Effects {
	now := r.e.Clock.Now()
	if len(batch) == 1 {
		return r.graph.Advance(now, batch[0].input)
	}
	var all workflow.Effects
	changed, written := map[model.TaskID]bool{}, map[model.TaskID]bool{}
	for _, d := range batch {
		eff := r.graph.Advance(now, d.input)
		all.Tasks = addNew(all.Tasks, eff.Tasks, changed)
		all.Written = addNew(all.Written, eff.Written, written)
		all.Send = append(all.Send, eff.Send...)
		all.States = append(all.States, eff.States...)
		all.Patches = append(all.Patches, eff.Patches...)
		all.Events = append(all.Events, eff.Events...)
		all.Logs = append(all.Logs, eff.Logs...)
		all.Total += eff.Total
		all.Finished += eff.Finished
		all.Wake = eff.Wake
		if eff.End != nil && all.End == nil {
			all.End = eff.End
		}
	}
	return all
}

// addNew appends the tasks that were not seen before.
func addNew(list, tasks []*model.Task, seen map[model.TaskID]bool) []*model.Task {
	for _, t := range tasks {
		if !seen[t.ID] {
			seen[t.ID] = true
			list = append(list, t)
		}
	}
	return list
}

func empty(e workflow.Effects) bool {
	return len(e.Tasks) == 0 && len(e.States) == 0 && len(e.Patches) == 0 && len(e.Events) == 0 && len(e.Logs) == 0 &&
		e.Total == 0 && e.Finished == 0
}

func (r *runner) setTimer(at time.Time) {
	r.timer.stop()
	if !at.IsZero() {
		r.timer.t = r.e.Clock.NewTimer(at.Sub(r.e.Clock.Now()))
	}
}

// writing is what a step writes, made ready before the transaction that nobody else can write beside.
type writing struct {
	// states are the tasks of which only the state changed, whole those that are new or changed otherwise.
	states, whole   []*model.Task
	instances       []store.InstanceChange
	events          []*model.Event
	total, finished int
}

func (r *runner) writing(eff workflow.Effects) *writing {
	w := &writing{whole: eff.Written, instances: instanceChanges(eff), events: r.events(eff), total: eff.Total, finished: eff.Finished}
	if len(eff.Written) == 0 {
		w.states = eff.Tasks
		return w
	}
	whole := make(map[model.TaskID]bool, len(eff.Written))
	for _, t := range eff.Written {
		whole[t.ID] = true
	}
	w.states = addNew(nil, eff.Tasks, whole)
	return w
}

// instanceChanges joins what a step does to each instance: only its end can be seen, and how many states led there. System
// properties are written together with a change of state where there is one (recordings of the REST API, s08).
func instanceChanges(eff workflow.Effects) []store.InstanceChange {
	if len(eff.States) == 0 && len(eff.Patches) == 0 {
		return nil
	}
	at := make(map[model.InstanceID]int, len(eff.States))
	var out []store.InstanceChange
	of := func(id model.InstanceID) *store.InstanceChange {
		i, ok := at[id]
		if !ok {
			i = len(out)
			at[id] = i
			out = append(out, store.InstanceChange{Instance: id})
		}
		return &out[i]
	}
	for _, s := range eff.States {
		if c := of(s.Instance); c.State != s.State {
			c.State = s.State
			c.Steps++
		}
	}
	for _, p := range eff.Patches {
		c := of(p.Instance)
		if c.System == nil {
			c.System = make(model.Document, len(p.Set))
		}
		maps.Copy(c.System, p.Set)
	}
	return out
}

// record writes what was made ready; it may run more than once for one step.
func (r *runner) record(tx store.Tx, w *writing) error {
	if err := tx.PutTasks(w.whole); err != nil {
		return err
	}
	if err := tx.SetTaskStates(w.states); err != nil {
		return err
	}
	if err := tx.ChangeInstances(r.exec.Tenant, w.instances); err != nil {
		return err
	}
	if err := tx.InsertEvents(w.events); err != nil {
		return err
	}
	if w.total == 0 && w.finished == 0 {
		return nil
	}
	return tx.CountOperations(r.id, w.total, w.finished)
}

// events completes the graph's events and logs with what the execution knows.
func (r *runner) events(eff workflow.Effects) []*model.Event {
	now := r.e.Clock.Now()
	out := make([]*model.Event, 0, len(eff.Events)+len(eff.Logs))
	for _, ev := range eff.Events {
		out = append(out, &model.Event{
			Tenant: r.exec.Tenant, CreatedBy: r.exec.CreatedBy, Visibility: r.exec.Visibility,
			Kind: model.KindEvent, Execution: r.id, Timestamp: now, Reported: now,
			Message: ev.Message, EventType: ev.Type, Operation: ev.Operation, Instance: ev.Instance,
			ErrorCauses: ev.Causes, ManagerName: r.e.Owner,
		})
	}
	for _, l := range eff.Logs {
		out = append(out, r.logLine(now, l))
	}
	return out
}

func (r *runner) logLine(now time.Time, l workflow.LogLine) *model.Event {
	return &model.Event{
		Tenant: r.exec.Tenant, CreatedBy: r.exec.CreatedBy, Visibility: r.exec.Visibility,
		Kind: model.KindLog, Execution: r.id, Timestamp: now, Reported: now,
		Message: l.Message, Level: l.Level, Logger: "ctx." + string(r.id), ManagerName: r.e.Owner,
	}
}
