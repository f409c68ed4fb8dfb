package v31

import (
	"bytes"
	"context"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"net/url"
	"strings"
	"testing"
)

// ask sends a request of a manager of the home tenant, unless the headers say otherwise, and fails for an answer that blames
// the manager: what strangers send is their mistake. A panic is answered with status 500.
func (h *house) ask(t *testing.T, method, path, query string, header http.Header, body []byte) int {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := httptest.NewRequestWithContext(ctx, method, "/api/v3.1"+path, bytes.NewReader(body))
	r.URL.RawQuery = query
	r.Header.Set("Tenant", home)
	r.SetBasicAuth("the-manager", password)
	for name, values := range header {
		r.Header[name] = values
	}
	w := httptest.NewRecorder()
	h.router.ServeHTTP(w, r)
	if w.Code >= http.StatusInternalServerError {
		t.Fatalf("%s %s?%s\n%v\n%q\nstatus %d: %s", method, path, query, header, body, w.Code, w.Body)
	}
	return w.Code
}

// lists are routes with the grammar of list queries.
var lists = []string{"/node-instances", "/deployments", "/nodes", "/executions", "/blueprints", "/events", "/plugins", "/secrets",
	"/execution-schedules", "/deployment-groups", "/labels/deployments", "/workflows", "/summary/deployments", "/filters/deployments"}

func FuzzListQueries(f *testing.F) {
	for _, query := range []string{
		"", "_include=id,state&_size=10&_offset=3", "_sort=-id&_sort=+created_at&_search=x", "deployment_id=a&deployment_id=b&state=started",
		"_filter_id=nope", "_all_tenants=true&_get_all_results=1", "_size=-1", "_size=99999999999999999999", "_offset=9223372036854775807&_size=9223372036854775807",
		"_include=nope", "_sort=%ff&nope=1", "_sub_field=state&_target_field=blueprint_id", "_range=timestamp,2020-01-01,x", "created_at=x&is_hidden=maybe", "_group_id=a;b", "index=1.5",
		"_search=%25%5C%00", "message=%25a_&from_event=1",
	} {
		for n := range lists {
			f.Add(n, query)
		}
	}
	h := newHouse(f)
	f.Fuzz(func(t *testing.T, n int, query string) {
		h.ask(t, http.MethodGet, lists[uint(n)%uint(len(lists))], query, nil, nil)
	})
}

func FuzzFilterRules(f *testing.F) {
	kinds := []string{"deployments", "blueprints", "nodes", "node-instances", "executions", "workflows", "secrets"}
	for _, body := range []string{
		`{"filter_rules":[{"key":"environment","values":["a","b"],"operator":"any_of","type":"label"}]}`,
		`{"filter_rules":[{"key":"blueprint_id","values":["a%_\\"],"operator":"starts_with","type":"attribute"},{"key":"x","values":[],"operator":"is_null","type":"label"}]}`,
		`{"filter_rules":[{"key":"x","values":["y"],"operator":"is_not","type":"label"},{"key":"schedules","values":["1"],"operator":"not_contains","type":"attribute"}]}`,
		`{"filter_rules":[{"key":1,"values":2,"operator":3,"type":4}]}`, `{"filter_rules":[null]}`, `{"filter_rules":[{}]}`,
		`{"constraints":{"labels":[{"a":"b"}],"name_pattern":{"contains":"x"},"tenants":["default_tenant"],"valid_values":["a"]}}`,
		`{"constraints":{"deployment_id":"a","filter_id":"b","id_specs":{"equals_to":["c",1]}}}`,
	} {
		for n := range kinds {
			f.Add(n, []byte(body))
		}
	}
	h := newHouse(f)
	f.Fuzz(func(t *testing.T, n int, body []byte) {
		h.ask(t, http.MethodPost, "/searches/"+kinds[uint(n)%uint(len(kinds))], "_size=5", http.Header{"Content-Type": {"application/json"}}, body)
	})
}

