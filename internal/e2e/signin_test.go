package e2e_test

import (
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"
	"time"

	"github.com/reifyhq/reify/internal/directory/slapdtest"
	"github.com/reifyhq/reify/internal/issuer/issuertest"
)

// whoami returns the status of a request for the caller's own account and what it says.
func (m *manager) whoami(p plea) (int, http.Header, map[string]any) {
	m.t.Helper()
	p.method, p.path = "GET", "/api/v3.1/user?_get_data=true"
	res, data := m.send(p)
	var answer map[string]any
	_ = json.Unmarshal(data, &answer)
	return res.StatusCode, res.Header, answer
}

// TestLDAP lets people of a real directory sign in: their groups there give them roles here.
func TestLDAP(t *testing.T) {
	t.Parallel()
	server := slapdtest.Start(t)
	m := newManager(t)
	admin := plea{user: "admin", password: m.password()}
	text := func(method, path string, body any) (int, string) {
		p := admin
		p.method, p.path, p.body = method, "/api/v3.1"+path, body
		res, data := m.send(p)
		return res.StatusCode, strings.TrimSpace(string(data))
	}
	if status, got := text("GET", "/ldap", nil); status != http.StatusOK || got != `"disabled"` {
		t.Errorf("ldap is %d %s", status, got)
	}
	m.wants(http.StatusCreated, "PUT", "/users", object{"username": "local", "password": "pw12345"})
	m.wants(http.StatusCreated, "POST", "/user-groups", object{"group_name": "operators", "ldap_group_dn": "CN=ops, ou=groups,dc=example,dc=org"})
	m.wants(http.StatusOK, "PUT", "/tenants/user-groups", object{"group_name": "operators", "tenant_name": "default_tenant", "role": "user"})

	settings := object{"ldap_server": server, "ldap_is_active_directory": false, "ldap_domain": "example.org", "ldap_dn_extra": "ou=people",
		"ldap_username": slapdtest.Service, "ldap_password": "wrong-pass", "ldap_base_dn": nil, "ldap_bind_format": nil, "ldap_nested_levels": nil}
	if got, code := m.admin("POST", "/ldap", settings); got != http.StatusBadRequest || code != "bad_parameters_error" {
		t.Errorf("a wrong service account: %d %s", got, code)
	}
	settings["ldap_server"] = "ldap://127.0.0.1:1"
	if got, code := m.admin("POST", "/ldap", settings); got != http.StatusInternalServerError || code != "not_running_ldap_server" {
		t.Errorf("no server: %d %s", got, code)
	}
	settings["ldap_server"], settings["ldap_password"] = server, slapdtest.Password
	if got := m.wants(http.StatusOK, "POST", "/ldap", settings); got["ldap_server"] != server || got["ldap_base_dn"] != "dc=example,dc=org" || got["ldap_password"] != nil {
		t.Errorf("the settings are %v", got)
	}
	if _, got := text("GET", "/ldap", nil); got != `"enabled"` {
		t.Errorf("ldap is %s", got)
	}
	if _, got := text("GET", "/idp", nil); got != `"ldap"` {
		t.Errorf("idp is %s", got)
	}

	ada := plea{user: "ada", password: "ada-pass"}
	status, header, who := m.whoami(ada)
	if status != http.StatusOK || who["username"] != "ada" || header.Get("X-Cloudify-Audit-Auth-Method") != "external" || who["role"] != "default" {
		t.Fatalf("ada signs in: %d %v", status, who)
	}
	if got, answer := m.request("ada", "ada-pass", "PUT", "/sites/s", object{}); got != http.StatusOK {
		t.Errorf("ada has no role through the directory: %d %v", got, answer)
	}
	if got, _ := m.request("bob", "bob-pass", "PUT", "/sites/s2", object{}); got != http.StatusForbidden {
		t.Errorf("bob has a role: %d", got)
	}
	for name, p := range map[string]plea{"a wrong password": {user: "ada", password: "bob-pass"}, "no password": {user: "ada"},
		"nobody": {user: "eve", password: "eve-pass"}, "a password of this manager": {user: "local", password: "pw12345"}} {
		if status, _, _ := m.whoami(p); status != http.StatusUnauthorized {
			t.Errorf("%s: status %d", name, status)
		}
	}
	m.wants(http.StatusOK, "POST", "/users/active/ada", object{"action": "deactivate"})
	if status, _, _ := m.whoami(ada); status != http.StatusUnauthorized {
		t.Errorf("an inactive account: status %d", status)
	}
	m.ok("secrets", "rotate-key")
	if status, _, _ := m.whoami(plea{user: "bob", password: "bob-pass"}); status != http.StatusOK {
		t.Errorf("after the key was exchanged: status %d", status)
	}
	m.nowhere(slapdtest.Password)
	m.nowhere("ada-pass")
	if got, _ := m.admin("DELETE", "/ldap", nil); got != http.StatusNoContent {
		t.Errorf("ldap is switched off with status %d", got)
	}
	if status, _, _ := m.whoami(plea{user: "local", password: "pw12345"}); status != http.StatusOK {
		t.Errorf("a local account afterwards: status %d", status)
	}
}

