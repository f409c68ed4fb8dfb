// Package rehearsal plays a workflow through without doing it: the same programs, graphs, reducer and model changes that
// the engine runs, over a copy of the deployment, with an executor whose every operation succeeds at once.
//
// It writes nothing, dispatches nothing and reads only what it was given. What comes out is what would be done if
// everything went well: the operations in their order, and the deployment as it would be afterwards. Retries, failures and
// what other deployments do because of it are not played.
//
//	World ─▶ Program ─▶ phase ─▶ Run.Advance ─▶ operation succeeds ─▶ … ─▶ World, Steps
package rehearsal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/reifyhq/reify/internal/change"
	"github.com/reifyhq/reify/internal/dsl"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
	"github.com/reifyhq/reify/internal/workflow"
)

// World is a copy of a deployment with what its workflows read. Play changes it.
type World struct {
	Deployment    *model.Deployment
	Nodes         []*model.Node
	Instances     []*model.NodeInstance
	Modifications []*model.Modification
	// Blueprints are those that an update reads; Update is set when one is played.
	Blueprints []*model.Blueprint
	Update     *model.DeploymentUpdate
}

// Tx returns the world as a transaction; what it writes is written to the world only.
func (w *World) Tx() store.Tx { return &scene{w: w} }

// Script says what to play.
type Script struct {
	Workflow   string
	Parameters model.Document
	Settings   workflow.Settings
	// Secrets returns what the plan of an update may ask for secrets.
	Secrets func(*model.Deployment) dsl.SecretGetter
	Now     time.Time
}

// Step is an operation that would run.
type Step struct {
	// ID counts the steps from 1; After are the steps that must have ended before, none for those that begin a phase.
	ID    int   `json:"id"`
	After []int `json:"after"`
	// Phase counts the parts of the workflow from 1: all steps of one end before the next begins.
	Phase int              `json:"phase"`
	Node  model.NodeID     `json:"node"`
	On    model.InstanceID `json:"instance"`
	// Side is source or target for operations of relationships, Related then the instance at the other end.
	Side      string           `json:"side,omitempty"`
	Related   model.InstanceID `json:"related,omitempty"`
	Operation string           `json:"operation"`
	Plugin    string           `json:"plugin"`
	Function  string           `json:"function"`
	Executor  model.Executor   `json:"executor"`
	Inputs    model.Document   `json:"inputs"`
}

// Play plays a workflow to its end. What the workflow refuses is a *fault.Error.
func Play(ctx context.Context, w *World, s Script) ([]Step, error) {
	declared, ok := w.Deployment.Workflows[s.Workflow]
	if !ok {
		declared = model.Workflow{Operation: s.Workflow}
	}
	program, ok := workflow.Find(declared.Plugin, declared.Operation)
	if !ok {
		return nil, fault.New(fault.IllegalAction, "workflow %s is custom code; only the built-in workflows can be planned", s.Workflow)
	}
	p := &player{ctx: ctx, w: w, s: s}
	p.state = &workflow.State{
		Execution: "plan", Workflow: s.Workflow, Parameters: s.Parameters, Settings: s.Settings, NewTaskID: p.newTaskID,
		NewInstanceID: func(name string) model.InstanceID { return model.InstanceID(p.newInstanceID(name)) },
	}
	if err := p.phases(program); err != nil {
		var known *fault.Error
		if errors.As(err, &known) {
			return nil, err
		}
		return nil, fault.New(fault.BadParameters, "Workflow %s of deployment %s would fail: %v", s.Workflow, w.Deployment.ID, err)
	}
	return p.steps, nil
}

// player plays the engine.
type player struct {
	ctx   context.Context
	w     *World
	s     Script
	state *workflow.State
	steps []Step
	phase int
	// serial numbers everything that needs a fresh id.
	serial int
	now    time.Duration
}

func (p *player) next() int { p.serial++; return p.serial }

