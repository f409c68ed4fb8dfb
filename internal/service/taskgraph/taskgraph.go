// Package taskgraph holds the use cases of task graphs whose owner is a process outside of the manager: a custom workflow
// stores its graph, tells how its tasks fare, and finds all of it again when it is resumed (rest-api, section 10).
//
// It is a room of package service and follows its rules. It never runs a task: the engine sends what the owner of the
// graph asks it to send. Graphs of built-in workflows belong to the engine and are only read by others.
package taskgraph

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/reifyhq/reify/internal/change"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/store"
)

// Service runs the use cases. It is safe for concurrent use.
type Service struct{ *service.Service }

// New returns the room over the service.
func New(s *service.Service) *Service { return &Service{s} }

// Update is a new state of a task.
type Update = change.TaskUpdate

// maxTasks bounds the tasks of one graph.
const maxTasks = 1_000_000

// NewTask is a task as its owner describes it; an empty state is pending.
type NewTask struct {
	ID           model.TaskID
	Name         string
	Type         model.TaskType
	State        model.TaskState
	Dependencies []model.TaskID
	// Parameters is the document of the task in the form of workflows, section 5.1.
	Parameters json.RawMessage
}

// states are the states that a task may be put into.
var states = map[model.TaskState]bool{
	model.TaskPending: true, model.TaskSending: true, model.TaskSent: true, model.TaskStarted: true, model.TaskResponseSent: true,
	model.TaskRescheduled: true, model.TaskSucceeded: true, model.TaskFailed: true,
}

func checkState(s model.TaskState) error {
	if !states[s] {
		return fault.New(fault.BadParameters, "%q is not a state of an operation", s)
	}
	return nil
}

// visible returns an execution of the actor's tenant.
func visible(tx store.Reader, a *service.Actor, id model.ExecutionID) (*model.Execution, error) {
	x, err := tx.Execution(id)
	if err == nil && (x.Tenant != a.Tenant && x.Visibility != model.VisibilityGlobal || !a.Sees(x.Resource)) {
		return nil, fault.Missing("Execution", string(id))
	}
	return x, err
}

// Create stores a graph with its tasks. An execution has one graph of a name: a second one is fault.Conflict. An empty id
// is a fresh one.
func (s *Service) Create(ctx context.Context, a *service.Actor, id model.GraphID, execution model.ExecutionID, name string,
	tasks []NewTask) (*model.Graph, model.Resource, error) {
	if err := a.RequireTenant("operations"); err != nil {
		return nil, model.Resource{}, err
	}
	if len(tasks) > maxTasks {
		return nil, model.Resource{}, fault.New(fault.BadParameters, "a tasks graph has at most %d operations; this one has %d", maxTasks, len(tasks))
	}
	if id == "" {
		id = model.GraphID(uuid.NewString())
	}
	var of model.Resource
	g := &model.Graph{ID: id, Execution: execution, Name: name, CreatedAt: s.Clock.Now()}
	list, err := s.build(g, tasks)
	if err != nil {
		return nil, of, err
	}
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		x, err := visible(tx, a, execution)
		if err != nil {
			return err
		}
		of = x.Resource
		graphs, err := tx.Graphs(x.ID)
		if err != nil {
			return err
		}
		for _, other := range graphs {
			if other.Name == name {
				return fault.New(fault.Conflict, "execution `%s` has a tasks graph with the name `%s` already", x.ID, name)
			}
		}
		if err := tx.InsertGraph(g); err != nil {
			return err
		}
		for _, t := range list {
			if t.Type != model.TaskNop {
				x.TotalOperations++
			}
		}
		if err := tx.InsertTasks(list); err != nil {
			return err
		}
		return tx.UpdateExecution(x)
	})
	return g, of, err
}

func (s *Service) build(g *model.Graph, tasks []NewTask) ([]*model.Task, error) {
	list := make([]*model.Task, 0, len(tasks))
	for _, n := range tasks {
		t, err := s.task(g, n)
		if err != nil {
			return nil, fmt.Errorf("operation %s: %w", n.ID, err)
		}
		list = append(list, t)
	}
	return list, nil
}

func (s *Service) task(g *model.Graph, n NewTask) (*model.Task, error) {
	if n.State == "" {
		n.State = model.TaskPending
	}
	if err := checkState(n.State); err != nil {
		return nil, err
	}
	if n.ID == "" {
		n.ID = model.TaskID(uuid.NewString())
	}
	p, err := change.ForeignParameters(n.Type, n.Parameters)
	if err != nil {
		return nil, err
	}
	return &model.Task{
		ID: n.ID, Graph: g.ID, Execution: g.Execution, Name: n.Name, Type: n.Type, State: n.State, Dependencies: n.Dependencies,
		Parameters: p, CreatedAt: s.Clock.Now(),
	}, nil
}

// Add stores one more task of a graph, such as the repetition of one that failed.
func (s *Service) Add(ctx context.Context, a *service.Actor, graph model.GraphID, n NewTask) (*model.Task, error) {
	if err := a.RequireTenant("operations"); err != nil {
		return nil, err
	}
	var t *model.Task
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		g, err := tx.Graph(graph)
		if err != nil {
			return err
		}
		x, err := visible(tx, a, g.Execution)
		if err != nil {
			return err
		}
		if t, err = s.task(g, n); err != nil {
			return err
		}
		if err := tx.InsertTasks([]*model.Task{t}); err != nil {
			return err
		}
		if t.Type == model.TaskNop {
			return nil
		}
		x.TotalOperations++
		return tx.UpdateExecution(x)
	})
	return t, err
}

// SetState records the new state of a task with everything that follows from it; see change.SetTaskState.
func (s *Service) SetState(ctx context.Context, a *service.Actor, id model.TaskID, u Update) error {
	if err := a.RequireTenant("operations"); err != nil {
		return err
	}
	if err := checkState(u.State); err != nil {
		return err
	}
	return s.Store.Update(ctx, func(tx store.Tx) error {
		t, err := tx.Task(id)
		if err != nil {
			return err
		}
		x, err := visible(tx, a, t.Execution)
		if err != nil {
			return err
		}
		return change.SetTaskState(tx, x, t, u, s.Clock.Now())
	})
}

// Remove takes a task out of its graph.
func (s *Service) Remove(ctx context.Context, a *service.Actor, id model.TaskID) (t *model.Task, err error) {
	if err := a.RequireTenant("operations"); err != nil {
		return nil, err
	}
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		if t, err = tx.Task(id); err != nil {
			return err
		}
		x, err := visible(tx, a, t.Execution)
		if err != nil {
			return err
		}
		if err := tx.DeleteTask(id); err != nil {
			return err
		}
		if t.Type == model.TaskNop {
			return nil
		}
		x.TotalOperations--
		if t.State.Ended() {
			x.FinishedOperations--
		}
		return tx.UpdateExecution(x)
	})
	return t, err
}

// Graph returns a graph and the resource that it belongs to.
func (s *Service) Graph(ctx context.Context, a *service.Actor, id model.GraphID) (g *model.Graph, of model.Resource, err error) {
	if err := a.RequireTenant("operations"); err != nil {
		return nil, of, err
	}
	err = s.Store.View(ctx, func(tx store.Reader) error {
		if g, err = tx.Graph(id); err != nil {
			return err
		}
		x, err := visible(tx, a, g.Execution)
		if err == nil {
			of = x.Resource
		}
		return err
	})
	return g, of, err
}