// TestOIDC lets people of an issuer in: by tokens in the API, and by a browser.
func TestOIDC(t *testing.T) {
	t.Parallel()
	s := issuertest.Start(t)
	m := newManager(t, "--oidc.issuer", s.URL, "--oidc.client_id", "reify", "--oidc.redirect_url", "http://127.0.0.1/unset")
	m.wants(http.StatusCreated, "POST", "/user-groups", object{"group_name": "operators", "ldap_group_dn": "ops"})
	m.wants(http.StatusOK, "PUT", "/tenants/user-groups", object{"group_name": "operators", "tenant_name": "default_tenant", "role": "user"})
	bearer := func(token string) plea { return plea{header: http.Header{"Authorization": {"Bearer " + token}}} }
	ada := issuertest.Claims{"preferred_username": "ada@example.org", "groups": []string{"ops"}}
	token := s.Token("reify", ada)
	status, header, who := m.whoami(bearer(token))
	if status != http.StatusOK || who["username"] != "ada@example.org" || header.Get("X-Cloudify-Audit-Auth-Method") != "external" {
		t.Fatalf("ada signs in: %d %v", status, who)
	}
	put := func(token, path string) int {
		p := bearer(token)
		p.method, p.path, p.body = "PUT", "/api/v3.1"+path, object{}
		res, _ := m.send(p)
		return res.StatusCode
	}
	if got := put(token, "/sites/s"); got != http.StatusOK {
		t.Errorf("a member of the group: status %d", got)
	}
	if got := put(s.Token("reify", issuertest.Claims{"preferred_username": "ada@example.org"}), "/sites/s2"); got != http.StatusForbidden {
		t.Errorf("who left the group: status %d", got)
	}
	for name, token := range map[string]string{
		"the administrator": s.Token("reify", issuertest.Claims{"preferred_username": "admin"}),
		"another audience":  s.Token("other", ada),
		"an expired token":  s.Token("reify", issuertest.Claims{"preferred_username": "ada", "exp": time.Now().Add(-time.Hour).Unix()}),
		"an odd name":       s.Token("reify", issuertest.Claims{"preferred_username": "a b"}),
		"nonsense":          "nonsense",
	} {
		if status, _, answer := m.whoami(bearer(token)); status != http.StatusUnauthorized {
			t.Errorf("%s: status %d %v", name, status, answer)
		}
	}

	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	s.SignsIn(ada)
	// The issuer sends the browser to a fixed address; the port of this manager is known only now.
	browser := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	get := func(url string) *http.Response {
		res, err := browser.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res
	}
	location := func(res *http.Response) string {
		to, err := res.Location()
		if err != nil {
			t.Fatalf("answered %d: %v", res.StatusCode, err)
		}
		return to.String()
	}
	back := location(get(location(get(m.url + "/api/v3.1/sso/oidc/login?return=/console"))))
	_, query, _ := strings.Cut(back, "?")
	done := get(m.url + "/api/v3.1/sso/oidc/callback?" + query)
	if to := location(done); !strings.HasSuffix(to, "/console") {
		t.Errorf("the browser goes on to %s", to)
	}
	session := ""
	for _, c := range done.Cookies() {
		if c.Name == "XSRF-TOKEN" {
			session = c.Value
		}
	}
	if status, _, who := m.whoami(plea{header: http.Header{"Authentication-Token": {session}}}); status != http.StatusOK || who["username"] != "ada@example.org" {
		t.Errorf("the token of the browser is answered %d %v", status, who)
	}
	if got := get(m.url + "/api/v3.1/sso/oidc/callback?" + query).StatusCode; got != http.StatusUnauthorized {
		t.Errorf("the same answer of the issuer again: status %d", got)
	}
	if got := get(m.url + "/api/v3.1/sso/oidc/login?return=//evil.example").StatusCode; got != http.StatusBadRequest {
		t.Errorf("a return to elsewhere: status %d", got)
	}
	if strings.Contains(m.log.String(), token) || strings.Contains(m.log.String(), session) {
		t.Error("the log holds a token")
	}
}
