package workflow

import (
	"slices"

	"github.com/reifyhq/reify/internal/model"
)

// builder makes the tasks of one graph, in creation order. The first thing that goes wrong is kept in err.
type builder struct {
	view     *view
	settings Settings
	dryRun   bool
	newID    func() model.TaskID
	tasks    []*model.Task
	err      error
}

func newBuilder(s *State) *builder {
	return &builder{view: newView(s.Model), settings: s.Settings, dryRun: s.DryRun, newID: s.NewTaskID}
}

// task adds a task that is in no subgraph yet.
func (b *builder) task(kind model.TaskType, name string) *model.Task {
	t := &model.Task{ID: b.newID(), Name: name, Type: kind, State: model.TaskPending}
	b.tasks = append(b.tasks, t)
	return t
}

// subgraph adds a subgraph, inside the parent unless that is nil.
func (b *builder) subgraph(name string, parent *model.Task) *model.Task {
	t := b.task(model.TaskSubgraph, name)
	t.Parameters.SendTaskEvents = true
	t.Parameters.TotalRetries = b.settings.SubgraphRetries
	t.Parameters.Info = map[string]any{"name": name}
	b.put(t, parent)
	return t
}

// put places a task into a subgraph.
func (b *builder) put(t, parent *model.Task) {
	if t == nil || parent == nil || t.Parameters.ContainingSubgraph != nil {
		return
	}
	id := parent.ID
	t.Parameters.ContainingSubgraph = &id
	t.Dependencies = append(t.Dependencies, id)
}

// depend makes t wait for the end of on.
func (b *builder) depend(t, on *model.Task) {
	if t != nil && on != nil && !slices.Contains(t.Dependencies, on.ID) {
		t.Dependencies = append(t.Dependencies, on.ID)
	}
}

// state adds a change of an instance's state.
func (b *builder) state(i *model.NodeInstance, s model.InstanceState) *model.Task {
	t := b.task(model.TaskSetState, "SetNodeInstanceStateTask")
	t.Parameters.Info = string(s)
	t.Parameters.SetState = &model.SetState{Instance: i.ID, State: s}
	return t
}

// event adds a node event.
func (b *builder) event(i *model.NodeInstance, message string) *model.Task {
	t := b.task(model.TaskSendEvent, "SendNodeEventTask")
	t.Parameters.NodeEvent = &model.NodeEvent{Instance: i.ID, Message: message}
	return t
}

// sequence puts tasks into a subgraph (or the graph itself when that is nil), one group after another.
type sequence struct {
	b      *builder
	parent *model.Task
	last   []*model.Task
}

func (b *builder) sequence(parent *model.Task) *sequence { return &sequence{b: b, parent: parent} }

// add appends a group of tasks that run in parallel. Nil tasks are passed over, and a group of nothing is no group
// (workflows, section 2.2).
func (s *sequence) add(group ...*model.Task) {
	group = slices.DeleteFunc(slices.Clone(group), func(t *model.Task) bool { return t == nil })
	if len(group) == 0 {
		return
	}
	for _, t := range group {
		s.b.put(t, s.parent)
		for _, l := range s.last {
			s.b.depend(t, l)
		}
	}
	s.last = group
}

// each appends tasks one after another.
func (s *sequence) each(tasks ...*model.Task) {
	for _, t := range tasks {
		s.add(t)
	}
}

// graph hands over the tasks, without no-operations and subgraphs that hold nothing; what waited for those waits for
// what they waited for (workflows, section 2.2).
func (b *builder) graph(name string) (*Graph, error) {
	if b.err != nil {
		return nil, b.err
	}
	return &Graph{Name: name, Tasks: withoutEmpty(b.tasks)}, nil
}

func withoutEmpty(tasks []*model.Task) []*model.Task {
	members := make(map[model.TaskID]int)
	for _, t := range tasks {
		if p := t.Parameters.ContainingSubgraph; p != nil {
			members[*p]++
		}
	}
	gone := make(map[model.TaskID]*model.Task)
	for _, t := range slices.Backward(tasks) {
		isNop := t.Type == model.TaskNop && t.Parameters.OnSuccess == nil && t.Parameters.OnFailure == nil
		if isNop || t.Type == model.TaskSubgraph && members[t.ID] == 0 {
			gone[t.ID] = t
			if p := t.Parameters.ContainingSubgraph; p != nil {
				members[*p]--
			}
		}
	}
	if len(gone) == 0 {
		return tasks
	}
	kept := make([]*model.Task, 0, len(tasks)-len(gone))
	for _, t := range tasks {
		if gone[t.ID] == nil {
			t.Dependencies = inherited(t, gone)
			kept = append(kept, t)
		}
	}
	return kept
}

// inherited are the dependencies of a task with those that are gone replaced by theirs.
func inherited(t *model.Task, gone map[model.TaskID]*model.Task) []model.TaskID {
	if !slices.ContainsFunc(t.Dependencies, func(id model.TaskID) bool { return gone[id] != nil }) {
		return t.Dependencies
	}
	var out []model.TaskID
	seen := make(map[model.TaskID]bool)
	work := slices.Clone(t.Dependencies)
	for len(work) > 0 {
		id := work[0]
		work = work[1:]
		if seen[id] {
			continue
		}
		seen[id] = true
		g := gone[id]
		if g == nil {
			out = append(out, id)
			continue
		}
		for _, d := range g.Dependencies {
			if p := g.Parameters.ContainingSubgraph; p == nil || d != *p {
				work = append(work, d)
			}
		}
	}
	return out
}
