package workflow

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/reifyhq/reify/internal/model"
)

// Facts are what an explanation of an execution is drawn from, as they are at one moment.
type Facts struct {
	Now       time.Time
	Execution *model.Execution
	// Tasks are those of the execution's current graph in creation order, of a failed one those of all its graphs.
	Tasks []*model.Task
	// Events are events and logs of the execution, newest first.
	Events []*model.Event
	// Ahead are the executions that occupy the deployment or wait for it longer than this one, oldest first.
	Ahead []*model.Execution
	// Awaited are the executions whose end the current phase waits for.
	Awaited []*model.Execution
	// Agents are those that run operations of the tasks, by the instances of the operations.
	Agents map[model.InstanceID]model.AgentPresence
	// Active counts the active executions of the installation, Limit bounds how many queued ones may join.
	Active, Limit int
	// Group is the execution group that it waits in, nil for none; GroupActive counts the group's active members.
	Group       *model.ExecutionGroup
	GroupActive int
}

// The kinds of reasons.
const (
	ReasonQueue      = "queue"
	ReasonLimit      = "limit"
	ReasonOwner      = "owner"
	ReasonExecution  = "execution"
	ReasonOperation  = "operation"
	ReasonUnanswered = "unanswered"
	ReasonRetry      = "retry"
	ReasonFailure    = "failure"
)

// Explanation says what an execution waits for, or why it failed: the most important reason first.
type Explanation struct {
	Summary string
	Reasons []Reason
	// Next is what happens when nothing else intervenes.
	Next string
}

// Reason is one thing that an execution waits for, or that made it fail.
type Reason struct {
	Kind string
	Text string
	// Since is when it began, Until when it ends by itself; zero when that is not known.
	Since, Until time.Time
	// Execution is the one that is in the way; Task, Operation, Instance and Executor say which operation it is about.
	Execution model.ExecutionID
	Task      model.TaskID
	Operation string
	Instance  model.InstanceID
	Executor  string
	Error     string
	// Log are the last lines that the operation wrote, oldest first.
	Log []string
}

// maxLogLines is how many log lines of an operation an explanation shows.
const maxLogLines = 5

// Why explains where an execution stands. It depends on nothing but the facts.
func Why(f Facts) Explanation {
	switch x := f.Execution; {
	case x.Status == model.ExecutionFailed:
		return f.failed()
	case x.Status.Ended():
		return Explanation{Summary: fmt.Sprintf("The execution is %s since %s.", x.Status.Display(), instant(x.EndedAt)),
			Next: "Nothing: it has ended."}
	case x.Status == model.ExecutionScheduled:
		return Explanation{Summary: fmt.Sprintf("The execution starts at %s.", instant(x.ScheduledAt)), Next: "It starts at its time."}
	case x.Status == model.ExecutionQueued:
		return f.queued()
	case x.Lease.Owner == "":
		r := Reason{Kind: ReasonOwner, Since: x.CreatedAt, Text: "No manager has taken the execution yet."}
		return Explanation{Summary: r.Text, Reasons: []Reason{r}, Next: "A manager that runs takes it within a second."}
	}
	return f.running()
}

