package workflow

import (
	"encoding/json"
	"time"

	"github.com/reifyhq/reify/internal/model"
)

// Settings are the defaults that tasks get when their operation does not say otherwise (workflows, section 1).
type Settings struct {
	// TaskRetries is the number of repetitions after the first attempt; -1 is unlimited.
	TaskRetries int
	// RetryInterval is the pause before a repetition.
	RetryInterval time.Duration
	// SubgraphRetries is the number of repetitions of a whole life cycle subgraph.
	SubgraphRetries int
	// WaitAfterFail bounds how long independent branches go on after the first failure.
	WaitAfterFail time.Duration
}

// DefaultSettings are the values of a fresh manager.
var DefaultSettings = Settings{TaskRetries: 60, RetryInterval: 15 * time.Second, WaitAfterFail: 600 * time.Second}

// Snapshot is what a workflow reads of a deployment. Programs and runs do not modify it, except that a Run keeps
// the states and system properties of Instances in step with the effects it returns.
type Snapshot struct {
	Deployment    model.DeploymentID
	Nodes         []*model.Node
	Instances     []*model.NodeInstance
	ScalingGroups map[string]model.ScalingGroup
	// Modifications are the started deployment modifications.
	Modifications []Modification
}

// State is the input of a Program.
type State struct {
	Execution model.ExecutionID
	// Workflow is the id the user started, Parameters its merged and converted parameters.
	Workflow   string
	Parameters model.Document
	DryRun     bool
	// Resume is set when the execution was resumed by a user.
	Resume   bool
	Settings Settings
	Model    *Snapshot
	// Step counts the phases that ended; Cursor is what the phase before left, nil before the first.
	Step   int
	Cursor json.RawMessage
	// Result is what the Change of the phase that just ended gave back (see the kinds in change.go), nil after a graph. It
	// is as durable as the Cursor.
	Result json.RawMessage
	// Failure is the error of the phase that just ended, nil when it succeeded. Cancelled is set when it was cancelled. A
	// program that cannot make good a failure returns it as its error; after a cancel it returns at most Changes.
	Failure   *Failure
	Cancelled bool
	// NewTaskID returns a fresh id on every call; NewInstanceID a fresh instance or group instance id for a node or group.
	NewTaskID     func() model.TaskID
	NewInstanceID func(name string) model.InstanceID
}

// Failure is why a phase or a workflow failed. Message is the text of workflows, section 3.
type Failure struct {
	Message string
	// Detail is what the execution's error says when that is more than the message, such as a traceback.
	Detail string
	Causes []model.ErrorCause
}

// Error returns the message.
func (f *Failure) Error() string { return f.Message }

// Program decides the next phase of a workflow. It returns nil when the workflow is done; an error fails it.
type Program func(*State) (*Phase, error)

// Phase is one durable step of a workflow: exactly one of Graph and Change is set.
type Phase struct {
	Graph  *Graph
	Change *Change
	// Logs are written when the phase begins.
	Logs []LogLine
	// Cursor is handed to the next call of the Program.
	Cursor json.RawMessage
}

// Graph is a task graph to be stored and run. Tasks are in creation order; every dependency is a task of the graph.
type Graph struct {
	Name  string
	Tasks []*model.Task
}

// LogLine is a line for the execution's log.
type LogLine struct {
	Level   string
	Message string
}

// Change is a change of the deployment's model that is applied in one transaction.
type Change struct {
	// Kind names the change, such as modification-start; Args are its parameters.
	Kind string
	Args json.RawMessage
}

// Input is something that happened to a running graph: Begin, Started, Finished, Due or Cancel.
type Input interface{ input() }

// Begin starts (or, after a crash or resume, restarts) the graph. It is the first input of every Run.
type Begin struct{}

// Started says that an executor began to run a remote task.
type Started struct{ Task model.TaskID }

// Finished says that a remote task ended: with Err when it is not nil, else with Result (JSON, may be nil).
type Finished struct {
	Task   model.TaskID
	Result json.RawMessage
	Err    *model.TaskError
}

// Due says that the time of an earlier Effects.Wake has come. Early or repeated calls are harmless.
type Due struct{}

// Cancel ends the graph at once, with or without Force: no new task starts, and operations that run go on on their own
// (workflows, section 6).
type Cancel struct{ Force bool }

func (Begin) input()    {}
func (Started) input()  {}
func (Finished) input() {}
func (Due) input()      {}
func (Cancel) input()   {}

// Effects is what one step of a run wants to happen. Everything except Send must be made durable in one transaction;
// Send is published after that.
type Effects struct {
	// Tasks are the new and changed tasks, in order; they belong to the run and must be read before the next Advance.
	Tasks []*model.Task
	// Written are those of Tasks that are new or whose documents changed; of the others only the state did.
	Written []*model.Task
	// Send are the remote tasks to be dispatched (again); each is also in Tasks unless it is only sent again.
	Send []*model.Task
	// States are state changes of node instances, in order.
	States []model.SetState
	// Patches are changes of system properties of node instances, in order.
	Patches []InstancePatch
	Events  []Event
	Logs    []LogLine
	// Wake is when Due is wanted next; the zero time when never. It replaces any earlier wish.
	Wake time.Time
	// Total and Finished are added to the execution's operation counters (workflows, section 5.1). The operations of a
	// fresh graph are in the Total of Begin.
	Total, Finished int
	// End is set when the graph has ended.
	End *End
}

// InstancePatch sets keys of an instance's system properties; a nil value removes the key, and the JSON text null (a
// json.RawMessage) sets it to null.
type InstancePatch struct {
	Instance model.InstanceID `json:"node_instance_id"`
	Set      model.Document   `json:"set"`
}

// Event is an event about the graph, to be completed with what the execution knows.
type Event struct {
	Type     model.EventType
	Message  string
	Instance model.InstanceID
	// Operation is the full operation name for task events of operations.
	Operation string
	Causes    []model.ErrorCause
	// Task is the task the event is about, empty for events that are not about one.
	Task model.TaskID
	// States counts the entries of Effects.States that come before the event, so that a step has a total order.
	States int
}

// End is the outcome of a graph: Failure is nil and Cancelled false when it succeeded.
type End struct {
	Failure   *Failure
	Cancelled bool
}
