package insight

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/service/insight"
)

func eventRecord(e *model.Event) api.Record {
	if e.Group != "" {
		// What happened to a group belongs to no execution.
		own := *e
		own.Execution, own.Deployment, own.DeploymentDisplay, own.Blueprint = "", "", "", ""
		e = &own
	}
	var causes any
	if len(e.ErrorCauses) > 0 {
		causes = e.ErrorCauses
	}
	r := api.Record{
		{Name: "_storage_id", Value: e.StorageID}, {Name: "timestamp", Value: api.Instant(e.Timestamp)},
		{Name: "reported_timestamp", Value: api.Instant(e.Reported)}, {Name: "blueprint_id", Value: api.Text(e.Blueprint)},
		{Name: "deployment_id", Value: api.Text(e.Deployment)}, {Name: "deployment_display_name", Value: api.Text(e.DeploymentDisplay)},
		{Name: "execution_id", Value: api.Text(e.Execution)}, {Name: "execution_group_id", Value: api.Text(e.Group)},
		{Name: "workflow_id", Value: api.Text(e.Workflow)}, {Name: "message", Value: e.Message}, {Name: "error_causes", Value: causes},
	}
	if e.Kind == model.KindEvent {
		r = append(r, api.Field{Name: "event_type", Value: e.EventType})
	}
	r = append(r, api.Record{
		{Name: "operation", Value: api.Text(e.Operation)}, {Name: "source_id", Value: api.Text(e.Source)},
		{Name: "target_id", Value: api.Text(e.Target)}, {Name: "manager_name", Value: api.Text(e.ManagerName)},
		{Name: "agent_name", Value: api.Text(e.AgentName)}, {Name: "node_instance_id", Value: api.Text(e.Instance)},
		{Name: "node_name", Value: api.Text(e.Node)},
	}...)
	if e.Kind == model.KindLog {
		r = append(r, api.Field{Name: "logger", Value: e.Logger}, api.Field{Name: "level", Value: e.Level})
	}
	return append(r, api.Field{Name: "type", Value: e.Kind})
}

var blankEvent = append(eventRecord(&model.Event{Kind: model.KindEvent}), api.Blank("logger", "level")...)

// eventFilters are the fields that events may be filtered by, with the wire's other names for them.
var eventFilters = map[string]string{
	"execution_id": "execution_id", "execution_group_id": "execution_group_id", "deployment_id": "deployment_id", "blueprint_id": "blueprint_id", "workflow_id": "workflow_id",
	"node_id": "node_id", "node_instance_id": "node_instance_id", "event_type": "event_type", "level": "level",
	"operation": "operation", "source_id": "source_id", "target_id": "target_id",
}

const eventPageSize = 10000

// ListEvents answers GET /events.
func (a *API) ListEvents(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	values := r.URL.Query()
	q, err := eventQuery(values)
	if err != nil {
		return err
	}
	for _, key := range []string{"type", "_range", "_sort", "message", "message.text", "from", "to"} {
		values.Del(key)
	}
	for key := range eventFilters {
		values.Del(key)
	}
	r.URL.RawQuery = values.Encode()
	l, err := api.ParseList(r, api.ListSpec{Blank: blankEvent, PageSize: eventPageSize})
	if err != nil {
		return err
	}
	l.IsPlain = true
	q.Limit, q.Offset = l.Query.Limit, l.Query.Offset
	page, err := a.insight.Events(r.Context(), actor, q, l.AllTenants)
	if err != nil {
		return err
	}
	items := make([]api.Record, 0, len(page.Items))
	for _, e := range page.Items {
		items = append(items, eventRecord(e))
	}
	return l.Write(w, items, page.Total)
}

