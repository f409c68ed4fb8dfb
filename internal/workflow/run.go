package workflow

import (
	"container/heap"
	"math"
	"time"

	"github.com/reifyhq/reify/internal/model"
)

// RunOptions are what a Run needs besides its tasks.
type RunOptions struct {
	Settings Settings
	// DryRun marks the events of the run as those of a dry run.
	DryRun bool
	// NewTaskID returns a fresh id for a retry on every call.
	NewTaskID func() model.TaskID
	// Fresh is set when the tasks have never been stored: only then their operations are counted by Begin.
	Fresh bool
	// Resume is set when a user resumed the execution, whose failed tasks were reset before: installations that were
	// interrupted are cleaned up first. It may stay set for the rest of the execution.
	Resume bool
}

// phase is where a task of a run stands. It adds to the stored state what only a running graph has to know.
type phase uint8

const (
	// waiting: something it depends on has not ended.
	waiting phase = iota
	// queued: nothing is awaited any more, it starts within this step.
	queued
	// timed: it waits for its ExecuteAfter.
	timed
	// running: a remote task that was sent, or a subgraph that started.
	running
	// done: it ended, or it was left out.
	done
)

// none stands for no task.
const none int32 = -1

// node is a task of a run with its edges, which are indices into Run.nodes.
type node struct {
	task *model.Task
	// next are the tasks that wait for the end of this one.
	next []int32
	// members are the tasks that a subgraph contains; they wait for its start.
	members []int32
	// parent is the containing subgraph.
	parent int32
	// retry is the task that repeats this one.
	retry int32
	// failed is, of a subgraph, the first member that failed.
	failed int32
	// waits counts the ends and starts that are still awaited.
	waits int32
	// open counts the members of a subgraph that have not ended.
	open  int32
	phase phase
	// blocked: a task that this one depends on failed; it never starts.
	blocked bool
	// dropped: the failure of its subgraph took it out of the graph; when it is running its end is only recorded.
	dropped bool
	// touched: it is in Effects.Tasks of the current step.
	touched bool
	// written: it is in Effects.Written of the current step.
	written bool
	// begun: the subgraph had started before it was stored, so no event says so again.
	begun bool
}

// Run is one task graph in motion. It is not safe for concurrent use; everything it holds can be rebuilt from its tasks.
type Run struct {
	opt   RunOptions
	view  *view
	nodes []node
	index map[model.TaskID]int32

	// ready and ended are the work of the current step: tasks that may start and tasks whose end has consequences.
	ready, ended []int32
	timers       timers
	// alive counts the tasks that have not ended and were not dropped; inFlight those that were sent or are timed.
	alive, inFlight int
	// errors are the tasks whose failure fails the graph.
	errors []int32
	// added are the tasks that were made or changed by NewRun, which was given as many tasks as given says.
	added    []model.TaskID
	given    int
	failedAt time.Time
	over     bool
	now      time.Time
	out      *Effects
}

// Advance applies one input at the given time and returns what must happen because of it. After the effects with an End
// were returned every further input is ignored.
func (r *Run) Advance(now time.Time, in Input) Effects {
	var out Effects
	if r.over {
		return out
	}
	r.now, r.out = now, &out
	switch in := in.(type) {
	case Begin:
		r.begin()
	case Started:
		r.remoteStarted(in.Task)
	case Finished:
		r.remoteFinished(in)
	case Cancel:
		r.end(true)
	}
	if !r.over {
		r.wakeTimers()
		r.drain()
		r.settle()
	}
	for _, t := range out.Tasks {
		n := &r.nodes[r.index[t.ID]]
		n.touched, n.written = false, false
	}
	r.out = nil
	return out
}

// begin starts the tasks that nothing holds back. Operations of a fresh graph are counted here.
func (r *Run) begin() {
	for _, id := range r.added {
		i := r.index[id]
		if t := r.nodes[i].task; int(i) >= r.given {
			t.CreatedAt = r.now
			r.out.Total++
		}
		r.rewrite(i)
	}
	r.added = nil
	for i := range r.nodes {
		n := &r.nodes[i]
		if r.opt.Fresh && counts(n.task) {
			r.out.Total++
		}
		switch {
		case n.dropped && n.phase == running:
			r.out.Send = append(r.out.Send, n.task)
		case n.phase == waiting && n.waits == 0:
			r.enqueue(int32(i))
		}
	}
	if len(r.errors) > 0 {
		r.failedAt = r.now
	}
}

// counts reports whether a task counts as an operation of its execution (workflows, section 5.1).
func counts(t *model.Task) bool { return t.Type != model.TaskNop }

// drain works until no task can start and no end is left without its consequences. Ends go first, so that a failed
// subgraph takes its remaining tasks out before any of them starts.
func (r *Run) drain() {
	ended, ready := 0, 0
	for {
		switch {
		case ended < len(r.ended):
			ended++
			r.terminated(r.ended[ended-1])
		case ready < len(r.ready):
			ready++
			r.launch(r.ready[ready-1])
		default:
			// The buffers are kept for the next step unless this one was unusually wide.
			r.ended, r.ready = r.ended[:0], r.ready[:0]
			if cap(r.ready) > 4096 {
				r.ready = nil
			}
			if cap(r.ended) > 4096 {
				r.ended = nil
			}
			return
		}
	}
}

