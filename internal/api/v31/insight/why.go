package insight

import (
	"net/http"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/service/insight"
)

func reasonRecord(r insight.Reason) api.Record {
	log := r.Log
	if log == nil {
		log = []string{}
	}
	return api.Record{
		{Name: "kind", Value: r.Kind}, {Name: "text", Value: r.Text}, {Name: "since", Value: api.Instant(r.Since)},
		{Name: "until", Value: api.Instant(r.Until)}, {Name: "execution_id", Value: api.Text(r.Execution)},
		{Name: "operation_id", Value: api.Text(r.Task)}, {Name: "operation", Value: api.Text(r.Operation)},
		{Name: "node_instance_id", Value: api.Text(r.Instance)}, {Name: "executor", Value: api.Text(r.Executor)},
		{Name: "error", Value: api.Text(r.Error)}, {Name: "log", Value: log},
	}
}

// WhyExecution answers a question that the original has no route for: what does this execution wait for?
func (a *API) WhyExecution(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	x, e, err := a.insight.Why(r.Context(), actor, model.ExecutionID(api.Param(r, "id")))
	if err != nil {
		return err
	}
	reasons := make([]api.Record, 0, len(e.Reasons))
	for _, reason := range e.Reasons {
		reasons = append(reasons, reasonRecord(reason))
	}
	api.WriteJSON(w, http.StatusOK, api.Record{
		{Name: "execution_id", Value: x.ID}, {Name: "workflow_id", Value: x.Workflow}, {Name: "deployment_id", Value: api.Text(x.Deployment)},
		{Name: "status", Value: x.Status}, {Name: "summary", Value: e.Summary}, {Name: "reasons", Value: reasons},
		{Name: "next", Value: e.Next},
	})
	return nil
}
