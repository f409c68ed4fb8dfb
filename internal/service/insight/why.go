package insight

import (
	"context"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/store"
	"github.com/reifyhq/reify/internal/workflow"
)

// The vocabulary of explanations is part of the use cases' interface; transports know it by these names.
type (
	// Explanation says what an execution waits for, or why it failed.
	Explanation = workflow.Explanation
	// Reason is one reason of an Explanation.
	Reason = workflow.Reason
)

// whyEvents is how many of the newest events an explanation looks at.
const whyEvents = 2000

// Why explains what an execution of the actor's tenant waits for, or why it failed.
func (s *Service) Why(ctx context.Context, a *service.Actor, id model.ExecutionID) (*model.Execution, Explanation, error) {
	if err := a.RequireTenant("execution_get"); err != nil {
		return nil, Explanation{}, err
	}
	f := workflow.Facts{Now: s.Clock.Now(), Limit: s.MaxConcurrent}
	err := s.Store.View(ctx, func(tx store.Reader) (err error) {
		if f.Execution, err = service.VisibleExecution(tx, a, id); err != nil {
			return err
		}
		if f.Tasks, err = taskFacts(tx, f.Execution); err != nil {
			return err
		}
		events, err := tx.Events(store.EventQuery{
			Scope: store.Scope{Admin: true}, Limit: whyEvents,
			Where: []store.Condition{{Field: "execution_id", Values: []string{string(id)}}},
			Sort:  []store.Order{{Field: "timestamp", Desc: true}},
		})
		if err != nil {
			return err
		}
		f.Events = events.Items
		s.agentFacts(tx, &f)
		if err := awaitedFacts(tx, &f); err != nil {
			return err
		}
		return queueFacts(tx, &f)
	})
	if err != nil {
		return nil, Explanation{}, err
	}
	return f.Execution, workflow.Why(f), nil
}

// taskFacts are the tasks of the current graph. A failed execution may have gone on to undo what it did, so all of its
// graphs count.
func taskFacts(tx store.Reader, x *model.Execution) (tasks []*model.Task, err error) {
	ids := []model.GraphID{x.Progress.Graph}
	if x.Status == model.ExecutionFailed {
		graphs, err := tx.Graphs(x.ID)
		if err != nil {
			return nil, err
		}
		ids = nil
		for _, g := range graphs {
			ids = append(ids, g.ID)
		}
	}
	for _, id := range ids {
		if id == "" {
			continue
		}
		list, err := tx.GraphTasks(id)
		if err != nil {
			return nil, err
		}
		tasks = append(tasks, list...)
	}
	return tasks, nil
}

// maxAgentFacts is how many agents an explanation looks up.
const maxAgentFacts = 50

// agentFacts finds out about the agents that operations wait for.
func (s *Service) agentFacts(tx store.Reader, f *workflow.Facts) {
	f.Agents = map[model.InstanceID]model.AgentPresence{}
	for _, t := range f.Tasks {
		call := t.Parameters.Operation
		if s.Presence == nil || call == nil || call.Operation.Executor == model.ExecutorCentral || len(f.Agents) == maxAgentFacts ||
			t.State.Ended() || t.State == model.TaskPending && !t.Parameters.ExecuteAfter.After(f.Now) {
			continue
		}
		i, err := tx.Instance(f.Execution.Tenant, call.Instance)
		if err == nil && i.HostID != "" && i.HostID != i.ID {
			i, err = tx.Instance(f.Execution.Tenant, i.HostID)
		}
		if err != nil {
			continue
		}
		record, _ := i.RuntimeProperties["cloudify_agent"].(map[string]any)
		name, _ := record["queue"].(string)
		if name == "" {
			continue
		}
		connected, since := s.Presence(operation.AgentAddress(f.Execution.Tenant, name))
		f.Agents[call.Instance] = model.AgentPresence{Name: name, Connected: connected, Since: since}
	}
}

func awaitedFacts(tx store.Reader, f *workflow.Facts) error {
	for _, id := range f.Execution.Progress.Awaits {
		x, err := tx.Execution(id)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return err
		}
		f.Awaited = append(f.Awaited, x)
	}
	return nil
}

// queueFacts finds what is in the way of a queued execution.
func queueFacts(tx store.Reader, f *workflow.Facts) error {
	x := f.Execution
	if x.Status != model.ExecutionQueued {
		return nil
	}
	if x.Deployment != "" {
		busy, err := service.Unfinished(tx, &model.Deployment{Resource: x.Resource, ID: x.Deployment})
		if err != nil {
			return err
		}
		for _, o := range busy {
			if o.ID != x.ID && (o.Status.Active() || o.CreatedAt.Before(x.CreatedAt)) {
				f.Ahead = append(f.Ahead, o)
			}
		}
	}
	var active []string
	for _, st := range model.ExecutionStatuses {
		if st.Active() {
			active = append(active, string(st))
		}
	}
	page, err := tx.Executions(store.Query{Scope: store.Scope{Admin: true}, Where: []store.Condition{
		{Field: "status", Values: active}, {Field: "is_system_workflow", Values: []string{"false"}},
	}})
	f.Active = page.Total
	if err != nil || x.Group == "" {
		return err
	}
	f.Group, err = tx.ExecutionGroup(x.Group)
	if fault.Is(err, fault.NotFound) {
		f.Group = nil
		return nil
	}
	if err != nil {
		return err
	}
	states, err := tx.GroupStates(x.Group)
	for status, n := range states {
		if status.Active() {
			f.GroupActive += n
		}
	}
	return err
}
