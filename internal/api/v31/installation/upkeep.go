package installation

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/service/upkeep"
)

func instantOrEmpty(t time.Time) any {
	if t.IsZero() {
		return ""
	}
	return api.Instant(t)
}

func maintenanceRecord(v *upkeep.MaintenanceView) api.Record {
	state := v.State
	if state == "" {
		state = model.MaintenanceDeactivated
	}
	var remaining any
	if v.State == model.MaintenanceActivating {
		list := []api.Record{}
		for _, x := range v.Remaining {
			list = append(list, api.Record{{Name: "id", Value: x.ID}, {Name: "status", Value: x.Status},
				{Name: "deployment_id", Value: api.Text(x.Deployment)}, {Name: "workflow_id", Value: x.Workflow}})
		}
		remaining = list
	}
	return api.Record{{Name: "status", Value: state}, {Name: "activated_at", Value: instantOrEmpty(v.ActivatedAt)},
		{Name: "activation_requested_at", Value: instantOrEmpty(v.RequestedAt)}, {Name: "remaining_executions", Value: remaining},
		{Name: "requested_by", Value: v.RequestedBy}}
}

// GetMaintenance answers GET /maintenance.
func (a *API) GetMaintenance(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	v, err := a.upkeep.Maintenance(r.Context(), actor)
	if err != nil {
		return err
	}
	api.WriteJSON(w, http.StatusOK, maintenanceRecord(v))
	return nil
}

