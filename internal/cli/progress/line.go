package progress

import (
	"strings"

	"github.com/reifyhq/reify/internal/cli/table"
	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
)

const causeRule = "--------------------------------"

// Line writes an event as one line of text, the way every reader of such logs knows it:
//
//	2026-01-31 14:30:00.123  CFY <hello> [web_x1y2z3.create] Task started 'script_runner.tasks.run'
//
// Failed and rescheduled tasks append the tracebacks of their causes, so the text may have several lines.
func Line(e client.Event) string {
	var b strings.Builder
	b.WriteString(stamp(e))
	b.WriteByte(' ')
	b.WriteString(worker(e))
	if e.Kind == model.KindLog {
		b.WriteString(" LOG ")
	} else {
		b.WriteString(" CFY ")
	}
	b.WriteString("<" + string(e.Deployment) + "> ")
	if where := place(e); where != "" {
		b.WriteString("[" + where + "] ")
	}
	if e.Kind == model.KindLog && e.Level != "" {
		b.WriteString(strings.ToUpper(e.Level) + ": ")
	}
	b.WriteString(e.Message)
	b.WriteString(causes(e.ErrorCauses))
	return table.Clean(b.String())
}

func stamp(e client.Event) string {
	t := e.Timestamp
	if t.IsZero() {
		t = e.Reported
	}
	return strings.TrimSuffix(strings.Replace(t.String(), "T", " ", 1), "Z")
}

func worker(e client.Event) string {
	if e.AgentName != "" {
		return e.AgentName
	}
	return e.ManagerName
}

func place(e client.Event) string {
	where := string(e.Instance)
	if e.Source != "" {
		where = string(e.Source) + "->" + string(e.Target)
	}
	operation := e.Operation[strings.LastIndexByte(e.Operation, '.')+1:]
	switch {
	case where == "":
		return operation
	case operation == "":
		return where
	}
	return where + "." + operation
}

func causes(list []model.ErrorCause) string {
	var texts []string
	for _, c := range list {
		if t := strings.TrimSpace(c.Traceback); t != "" {
			texts = append(texts, t)
		}
	}
	switch len(texts) {
	case 0:
		return ""
	case 1:
		return "\n" + texts[0]
	}
	return "\nCauses (most recent cause last):\n" + causeRule + "\n" + strings.Join(texts, "\n"+causeRule+"\n")
}

// colour codes; empty text means the terminal's own.
const (
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	cyan   = "\x1b[36m"
	faint  = "\x1b[2m"
	bold   = "\x1b[1m"
	reset  = "\x1b[0m"
)

func paint(code, s string, on bool) string {
	if !on || code == "" {
		return s
	}
	return code + s + reset
}

// tint is the colour in which an event is shown.
func tint(e client.Event) string {
	switch e.EventType {
	case model.EventWorkflowFailed, model.EventTaskFailed:
		return red
	case model.EventTaskRescheduled, model.EventWorkflowCancelled:
		return yellow
	case model.EventWorkflowSucceeded:
		return green
	}
	switch strings.ToLower(e.Level) {
	case "error", "critical", "fatal":
		return red
	case "warning", "warn":
		return yellow
	case "debug":
		return faint
	}
	return ""
}
