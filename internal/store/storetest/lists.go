package storetest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// deployments lists and returns the ids.
func (e *env) deployments(q store.Query) ([]string, int) {
	e.t.Helper()
	p := read(e, func(r store.Reader) (store.Page[*model.Deployment], error) { return r.Deployments(q) })
	ids := []string{}
	for _, d := range p.Items {
		ids = append(ids, string(d.ID))
	}
	return ids, p.Total
}

// testScope tries every visibility with every kind of reader.
func testScope(t *testing.T, open Opener) {
	e := newEnv(t, open)
	for i, tenant := range []model.TenantName{tenantA, tenantB} {
		for j, v := range []model.Visibility{model.VisibilityPrivate, model.VisibilityTenant, model.VisibilityGlobal} {
			d := &model.Deployment{Resource: resource(tenant, i*10+j), ID: model.DeploymentID(fmt.Sprintf("%c-%s", 'A'+i, v)),
				Blueprint: "web"}
			d.Visibility = v
			x := execution(d.Resource, "x-"+string(d.ID), d.ID)
			e.must(func(tx store.Tx) error {
				if err := tx.InsertDeployment(d); err != nil {
					return err
				}
				return tx.InsertExecution(x)
			})
			e.instances(e.nodes(d, "vm")[0], 1)
			e.must(func(tx store.Tx) error { return tx.InsertEvents([]*model.Event{event(x, i*10+j, string(d.ID))}) })
		}
	}
	one, both := []model.TenantName{tenantA}, []model.TenantName{tenantA, tenantB}
	for name, f := range map[string]struct {
		scope store.Scope
		want  []string
	}{
		"nobody":                    {store.Scope{}, []string{"A-tenant", "A-global", "B-tenant", "B-global"}},
		"stranger":                  {store.Scope{Tenants: one, User: bob}, []string{"A-tenant", "A-global", "B-global"}},
		"creator":                   {store.Scope{Tenants: one, User: alice}, []string{"A-private", "A-tenant", "A-global", "B-global"}},
		"creator in another case":   {store.Scope{Tenants: one, User: "ALICE"}, []string{"A-private", "A-tenant", "A-global", "B-global"}},
		"administrator":             {store.Scope{Tenants: one, Admin: true}, []string{"A-private", "A-tenant", "A-global", "B-global"}},
		"no tenant":                 {store.Scope{Tenants: []model.TenantName{}}, []string{"A-global", "B-global"}},
		"two tenants":               {store.Scope{Tenants: both, User: bob}, []string{"A-tenant", "A-global", "B-tenant", "B-global"}},
		"administrator of all":      {store.Scope{Admin: true}, []string{"A-private", "A-tenant", "A-global", "B-private", "B-tenant", "B-global"}},
		"creator, in all tenants":   {store.Scope{User: alice}, []string{"A-private", "A-tenant", "A-global", "B-private", "B-tenant", "B-global"}},
		"administrator, no tenants": {store.Scope{Tenants: []model.TenantName{}, Admin: true}, []string{"A-global", "B-global"}},
	} {
		t.Run(name, func(t *testing.T) {
			e := &env{t, e.Store}
			e.seen(f.scope, f.want)
		})
	}
	// What a tenant sees of one deployment follows the same rule.
	for id, want := range map[model.DeploymentID]int{"A-tenant": 0, "A-global": 1, "B-tenant": 1} {
		nodes := read(e, func(r store.Reader) ([]*model.Node, error) { return r.DeploymentNodes(tenantB, id) })
		instances := read(e, func(r store.Reader) ([]*model.NodeInstance, error) { return r.DeploymentInstances(tenantB, id) })
		states := read(e, func(r store.Reader) (map[model.InstanceState]int, error) { return r.InstanceStates(tenantB, id) })
		equal(t, "parts of "+string(id), []int{len(nodes), len(instances), len(states)}, []int{want, want, want})
	}
}

