package workflow

import (
	"fmt"

	"github.com/reifyhq/reify/internal/model"
)

// NewRun takes the stored tasks of one graph, fresh or partly done, in creation order, and the deployment's snapshot,
// whose instances it keeps in step with the effects it returns.
//
// Of a partly done graph ended tasks are skipped, with the chain of retries followed; subgraphs in which something had
// begun are restored as started; operations that were on their way are sent again (workflows, section 5.2). Members of
// a subgraph that failed for good are left out. With opt.Resume interrupted installations get their cleanup (workflows,
// section 5.4); opt.Fresh says that nothing of it was stored before. A graph with a cycle or a dangling reference is an error.
func NewRun(tasks []*model.Task, snap *Snapshot, opt RunOptions) (*Run, error) {
	r := &Run{
		opt:   opt,
		view:  newView(snap),
		nodes: make([]node, 0, len(tasks)),
		index: make(map[model.TaskID]int32, len(tasks)),
	}
	r.given = len(tasks)
	if opt.Resume {
		tasks, r.added = withCleanup(tasks, r.view, opt)
	}
	for _, t := range tasks {
		if _, twice := r.index[t.ID]; twice {
			return nil, fmt.Errorf("task graph: task %s is there twice", t.ID)
		}
		r.addNode(t)
	}
	if err := r.relate(0); err != nil {
		return nil, err
	}
	droppers, err := r.droppers()
	if err != nil {
		return nil, err
	}
	r.restorePhases(droppers)
	if err := r.link(droppers); err != nil {
		return nil, err
	}
	r.restoreErrors()
	if err := r.checkCycles(); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *Run) addNode(t *model.Task) int32 {
	i := int32(len(r.nodes))
	r.index[t.ID] = i
	r.nodes = append(r.nodes, node{task: t, parent: none, retry: none, failed: none})
	return i
}

// relate finds the containing subgraphs and the retries of the nodes from the index on.
func (r *Run) relate(from int) error {
	for i := from; i < len(r.nodes); i++ {
		n := &r.nodes[i]
		if id := n.task.Parameters.ContainingSubgraph; id != nil {
			p, ok := r.index[*id]
			if !ok || r.nodes[p].task.Type != model.TaskSubgraph {
				return fmt.Errorf("task graph: task %s is in %s, which is not a subgraph of the graph", n.task.ID, *id)
			}
			n.parent = p
		}
		if id := n.task.Parameters.RetriedTask; id != nil {
			if old, ok := r.index[*id]; ok && int(old) != i {
				r.nodes[old].retry = int32(i)
			}
		}
	}
	return nil
}

// droppers gives for each task the ended subgraph around it that took its members out of the graph, or none.
func (r *Run) droppers() ([]int32, error) {
	const unknown, onPath int32 = -2, -3
	found := make([]int32, len(r.nodes))
	for i := range found {
		found[i] = unknown
	}
	var path []int32
	for i := range r.nodes {
		path = path[:0]
		j := int32(i)
		for j != none && found[j] == unknown {
			found[j] = onPath
			path = append(path, j)
			j = r.nodes[j].parent
		}
		if j != none && found[j] == onPath {
			return nil, fmt.Errorf("task graph: subgraph %s contains itself", r.nodes[j].task.ID)
		}
		for k := len(path) - 1; k >= 0; k-- {
			j = path[k]
			switch p := r.nodes[j].parent; {
			case p == none:
				found[j] = none
			case found[p] != none:
				found[j] = found[p]
			case r.dropsMembers(p):
				found[j] = p
			default:
				found[j] = none
			}
		}
	}
	return found, nil
}

// dropsMembers reports whether a subgraph has ended in a way that ends its members too.
func (r *Run) dropsMembers(i int32) bool {
	t := r.nodes[i].task
	if !t.State.Ended() {
		return false
	}
	return t.State == model.TaskSucceeded || r.nodes[i].retry != none || stopsMembers(t.Parameters.OnFailure)
}

func (r *Run) restorePhases(droppers []int32) {
	for i := range r.nodes {
		n := &r.nodes[i]
		if n.task.State != model.TaskPending {
			for p := n.parent; p != none && !r.nodes[p].begun; p = r.nodes[p].parent {
				r.nodes[p].begun = true
			}
		}
		switch {
		case n.task.State.Ended():
			n.phase = done
		case droppers[i] != none:
			n.dropped, n.phase = true, done
			if n.task.Type == model.TaskRemote && n.task.State != model.TaskPending {
				n.phase = running
				r.inFlight++
			}
		default:
			r.alive++
		}
	}
}

