package cfy

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"regexp"
	"strings"
)

// shared are the ids that a request gets unless it needs others: those of the world. Filters of blueprints and of
// deployments have the same recorded id.
func (w *world) shared(q *request) map[string]string {
	alias := maps.Clone(w.ids)
	resource := "deployments"
	if strings.Contains(q.Path, "/blueprints") {
		resource = "blueprints"
	}
	alias["f1"] = w.ids[resource+"/f1"]
	return alias
}

// step prepares one request: it changes w.alias or the manager.
type step func(ctx context.Context, w *world, q *request) error

// preparation says what requests need. The first that matches counts; requests that only read need none.
type preparation struct {
	method string
	path   *regexp.Regexp
	step   step
}

func when(method, path string, s step) preparation {
	return preparation{method: method, path: regexp.MustCompile("^/api/v3.1/" + path + "$"), step: s}
}

// unused takes names that nothing has.
func unused(recorded ...string) step {
	return func(_ context.Context, w *world, _ *request) error {
		for _, r := range recorded {
			w.alias[r] = w.unused(r)
		}
		return nil
	}
}

// fresh makes one that this request alone uses.
func fresh(recorded string, make func(*world, context.Context) (string, error)) step {
	return func(ctx context.Context, w *world, _ *request) error {
		id, err := make(w, ctx)
		// What the manager cannot make yet keeps its recorded id, so that the request fails by itself.
		if err == nil || w.ids[recorded] != "" {
			w.alias[recorded] = id
			return err
		}
		return nil
	}
}

// first sends a request of our own, whatever becomes of it.
func first(method, path string, body any) step {
	return func(ctx context.Context, w *world, _ *request) error {
		segments := strings.Split(path, "/")
		for i := range segments {
			segments[i] = w.real(segments[i])
		}
		_, err := w.call(ctx, method, strings.Join(segments, "/"), w.realJSON(body))
		return err
	}
}

func all(steps ...step) step {
	return func(ctx context.Context, w *world, q *request) error {
		for _, s := range steps {
			if err := s(ctx, w, q); err != nil {
				return err
			}
		}
		return nil
	}
}

var (
	freshUser       = fresh("u1", (*world).user)
	freshGroup      = fresh("g1", (*world).group)
	freshTenant     = fresh("t1", (*world).tenant)
	freshSecret     = fresh("k1", (*world).secret)
	freshSite       = fresh("site1", (*world).site)
	freshToken      = fresh("abcdefghij", (*world).token)
	freshBlueprint  = fresh("bp1", func(w *world, ctx context.Context) (string, error) { return w.upload(ctx, plain) })
	freshDeployment = fresh("dep1", func(w *world, ctx context.Context) (string, error) { return w.deploy(ctx, plain) })
	freshInstance   = all(freshDeployment, fresh("n1_abc", func(w *world, ctx context.Context) (string, error) {
		return w.first(ctx, "/node-instances?deployment_id="+w.alias["dep1"], "id")
	}))
	freshModification = all(freshDeployment, fresh("mod1", func(w *world, ctx context.Context) (string, error) {
		return w.modification(ctx, w.alias["dep1"])
	}))
	globalDeployment = fresh("dep1", func(w *world, ctx context.Context) (string, error) {
		blueprint, err := w.upload(ctx, plain)
		if err != nil {
			return "", err
		}
		if _, err := w.must(ctx, http.MethodPatch, "/blueprints/"+blueprint+"/set-visibility", object{"visibility": "global"}); err != nil {
			return "", err
		}
		return w.deployOf(ctx, blueprint)
	})
	freshGroupOfDeployments = fresh("grp1", (*world).deploymentGroup)
	freshPlugin             = fresh("pl1", (*world).uploadPlugin)
)

