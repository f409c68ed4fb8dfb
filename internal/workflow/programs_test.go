package workflow

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/reifyhq/reify/internal/model"
)

// drawDeployment makes a random deployment: nodes with random operations, relationships to earlier nodes only.
func drawDeployment(t *rapid.T) *Snapshot {
	snap := &Snapshot{Deployment: "dep"}
	names := []string{"precreate", "create", "configure", "start", "poststart", "prestop", "stop", "delete", "heal"}
	for k := range rapid.IntRange(1, 6).Draw(t, "nodes") {
		n := &model.Node{
			ID: model.NodeID(fmt.Sprintf("n%d", k)), TypeHierarchy: []string{"cloudify.nodes.Root"},
			Plugins: []model.PlanPlugin{{Name: "p"}}, Operations: map[string]model.Operation{},
		}
		for _, name := range names {
			if rapid.Bool().Draw(t, name) {
				n.Operations[lifecycle+name] = model.Operation{Plugin: "p", Function: "m." + name}
			}
		}
		i := &model.NodeInstance{ID: model.InstanceID(n.ID) + "_1", Node: n.ID, State: model.InstanceUninitialized}
		for j := range k {
			if rapid.IntRange(0, 2).Draw(t, "edge") > 0 {
				continue
			}
			target := snap.Nodes[j].ID
			n.Relationships = append(n.Relationships, model.NodeRelationship{
				Type: "r", TypeHierarchy: []string{"r"}, TargetID: target,
				SourceOperations: map[string]model.Operation{relLifecycle + "establish": {Plugin: "p", Function: "m.establish"}},
				TargetOperations: map[string]model.Operation{relLifecycle + "unlink": {Plugin: "p", Function: "m.unlink"}},
			})
			i.Relationships = append(i.Relationships, model.InstanceRelationship{Type: "r", TargetName: target, TargetID: model.InstanceID(target) + "_1"})
		}
		snap.Nodes, snap.Instances = append(snap.Nodes, n), append(snap.Instances, i)
	}
	return snap
}

// world runs whole workflows; between any two steps it may forget everything that is not stored.
type world struct {
	t      *rapid.T
	tb     testing.TB
	snap   *Snapshot
	answer func(*model.Task) (json.RawMessage, *model.TaskError)
	crash  bool
	// log lists state changes and finished operations in order.
	log    []string
	lastID int
}

func (w *world) newID() model.TaskID {
	w.lastID++
	return model.TaskID(fmt.Sprintf("w%05d", w.lastID))
}

func (w *world) run(name string, params model.Document) error {
	program, ok := Find("", name)
	if !ok {
		w.t.Fatalf("no workflow %s", name)
	}
	s := &State{Execution: "x", Workflow: name, Parameters: params, Settings: DefaultSettings, NewTaskID: w.newID}
	for range 100 {
		s.Model = w.copySnapshot()
		ph, err := program(s)
		if err != nil || ph == nil {
			return err
		}
		s.Step, s.Cursor, s.Failure = s.Step+1, ph.Cursor, nil
		if ph.Change != nil {
			w.change(ph.Change)
			continue
		}
		s.Failure = w.graph(ph.Graph)
	}
	w.t.Fatal("the program does not end")
	return nil
}

func (w *world) copySnapshot() *Snapshot {
	c := *w.snap
	c.Instances = nil
	for _, i := range w.snap.Instances {
		copied := *i
		c.Instances = append(c.Instances, &copied)
	}
	return &c
}

func (w *world) change(c *Change) {
	var args PatchArgs
	if err := json.Unmarshal(c.Args, &args); err != nil || c.Kind != ChangePatch {
		w.t.Fatalf("change %s: %v", c.Kind, err)
	}
	w.apply(Effects{Patches: args.Patches})
}

func (w *world) graph(g *Graph) *Failure {
	sim := newSim(w.tb, g.Tasks, w.copySnapshot())
	sim.opt.NewTaskID = w.newID
	sim.answer = func(t *model.Task) (json.RawMessage, *model.TaskError) {
		w.log = append(w.log, string(t.Parameters.Operation.Instance)+" "+t.Name)
		return w.answer(t)
	}
	sim.onEffects = w.apply
	sim.start()
	for sim.end == nil {
		if w.crash && rapid.IntRange(0, 6).Draw(w.t, "crash") == 0 {
			sim.snap = w.copySnapshot()
			sim.start()
		} else if !sim.step(rapid.IntRange(0, 3).Draw(w.t, "pick")) {
			w.t.Fatal("the run neither ends nor waits for anything")
		}
	}
	return sim.end.Failure
}