// SetMaintenance answers 304 when there is nothing to change (rest-api, section 1.1).
func (a *API) SetMaintenance(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	action := api.Param(r, "action")
	if action != "activate" && action != "deactivate" {
		return fault.New(fault.BadParameters, "Invalid action: %s, valid action values are: ['activate', 'deactivate']", action)
	}
	v, isChanged, err := a.upkeep.SetMaintenance(r.Context(), actor, action == "activate")
	if err != nil {
		return err
	}
	if !isChanged {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	api.WriteJSON(w, http.StatusOK, maintenanceRecord(v))
	return nil
}

// auditFields are those of the original's answer and then our own, which say more of the request.
func auditFields(r *model.AuditRecord) api.Record {
	out := api.Record{{Name: "id", Value: r.ID}, {Name: "ref_table", Value: r.Noun}}
	add := func(name string, given bool, value any) {
		if given {
			out = append(out, api.Field{Name: name, Value: value})
		}
	}
	add("ref_id", r.Row != 0, r.Row)
	add("ref_identifier", r.Identifier != nil, r.Identifier)
	add("operation", true, r.Operation)
	add("creator_name", r.User != "", r.User)
	add("execution_id", r.Execution != "", r.Execution)
	add("created_at", true, r.CreatedAt.UTC().Format("2006-01-02T15:04:05.000"))
	add("method", r.Method != "", r.Method)
	add("path", r.Path != "", r.Path)
	add("status", r.Status != 0, r.Status)
	add("auth_method", r.AuthMethod != "", r.AuthMethod)
	add("tenant_name", r.Tenant != "", r.Tenant)
	add("client", r.Client != "", r.Client)
	add("request_id", r.Request != "", r.Request)
	return out
}

// detailed answers in the form of the original's audit service, which is another than that of its REST service
// (rest-api, section 1.4).
func detailed(w http.ResponseWriter, status int, text string) error {
	api.WriteJSON(w, status, api.Record{{Name: "detail", Value: text}})
	return nil
}

// auditQuery reads the parameters that the audit routes share.
func auditQuery(values url.Values) (q upkeep.AuditQuery, wrong string) {
	q.User, q.Execution = model.UserName(values.Get("creator_name")), model.ExecutionID(values.Get("execution_id"))
	for name, to := range map[string]*time.Time{"since": &q.Since, "before": &q.Before} {
		if text := values.Get(name); text != "" {
			at, err := api.ParseInstant(text)
			if err != nil {
				return q, name + ": " + err.Error()
			}
			*to = at
		}
	}
	refused, err := api.Flag(values, "refused")
	if err != nil {
		return q, err.Error()
	}
	q.WithRefused = refused
	return q, ""
}

// ListAudit answers GET /audit.
func (a *API) ListAudit(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	if err := actor.Require("audit_log_view"); err != nil {
		return err
	}
	values := r.URL.Query()
	q, wrong := auditQuery(values)
	if wrong != "" {
		return detailed(w, http.StatusUnprocessableEntity, wrong)
	}
	desc, err := api.Flag(values, "desc")
	if err != nil {
		return detailed(w, http.StatusUnprocessableEntity, err.Error())
	}
	for field := range strings.SplitSeq(strings.Join(values["order_by"], ","), ",") {
		if field != "" {
			q.Sort = append(q.Sort, service.Order{Field: field, Desc: desc})
		}
	}
	if len(q.Sort) == 0 && desc {
		q.Sort = []service.Order{{Field: "created_at", Desc: true}}
	}
	q.Limit = 100
	for name, to := range map[string]*int{"size": &q.Limit, "offset": &q.Offset} {
		if text := values.Get(name); text != "" {
			if *to, err = strconv.Atoi(text); err != nil || *to < 0 {
				return detailed(w, http.StatusUnprocessableEntity, name+" must be a number that is not negative")
			}
		}
	}
	size := q.Limit
	if size == 0 {
		q.Limit = -1
	}
	page, err := a.upkeep.AuditRecords(r.Context(), actor, q)
	if fault.Is(err, fault.BadParameters) {
		return detailed(w, http.StatusBadRequest, err.Error())
	}
	if err != nil {
		return err
	}
	items := make([]api.Record, 0, len(page.Items))
	for _, record := range page.Items {
		items = append(items, auditFields(record))
	}
	api.WriteJSON(w, http.StatusOK, api.Record{{Name: "items", Value: items}, {Name: "metadata", Value: api.Record{
		{Name: "pagination", Value: api.Record{{Name: "offset", Value: q.Offset}, {Name: "size", Value: size}, {Name: "total", Value: page.Total}}}}}})
	return nil
}

// StreamAudit sends records as they come, each as JSON and an empty line, without the prefix that event streams have
// elsewhere (rest-api, section 14).
func (a *API) StreamAudit(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	if err := actor.Require("audit_log_view"); err != nil {
		return err
	}
	q, wrong := auditQuery(r.URL.Query())
	if wrong != "" {
		return detailed(w, http.StatusUnprocessableEntity, wrong)
	}
	out := http.NewResponseController(w)
	err := a.upkeep.Follow(r.Context(), actor, q, func() {
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Cache-Control", "no-cache")
		w.WriteHeader(http.StatusOK)
		// A client that has gone shows with the first record.
		_ = out.Flush()
	}, func(record *model.AuditRecord) error {
		data, err := model.EncodeJSON(append(api.Record{{Name: "_storage_id", Value: record.ID}}, auditFields(record)...))
		if err != nil {
			return err
		}
		if _, err := w.Write(append(data, "\n\n"...)); err != nil {
			return err
		}
		return out.Flush()
	})
	if w.Header().Get("Content-Type") == "text/event-stream" {
		// The answer has begun: its end is all that can be told now.
		return nil
	}
	return err
}

// DeleteAudit answers DELETE /audit.
func (a *API) DeleteAudit(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	if err := actor.Require("audit_log_truncate"); err != nil {
		return err
	}
	q, wrong := auditQuery(r.URL.Query())
	if wrong == "" && q.Before.IsZero() {
		wrong = "before: field required"
	}
	if wrong != "" {
		return detailed(w, http.StatusUnprocessableEntity, wrong)
	}
	n, err := a.upkeep.DeleteAuditRecords(r.Context(), actor, q)
	if err != nil {
		return err
	}
	api.WriteJSON(w, http.StatusOK, api.Record{{Name: "deleted", Value: n}})
	return nil
}

// injected is a record in the form in which managers exchange them.
type injected struct {
	Table      string         `json:"ref_table"`
	Row        int64          `json:"ref_id"`
	Identifier model.Document `json:"ref_identifier"`
	Operation  string         `json:"operation"`
	User       string         `json:"creator_name"`
	Execution  string         `json:"execution_id"`
	CreatedAt  string         `json:"created_at"`
}

// InjectAudit answers POST /audit.
func (a *API) InjectAudit(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	if err := actor.Require("audit_log_inject"); err != nil {
		return err
	}
	var given []injected
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxInjected)).Decode(&given); err != nil {
		return detailed(w, http.StatusUnprocessableEntity, "the body must be a JSON array of audit records: "+err.Error())
	}
	records := make([]*model.AuditRecord, 0, len(given))
	for i, g := range given {
		record := &model.AuditRecord{Noun: g.Table, Row: g.Row, Identifier: g.Identifier, Operation: model.AuditOperation(g.Operation),
			User: model.UserName(g.User), Execution: model.ExecutionID(g.Execution)}
		var err error
		if g.CreatedAt != "" {
			record.CreatedAt, err = api.ParseInstant(g.CreatedAt)
		}
		if err != nil || g.Table == "" || !record.Operation.Valid() {
			return detailed(w, http.StatusUnprocessableEntity, "record "+strconv.Itoa(i)+": ref_table, operation (create, update or delete) "+
				"and a valid created_at are needed")
		}
		records = append(records, record)
	}
	if err := a.upkeep.InjectAuditRecords(r.Context(), actor, records); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// maxInjected bounds the body of injected records in bytes.
const maxInjected = 64 << 20