func (p *player) newTaskID() model.TaskID { return model.TaskID(fmt.Sprintf("t%d", p.next())) }
func (p *player) newID() string           { return fmt.Sprintf("plan-%d", p.next()) }

// NewMark begins the random part of the ids of instances that a plan adds: the real ones are made when it runs.
const NewMark = "new"

func (p *player) newInstanceID(name string) string {
	return fmt.Sprintf("%s_%s%d", name, NewMark, p.next())
}

// maxPhases ends a program that never does.
const maxPhases = 1000

func (p *player) phases(program workflow.Program) error {
	for range maxPhases {
		if err := p.ctx.Err(); err != nil {
			return err
		}
		p.state.Model = p.snapshot()
		ph, err := program(p.state)
		if err != nil || ph == nil {
			return err
		}
		p.state.Step++
		p.state.Cursor, p.state.Failure, p.state.Cancelled, p.state.Result = ph.Cursor, nil, false, nil
		if ph.Graph != nil {
			if err := p.graph(ph.Graph); err != nil {
				return err
			}
			continue
		}
		result, err := p.change(ph.Change)
		var refused *fault.Error
		if errors.As(err, &refused) {
			p.state.Failure = &workflow.Failure{Message: refused.Message}
		} else if err != nil {
			return err
		}
		p.state.Result = result
	}
	return errors.New("the workflow has no end")
}

func (p *player) snapshot() *workflow.Snapshot {
	tx := p.w.Tx()
	snap := &workflow.Snapshot{Deployment: p.w.Deployment.ID, Nodes: copiesOf(p.w.Nodes), Instances: copiesOf(p.w.Instances),
		ScalingGroups: p.w.Deployment.ScalingGroups}
	// A scene cannot fail to list what it holds.
	started, _ := change.Started(tx, p.w.Deployment.Tenant, p.w.Deployment.ID)
	for _, m := range started {
		snap.Modifications = append(snap.Modifications, change.Summary(m))
	}
	return snap
}

// graph runs one graph: whatever is sent has succeeded.
func (p *player) graph(g *workflow.Graph) error {
	run, err := workflow.NewRun(g.Tasks, p.snapshot(), workflow.RunOptions{Settings: p.s.Settings, NewTaskID: p.newTaskID, Fresh: true})
	if err != nil {
		return err
	}
	order := orderOf(g.Tasks)
	p.phase++
	ids := map[model.TaskID]int{}
	var sent []*model.Task
	var end *workflow.End
	var wake time.Time
	advance := func(in workflow.Input) {
		if end != nil {
			return
		}
		p.now += time.Millisecond
		out := run.Advance(p.s.Now.Add(p.now), in)
		p.apply(out)
		sent, end, wake = append(sent, out.Send...), out.End, out.Wake
	}
	advance(workflow.Begin{})
	for end == nil {
		if len(sent) == 0 {
			if wake.IsZero() {
				return errors.New("the task graph neither ends nor waits for anything")
			}
			p.now = wake.Sub(p.s.Now)
			advance(workflow.Due{})
			continue
		}
		t := sent[0]
		sent = sent[1:]
		p.note(t, order, ids)
		advance(workflow.Started{Task: t.ID})
		advance(workflow.Finished{Task: t.ID, Result: resultOf(t)})
	}
	if end.Failure != nil {
		p.state.Failure = end.Failure
	}
	return nil
}

// resultOf is what a successful operation returns: only the check whether a host is up is asked for a truth.
func resultOf(t *model.Task) json.RawMessage {
	if c := t.Parameters.Operation; c != nil && strings.HasSuffix(c.Name, ".host.get_state") {
		return json.RawMessage("true")
	}
	return nil
}

// note adds the step of an operation.
func (p *player) note(t *model.Task, order *order, ids map[model.TaskID]int) {
	c := t.Parameters.Operation
	if c == nil {
		return
	}
	step := Step{
		ID: len(p.steps) + 1, After: []int{}, Phase: p.phase, Node: c.Node, On: c.Instance, Side: c.Side, Related: c.Related,
		Operation: c.Name, Plugin: c.Operation.Plugin, Function: c.Operation.Function, Executor: c.Operation.Executor, Inputs: c.Kwargs,
	}
	ids[t.ID] = step.ID
	for _, before := range order.before(t.ID) {
		if id, ok := ids[before]; ok {
			step.After = append(step.After, id)
		}
	}
	p.steps = append(p.steps, step)
}

