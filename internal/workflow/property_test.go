package workflow

import (
	"encoding/json"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/reifyhq/reify/internal/model"
)

// drawGraph makes a random graph without circles: members follow their subgraph, dependencies lead to earlier tasks.
func drawGraph(t *rapid.T) []*model.Task {
	var tasks []*model.Task
	parents := []*model.Task{nil}
	size := rapid.IntRange(1, 25).Draw(t, "size")
	for n := range size {
		// Leave subgraphs from time to time; what was left is not entered again.
		parents = parents[:rapid.IntRange(1, len(parents)).Draw(t, "depth")]
		parent := parents[len(parents)-1]
		task := drawTask(t, n)
		if parent != nil {
			id := parent.ID
			task.Parameters.ContainingSubgraph = &id
			task.Dependencies = append(task.Dependencies, id)
		}
		for range rapid.IntRange(0, 2).Draw(t, "dependencies") {
			if n == 0 {
				break
			}
			on := tasks[rapid.IntRange(0, n-1).Draw(t, "on")]
			isAncestor := false
			for _, p := range parents {
				isAncestor = isAncestor || p == on
			}
			if !isAncestor {
				task.Dependencies = append(task.Dependencies, on.ID)
			}
		}
		tasks = append(tasks, task)
		if task.Type == model.TaskSubgraph {
			parents = append(parents, task)
		}
	}
	return tasks
}

func drawTask(t *rapid.T, n int) *model.Task {
	task := remote(fmt.Sprintf("t%02d", n))
	task.Parameters.TotalRetries = rapid.IntRange(0, 2).Draw(t, "retries")
	task.Parameters.RetryInterval = float64(rapid.IntRange(0, 3).Draw(t, "interval"))
	args := model.Document{"node_instance_id": "i_1", "mode": modeUninstall}
	switch rapid.IntRange(0, 9).Draw(t, "kind") {
	case 0, 1, 2:
		task.Type = model.TaskSubgraph
		task.Parameters.Operation = nil
		kind := rapid.SampledFrom([]string{"", onLifecycle, onRelationships, onHealFailed}).Draw(t, "handler")
		if kind != "" {
			task.Parameters.OnFailure = &model.Handler{Kind: kind, Args: args}
		}
	case 3:
		task.Type = model.TaskSetState
		task.Parameters.Operation = nil
		task.Parameters.SetState = &model.SetState{Instance: "i_1", State: model.InstanceStarted}
	case 4:
		task.Type = model.TaskNop
		task.Parameters.Operation = nil
	case 5:
		task.Parameters.OnFailure = &model.Handler{Kind: onIgnore, Args: args}
	}
	return task
}

// drawAnswers gives every operation a fixed list of answers, one per attempt.
func drawAnswers(t *rapid.T, tasks []*model.Task, failures bool) func(*model.Task) (json.RawMessage, *model.TaskError) {
	plans := make(map[string][]int)
	for _, task := range tasks {
		if task.Type == model.TaskRemote {
			top := 0
			if failures {
				top = 5
			}
			plans[task.Name] = rapid.SliceOfN(rapid.IntRange(0, top), 1, 4).Draw(t, "answers")
		}
	}
	return func(task *model.Task) (json.RawMessage, *model.TaskError) {
		plan := plans[task.Name]
		switch plan[min(task.Parameters.CurrentRetries, len(plan)-1)] {
		case 3:
			return nil, recoverable("again", nil)
		case 4:
			return nil, fatal("no")
		case 5:
			return nil, &model.TaskError{Message: "later", Known: model.ErrorRetry}
		}
		return nil, nil
	}
}

// watch checks after every step that no task starts early and that none ends twice.
type watch struct {
	s    *sim
	seen map[model.TaskID]model.TaskState
}

func (w *watch) check(t *rapid.T) {
	retries := make(map[model.TaskID]model.TaskID)
	for id, task := range w.s.tasks {
		if r := task.Parameters.RetriedTask; r != nil {
			retries[*r] = id
		}
	}
	for id, task := range w.s.tasks {
		before, now := w.seen[id], w.s.states[id]
		if before.Ended() && now != before {
			t.Fatalf("task %s was %s and became %s", id, before, now)
		}
		if (before == "" || before == model.TaskPending) && now != model.TaskPending {
			for _, d := range task.Dependencies {
				if !w.settled(task, d, retries) {
					t.Fatalf("task %s became %s before %s, which is %s", id, now, d, w.s.states[d])
				}
			}
		}
	}
	for id, s := range w.s.states {
		w.seen[id] = s
	}
}

// settled reports whether the dependency of a task has come true: it or its last retry ended, or a subgraph around it
// did; of the task's own subgraph the start is enough.
func (w *watch) settled(task *model.Task, on model.TaskID, retries map[model.TaskID]model.TaskID) bool {
	around := make(map[model.TaskID]bool)
	for p := task.Parameters.ContainingSubgraph; p != nil; p = w.s.tasks[*p].Parameters.ContainingSubgraph {
		around[*p] = true
	}
	if around[on] {
		return w.s.states[on] != model.TaskPending
	}
	for {
		for r, ok := retries[on]; ok; r, ok = retries[on] {
			on = r
		}
		if w.s.states[on].Ended() {
			return true
		}
		p := w.s.tasks[on].Parameters.ContainingSubgraph
		if p == nil || around[*p] {
			return false
		}
		on = *p
	}
}

