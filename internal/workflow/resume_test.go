package workflow

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reifyhq/reify/internal/model"
)

// oneNode is a deployment of one instance that implements the given life cycle operations.
func oneNode(state model.InstanceState, names ...string) *Snapshot {
	n := &model.Node{
		ID: "n", TypeHierarchy: []string{"cloudify.nodes.Root"}, Operations: map[string]model.Operation{},
		Plugins: []model.PlanPlugin{{Name: "p"}},
	}
	for _, name := range names {
		n.Operations[lifecycle+name] = model.Operation{Plugin: "p", Function: "m." + name}
	}
	return &Snapshot{
		Deployment: "dep", Nodes: []*model.Node{n},
		Instances: []*model.NodeInstance{{ID: "n_1", Node: "n", State: state}},
	}
}

func buildGraph(t *testing.T, program Program, s *State) []*model.Task {
	t.Helper()
	if s.NewTaskID == nil {
		ids := &sim{}
		s.NewTaskID = func() model.TaskID { return "g" + ids.newID() }
	}
	ph, err := program(s)
	if err != nil {
		t.Fatal(err)
	}
	return ph.Graph.Tasks
}

// reset does what a resume by a user does to the stored tasks (workflows, section 5.3).
func (s *sim) reset() {
	retried := make(map[model.TaskID]bool)
	for _, task := range s.tasks {
		if r := task.Parameters.RetriedTask; r != nil {
			retried[*r] = true
		}
	}
	for _, id := range s.order {
		task := s.tasks[id]
		if (task.State == model.TaskFailed || task.State == model.TaskRescheduled) && !retried[id] {
			task.State, task.Parameters.CurrentRetries = model.TaskPending, 0
			s.save([]*model.Task{task})
		}
	}
	s.end, s.events = nil, nil
}

func TestResumedInstallCleansUpFirst(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		failing string
		want    []string
	}{
		"start": {"start", []string{
			"Subgraph started 'resume_cleanup_n_1'", "Rolling back prior to resuming install",
			"Prestopping node instance", "Task started 'm.prestop'", "Task succeeded 'm.prestop'", "Node instance prestopped",
			"Task started 'm.stop'", "Task failed 'm.stop' -> broken",
			"Stopped node instance", "Finished rolling back, now resuming install", "Subgraph succeeded 'resume_cleanup_n_1'",
			"Task started 'm.start'", "Task succeeded 'm.start'", "Poststarting node instance: nothing to do",
			"Node instance started", "Subgraph succeeded 'install_n_1'",
		}},
		"create": {"create", []string{
			"Subgraph started 'resume_cleanup_n_1'", "Rolling back prior to resuming install",
			"Deleting node instance", "Task started 'm.delete'", "Task succeeded 'm.delete'", "Deleted node instance",
			"Finished rolling back, now resuming install", "Subgraph succeeded 'resume_cleanup_n_1'",
			"Task started 'm.create'", "Task succeeded 'm.create'", "Node instance created",
			"Configuring node instance: nothing to do", "Starting node instance", "Task started 'm.start'",
			"Task succeeded 'm.start'", "Poststarting node instance: nothing to do",
			"Node instance started", "Subgraph succeeded 'install_n_1'",
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			snap := oneNode("uninitialized", "create", "start", "prestop", "stop", "delete")
			s := newSim(t, buildGraph(t, install, &State{Model: snap, Settings: DefaultSettings}), snap)
			isFirst := true
			s.answer = func(task *model.Task) (json.RawMessage, *model.TaskError) {
				if task.Name == "m."+c.failing && isFirst {
					isFirst = false
					return nil, fatal("no")
				}
				if task.Name == "m.stop" {
					return nil, fatal("broken")
				}
				return nil, nil
			}
			s.start()
			if end := s.finish(); end.Failure == nil {
				t.Fatal("the first attempt succeeded")
			}
			s.reset()
			s.opt.Resume = true
			s.start()
			if end := s.finish(); end.Failure != nil {
				t.Fatal(end.Failure)
			}
			got := slices.DeleteFunc(s.messages(), func(m string) bool { return m[:7] == "Sending" })
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			if s.snap.Instances[0].State != model.InstanceStarted {
				t.Errorf("state %s", s.snap.Instances[0].State)
			}
		})
	}
}

func TestResumeWithoutCleanupGoesOn(t *testing.T) {
	t.Parallel()
	snap := oneNode("uninitialized", "create", "start", "stop", "delete")
	s := newSim(t, buildGraph(t, install, &State{Model: snap, Settings: DefaultSettings}), snap)
	s.start()
	s.start() // the owner died while create was running
	s.opt.Resume = true
	s.start()
	if end := s.finish(); end.Failure != nil {
		t.Fatal(end.Failure)
	}
	if slices.Contains(s.messages(), "Rolling back prior to resuming install") {
		t.Error("an operation that is still running was rolled back")
	}
}

func TestFailedLifecycleRunsAgainFromTheCurrentState(t *testing.T) {
	t.Parallel()
	snap := oneNode("uninitialized", "create", "start", "stop", "delete")
	settings := DefaultSettings
	settings.SubgraphRetries = 1
	s := newSim(t, buildGraph(t, install, &State{Model: snap, Settings: settings}), snap)
	s.opt.Settings.SubgraphRetries = 1
	var ops []string
	s.answer = func(task *model.Task) (json.RawMessage, *model.TaskError) {
		ops = append(ops, task.Name)
		if task.Name == "m.start" && len(ops) == 2 {
			return nil, fatal("no")
		}
		return nil, nil
	}
	s.start()
	for k := 0; s.end == nil; k++ {
		if k == 3 {
			s.start() // the retry survives the death of the owner
		}
		s.step(0)
	}
	if s.end.Failure != nil {
		t.Fatal(s.end.Failure)
	}
	want := []string{"m.create", "m.start", "m.stop", "m.delete", "m.create", "m.start"}
	if diff := cmp.Diff(want, ops); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
}

func TestDryRunOnlyTells(t *testing.T) {
	t.Parallel()
	snap := oneNode("uninitialized", "create")
	s := newSim(t, buildGraph(t, install, &State{Model: snap, Settings: DefaultSettings, DryRun: true}), snap)
	s.opt.DryRun = true
	s.start()
	if s.end == nil || s.end.Failure != nil {
		t.Fatalf("end = %+v", s.end)
	}
	if !slices.Contains(s.messages(), "Task succeeded 'm.create' (dry run)") || slices.Contains(s.messages(), "Sending task 'm.create'") {
		t.Errorf("events: %q", s.messages())
	}
	if got := snap.Instances[0].State; got != "uninitialized" {
		t.Errorf("state %s", got)
	}
}
