package rehearsal

import (
	"slices"

	"github.com/reifyhq/reify/internal/model"
)

// order answers which operations of a graph must have ended before another one begins, leaving out those that follow
// from the others.
type order struct {
	tasks   map[model.TaskID]*model.Task
	members map[model.TaskID][]*model.Task
	// followed are the tasks that another one of the same subgraph waits for.
	followed map[model.TaskID]bool
	starts   map[model.TaskID][]model.TaskID
	ends     map[model.TaskID][]model.TaskID
}

func orderOf(tasks []*model.Task) *order {
	o := &order{
		tasks: make(map[model.TaskID]*model.Task, len(tasks)), members: map[model.TaskID][]*model.Task{},
		followed: map[model.TaskID]bool{}, starts: map[model.TaskID][]model.TaskID{}, ends: map[model.TaskID][]model.TaskID{},
	}
	for _, t := range tasks {
		o.tasks[t.ID] = t
		if p := t.Parameters.ContainingSubgraph; p != nil {
			o.members[*p] = append(o.members[*p], t)
		}
	}
	for _, t := range tasks {
		for _, id := range t.Dependencies {
			if d := o.tasks[id]; d != nil && isBeside(d, t) {
				o.followed[id] = true
			}
		}
	}
	return o
}

// isBeside reports whether two tasks are in the same subgraph.
func isBeside(a, b *model.Task) bool {
	p, q := a.Parameters.ContainingSubgraph, b.Parameters.ContainingSubgraph
	return p != nil && q != nil && *p == *q
}

// before returns the operations that end right before a task may start.
func (o *order) before(id model.TaskID) []model.TaskID {
	if known, ok := o.starts[id]; ok {
		return known
	}
	t := o.tasks[id]
	if t == nil {
		return nil
	}
	o.starts[id] = nil
	var out []model.TaskID
	for _, d := range t.Dependencies {
		if o.contains(d, t) {
			out = append(out, o.before(d)...)
		} else {
			out = append(out, o.after(d)...)
		}
	}
	out = unique(out)
	o.starts[id] = out
	return out
}

// after returns the operations that have ended when a task has: itself, or the last ones within or before it.
func (o *order) after(id model.TaskID) []model.TaskID {
	if known, ok := o.ends[id]; ok {
		return known
	}
	t := o.tasks[id]
	if t == nil {
		return nil
	}
	var out []model.TaskID
	switch {
	case t.Parameters.Operation != nil:
		out = []model.TaskID{id}
	case len(o.members[id]) > 0:
		for _, m := range o.members[id] {
			if !o.followed[m.ID] {
				out = append(out, o.after(m.ID)...)
			}
		}
	default:
		out = o.before(id)
	}
	out = unique(out)
	o.ends[id] = out
	return out
}

// contains reports whether a task is in the subgraph, directly or not.
func (o *order) contains(subgraph model.TaskID, t *model.Task) bool {
	for t != nil && t.Parameters.ContainingSubgraph != nil {
		if *t.Parameters.ContainingSubgraph == subgraph {
			return true
		}
		t = o.tasks[*t.Parameters.ContainingSubgraph]
	}
	return false
}

func unique(ids []model.TaskID) []model.TaskID {
	slices.Sort(ids)
	return slices.Compact(ids)
}
