package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// plea is a request with headers of its own.
type plea struct {
	user, password string
	method, path   string
	header         http.Header
	body           any
}

// send sends a request as it is and returns the answer with its body.
func (m *manager) send(p plea) (*http.Response, []byte) {
	m.t.Helper()
	var payload io.Reader
	switch b := p.body.(type) {
	case nil:
	case []byte:
		payload = bytes.NewReader(b)
	default:
		data, err := json.Marshal(b)
		if err != nil {
			m.t.Fatal(err)
		}
		payload = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(m.t.Context(), p.method, m.url+p.path, payload)
	if err != nil {
		m.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Tenant", "default_tenant")
	for name, values := range p.header {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	if p.user != "" {
		req.SetBasicAuth(p.user, p.password)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		m.t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		m.t.Fatal(err)
	}
	return res, data
}

// admin is send as the administrator; it returns the status and the error code.
func (m *manager) admin(method, path string, body any) (int, string) {
	m.t.Helper()
	res, data := m.send(plea{user: "admin", password: m.password(), method: method, path: "/api/v3.1" + path, body: body})
	var answer struct {
		Code string `json:"error_code"`
	}
	_ = json.Unmarshal(data, &answer)
	return res.StatusCode, answer.Code
}

const waiting = `tosca_definitions_version: cloudify_dsl_1_5
imports: [cloudify/types/types.yaml]
inputs:
  gate: {type: string}
node_templates:
  a:
    type: cloudify.nodes.Root
    interfaces:
      cloudify.interfaces.lifecycle:
        create: {implementation: wait.sh, executor: central_deployment_agent, inputs: {GATE: {get_input: gate}}}
`

const waitForGate = `#!/bin/bash
while [ ! -e "$GATE" ]; do sleep 0.02; done
`

// TestMaintenance walks through maintenance mode: it lets what runs end, starts nothing, refuses what the contract says
// with the codes of the contract, survives a kill, and starts what waits when it ends.
func TestMaintenance(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	gate := filepath.Join(t.TempDir(), "gate")
	m.ok("blueprints", "upload", blueprint(t, map[string]string{"blueprint.yaml": waiting, "wait.sh": waitForGate}), "-b", "w")
	m.ok("deployments", "create", "d", "-b", "w", "-i", "gate="+gate)
	status := func(want int, code, method, path string, body any) {
		t.Helper()
		if got, gotCode := m.admin(method, path, body); got != want || gotCode != code {
			t.Errorf("%s %s: status %d %q, want %d %q", method, path, got, gotCode, want, code)
		}
	}
	first := m.wants(http.StatusCreated, "POST", "/executions", object{"deployment_id": "d", "workflow_id": "install"})
	queued := m.wants(http.StatusCreated, "POST", "/executions", object{"deployment_id": "d", "workflow_id": "execute_operation", "queue": true,
		"parameters": object{"operation": "cloudify.interfaces.lifecycle.create"}})

	status(http.StatusBadRequest, "bad_parameters_error", "POST", "/maintenance/nap", nil)
	if got := m.wants(http.StatusOK, "POST", "/maintenance/activate", nil); got["status"] != "activating" || got["requested_by"] != "admin" ||
		len(got["remaining_executions"].([]any)) != 1 {
		t.Errorf("maintenance with a running execution is %v", got)
	}
	status(http.StatusNotModified, "", "POST", "/maintenance/activate", nil)
	status(http.StatusServiceUnavailable, "entering_maintenance_mode", "POST", "/executions", object{"deployment_id": "d", "workflow_id": "heal"})
	status(http.StatusServiceUnavailable, "entering_maintenance_mode", "PUT", "/deployments/d2", object{"blueprint_id": "w"})
	status(http.StatusOK, "", "GET", "/blueprints", nil)
	status(http.StatusOK, "", "PUT", "/sites/here", object{})

	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	m.await("maintenance to be active", func() bool { return m.wants(http.StatusOK, "GET", "/maintenance", nil)["status"] == "activated" })
	m.kill()
	m.start()
	status(http.StatusServiceUnavailable, "maintenance_mode_active", "GET", "/blueprints", nil)
	status(http.StatusServiceUnavailable, "maintenance_mode_active", "PUT", "/sites/there", object{})
	for _, path := range []string{"/version", "/status", "/config", "/maintenance", "/managers", "/ok"} {
		if got, _ := m.admin("GET", path, nil); got != http.StatusOK {
			t.Errorf("GET %s in maintenance mode: status %d", path, got)
		}
	}
	bypass := http.Header{"X-Bypass-Maintenance": {"true"}}
	res, data := m.send(plea{user: "admin", password: m.password(), method: "GET", path: "/api/v3.1/executions/" + queued["id"].(string), header: bypass})
	if res.StatusCode != http.StatusOK || !bytes.Contains(data, []byte(`"queued"`)) {
		t.Errorf("a bypassing request finds the queued execution as %d %s", res.StatusCode, data)
	}
	if got := m.wants(http.StatusOK, "POST", "/maintenance/deactivate", nil); got["status"] != "deactivated" || got["activated_at"] != "" {
		t.Errorf("maintenance after its end is %v", got)
	}
	status(http.StatusNotModified, "", "POST", "/maintenance/deactivate", nil)
	m.await("what was queued to end", func() bool {
		return m.wants(http.StatusOK, "GET", "/executions/"+queued["id"].(string), nil)["status"] == "terminated"
	})
	if got := m.wants(http.StatusOK, "GET", "/executions/"+first["id"].(string), nil); got["status"] != "terminated" {
		t.Errorf("what ran before maintenance is %v", got["status"])
	}

	m.wants(http.StatusCreated, "PUT", "/users", object{"username": "eve", "password": "pw12345"})
	m.wants(http.StatusOK, "PUT", "/tenants/users", object{"username": "eve", "tenant_name": "default_tenant", "role": "manager"})
	m.wants(http.StatusOK, "POST", "/maintenance/activate", nil)
	res, _ = m.send(plea{user: "eve", password: "pw12345", method: "GET", path: "/api/v3.1/blueprints", header: bypass})
	if res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("who may not set maintenance mode passes it with status %d", res.StatusCode)
	}
}

// records lists the audit log.
func (m *manager) records(query string) []map[string]any {
	m.t.Helper()
	var out []map[string]any
	for _, item := range m.wants(http.StatusOK, "GET", "/audit?"+query, nil)["items"].([]any) {
		out = append(out, item.(map[string]any))
	}
	return out
}

// TestAudit checks that changes are recorded with who made them and how, that values are not, and the audit routes.
func TestAudit(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	const planted = "pl4nted-v4lue-of-a-secret"
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", m.url+"/api/v3.1/audit/stream?creator_name=eve", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("admin", m.password())
	stream, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	if stream.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("the stream has type %q", stream.Header.Get("Content-Type"))
	}

	m.wants(http.StatusOK, "PUT", "/secrets/pass", object{"value": planted})
	m.wants(http.StatusOK, "PATCH", "/secrets/pass", object{"value": planted + "2"})
	m.wants(http.StatusCreated, "PUT", "/users", object{"username": "eve", "password": "pw12345"})
	m.wants(http.StatusOK, "PUT", "/tenants/users", object{"username": "eve", "tenant_name": "default_tenant", "role": "user"})
	if got, _ := m.request("eve", "pw12345", "PUT", "/sites/s", object{}); got != http.StatusOK {
		t.Fatalf("a site is made with status %d", got)
	}
	if got, _ := m.request("eve", "pw12345", "PUT", "/users", object{"username": "mallory", "password": "pw12345"}); got != http.StatusForbidden {
		t.Fatalf("a user makes users with status %d", got)
	}

	scanner := bufio.NewScanner(stream.Body)
	if !scanner.Scan() || !strings.HasPrefix(scanner.Text(), `{"_storage_id":`) || !strings.Contains(scanner.Text(), `"ref_table":"sites"`) {
		t.Errorf("the stream begins with %q", scanner.Text())
	}
	if !scanner.Scan() || scanner.Text() != "" {
		t.Errorf("the record in the stream is followed by %q", scanner.Text())
	}

	all := m.records("size=0")
	var brief []string
	for _, r := range all {
		id, _ := r["ref_identifier"].(map[string]any)
		name := id["id"]
		for _, key := range []string{"name", "username"} {
			if id[key] != nil {
				name = id[key]
			}
		}
		text, _ := name.(string)
		brief = append(brief, r["creator_name"].(string)+" "+r["operation"].(string)+" "+r["ref_table"].(string)+" "+text)
	}
	want := "admin create secrets pass|admin update secrets pass|admin create users eve|admin create tenants default_tenant|eve create sites s"
	if got := strings.Join(brief, "|"); got != want {
		t.Errorf("the audit log is\n%s, want\n%s", got, want)
	}
	r := all[len(all)-1]
	if r["method"] != "PUT" || r["path"] != "/api/v3.1/sites/s" || r["auth_method"] != "http_basic" || r["tenant_name"] != "default_tenant" ||
		r["client"] != "127.0.0.1" || r["status"] != 200.0 {
		t.Errorf("a record is %v", r)
	}
	if got := m.records("creator_name=EVE&refused=true&order_by=created_at&desc=true&size=1"); len(got) != 1 || got[0]["ref_table"] != "users" ||
		got[0]["status"] != 403.0 {
		t.Errorf("the latest refused request is %v", got)
	}
	if got, _ := m.request("eve", "pw12345", "GET", "/audit", nil); got != http.StatusForbidden {
		t.Errorf("a user sees the audit log with status %d", got)
	}

	record := object{"ref_table": "sites", "ref_id": 3, "operation": "delete", "creator_name": "old", "created_at": "2020-01-01T00:00:00.000"}
	if got, _ := m.admin("POST", "/audit", []object{record}); got != http.StatusNoContent {
		t.Errorf("records are brought along with status %d", got)
	}
	if got := m.records("before=2021-01-01"); len(got) != 1 || got[0]["ref_id"] != 3.0 || got[0]["created_at"] != "2020-01-01T00:00:00.000" {
		t.Errorf("the record that was brought along is %v", got)
	}
	for path, status := range map[string]int{
		"/audit?since=2020-01-01&before=2021-01-01": http.StatusBadRequest, "/audit?size=-1": http.StatusUnprocessableEntity,
		"/audit?order_by=nothing": http.StatusBadRequest,
	} {
		if got, _ := m.admin("GET", path, nil); got != status {
			t.Errorf("GET %s: status %d, want %d", path, got, status)
		}
	}
	if got, _ := m.admin("DELETE", "/audit", nil); got != http.StatusUnprocessableEntity {
		t.Errorf("everything is removed with status %d", got)
	}
	if got := m.wants(http.StatusOK, "DELETE", "/audit?before="+time.Now().UTC().Add(-time.Hour).Format("2006-01-02T15:04:05Z"), nil); got["deleted"] != 1.0 {
		t.Errorf("deleting answers %v", got)
	}

	m.stop()
	m.start()
	if got := m.records("size=0"); len(got) != len(all)+1 {
		t.Errorf("after a restart there are %d records, want %d", len(got), len(all)+1)
	}
	m.nowhere(planted)
}

// nowhere fails the test when what the manager keeps or logged holds the text.
func (m *manager) nowhere(text string) {
	m.t.Helper()
	if strings.Contains(m.log.String(), text) {
		m.t.Errorf("the log holds %q", text)
	}
	err := filepath.WalkDir(m.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(text)) {
			m.t.Errorf("%s holds %q", path, text)
		}
		return err
	})
	if err != nil {
		m.t.Error(err)
	}
}
