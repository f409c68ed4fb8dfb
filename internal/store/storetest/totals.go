package storetest

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// testTotals changes deployments at random - their making, visibility, creator, labels and deletion - and checks after each
// change that the totals of lists are the numbers of their items, and that filter rules find what the labels say.
func testTotals(t *testing.T, open Opener) {
	e := newEnv(t, open)
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		round++
		tenant := model.TenantName(fmt.Sprintf("t%d", round))
		e.must(func(tx store.Tx) error { return tx.PutTenant(tenant) })
		labels := map[string]string{}
		for range rapid.IntRange(1, 12).Draw(rt, "changes") {
			id := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(rt, "id")
			d := &model.Deployment{Resource: resource(tenant, 1), ID: model.DeploymentID(fmt.Sprintf("%s-%s", tenant, id)), Blueprint: "web"}
			d.Visibility = rapid.SampledFrom([]model.Visibility{model.VisibilityPrivate, model.VisibilityTenant}).Draw(rt, "visibility")
			d.CreatedBy = rapid.SampledFrom([]model.UserName{alice, bob}).Draw(rt, "creator")
			value := rapid.SampledFrom([]string{"", "x", "y"}).Draw(rt, "label")
			if value != "" {
				d.Labels = []model.Label{{Key: "k", Value: value, CreatedBy: d.CreatedBy, CreatedAt: at(1)}}
			}
			_, exists := labels[id]
			e.must(func(tx store.Tx) error {
				switch {
				case !exists:
					labels[id] = value
					return tx.InsertDeployment(d)
				case rapid.Bool().Draw(rt, "delete"):
					delete(labels, id)
					return tx.DeleteDeployment(tenant, d.ID)
				}
				labels[id] = value
				return tx.UpdateDeployment(d)
			})
			e.checkTotals(rt, tenant, labels)
		}
	})
}

func (e *env) checkTotals(rt *rapid.T, tenant model.TenantName, labels map[string]string) {
	want := map[string]int{}
	for _, value := range labels {
		want[value]++
	}
	for _, scope := range []store.Scope{{Admin: true}, {User: alice}, {User: bob}, {}} {
		scope.Tenants = []model.TenantName{tenant}
		whole := read(e, func(r store.Reader) (store.Page[*model.Deployment], error) {
			return r.Deployments(store.Query{Scope: scope, Limit: -1})
		})
		counted := read(e, func(r store.Reader) (store.Page[*model.Deployment], error) {
			return r.Deployments(store.Query{Scope: scope, Limit: 0})
		})
		if counted.Total != len(whole.Items) {
			rt.Fatalf("%+v sees %d deployments and is told %d", scope, len(whole.Items), counted.Total)
		}
	}
	for operator, expected := range map[string]int{"any_of": want["x"], "not_any_of": want["y"], "is_not": want[""] + want["y"],
		"is_null": want[""], "is_not_null": want["x"] + want["y"]} {
		rule := model.FilterRule{Type: model.RuleLabel, Key: "k", Operator: operator, Values: []string{"x"}}
		q := store.Query{Scope: store.Scope{Tenants: []model.TenantName{tenant}, Admin: true}, Rules: []model.FilterRule{rule}, Limit: -1}
		page := read(e, func(r store.Reader) (store.Page[*model.Deployment], error) { return r.Deployments(q) })
		if len(page.Items) != expected || page.Total != expected {
			rt.Fatalf("%s of %v: %d deployments (total %d), want %d", operator, labels, len(page.Items), page.Total, expected)
		}
	}
}
