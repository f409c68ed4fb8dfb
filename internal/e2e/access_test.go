package e2e_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

const withSecret = `tosca_definitions_version: cloudify_dsl_1_5
imports: [cloudify/types/types.yaml]
node_templates:
  a: {type: cloudify.nodes.Root}
outputs:
  shown: {value: {concat: [{get_secret: pass}, '!']}}
`

// request calls the API as a user and returns the status and the answer.
func (m *manager) request(user, password, method, path string, body any) (int, map[string]any) {
	m.t.Helper()
	var payload bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&payload).Encode(body); err != nil {
			m.t.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(m.t.Context(), method, m.url+"/api/v3.1"+path, &payload)
	if err != nil {
		m.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Tenant", "default_tenant")
	req.SetBasicAuth(user, password)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		m.t.Fatal(err)
	}
	defer res.Body.Close()
	var answer map[string]any
	if res.StatusCode != http.StatusNoContent {
		if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
			m.t.Fatalf("%s %s: %v", method, path, err)
		}
	}
	return res.StatusCode, answer
}

// wants calls the API as the administrator and fails the test unless the status is as wanted.
func (m *manager) wants(status int, method, path string, body any) map[string]any {
	m.t.Helper()
	got, answer := m.request("admin", m.password(), method, path, body)
	if got != status {
		m.t.Fatalf("%s %s: status %d, want %d: %v", method, path, got, status, answer)
	}
	return answer
}

type object map[string]any

// TestSecretsOfDeployments checks that blueprints get the values of secrets, and that nobody finds them on the disk.
func TestSecretsOfDeployments(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	m.ok("blueprints", "upload", blueprint(t, map[string]string{"blueprint.yaml": withSecret}), "-b", "b")
	answer := m.wants(http.StatusBadRequest, "PUT", "/deployments/d", object{"blueprint_id": "b"})
	if text, _ := answer["message"].(string); !strings.Contains(text, "pass") {
		t.Errorf("a missing secret is refused with %q", text)
	}
	sealed := m.wants(http.StatusOK, "PUT", "/secrets/pass", object{"value": "sesame"})
	if text, _ := sealed["value"].(string); strings.Contains(text, "sesame") || text == "" {
		t.Errorf("the answer of a write shows %q", text)
	}
	m.wants(http.StatusCreated, "PUT", "/deployments/d", object{"blueprint_id": "b"})
	outputs, _ := m.wants(http.StatusOK, "GET", "/deployments/d/outputs", nil)["outputs"].(map[string]any)
	if outputs["shown"] != "sesame!" {
		t.Errorf("outputs are %v", outputs)
	}
	m.wants(http.StatusOK, "PATCH", "/secrets/pass", object{"value": "open"})
	outputs, _ = m.wants(http.StatusOK, "GET", "/deployments/d/outputs", nil)["outputs"].(map[string]any)
	if outputs["shown"] != "open!" {
		t.Errorf("outputs after the change are %v", outputs)
	}
}

// TestAccounts checks that accounts are locked and let in again, and that a changed permission counts at once.
func TestAccounts(t *testing.T) {
	t.Parallel()
	const good, bad = "pw12345", "nope1"
	m := newManager(t)
	m.wants(http.StatusCreated, "PUT", "/users", object{"username": "eve", "password": good})
	m.wants(http.StatusOK, "PUT", "/tenants/users", object{"username": "eve", "tenant_name": "default_tenant", "role": "viewer"})

	may := func(what string, want int, method, path string) {
		t.Helper()
		if got, answer := m.request("eve", good, method, path, object{}); got != want {
			t.Errorf("%s: status %d, want %d: %v", what, got, want, answer)
		}
	}
	may("a viewer", http.StatusForbidden, "PUT", "/sites/s")
	m.wants(http.StatusOK, "PUT", "/permissions/viewer/site_create", nil)
	may("a viewer with the permission", http.StatusOK, "PUT", "/sites/s")
	m.wants(http.StatusNoContent, "DELETE", "/permissions/viewer/site_create", nil)
	may("a viewer without it again", http.StatusForbidden, "PUT", "/sites/s2")

	m.wants(http.StatusCreated, "POST", "/user-groups", object{"group_name": "staff"})
	m.wants(http.StatusOK, "PUT", "/user-groups/users", object{"username": "eve", "group_name": "staff"})
	m.wants(http.StatusOK, "PUT", "/tenants/user-groups", object{"group_name": "staff", "tenant_name": "default_tenant", "role": "user"})
	may("a member of a group that may", http.StatusOK, "PUT", "/sites/s2")
	if out := m.ok("users", "why", "eve", "site_create", "default_tenant"); !strings.Contains(out, "the role user in tenant default_tenant through group staff") {
		t.Errorf("why eve may: %s", out)
	}
	if out := m.ok("users", "why", "eve", "user_create"); !strings.Contains(out, "may not user_create without a tenant") || !strings.Contains(out, "sys_admin") {
		t.Errorf("why eve may not: %s", out)
	}
	if code, out := m.reify("users", "why", "eve", "nothing"); code == 0 || !strings.Contains(out, "there is no permission") {
		t.Errorf("why for an unknown permission: exit %d, %s", code, out)
	}
	if got, answer := m.request("eve", good, "GET", "/users/admin/why?permission=site_create", nil); got != http.StatusForbidden {
		t.Errorf("eve asks for others: %d %v", got, answer)
	}
	if got, answer := m.request("eve", good, "GET", "/users/eve/why?permission=site_create&tenant=default_tenant", nil); got != http.StatusOK || answer["allowed"] != true {
		t.Errorf("eve asks for itself: %d %v", got, answer)
	}

	m.wants(http.StatusOK, "PUT", "/config/account_lock_period", object{"value": 5})
	for range 5 {
		if got, _ := m.request("eve", bad, "GET", "/user", nil); got != http.StatusUnauthorized {
			t.Errorf("a wrong password: status %d", got)
		}
	}
	may("a locked account", http.StatusUnauthorized, "GET", "/user")
	if u := m.wants(http.StatusOK, "GET", "/users/eve", nil); u["is_locked"] != true {
		t.Errorf("a locked account is shown as %v", u)
	}
	m.wants(http.StatusOK, "POST", "/users/unlock/eve", nil)
	may("an unlocked account", http.StatusOK, "GET", "/user")
	m.wants(http.StatusOK, "POST", "/users/active/eve", object{"action": "deactivate"})
	may("an inactive account", http.StatusUnauthorized, "GET", "/user")
	m.wants(http.StatusNoContent, "DELETE", "/users/eve", nil)
}