// link makes the edges between the tasks that have not ended.
func (r *Run) link(droppers []int32) error {
	for i := range r.nodes {
		n := &r.nodes[i]
		isLive := n.phase == waiting
		if isLive && n.parent != none {
			p := &r.nodes[n.parent]
			p.members = append(p.members, int32(i))
			if !p.task.State.Ended() {
				p.open++
				n.waits++
			}
		}
		for _, id := range n.task.Dependencies {
			j, ok := r.index[id]
			if !ok {
				return fmt.Errorf("task graph: task %s depends on %s, which is not in the graph", n.task.ID, id)
			}
			if !isLive || j == n.parent {
				continue
			}
			target, isFailed, err := r.follow(int32(i), j, droppers)
			switch {
			case err != nil:
				return err
			case isFailed:
				n.blocked = true
			case target != none:
				r.nodes[target].next = append(r.nodes[target].next, int32(i))
				n.waits++
			}
		}
	}
	return nil
}

// follow finds what task i waits for when it depends on j: another task, nothing any more (none), or something that
// failed.
func (r *Run) follow(i, j int32, droppers []int32) (target int32, isFailed bool, err error) {
	for range len(r.nodes) + 1 {
		n := &r.nodes[j]
		switch {
		case n.retry != none:
			j = n.retry
		case !n.task.State.Ended() && n.dropped:
			j = droppers[j]
		case !n.task.State.Ended():
			return j, false, nil
		case n.task.State == model.TaskSucceeded, wasIgnored(n.task):
			return none, false, nil
		case n.parent == none:
			return none, true, nil
		case r.inside(i, n.parent):
			return none, false, nil
		default:
			j = n.parent
		}
	}
	return none, false, fmt.Errorf("task graph: the retries of task %s form a circle", r.nodes[j].task.ID)
}

// wasIgnored reports whether the graph went on after the failure of a task. A refused repetition that the operation had
// asked for never reaches the handler.
func wasIgnored(t *model.Task) bool {
	return t.State == model.TaskFailed && ignoresFailure(t.Parameters.OnFailure)
}

// restoreErrors finds the failures that had already happened.
func (r *Run) restoreErrors() {
	for i := range r.nodes {
		n := &r.nodes[i]
		isFailure := n.task.State.Ended() && n.task.State != model.TaskSucceeded && n.retry == none && !wasIgnored(n.task)
		switch {
		case !isFailure:
		case n.parent == none:
			r.errors = append(r.errors, int32(i))
		case r.nodes[n.parent].failed == none && r.nodes[n.parent].task.State.Ended():
			r.nodes[n.parent].failed = int32(i)
		}
	}
	for i := range r.nodes {
		for f := r.nodes[i].failed; f != none && r.passedOn(f) != f; f = r.nodes[i].failed {
			r.nodes[i].failed = r.passedOn(f)
		}
	}
}

// checkCycles runs through the graph without effects; what cannot be reached is in a circle.
func (r *Run) checkCycles() error {
	waits := make([]int32, len(r.nodes))
	open := make([]int32, len(r.nodes))
	var work []int32
	for i := range r.nodes {
		waits[i], open[i] = r.nodes[i].waits, r.nodes[i].open
		if r.nodes[i].phase == waiting && waits[i] == 0 {
			work = append(work, int32(i))
		}
	}
	seen := 0
	var ends []int32
	less := func(list []int32) {
		for _, d := range list {
			if waits[d]--; waits[d] == 0 {
				work = append(work, d)
			}
		}
	}
	for len(work) > 0 {
		i := work[len(work)-1]
		work = work[:len(work)-1]
		if open[i] > 0 {
			less(r.nodes[i].members)
			continue
		}
		for ends = append(ends[:0], i); len(ends) > 0; {
			i, ends = ends[len(ends)-1], ends[:len(ends)-1]
			seen++
			less(r.nodes[i].next)
			if p := r.nodes[i].parent; p != none && open[p] > 0 {
				if open[p]--; open[p] == 0 {
					ends = append(ends, p)
				}
			}
		}
	}
	if seen != r.alive {
		return fmt.Errorf("task graph: %d of %d tasks are in a circle or wait for one", r.alive-seen, r.alive)
	}
	return nil
}
