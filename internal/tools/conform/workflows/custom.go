package workflows

import (
	"fmt"
	"slices"
	"strings"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/workflow"
)

// The recordings contain workflows written in Python. They are replayed as the task graphs that these functions build,
// which shows that the reducer runs graphs other than those of the built-in workflows.

// customProgram returns the graph of a custom workflow of the recordings.
func customProgram(operation string) (workflow.Program, bool) {
	build := map[string]func(*custom){
		"nested": (*custom).nested, "sequential": (*custom).sequential, "failing_subgraph": (*custom).failingSubgraph,
	}[strings.TrimPrefix(operation, "trace_custom_wf.")]
	if build == nil {
		return nil, false
	}
	return func(s *workflow.State) (*workflow.Phase, error) {
		if s.Failure != nil {
			return nil, s.Failure
		}
		if s.Step > 0 {
			return nil, nil
		}
		c := &custom{s: s, instances: slices.Clone(s.Model.Instances)}
		slices.SortFunc(c.instances, func(a, b *model.NodeInstance) int { return strings.Compare(string(a.ID), string(b.ID)) })
		build(c)
		return &workflow.Phase{Graph: &workflow.Graph{Name: "custom", Tasks: c.tasks}}, nil
	}, true
}

// custom builds a graph by hand.
type custom struct {
	s         *workflow.State
	instances []*model.NodeInstance
	tasks     []*model.Task
}

func (c *custom) task(kind model.TaskType, name string, parent *model.Task, after ...*model.Task) *model.Task {
	t := &model.Task{ID: c.s.NewTaskID(), Type: kind, Name: name, State: model.TaskPending}
	t.Parameters.SendTaskEvents = true
	if parent != nil {
		id := parent.ID
		t.Parameters.ContainingSubgraph = &id
		t.Dependencies = append(t.Dependencies, id)
	}
	for _, a := range after {
		t.Dependencies = append(t.Dependencies, a.ID)
	}
	c.tasks = append(c.tasks, t)
	return t
}

func (c *custom) op(i *model.NodeInstance, name string, kwargs model.Document, parent *model.Task, after ...*model.Task) *model.Task {
	at := slices.IndexFunc(c.s.Model.Nodes, func(n *model.Node) bool { return n.ID == i.Node })
	op := c.s.Model.Nodes[at].Operations[name]
	t := c.task(model.TaskRemote, op.Function, parent, after...)
	merged := model.Document{}
	for _, d := range []model.Document{op.Inputs, kwargs} {
		for k, v := range d {
			merged[k] = v
		}
	}
	t.Parameters.TotalRetries = c.s.Settings.TaskRetries
	t.Parameters.Operation = &model.OperationCall{Name: name, Instance: i.ID, Node: i.Node, Operation: op, Kwargs: merged}
	return t
}

func (c *custom) event(i *model.NodeInstance, text string, parent *model.Task, after ...*model.Task) *model.Task {
	t := c.task(model.TaskSendEvent, "SendNodeEventTask", parent, after...)
	t.Parameters.NodeEvent = &model.NodeEvent{Instance: i.ID, Message: text}
	return t
}

func (c *custom) note(text string, parent *model.Task, after ...*model.Task) *model.Task {
	t := c.task(model.TaskWorkflowNote, "SendWorkflowEventTask", parent, after...)
	t.Parameters.Info = text
	return t
}

func (c *custom) nested() {
	var last []*model.Task
	for n := range 2 {
		outer := c.task(model.TaskSubgraph, fmt.Sprintf("outer%d", n), nil, last...)
		inner := c.task(model.TaskSubgraph, fmt.Sprintf("inner%d", n), outer)
		var all []*model.Task
		for _, i := range c.instances {
			all = append(all, c.op(i, "custom.run", model.Document{"n": n}, inner))
		}
		c.note(fmt.Sprintf("inner %d done", n), inner, all...)
		c.event(c.instances[0], fmt.Sprintf("outer %d done", n), outer, inner)
		last = []*model.Task{outer}
	}
}

func (c *custom) sequential() {
	var last []*model.Task
	next := func(t *model.Task) { last = []*model.Task{t} }
	state := func(i *model.NodeInstance, s model.InstanceState) {
		t := c.task(model.TaskSetState, "SetNodeInstanceStateTask", nil, last...)
		t.Parameters.SetState = &model.SetState{Instance: i.ID, State: s}
		next(t)
	}
	for _, i := range c.instances {
		state(i, "busy")
		next(c.event(i, "working", nil, last...))
		next(c.op(i, "custom.run", model.Document{"n": 7}, nil, last...))
		state(i, model.InstanceStarted)
	}
	c.note("all done", nil, last...)
}

func (c *custom) failingSubgraph() {
	outer := c.task(model.TaskSubgraph, "outer", nil)
	inner := c.task(model.TaskSubgraph, "inner", outer)
	c.op(c.instances[0], "custom.fatal", nil, inner)
	c.op(c.instances[1], "custom.run", nil, nil, outer)
}