func FuzzBodies(f *testing.F) {
	routes := []struct{ method, path, body string }{
		{"POST", "/executions", `{"deployment_id":"d","workflow_id":"install","parameters":{"a":1},"force":"true","schedule":"202601010000+0000"}`},
		{"PATCH", "/node-instances/x", `{"version":1,"state":"started","runtime_properties":{"a":[1.5,null]}}`},
		{"PUT", "/deployments/d", `{"blueprint_id":"b","inputs":{"a":"b"},"labels":[{"a":"b"},{"c":["d","e"]}],"visibility":"tenant","display_name":"é"}`},
		{"PATCH", "/deployments/d", `{"labels":[{"key":"a","value":"b"}]}`},
		{"PUT", "/secrets/s", `{"value":"v","update_if_exists":true,"visibility":"global","is_hidden_value":false,"schema":{"type":"string"}}`},
		{"PUT", "/filters/deployments/f", `{"filter_rules":[{"key":"a","values":["b"],"operator":"any_of","type":"label"}],"visibility":"private"}`},
		{"POST", "/events", `{"events":[{"event_type":"x","context":{"execution_id":"e"},"message":{"text":"t"}}],"logs":[{"level":"info"}],"execution_id":"e"}`},
		{"POST", "/evaluate/functions", `{"deployment_id":"d","context":{"self":"x"},"payload":{"a":{"get_attribute":["a","b"]}}}`},
		{"PUT", "/sites/s", `{"location":"12.5,-3","visibility":"tenant"}`},
		{"PUT", "/deployment-groups/g", `{"blueprint_id":"b","deployment_ids":["a"],"new_deployments":[{"id":"x"}],"labels":[]}`},
		{"POST", "/tokens", `{"description":"d","expiration_date":"+10h"}`},
	}
	for n, rt := range routes {
		f.Add(n, []byte(rt.body))
		f.Add(n, []byte(`[]`))
	}
	h := newHouse(f)
	f.Fuzz(func(t *testing.T, n int, body []byte) {
		rt := routes[uint(n)%uint(len(routes))]
		h.ask(t, rt.method, rt.path, "", http.Header{"Content-Type": {"application/json"}}, body)
	})
}

func FuzzUploads(f *testing.F) {
	const boundary = "frontier"
	form := func(parts ...string) []byte {
		var buf bytes.Buffer
		w := multipart.NewWriter(&buf)
		if err := w.SetBoundary(boundary); err != nil {
			f.Fatal(err)
		}
		for i := 0; i < len(parts); i += 2 {
			part, err := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="` + parts[i] + `"; filename="x"`}})
			if err != nil {
				f.Fatal(err)
			}
			if _, err := part.Write([]byte(parts[i+1])); err != nil {
				f.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			f.Fatal(err)
		}
		return buf.Bytes()
	}
	whole := form("params", `{"application_file_name":"a.yaml","visibility":"tenant","labels":[{"a":"b"}]}`, "blueprint_archive", "PK\x03\x04")
	f.Add("multipart/form-data; boundary="+boundary, whole)
	f.Add("multipart/form-data; boundary="+boundary, whole[:len(whole)/2])
	f.Add("multipart/form-data; boundary="+boundary, form("blueprint_archive", "", "params", "{}"))
	f.Add("multipart/form-data", form("params", "[]"))
	f.Add("application/octet-stream", []byte("\x1f\x8b\x08\x00"))
	f.Add("", []byte{})
	h := newHouse(f)
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		if bytes.Contains(bytes.ToLower(body), []byte("url")) {
			t.Skip("archives are not fetched from elsewhere here")
		}
		for _, path := range []string{"/blueprints/b/validate", "/plugins"} {
			method := http.MethodPut
			if path == "/plugins" {
				method = http.MethodPost
			}
			h.ask(t, method, path, "", http.Header{"Content-Type": {contentType}}, body)
		}
	})
}

func FuzzCredentials(f *testing.F) {
	for _, text := range []string{"", "Basic dGhlLXVzZXI6cHcxMjM0NQ==", "Basic !!", "basic Og==", "Bearer a.b.c", "Bearer", "ctok-a-b", "ctok--", "-", "ctok-\x00-\xff", strings.Repeat("a", 5000)} {
		f.Add(text, text, text, home)
		f.Add(text, "", "", "nowhere")
		f.Add("", text, "", "")
		f.Add("", "", text, "\xff")
	}
	h := newHouse(f)
	f.Fuzz(func(t *testing.T, authorization, token, execution, tenant string) {
		header := http.Header{"Authorization": {authorization}, "Authentication-Token": {token}, "Execution-Token": {execution}, "Tenant": {tenant}}
		code := h.ask(t, http.MethodGet, "/deployments", url.Values{"_size": {"1"}}.Encode(), header, nil)
		r := &http.Request{Header: header}
		if _, known, _ := r.BasicAuth(); code == http.StatusOK && known != password {
			t.Fatalf("%v came in with status %d", header, code)
		}
	})
}
