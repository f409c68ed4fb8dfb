package sqlite

import (
	"database/sql/driver"
	"fmt"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
)

// write runs an INSERT or UPDATE whose arguments were collected in v.
func (t *tx) write(query string, v *values) (int, error) {
	if v.err != nil {
		return 0, v.err
	}
	return t.c.exec(t.ctx, query, v.list...)
}

// mustChange turns "no row was changed" into fault.NotFound.
func mustChange(n int, err error, name, id string) error {
	if err != nil {
		return fmt.Errorf("write %s %s: %w", name, id, err)
	}
	if n == 0 {
		return fault.Missing(name, id)
	}
	return nil
}

// inserted explains the failure of an INSERT: an id in use, or a parent that does not exist.
func inserted(err error, name, id string, tenant model.TenantName, parent, parentID string) error {
	if err == nil {
		return nil
	}
	switch unique, foreign := constraint(err); {
	case unique:
		return inUse(name, id, tenant)
	case foreign:
		return fault.Missing(parent, parentID)
	}
	return fmt.Errorf("insert %s %s: %w", name, id, err)
}

func inUse(name, id string, tenant model.TenantName) error {
	return fault.New(fault.Conflict, "<%s id=`%s` tenant=`%s`> already exists on <Tenant name=`%s`> or with global visibility",
		name, id, tenant, tenant)
}

// free checks that no other tenant has the id in a way that collides with r: a global one always does, any one does when
// r itself is global. A collision inside the tenant is found by the table itself.
func (t *tx) free(table, name, id string, r model.Resource) error {
	taken, err := t.c.one(t.ctx, "SELECT 1 FROM "+table+" WHERE id = ? AND tenant <> ? AND (visibility = 'global' OR ?)",
		func(*row) {}, id, string(r.Tenant), flag(r.Visibility == model.VisibilityGlobal))
	if err != nil {
		return fmt.Errorf("look for %s %s: %w", name, id, err)
	}
	if taken {
		return inUse(name, id, r.Tenant)
	}
	return nil
}

// get reads one entity; fault.NotFound when there is none.
func get[T any](r *reader, name, id, query string, scan func(*row) *T, args ...driver.Value) (*T, error) {
	var found *T
	ok, err := r.c.one(r.ctx, query, func(row *row) { found = scan(row) }, args...)
	if err != nil {
		return nil, fmt.Errorf("read %s %s: %w", name, id, err)
	}
	if !ok {
		return nil, fault.Missing(name, id)
	}
	return found, nil
}

// visibleIn is the condition that selects the row with an id that a tenant sees; its own comes first.
const visibleIn = " WHERE t.id = ? AND (t.tenant = ? OR t.visibility = 'global') ORDER BY t.tenant <> ? LIMIT 1"