func eventQuery(values url.Values) (q service.EventQuery, err error) {
	for _, t := range values["type"] {
		kind := model.EventKind(t)
		if kind != model.KindEvent && kind != model.KindLog {
			return q, fault.New(fault.BadParameters, "type %q is neither cloudify_event nor cloudify_log", t)
		}
		q.Kinds = append(q.Kinds, kind)
	}
	for key, field := range eventFilters {
		if vs := values[key]; len(vs) > 0 {
			q.Where = append(q.Where, service.Condition{Field: field, Values: vs})
		}
	}
	q.Messages = append(values["message"], values["message.text"]...)
	for _, text := range values["_range"] {
		parts := strings.Split(text, ",")
		if len(parts) != 3 || parts[1] == "" && parts[2] == "" {
			return q, fault.New(fault.BadParameters, "Range parameter should be of the form field,from,to with at least one bound; got %q", text)
		}
		rng := service.TimeRange{Field: strings.TrimPrefix(parts[0], "@")}
		if rng.Field != "timestamp" && rng.Field != "reported_timestamp" {
			return q, fault.New(fault.BadParameters, "events have no range field %q; use timestamp or reported_timestamp", parts[0])
		}
		for i, bound := range []*time.Time{&rng.From, &rng.To} {
			if parts[i+1] == "" {
				continue
			}
			if *bound, err = api.ParseInstant(parts[i+1]); err != nil {
				return q, err
			}
		}
		q.Ranges = append(q.Ranges, rng)
	}
	for _, key := range values["_sort"] {
		q.Sort = append(q.Sort, service.Order{Field: strings.TrimLeft(key, "+-@"), Desc: strings.HasPrefix(key, "-")})
	}
	return q, nil
}

// AddEvents answers POST /events.
func (a *API) AddEvents(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	var n insight.NewEvents
	// Events before logs, always: equal times keep the order of storage.
	for _, kind := range []model.EventKind{model.KindEvent, model.KindLog} {
		list, err := body.List(map[model.EventKind]string{model.KindEvent: "events", model.KindLog: "logs"}[kind])
		if err != nil {
			return err
		}
		for _, item := range list {
			e, err := decodeEvent(item, kind)
			if err != nil {
				return err
			}
			n.Events = append(n.Events, e)
		}
	}
	execution, err := body.Text("execution_id")
	if err != nil {
		return err
	}
	n.Execution = model.ExecutionID(execution)
	if n.ManagerName, err = body.Text("manager_name"); err != nil {
		return err
	}
	if n.AgentName, err = body.Text("agent_name"); err != nil {
		return err
	}
	if len(n.Events) == 0 {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	if err := a.insight.AddEvents(r.Context(), actor, n); err != nil {
		return err
	}
	api.WriteJSON(w, http.StatusCreated, nil)
	return nil
}

// wireEvent is the shape in which processes post events and logs (operations, section 3.5).
type wireEvent struct {
	EventType model.EventType `json:"event_type"`
	Logger    string          `json:"logger"`
	Level     string          `json:"level"`
	Timestamp string          `json:"timestamp"`
	Operation string          `json:"operation"`
	Message   struct {
		Text string `json:"text"`
	} `json:"message"`
	Context struct {
		NodeID    model.InstanceID   `json:"node_id"`
		SourceID  model.InstanceID   `json:"source_id"`
		TargetID  model.InstanceID   `json:"target_id"`
		Operation string             `json:"operation"`
		Causes    []model.ErrorCause `json:"task_error_causes"`
	} `json:"context"`
}

func decodeEvent(item any, kind model.EventKind) (*model.Event, error) {
	data, err := model.EncodeJSON(item)
	if err != nil {
		return nil, err
	}
	var in wireEvent
	if err := model.DecodeJSON(data, &in); err != nil {
		return nil, fault.Wrap(err, fault.BadParameters, "an item of the request is not an event: %v", err)
	}
	e := &model.Event{
		Kind: kind, Message: in.Message.Text, EventType: in.EventType, Logger: in.Logger, Level: in.Level,
		Operation: in.Operation, Instance: in.Context.NodeID, Source: in.Context.SourceID, Target: in.Context.TargetID,
		ErrorCauses: in.Context.Causes,
	}
	if e.Operation == "" {
		e.Operation = in.Context.Operation
	}
	if in.Timestamp != "" {
		if e.Timestamp, err = api.ParseInstant(in.Timestamp); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// DeleteEvents answers DELETE /events.
func (a *API) DeleteEvents(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	q := r.URL.Query()
	kinds := strings.Join(q["type"], ",")
	deployment := q.Get("deployment_id")
	if deployment == "" || !strings.Contains(kinds, string(model.KindEvent)) {
		return fault.New(fault.BadParameters, "deleting events needs deployment_id and type=cloudify_event")
	}
	n, err := a.insight.DeleteEvents(r.Context(), actor, model.DeploymentID(deployment), strings.Contains(kinds, string(model.KindLog)))
	if err != nil {
		return err
	}
	api.WriteJSON(w, http.StatusOK, map[string]any{
		"items":    []int{n},
		"metadata": map[string]any{"pagination": map[string]int{"total": n}},
	})
	return nil
}
