package workflow

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/reifyhq/reify/internal/dsl/value"
	"github.com/reifyhq/reify/internal/model"
)

// taskMessage is the text of a task event: "<what> '<name>'", then the detail, then the suffixes (workflows, section 7.2).
func taskMessage(t *model.Task, verb, detail string, dryRun bool) string {
	kind := "Task"
	if t.Type == model.TaskSubgraph {
		kind = "Subgraph"
	}
	text := kind + " " + verb + " '" + t.Name + "'" + detail
	if verb == "Sending" {
		text = "Sending task '" + t.Name + "'" + detail
	}
	if dryRun {
		text += " (dry run)"
	}
	if n := t.Parameters.CurrentRetries; n > 0 {
		if total := t.Parameters.TotalRetries; total < 0 {
			text += fmt.Sprintf(" [retry %d]", n)
		} else {
			text += fmt.Sprintf(" [retry %d/%d]", n, total)
		}
	}
	return text
}

// StateEvent returns the event that tells of a task's new state; false when nobody is told (workflows, section 7.2). failure
// is the text of the error that ended it; the result is read for states that have one.
func StateEvent(t *model.Task, state model.TaskState, result json.RawMessage, failure string) (Event, bool) {
	if t.Type != model.TaskRemote && t.Type != model.TaskSubgraph || !t.Parameters.SendTaskEvents {
		return Event{}, false
	}
	e := Event{Task: t.ID}
	verb, detail := "", ""
	switch state {
	case model.TaskSending:
		e.Type, verb = model.EventSendingTask, "Sending"
	case model.TaskStarted:
		e.Type, verb = model.EventTaskStarted, "started"
	case model.TaskSucceeded:
		e.Type, verb = model.EventTaskSucceeded, "succeeded"
		if len(result) > 0 && string(result) != "null" && t.Type == model.TaskRemote {
			detail = " - " + textOfJSON(result)
		}
	case model.TaskRescheduled:
		e.Type, verb = model.EventTaskRescheduled, "rescheduled"
	case model.TaskFailed:
		e.Type, verb = model.EventTaskFailed, "failed"
	default:
		return Event{}, false
	}
	if failure != "" && t.Type == model.TaskRemote {
		detail = " -> " + failure
	}
	e.Message = taskMessage(t, verb, detail, false)
	if op := t.Parameters.Operation; op != nil {
		e.Operation, e.Instance = op.Name, op.Instance
	}
	return e, true
}

// shortName names a task in a failure text (workflows, section 3).
func shortName(t *model.Task) string {
	if op := t.Parameters.Operation; op != nil {
		return fmt.Sprintf("%s (%s:%s)", t.Name, op.Instance, op.Name)
	}
	return t.Name
}

// causesText is the reason of a failed task: one line per cause, or the error itself when it has no causes.
func causesText(e *model.TaskError) string {
	if e == nil {
		return ""
	}
	if len(e.Causes) == 0 {
		return fmt.Sprintf("%s `%s`", e.ExceptionType, e.Message)
	}
	lines := make([]string, len(e.Causes))
	for i, c := range e.Causes {
		lines[i] = fmt.Sprintf("%s `%s`", c.Type, c.Message)
	}
	return strings.Join(lines, "\n")
}

// newFailure makes the failure of a graph from its failed tasks, of which there is at least one (workflows, section 3).
func newFailure(failed []*model.Task) *Failure {
	first := failed[0].Parameters.Error
	f := &Failure{}
	if len(failed) == 1 {
		f.Message = fmt.Sprintf("Task failed: %s: %s", shortName(failed[0]), causesText(first))
	} else {
		var b strings.Builder
		fmt.Fprintf(&b, "%d operation errors:", len(failed))
		for _, t := range failed {
			fmt.Fprintf(&b, "\n%s: %s", shortName(t), causesText(t.Parameters.Error))
		}
		f.Message = b.String()
	}
	if first == nil {
		return f
	}
	f.Causes = first.Causes
	if first.Traceback != "" {
		_, rest, _ := strings.Cut(first.Traceback, "\n")
		f.Message += fmt.Sprintf("\nTraceback of %s (most recent call last):\n%s", shortName(failed[0]), rest)
	}
	return f
}

// The texts of the reference show values in the notation of its language. Clients match these texts, so they are kept.

// textOf is a value as text: strings bare, everything else as reprOf.
func textOf(v any) string {
	if raw, ok := v.(json.RawMessage); ok {
		return textOfJSON(raw)
	}
	return value.Text(value.From(v))
}

// textOfJSON is a JSON value as text, with object keys in the order of the value; what is no JSON stays as it is.
func textOfJSON(raw json.RawMessage) string {
	v, err := value.DecodeJSON(raw)
	if err != nil {
		return string(raw)
	}
	return value.Text(v)
}

// reprOf is a value in the notation of the reference's language.
func reprOf(v any) string { return value.Repr(value.From(v)) }

// isTruthy reports whether the reference's language would take a value for true.
func isTruthy(v any) bool { return value.Truthy(value.From(v)) }

// isTruthyJSON is isTruthy of a JSON text; what is no JSON is not true.
func isTruthyJSON(raw json.RawMessage) bool {
	v, err := value.DecodeJSON(raw)
	return err == nil && value.Truthy(v)
}