func instant(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

func (f Facts) queued() Explanation {
	var e Explanation
	for _, a := range f.Ahead {
		since := a.StartedAt
		if since.IsZero() {
			since = a.CreatedAt
		}
		e.Reasons = append(e.Reasons, Reason{Kind: ReasonQueue, Execution: a.ID, Since: since, Text: fmt.Sprintf(
			"Execution %s of workflow '%s' on deployment %s is %s and comes first.", a.ID, a.Workflow, a.Deployment, a.Status.Display())})
	}
	if f.Limit > 0 && f.Active >= f.Limit {
		e.Reasons = append(e.Reasons, Reason{Kind: ReasonLimit, Text: fmt.Sprintf(
			"%d executions are active; queued ones start only while there are fewer than %d.", f.Active, f.Limit)})
	}
	if g := f.Group; g != nil && f.GroupActive >= g.Concurrency {
		text := fmt.Sprintf("It waits for the limit of the group: %d executions of execution group %s are active, which may have %d at a time.",
			f.GroupActive, g.ID, g.Concurrency)
		if g.Concurrency == 0 {
			text = fmt.Sprintf("It waits for the limit of the group: execution group %s is paused (its concurrency is 0).", g.ID)
		}
		e.Reasons = append(e.Reasons, Reason{Kind: ReasonLimit, Text: text})
	}
	e.Summary = fmt.Sprintf("The execution is queued since %s.", instant(f.Execution.CreatedAt))
	e.Next = "It starts when what is in its way has ended."
	if len(e.Reasons) == 0 {
		e.Next = "Its turn has come: it starts when the next execution ends, or when the manager starts."
	}
	return e
}

// running explains an active execution by what its tasks and its changes wait for.
func (f Facts) running() Explanation {
	var e Explanation
	for _, a := range f.Awaited {
		if !a.Status.Ended() {
			e.Reasons = append(e.Reasons, Reason{Kind: ReasonExecution, Execution: a.ID, Since: a.CreatedAt, Text: fmt.Sprintf(
				"It waits for the end of execution %s of workflow '%s' on deployment %s, which is %s.", a.ID, a.Workflow, a.Deployment, a.Status.Display())})
		}
	}
	repeats := map[model.TaskID]*model.Task{}
	for _, t := range f.Tasks {
		repeats[t.ID] = t
	}
	for _, t := range f.Tasks {
		if r, ok := f.waits(t, repeats); ok {
			e.Reasons = append(e.Reasons, r)
		}
	}
	slices.SortStableFunc(e.Reasons, func(a, b Reason) int { return cmp.Compare(weight[a.Kind], weight[b.Kind]) })
	switch {
	case len(e.Reasons) == 0:
		e.Summary, e.Next = "The execution is between two steps.", "It goes on at once."
	case len(e.Reasons) == 1:
		e.Summary, e.Next = e.Reasons[0].Text, after[e.Reasons[0].Kind]
	default:
		e.Summary = fmt.Sprintf("The execution waits for %d things. First: %s", len(e.Reasons), e.Reasons[0].Text)
		e.Next = after[e.Reasons[0].Kind]
	}
	if f.Execution.Status.Cancelling() {
		e.Summary = fmt.Sprintf("The execution was asked to stop (%s). %s", f.Execution.Status, e.Summary)
		e.Next = "No further operation starts; it ends as cancelled."
	}
	return e
}

// weight orders reasons: what needs attention comes first.
var weight = map[string]int{ReasonUnanswered: 0, ReasonRetry: 1, ReasonOperation: 2, ReasonExecution: 3}

var after = map[string]string{
	ReasonUnanswered: "It runs as soon as its executor takes it; look whether that executor is alive.",
	ReasonRetry:      "The operation is tried again at that time.",
	ReasonOperation:  "The next operations start when it has ended.",
	ReasonExecution:  "It goes on when that execution has ended.",
}

// waits explains an operation that is under way or waits for its next attempt.
func (f Facts) waits(t *model.Task, tasks map[model.TaskID]*model.Task) (Reason, bool) {
	call := t.Parameters.Operation
	if call == nil || t.State.Ended() {
		return Reason{}, false
	}
	r := f.about(t)
	switch t.State {
	case model.TaskStarted, model.TaskResponseSent:
		r.Kind, r.Since = ReasonOperation, f.last(call, model.EventTaskStarted)
		r.Text = fmt.Sprintf("Operation %s of %s runs on %s%s.", call.Name, call.Instance, r.Executor, f.forHowLong(r.Since))
	case model.TaskSent, model.TaskSending:
		r.Kind, r.Since = ReasonUnanswered, f.last(call, model.EventSendingTask)
		r.Text = fmt.Sprintf("Operation %s of %s was sent to %s%s, which has not begun it.", call.Name, call.Instance, r.Executor,
			f.forHowLong(r.Since))
	default:
		if !t.Parameters.ExecuteAfter.After(f.Now) {
			return Reason{}, false
		}
		r.Kind, r.Until = ReasonRetry, t.Parameters.ExecuteAfter
		r.Text = fmt.Sprintf("Operation %s of %s is tried again at %s (retry %d%s).", call.Name, call.Instance, instant(r.Until),
			t.Parameters.CurrentRetries, of(t.Parameters.TotalRetries))
		if id := t.Parameters.RetriedTask; id != nil && tasks[*id] != nil && tasks[*id].Parameters.Error != nil {
			r.Error = causesText(tasks[*id].Parameters.Error)
		}
	}
	return r, true
}

func of(total int) string {
	if total < 0 {
		return ""
	}
	return fmt.Sprintf(" of %d", total)
}

func (f Facts) forHowLong(since time.Time) string {
	if since.IsZero() {
		return ""
	}
	return fmt.Sprintf(" for %s", f.Now.Sub(since).Round(time.Second))
}

// about fills in what a reason says of its operation.
func (f Facts) about(t *model.Task) Reason {
	call := t.Parameters.Operation
	r := Reason{Task: t.ID, Operation: call.Name, Instance: call.Instance, Executor: "the central executor"}
	if call.Operation.Executor == model.ExecutorHost {
		r.Executor = "the agent of its host"
	}
	if a, ok := f.Agents[call.Instance]; ok {
		r.Executor = a.String()
	}
	for _, e := range f.Events {
		if e.Kind == model.KindLog && e.Instance == call.Instance && e.Operation == call.Name && len(r.Log) < maxLogLines {
			r.Log = append(r.Log, e.Message)
		}
	}
	slices.Reverse(r.Log)
	return r
}

// last is when the newest event of a type about an operation happened.
func (f Facts) last(call *model.OperationCall, types ...model.EventType) time.Time {
	for _, e := range f.Events {
		if e.Instance == call.Instance && e.Operation == call.Name && slices.Contains(types, e.EventType) {
			return e.Timestamp
		}
	}
	return time.Time{}
}

// failed explains a failure by the operations that failed for good, the earliest first: it is usually the cause of the
// others.
func (f Facts) failed() Explanation {
	repeated := map[model.TaskID]bool{}
	for _, t := range f.Tasks {
		if id := t.Parameters.RetriedTask; id != nil {
			repeated[*id] = true
		}
	}
	e := Explanation{Next: "Nothing by itself. Repair the cause, then resume the execution or start the workflow again."}
	for _, t := range f.Tasks {
		if t.State != model.TaskFailed || t.Parameters.Operation == nil || repeated[t.ID] {
			continue
		}
		r := f.about(t)
		r.Kind, r.Since = ReasonFailure, f.last(t.Parameters.Operation, model.EventTaskFailed)
		r.Error = causesText(t.Parameters.Error)
		r.Text = fmt.Sprintf("Operation %s of %s failed: %s", r.Operation, r.Instance, r.Error)
		e.Reasons = append(e.Reasons, r)
	}
	slices.SortStableFunc(e.Reasons, func(a, b Reason) int { return a.Since.Compare(b.Since) })
	if len(e.Reasons) == 0 {
		e.Reasons = []Reason{{Kind: ReasonFailure, Since: f.Execution.EndedAt, Error: f.Execution.Error, Text: f.Execution.Error}}
	}
	e.Summary = e.Reasons[0].Text
	return e
}
