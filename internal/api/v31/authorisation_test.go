package v31

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/archive"
	"github.com/reifyhq/reify/internal/auth"
	"github.com/reifyhq/reify/internal/blob/fs"
	"github.com/reifyhq/reify/internal/bus/membus"
	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/secret"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/service/hostagents"
	"github.com/reifyhq/reify/internal/service/signin"
	"github.com/reifyhq/reify/internal/service/upkeep"
	"github.com/reifyhq/reify/internal/store"
	"github.com/reifyhq/reify/internal/store/sqlite"
)

// expectation is who may use a route.
type expectation struct {
	// permission is what the user needs; "" is nothing but to be somebody, and open not even that.
	permission string
	isOpen     bool
	// isTenants says that the route works on what belongs to a tenant: without one it is refused to everybody.
	isTenants bool
	// body is a body that gets past the checks that come before the permission.
	body string
	// query is a query of that kind.
	query string
	// action stands for {action} in the path.
	action string
	// isNobodys says that even who has the permission is refused.
	isNobodys bool
	// refusal is the status of a refusal; 0 is 403.
	refusal int
}

func open() expectation                    { return expectation{isOpen: true} }
func somebody() expectation                { return expectation{} }
func system(permission string) expectation { return expectation{permission: permission} }
func tenant(permission string) expectation {
	return expectation{permission: permission, isTenants: true}
}

func (e expectation) with(body string) expectation {
	e.body = body
	return e
}

// refusedWith401 is for routes whose refusals the original answers so.
func (e expectation) refusedWith401() expectation {
	e.refusal = http.StatusUnauthorized
	return e
}

func (e expectation) doing(action string) expectation {
	e.action = action
	return e
}

func nobody() expectation { return expectation{isNobodys: true, isTenants: true} }

func (e expectation) asking(query string) expectation {
	e.query = query
	return e
}

