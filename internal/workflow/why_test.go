package workflow

import (
	"strings"
	"testing"
	"time"

	"github.com/reifyhq/reify/internal/model"
)

func TestWhy(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	ago := func(seconds int) time.Time { return now.Add(-time.Duration(seconds) * time.Second) }
	run := func(s model.ExecutionStatus) *model.Execution {
		return &model.Execution{ID: "x", Workflow: "install", Deployment: "d", Status: s, Resource: model.Resource{CreatedAt: ago(60)},
			Lease: model.Lease{Owner: "m"}, EndedAt: ago(1), Error: "it went wrong"}
	}
	task := func(id model.TaskID, state model.TaskState, executor model.Executor) *model.Task {
		return &model.Task{ID: id, State: state, Type: model.TaskRemote, Parameters: model.TaskParameters{TotalRetries: 3,
			Operation: &model.OperationCall{Name: "life.start", Instance: model.InstanceID("i_" + id), Operation: model.Operation{Executor: executor}}}}
	}
	event := func(id model.TaskID, typ model.EventType, at int) *model.Event {
		return &model.Event{Kind: model.KindEvent, EventType: typ, Instance: model.InstanceID("i_" + id), Operation: "life.start", Timestamp: ago(at)}
	}
	failed := func(id model.TaskID, text string) *model.Task {
		x := task(id, model.TaskFailed, model.ExecutorCentral)
		x.Parameters.Error = &model.TaskError{ExceptionType: "OSError", Message: text}
		return x
	}
	retry := task("b", model.TaskPending, model.ExecutorCentral)
	first := model.TaskID("a")
	retry.Parameters.RetriedTask, retry.Parameters.ExecuteAfter, retry.Parameters.CurrentRetries = &first, now.Add(15*time.Second), 1
	before := failed("a", "no route to host")
	before.State = model.TaskRescheduled
	unclaimed := run(model.ExecutionPending)
	unclaimed.Lease = model.Lease{}
	for _, f := range []struct {
		name    string
		facts   Facts
		kinds   string
		summary string
		next    string
	}{
		{"completed", Facts{Execution: run(model.ExecutionTerminated)}, "", "completed since 2026-01-02 11:59:59Z", "has ended"},
		{"queued behind another", Facts{Execution: run(model.ExecutionQueued), Ahead: []*model.Execution{run(model.ExecutionStarted)}},
			ReasonQueue, "queued since 2026-01-02 11:59:00Z", "has ended"},
		{"queued by the limit", Facts{Execution: run(model.ExecutionQueued), Active: 20, Limit: 20}, ReasonLimit, "queued", "in its way"},
		{"not taken", Facts{Execution: unclaimed}, ReasonOwner, "No manager", "within a second"},
		{"operation runs", Facts{Execution: run(model.ExecutionStarted), Tasks: []*model.Task{task("a", model.TaskStarted, model.ExecutorHost)},
			Events: []*model.Event{event("a", model.EventTaskStarted, 42)}}, ReasonOperation, "life.start of i_a runs on the agent of its host for 42s",
			"next operations"},
		{"nobody takes it", Facts{Execution: run(model.ExecutionStarted), Tasks: []*model.Task{task("b", model.TaskStarted, model.ExecutorCentral),
			task("a", model.TaskSent, model.ExecutorHost)}, Events: []*model.Event{event("a", model.EventSendingTask, 5)}},
			ReasonUnanswered + " " + ReasonOperation, "waits for 2 things. First: Operation life.start of i_a was sent to the agent of its host for 5s",
			"alive"},
		{"an agent is away", Facts{Execution: run(model.ExecutionStarted), Tasks: []*model.Task{task("a", model.TaskSent, model.ExecutorHost)},
			Events: []*model.Event{event("a", model.EventSendingTask, 5)}, Agents: map[model.InstanceID]model.AgentPresence{"i_a": {Name: "vm_1", Since: ago(9)}}},
			ReasonUnanswered, "was sent to agent vm_1 (not connected since 2026-01-02 11:59:51Z) for 5s", "alive"},
		{"an agent is at work", Facts{Execution: run(model.ExecutionStarted), Tasks: []*model.Task{task("a", model.TaskStarted, model.ExecutorHost)},
			Agents: map[model.InstanceID]model.AgentPresence{"i_a": {Name: "vm_1", Connected: true}}}, ReasonOperation, "runs on agent vm_1.", "next operations"},
		{"retry", Facts{Execution: run(model.ExecutionStarted), Tasks: []*model.Task{before, retry}}, ReasonRetry,
			"tried again at 2026-01-02 12:00:15Z (retry 1 of 3)", "at that time"},
		{"another execution", Facts{Execution: run(model.ExecutionStarted), Awaited: []*model.Execution{run(model.ExecutionTerminated), run(model.ExecutionQueued)}},
			ReasonExecution, "is queued", "that execution has ended"},
		{"between steps", Facts{Execution: run(model.ExecutionStarted)}, "", "between two steps", "at once"},
		{"cancelling", Facts{Execution: run(model.ExecutionCancelling), Tasks: []*model.Task{task("a", model.TaskStarted, model.ExecutorCentral)}},
			ReasonOperation, "asked to stop (cancelling). Operation", "ends as cancelled"},
		{"root cause first", Facts{Execution: run(model.ExecutionFailed), Tasks: []*model.Task{failed("b", "late"), failed("a", "early")},
			Events: []*model.Event{event("b", model.EventTaskFailed, 1), event("a", model.EventTaskFailed, 9)}},
			ReasonFailure + " " + ReasonFailure, "Operation life.start of i_a failed: OSError `early`", "resume"},
		{"failed without an operation", Facts{Execution: run(model.ExecutionFailed)}, ReasonFailure, "it went wrong", "Repair"},
	} {
		t.Run(f.name, func(t *testing.T) {
			f.facts.Now = now
			e := Why(f.facts)
			var kinds []string
			for _, r := range e.Reasons {
				kinds = append(kinds, r.Kind)
			}
			if got := strings.Join(kinds, " "); got != f.kinds {
				t.Errorf("reasons %q, want %q", got, f.kinds)
			}
			if !strings.Contains(e.Summary, f.summary) || !strings.Contains(e.Next, f.next) {
				t.Errorf("summary %q, next %q", e.Summary, e.Next)
			}
		})
	}
	e := Why(Facts{Now: now, Execution: run(model.ExecutionStarted), Tasks: []*model.Task{before, retry}})
	if !strings.Contains(e.Reasons[0].Error, "no route to host") {
		t.Errorf("the retry does not tell of the last error: %+v", e.Reasons[0])
	}
	line := func(text string) *model.Event {
		return &model.Event{Kind: model.KindLog, Instance: "i_a", Operation: "life.start", Message: text}
	}
	e = Why(Facts{Now: now, Execution: run(model.ExecutionFailed), Tasks: []*model.Task{failed("a", "x")},
		Events: []*model.Event{line("6"), line("5"), line("4"), line("3"), line("2"), line("1")}})
	if got := strings.Join(e.Reasons[0].Log, ""); got != "23456" {
		t.Errorf("the last log lines are %q", got)
	}
}
