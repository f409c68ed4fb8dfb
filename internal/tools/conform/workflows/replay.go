package workflows

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/workflow"
)

// outcome is how a step ended.
type outcome struct {
	status string
	err    string
}

// execution plays the engine for one step.
type execution struct {
	w     *world
	s     *step
	state *workflow.State
	run   *workflow.Run
	tasks map[model.TaskID]*model.Task
	// sent are the operations that agents have to run; begun those whose start was reported, with their invocation.
	sent       []*model.Task
	invocation map[model.TaskID]int
	wake       time.Time
	ended      *workflow.End
	cancelled  bool
}

// runStep runs one workflow and leaves its records in the world.
func (w *world) runStep(s *step, wf model.Workflow) (outcome, error) {
	w.records = nil
	program, ok := workflow.Find(wf.Plugin, wf.Operation)
	if !ok {
		program, ok = customProgram(wf.Operation)
	}
	if !ok {
		return outcome{}, fmt.Errorf("no program for %s.%s", wf.Plugin, wf.Operation)
	}
	e := &execution{w: w, s: s, state: &workflow.State{
		Execution: "execution", Workflow: s.Workflow, Parameters: mergedParameters(wf, s.Parameters),
		Settings: workflow.Settings{
			TaskRetries: s.Options.TaskRetries, SubgraphRetries: s.Options.SubgraphRetries, WaitAfterFail: 600 * time.Second,
			RetryInterval: time.Duration(s.Options.TaskRetryInterval * float64(time.Second)),
		},
		NewTaskID: w.newTaskID, NewInstanceID: w.newInstanceID,
	}}
	w.add(record{"kind": "event", "event_type": "workflow_started", "message": fmt.Sprintf("Starting '%s' workflow execution", s.Workflow)})
	err := e.phases(program)
	name := "'" + s.Workflow + "' workflow execution "
	switch {
	case err != nil:
		text := recordedFailure(err.Error())
		w.add(record{"kind": "event", "event_type": "workflow_failed", "message": name + "failed: " + text})
		return outcome{"failed", text}, nil
	case e.cancelled:
		w.add(record{"kind": "event", "event_type": "workflow_cancelled", "message": name + "cancelled"})
		return outcome{"cancelled", ""}, nil
	}
	w.add(record{"kind": "event", "event_type": "workflow_succeeded", "message": name + "succeeded"})
	return outcome{"terminated", ""}, nil
}

// mergedParameters are the defaults of the workflow with the given parameters laid over them.
func mergedParameters(wf model.Workflow, given model.Document) model.Document {
	merged := model.Document{}
	for name, p := range wf.Parameters {
		if v, ok := p["default"]; ok {
			merged[name] = v
		}
	}
	maps.Copy(merged, given)
	return merged
}

// phases asks the program for one phase after the other.
func (e *execution) phases(program workflow.Program) error {
	for range 1000 {
		e.state.Model = e.w.snapshot()
		ph, err := program(e.state)
		if err != nil {
			return err
		}
		if ph == nil {
			return nil
		}
		for _, l := range ph.Logs {
			e.log(l)
		}
		e.state.Step++
		e.state.Cursor, e.state.Failure, e.state.Cancelled, e.state.Result = ph.Cursor, nil, false, nil
		switch {
		case ph.Graph != nil && ph.Change == nil:
			if err := e.graph(ph.Graph); err != nil {
				return err
			}
		case ph.Change != nil && ph.Graph == nil:
			result, err := e.w.change(ph.Change)
			if err != nil {
				e.state.Failure = &workflow.Failure{Message: err.Error()}
			}
			e.state.Result = result
		default:
			return errors.New("a phase must have either a graph or a change")
		}
	}
	return errors.New("the program has no end")
}

func (e *execution) log(l workflow.LogLine) {
	e.w.add(record{"kind": "log", "level": l.Level, "message": uuidPattern.ReplaceAllString(l.Message, "<uuid>")})
}

