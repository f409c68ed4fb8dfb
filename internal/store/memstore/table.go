package memstore

import (
	"maps"
	"slices"
	"strings"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
)

// row is a stored entity; what v points to never changes.
type row[T any] struct {
	seq int64
	v   *T
}

// buckets is the number of parts of a table that are copied separately when they are written.
const buckets = 64

type bucket[T any] struct {
	rows map[string]row[T]
	// owned says that the bucket belongs to the running update alone.
	owned bool
}

// table holds the rows of one noun by key.
type table[T any] struct{ parts [buckets]bucket[T] }

func place(key string) int {
	h := uint32(2166136261)
	for i := range len(key) {
		h = (h ^ uint32(key[i])) * 16777619
	}
	return int(h % buckets)
}

func (t *table[T]) get(key string) (row[T], bool) {
	r, ok := t.parts[place(key)].rows[key]
	return r, ok
}

func (t *table[T]) own(key string) map[string]row[T] {
	b := &t.parts[place(key)]
	if !b.owned {
		b.rows, b.owned = maps.Clone(b.rows), true
		if b.rows == nil {
			b.rows = map[string]row[T]{}
		}
	}
	return b.rows
}

func (t *table[T]) set(key string, r row[T]) { t.own(key)[key] = r }
func (t *table[T]) remove(key string)        { delete(t.own(key), key) }

// share gives the buckets back to everybody.
func (t *table[T]) share() {
	for i := range t.parts {
		t.parts[i].owned = false
	}
}

// where returns the rows that satisfy keep in the order of their insertion.
func (t *table[T]) where(keep func(*T) bool) []row[T] {
	var out []row[T]
	for i := range t.parts {
		for _, r := range t.parts[i].rows {
			if keep(r.v) {
				out = append(out, r)
			}
		}
	}
	slices.SortFunc(out, func(a, b row[T]) int { return int(a.seq - b.seq) })
	return out
}

// removeWhere removes the rows that satisfy gone.
func (t *table[T]) removeWhere(gone func(*T) bool) {
	for i := range t.parts {
		for key, r := range t.parts[i].rows {
			if gone(r.v) {
				t.remove(key)
			}
		}
	}
}

// state is everything that is stored.
type state struct {
	seq         int64
	tenants     []model.TenantName
	values      table[string]
	users       table[model.User]
	tokens      table[model.Token]
	blueprints  table[model.Blueprint]
	deployments table[model.Deployment]
	nodes       table[model.Node]
	instances   table[model.NodeInstance]
	executions  table[model.Execution]
	graphs      table[model.Graph]
	tasks       table[model.Task]

	modifications table[model.Modification]
	updates       table[model.DeploymentUpdate]

	plugins          table[model.Plugin]
	pluginsUpdates   table[model.PluginsUpdate]
	deploymentGroups table[model.DeploymentGroup]
	members          table[member]
	executionGroups  table[model.ExecutionGroup]
	schedules        table[model.Schedule]
	hooks            table[model.Hook]

	dependencies table[model.Dependency]
	// events are in the order of their storage ids, eventSeq is the last of these. Updates append to the array that older
	// states share, behind their ends.
	events   []*model.Event
	eventSeq int64
}

// begin returns the copy that an update works on. It shares all buckets until they are written.
func (s *state) begin() *state {
	n := *s
	n.values.share()
	n.users.share()
	n.tokens.share()
	n.blueprints.share()
	n.deployments.share()
	n.nodes.share()
	n.instances.share()
	n.executions.share()
	n.graphs.share()
	n.tasks.share()
	n.modifications.share()
	n.updates.share()
	n.plugins.share()
	n.pluginsUpdates.share()
	n.deploymentGroups.share()
	n.members.share()
	n.executionGroups.share()
	n.schedules.share()
	n.hooks.share()
	n.dependencies.share()
	return &n
}

func (s *state) next() int64 {
	s.seq++
	return s.seq
}

// key joins the parts of an id.
func key[A, B ~string](a A, b B) string { return string(a) + "\x00" + string(b) }

// insert adds an entity under a key that must be free.
func insert[T any](s *state, t *table[T], k string, v *T, taken error) error {
	if _, ok := t.get(k); ok {
		return taken
	}
	copied, err := clone(v)
	if err != nil {
		return err
	}
	t.set(k, row[T]{s.next(), copied})
	return nil
}

// replace changes an entity that must exist.
func replace[T any](t *table[T], k string, v *T, missing error) error {
	old, ok := t.get(k)
	if !ok {
		return missing
	}
	copied, err := clone(v)
	if err != nil {
		return err
	}
	t.set(k, row[T]{old.seq, copied})
	return nil
}

// give returns copies of rows.
func give[T any](rows []row[T]) ([]*T, error) {
	out := make([]*T, len(rows))
	for i, r := range rows {
		v, err := clone(r.v)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

// one returns a copy of the row with a key.
func one[T any](t *table[T], k string, missing error) (*T, error) {
	r, ok := t.get(k)
	if !ok {
		return nil, missing
	}
	return clone(r.v)
}

// visible finds the row with an id that a tenant sees: its own, or a global one.
func visible[T any, ID ~string](t *table[T], tenant model.TenantName, id ID, of func(*T) (ID, model.Visibility), missing error) (*T, error) {
	if r, ok := t.get(key(tenant, id)); ok {
		return clone(r.v)
	}
	global := t.where(func(v *T) bool {
		own, visibility := of(v)
		return own == id && visibility == model.VisibilityGlobal
	})
	if len(global) == 0 {
		return nil, missing
	}
	return clone(global[0].v)
}

// free checks that no other tenant has the id in a way that collides.
func free[T any, ID ~string](t *table[T], r model.Resource, id ID, of func(*T) (ID, model.Resource), taken error) error {
	others := t.where(func(v *T) bool {
		own, o := of(v)
		return own == id && o.Tenant != r.Tenant &&
			(o.Visibility == model.VisibilityGlobal || r.Visibility == model.VisibilityGlobal)
	})
	if len(others) > 0 {
		return taken
	}
	return nil
}

func inUse(name, id string, tenant model.TenantName) error {
	return fault.New(fault.Conflict, "<%s id=`%s` tenant=`%s`> already exists on <Tenant name=`%s`> or with global visibility",
		name, id, tenant, tenant)
}

func fold(name string) string { return strings.ToLower(name) }
