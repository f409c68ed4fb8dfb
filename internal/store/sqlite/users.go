package sqlite

import (
	"fmt"
	"strings"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

var users = &noun{
	name:     "users",
	table:    "users",
	unscoped: true,
	order:    []string{"t.seq"},
	fields: map[string]field{
		"username":              {expr: "t.folded", lookup: true, sort: "t.name"},
		"role":                  {expr: "t.role"},
		"active":                {expr: "t.active", kind: asFlag},
		"is_bootstrap":          {expr: "t.is_bootstrap", kind: asFlag},
		"created_at":            {expr: "t.created_at", kind: asInstant, nullable: true},
		"first_login_at":        {expr: "t.first_login_at", kind: asInstant, nullable: true},
		"last_login_at":         {expr: "t.last_login_at", kind: asInstant, nullable: true},
		"last_failed_login_at":  {expr: "t.last_failed_at", kind: asInstant, nullable: true},
		"failed_logins_counter": {expr: "t.failed_logins", kind: asInteger},
		"show_getting_started":  {expr: "t.show_getting_started", kind: asFlag},
	},
}

const userColumns = "t.name, t.password_hash, t.role, t.active, t.created_at, t.first_login_at, t.last_login_at, " +
	"t.failed_logins, t.last_failed_at, t.tenant_roles, t.is_bootstrap, t.show_getting_started"

func scanUser(r *row) *model.User {
	u := &model.User{
		Name: model.UserName(r.text()), PasswordHash: r.text(), Role: r.text(), Active: r.flag(),
		CreatedAt: r.instant(), FirstLoginAt: r.instant(), LastLoginAt: r.instant(), FailedLogins: r.integer(),
		LastFailedAt: r.instant(),
	}
	r.document(&u.TenantRoles)
	u.IsBootstrap, u.ShowGettingStarted = r.flag(), r.flag()
	return u
}

// fold is the form in which user names are compared.
func fold(name model.UserName) string { return strings.ToLower(string(name)) }

func (r *reader) Tenants() ([]model.TenantName, error) {
	return all(r, "SELECT name FROM tenants ORDER BY seq", func(r *row) model.TenantName {
		return model.TenantName(r.text())
	})
}

func (t *tx) PutTenant(name model.TenantName) error {
	if _, err := t.c.exec(t.ctx, "INSERT INTO tenants (name) VALUES (?) ON CONFLICT DO NOTHING", string(name)); err != nil {
		return fmt.Errorf("put tenant %s: %w", name, err)
	}
	return nil
}

func (r *reader) User(name model.UserName) (*model.User, error) {
	u, err := get(r, "User", string(name), "SELECT "+userColumns+" FROM users t WHERE t.folded = ?", scanUser, fold(name))
	if err != nil {
		return nil, err
	}
	u.Groups, err = r.groupsOf(name)
	return u, err
}

func (r *reader) Users(q store.Query) (store.Page[*model.User], error) {
	for i, c := range q.Where {
		if c.Field != "username" {
			continue
		}
		folded := store.Condition{Field: c.Field}
		for _, v := range c.Values {
			folded.Values = append(folded.Values, strings.ToLower(v))
		}
		q.Where = append(append(q.Where[:i:i], folded), q.Where[i+1:]...)
	}
	p, err := list(r, users, q, view{columns: userColumns}, scanUser)
	if err != nil {
		return p, err
	}
	for _, u := range p.Items {
		if u.Groups, err = r.groupsOf(u.Name); err != nil {
			return p, err
		}
	}
	return p, nil
}

func (t *tx) PutUser(u *model.User) error {
	var v values
	v.text(fold(u.Name), string(u.Name), u.PasswordHash, u.Role)
	v.flag(u.Active)
	v.instant(u.CreatedAt, u.FirstLoginAt, u.LastLoginAt)
	v.integer(u.FailedLogins)
	v.instant(u.LastFailedAt)
	v.document(u.TenantRoles != nil, u.TenantRoles)
	v.flag(u.IsBootstrap, u.ShowGettingStarted)
	_, err := t.write("INSERT INTO users (folded, name, password_hash, role, active, created_at, first_login_at, "+
		"last_login_at, failed_logins, last_failed_at, tenant_roles, is_bootstrap, show_getting_started) VALUES ("+
		placeholders(13)+") ON CONFLICT (folded) DO UPDATE SET name = excluded.name, "+
		"password_hash = excluded.password_hash, role = excluded.role, active = excluded.active, "+
		"created_at = excluded.created_at, first_login_at = excluded.first_login_at, "+
		"last_login_at = excluded.last_login_at, failed_logins = excluded.failed_logins, "+
		"last_failed_at = excluded.last_failed_at, tenant_roles = excluded.tenant_roles, "+
		"is_bootstrap = excluded.is_bootstrap, show_getting_started = excluded.show_getting_started", &v)
	if err != nil {
		return fmt.Errorf("put user %s: %w", u.Name, err)
	}
	return nil
}

const tokenColumns = "t.id, t.user, t.secret_hash, t.description, t.created_at, t.last_used_at, t.expires_at"

func scanToken(r *row) *model.Token {
	return &model.Token{
		ID: model.TokenID(r.text()), User: model.UserName(r.text()), SecretHash: r.text(), Description: r.text(),
		CreatedAt: r.instant(), LastUsedAt: r.instant(), ExpiresAt: r.instant(),
	}
}

func (r *reader) Token(id model.TokenID) (*model.Token, error) {
	return get(r, "Token", string(id), "SELECT "+tokenColumns+" FROM tokens t WHERE t.id = ?", scanToken, string(id))
}

func (r *reader) Tokens(user model.UserName) ([]*model.Token, error) {
	const columns, order = "SELECT " + tokenColumns + " FROM tokens t", " ORDER BY t.created_at, t.seq"
	if user == "" {
		return all(r, columns+order, scanToken)
	}
	return all(r, columns+" WHERE t.user_folded = ?"+order, scanToken, fold(user))
}

func (t *tx) PutToken(k *model.Token) error {
	var v values
	v.text(string(k.ID), fold(k.User), string(k.User), k.SecretHash, k.Description)
	v.instant(k.CreatedAt, k.LastUsedAt, k.ExpiresAt)
	_, err := t.write("INSERT INTO tokens (id, user_folded, user, secret_hash, description, created_at, last_used_at, "+
		"expires_at) VALUES ("+placeholders(8)+") ON CONFLICT (id) DO UPDATE SET user_folded = excluded.user_folded, "+
		"user = excluded.user, secret_hash = excluded.secret_hash, description = excluded.description, "+
		"created_at = excluded.created_at, last_used_at = excluded.last_used_at, expires_at = excluded.expires_at", &v)
	if err != nil {
		return fmt.Errorf("put token %s: %w", k.ID, err)
	}
	return nil
}

func (t *tx) DeleteToken(id model.TokenID) error {
	n, err := t.c.exec(t.ctx, "DELETE FROM tokens WHERE id = ?", string(id))
	return mustChange(n, err, "Token", string(id))
}

func (r *reader) Value(name string) (string, error) {
	var value string
	_, err := r.c.one(r.ctx, "SELECT value FROM installation_values WHERE name = ?", func(r *row) { value = r.text() }, name)
	if err != nil {
		return "", fmt.Errorf("read value %s: %w", name, err)
	}
	return value, nil
}

func (t *tx) SetValue(name, value string) error {
	_, err := t.c.exec(t.ctx, "INSERT INTO installation_values (name, value) VALUES (?, ?) "+
		"ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, value)
	if err != nil {
		return fmt.Errorf("set value %s: %w", name, err)
	}
	return nil
}

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
