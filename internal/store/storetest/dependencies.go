package storetest

import (
	"testing"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

func testDependencies(t *testing.T, open Opener) {
	e := newEnv(t, open)
	e.deployment(tenantA, "app")
	e.deployment(tenantA, "db")
	full := &model.Dependency{Resource: resource(tenantA, 1), ID: "i1", Creator: "nodes.web.properties.host.get_capability",
		Source: "app", Target: "db", TargetFunction: model.Document{"function": "db", "context": map[string]any{}},
		ExternalTarget: model.Document{"deployment": "far"}}
	external := &model.Dependency{Resource: resource(tenantA, 2), ID: "i2", Creator: "sharedresource.x_1", Target: "db",
		ExternalSource: model.Document{"host": []any{"10.0.0.1"}}}
	e.must(func(tx store.Tx) error {
		if err := tx.InsertDependency(full); err != nil {
			return err
		}
		return tx.InsertDependency(external)
	})
	get := func(id model.DependencyID) func(store.Reader) (*model.Dependency, error) {
		return func(r store.Reader) (*model.Dependency, error) { return r.Dependency(tenantA, id) }
	}
	equal(t, "dependency", read(e, get("i1")), full)
	equal(t, "external dependency", read(e, get("i2")), external)
	e.fails(fault.Conflict, func(tx store.Tx) error { return tx.InsertDependency(full) })
	e.fails(fault.NotFound, func(tx store.Tx) error {
		return tx.InsertDependency(&model.Dependency{Resource: resource(tenantA, 1), ID: "i3", Creator: "c", Source: "nope"})
	})
	e.viewFails(fault.NotFound, func(r store.Reader) error { _, err := r.Dependency(tenantB, "i1"); return err })
	ids := func(q store.Query) (ids []model.DependencyID) {
		for _, d := range read(e, func(r store.Reader) (store.Page[*model.Dependency], error) { return r.Dependencies(q) }).Items {
			ids = append(ids, d.ID)
		}
		return ids
	}
	equal(t, "all", ids(everything), []model.DependencyID{"i1", "i2"})
	equal(t, "by source", ids(where("source_deployment_id", "app")), []model.DependencyID{"i1"})
	equal(t, "by target", ids(where("target_deployment_id", "db")), []model.DependencyID{"i1", "i2"})
	equal(t, "by creator", ids(where("dependency_creator", "sharedresource.x_1")), []model.DependencyID{"i2"})
	full.Target, full.TargetFunction = "", nil
	e.must(func(tx store.Tx) error { return tx.UpdateDependency(full) })
	equal(t, "changed dependency", read(e, get("i1")), full)
	full.Target = "db"
	e.must(func(tx store.Tx) error { return tx.UpdateDependency(full) })
	e.must(func(tx store.Tx) error { return tx.DeleteDeployment(tenantA, "db") })
	full.Target = ""
	equal(t, "dependency without its target", read(e, get("i1")), full)
	e.must(func(tx store.Tx) error { return tx.DeleteDeployment(tenantA, "app") })
	e.viewFails(fault.NotFound, func(r store.Reader) error { _, err := get("i1")(r); return err })
	e.must(func(tx store.Tx) error { return tx.DeleteDependency(tenantA, "i2") })
	e.fails(fault.NotFound, func(tx store.Tx) error { return tx.DeleteDependency(tenantA, "i2") })
	e.fails(fault.NotFound, func(tx store.Tx) error { return tx.UpdateDependency(full) })
}

func testChildren(t *testing.T, open Opener) {
	e := newEnv(t, open)
	child := func(tenant model.TenantName, id model.DeploymentID, seconds int, parents ...string) *model.Deployment {
		d := &model.Deployment{Resource: resource(tenant, seconds), ID: id, Blueprint: "web", DisplayName: string(id),
			Labels: []model.Label{{Key: "other", Value: "p", CreatedAt: at(0), CreatedBy: alice}}}
		for _, p := range parents {
			d.Labels = append(d.Labels, model.Label{Key: model.LabelParent, Value: p, CreatedAt: at(0), CreatedBy: alice})
		}
		e.must(func(tx store.Tx) error { return tx.InsertDeployment(d) })
		return d
	}
	child(tenantA, "late", 9, "p")
	moved := child(tenantA, "early", 1, "p", "q")
	child(tenantB, "elsewhere", 1, "p")
	child(tenantA, "none", 1)
	children := func(parent model.DeploymentID) (ids []model.DeploymentID) {
		for _, d := range read(e, func(r store.Reader) ([]*model.Deployment, error) { return r.Children(tenantA, parent) }) {
			ids = append(ids, d.ID)
		}
		return ids
	}
	equal(t, "children of p", children("p"), []model.DeploymentID{"early", "late"})
	equal(t, "children of q", children("q"), []model.DeploymentID{"early"})
	moved.Labels = moved.Labels[:1]
	moved.SubServices, moved.SubEnvironments = 2, 3
	moved.SubServicesStatus, moved.SubEnvironmentsStatus = model.DeploymentGood, model.DeploymentInProgress
	e.must(func(tx store.Tx) error { return tx.UpdateDeployment(moved) })
	equal(t, "children of p without one", children("p"), []model.DeploymentID{"late"})
	equal(t, "children of q without any", children("q"), nil)
	equal(t, "counts", read(e, func(r store.Reader) (*model.Deployment, error) { return r.Deployment(tenantA, "early") }), moved)
	e.must(func(tx store.Tx) error { return tx.DeleteDeployment(tenantA, "late") })
	equal(t, "children of p after all", children("p"), nil)
}
