package service

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/reifyhq/reify/internal/auth"
	"github.com/reifyhq/reify/internal/change"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/store"
	"github.com/reifyhq/reify/internal/workflow"
)

// Start is a request to run a workflow on a deployment.
type Start struct {
	Deployment            model.DeploymentID
	Workflow              string
	Parameters            model.Document
	AllowCustomParameters bool
	Force                 bool
	DryRun                bool
	Queue                 bool
	// WaitAfterFail is in seconds; 0 means the manager's setting.
	WaitAfterFail int
	// Group is the execution group that it joins, empty for none. With Held it waits for its turn in that group and is
	// checked when the turn comes.
	Group model.ExecutionGroupID
	Held  bool
	// Check refuses the start in the transaction that would do it; nil allows it.
	Check func(store.Reader) error
}

// newExecution starts the row of an execution, with its first token.
func (s *Service) newExecution(a *Actor, name string, parameters model.Document) *model.Execution {
	x := &model.Execution{
		Resource: s.resource(a, ""), ID: model.ExecutionID(newUUID()), Workflow: name,
		Status: model.ExecutionPending, Parameters: parameters,
	}
	s.renewToken(x)
	return x
}

// systemExecution is newExecution for a workflow of the manager itself; these take any parameters.
func (s *Service) systemExecution(a *Actor, name string, parameters model.Document) *model.Execution {
	x := s.newExecution(a, name, parameters)
	x.AllowCustomParameters = true
	return x
}

// renewToken gives the execution a new token and makes the old one worthless.
func (s *Service) renewToken(x *model.Execution) {
	x.TokenSerial++
	x.TokenHash = auth.HashToken(s.ExecutionToken(x))
}

// ExecutionToken returns the plain token of an execution.
func (s *Service) ExecutionToken(x *model.Execution) string {
	return auth.ExecutionToken(s.Key, x.ID, x.TokenSerial)
}

// environmentReady refuses to start anything before the deployment's environment was made.
func environmentReady(tx store.Reader, d *model.Deployment) error {
	if d.CreateExecution == "" {
		return nil
	}
	x, err := tx.Execution(d.CreateExecution)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	switch x.Status {
	case model.ExecutionTerminated:
		return nil
	case model.ExecutionPending:
		return fault.New(fault.EnvironmentPending, "Deployment environment creation is still pending, try again in a minute")
	case model.ExecutionStarted:
		return fault.New(fault.EnvironmentInProgress, "Deployment environment creation is still in progress, try again in a minute")
	case model.ExecutionFailed:
		lines := strings.Split(strings.TrimSpace(x.Error), "\n")
		return fault.New(fault.DeploymentCreation,
			"Can't launch executions since environment creation for deployment %s has failed: %s", d.ID, lines[len(lines)-1])
	}
	return fault.New(fault.DeploymentCreation,
		"Can't launch executions since the environment creation for deployment %s was %s; create the deployment again", d.ID, x.Status.Display())
}

// Available reports whether the availability rules of a workflow allow it to start now (workflows, section 8.3).
func (v *DeploymentView) Available(w model.Workflow) bool {
	rules := w.AvailabilityRules
	if rules == nil {
		return true
	}
	if rules.Available != nil && !*rules.Available {
		return false
	}
	if len(rules.NodeInstancesActive) > 0 {
		now := v.activity()
		ok := false
		for _, want := range rules.NodeInstancesActive {
			ok = ok || now[want]
		}
		if !ok {
			return false
		}
	}
	if len(rules.NodeTypesRequired) > 0 {
		for _, t := range rules.NodeTypesRequired {
			if v.NodeTypes[t] {
				return true
			}
		}
		return false
	}
	return true
}

// activity says which of all, partial and none hold for the node instances.
func (v *DeploymentView) activity() map[string]bool {
	total, started, dead := 0, 0, 0
	for state, n := range v.States {
		total += n
		switch {
		case state == model.InstanceStarted:
			started += n
		case state.Dead():
			dead += n
		}
	}
	return map[string]bool{
		"all":     started == total,
		"partial": started != total && dead != total,
		"none":    started == 0,
	}
}