// expectations has a line for every route: a new route needs one here.
var expectations = map[string]expectation{
	"GET /ok": open(), "GET /snapshot-status": open(), "GET /sso/oidc/login": open(), "GET /sso/oidc/callback": open(),
	"GET /license-check": somebody(),

	"GET /version": system("version_get"), "GET /status": system("status_get"), "GET /user": system("user_get_self"),
	"GET /tokens": system("token_get"), "POST /tokens": system("create_token"), "GET /tokens/{id}": system("list_token"),
	"DELETE /tokens/{id}": system("delete_token"),

	"GET /blueprints": tenant("blueprint_list"), "GET /blueprints/{id}": tenant("blueprint_get"),
	"PUT /blueprints/{id}": tenant("blueprint_upload"), "PUT /blueprints/{id}/validate": tenant("blueprint_upload"),
	"PATCH /blueprints/{id}": tenant("blueprint_upload").with(`{"labels":[]}`), "DELETE /blueprints/{id}": tenant("blueprint_delete"),
	"GET /blueprints/{id}/archive":          tenant("blueprint_download"),
	"PATCH /blueprints/{id}/set-visibility": tenant("resource_set_visibility").with(`{"visibility":"tenant"}`),

	"GET /deployments": tenant("deployment_list"), "GET /deployments/{id}": tenant("deployment_get"),
	"PUT /deployments/{id}": tenant("deployment_create").with(`{"blueprint_id":"b"}`), "PATCH /deployments/{id}": tenant("deployment_update").with(`{"labels":[]}`),
	"DELETE /deployments/{id}":               tenant("deployment_delete"),
	"PATCH /deployments/{id}/set-visibility": tenant("deployment_set_visibility").with(`{"visibility":"tenant"}`),
	"POST /deployments/{id}/set-site":        tenant("deployment_set_site").with(`{"site_name":"s"}`),
	"GET /workflows":                         tenant("deployment_list"), "GET /deployments/{id}/outputs": tenant("deployment_modification_outputs"),
	"GET /deployments/{id}/capabilities": tenant("deployment_capabilities"),

	"GET /deployment-modifications":                tenant("deployment_modification_list"),
	"POST /deployment-modifications":               tenant("deployment_modify").with(`{"deployment_id":"d","nodes":{}}`),
	"GET /deployment-modifications/{id}":           tenant("deployment_modification_get"),
	"POST /deployment-modifications/{id}/{action}": tenant("deployment_modification_finish").doing("finish"),

	"GET /deployment-updates": tenant("deployment_update_list"), "GET /deployment-updates/{id}": tenant("deployment_update_get"),
	"PATCH /deployment-updates/{id}":                tenant("deployment_update_update").with(`{"state":"failed"}`),
	"POST /deployment-updates/{id}/update/{action}": tenant("deployment_update_create").doing("initiate").with(`{"blueprint_id":"b"}`),

	"GET /executions": tenant("execution_list"), "POST /executions": tenant("execution_start").with(`{"deployment_id":"d","workflow_id":"install"}`),
	"GET /executions/{id}": tenant("execution_get"), "POST /executions/{id}": tenant("execution_cancel").with(`{"action":"cancel"}`),
	"PATCH /executions/{id}": tenant("execution_status_update").with(`{"status":"failed"}`), "GET /executions/{id}/why": tenant("execution_get"),
	"GET /tasks_graphs": tenant("operations").asking("execution_id=x"), "GET /operations": tenant("operations").asking("graph_id=x"),
	"GET /operations/{id}": tenant("operations"),

	"GET /nodes": tenant("node_list"), "PATCH /nodes/{deployment}/{id}": nobody(), "DELETE /nodes/{deployment}/{id}": nobody(),
	"GET /node-instances": tenant("node_instance_list"), "GET /node-instances/{id}": tenant("node_instance_get"),
	"PATCH /node-instances/{id}": tenant("node_instance_update").with(`{"version":1}`),

	"GET /events": tenant("event_list"), "POST /events": tenant("event_create").with(`{"events":[{"message":{"text":"t"},"event_type":"e"}],"execution_id":"x"}`),
	"DELETE /events": tenant("event_delete").asking("deployment_id=d&type=cloudify_event"), "GET /plugins": tenant("plugin_list"),
	"POST /evaluate/functions": tenant("functions_evaluate").with(`{"deployment_id":"d","context":{},"payload":{}}`),

	"GET /tenants": system("tenant_list"), "GET /tenants/{name}": system("tenant_get"), "POST /tenants/{name}": system("tenant_create"),
	"DELETE /tenants/{name}":                  system("tenant_delete"),
	"PUT /tenants/users":                      system("tenant_add_user").with(`{"username":"u","tenant_name":"elsewhere","role":"user"}`),
	"PATCH /tenants/users":                    system("tenant_update_user").with(`{"username":"u","tenant_name":"elsewhere","role":"user"}`),
	"DELETE /tenants/users":                   system("tenant_remove_user").with(`{"username":"u","tenant_name":"elsewhere"}`),
	"PUT /tenants/user-groups":                system("tenant_add_group").with(`{"group_name":"u","tenant_name":"elsewhere","role":"user"}`),
	"PATCH /tenants/user-groups":              system("tenant_update_group").with(`{"group_name":"u","tenant_name":"elsewhere","role":"user"}`),
	"DELETE /tenants/user-groups":             system("tenant_remove_group").with(`{"group_name":"u","tenant_name":"elsewhere"}`),
	"GET /users":                              system("user_list"),
	"PUT /users":                              system("user_create").with(`{"username":"new","password":"pw12345"}`),
	"POST /users/active/{name}":               system("user_set_activated").with(`{"action":"activate"}`),
	"POST /users/unlock/{name}":               system("user_unlock"),
	"GET /users/{name}":                       system("user_get"),
	"GET /users/{name}/why":                   system("user_get").asking("permission=site_create"),
	"POST /users/{name}":                      system("user_update").with(`{"role":"default"}`),
	"DELETE /users/{name}":                    system("user_delete"),
	"GET /user-groups":                        system("user_group_list"),
	"POST /user-groups":                       system("user_group_create").with(`{"group_name":"g"}`),
	"PUT /user-groups/users":                  system("user_group_add_user").with(`{"username":"u","group_name":"g"}`),
	"DELETE /user-groups/users":               system("user_group_remove_user").with(`{"username":"u","group_name":"g"}`),
	"GET /user-groups/{name}":                 system("user_group_get"),
	"POST /user-groups/{name}":                system("user_group_update").with(`{"role":"default"}`),
	"DELETE /user-groups/{name}":              system("user_group_delete"),
	"GET /permissions":                        system("administrators").refusedWith401(),
	"GET /permissions/{role}":                 system("administrators").refusedWith401(),
	"PUT /permissions/{role}/{permission}":    system("administrators").refusedWith401(),
	"DELETE /permissions/{role}/{permission}": system("administrators").refusedWith401(),

	"GET /secrets": tenant("secret_list"), "GET /secrets/{key}": tenant("secret_get"), "PUT /secrets/{key}": tenant("secret_create").with(`{"value":"v"}`),
	"PATCH /secrets/{key}": tenant("secret_update").with(`{"value":"v"}`), "DELETE /secrets/{key}": tenant("secret_delete"),
	"PATCH /secrets/{key}/set-visibility": tenant("secret_update").with(`{"visibility":"tenant"}`),
	"GET /secrets/share/export":           tenant("secret_export"),
	"POST /secrets/share/import":          tenant("secret_import").with(`{"secrets_list":[],"override_collisions":false}`),
	"POST /secrets-key/rotate":            system("manager_manage"),
	"GET /secrets-providers":              tenant("secrets_provider_list"),
	"PUT /secrets-providers":              tenant("secrets_provider_create").with(`{"name":"p","type":"none"}`),
	"GET /secrets-providers/{name}":       tenant("secrets_provider_get"),
	"PATCH /secrets-providers/{name}":     tenant("secrets_provider_update"),
	"DELETE /secrets-providers/{name}":    tenant("secrets_provider_delete"),

	"GET /sites": tenant("site_list"), "GET /sites/{name}": tenant("site_get"), "PUT /sites/{name}": tenant("site_create"),
	"POST /sites/{name}": tenant("site_update").with(`{"location":""}`), "DELETE /sites/{name}": tenant("site_delete"),
	"GET /filters/{kind}": tenant("filter_list"), "GET /filters/{kind}/{id}": tenant("filter_get"),
	"PUT /filters/{kind}/{id}":    tenant("filter_create").with(`{"filter_rules":[{"key":"a","values":["b"],"operator":"any_of","type":"label"}]}`),
	"PATCH /filters/{kind}/{id}":  tenant("filter_update").with(`{"filter_rules":[{"key":"a","values":["b"],"operator":"any_of","type":"label"}]}`),
	"DELETE /filters/{kind}/{id}": tenant("filter_delete"),
	"GET /labels/{kind}":          tenant("labels_list"), "GET /labels/{kind}/{key}": tenant("labels_list"),

	"POST /searches/blueprints": tenant("blueprint_list"), "POST /searches/deployments": tenant("deployment_list"),
	"POST /searches/workflows": tenant("deployment_list"), "POST /searches/nodes": tenant("node_list"),
	"POST /searches/node-instances": tenant("node_instance_list"), "POST /searches/secrets": tenant("secret_list"),
	"GET /summary/blueprints":     tenant("blueprint_list").asking("_target_field=visibility"),
	"GET /summary/deployments":    tenant("deployment_list").asking("_target_field=visibility"),
	"GET /summary/nodes":          tenant("node_list").asking("_target_field=visibility"),
	"GET /summary/node_instances": tenant("node_instance_list").asking("_target_field=visibility"),
	"GET /summary/executions":     tenant("execution_list").asking("_target_field=visibility"),

	"GET /config": system("manager_config_get"), "GET /config/{name}": system("manager_config_get"), "PUT /config/{name}": system("manager_config_put"),
	"GET /cluster-status": system("cluster_status_get"), "GET /maintenance": system("maintenance_mode_get"),
	"POST /maintenance/{action}": system("maintenance_mode_set").doing("deactivate"), "GET /audit": system("audit_log_view"), "POST /audit": system("audit_log_inject").with(`[]`),
	"DELETE /audit": system("audit_log_truncate").asking("before=2000-01-01"), "GET /audit/stream": system("audit_log_view"),
	"GET /idp": system("identity_provider_get"), "GET /ldap": system("ldap_status_get"), "POST /ldap": system("ldap_set"), "DELETE /ldap": system("ldap_set"),
	"GET /provider/context": system("provider_context_get"), "GET /license": system("license_list"),
	"PUT /license": system("license_upload"), "DELETE /license": system("license_remove"), "POST /license": system("license_upload"),
	"POST /contacts": system("community_contact_create"),
	"GET /snapshots": tenant("snapshot_list"), "GET /log-bundles": tenant("log_bundle_list"),
	"GET /managers": system("manager_get"), "GET /brokers": system("broker_get"), "GET /db-nodes": system("db_nodes_get"),
}