// seen checks that each noun shows exactly the resources of the deployments in want, with and without a condition that
// is answered from another index.
func (e *env) seen(scope store.Scope, want []string) {
	e.t.Helper()
	q := store.Query{Scope: scope, Limit: -1}
	got, total := e.deployments(q)
	equal(e.t, "deployments", got, want)
	equal(e.t, "total", total, len(want))
	q.Limit = 1
	_, total = e.deployments(q)
	equal(e.t, "counted total", total, len(want))
	q.Limit = -1
	q.Where = []store.Condition{{Field: "blueprint_id", Values: []string{"web"}}}
	got, _ = e.deployments(q)
	equal(e.t, "deployments of the blueprint", got, want)
	q.Where = nil
	var instances, executions []string
	for _, i := range read(e, func(r store.Reader) (store.Page[*model.NodeInstance], error) { return r.Instances(q) }).Items {
		instances = append(instances, string(i.Deployment))
	}
	equal(e.t, "instances", instances, want)
	for _, x := range read(e, func(r store.Reader) (store.Page[*model.Execution], error) { return r.Executions(q) }).Items {
		executions = append(executions, string(x.Deployment))
	}
	equal(e.t, "executions", executions, want)
	equal(e.t, "events", e.events(store.EventQuery{Scope: scope}), want)
	equal(e.t, "events in storage order", e.events(store.EventQuery{Scope: scope, After: 1}),
		slices.DeleteFunc(slices.Clone(want), func(id string) bool { return id == "A-private" }))
	nodes := read(e, func(r store.Reader) (store.Page[*model.Node], error) { return r.Nodes(q) })
	equal(e.t, "nodes", nodes.Total, len(want))
}

func testPaging(t *testing.T, open Opener) {
	e := newEnv(t, open)
	d := e.deployment(tenantA, "d1")
	instances := e.instances(e.nodes(d, "vm")[0], 25)
	for _, scope := range []store.Scope{{Admin: true}, {Tenants: []model.TenantName{tenantA}}} {
		for _, f := range []struct{ offset, limit, first, count int }{
			{0, -1, 0, 25}, {0, 10, 0, 10}, {20, 10, 20, 5}, {25, 10, 0, 0}, {99, 10, 0, 0}, {99, -1, 0, 0}, {0, 0, 0, 0},
			{24, 1, 24, 1}, {5, -1, 5, 20}, {0, 25, 0, 25}, {0, 1000, 0, 25},
		} {
			q := store.Query{Scope: scope, Offset: f.offset, Limit: f.limit}
			p := read(e, func(r store.Reader) (store.Page[*model.NodeInstance], error) { return r.Instances(q) })
			equal(t, fmt.Sprintf("offset %d limit %d", f.offset, f.limit), p, store.Page[*model.NodeInstance]{
				Items: append([]*model.NodeInstance{}, instances[f.first:f.first+f.count]...), Total: 25})
		}
	}
}

func testSort(t *testing.T, open Opener) {
	e := newEnv(t, open)
	for i, id := range []string{"c", "a", "b", "d"} {
		d := &model.Deployment{Resource: resource(tenantA, 10-i/2), ID: model.DeploymentID(id), Blueprint: "web",
			DisplayName: string("zxyx"[i]), SiteName: string("ssrr"[i])}
		if i == 1 {
			d.UpdatedAt = at(1)
			d.Labels = []model.Label{{Key: "env", Value: "prod"}, {Key: "env", Value: "beta"}}
		}
		if i == 2 {
			d.Labels = []model.Label{{Key: "env", Value: "alpha"}}
		}
		e.must(func(tx store.Tx) error { return tx.InsertDeployment(d) })
	}
	up := func(fields ...string) (orders []store.Order) {
		for _, f := range fields {
			orders = append(orders, store.Order{Field: f})
		}
		return orders
	}
	down := func(field string) []store.Order { return []store.Order{{Field: field, Desc: true}} }
	for name, f := range map[string]struct {
		sort []store.Order
		want []string
	}{
		"creation, then insertion":       {nil, []string{"b", "d", "c", "a"}},
		"newest first":                   {down("created_at"), []string{"a", "c", "d", "b"}},
		"id":                             {up("id"), []string{"a", "b", "c", "d"}},
		"id descending":                  {down("id"), []string{"d", "c", "b", "a"}},
		"ties by creation":               {up("display_name"), []string{"d", "a", "b", "c"}},
		"two fields":                     {up("site_name", "display_name"), []string{"d", "b", "a", "c"}},
		"unknown last":                   {up("updated_at"), []string{"a", "b", "d", "c"}},
		"unknown first when descending":  {down("updated_at"), []string{"b", "d", "c", "a"}},
		"smallest value of a label":      {up("label:env"), []string{"b", "a", "d", "c"}},
		"label in the other direction":   {down("label:env"), []string{"d", "c", "a", "b"}},
		"a computed name, all of it nil": {up("latest_execution_status"), []string{"b", "d", "c", "a"}},
	} {
		for _, scope := range []store.Scope{{Admin: true}, {Tenants: []model.TenantName{tenantA}}} {
			q := store.Query{Scope: scope, Sort: f.sort, Limit: -1}
			got, _ := e.deployments(q)
			equal(t, name, got, f.want)
			q.Offset, q.Limit = 1, 2
			got, _ = e.deployments(q)
			equal(t, name+", a page", got, f.want[1:3])
		}
	}
	e.viewFails(fault.BadParameters, func(r store.Reader) error {
		_, err := r.Deployments(store.Query{Sort: up("nope")})
		return err
	})
}

