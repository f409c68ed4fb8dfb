package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reifyhq/reify/internal/vault/vaulttest"
)

// export exports secrets as the administrator.
func (m *manager) export(query string) (list []object) {
	m.t.Helper()
	res, data := m.send(plea{user: "admin", password: m.password(), method: "GET", path: "/api/v3.1/secrets/share/export?" + query})
	if res.StatusCode != http.StatusOK || json.Unmarshal(data, &list) != nil {
		m.t.Fatalf("export: status %d: %s", res.StatusCode, data)
	}
	return list
}

func value(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// TestSharingSecrets takes secrets from one tenant to another, with a passphrase and without.
func TestSharingSecrets(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	m.wants(http.StatusCreated, "POST", "/tenants/t2", nil)
	m.wants(http.StatusOK, "PUT", "/secrets/plain", object{"value": "sesame"})
	m.wants(http.StatusOK, "PUT", "/secrets/shaped", object{"value": object{"a": 1}, "schema": object{"type": "object"}})
	m.wants(http.StatusCreated, "PUT", "/users", object{"username": "eve", "password": "pw12345"})
	m.wants(http.StatusOK, "PUT", "/tenants/users", object{"username": "eve", "tenant_name": "default_tenant", "role": "user"})
	m.wants(http.StatusOK, "PUT", "/secrets/hidden", object{"value": "mine", "is_hidden_value": true})

	open := m.export("_all_tenants=False")
	if len(open) != 3 || open[0]["value"] != "sesame" || open[0]["encrypted"] != false || open[0]["tenant_name"] != "default_tenant" ||
		open[0]["provider"] != nil || open[0]["is_hidden_value"] != false {
		t.Errorf("exported in clear: %v", open)
	}
	res, data := m.send(plea{user: "eve", password: "pw12345", method: "GET", path: "/api/v3.1/secrets/share/export"})
	if res.StatusCode != http.StatusOK || strings.Contains(string(data), "mine") || !strings.Contains(string(data), "sesame") {
		t.Errorf("a user exports %d %s", res.StatusCode, data)
	}
	if got, _ := m.admin("GET", "/secrets/share/export?_passphrase=short", nil); got != http.StatusBadRequest {
		t.Errorf("a short passphrase: status %d", got)
	}
	sealed := m.export("_passphrase=passphrase1")
	if sealed[0]["encrypted"] != true || strings.Contains(value(sealed), "sesame") || !strings.HasPrefix(sealed[0]["value"].(string), "gAAAA") {
		t.Errorf("exported with a passphrase: %v", sealed)
	}
	if got := m.export("key=plain&_include=key,value"); len(got) != 1 || len(got[0]) != 2 {
		t.Errorf("a part: %v", got)
	}

	share := func(list []object, more object) object {
		body := object{"secrets_list": list, "override_collisions": false}
		for k, v := range more {
			body[k] = v
		}
		return m.wants(http.StatusOK, "POST", "/secrets/share/import", body)
	}
	if got := value(share(sealed, object{"passphrase": "passphrase1"})); got != `{"colliding_secrets":{"default_tenant":["plain","shaped","hidden"]},"secrets_errors":{}}` {
		t.Errorf("imported over themselves: %s", got)
	}
	if got := value(share(sealed, object{"passphrase": "passphrase1", "tenant_map": object{"default_tenant": "t2"}})); got != `{"colliding_secrets":{},"secrets_errors":{}}` {
		t.Errorf("imported to another tenant: %s", got)
	}
	for key, want := range map[string]string{"plain": `"sesame"`, "shaped": `{"a":1}`} {
		_, data := m.send(plea{user: "admin", password: m.password(), method: "GET", path: "/api/v3.1/secrets/" + key, header: http.Header{"Tenant": {"t2"}}})
		if !strings.Contains(string(data), `"value":`+want) || !strings.Contains(string(data), `"tenant_name":"t2"`) {
			t.Errorf("%s in the other tenant: %s", key, data)
		}
	}
	errs := share([]object{
		{"key": "e1"},
		{"key": "e2", "value": "x", "visibility": "wide", "tenant_name": "nowhere", "is_hidden_value": false, "encrypted": false},
		{"key": "e3", "value": "gAAAA", "visibility": "tenant", "tenant_name": "t2", "is_hidden_value": false, "encrypted": true},
		{"key": "e4", "value": "x", "visibility": "tenant", "tenant_name": "t2", "is_hidden_value": "perhaps", "encrypted": false},
		{"key": "fine", "value": "x", "visibility": "tenant", "tenant_name": "t2", "is_hidden_value": false, "encrypted": false},
	}, nil)["secrets_errors"].(map[string]any)
	for index, want := range map[string]string{"0": "missing secret fields", "1": "visibility", "2": "No passphrase", "3": "is_hidden_value"} {
		if found, _ := errs[index].(map[string]any); found[want] == nil {
			t.Errorf("secret %s: %v, want %s", index, errs[index], want)
		}
	}
	if len(errs) != 4 {
		t.Errorf("errors: %v", errs)
	}
	if got, _ := m.admin("POST", "/secrets/share/import", object{"secrets_list": []object{}, "override_collisions": false,
		"tenant_map": object{"a": "nowhere"}}); got != http.StatusBadRequest {
		t.Errorf("an unknown tenant in the map: status %d", got)
	}
	// Made by an original manager's library with this passphrase.
	foreign := object{"key": "foreign", "visibility": "tenant", "tenant_name": "t2", "is_hidden_value": false, "encrypted": true,
		"value": "gAAAAABrA1f5bwVyI-Z60PtaDcULQnARiCsuWmOby-ZZpCsTrOgeYGFaDoKCvKIrwex7K4rpn-2V20k65VG91tllmFYUdDR-9Q=="}
	share([]object{foreign}, object{"passphrase": "passphrase1"})
	if _, data := m.send(plea{user: "admin", password: m.password(), method: "GET", path: "/api/v3.1/secrets/foreign", header: http.Header{"Tenant": {"t2"}}}); !strings.Contains(string(data), "sesame ⚿ open") {
		t.Errorf("a secret of an original manager: %s", data)
	}
}

// TestProvidedSecrets lets a deployment use a value that is in a vault: it is read when it is needed and kept nowhere.
func TestProvidedSecrets(t *testing.T) {
	t.Parallel()
	const planted, token = "pl4nted-v4lue-in-the-v4ult", "t0ken-of-the-v4ult"
	v := vaulttest.Start(t, token)
	v.Put("secret/app/db", map[string]any{"password": planted})
	m := newManager(t)
	parameters := object{"url": v.URL, "token": token, "path": "app"}
	for name, c := range map[string]struct {
		status int
		body   object
	}{
		"good":          {http.StatusNoContent, object{"name": "", "type": "vault", "test": true, "connection_parameters": parameters}},
		"a wrong token": {http.StatusBadRequest, object{"name": "", "type": "vault", "test": true, "connection_parameters": object{"url": v.URL, "token": "no"}}},
		"unknown type":  {http.StatusBadRequest, object{"name": "", "type": "cupboard", "test": true, "connection_parameters": parameters}},
		"not there":     {http.StatusNotFound, object{"name": "none", "type": "", "test": true}},
	} {
		if got, _ := m.admin("PUT", "/secrets-providers", c.body); got != c.status {
			t.Errorf("%s: status %d, want %d", name, got, c.status)
		}
	}
	made := m.wants(http.StatusOK, "PUT", "/secrets-providers", object{"name": "v", "type": "vault", "visibility": "tenant", "connection_parameters": parameters})
	if made["name"] != "v" || made["connection_parameters"].(map[string]any)["url"] != v.URL {
		t.Errorf("the provider is %v", made)
	}
	m.wants(http.StatusConflict, "PUT", "/secrets-providers", object{"name": "v", "type": "vault", "connection_parameters": parameters})
	if got, _ := m.admin("PUT", "/secrets-providers", object{"name": "v", "type": "", "test": true}); got != http.StatusNoContent {
		t.Errorf("the stored provider: status %d", got)
	}
	m.wants(http.StatusOK, "PUT", "/secrets/pass", object{"value": "", "provider_name": "v", "provider_options": object{"path": "db", "field": "password"}})
	m.wants(http.StatusNotFound, "PUT", "/secrets/other", object{"provider_name": "none"})
	if got := m.wants(http.StatusOK, "GET", "/secrets/pass", nil); got["value"] != planted || got["provider_name"] != "v" ||
		value(got["provider_options"]) != `{"field":"password","path":"db"}` {
		t.Errorf("the secret is %v", got)
	}
	m.ok("blueprints", "upload", blueprint(t, map[string]string{"blueprint.yaml": withSecret}), "-b", "b")
	m.wants(http.StatusCreated, "PUT", "/deployments/d", object{"blueprint_id": "b"})
	if got := m.wants(http.StatusOK, "GET", "/deployments/d/outputs", nil)["outputs"].(map[string]any); got["shown"] != planted+"!" {
		t.Errorf("outputs are %v", got)
	}
	v.Put("secret/app/db", map[string]any{"password": planted + "-new"})
	if got := m.wants(http.StatusOK, "GET", "/deployments/d/outputs", nil)["outputs"].(map[string]any); got["shown"] != planted+"-new!" {
		t.Errorf("outputs after a change in the vault are %v", got)
	}
	v.Put("secret/app/db", map[string]any{})
	if got, code := m.admin("GET", "/secrets/pass", nil); got != http.StatusNotFound || code != "not_found_error" {
		t.Errorf("a value that is not there: %d %s", got, code)
	}
	m.wants(http.StatusBadRequest, "DELETE", "/secrets-providers/v", nil)
	m.wants(http.StatusOK, "PATCH", "/secrets-providers/v", object{"connection_parameters": object{"url": "http://127.0.0.1:1", "token": token}})
	if got, code := m.admin("GET", "/secrets/pass", nil); got != http.StatusBadRequest || code != "failed_dependency" {
		t.Errorf("a vault that is away: %d %s", got, code)
	}
	m.ok("secrets", "rotate-key")
	m.wants(http.StatusOK, "PATCH", "/secrets/pass", object{"value": "own"})
	if got := m.wants(http.StatusOK, "GET", "/secrets/pass", nil); got["value"] != "own" || got["provider_name"] != nil {
		t.Errorf("the secret taken back is %v", got)
	}
	if got, _ := m.admin("DELETE", "/secrets-providers/v", nil); got != http.StatusNoContent {
		t.Errorf("the provider is deleted with status %d", got)
	}
	m.nowhere(planted)
	m.nowhere(token)
}

// TestRotateKey exchanges the key of secrets and kills the manager on the way: every value can be read afterwards, and the
// old key is gone.
func TestRotateKey(t *testing.T) {
	t.Parallel()
	const count = 500
	m := newManager(t)
	var list []object
	for i := range count {
		list = append(list, object{"key": fmt.Sprintf("s%d", i), "value": fmt.Sprintf("value %d", i), "visibility": "tenant",
			"tenant_name": "default_tenant", "is_hidden_value": false, "encrypted": false})
	}
	m.wants(http.StatusOK, "POST", "/secrets/share/import", object{"secrets_list": list, "override_collisions": false})
	keys := func() (active string, all map[string]string) {
		data, err := os.ReadFile(filepath.Join(m.dir, "secret-keys"))
		var f struct {
			Active string
			Keys   map[string]string
		}
		if err != nil || json.Unmarshal(data, &f) != nil {
			return "", nil
		}
		return f.Active, f.Keys
	}
	whole := func(what string) {
		t.Helper()
		got := m.export("")
		if len(got) != count {
			t.Fatalf("%s: %d secrets", what, len(got))
		}
		for i, s := range got {
			if s["value"] != fmt.Sprintf("value %d", i) {
				t.Fatalf("%s: secret %d is %v", what, i, s)
			}
		}
	}
	before := ""
	for round := range 3 {
		done := make(chan struct{})
		req, err := http.NewRequestWithContext(t.Context(), "POST", m.url+"/api/v3.1/secrets-key/rotate", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth("admin", m.password())
		go func() {
			defer close(done)
			if res, err := http.DefaultClient.Do(req); err == nil {
				res.Body.Close()
			}
		}()
		m.await("the new key", func() bool { active, _ := keys(); return active != before })
		m.kill()
		<-done
		m.start()
		m.await("the end of the exchange", func() bool { _, all := keys(); return len(all) == 1 })
		after, _ := keys()
		if after == before {
			t.Errorf("round %d: the key is still %s", round, after)
		}
		before = after
		whole(fmt.Sprintf("round %d", round))
	}
	out := m.ok("secrets", "rotate-key", "--json")
	if !strings.Contains(out, fmt.Sprintf(`"sealed": %d`, count)) && !strings.Contains(out, fmt.Sprintf(`"sealed":%d`, count)) {
		t.Errorf("rotate-key says %s", out)
	}
	whole("by the command line")
}

const usesSecret = `tosca_definitions_version: cloudify_dsl_1_5
imports: [cloudify/types/types.yaml]
node_templates:
  a:
    type: cloudify.nodes.Root
    interfaces:
      cloudify.interfaces.lifecycle:
        create: {implementation: use.sh, executor: central_deployment_agent, inputs: {PASS: {get_secret: pass}, OUT: {get_input: out}}}
        start: {implementation: fail.sh, executor: central_deployment_agent, inputs: {PASS: {get_secret: pass}}}
        stop: {implementation: wait.sh, executor: central_deployment_agent, inputs: {PASS: {get_secret: pass}, OUT: {get_input: out}}}
inputs:
  out: {type: string}
outputs:
  shown: {value: {get_secret: pass}}
`

// TestSecretsLeaveNoTrace runs operations that get a secret, one of which fails, and looks for the value in everything that
// the run leaves: the database, the broker's files, journals, logs, events, errors and the audit log.
func TestSecretsLeaveNoTrace(t *testing.T) {
	t.Parallel()
	const planted = "pl4nted-v4lue-that-must-not-st4y"
	m := newManager(t)
	out := filepath.Join(t.TempDir(), "out")
	m.wants(http.StatusOK, "PUT", "/secrets/pass", object{"value": planted})
	m.ok("blueprints", "upload", blueprint(t, map[string]string{"blueprint.yaml": usesSecret,
		"use.sh":  "#!/bin/bash\nctx logger info \"at work\"\necho -n \"$PASS\" > \"$OUT\"\n",
		"wait.sh": "#!/bin/bash\ntouch \"$OUT.on\"\nwhile [ ! -e \"$OUT.gate\" ]; do sleep 0.02; done\n",
		"fail.sh": "#!/bin/bash\ntest -n \"$PASS\"\nexit 3\n"}), "-b", "b")
	m.ok("deployments", "create", "d", "-b", "b", "-i", "out="+out)
	x := m.wants(http.StatusCreated, "POST", "/executions", object{"deployment_id": "d", "workflow_id": "execute_operation",
		"parameters": object{"operation": "cloudify.interfaces.lifecycle.create"}})
	y := ""
	ended := func(id string) bool {
		status := m.wants(http.StatusOK, "GET", "/executions/"+id, nil)["status"]
		return status == "terminated" || status == "failed" || status == "cancelled"
	}
	m.await("the operation to end", func() bool { return ended(x["id"].(string)) })
	if got, err := os.ReadFile(out); err != nil || string(got) != planted {
		t.Errorf("the operation got %q, %v", got, err)
	}
	y = m.wants(http.StatusCreated, "POST", "/executions", object{"deployment_id": "d", "workflow_id": "execute_operation",
		"parameters": object{"operation": "cloudify.interfaces.lifecycle.start"}})["id"].(string)
	m.wants(http.StatusOK, "POST", "/executions/"+y, object{"action": "cancel"})
	m.await("the failing operation to end", func() bool { return ended(y) })
	for _, path := range []string{"/events?_get_all_results=true&type=cloudify_event&type=cloudify_log", "/operations?execution_id=" + y, "/executions/" + y,
		"/audit?size=0&refused=true", "/node-instances", "/secrets", "/deployments/d"} {
		if _, data := m.send(plea{user: "admin", password: m.password(), method: "GET", path: "/api/v3.1" + path}); strings.Contains(string(data), planted) {
			t.Errorf("%s tells the value", path)
		}
	}
	if got := m.wants(http.StatusOK, "GET", "/deployments/d/outputs", nil)["outputs"].(map[string]any); got["shown"] != planted {
		t.Errorf("outputs are %v", got)
	}
	m.wants(http.StatusCreated, "POST", "/executions", object{"deployment_id": "d", "workflow_id": "execute_operation",
		"parameters": object{"operation": "cloudify.interfaces.lifecycle.stop"}})
	m.await("an operation that waits", func() bool { _, err := os.Stat(out + ".on"); return err == nil })
	m.nowhere(planted)
	m.kill()
	m.nowhere(planted)
	if err := os.WriteFile(out+".gate", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	m.start()
	m.stop()
	m.nowhere(planted)
	m.start()
}