// placeholders are what stands for the parts of paths.
var placeholders = map[string]string{"kind": "deployments", "role": "viewer", "permission": "nothing_special"}

var placeholder = regexp.MustCompile(`\{(\w+)\}`)

// house is the API over a manager without an engine.
type house struct {
	api    *API
	router chi.Router
	svc    *service.Service
	users  []*model.User
}

const (
	home      = "default_tenant"
	elsewhere = "elsewhere"
	password  = "pw12345"
)

// newHouse makes a manager with a user for every role: sys_admin and default in no tenant, the others in home.
func newHouse(t testing.TB) *house {
	t.Helper()
	ctx, dir := t.Context(), t.TempDir()
	st, err := sqlite.Open(ctx, filepath.Join(dir, "reify.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	blobs, err := fs.Open(filepath.Join(dir, "files"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := blobs.Close(); err != nil {
			t.Error(err)
		}
	})
	log, keys := slog.New(slog.DiscardHandler), secret.NewKeyring([]byte("key"))
	people := signin.New(signin.Options{Store: st, Keys: keys, Clock: clock.Real{}, Log: log})
	h := &house{router: chi.NewRouter(), svc: service.New(service.Options{Store: st, Blobs: blobs, Bus: membus.New(clock.Real{}), Clock: clock.Real{},
		Log: log, Key: []byte("key"), Keys: keys, External: people, Manager: "m", TempDir: dir, ArchiveSize: 1 << 20, MaxConcurrent: 1,
		Limits: archive.Limits{Files: 10, TotalSize: 1 << 20}})}
	if _, err := h.svc.Bootstrap(ctx, "admin", password); err != nil {
		t.Fatal(err)
	}
	hash := service.HashPassword(password)
	err = st.Update(ctx, func(tx store.Tx) error {
		if err := tx.PutTenant(elsewhere); err != nil {
			return err
		}
		for _, role := range slices.Concat(auth.SystemRoles, auth.TenantRoles) {
			u := &model.User{Name: model.UserName("the-" + strings.ReplaceAll(role, "_", "-")), PasswordHash: hash, Role: auth.RoleDefault, Active: true}
			if slices.Contains(auth.SystemRoles, role) {
				u.Role = role
			} else {
				u.TenantRoles = map[model.TenantName]string{home: role}
			}
			h.users = append(h.users, u)
			if err := tx.PutUser(u); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	h.api = New(api.Door{Service: h.svc, Upkeep: upkeep.New(h.svc), Log: log},
		Info{Version: "1", Manager: "m", Status: func() map[string]bool { return nil }, SignIn: people,
			Agents: hostagents.New(h.svc, hostagents.Options{})})
	h.api.Register(h.router)
	return h
}

// call sends a request; user "" has no credentials.
func (h *house) call(ctx context.Context, rt route, e expectation, user model.UserName, tenant string) int {
	path := placeholder.ReplaceAllStringFunc(rt.path, func(p string) string {
		if p == "{action}" {
			return e.action
		}
		if value, ok := placeholders[strings.Trim(p, "{}")]; ok {
			return value
		}
		return "nothing"
	})
	if e.query != "" {
		path += "?" + e.query
	}
	body := e.body
	if body == "" {
		body = "{}"
	}
	// What streams ends at once.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := httptest.NewRequestWithContext(ctx, rt.method, "/api/v3.1"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if user != "" {
		r.SetBasicAuth(string(user), password)
	}
	if tenant != "" {
		r.Header.Set("Tenant", tenant)
	}
	w := &stopping{ResponseRecorder: httptest.NewRecorder(), stop: cancel, streams: strings.HasSuffix(rt.path, "/stream")}
	h.router.ServeHTTP(w, r)
	return w.Code
}

// stopping ends a request that streams when its answer begins.
type stopping struct {
	*httptest.ResponseRecorder
	stop    func()
	streams bool
}

func (s *stopping) WriteHeader(status int) {
	s.ResponseRecorder.WriteHeader(status)
	if s.streams {
		s.stop()
	}
}

// TestAuthorisation calls every route of the table as every role, in the role's tenant, in another, without one and without
// credentials, and compares with the table of permissions.
func TestAuthorisation(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	known := map[string]bool{}
	for _, rt := range h.api.routes() {
		name := rt.method + " " + rt.path
		known[name] = true
		e, ok := expectations[name]
		if !ok {
			e, ok = later[name]
		}
		if !ok {
			t.Errorf("%s has no line in expectations: say who may use it", name)
			continue
		}
		if rt.open != e.isOpen {
			t.Errorf("%s: open is %v, want %v", name, rt.open, e.isOpen)
		}
		if got := h.call(t.Context(), rt, e, "", home); !e.isOpen && got != http.StatusUnauthorized {
			t.Errorf("%s without credentials: status %d, want 401", name, got)
		}
		if e.isOpen {
			continue
		}
		for _, u := range h.users {
			for _, tenant := range []string{home, elsewhere, ""} {
				allowed := e.permission == "" || (auth.Changes{}).Allows(u, model.TenantName(tenant), e.permission)
				if tenant == "" && e.isTenants || e.isNobodys {
					allowed = false
				}
				if special(name, u, tenant) {
					continue
				}
				got := h.call(t.Context(), rt, e, u.Name, tenant)
				refusal := cmp.Or(e.refusal, http.StatusForbidden)
				if isRefused := got == refusal; isRefused == allowed || !isRefused && got == http.StatusUnauthorized || got >= 500 {
					t.Errorf("%s as %s in tenant %q: status %d, allowed should be %v", name, u.Name, tenant, got, allowed)
				}
			}
		}
	}
	all := maps.Clone(expectations)
	maps.Copy(all, later)
	for name := range all {
		if !known[name] {
			t.Errorf("%s is expected but no route", name)
		}
	}
}

// special are the routes whose permission is looked at in another tenant than that of the request.
func special(name string, _ *model.User, _ string) bool {
	return strings.HasSuffix(name, " /tenants/{name}") && !strings.HasPrefix(name, "POST")
}

// TestOldBasesAreGuarded checks that the older bases of a route ask for credentials too.
func TestOldBasesAreGuarded(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := 0
	err := chi.Walk(h.router, func(method, path string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		below := path[strings.Index(path[len("/api/"):], "/")+len("/api/"):]
		if expectations[method+" "+below].isOpen || path == "/api/v1/events" {
			return nil
		}
		n++
		w := httptest.NewRecorder()
		h.router.ServeHTTP(w, httptest.NewRequest(method, placeholder.ReplaceAllString(path, "nothing"), strings.NewReader("{}")))
		if w.Code != http.StatusUnauthorized {
			return fmt.Errorf("%s %s without credentials: status %d", method, path, w.Code)
		}
		return nil
	})
	if err != nil || n < len(expectations)-4 {
		t.Errorf("%d routes: %v", n, err)
	}
}