// Execution returns an execution of the actor's tenant.
func (s *Service) Execution(ctx context.Context, a *Actor, id model.ExecutionID) (x *model.Execution, err error) {
	if err := a.RequireTenant("execution_get"); err != nil {
		return nil, err
	}
	err = s.Store.View(ctx, func(tx store.Reader) error {
		x, err = visibleExecution(tx, a, id)
		return err
	})
	return x, err
}

func visibleExecution(tx store.Reader, a *Actor, id model.ExecutionID) (*model.Execution, error) {
	x, err := tx.Execution(id)
	if err == nil && (x.Tenant != a.Tenant && x.Visibility != model.VisibilityGlobal || !a.visible(x.Resource)) {
		return nil, fault.Missing("Execution", string(id))
	}
	return x, err
}

// Executions lists executions.
func (s *Service) Executions(ctx context.Context, a *Actor, q store.Query, allTenants bool) (p store.Page[*model.Execution], err error) {
	if err := a.RequireTenant("execution_list"); err != nil {
		return p, err
	}
	q.Scope = a.Scope("execution_list", allTenants)
	err = s.Store.View(ctx, func(tx store.Reader) error {
		p, err = tx.Executions(q)
		return err
	})
	return p, err
}

// Action is what may be asked of an execution.
type Action string

// The actions of the API.
const (
	ActionCancel      Action = "cancel"
	ActionForceCancel Action = "force-cancel"
	ActionKill        Action = "kill"
	ActionResume      Action = "resume"
	ActionForceResume Action = "force-resume"
)

// Actions lists every action.
var Actions = []Action{ActionCancel, ActionForceCancel, ActionKill, ActionResume, ActionForceResume}

// Act cancels or resumes an execution (workflows, sections 5.3 and 6). A cancel is durable when Act returns; the engine
// carries it out. An action that the status does not allow is fault.IllegalAction, for resume fault.Conflict.
func (s *Service) Act(ctx context.Context, a *Actor, id model.ExecutionID, action Action) (*model.Execution, error) {
	if err := a.RequireTenant("execution_cancel"); err != nil {
		return nil, err
	}
	var x *model.Execution
	var acted []*model.Execution
	err := s.Store.Update(ctx, func(tx store.Tx) (err error) {
		if x, err = visibleExecution(tx, a, id); err != nil {
			return err
		}
		acted, err = s.act(tx, x, action)
		return err
	})
	if err != nil {
		return nil, err
	}
	return x, s.Acted(acted)
}

// act does an action on an execution, and on those of the components of its deployment; it returns all of them.
func (s *Service) act(tx store.Tx, x *model.Execution, action Action) (acted []*model.Execution, err error) {
	var wants func(*model.Execution) bool
	var do func(*model.Execution) error
	switch action {
	case ActionCancel, ActionForceCancel, ActionKill:
		wants = func(c *model.Execution) bool { return !c.Status.Ended() }
		do = func(c *model.Execution) error { return s.cancel(tx, c, action) }
	case ActionResume, ActionForceResume:
		wants = func(c *model.Execution) bool {
			return c.Workflow != model.WorkflowInstall && (c.Status == model.ExecutionFailed || c.Status == model.ExecutionCancelled)
		}
		do = func(c *model.Execution) error { return s.resume(tx, c, action) }
	default:
		return nil, fault.New(fault.BadParameters, "Invalid action: %s, Valid action values are: "+
			"['cancel', 'force-cancel', 'kill', 'resume', 'force-resume']", action)
	}
	if err := do(x); err != nil {
		return nil, err
	}
	nested, err := s.actOnComponents(tx, x, wants, do)
	return append([]*model.Execution{x}, nested...), err
}

// Acted tells engine and executors of a committed action on executions.
func (s *Service) Acted(acted []*model.Execution) error {
	for _, x := range acted {
		if x.Status == model.ExecutionKillCancelling {
			if err := s.kill(x); err != nil {
				return err
			}
		}
		s.wake(x.ID)
	}
	return nil
}