func testWhere(t *testing.T, open Opener) {
	e := newEnv(t, open)
	for i := range 4 {
		d := e.deployment(tenantA, fmt.Sprintf("d%d", i))
		x := execution(resource(tenantA, i), fmt.Sprintf("x%d", i), d.ID)
		x.IsSystem, x.TotalOperations, x.StartedAt = i%2 == 0, i, at(i)
		x.Status = []model.ExecutionStatus{model.ExecutionTerminated, model.ExecutionFailed}[i/2]
		e.must(func(tx store.Tx) error { return tx.InsertExecution(x) })
	}
	executions := func(conditions ...store.Condition) (ids []string) {
		for _, scope := range []store.Scope{{Admin: true}, {Tenants: []model.TenantName{tenantA}, User: bob}} {
			q := store.Query{Scope: scope, Where: conditions, Limit: -1}
			ids = nil
			p := read(e, func(r store.Reader) (store.Page[*model.Execution], error) { return r.Executions(q) })
			for _, x := range p.Items {
				ids = append(ids, string(x.ID))
			}
			q.Limit = 0
			total := read(e, func(r store.Reader) (store.Page[*model.Execution], error) { return r.Executions(q) }).Total
			equal(t, "total", total, len(ids))
		}
		return ids
	}
	is := func(field string, values ...string) store.Condition {
		return store.Condition{Field: field, Values: values}
	}
	equal(t, "one value", executions(is("deployment_id", "d2")), []string{"x2"})
	equal(t, "values are ORed", executions(is("id", "x3", "x0", "nope")), []string{"x0", "x3"})
	equal(t, "fields are ANDed", executions(is("status", "failed"), is("is_system_workflow", "true")), []string{"x2"})
	equal(t, "flag", executions(is("is_system_workflow", "False")), []string{"x1", "x3"})
	equal(t, "number", executions(is("total_operations", "1", "2")), []string{"x1", "x2"})
	equal(t, "time", executions(is("started_at", "2026-03-14T15:09:28.535897Z")), []string{"x2"})
	equal(t, "computed name", executions(is("status_display", "completed")), []string{"x0", "x1"})
	equal(t, "tenant", executions(is("tenant_name", string(tenantB))), nil)
	equal(t, "no values", executions(is("id")), nil)
	equal(t, "through the deployment", executions(is("deployment_display_name", "d1")), []string{"x1"})
	for _, c := range []store.Condition{is("nope", "1"), is("total_operations", "one"), is("is_dry_run", "maybe"),
		is("started_at", "yesterday")} {
		e.viewFails(fault.BadParameters, func(r store.Reader) error {
			_, err := r.Executions(store.Query{Where: []store.Condition{c}, Limit: 1})
			return err
		})
	}
}

func testSearch(t *testing.T, open Opener) {
	e := newEnv(t, open)
	for i, name := range []string{"100%", "100x", "a_b", "aXb", `c\d`, "Größe", "größer", "plain"} {
		d := &model.Deployment{Resource: resource(tenantA, i), ID: model.DeploymentID(fmt.Sprintf("id%d", i)), DisplayName: name}
		e.must(func(tx store.Tx) error { return tx.InsertDeployment(d) })
	}
	for text, want := range map[string][]string{
		"100": {"id0", "id1"}, "0%": {"id0"}, "_": {"id2"}, "A_B": {"id2"}, `\`: {"id4"}, "GRÖSSE": {}, "GRÖß": {"id5", "id6"},
		"LAI": {"id7"}, "": {"id0", "id1", "id2", "id3", "id4", "id5", "id6", "id7"}, "nope": {},
	} {
		q := everything
		q.Search = []store.Search{{Field: "display_name", Text: text}}
		got, total := e.deployments(q)
		equal(t, "search "+text, got, want)
		equal(t, "total of "+text, total, len(want))
	}
	q := everything
	q.Search = []store.Search{{Field: "display_name", Text: "plain"}, {Field: "id", Text: "ID3"}}
	got, _ := e.deployments(q)
	equal(t, "searches are ORed", got, []string{"id3", "id7"})
	e.viewFails(fault.BadParameters, func(r store.Reader) error {
		_, err := r.Deployments(store.Query{Search: []store.Search{{Field: "nope", Text: "x"}}})
		return err
	})
}
