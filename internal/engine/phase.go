package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
	"github.com/reifyhq/reify/internal/workflow"
)

func (r *runner) runOptions() workflow.RunOptions {
	return workflow.RunOptions{
		Settings: r.settings(), DryRun: r.exec.IsDryRun, NewTaskID: r.e.NewTaskID, Resume: r.exec.Resume,
	}
}

func (r *runner) settings() workflow.Settings {
	s := r.e.Settings
	if r.exec.WaitAfterFail > 0 {
		s.WaitAfterFail = seconds(float64(r.exec.WaitAfterFail))
	}
	return s
}

// snapshot reads the deployment's model as it is now.
func (r *runner) snapshot(ctx context.Context) (*workflow.Snapshot, error) {
	snap := &workflow.Snapshot{Deployment: r.exec.Deployment}
	err := r.e.Store.View(ctx, func(tx store.Reader) error {
		d, err := tx.Deployment(r.exec.Tenant, r.exec.Deployment)
		if err != nil {
			return err
		}
		snap.ScalingGroups = d.ScalingGroups
		if snap.Nodes, err = tx.DeploymentNodes(r.exec.Tenant, r.exec.Deployment); err != nil {
			return err
		}
		if snap.Instances, err = tx.DeploymentInstances(r.exec.Tenant, r.exec.Deployment); err != nil {
			return err
		}
		snap.Modifications, err = r.started(tx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the model of deployment %s: %w", r.exec.Deployment, err)
	}
	return snap, nil
}

func (r *runner) state(snap *workflow.Snapshot, end *workflow.End) *workflow.State {
	st := &workflow.State{
		Execution: r.id, Workflow: r.exec.Workflow, Parameters: r.exec.Parameters,
		DryRun: r.exec.IsDryRun, Resume: r.exec.Resume, Settings: r.settings(), Model: snap,
		Step: r.exec.Progress.Step, Cursor: r.exec.Progress.Cursor, Result: r.exec.Progress.Result, NewTaskID: r.e.NewTaskID,
		NewInstanceID: func(name string) model.InstanceID { return model.InstanceID(r.e.NewInstanceID(name)) },
	}
	if end != nil {
		st.Failure, st.Cancelled = end.Failure, end.Cancelled
	}
	return st
}

// beginGraph stores the graph of a phase together with its first transitions, and sends what they ask for. It returns
// the graph's end when there was nothing to wait for.
func (r *runner) beginGraph(ctx context.Context, p *workflow.Phase, snap *workflow.Snapshot) (*workflow.End, error) {
	now := r.e.Clock.Now()
	graph := &model.Graph{ID: r.e.NewGraphID(), Execution: r.id, Name: p.Graph.Name, CreatedAt: now,
		IsIncomplete: len(p.Graph.Tasks) > r.e.Slice}
	for _, t := range p.Graph.Tasks {
		t.Graph, t.Execution, t.CreatedAt = graph.ID, r.id, now
	}
	opt := r.runOptions()
	opt.Fresh = true
	run, err := workflow.NewRun(p.Graph.Tasks, snap, opt)
	if err != nil {
		text := fmt.Sprintf("build task graph %q: %v", p.Graph.Name, err)
		return &workflow.End{Failure: &workflow.Failure{Message: text}}, nil
	}
	r.graph = run
	run.Allow(r.e.Slice)
	eff := run.Advance(now, workflow.Begin{})
	r.more = eff.More
	eff.Logs = append(append([]workflow.LogLine{}, p.Logs...), eff.Logs...)
	w := r.writing(unwritten(eff, p.Graph.Tasks))
	progress := model.Progress{Step: r.exec.Progress.Step + 1, Graph: graph.ID, Cursor: p.Cursor}
	if graph.IsIncomplete {
		err = r.storeSlices(ctx, graph, p.Graph.Tasks)
	}
	if err != nil {
		return nil, fmt.Errorf("store graph %q of execution %s: %w", p.Graph.Name, r.id, err)
	}
	err = r.update(ctx, func(tx store.Tx) error {
		if err := insertGraph(tx, graph, p.Graph.Tasks); err != nil {
			return err
		}
		x, err := tx.Execution(r.id)
		if err != nil {
			return err
		}
		x.Progress = progress
		if err := tx.UpdateExecution(x); err != nil {
			return err
		}
		return r.record(tx, w)
	})
	if err != nil {
		return nil, fmt.Errorf("begin graph %q of execution %s: %w", p.Graph.Name, r.id, err)
	}
	r.exec.Progress = progress
	if eff.End != nil {
		r.endGraph()
		return eff.End, nil
	}
	r.know(snap)
	r.setTimer(eff.Wake)
	return nil, r.send(ctx, eff.Send)
}

// insertGraph stores a graph, or completes one whose tasks are stored.
func insertGraph(tx store.Tx, g *model.Graph, tasks []*model.Task) error {
	if g.IsIncomplete {
		return tx.CompleteGraph(g.ID)
	}
	if err := tx.InsertGraph(g); err != nil {
		return err
	}
	return tx.InsertTasks(tasks)
}

// storeSlices stores a large graph without its completion, with room for other writers after every slice. Until it is
// complete nothing refers to it: the next owner discards it and builds another.
func (r *runner) storeSlices(ctx context.Context, g *model.Graph, tasks []*model.Task) error {
	for first := 0; first < len(tasks); first += r.e.Slice {
		err := r.update(ctx, func(tx store.Tx) error {
			if first == 0 {
				if err := tx.InsertGraph(g); err != nil {
					return err
				}
			}
			return tx.InsertTasks(tasks[first:min(first+r.e.Slice, len(tasks))])
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// discard removes what an earlier owner stored of a graph without completing it.
func (r *runner) discard(ctx context.Context) error {
	left := false
	err := r.e.Store.View(ctx, func(tx store.Reader) error {
		graphs, err := tx.Graphs(r.id)
		left = slices.ContainsFunc(graphs, func(g *model.Graph) bool { return g.IsIncomplete })
		return err
	})
	for left && err == nil {
		err = r.update(ctx, func(tx store.Tx) (err error) {
			left, err = tx.DiscardTasks(r.id, r.e.Slice)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("discard an incomplete graph of execution %s: %w", r.id, err)
	}
	return nil
}

// unwritten leaves out of the effects of Begin what is written with the graph itself: its tasks are stored as they stand
// after their first transitions.
func unwritten(eff workflow.Effects, graph []*model.Task) workflow.Effects {
	eff.Tasks = nil
	if len(eff.Written) > 0 {
		given := make(map[model.TaskID]bool, len(graph))
		for _, t := range graph {
			given[t.ID] = true
		}
		eff.Written = addNew(nil, eff.Written, given)
	}
	return eff
}

// know remembers where the instances of the deployment are, for the tasks of the graph that begins.
func (r *runner) know(snap *workflow.Snapshot) {
	r.hosts = make(map[model.InstanceID]model.InstanceID, len(snap.Instances))
	for _, i := range snap.Instances {
		r.hosts[i.ID] = i.HostID
	}
}