// kill tells every executor to end the operations of the execution.
func (s *Service) kill(x *model.Execution) error {
	data, err := model.EncodeJSON(operation.Cancel{Execution: x.ID, Serial: x.TokenSerial})
	if err == nil {
		err = s.Bus.Notify(operation.CancelTopic, data)
	}
	if err != nil {
		return fmt.Errorf("tell the executors to kill the operations of execution %s: %w", x.ID, err)
	}
	return nil
}

func (s *Service) cancel(tx store.Tx, x *model.Execution, action Action) error {
	from := x.Status
	next := map[Action]model.ExecutionStatus{
		ActionCancel: model.ExecutionCancelling, ActionForceCancel: model.ExecutionForceCancelling, ActionKill: model.ExecutionKillCancelling,
	}[action]
	allowed := from == model.ExecutionPending || from == model.ExecutionStarted || from.Waiting() ||
		action != ActionCancel && from == model.ExecutionCancelling ||
		action == ActionKill && !from.Ended()
	if !allowed {
		name := strings.TrimSuffix(string(action), "cancel")
		if action == ActionKill {
			name = "kill-"
		}
		return fault.New(fault.IllegalAction, "Can't %scancel execution %s because it's in status %s", name, x.ID, from)
	}
	x.Status, x.Error = next, ""
	if from.Waiting() {
		// Nothing runs for it yet, so there is nothing to wait for either.
		x.Status, x.EndedAt = model.ExecutionCancelled, s.Clock.Now()
	}
	if action == ActionKill {
		s.renewToken(x)
	}
	if err := tx.UpdateExecution(x); err != nil || !x.Status.Ended() {
		return err
	}
	if err := change.NoteMember(tx, x, x.EndedAt, s.Manager); err != nil {
		return err
	}
	return change.Announce(tx, x, x.EndedAt, s.Hooked)
}

func (s *Service) resume(tx store.Tx, x *model.Execution, action Action) error {
	ended := x.Status == model.ExecutionCancelled || x.Status == model.ExecutionFailed
	if !ended && (action == ActionForceResume || x.Status != model.ExecutionStarted) {
		return fault.New(fault.Conflict, "Cannot %s execution: `%s` in state: `%s`", action, x.ID, x.Status)
	}
	if !ended {
		return nil
	}
	if x.Deployment != "" {
		d, err := tx.Deployment(x.Tenant, x.Deployment)
		if err != nil {
			return err
		}
		if err := resumable(d, x); err != nil {
			return err
		}
		if _, err := startStatus(tx, d, Start{}); err != nil {
			return err
		}
	}
	goesOn, err := resetTasks(tx, x, action == ActionForceResume)
	if err != nil {
		return err
	}
	if !goesOn {
		// What the last phase was about is over: the workflow begins again, knowing that it was resumed.
		x.Progress = model.Progress{}
	}
	x.Status, x.Resume, x.Error = model.ExecutionPending, true, ""
	x.EndedAt = time.Time{}
	s.renewToken(x)
	return tx.UpdateExecution(x)
}

// resumable refuses a resume of a workflow that is not made for it (workflows, section 5.3).
func resumable(d *model.Deployment, x *model.Execution) error {
	w, ok := d.Workflows[x.Workflow]
	if !ok {
		w.Operation = x.Workflow
	}
	if _, known := workflow.Find(w.Plugin, w.Operation); !known || workflow.Resumable(w.Plugin, w.Operation) {
		return nil
	}
	return fault.New(fault.Conflict, "Cannot resume - workflow not resumable: %s", w.Operation)
}

// resetTasks makes the operations that failed ready to run again; with force those that were under way too. A task that
// another one already repeats stays as it is (workflows, section 5.3). It reports whether the execution's graph has
// anything left to do.
func resetTasks(tx store.Tx, x *model.Execution, force bool) (goesOn bool, err error) {
	var tasks []*model.Task
	if x.Progress.Graph != "" {
		tasks, err = tx.GraphTasks(x.Progress.Graph)
	} else {
		tasks, err = foreignTasks(tx, x.ID)
	}
	if err != nil {
		return false, err
	}
	repeated := map[model.TaskID]bool{}
	for _, t := range tasks {
		if t.Parameters.RetriedTask != nil {
			repeated[*t.Parameters.RetriedTask] = true
		}
	}
	var reset []*model.Task
	for _, t := range tasks {
		goesOn = goesOn || !t.State.Ended()
		failed := t.State == model.TaskFailed || t.State == model.TaskRescheduled
		underWay := t.State == model.TaskStarted || t.State == model.TaskSent || t.State == model.TaskSending
		if repeated[t.ID] || !failed && (!force || !underWay) {
			continue
		}
		t.State, t.Parameters.CurrentRetries, t.Parameters.Error = model.TaskPending, 0, nil
		reset = append(reset, t)
	}
	return goesOn || len(reset) > 0, tx.PutTasks(reset)
}