func TestPropertyOrderAndEnds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s := newSim(t, drawGraph(rt), nil)
		s.opt.Settings.SubgraphRetries = rapid.IntRange(0, 1).Draw(rt, "subgraph retries")
		w := &watch{s: s, seen: map[model.TaskID]model.TaskState{}}
		s.answer = drawAnswers(rt, s.taskList(), true)
		s.start()
		w.check(rt)
		for s.end == nil {
			if rapid.IntRange(0, 9).Draw(rt, "crash") == 0 {
				s.start()
			} else if !s.step(rapid.IntRange(0, 5).Draw(rt, "pick")) {
				rt.Fatal("the run neither ends nor waits for anything")
			}
			w.check(rt)
		}
		if s.total < s.ended {
			rt.Fatalf("%d of %d operations ended", s.ended, s.total)
		}
	})
}

func TestPropertyRestoredRunsReachTheSameEnd(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		tasks := drawGraph(rt)
		isFailing := rapid.Bool().Draw(rt, "failing")
		straight, broken := newSim(t, tasks, nil), newSim(t, tasks, nil)
		straight.answer = drawAnswers(rt, tasks, isFailing)
		broken.answer = straight.answer
		straight.start()
		straight.finish()
		broken.start()
		for broken.end == nil {
			if rapid.IntRange(0, 2).Draw(rt, "crash") == 0 {
				broken.start()
			} else if !broken.step(rapid.IntRange(0, 5).Draw(rt, "pick")) {
				rt.Fatal("the run neither ends nor waits for anything")
			}
		}
		if (straight.end.Failure == nil) != (broken.end.Failure == nil) {
			rt.Fatalf("straight: %v, with crashes: %v", straight.end.Failure, broken.end.Failure)
		}
		if isFailing {
			return
		}
		for id, state := range straight.states {
			if broken.states[id] != state {
				rt.Fatalf("task %s: straight %s, with crashes %s", id, state, broken.states[id])
			}
		}
		if straight.total != broken.total || straight.ended != broken.ended {
			rt.Fatalf("counters: straight %d/%d, with crashes %d/%d", straight.ended, straight.total, broken.ended, broken.total)
		}
	})
}

func (s *sim) taskList() []*model.Task {
	var out []*model.Task
	for _, id := range s.order {
		out = append(out, s.tasks[id])
	}
	return out
}

// TestPropertyAnyGraphEndsOrIsRefused throws arbitrary stored tasks at NewRun: whatever it accepts comes to an end.
func TestPropertyAnyGraphEndsOrIsRefused(t *testing.T) {
	t.Parallel()
	states := []model.TaskState{
		model.TaskPending, model.TaskPending, model.TaskPending, model.TaskSending, model.TaskStarted, model.TaskSucceeded,
		model.TaskFailed, model.TaskRescheduled, "odd",
	}
	accepted := 0
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.IntRange(0, 8).Draw(rt, "size")
		id := func(what string) model.TaskID {
			return model.TaskID(fmt.Sprintf("t%02d", rapid.IntRange(0, size).Draw(rt, what)))
		}
		var tasks []*model.Task
		for n := range size {
			task := drawTask(rt, n)
			task.State = rapid.SampledFrom(states).Draw(rt, "state")
			for range rapid.IntRange(0, 1).Draw(rt, "dependencies") {
				task.Dependencies = append(task.Dependencies, id("on"))
			}
			if rapid.IntRange(0, 3).Draw(rt, "contained") == 0 {
				p := id("parent")
				task.Parameters.ContainingSubgraph = &p
			}
			if rapid.IntRange(0, 5).Draw(rt, "retry") == 0 {
				r := id("retried")
				task.Parameters.RetriedTask = &r
			}
			tasks = append(tasks, task)
		}
		s := newSim(t, tasks, nil)
		s.answer = drawAnswers(rt, tasks, true)
		s.opt.Resume = rapid.Bool().Draw(rt, "resume")
		if _, err := NewRun(s.taskList(), nil, s.opt); err != nil {
			return
		}
		accepted++
		s.start()
		for range 10000 {
			if s.end != nil {
				return
			}
			if !s.step(rapid.IntRange(0, 3).Draw(rt, "pick")) {
				rt.Fatal("the run neither ends nor waits for anything")
			}
		}
		rt.Fatal("the run does not end")
	})
	if accepted == 0 {
		t.Error("no graph was accepted")
	}
}

// TestPropertyCancelEndsAtOnce cancels any graph after any number of steps: it ends in that very step, starts nothing any
// more, and is ended for whoever finds it later too.
func TestPropertyCancelEndsAtOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s := newSim(t, drawGraph(rt), nil)
		s.answer = drawAnswers(rt, s.taskList(), rapid.Bool().Draw(rt, "failing"))
		s.start()
		for range rapid.IntRange(0, 20).Draw(rt, "steps") {
			if s.end == nil && !s.step(rapid.IntRange(0, 5).Draw(rt, "pick")) {
				rt.Fatal("the run neither ends nor waits for anything")
			}
		}
		if s.end != nil {
			return
		}
		hasFailed := len(s.run.errors) > 0
		out := s.run.Advance(s.now, Cancel{Force: rapid.Bool().Draw(rt, "force")})
		switch {
		case out.End == nil:
			rt.Fatal("the run goes on after a cancel")
		case len(out.Send) > 0 || len(out.States) > 0:
			rt.Fatalf("a cancel sends %d operations and changes %d states", len(out.Send), len(out.States))
		case out.End.Cancelled == hasFailed:
			rt.Fatalf("the run ended with %+v after a failure: %v", out.End, hasFailed)
		}
		for _, in := range []Input{Begin{}, Due{}, Cancel{}} {
			if late := s.run.Advance(s.now, in); late.End != nil || len(late.Tasks) > 0 || len(late.Send) > 0 {
				rt.Fatalf("the run did something after its end: %+v", late)
			}
		}
	})
}
