package memstore

import (
	"slices"
	"time"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

var users = &noun[model.User]{
	name:     "users",
	resource: func(*state, *model.User) *model.Resource { return nil },
	fields: map[string]field[model.User]{
		"username":              text(func(u *model.User) string { return fold(string(u.Name)) }),
		"role":                  text(func(u *model.User) string { return u.Role }),
		"active":                flag(func(u *model.User) bool { return u.Active }),
		"is_bootstrap":          flag(func(u *model.User) bool { return u.IsBootstrap }),
		"created_at":            instant(func(u *model.User) time.Time { return u.CreatedAt }),
		"first_login_at":        instant(func(u *model.User) time.Time { return u.FirstLoginAt }),
		"last_login_at":         instant(func(u *model.User) time.Time { return u.LastLoginAt }),
		"last_failed_login_at":  instant(func(u *model.User) time.Time { return u.LastFailedAt }),
		"failed_logins_counter": number(func(u *model.User) int { return u.FailedLogins }),
		"show_getting_started":  flag(func(u *model.User) bool { return u.ShowGettingStarted }),
	},
}

func (r reader) Tenants() ([]model.TenantName, error) { return slices.Clone(r.s.tenants), nil }

func (t *tx) PutTenant(name model.TenantName) error {
	if !slices.Contains(t.s.tenants, name) {
		t.s.tenants = append(slices.Clip(t.s.tenants), name)
	}
	return nil
}

func (r reader) User(name model.UserName) (*model.User, error) {
	return one(&r.s.users, fold(string(name)), fault.Missing("User", string(name)))
}

func (r reader) Users(q store.Query) (store.Page[*model.User], error) {
	q.Where = slices.Clone(q.Where)
	for i, c := range q.Where {
		if c.Field != "username" {
			continue
		}
		q.Where[i].Values = nil
		for _, v := range c.Values {
			q.Where[i].Values = append(q.Where[i].Values, fold(v))
		}
	}
	return list(r.s, users, &r.s.users, q)
}

// put inserts or replaces a row.
func put[T any](s *state, t *table[T], k string, v *T) error {
	if _, ok := t.get(k); ok {
		return replace(t, k, v, nil)
	}
	return insert(s, t, k, v, nil)
}

func (t *tx) PutUser(u *model.User) error {
	return put(t.s, &t.s.users, fold(string(u.Name)), u)
}

func (r reader) Token(id model.TokenID) (*model.Token, error) {
	return one(&r.s.tokens, string(id), fault.Missing("Token", string(id)))
}

func (r reader) Tokens(user model.UserName) ([]*model.Token, error) {
	rows := r.s.tokens.where(func(k *model.Token) bool {
		return user == "" || fold(string(k.User)) == fold(string(user))
	})
	slices.SortStableFunc(rows, func(a, b row[model.Token]) int { return a.v.CreatedAt.Compare(b.v.CreatedAt) })
	return give(rows)
}

func (t *tx) PutToken(k *model.Token) error { return put(t.s, &t.s.tokens, string(k.ID), k) }

func (t *tx) DeleteToken(id model.TokenID) error {
	return remove(&t.s.tokens, string(id), fault.Missing("Token", string(id)))
}

// remove deletes a row that must exist.
func remove[T any](t *table[T], k string, missing error) error {
	if _, ok := t.get(k); !ok {
		return missing
	}
	t.remove(k)
	return nil
}

func (r reader) Value(name string) (string, error) {
	if v, ok := r.s.values.get(name); ok {
		return *v.v, nil
	}
	return "", nil
}

func (t *tx) SetValue(name, value string) error { return put(t.s, &t.s.values, name, &value) }