// foreignTasks returns the tasks of the graphs that a custom workflow stored; the engine keeps no progress of those.
func foreignTasks(tx store.Tx, id model.ExecutionID) ([]*model.Task, error) {
	graphs, err := tx.Graphs(id)
	var out []*model.Task
	for _, g := range graphs {
		tasks, err := tx.GraphTasks(g.ID)
		if err != nil {
			return nil, err
		}
		out = append(out, slices.DeleteFunc(tasks, func(t *model.Task) bool { return len(t.Parameters.Foreign) == 0 })...)
	}
	return out, err
}

// SetStatus changes the status of an execution from outside, as custom workflow processes do (rest-model, section 3.3).
func (s *Service) SetStatus(ctx context.Context, a *Actor, id model.ExecutionID, next model.ExecutionStatus, text string) (x *model.Execution, err error) {
	if err := a.RequireTenant("execution_status_update"); err != nil {
		return nil, err
	}
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		if x, err = visibleExecution(tx, a, id); err != nil {
			return err
		}
		if !x.Status.CanBecome(next, x.Workflow) {
			return fault.New(fault.InvalidExecutionUpdate, "Invalid relationship - can't change status from %s to %s for \"%s\" execution "+
				"while running \"%s\" workflow.", x.Status, next, x.ID, x.Workflow)
		}
		was := x.Status
		hasBegun := x.Status == model.ExecutionStarted
		x.Status, x.Error = next, text
		switch {
		case next == model.ExecutionStarted && !hasBegun:
			x.StartedAt = s.Clock.Now()
		case next.Ended():
			x.EndedAt = s.Clock.Now()
		}
		if err := tx.UpdateExecution(x); err != nil || was == next {
			return err
		}
		if err := change.NoteMember(tx, x, s.Clock.Now(), s.Manager); err != nil {
			return err
		}
		return change.Announce(tx, x, s.Clock.Now(), s.Hooked)
	})
	return x, err
}

// Graphs lists the task graphs of an execution, those with the name when it is not empty.
func (s *Service) Graphs(ctx context.Context, a *Actor, id model.ExecutionID, name string) (graphs []*model.Graph, err error) {
	if err := a.RequireTenant("operations"); err != nil {
		return nil, err
	}
	err = s.Store.View(ctx, func(tx store.Reader) error {
		if _, err := visibleExecution(tx, a, id); err != nil {
			return err
		}
		all, err := tx.Graphs(id)
		for _, g := range all {
			if name == "" || g.Name == name {
				graphs = append(graphs, g)
			}
		}
		return err
	})
	return graphs, err
}

// Tasks lists the tasks of a graph or an execution; q.Where names one of graph_id and execution_id.
func (s *Service) Tasks(ctx context.Context, a *Actor, q store.Query) (p store.Page[*model.Task], err error) {
	if err := a.RequireTenant("operations"); err != nil {
		return p, err
	}
	q.Scope = a.Scope("operations", false)
	err = s.Store.View(ctx, func(tx store.Reader) error {
		p, err = tx.Tasks(q)
		return err
	})
	return p, err
}

// Task returns one task of an execution of the actor's tenant.
func (s *Service) Task(ctx context.Context, a *Actor, id model.TaskID) (t *model.Task, err error) {
	if err := a.RequireTenant("operations"); err != nil {
		return nil, err
	}
	err = s.Store.View(ctx, func(tx store.Reader) error {
		if t, err = tx.Task(id); err != nil {
			return err
		}
		_, err = visibleExecution(tx, a, t.Execution)
		return err
	})
	return t, err
}