// graph runs one graph to its end.
func (e *execution) graph(g *workflow.Graph) error {
	for _, t := range g.Tasks {
		t.Execution = e.state.Execution
	}
	run, err := workflow.NewRun(g.Tasks, e.w.snapshot(), workflow.RunOptions{
		Settings: e.state.Settings, DryRun: e.state.DryRun, NewTaskID: e.w.newTaskID,
	})
	if err != nil {
		return err
	}
	e.run, e.ended, e.sent = run, nil, nil
	e.tasks, e.invocation = make(map[model.TaskID]*model.Task), make(map[model.TaskID]int)
	for _, t := range g.Tasks {
		e.tasks[t.ID] = t
	}
	e.advance(workflow.Begin{})
	for e.ended == nil {
		switch {
		case len(e.sent) > 0:
			t := e.sent[0]
			e.sent = e.sent[1:]
			e.operate(t)
		case !e.wake.IsZero():
			e.w.now = e.wake
			e.advance(workflow.Due{})
		default:
			return errors.New("the run neither ends nor waits for anything")
		}
	}
	e.state.Failure, e.state.Cancelled = e.ended.Failure, e.ended.Cancelled
	e.cancelled = e.cancelled || e.ended.Cancelled
	return nil
}

// operate plays an agent.
func (e *execution) operate(t *model.Task) {
	key := keyOf(t.Parameters.Operation)
	n := e.w.plugin.calls[key]
	e.w.plugin.calls[key]++
	e.invocation[t.ID] = n
	e.advance(workflow.Started{Task: t.ID})
	rec, result, failure := e.w.plugin.call(e.w, t, n)
	e.w.add(rec)
	if e.s.CancelOn != nil && matches(rec, e.s.CancelOn) {
		e.advance(workflow.Cancel{})
	}
	e.advance(workflow.Finished{Task: t.ID, Result: result, Err: failure})
}

func matches(r record, want map[string]any) bool {
	for k, v := range want {
		if fmt.Sprint(r[k]) != fmt.Sprint(v) {
			return false
		}
	}
	return true
}

// advance makes the effects of one input real.
func (e *execution) advance(in workflow.Input) {
	if e.ended != nil {
		return
	}
	e.w.now = e.w.now.Add(time.Millisecond)
	out := e.run.Advance(e.w.now, in)
	for _, t := range out.Tasks {
		e.tasks[t.ID] = t
	}
	states := out.States
	done := 0
	flush := func(until int) {
		for ; done < until; done++ {
			s := states[done]
			if i := e.w.instance(s.Instance); i != nil {
				i.State = s.State
			}
			e.w.add(record{"kind": "state", "instance": s.Instance, "state": s.State})
		}
	}
	for _, ev := range out.Events {
		flush(ev.States)
		e.event(ev)
	}
	flush(len(states))
	for _, p := range out.Patches {
		if i := e.w.instance(p.Instance); i != nil {
			i.SystemProperties = patch(i.SystemProperties, p.Set)
		}
	}
	for _, l := range out.Logs {
		e.log(l)
	}
	e.sent = append(e.sent, out.Send...)
	e.wake, e.ended = out.Wake, out.End
}

// event turns an event into a record; sending_task is not in the recordings.
func (e *execution) event(ev workflow.Event) {
	if ev.Type == model.EventSendingTask {
		return
	}
	r := record{"kind": "event", "event_type": ev.Type, "message": ev.Message}
	if ev.Instance != "" {
		r["node_id"] = ev.Instance
	}
	if ev.Operation != "" {
		r["operation"] = ev.Operation
	}
	if t := e.tasks[ev.Task]; t != nil {
		r["task_current_retries"], r["task_total_retries"] = t.Parameters.CurrentRetries, t.Parameters.TotalRetries
		if p := t.Parameters.ContainingSubgraph; p != nil && t.Type == model.TaskSubgraph {
			r["parent"] = e.tasks[*p].Name
		}
		if oc := t.Parameters.Operation; oc != nil {
			r["invocation"] = e.invocation[t.ID]
			if oc.Side != "" {
				delete(r, "node_id")
				r["side"], r["source_id"], r["target_id"] = oc.Side, oc.Instance, oc.Related
				if oc.Side == "target" {
					r["source_id"], r["target_id"] = oc.Related, oc.Instance
				}
			}
		}
	}
	e.w.add(r)
}

// patch lays changes over a document the way a store does: through JSON.
func patch(old, set model.Document) model.Document {
	out := maps.Clone(old)
	for k, v := range set {
		if v == nil {
			delete(out, k)
			continue
		}
		raw, err := json.Marshal(v)
		if err != nil {
			continue
		}
		var plain any
		if model.DecodeJSON(raw, &plain) == nil {
			out[k] = plain
		}
	}
	return out
}
