package change

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
	"github.com/reifyhq/reify/internal/workflow"
)

// TaskUpdate is a new state of a task whose graph a process outside of the manager owns, such as a workflow in Python.
type TaskUpdate struct {
	State  model.TaskState
	Result json.RawMessage
	// Failure is the text of the error that ended the task, Causes are those of the error.
	Failure     string
	Causes      []model.ErrorCause
	ManagerName string
	AgentName   string
}

// SetTaskState records a task's new state and everything that follows from it: the state of the instance that the task is
// about, its event, and the counters of the execution (rest-api, section 10). The execution is stored when its counters
// change.
func SetTaskState(tx store.Tx, x *model.Execution, t *model.Task, u TaskUpdate, now time.Time) error {
	ends := u.State.Ended() && !t.State.Ended()
	t.State = u.State
	if u.ManagerName != "" {
		t.ManagerName = u.ManagerName
	}
	if u.AgentName != "" {
		t.AgentName = u.AgentName
	}
	if u.Failure != "" || len(u.Causes) > 0 {
		t.Parameters.Error = &model.TaskError{Message: u.Failure, Known: model.ErrorRecoverable, Causes: u.Causes}
	}
	if u.State == model.TaskSucceeded && len(u.Result) > 0 && string(u.Result) != "null" {
		t.Parameters.Result = u.Result
	}
	if err := tx.PutTasks([]*model.Task{t}); err != nil {
		return err
	}
	if u.State == model.TaskSucceeded {
		if err := carryOut(tx, x, t, u, now); err != nil {
			return err
		}
	}
	if e, ok := workflow.StateEvent(t, u.State, u.Result, u.Failure); ok {
		e.Causes = u.Causes
		if err := tell(tx, x, e, u, now); err != nil {
			return err
		}
	}
	if !ends || t.Type == model.TaskNop {
		return nil
	}
	x.FinishedOperations++
	return tx.UpdateExecution(x)
}

// carryOut does what a built-in task of a foreign graph stands for; its process leaves that to the manager.
func carryOut(tx store.Tx, x *model.Execution, t *model.Task, u TaskUpdate, now time.Time) error {
	switch p := t.Parameters; {
	case t.Type == model.TaskSetState && p.SetState != nil:
		return enterState(tx, x, t, *p.SetState, now)
	case t.Type == model.TaskSendEvent && p.NodeEvent != nil:
		return tell(tx, x, workflow.Event{Type: model.EventNode, Message: p.NodeEvent.Message, Instance: p.NodeEvent.Instance}, u, now)
	}
	return nil
}

// timestampLayout is the reference's notation of an instant in a system property.
const timestampLayout = "2006-01-02T15:04:05.000Z"

// enterState sets the state of an instance; what was known of its health begins anew with the states that end a phase of
// its life. An instance that is gone is skipped.
func enterState(tx store.Tx, x *model.Execution, t *model.Task, s model.SetState, now time.Time) error {
	i, err := tx.Instance(x.Tenant, s.Instance)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("set the state of node instance %s to %s: %w", s.Instance, s.State, err)
	}
	if i.SystemProperties == nil {
		i.SystemProperties = model.Document{}
	}
	healthy := map[string]any{"ok": true, "result": nil, "task": nil, "timestamp": now.UTC().Format(timestampLayout)}
	switch s.State {
	case model.InstanceConfigured:
		i.SystemProperties["configuration_drift"] = healthy
	case model.InstanceStarted:
		i.SystemProperties["status"], i.SystemProperties["previous_status"] = healthy, nil
	default:
		if i.State == s.State {
			return nil
		}
	}
	i.State = s.State
	i.Version++
	return tx.UpdateInstance(i)
}

func tell(tx store.Tx, x *model.Execution, e workflow.Event, u TaskUpdate, now time.Time) error {
	return tx.InsertEvents([]*model.Event{{
		Tenant: x.Tenant, CreatedBy: x.CreatedBy, Visibility: x.Visibility, Kind: model.KindEvent, Execution: x.ID,
		Timestamp: now, Reported: now, Message: e.Message, EventType: e.Type, Operation: e.Operation, Instance: e.Instance,
		ErrorCauses: e.Causes, ManagerName: u.ManagerName, AgentName: u.AgentName,
	}})
}

// ForeignParameters reads the document of a task that a process outside of the manager wrote: what the manager understands
// of it goes into the fields, the whole into Foreign (workflows, section 5.1).
func ForeignParameters(t model.TaskType, raw json.RawMessage) (model.TaskParameters, error) {
	var in struct {
		RetriedTask        *model.TaskID   `json:"retried_task"`
		CurrentRetries     int             `json:"current_retries"`
		TotalRetries       int             `json:"total_retries"`
		RetryInterval      float64         `json:"retry_interval"`
		SendTaskEvents     *bool           `json:"send_task_events"`
		ContainingSubgraph *model.TaskID   `json:"containing_subgraph"`
		Info               any             `json:"info"`
		Kwargs             json.RawMessage `json:"task_kwargs"`
	}
	if len(raw) == 0 || string(raw) == "null" {
		raw = json.RawMessage("{}")
	}
	if err := model.DecodeJSON(raw, &in); err != nil {
		return model.TaskParameters{}, fault.Wrap(err, fault.BadParameters, "the parameters of an operation cannot be read: %v", err)
	}
	p := model.TaskParameters{
		RetriedTask: in.RetriedTask, CurrentRetries: in.CurrentRetries, TotalRetries: in.TotalRetries, RetryInterval: in.RetryInterval,
		SendTaskEvents: in.SendTaskEvents == nil || *in.SendTaskEvents, ContainingSubgraph: in.ContainingSubgraph, Info: in.Info,
		Foreign: raw,
	}
	if len(in.Kwargs) == 0 {
		return p, nil
	}
	switch t {
	case model.TaskSetState:
		p.SetState = &model.SetState{}
		return p, foreign(in.Kwargs, p.SetState)
	case model.TaskSendEvent:
		p.NodeEvent = &model.NodeEvent{}
		return p, foreign(in.Kwargs, p.NodeEvent)
	case model.TaskRemote:
		call, err := foreignCall(in.Kwargs)
		p.Operation = call
		return p, err
	}
	return p, nil
}

func foreign(raw json.RawMessage, v any) error {
	if err := model.DecodeJSON(raw, v); err != nil {
		return fault.Wrap(err, fault.BadParameters, "the task_kwargs of an operation cannot be read: %v", err)
	}
	return nil
}

// foreignCall reads which operation a remote task calls, and on what.
func foreignCall(raw json.RawMessage) (*model.OperationCall, error) {
	var in struct {
		Kwargs struct {
			Context struct {
				NodeID   model.InstanceID `json:"node_id"`
				NodeName model.NodeID     `json:"node_name"`
				TaskName string           `json:"task_name"`
				Call     struct {
					Name         string `json:"name"`
					Relationship string `json:"relationship"`
				} `json:"operation"`
			} `json:"__cloudify_context"`
		} `json:"kwargs"`
	}
	if err := foreign(raw, &in); err != nil {
		return nil, err
	}
	c := in.Kwargs.Context
	return &model.OperationCall{
		Name: c.Call.Name, Side: c.Call.Relationship, Instance: c.NodeID, Node: c.NodeName,
		Operation: model.Operation{Function: c.TaskName},
	}, nil
}