// settle ends the run when nothing is left to do and says otherwise when to look again (workflows, section 3).
func (r *Run) settle() {
	switch {
	case r.inFlight == 0, len(r.errors) > 0 && !r.now.Before(r.deadline()):
		r.end(false)
		return
	}
	r.out.Wake = r.timers.next(r)
	if len(r.errors) > 0 && (r.out.Wake.IsZero() || r.deadline().Before(r.out.Wake)) {
		r.out.Wake = r.deadline()
	}
}

func (r *Run) deadline() time.Time { return r.failedAt.Add(r.opt.Settings.WaitAfterFail) }

// end finishes the run. An error that happened before a cancel wins, as in the reference (workflows, section 3).
func (r *Run) end(cancelled bool) {
	r.over = true
	r.out.End = &End{}
	switch {
	case len(r.errors) > 0:
		failed := make([]*model.Task, len(r.errors))
		for k, i := range r.errors {
			failed[k] = r.nodes[r.culprit(i)].task
		}
		r.out.End.Failure = newFailure(failed)
	case cancelled:
		r.out.End.Cancelled = true
	case r.alive > 0:
		r.out.End.Failure = &Failure{Message: "Task graph cannot go on: tasks wait for others that will never end"}
	}
}

// culprit is the task whose failure is reported for task i: of a subgraph the member that failed it (workflows, section 3).
func (r *Run) culprit(i int32) int32 {
	if f := r.nodes[i].failed; f != none {
		return f
	}
	return i
}

// passedOn is the task that a containing subgraph gets to know as failed: relationship and life cycle subgraphs pass the
// culprit on, others stand for themselves.
func (r *Run) passedOn(i int32) int32 {
	if h := r.nodes[i].task.Parameters.OnFailure; h != nil && (h.Kind == onRelationships || h.Kind == onLifecycle) {
		return r.culprit(i)
	}
	return i
}

func (r *Run) enqueue(i int32) {
	r.nodes[i].phase = queued
	r.ready = append(r.ready, i)
}

// touch puts a task into the effects of this step, once.
func (r *Run) touch(i int32) {
	n := &r.nodes[i]
	if !n.touched {
		n.touched = true
		r.out.Tasks = append(r.out.Tasks, n.task)
	}
}

// rewrite puts a task into the effects of this step whose documents changed.
func (r *Run) rewrite(i int32) {
	r.touch(i)
	n := &r.nodes[i]
	if !n.written {
		n.written = true
		r.out.Written = append(r.out.Written, n.task)
	}
}

// emit adds an event about a task.
func (r *Run) emit(i int32, kind model.EventType, verb, detail string) {
	t := r.nodes[i].task
	if !t.Parameters.SendTaskEvents {
		return
	}
	e := Event{Type: kind, Task: t.ID, Message: taskMessage(t, verb, detail, r.opt.DryRun)}
	if op := t.Parameters.Operation; op != nil {
		e.Operation, e.Instance = op.Name, op.Instance
	}
	if err := t.Parameters.Error; err != nil && (kind == model.EventTaskFailed || kind == model.EventTaskRescheduled) {
		e.Causes = err.Causes
	}
	r.event(e)
}

func (r *Run) event(e Event) {
	e.States = len(r.out.States)
	if r.out.Events == nil {
		// Most steps report the end of one operation and the sending of the next.
		r.out.Events = make([]Event, 0, 3)
	}
	r.out.Events = append(r.out.Events, e)
}

// timer is a task that waits for a time.
type timer struct {
	at   time.Time
	node int32
}

// timers is a heap of timers, earliest first. Timers of tasks that are no longer timed are dropped when they surface.
type timers []timer

func (t timers) Len() int { return len(t) }
func (t timers) Less(i, j int) bool {
	if t[i].at.Equal(t[j].at) {
		return t[i].node < t[j].node
	}
	return t[i].at.Before(t[j].at)
}
func (t timers) Swap(i, j int) { t[i], t[j] = t[j], t[i] }

// Push is for package heap.
func (t *timers) Push(x any) {
	if v, ok := x.(timer); ok {
		*t = append(*t, v)
	}
}

// Pop is for package heap.
func (t *timers) Pop() any {
	last := (*t)[len(*t)-1]
	*t = (*t)[:len(*t)-1]
	return last
}

func (t *timers) add(v timer) { heap.Push(t, v) }

// next is the earliest time that a task still waits for, the zero time when none does.
func (t *timers) next(r *Run) time.Time {
	for len(*t) > 0 && r.nodes[(*t)[0].node].phase != timed {
		heap.Pop(t)
	}
	if len(*t) == 0 {
		return time.Time{}
	}
	return (*t)[0].at
}

// wakeTimers queues the tasks whose time has come.
func (r *Run) wakeTimers() {
	for at := r.timers.next(r); !at.IsZero() && !at.After(r.now); at = r.timers.next(r) {
		i := r.timers[0].node
		heap.Pop(&r.timers)
		r.inFlight--
		r.enqueue(i)
	}
}

// seconds converts a number of seconds from a document; what is no sensible delay counts as none.
func seconds(f float64) time.Duration {
	const most = float64(math.MaxInt64 / int64(time.Second) / 2)
	switch {
	case math.IsNaN(f) || f <= 0:
		return 0
	case f > most:
		f = most
	}
	return time.Duration(f * float64(time.Second))
}
