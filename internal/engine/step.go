package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/reifyhq/reify/internal/fault"
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
		if err := r.update(ctx, func(tx store.Tx) error { return r.record(tx, eff) }); err != nil {
			return nil, fmt.Errorf("record %d transitions of execution %s: %w", len(eff.Tasks), r.id, err)
		}
	}
	for _, d := range batch {
		if d.done != nil {
			d.done <- nil
		}
	}
	if eff.End != nil {
		r.endGraph()
		return eff.End, nil
	}
	r.setTimer(eff.Wake)
	return nil, r.send(ctx, eff.Send)
}

// confirm checks that the execution still belongs to this runner. Inputs that change nothing are answered without a
// commit, but only the owner knows that they change nothing.
func (r *runner) confirm(ctx context.Context) error {
	return r.e.Store.View(ctx, func(tx store.Reader) error {
		x, err := tx.Execution(r.id)
		switch {
		case fault.Is(err, fault.NotFound), err == nil && x.Lease.Epoch != r.epoch:
			return store.ErrFenced
		case err != nil:
			return fmt.Errorf("check the lease of execution %s: %w", r.id, err)
		}
		return nil
	})
}

// endGraph drops what belongs to the graph that has ended.
func (r *runner) endGraph() {
	r.timer.stop()
	r.overdue.stop()
	r.graph, r.awaited = nil, nil
}

// advance runs a batch of inputs through the reducer and joins the effects.
func (r *runner) advance(batch []delivery) workflow.Effects {
	now := r.e.Clock.Now()
	if len(batch) == 1 {
		return r.graph.Advance(now, batch[0].input)
	}
	var all workflow.Effects
	seen := map[model.TaskID]bool{}
	for _, d := range batch {
		eff := r.graph.Advance(now, d.input)
		for _, t := range eff.Tasks {
			if !seen[t.ID] {
				seen[t.ID] = true
				all.Tasks = append(all.Tasks, t)
			}
		}
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

// record writes effects; it may run more than once for one step.
func (r *runner) record(tx store.Tx, eff workflow.Effects) error {
	if err := tx.PutTasks(eff.Tasks); err != nil {
		return err
	}
	counted := map[model.InstanceID]bool{}
	for _, s := range eff.States {
		if err := r.setState(tx, s); err != nil {
			return err
		}
		counted[s.Instance] = true
	}
	for _, p := range eff.Patches {
		if err := r.patchInstance(tx, p, !counted[p.Instance]); err != nil {
			return err
		}
	}
	if err := tx.InsertEvents(r.events(eff)); err != nil {
		return err
	}
	if eff.Total == 0 && eff.Finished == 0 {
		return nil
	}
	x, err := tx.Execution(r.id)
	if err != nil {
		return err
	}
	x.TotalOperations += eff.Total
	x.FinishedOperations += eff.Finished
	return tx.UpdateExecution(x)
}

// setState changes the state of an instance. An instance that is gone (removed by hand or by an update) is skipped.
func (r *runner) setState(tx store.Tx, s model.SetState) error {
	i, err := tx.Instance(r.exec.Tenant, s.Instance)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("set the state of node instance %s to %s: %w", s.Instance, s.State, err)
	}
	if i.State == s.State {
		return nil
	}
	i.State = s.State
	i.Version++
	return tx.UpdateInstance(i)
}

// patchInstance writes system properties of an instance. Together with a change of state that is one change of the
// instance, so that its version grows once (recordings of the REST API, s08).
func (r *runner) patchInstance(tx store.Tx, p workflow.InstancePatch, isCounted bool) error {
	i, err := tx.Instance(r.exec.Tenant, p.Instance)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("write system properties of node instance %s: %w", p.Instance, err)
	}
	if i.SystemProperties == nil {
		i.SystemProperties = model.Document{}
	}
	for k, v := range p.Set {
		if v == nil {
			delete(i.SystemProperties, k)
			continue
		}
		i.SystemProperties[k] = v
	}
	if isCounted {
		i.Version++
	}
	return tx.UpdateInstance(i)
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
