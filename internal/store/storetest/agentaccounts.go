package storetest

import (
	"testing"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

func testAgentAccounts(t *testing.T, open Opener) {
	e := newEnv(t, open)
	d := e.deployment(tenantA, "d1")
	e.nodes(d, "vm")
	i := &model.NodeInstance{Resource: d.Resource, ID: "vm_aaaaaa", Node: "vm", Deployment: d.ID, State: model.InstanceStarted}
	e.must(func(tx store.Tx) error { return tx.InsertInstances([]*model.NodeInstance{i}) })
	a := &model.AgentAccount{Tenant: tenantA, Name: "one", Instance: i.ID, SecretHash: "h", CreatedAt: at(1)}
	b := &model.AgentAccount{Tenant: tenantA, Name: "another", Instance: i.ID, SecretHash: "h", CreatedAt: at(2)}
	put := func(a *model.AgentAccount) func(store.Tx) error {
		return func(tx store.Tx) error { return tx.PutAgentAccount(a) }
	}
	get := func(t model.TenantName, name string) func(store.Reader) (*model.AgentAccount, error) {
		return func(r store.Reader) (*model.AgentAccount, error) { return r.AgentAccount(t, name) }
	}
	e.must(put(a))
	e.must(put(b))
	equal(t, "account", read(e, get(tenantA, "one")), a)
	e.viewFails(fault.NotFound, func(r store.Reader) error { _, err := get(tenantB, "one")(r); return err })
	equal(t, "accounts", read(e, store.Reader.AgentAccounts), []*model.AgentAccount{b, a})
	a.SecretHash, a.CreatedAt = "other", at(3)
	e.must(put(a))
	equal(t, "changed account", read(e, get(tenantA, "one")), a)
	e.fails(fault.NotFound, put(&model.AgentAccount{Tenant: tenantA, Name: "x", Instance: "nobody_aaaaaa", CreatedAt: at(1)}))
	e.fails(fault.NotFound, put(&model.AgentAccount{Tenant: tenantB, Name: "x", Instance: i.ID, CreatedAt: at(1)}))
	remove := func(tx store.Tx) error { return tx.DeleteAgentAccount(tenantA, "another") }
	e.must(remove)
	e.fails(fault.NotFound, remove)
	e.must(func(tx store.Tx) error { return tx.DeleteInstance(tenantA, i.ID) })
	if left := read(e, store.Reader.AgentAccounts); len(left) > 0 {
		t.Errorf("accounts without their instance: %v", left)
	}
}
