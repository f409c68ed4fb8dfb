package storetest

import (
	"testing"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

func testAudit(t *testing.T, open Opener) {
	e := newEnv(t, open)
	last := func(r store.Reader) (int64, error) { return r.LastAuditRecord() }
	equal(t, "id before all", read(e, last), 0)
	records := []*model.AuditRecord{
		{CreatedAt: at(1), User: "Alice", Noun: "secrets", Identifier: model.Document{"id": "k"}, Operation: model.AuditCreate,
			Method: "PUT", Path: "/secrets/k", Status: 200, AuthMethod: "http_basic", Tenant: tenantA, Client: "10.0.0.1", Request: "r1"},
		{CreatedAt: at(2), User: bob, Execution: "x1", Noun: "executions", Row: 7, Operation: model.AuditUpdate},
		{CreatedAt: at(3), User: bob, Noun: "users", Operation: model.AuditDelete, IsRefused: true, Status: 403},
	}
	e.must(func(tx store.Tx) error { return tx.InsertAuditRecords(records) })
	if records[0].ID <= 0 || records[1].ID <= records[0].ID {
		t.Errorf("ids are %d and %d", records[0].ID, records[1].ID)
	}
	equal(t, "greatest id", read(e, last), records[2].ID)
	for _, f := range []struct {
		name  string
		q     store.AuditQuery
		want  []*model.AuditRecord
		total int
	}{
		{"changes", store.AuditQuery{Limit: -1}, records[:2], 2},
		{"none wanted", store.AuditQuery{}, nil, 2},
		{"refused too", store.AuditQuery{Limit: -1, WithRefused: true}, records, 3},
		{"of a user, by another case", store.AuditQuery{Limit: -1, User: "aLICE"}, records[:1], 1},
		{"of an execution", store.AuditQuery{Limit: -1, Execution: "x1"}, records[1:2], 1},
		{"since", store.AuditQuery{Limit: -1, Since: at(2)}, records[1:2], 1},
		{"before", store.AuditQuery{Limit: -1, Before: at(2)}, records[:1], 1},
		{"after an id", store.AuditQuery{Limit: 1, After: records[0].ID, WithRefused: true}, records[1:2], 2},
		{"a page", store.AuditQuery{Limit: 1, Offset: 1}, records[1:2], 2},
		{"sorted", store.AuditQuery{Limit: 1, Sort: []store.Order{{Field: "created_at", Desc: true}}}, records[1:2], 2},
	} {
		got := read(e, func(r store.Reader) (store.Page[*model.AuditRecord], error) { return r.AuditRecords(f.q) })
		equal(t, f.name, got, store.Page[*model.AuditRecord]{Items: f.want, Total: f.total})
	}
	e.viewFails(fault.BadParameters, func(r store.Reader) error {
		_, err := r.AuditRecords(store.AuditQuery{Limit: 1, Sort: []store.Order{{Field: "nothing"}}})
		return err
	})
	n := 0
	e.must(func(tx store.Tx) (err error) {
		n, err = tx.DeleteAuditRecords(store.AuditQuery{Before: at(4), User: bob})
		return err
	})
	equal(t, "number of deleted records", n, 2)
	equal(t, "what is left", read(e, func(r store.Reader) (store.Page[*model.AuditRecord], error) {
		return r.AuditRecords(store.AuditQuery{Limit: -1, WithRefused: true})
	}).Items, records[:1])
}

func testSecretsProviders(t *testing.T, open Opener) {
	e := newEnv(t, open)
	p := &model.SecretsProvider{Resource: resource(tenantA, 1), Name: "vault", Type: "vault", Parameters: "sealed", UpdatedAt: at(2)}
	e.must(func(tx store.Tx) error { return tx.InsertSecretsProvider(p) })
	e.fails(fault.Conflict, func(tx store.Tx) error { return tx.InsertSecretsProvider(p) })
	get := func(r store.Reader) (*model.SecretsProvider, error) { return r.SecretsProvider(tenantA, "vault") }
	equal(t, "provider", read(e, get), p)
	e.viewFails(fault.NotFound, func(r store.Reader) error { _, err := r.SecretsProvider(tenantB, "vault"); return err })
	p.Visibility, p.Parameters = model.VisibilityGlobal, "sealed again"
	e.must(func(tx store.Tx) error { return tx.UpdateSecretsProvider(p) })
	equal(t, "global provider", read(e, func(r store.Reader) (*model.SecretsProvider, error) { return r.SecretsProvider(tenantB, "vault") }), p)
	equal(t, "providers", read(e, func(r store.Reader) (store.Page[*model.SecretsProvider], error) {
		return r.SecretsProviders(where("name", "vault"))
	}).Items, []*model.SecretsProvider{p})
	e.must(func(tx store.Tx) error { return tx.PutTenant(tenantA) })
	e.fails(fault.Conflict, func(tx store.Tx) error { return tx.DeleteTenant(tenantA) })
	e.must(func(tx store.Tx) error { return tx.DeleteSecretsProvider(tenantA, "vault") })
	e.fails(fault.NotFound, func(tx store.Tx) error { return tx.DeleteSecretsProvider(tenantA, "vault") })
}
