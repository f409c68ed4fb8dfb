// Package operation is the contract between the engine and those who run operations: which executor a task goes to, what
// the task message says, how the outcome comes back, and the names of the queues and topics in between.
//
// The engine sends a Message to the TaskQueue of a Place with the id of DispatchID; the executor answers with Reports on
// ResultsQueue, first started, then finished. A Cancel on CancelTopic ends every operation of an execution without a
// report. Both sides may see anything twice and must not mind.
//
// The JSON of messages, results and errors is that of the reference (operations, sections 1.3 to 1.6), so that an
// unmodified Python dispatcher can read it. The package is pure: it never does I/O, reads no clock and knows neither
// the store nor the engine.
package operation

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/reifyhq/reify/internal/model"
)

// CentralQueue is the queue and target name of the executor beside the manager (operations, section 1.2).
const CentralQueue = "cloudify.management"

// ResultsQueue is the work queue on which every executor sends its reports to the engine.
const ResultsQueue = "results"

// CancelTopic is where the engine announces killed executions; every executor watches it. The data is a Cancel.
const CancelTopic = "cancel"

// Cancel asks every executor to kill the operations of an execution.
type Cancel struct {
	Execution model.ExecutionID `json:"execution"`
	// Serial spares the attempts of a later resume: only those of a smaller number are meant. 0 means all.
	Serial int `json:"serial,omitempty"`
	// Attempts are message ids of attempts about which an answer on KilledTopic is wanted.
	Attempts []string `json:"attempts,omitempty"`
}

// Means reports whether an attempt is to be killed.
func (c Cancel) Means(attempt string) bool {
	execution, _, n, err := ParseDispatchID(attempt)
	return err == nil && execution == c.Execution && (c.Serial == 0 || n < c.Serial)
}

// KilledTopic is where executors tell which of the attempts that a Cancel asks for are over. The data is a Killed. It is
// best effort: who asked asks again.
const KilledTopic = "killed"

// Killed lists attempts of which nothing runs any more.
type Killed struct {
	Attempts []string `json:"attempts"`
}

// Address names an executor among all executors of an installation: CentralQueue, or tenant and queue of an agent.
type Address string

// AgentAddress returns the address of the agent that listens on a queue of a tenant.
func AgentAddress(tenant model.TenantName, queue string) Address {
	return Address(string(tenant) + "/" + queue)
}

// TaskQueue is the work queue from which the executor takes its messages.
func (a Address) TaskQueue() string { return "tasks/" + string(a) }

// PingTopic is the topic on which the executor answers pings with a Pong.
func (a Address) PingTopic() string { return "ping/" + string(a) }

// Pong is the answer to a ping: the executor's time in seconds since 1970.
type Pong struct {
	Time float64 `json:"time"`
}

// DispatchID is the message id of the n-th dispatch of a task. The same id again means the same attempt again: an
// executor that finished it answers from its journal.
func DispatchID(execution model.ExecutionID, task model.TaskID, n int) string {
	return string(execution) + "/" + string(task) + "/" + strconv.Itoa(n)
}

// ParseDispatchID takes a message id apart.
func ParseDispatchID(id string) (execution model.ExecutionID, task model.TaskID, n int, err error) {
	parts := strings.Split(id, "/")
	if len(parts) != 3 || parts[0] == "" || parts[1] == "" {
		return "", "", 0, fmt.Errorf("dispatch id %q is not execution/task/number", id)
	}
	if n, err = strconv.Atoi(parts[2]); err != nil {
		return "", "", 0, fmt.Errorf("dispatch id %q is not execution/task/number", id)
	}
	return model.ExecutionID(parts[0]), model.TaskID(parts[1]), n, nil
}

// ReportKind says what a report is about.
type ReportKind string

// The kinds of reports.
const (
	ReportStarted  ReportKind = "started"
	ReportFinished ReportKind = "finished"
)

// Report is what an executor tells the engine about an attempt.
type Report struct {
	Kind      ReportKind        `json:"kind"`
	Execution model.ExecutionID `json:"execution"`
	Task      model.TaskID      `json:"task"`
	// Attempt is the message id of the attempt.
	Attempt string `json:"attempt"`
	// Executor is the name of who ran it; empty names the central executor's manager.
	Executor string `json:"executor"`
	// Result is set when Kind is ReportFinished.
	Result *Result `json:"result,omitempty"`
	// Key is the ReportKey of the message, by which agents show that they were given the attempt.
	Key string `json:"key,omitempty"`
}

// MessageID is the id under which the report is sent; delivery is the delivery of the task message it answers. A report
// that is sent twice for one delivery arrives once.
func (r *Report) MessageID(delivery int) string {
	return fmt.Sprintf("%s/%s/%d", r.Attempt, r.Kind, delivery)
}

// Encode returns the JSON of the report.
func (r *Report) Encode() ([]byte, error) {
	data, err := model.EncodeJSON(r)
	if err != nil {
		return nil, fmt.Errorf("encode report of %s: %w", r.Attempt, err)
	}
	return data, nil
}

// DecodeReport reads a report and refuses one without its task or with an unknown kind.
func DecodeReport(data []byte) (*Report, error) {
	var r Report
	if err := model.DecodeJSON(data, &r); err != nil {
		return nil, fmt.Errorf("decode report: %w", err)
	}
	switch {
	case r.Execution == "" || r.Task == "":
		return nil, fmt.Errorf("decode report: execution %q, task %q: both are needed", r.Execution, r.Task)
	case r.Kind != ReportStarted && r.Kind != ReportFinished:
		return nil, fmt.Errorf("decode report of task %s: unknown kind %q", r.Task, r.Kind)
	case r.Kind == ReportFinished && r.Result == nil:
		return nil, fmt.Errorf("decode report of task %s: finished without a result", r.Task)
	}
	return &r, nil
}

// DecodeKilled reads a Killed.
func DecodeKilled(data []byte) (Killed, error) {
	var k Killed
	if err := json.Unmarshal(data, &k); err != nil {
		return Killed{}, fmt.Errorf("decode the attempts that were killed: %w", err)
	}
	return k, nil
}

// DecodeCancel reads a Cancel.
func DecodeCancel(data []byte) (Cancel, error) {
	var c Cancel
	if err := json.Unmarshal(data, &c); err != nil {
		return Cancel{}, fmt.Errorf("decode cancel: %w", err)
	}
	return c, nil
}
