package engine

import (
	"context"
	"fmt"

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
	graph := &model.Graph{ID: r.e.NewGraphID(), Execution: r.id, Name: p.Graph.Name, CreatedAt: now}
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
	eff := run.Advance(now, workflow.Begin{})
	eff.Logs = append(append([]workflow.LogLine{}, p.Logs...), eff.Logs...)
	w := r.writing(unwritten(eff, p.Graph.Tasks))
	progress := model.Progress{Step: r.exec.Progress.Step + 1, Graph: graph.ID, Cursor: p.Cursor}
	err = r.update(ctx, func(tx store.Tx) error {
		if err := tx.InsertGraph(graph); err != nil {
			return err
		}
		if err := tx.InsertTasks(p.Graph.Tasks); err != nil {
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
