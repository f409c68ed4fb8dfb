package sqlite

import (
	"fmt"
	"strings"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
)

const groupColumns = "SELECT g.seq, g.name, g.ldap, g.role, g.tenant_roles FROM groups g "

// storedGroup is a group with its row number, by which its members are found.
type storedGroup struct {
	seq int64
	*model.Group
}

func scanGroup(r *row) *storedGroup {
	g := &storedGroup{r.number(), &model.Group{Name: model.GroupName(r.text()), LDAP: r.text(), Role: r.text()}}
	r.document(&g.TenantRoles)
	return g
}

func foldGroup(name model.GroupName) string { return strings.ToLower(string(name)) }

func (r *reader) members(g *storedGroup) (*model.Group, error) {
	users, err := all(r, "SELECT u.user FROM group_users u WHERE u.grp = ? ORDER BY u.user_folded",
		func(r *row) model.UserName { return model.UserName(r.text()) }, g.seq)
	if len(users) > 0 {
		g.Users = users
	}
	return g.Group, err
}

func (r *reader) Group(name model.GroupName) (*model.Group, error) {
	g, err := get(r, "Group", string(name), groupColumns+"WHERE g.folded = ?", scanGroup, foldGroup(name))
	if err != nil {
		return nil, err
	}
	return r.members(g)
}

func (r *reader) Groups() ([]*model.Group, error) {
	stored, err := all(r, groupColumns+"ORDER BY g.seq", scanGroup)
	if err != nil {
		return nil, err
	}
	return r.withMembers(stored)
}

func (r *reader) withMembers(stored []*storedGroup) ([]*model.Group, error) {
	groups := make([]*model.Group, 0, len(stored))
	for _, s := range stored {
		g, err := r.members(s)
		if err != nil {
			return nil, err
		}
		groups = append(groups, g)
	}
	return groups, nil
}

// groupsOf returns the groups of a user, oldest first; nil when there are none.
func (r *reader) groupsOf(name model.UserName) ([]*model.Group, error) {
	stored, err := all(r, groupColumns+"WHERE g.seq IN (SELECT u.grp FROM group_users u WHERE u.user_folded = ?) ORDER BY g.seq",
		scanGroup, fold(name))
	if err != nil || len(stored) == 0 {
		return nil, err
	}
	return r.withMembers(stored)
}

func (t *tx) PutGroup(g *model.Group) error {
	var v values
	v.text(foldGroup(g.Name), string(g.Name), g.LDAP, g.Role)
	v.document(g.TenantRoles != nil, g.TenantRoles)
	_, err := t.write("INSERT INTO groups (folded, name, ldap, role, tenant_roles) VALUES ("+placeholders(5)+") "+
		"ON CONFLICT (folded) DO UPDATE SET name = excluded.name, ldap = excluded.ldap, role = excluded.role, "+
		"tenant_roles = excluded.tenant_roles", &v)
	if err != nil {
		return fmt.Errorf("put group %s: %w", g.Name, err)
	}
	const ofGroup = "(SELECT seq FROM groups WHERE folded = ?)"
	if _, err := t.c.exec(t.ctx, "DELETE FROM group_users WHERE grp = "+ofGroup, foldGroup(g.Name)); err != nil {
		return fmt.Errorf("put members of group %s: %w", g.Name, err)
	}
	for _, u := range g.Users {
		_, err := t.c.exec(t.ctx, "INSERT INTO group_users (user_folded, user, grp) VALUES (?, ?, "+ofGroup+")",
			fold(u), string(u), foldGroup(g.Name))
		if err != nil {
			return fmt.Errorf("put user %s into group %s: %w", u, g.Name, err)
		}
	}
	return nil
}

func (t *tx) DeleteGroup(name model.GroupName) error {
	n, err := t.c.exec(t.ctx, "DELETE FROM groups WHERE folded = ?", foldGroup(name))
	return mustChange(n, err, "Group", string(name))
}

func (t *tx) DeleteUser(name model.UserName) error {
	for _, table := range []string{"tokens", "group_users"} {
		if _, err := t.c.exec(t.ctx, "DELETE FROM "+table+" WHERE user_folded = ?", fold(name)); err != nil {
			return fmt.Errorf("delete user %s: %w", name, err)
		}
	}
	n, err := t.c.exec(t.ctx, "DELETE FROM users WHERE folded = ?", fold(name))
	return mustChange(n, err, "User", string(name))
}

// tenantTables are the tables whose rows keep a tenant from being deleted.
var tenantTables = []string{"blueprints", "deployments", "executions", "plugins", "secrets", "sites", "blueprints_filters", "deployments_filters",
	"secrets_providers", "deployment_groups", "execution_groups", "snapshots"}

func (r *reader) TenantInUse(name model.TenantName) (bool, error) {
	for _, table := range tenantTables {
		used, err := r.c.one(r.ctx, "SELECT 1 FROM "+table+" WHERE tenant = ? LIMIT 1", func(*row) {}, string(name))
		if err != nil || used {
			return used, err
		}
	}
	return false, nil
}

func (t *tx) DeleteTenant(name model.TenantName) error {
	used, err := t.TenantInUse(name)
	if err != nil {
		return err
	}
	if used {
		return fault.New(fault.Conflict, "tenant `%s` still holds resources", name)
	}
	n, err := t.c.exec(t.ctx, "DELETE FROM tenants WHERE name = ?", string(name))
	return mustChange(n, err, "Tenant", string(name))
}