// apply makes the effects of one step real in the world.
func (p *player) apply(out workflow.Effects) {
	find := func(id model.InstanceID) *model.NodeInstance {
		for _, i := range p.w.Instances {
			if i.ID == id {
				return i
			}
		}
		return nil
	}
	for _, s := range out.States {
		if i := find(s.Instance); i != nil {
			i.State = s.State
		}
	}
	for _, patch := range out.Patches {
		i := find(patch.Instance)
		if i == nil {
			continue
		}
		next := model.Document{}
		for k, v := range i.SystemProperties {
			next[k] = v
		}
		for k, v := range patch.Set {
			if v == nil {
				delete(next, k)
				continue
			}
			next[k] = plain(v)
		}
		i.SystemProperties = next
	}
}

// plain is a value as it is read back from a store.
func plain(v any) any {
	data, err := model.EncodeJSON(v)
	if err != nil {
		return v
	}
	var out any
	if model.DecodeJSON(data, &out) != nil {
		return v
	}
	return out
}

func (p *player) env() change.Env {
	return change.Env{Now: p.s.Now, NewID: p.newID, NewInstanceID: p.newInstanceID, Secrets: p.s.Secrets}
}

// change applies a model change to the world with the functions that the engine applies it with.
func (p *player) change(c *workflow.Change) (json.RawMessage, error) {
	tx, t := p.w.Tx(), p.w.Deployment.Tenant
	switch {
	case c.Kind == workflow.ChangePatch:
		var args workflow.PatchArgs
		if err := model.DecodeJSON(c.Args, &args); err != nil {
			return nil, err
		}
		p.apply(workflow.Effects{Patches: args.Patches})
		return nil, nil
	case c.Kind == workflow.ChangeModificationStart:
		var args workflow.ModificationStartArgs
		if err := model.DecodeJSON(c.Args, &args); err != nil {
			return nil, err
		}
		m, err := change.StartModification(tx, p.env(), change.NewModification{Tenant: t, Deployment: p.w.Deployment.ID, Nodes: args.Nodes})
		if err != nil {
			return nil, err
		}
		return json.Marshal(change.Summary(m))
	case c.Kind == workflow.ChangeModificationFinish, c.Kind == workflow.ChangeModificationRollback:
		var args workflow.ModificationArgs
		if err := model.DecodeJSON(c.Args, &args); err != nil {
			return nil, err
		}
		end := change.FinishModification
		if c.Kind == workflow.ChangeModificationRollback {
			end = change.RollbackModification
		}
		_, err := end(tx, p.env(), t, model.ModificationID(args.ID))
		return nil, err
	case c.Kind == workflow.ChangeUpdatePlan:
		var args workflow.UpdateArgs
		if err := model.DecodeJSON(c.Args, &args); err != nil {
			return nil, err
		}
		view := func(fn func(store.Reader) error) error { return fn(tx) }
		write, err := change.PrepareUpdate(p.ctx, view, p.env(), t, model.UpdateID(args.ID))
		if err != nil {
			return nil, err
		}
		return nil, write(tx)
	case strings.HasPrefix(c.Kind, "update-"):
		var args workflow.UpdateArgs
		if err := model.DecodeJSON(c.Args, &args); err != nil {
			return nil, err
		}
		return change.Update(tx, p.env(), t, model.UpdateID(args.ID), c.Kind, false)
	case c.Kind == workflow.ChangeServices, c.Kind == workflow.ChangeWorkflow:
		// Other executions do this; they are not played.
		return nil, nil
	}
	return nil, fault.New(fault.IllegalAction, "the model change %q cannot be planned", c.Kind)
}
