package storetest

import (
	"testing"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

func testGroups(t *testing.T, open Opener) {
	e := newEnv(t, open)
	g := &model.Group{Name: "Ops", Role: "default", Users: []model.UserName{alice}, TenantRoles: map[model.TenantName]string{tenantA: "viewer"}}
	e.must(func(tx store.Tx) error {
		if err := tx.PutTenant(tenantA); err != nil {
			return err
		}
		if err := tx.PutUser(&model.User{Name: alice, Role: "default"}); err != nil {
			return err
		}
		return tx.PutGroup(g)
	})
	equal(t, "group", read(e, func(r store.Reader) (*model.Group, error) { return r.Group("oPS") }), g)
	user := func(r store.Reader) (*model.User, error) { return r.User(alice) }
	equal(t, "groups of the user", read(e, user).Groups, []*model.Group{g})
	g.Users = nil
	e.must(func(tx store.Tx) error { return tx.PutGroup(g) })
	equal(t, "groups without members", read(e, store.Reader.Groups), []*model.Group{g})
	equal(t, "groups of who left", read(e, user).Groups, nil)
	e.must(func(tx store.Tx) error { return tx.DeleteGroup("ops") })
	e.fails(fault.NotFound, func(tx store.Tx) error { return tx.DeleteGroup("ops") })
	e.must(func(tx store.Tx) error { return tx.DeleteUser(alice) })
	e.viewFails(fault.NotFound, func(r store.Reader) error { _, err := r.User(alice); return err })

	site := &model.Site{Resource: resource(tenantA, 1), Name: "here"}
	e.must(func(tx store.Tx) error { return tx.InsertSite(site) })
	e.fails(fault.Conflict, func(tx store.Tx) error { return tx.DeleteTenant(tenantA) })
	e.must(func(tx store.Tx) error { return tx.DeleteSite(tenantA, "here") })
	e.must(func(tx store.Tx) error { return tx.DeleteTenant(tenantA) })
	e.fails(fault.NotFound, func(tx store.Tx) error { return tx.DeleteTenant(tenantA) })
}

func testCatalog(t *testing.T, open Opener) {
	e := newEnv(t, open)
	s := &model.Secret{Resource: resource(tenantA, 1), Key: "k", Value: "sealed", UpdatedAt: at(2), IsHidden: true, Schema: []byte(`{"a":1}`)}
	site := &model.Site{Resource: resource(tenantA, 2), Name: "here", Location: &model.Location{Latitude: 34.1, Longitude: -20}}
	f := &model.Filter{Resource: resource(tenantA, 3), ID: "f", UpdatedAt: at(4), Rules: []model.FilterRule{
		{Key: "env", Values: []string{"prod"}, Operator: "any_of", Type: model.RuleLabel}}}
	e.must(func(tx store.Tx) error {
		if err := tx.InsertSecret(s); err != nil {
			return err
		}
		if err := tx.InsertSite(site); err != nil {
			return err
		}
		return tx.InsertFilter(store.Deployments, f)
	})
	e.fails(fault.Conflict, func(tx store.Tx) error { return tx.InsertSecret(s) })
	e.fails(fault.Conflict, func(tx store.Tx) error { return tx.InsertFilter(store.Deployments, f) })
	equal(t, "secret", read(e, func(r store.Reader) (*model.Secret, error) { return r.Secret(tenantA, "k") }), s)
	e.viewFails(fault.NotFound, func(r store.Reader) error { _, err := r.Secret(tenantB, "k"); return err })
	s.Visibility = model.VisibilityGlobal
	e.must(func(tx store.Tx) error { return tx.UpdateSecret(s) })
	equal(t, "global secret", read(e, func(r store.Reader) (*model.Secret, error) { return r.Secret(tenantB, "k") }), s)
	equal(t, "secrets", read(e, func(r store.Reader) (store.Page[*model.Secret], error) { return r.Secrets(where("key", "k")) }).Items,
		[]*model.Secret{s})

	d := e.deployment(tenantA, "d")
	d.SiteName = "here"
	e.must(func(tx store.Tx) error { return tx.UpdateDeployment(d) })
	site.Name = "there"
	e.must(func(tx store.Tx) error { return tx.UpdateSite("here", site) })
	equal(t, "site", read(e, func(r store.Reader) (*model.Site, error) { return r.Site(tenantA, "there") }), site)
	name := func(r store.Reader) (string, error) {
		d, err := r.Deployment(tenantA, "d")
		return d.SiteName, err
	}
	equal(t, "site of the deployment", read(e, name), "there")
	e.must(func(tx store.Tx) error { return tx.DeleteSite(tenantA, "there") })
	equal(t, "site of the deployment", read(e, name), "")

	f.Rules = append(f.Rules, model.FilterRule{Key: "id", Values: []string{"d"}, Operator: "starts_with", Type: model.RuleAttribute})
	e.must(func(tx store.Tx) error { return tx.UpdateFilter(store.Deployments, f) })
	filter := func(r store.Reader) (*model.Filter, error) { return r.Filter(store.Deployments, tenantA, "f") }
	equal(t, "filter", read(e, filter), f)
	e.viewFails(fault.NotFound, func(r store.Reader) error { _, err := r.Filter(store.Blueprints, tenantA, "f"); return err })
	e.must(func(tx store.Tx) error { return tx.DeleteFilter(store.Deployments, tenantA, "f") })
	e.must(func(tx store.Tx) error { return tx.DeleteSecret(tenantA, "k") })
	e.fails(fault.NotFound, func(tx store.Tx) error { return tx.DeleteSecret(tenantA, "k") })
}

func testRules(t *testing.T, open Opener) {
	e := newEnv(t, open)
	for i, id := range []string{"d1", "D2", "other"} {
		d := e.deployment(tenantA, id)
		if i < 2 {
			d.Labels = []model.Label{{Key: "env", Value: id}, {Key: "tier", Value: "gold"}}
		}
		e.must(func(tx store.Tx) error { return tx.UpdateDeployment(d) })
	}
	for _, c := range []struct {
		rule model.FilterRule
		want []string
	}{
		{model.FilterRule{Key: "env", Values: []string{"d1", "x"}, Operator: "any_of", Type: "label"}, []string{"d1"}},
		{model.FilterRule{Key: "env", Values: []string{"d1"}, Operator: "not_any_of", Type: "label"}, []string{"D2"}},
		{model.FilterRule{Key: "env", Values: []string{"d1"}, Operator: "is_not", Type: "label"}, []string{"D2", "other"}},
		{model.FilterRule{Key: "tier", Operator: "is_null", Type: "label"}, []string{"other"}},
		{model.FilterRule{Key: "tier", Operator: "is_not_null", Type: "label"}, []string{"d1", "D2"}},
		{model.FilterRule{Key: "id", Values: []string{"d"}, Operator: "starts_with", Type: "attribute"}, []string{"d1", "D2"}},
		{model.FilterRule{Key: "id", Values: []string{"d"}, Operator: "contains", Type: "attribute"}, []string{"d1"}},
		{model.FilterRule{Key: "id", Values: []string{"d"}, Operator: "not_contains", Type: "attribute"}, []string{"D2", "other"}},
		{model.FilterRule{Key: "id", Values: []string{"R"}, Operator: "ends_with", Type: "attribute"}, []string{"other"}},
		{model.FilterRule{Key: "id", Values: []string{"d1"}, Operator: "not_any_of", Type: "attribute"}, []string{"D2", "other"}},
	} {
		q := everything
		q.Rules = []model.FilterRule{c.rule}
		got, _ := e.deployments(q)
		equal(t, c.rule.Operator+" of "+c.rule.Key, got, c.want)
		number := read(e, func(r store.Reader) (int, error) { return r.Count(store.Deployments, q, false) })
		equal(t, "count", number, len(c.want))
		equal(t, "count without rules", read(e, func(r store.Reader) (int, error) { return r.Count(store.Deployments, q, true) }), 3)
	}
	equal(t, "keys", read(e, func(r store.Reader) ([]string, error) {
		return r.LabelKeys(store.Deployments, everything.Scope, "")
	}), []string{"env", "tier"})
	equal(t, "values", read(e, func(r store.Reader) ([]string, error) {
		return r.LabelKeys(store.Deployments, everything.Scope, "env")
	}), []string{"D2", "d1"})
	equal(t, "summary", read(e, func(r store.Reader) ([]store.Count, error) {
		return r.Summarize(store.Deployments, everything, []string{"visibility"})
	}), []store.Count{{Values: []any{"tenant"}, Number: 3}})
}