// preparations is the table.
var preparations = []preparation{
	when("PUT", "permissions/user/agent_list", first("DELETE", "/permissions/user/agent_list", nil)),
	when("DELETE", "permissions/user/agent_list", first("PUT", "/permissions/user/agent_list", nil)),
	when("DELETE", "tokens/.*", freshToken),
	when("PUT", "users", unused("u1")),
	when("DELETE", "users/u1", freshUser),
	when("POST", "user-groups", unused("g1")),
	when("DELETE", "user-groups/g1", freshGroup),
	when("PUT", "user-groups/users", freshUser),
	when("DELETE", "user-groups/users", all(freshUser, first("PUT", "/user-groups/users", object{"username": "u1", "group_name": "g1"}))),
	when("PUT", "tenants/users", freshUser),
	when("PATCH|DELETE", "tenants/users",
		all(freshUser, first("PUT", "/tenants/users", object{"username": "u1", "tenant_name": "t1", "role": "user"}))),
	when("PUT", "tenants/user-groups", freshGroup),
	when("PATCH|DELETE", "tenants/user-groups",
		all(freshGroup, first("PUT", "/tenants/user-groups", object{"group_name": "g1", "tenant_name": "t1", "role": "user"}))),
	when("POST", "tenants/t1", unused("t1")),
	when("DELETE", "tenants/t1", freshTenant),
	when("PUT", "sites/site1", unused("site1")),
	when("POST", "sites/site1", all(freshSite, unused("site2"))),
	when("DELETE", "sites/site1", freshSite),
	when("PUT", "secrets/k1", unused("k1")),
	when("PATCH|DELETE", "secrets/k1.*", freshSecret),
	when("POST", "secrets/share/import", unused("k1")),
	when("PUT", "secrets-providers", provided),
	when("PATCH|DELETE", "secrets-providers/prov1", fresh("prov1", (*world).provider)),

	when("PUT", "blueprints/.*", unused("bp9")),
	when("DELETE", "blueprints/.*", freshBlueprint),
	when("PATCH", "blueprints/bp1/set-visibility", freshBlueprint),
	when("PUT", "deployments/.*", unused("dep1", "dep9")),
	when("DELETE", "deployments/.*", freshDeployment),
	when("PATCH", "deployments/dep1/set-visibility", globalDeployment),
	when("POST", "deployment-updates/.*", freshDeployment),
	when("POST", "deployment-modifications/.*", freshModification),
	when("DELETE", "events", freshDeployment),
	when("PATCH", "node-instances/.*", freshInstance),
	when("POST", "executions", startable),
	when("POST", "executions/exec1", actedOn),
	when("PUT", "filters/.*", unused("f1")),
	when("PATCH|DELETE", "filters/.*", freshFilter),

	when("DELETE", "deployment-groups/.*", freshGroupOfDeployments),
	when("POST", "execution-groups", freshGroupOfDeployments),
	when("POST", "execution-groups/eg1", fresh("eg1", (*world).executionGroup)),
	when("PUT", "execution-schedules/sch1", unused("sch1")),
	when("DELETE", "execution-schedules/sch1", fresh("sch1", (*world).schedule)),
	when("DELETE", "plugins/pl1", freshPlugin),
	when("PATCH", "plugins/pl1/set-visibility", freshPlugin),
	when("PUT", "snapshots/[^/]*", unused("snap1", "snap9")),
	when("DELETE", "snapshots/snap1", fresh("snap1", (*world).snapshot)),
}

func provided(ctx context.Context, w *world, q *request) error {
	if body, _ := q.Body.JSON.(object); body["test"] == true {
		return nil
	}
	return unused("prov1")(ctx, w, q)
}

func freshFilter(ctx context.Context, w *world, q *request) (err error) {
	resource, _, _ := strings.Cut(strings.TrimPrefix(q.Path, "/api/v3.1/filters/"), "/")
	w.alias["f1"], err = w.filter(ctx, resource)
	return err
}

// startable makes a deployment on which the recorded workflow may start: installed, unless it is to be installed.
func startable(ctx context.Context, w *world, q *request) error {
	body, _ := q.Body.JSON.(object)
	id, err := w.deploy(ctx, plain)
	if err == nil && body["workflow_id"] != "install" {
		_, err = w.execute(ctx, id, "install", "terminated")
	}
	w.alias["dep1"], w.alias["dep9"] = id, id
	return err
}

// actedOn makes an execution to which the recorded action can be done: a failed one to resume, a running one to cancel.
func actedOn(ctx context.Context, w *world, q *request) error {
	body, _ := q.Body.JSON.(object)
	action, _ := body["action"].(string)
	text, status := slow, "started"
	if strings.HasSuffix(action, "resume") {
		text, status = broken, "failed"
	}
	deployment, err := w.deploy(ctx, text)
	if err != nil {
		return err
	}
	w.alias["exec1"], err = w.execute(ctx, deployment, "install", status)
	return err
}

// prepare makes what the request needs, and returns what is to be done after it, or nil.
func (w *world) prepare(ctx context.Context, q *request) (after func() error, err error) {
	for _, p := range preparations {
		if strings.Contains("|"+p.method+"|", "|"+q.Method+"|") && p.path.MatchString(q.Path) {
			err = p.step(ctx, w, q)
			break
		}
	}
	switch {
	case q.Method == http.MethodPost && q.Path == "/api/v3.1/executions/exec1":
		return func() error { return w.end(ctx, w.alias["exec1"]) }, err
	case q.Method == http.MethodDelete && q.Path == "/api/v3.1/executions":
		return func() error { return w.sharedExecution(ctx) }, err
	case strings.HasPrefix(q.Path, "/api/v3.1/maintenance/"):
		return func() error {
			_, err := w.call(ctx, http.MethodPost, "/maintenance/deactivate", nil)
			return err
		}, err
	}
	return nil, err
}

// end kills an execution that is still running, so that nothing of it is left.
func (w *world) end(ctx context.Context, execution string) error {
	_, err := w.call(ctx, http.MethodPost, "/executions/"+execution, object{"action": "kill"})
	return errors.Join(err, w.await(ctx, execution, "terminated", "failed", "cancelled"))
}