func (w *world) apply(out Effects) {
	for _, s := range out.States {
		for _, i := range w.snap.Instances {
			if i.ID == s.Instance {
				i.State = s.State
			}
		}
		w.log = append(w.log, fmt.Sprintf("%s is %s", s.Instance, s.State))
	}
	for _, p := range out.Patches {
		for _, i := range w.snap.Instances {
			if i.ID == p.Instance {
				i.SystemProperties = patched(i.SystemProperties, p.Set)
			}
		}
	}
}

// inOrder checks for every relationship that something of one end comes before anything of the other.
func (w *world) inOrder(isUp bool) {
	for _, i := range w.snap.Instances {
		for _, rel := range i.Relationships {
			first, mark, second := rel.TargetID, " is started", i.ID
			if !isUp {
				first, mark, second = i.ID, " is deleted", rel.TargetID
			}
			done := slices.Index(w.log, string(first)+mark)
			begun := slices.IndexFunc(w.log, func(l string) bool {
				return strings.HasPrefix(l, string(second)+" is ") || strings.HasPrefix(l, string(second)+" m.st")
			})
			if done < 0 || begun < done {
				w.t.Fatalf("%s begins (%d) before %s%s (%d):\n%s", second, begun, first, mark, done, strings.Join(w.log, "\n"))
			}
		}
	}
}

func (w *world) all(state model.InstanceState) {
	for _, i := range w.snap.Instances {
		if i.State != state {
			w.t.Fatalf("%s is %s, want %s:\n%s", i.ID, i.State, state, strings.Join(w.log, "\n"))
		}
	}
}

func TestPropertyUpAndDown(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := &world{t: rt, tb: t, snap: drawDeployment(rt), crash: rapid.Bool().Draw(rt, "crashes")}
		w.answer = func(*model.Task) (json.RawMessage, *model.TaskError) { return nil, nil }
		for _, c := range []struct {
			workflow string
			isUp     bool
			state    model.InstanceState
		}{{"install", true, model.InstanceStarted}, {"uninstall", false, model.InstanceDeleted}, {"install", true, model.InstanceStarted}} {
			w.log = nil
			if err := w.run(c.workflow, nil); err != nil {
				rt.Fatal(err)
			}
			w.all(c.state)
			w.inOrder(c.isUp)
		}
		for _, name := range []string{"reinstall", "restart", "check_status", "check_drift", "heal", "rollback"} {
			if err := w.run(name, nil); err != nil {
				rt.Fatal(err)
			}
			w.all(model.InstanceStarted)
		}
	})
}

// TestPropertyFailuresAreMadeGood lets an install fail anywhere; a rollback and a second install always lead to the goal.
func TestPropertyFailuresAreMadeGood(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := &world{t: rt, tb: t, snap: drawDeployment(rt), crash: rapid.Bool().Draw(rt, "crashes")}
		isFailing := true
		w.answer = func(*model.Task) (json.RawMessage, *model.TaskError) {
			if isFailing && rapid.IntRange(0, 4).Draw(rt, "fails") == 0 {
				return nil, fatal("no")
			}
			return nil, nil
		}
		err := w.run("install", nil)
		isStarted := !slices.ContainsFunc(w.snap.Instances, func(i *model.NodeInstance) bool { return i.State != model.InstanceStarted })
		if (err == nil) != isStarted {
			rt.Fatalf("install: %v, all started: %v", err, isStarted)
		}
		if rapid.Bool().Draw(rt, "rollback first") {
			if err := w.run("rollback", nil); err != nil {
				rt.Fatal(err)
			}
		}
		isFailing = false
		if err := w.run("install", nil); err != nil {
			rt.Fatal(err)
		}
		w.all(model.InstanceStarted)
		isFailing = true
		if err := w.run("uninstall", model.Document{"ignore_failure": true}); err != nil {
			rt.Fatal(err)
		}
		w.all(model.InstanceDeleted)
	})
}
