package v31

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/model"
)

// first are the routes of the versions 1 and 2 of the API, by "METHOD path" (rest-api, section 17).
var first = map[string][]string{
	"v1": {
		"GET /blueprints", "GET /blueprints/{id}", "PUT /blueprints/{id}", "DELETE /blueprints/{id}", "GET /blueprints/{id}/archive",
		"GET /executions", "POST /executions", "GET /executions/{id}", "POST /executions/{id}", "PATCH /executions/{id}",
		"GET /deployments", "GET /deployments/{id}", "PUT /deployments/{id}", "DELETE /deployments/{id}", "GET /deployments/{id}/outputs",
		"GET /deployment-modifications", "POST /deployment-modifications", "GET /deployment-modifications/{id}",
		"POST /deployment-modifications/{id}/{action}", "GET /nodes", "GET /node-instances", "GET /node-instances/{id}",
		"PATCH /node-instances/{id}", "GET /provider/context", "GET /version", "POST /evaluate/functions",
	},
	"v2": {"GET /snapshots", "GET /plugins", "GET /events", "DELETE /events"},
}

// versions are those below which a route is served, newest first: everything came with v3.1 at the latest.
func versions(method, path string) []string {
	name, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	out := []string{"v3.1"}
	switch name {
	case "version", "provider", "evaluate", "blueprints", "executions", "node-instances", "nodes", "deployments", "maintenance", "events",
		"deployment-modifications", "deployment-updates", "snapshots", "plugins":
		out = append(out, "v3", "v2.1")
	case "tenants", "user-groups", "users", "user", "secrets", "ldap":
		out = append(out, "v3")
	}
	route := method + " " + path
	if isFirst := slices.Contains(first["v1"], route); isFirst {
		out = append(out, "v2", "v1")
	} else if slices.Contains(first["v2"], route) {
		out = append(out, "v2")
	}
	return out
}

// hidden are the fields that items of a resource do not have in versions 1 and 2; those of blueprints are in version 2.
var hidden = map[string][]string{
	"blueprints": {"main_file_name", "description"}, "deployments": {"scaling_groups", "scaling_groups_p"}, "node-instances": {"scaling_groups"},
	"nodes": {"max_number_of_instances", "min_number_of_instances"},
}

// older answers in the shapes of versions 1 and 2; other versions have those of today.
func older(version, path string, h http.Handler) http.Handler {
	name, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if version != "v1" && version != "v2" || strings.HasSuffix(rest, "archive") {
		return h
	}
	hide := hidden[name]
	if version == "v2" && name == "blueprints" {
		hide = nil
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kept := &keptAnswer{header: w.Header(), status: http.StatusOK}
		h.ServeHTTP(kept, r)
		body := kept.body
		if kept.status < http.StatusBadRequest {
			if shaped, ok := reshape(version, name, hide, body); ok {
				body = shaped
			}
		}
		w.Header().Del("Content-Length")
		if len(body) > 0 {
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		}
		w.WriteHeader(kept.status)
		// A client that has gone cannot be told.
		_, _ = w.Write(body)
	})
}

// keptAnswer is an answer that is not sent yet.
type keptAnswer struct {
	header http.Header
	status int
	body   []byte
}

// Header returns the header to be sent.
func (k *keptAnswer) Header() http.Header { return k.header }

// WriteHeader keeps the status.
func (k *keptAnswer) WriteHeader(status int) { k.status = status }

// Write keeps a part of the body.
func (k *keptAnswer) Write(p []byte) (int, error) {
	k.body = append(k.body, p...)
	return len(p), nil
}

// reshape maps an answer; ok is false for one that is no JSON object.
func reshape(version, name string, hide []string, body []byte) (_ []byte, ok bool) {
	var answer map[string]json.RawMessage
	if json.Unmarshal(body, &answer) != nil {
		return nil, false
	}
	var items []map[string]json.RawMessage
	isList := answer["metadata"] != nil && json.Unmarshal(answer["items"], &items) == nil
	if !isList {
		items = []map[string]json.RawMessage{answer}
	}
	shaped := make([]any, len(items))
	for i, item := range items {
		for _, field := range hide {
			delete(item, field)
		}
		shaped[i] = item
		if name == "events" {
			shaped[i] = nestedEvent(item)
		}
	}
	var out any = shaped
	switch {
	case !isList:
		out = shaped[0]
	case version != "v1":
		out = api.Record{{Name: "items", Value: shaped}, {Name: "metadata", Value: answer["metadata"]}}
	}
	data, err := model.EncodeJSON(out)
	return append(data, '\n'), err == nil
}

// nestedEvent is an event as versions 1 and 2 show it.
func nestedEvent(flat map[string]json.RawMessage) api.Record {
	context := api.Record{}
	for _, f := range [][2]string{{"blueprint_id", "blueprint_id"}, {"deployment_id", "deployment_id"}, {"execution_id", "execution_id"},
		{"workflow_id", "workflow_id"}, {"node_id", "node_instance_id"}, {"node_name", "node_name"}, {"operation", "operation"}} {
		if value, ok := flat[f[1]]; ok {
			context = append(context, api.Field{Name: f[0], Value: value})
		}
	}
	out := api.Record{{Name: "context", Value: context},
		{Name: "message", Value: api.Record{{Name: "text", Value: flat["message"]}, {Name: "arguments", Value: nil}}},
		{Name: "@timestamp", Value: flat["timestamp"]}, {Name: "timestamp", Value: flat["timestamp"]}}
	for _, name := range []string{"type", "event_type", "level", "logger"} {
		if value, ok := flat[name]; ok {
			out = append(out, api.Field{Name: name, Value: value})
		}
	}
	return out
}
