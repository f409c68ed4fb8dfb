package storetest

import (
	"encoding/json"
	"testing"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

func testModifications(t *testing.T, open Opener) {
	e := newEnv(t, open)
	d := e.deployment(tenantA, "d1")
	instance := model.NodeInstance{Resource: d.Resource, ID: "vm_1", Node: "vm", Deployment: d.ID, State: model.InstanceStarted,
		Version: 3, RuntimeProperties: model.Document{"n": json.Number("1.0")},
		Relationships: []model.InstanceRelationship{{Type: "t", TargetName: "n", TargetID: "n_1"}}}
	m := &model.Modification{Resource: d.Resource, ID: "m1", Deployment: d.ID, Status: model.ModificationStarted,
		Context: model.Document{"a": json.Number("1")}, Nodes: model.Document{"vm": map[string]any{"instances": json.Number("2")}},
		Instances: model.ModificationInstances{
			Added:  []model.ModifiedInstance{{NodeInstance: instance, Mark: "added", IsNew: true}},
			Before: []*model.NodeInstance{&instance},
		}}
	e.must(func(tx store.Tx) error { return tx.InsertModification(m) })
	get := func(r store.Reader) (*model.Modification, error) { return r.Modification(tenantA, "m1") }
	equal(t, "modification", read(e, get), m)
	e.fails(fault.Conflict, func(tx store.Tx) error { return tx.InsertModification(m) })
	m.Status, m.EndedAt, m.Instances.BeforeRollback = model.ModificationRolledBack, at(5), []*model.NodeInstance{&instance}
	e.must(func(tx store.Tx) error { return tx.UpdateModification(m) })
	equal(t, "ended modification", read(e, get), m)
	bare := &model.Modification{Resource: resource(tenantA, 9), ID: "m2", Deployment: "d1", Status: model.ModificationStarted}
	e.must(func(tx store.Tx) error { return tx.InsertModification(bare) })
	ids := func(q store.Query) (ids []model.ModificationID) {
		for _, m := range read(e, func(r store.Reader) (store.Page[*model.Modification], error) { return r.Modifications(q) }).Items {
			ids = append(ids, m.ID)
		}
		return ids
	}
	equal(t, "modifications", ids(where("deployment_id", "d1")), []model.ModificationID{"m1", "m2"})
	equal(t, "started modifications", ids(where("deployment_id", "d1", "status", "started")), []model.ModificationID{"m2"})
	light := everything
	light.Light = true
	equal(t, "light modifications", ids(light), []model.ModificationID{"m1", "m2"})
	e.viewFails(fault.NotFound, func(r store.Reader) error { _, err := r.Modification(tenantB, "m1"); return err })
	e.fails(fault.NotFound, func(tx store.Tx) error {
		return tx.InsertModification(&model.Modification{Resource: d.Resource, ID: "m3", Deployment: "nope"})
	})
	e.must(func(tx store.Tx) error { return tx.DeleteDeployment(tenantA, "d1") })
	e.viewFails(fault.NotFound, func(r store.Reader) error { _, err := get(r); return err })
	e.fails(fault.NotFound, func(tx store.Tx) error { return tx.UpdateModification(m) })
}

func testDeploymentUpdates(t *testing.T, open Opener) {
	e := newEnv(t, open)
	d := e.deployment(tenantA, "d1")
	u := &model.DeploymentUpdate{Resource: d.Resource, ID: "d1-u1", Deployment: d.ID, Execution: "x1", OldBlueprint: "a",
		NewBlueprint: "b", State: model.UpdateUpdating, RuntimeOnlyEvaluation: true, OldInputs: model.Document{"n": "o"},
		NewInputs: model.Document{"n": json.Number("1.0")}, Plan: json.RawMessage(`{"nodes": []}`),
		Steps: []model.UpdateStep{{ID: "s", Action: "add", EntityType: "node", EntityID: []string{"nodes", "n"}, TopologyOrder: 2}},
		Nodes: json.RawMessage(`{"add": ["n"]}`), Instances: &model.ModificationInstances{Added: []model.ModifiedInstance{{Mark: "added"}}}, ModifiedEntities: json.RawMessage(`{"a":1}`),
		PluginsToInstall: json.RawMessage(`[]`), PluginsToUninstall: json.RawMessage(`[1]`), Labels: json.RawMessage(`[2]`)}
	e.must(func(tx store.Tx) error { return tx.InsertDeploymentUpdate(u) })
	get := func(r store.Reader) (*model.DeploymentUpdate, error) { return r.DeploymentUpdate(tenantA, "d1-u1") }
	equal(t, "update", read(e, get), u)
	e.fails(fault.Conflict, func(tx store.Tx) error { return tx.InsertDeploymentUpdate(u) })
	u = &model.DeploymentUpdate{Resource: d.Resource, ID: "d1-u1", Deployment: d.ID, State: model.UpdateFailed}
	e.must(func(tx store.Tx) error { return tx.UpdateDeploymentUpdate(u) })
	equal(t, "changed update", read(e, get), u)
	list := func(q store.Query) int {
		return read(e, func(r store.Reader) (store.Page[*model.DeploymentUpdate], error) { return r.DeploymentUpdates(q) }).Total
	}
	equal(t, "updates of the deployment", list(where("deployment_id", "d1")), 1)
	equal(t, "updates by state", list(where("state", "successful")), 0)
	light := everything
	light.Light = true
	equal(t, "light updates", list(light), 1)
	e.must(func(tx store.Tx) error { return tx.DeleteDeployment(tenantA, "d1") })
	e.viewFails(fault.NotFound, func(r store.Reader) error { _, err := get(r); return err })
	e.fails(fault.NotFound, func(tx store.Tx) error { return tx.UpdateDeploymentUpdate(u) })
	e.fails(fault.NotFound, func(tx store.Tx) error { return tx.InsertDeploymentUpdate(u) })
}
