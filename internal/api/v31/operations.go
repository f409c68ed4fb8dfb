package v31

import (
	"encoding/json"
	"net/http"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/service/taskgraph"
)

// taskParameters are the parameters of a task as a client of the API knows them.
func taskParameters(p *model.TaskParameters) any {
	if len(p.Foreign) == 0 {
		return p
	}
	var out model.Document
	if model.DecodeJSON(p.Foreign, &out) != nil || out == nil {
		return p.Foreign
	}
	out["current_retries"] = p.CurrentRetries
	return out
}

// wireTask is a task as its owner describes it.
type wireTask struct {
	ID           model.TaskID    `json:"id"`
	Name         string          `json:"name"`
	Type         model.TaskType  `json:"type"`
	State        model.TaskState `json:"state"`
	Dependencies []model.TaskID  `json:"dependencies"`
	Parameters   json.RawMessage `json:"parameters"`
	Graph        model.GraphID   `json:"graph_id"`
}

func (t wireTask) task() taskgraph.NewTask {
	return taskgraph.NewTask{
		ID: t.ID, Name: t.Name, Type: t.Type, State: t.State, Dependencies: t.Dependencies, Parameters: t.Parameters,
	}
}

// into reads a body, or a part of one, into a typed value.
func into(part, value any, what string) error {
	data, err := model.EncodeJSON(part)
	if err != nil {
		return err
	}
	if err := model.DecodeJSON(data, value); err != nil {
		return fault.Wrap(err, fault.BadParameters, "%s cannot be read: %v", what, err)
	}
	return nil
}

func (a *API) createGraph(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	for _, key := range []string{"name", "execution_id", "operations"} {
		if err := body.Need(key); err != nil {
			return err
		}
	}
	var in struct {
		Name       string            `json:"name"`
		Execution  model.ExecutionID `json:"execution_id"`
		Graph      model.GraphID     `json:"graph_id"`
		Operations []wireTask        `json:"operations"`
	}
	if err := into(body, &in, "the tasks graph"); err != nil {
		return err
	}
	tasks := make([]taskgraph.NewTask, 0, len(in.Operations))
	for _, t := range in.Operations {
		tasks = append(tasks, t.task())
	}
	g, of, err := a.graphs.Create(r.Context(), actor, in.Graph, in.Execution, in.Name, tasks)
	if err != nil {
		return err
	}
	api.WriteJSON(w, http.StatusCreated, graphRecord(g, of))
	return nil
}

// patchGraph changes nothing: the state that it may carry is that of the tasks.
func (a *API) patchGraph(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	if _, err := api.ReadJSON(w, r, false); err != nil {
		return err
	}
	g, of, err := a.graphs.Graph(r.Context(), actor, model.GraphID(api.Param(r, "id")))
	if err != nil {
		return err
	}
	api.WriteJSON(w, http.StatusOK, graphRecord(g, of))
	return nil
}

func (a *API) createOperation(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	for _, key := range []string{"name", "graph_id", "dependencies", "type", "parameters"} {
		if err := body.Need(key); err != nil {
			return err
		}
	}
	var in wireTask
	if err := into(body, &in, "the operation"); err != nil {
		return err
	}
	in.ID = model.TaskID(api.Param(r, "id"))
	t, err := a.graphs.Add(r.Context(), actor, in.Graph, in.task())
	if err != nil {
		return err
	}
	api.WriteJSON(w, http.StatusCreated, operationRecord(t))
	return nil
}

func (a *API) patchOperation(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	if err := body.Need("state"); err != nil {
		return err
	}
	var in struct {
		State       model.TaskState    `json:"state"`
		Result      json.RawMessage    `json:"result"`
		Exception   string             `json:"exception"`
		Causes      []model.ErrorCause `json:"exception_causes"`
		ManagerName string             `json:"manager_name"`
		AgentName   string             `json:"agent_name"`
	}
	if err := into(body, &in, "the update of the operation"); err != nil {
		return err
	}
	err = a.graphs.SetState(r.Context(), actor, model.TaskID(api.Param(r, "id")), taskgraph.Update{
		State: in.State, Result: in.Result, Failure: in.Exception, Causes: in.Causes, ManagerName: in.ManagerName, AgentName: in.AgentName,
	})
	if err != nil {
		return err
	}
	api.WriteJSON(w, http.StatusOK, struct{}{})
	return nil
}

func (a *API) deleteOperation(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	t, err := a.graphs.Remove(r.Context(), actor, model.TaskID(api.Param(r, "id")))
	if err != nil {
		return err
	}
	api.WriteJSON(w, http.StatusOK, operationRecord(t))
	return nil
}
