package api

import (
	"encoding/json"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
)

// RequestIDHeader carries the id of a request, in the answer and in requests that have one already.
const RequestIDHeader = "X-Request-ID"

// bypassHeader asks to pass maintenance mode (rest-api, section 1.2).
const bypassHeader = "X-BYPASS-MAINTENANCE"

// pathBelow is the path of a request below /api/<version>/; ok is false for one that is not of the API.
func pathBelow(r *http.Request) (path string, ok bool) {
	rest, ok := strings.CutPrefix(r.URL.Path, "/api/")
	if !ok {
		return "", false
	}
	version, path, found := strings.Cut(rest, "/")
	if !found {
		return version, true
	}
	return path, true
}

// audited answers a request of an authenticated actor unless maintenance mode refuses it, and records what it changed.
func (d Door) audited(w http.ResponseWriter, r *http.Request, a *service.Actor, h Handler) error {
	path, isAPI := pathBelow(r)
	if d.Upkeep == nil || !isAPI {
		return h(w, r, a)
	}
	if err := d.Upkeep.Admit(r.Context(), a, r.Method, path, r.Header.Get(bypassHeader) != ""); err != nil {
		return err
	}
	record := auditRecord(r, a, path)
	if record == nil {
		return h(w, r, a)
	}
	seen := &watched{ResponseWriter: w, status: http.StatusOK}
	err := h(seen, r, a)
	record.Status = seen.status
	if err != nil {
		record.Status = Status(fault.CodeOf(err))
	}
	record.IsRefused = record.Status >= http.StatusBadRequest
	if record.Status == http.StatusNotModified {
		return err
	}
	complete(r, record, seen.start)
	d.Upkeep.Record(r.Context(), record)
	return err
}

// auditNouns are the kinds of what routes change, by the first part of their path, where they are not that part itself
// with underscores (rest-model, section 13).
var auditNouns = map[string]string{
	"user-groups": "groups", "license": "licenses", "maintenance": "maintenance_mode", "secrets-key": "secrets", "ldap": "config",
	"user": "users",
}

// asking are the routes that are called with POST and change nothing.
var asking = []string{"searches", "evaluate"}

// auditRecord begins the record of a request; it is nil for one that changes nothing. Events and logs that executions
// write are not audited (rest-model, section 13), nor are changes of the audit log itself.
func auditRecord(r *http.Request, a *service.Actor, path string) *model.AuditRecord {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	first := parts[0]
	if r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions || slices.Contains(asking, first) ||
		first == "audit" && r.Method != http.MethodDelete || first == "events" && a.Execution != nil {
		return nil
	}
	record := &model.AuditRecord{
		User: a.User.Name, Noun: auditNouns[first], Operation: auditOperation(r.Method, first, len(parts)), Method: r.Method,
		Path: r.URL.Path, AuthMethod: a.Method, Tenant: a.Tenant, Client: ClientAddress(r), Request: r.Header.Get(RequestIDHeader),
	}
	if record.Noun == "" {
		record.Noun = strings.ReplaceAll(first, "-", "_")
	}
	if first == "filters" && len(parts) > 1 {
		record.Noun = parts[1] + "_filters"
	}
	if a.Execution != nil {
		record.Execution = a.Execution.ID
	}
	return record
}

// auditOperation is what a method does: POST makes something new, except below a single item, where it acts on that.
func auditOperation(method, first string, parts int) model.AuditOperation {
	switch {
	case method == http.MethodDelete:
		return model.AuditDelete
	case method == http.MethodPatch, first == "config", parts > 2 && first != "filters", first == "maintenance":
		return model.AuditUpdate
	case method == http.MethodPost && parts > 1 && first != "tenants":
		return model.AuditUpdate
	}
	return model.AuditCreate
}

// complete names what was changed: by the placeholders of the route, or by the answer when the request made it.
func complete(r *http.Request, record *model.AuditRecord, answer []byte) {
	id := model.Document{}
	if record.Tenant != "" {
		id["tenant_name"] = string(record.Tenant)
	}
	key := "id"
	switch record.Noun {
	case "sites", "tenants", "groups", "secrets_providers", "agents":
		key = "name"
	case "users":
		key = "username"
	}
	if route := chi.RouteContext(r.Context()); route != nil {
		for i, name := range route.URLParams.Keys {
			if slices.Contains([]string{"id", "name", "key"}, name) {
				id[key] = route.URLParams.Values[i]
			}
		}
	}
	if id[key] == nil && len(answer) > 0 {
		var made map[string]any
		if json.Unmarshal(answer, &made) == nil {
			for _, from := range []string{key, "id"} {
				if text, ok := made[from].(string); ok && id[key] == nil {
					id[key] = text
				}
			}
		}
	}
	if len(id) > 0 {
		record.Identifier = id
	}
}

// watchedBytes is how much of an answer is looked at for the id of what was made.
const watchedBytes = 64 << 10

// watched remembers the status and the beginning of an answer.
type watched struct {
	http.ResponseWriter
	status int
	start  []byte
}

// WriteHeader remembers the status.
func (w *watched) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Write remembers the beginning.
func (w *watched) Write(p []byte) (int, error) {
	if room := watchedBytes - len(w.start); room > 0 {
		w.start = append(w.start, p[:min(room, len(p))]...)
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// ClientAddress is the address that a request came from, without its port.
func ClientAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
