package taskgraph_test

import (
	"encoding/json"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reifyhq/reify/internal/bus/membus"
	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/service/taskgraph"
	"github.com/reifyhq/reify/internal/store"
	"github.com/reifyhq/reify/internal/store/sqlite"
)

// rig is the room over a store with one execution and one node instance.
type rig struct {
	*taskgraph.Service
	store *sqlite.Store
	actor *service.Actor
}

func newRig(t *testing.T) *rig {
	t.Helper()
	st, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "reify.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	now := time.Now().UTC()
	res := model.Resource{Tenant: model.DefaultTenant, CreatedBy: "admin", CreatedAt: now, Visibility: model.VisibilityTenant}
	err = st.Update(t.Context(), func(tx store.Tx) error {
		for _, step := range []func() error{
			func() error { return tx.PutTenant(model.DefaultTenant) },
			func() error {
				return tx.InsertBlueprint(&model.Blueprint{Resource: res, ID: "b", State: model.BlueprintUploaded, Plan: json.RawMessage("{}")})
			},
			func() error { return tx.InsertDeployment(&model.Deployment{Resource: res, ID: "d", Blueprint: "b"}) },
			func() error {
				return tx.InsertNodes([]*model.Node{{Resource: res, ID: "n", Deployment: "d", Type: "t", TypeHierarchy: []string{"t"}}})
			},
			func() error {
				return tx.InsertInstances([]*model.NodeInstance{{Resource: res, ID: "n_1", Node: "n", Deployment: "d", Index: 1, Version: 1,
					State: model.InstanceUninitialized}})
			},
			func() error {
				return tx.InsertExecution(&model.Execution{Resource: res, ID: "x", Workflow: "w", Deployment: "d", Blueprint: "b",
					Status: model.ExecutionStarted})
			},
		} {
			if err := step(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s := service.New(service.Options{Store: st, Bus: membus.New(clock.Real{}), Clock: clock.Real{}, Log: slog.New(slog.DiscardHandler)})
	actor := &service.Actor{User: &model.User{Name: "admin", Role: "sys_admin"}, Tenant: model.DefaultTenant}
	return &rig{taskgraph.New(s), st, actor}
}

func (r *rig) view(t *testing.T, fn func(store.Reader) error) {
	t.Helper()
	if err := r.store.View(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// seen is what follows from the states of tasks.
type seen struct {
	Instance        model.InstanceState
	Status          any
	Total, Finished int
	Events          []string
}

func (r *rig) seen(t *testing.T) (s seen) {
	t.Helper()
	r.view(t, func(tx store.Reader) error {
		i, err := tx.Instance(model.DefaultTenant, "n_1")
		if err != nil {
			return err
		}
		x, err := tx.Execution("x")
		if err != nil {
			return err
		}
		events, err := tx.Events(store.EventQuery{Scope: store.Scope{Admin: true}, Limit: -1})
		if err != nil {
			return err
		}
		if status, ok := i.SystemProperties["status"].(map[string]any); ok {
			s.Status = status["ok"]
		}
		s.Instance, s.Total, s.Finished = i.State, x.TotalOperations, x.FinishedOperations
		for _, e := range events.Items {
			s.Events = append(s.Events, string(e.EventType)+" "+e.Message+" "+string(e.Instance)+" "+e.Operation)
		}
		return nil
	})
	return s
}

const remote = `{"total_retries": 60, "current_retries": 1, "send_task_events": true, "info": null, "on_success": null, "task_kwargs":
	{"kwargs": {"a": 1, "__cloudify_context": {"node_id": "n_1", "node_name": "n", "operation": {"name": "op"}}}}}`

var tasks = []taskgraph.NewTask{
	{ID: "state", Name: "SetNodeInstanceStateTask", Type: model.TaskSetState,
		Parameters: json.RawMessage(`{"task_kwargs": {"node_instance_id": "n_1", "state": "started"}, "send_task_events": false}`)},
	{ID: "event", Name: "SendNodeEventTask", Type: model.TaskSendEvent,
		Parameters: json.RawMessage(`{"task_kwargs": {"node_instance_id": "n_1", "event": "hello"}}`)},
	{ID: "op", Name: "p.f", Type: model.TaskRemote, Dependencies: []model.TaskID{"state"}, Parameters: json.RawMessage(remote)},
	{ID: "nop", Name: "NOP", Type: model.TaskNop, Parameters: json.RawMessage(`{}`)},
}

// TestStates covers what follows from the states of the kinds of tasks (rest-api, section 10).
func TestStates(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	g, _, err := r.Create(t.Context(), r.actor, "", "x", "g", tasks)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Create(t.Context(), r.actor, "", "x", "g", nil); !fault.Is(err, fault.Conflict) {
		t.Errorf("a second graph of the name: %v", err)
	}
	for _, u := range []struct {
		id     model.TaskID
		update taskgraph.Update
	}{
		{"state", taskgraph.Update{State: model.TaskSucceeded}}, {"event", taskgraph.Update{State: model.TaskSucceeded}},
		{"op", taskgraph.Update{State: model.TaskSending}}, {"op", taskgraph.Update{State: model.TaskSent}},
		{"op", taskgraph.Update{State: model.TaskStarted}}, {"op", taskgraph.Update{State: model.TaskResponseSent}},
		{"op", taskgraph.Update{State: model.TaskSucceeded, Result: json.RawMessage(`{"a": true}`)}},
		{"op", taskgraph.Update{State: model.TaskSucceeded}},
		{"nop", taskgraph.Update{State: model.TaskSucceeded}},
	} {
		if err := r.SetState(t.Context(), r.actor, u.id, u.update); err != nil {
			t.Errorf("%s %s: %v", u.id, u.update.State, err)
		}
	}
	want := seen{Instance: model.InstanceStarted, Status: true, Total: 3, Finished: 3, Events: []string{
		"workflow_node_event hello n_1 ", "sending_task Sending task 'p.f' [retry 1/60] n_1 op", "task_started Task started 'p.f' [retry 1/60] n_1 op",
		"task_succeeded Task succeeded 'p.f' - {'a': True} [retry 1/60] n_1 op", "task_succeeded Task succeeded 'p.f' [retry 1/60] n_1 op",
	}}
	if diff := cmp.Diff(want, r.seen(t)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	added, err := r.Add(t.Context(), r.actor, g.ID, taskgraph.NewTask{ID: "again", Name: "p.f", Type: model.TaskRemote, Parameters: json.RawMessage(remote)})
	if err != nil || added.State != model.TaskPending || added.Parameters.CurrentRetries != 1 {
		t.Errorf("added %+v: %v", added, err)
	}
	failed := taskgraph.Update{State: model.TaskFailed, Failure: "no way", Causes: []model.ErrorCause{{Message: "m", Type: "T"}}}
	if err := r.SetState(t.Context(), r.actor, "again", failed); err != nil {
		t.Error(err)
	}
	got := r.seen(t)
	if last := got.Events[len(got.Events)-1]; last != "task_failed Task failed 'p.f' -> no way [retry 1/60] n_1 op" || got.Total != 4 || got.Finished != 4 {
		t.Errorf("after a failure: %+v", got)
	}
	if _, err := r.Remove(t.Context(), r.actor, "again"); err != nil {
		t.Error(err)
	}
	if got := r.seen(t); got.Total != 3 || got.Finished != 3 {
		t.Errorf("after a removal: %+v", got)
	}
}

// TestRefuses covers what may not be stored, and that nothing is.
func TestRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	create := func(execution model.ExecutionID, n taskgraph.NewTask) error {
		_, _, err := r.Create(t.Context(), r.actor, "", execution, "g", []taskgraph.NewTask{n})
		return err
	}
	for name, c := range map[string]struct {
		err  error
		code fault.Code
	}{
		"no execution":     {create("nope", tasks[0]), fault.NotFound},
		"a wrong state":    {create("x", taskgraph.NewTask{ID: "a", State: "odd"}), fault.BadParameters},
		"wrong parameters": {create("x", taskgraph.NewTask{ID: "a", Parameters: json.RawMessage(`[1]`)}), fault.BadParameters},
		"wrong arguments":  {create("x", taskgraph.NewTask{ID: "a", Type: model.TaskSetState, Parameters: json.RawMessage(`{"task_kwargs": 1}`)}), fault.BadParameters},
		"no task":          {r.SetState(t.Context(), r.actor, "nope", taskgraph.Update{State: model.TaskSent}), fault.NotFound},
		"an unknown state": {r.SetState(t.Context(), r.actor, "nope", taskgraph.Update{State: "odd"}), fault.BadParameters},
	} {
		if !fault.Is(c.err, c.code) {
			t.Errorf("%s: %v", name, c.err)
		}
	}
	other := &service.Actor{User: &model.User{Name: "u", Role: "default"}, Tenant: "another"}
	if _, _, err := r.Create(t.Context(), other, "", "x", "g", tasks); err == nil {
		t.Error("a stranger stored a graph")
	}
	r.view(t, func(tx store.Reader) error {
		graphs, err := tx.Graphs("x")
		if len(graphs) > 0 {
			t.Errorf("stored: %v", graphs)
		}
		return err
	})
}
