package memstore

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

func decode(data []byte, v any) error { return model.DecodeJSON(data, v) }

// field reads a field of an entity: a string, an int, a bool, a time.Time, or nil when it is unknown. The zero value of
// kind says how the text of a condition is read.
type field[T any] struct {
	kind any
	get  func(*state, *T) any
	// is, when set, answers conditions on a field that may have many values.
	is func(s *state, v *T, want any) bool
}

// noun says how the lists of one kind of entity are built.
type noun[T any] struct {
	name   string
	fields map[string]field[T]
	// resource returns what the scope is checked on, nil for nouns that belong to no tenant.
	resource func(*state, *T) *model.Resource
	labels   func(*T) []model.Label
	// byCreation puts the default order to creation, then insertion.
	byCreation bool
}

func text[T any](get func(*T) string) field[T] {
	return field[T]{kind: "", get: func(_ *state, v *T) any { return get(v) }}
}

func number[T any](get func(*T) int) field[T] {
	return field[T]{kind: 0, get: func(_ *state, v *T) any { return get(v) }}
}

func flag[T any](get func(*T) bool) field[T] {
	return field[T]{kind: false, get: func(_ *state, v *T) any { return get(v) }}
}

func instant[T any](get func(*T) time.Time) field[T] {
	return field[T]{kind: time.Time{}, get: func(_ *state, v *T) any {
		if t := get(v); !t.IsZero() {
			return t
		}
		return nil
	}}
}

// found reads a field through another entity, which may be missing.
func found[T any](kind any, get func(*state, *T) any) field[T] { return field[T]{kind: kind, get: get} }

func (n *noun[T]) field(name string) (field[T], error) {
	if f, ok := n.fields[name]; ok {
		return f, nil
	}
	return field[T]{}, fault.New(fault.BadParameters, "unknown field `%s` of %s; known fields are %s", name, n.name,
		strings.Join(slices.Sorted(maps.Keys(n.fields)), ", "))
}

// layouts are the forms in which clients give an instant.
var layouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999",
	"2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02"}

func (f field[T]) parse(name, s string) (any, error) {
	switch f.kind.(type) {
	case int:
		if n, err := strconv.Atoi(s); err == nil {
			return n, nil
		}
	case bool:
		switch strings.ToLower(s) {
		case "true", "1":
			return true, nil
		case "false", "0":
			return false, nil
		}
	case time.Time:
		for _, layout := range layouts {
			if t, err := time.Parse(layout, s); err == nil {
				return t, nil
			}
		}
	default:
		return s, nil
	}
	return nil, fault.New(fault.BadParameters, "field `%s` cannot be compared with %q", name, s)
}

// compare orders two values of a field; unknown ones come last.
func compare(a, b any) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	switch a := a.(type) {
	case string:
		return cmp.Compare(a, b.(string))
	case int:
		return cmp.Compare(a, b.(int))
	case time.Time:
		return a.Compare(b.(time.Time))
	case bool:
		if a == b.(bool) {
			return 0
		}
		if a {
			return 1
		}
		return -1
	}
	return 0
}

// seen reports whether a scope shows a resource.
func seen(s store.Scope, r *model.Resource) bool {
	if r == nil {
		return true
	}
	if r.Visibility == model.VisibilityPrivate && !s.Admin && (s.User == "" || fold(string(r.CreatedBy)) != fold(string(s.User))) {
		return false
	}
	return s.Tenants == nil || r.Visibility == model.VisibilityGlobal || slices.Contains(s.Tenants, r.Tenant)
}

// test is one thing that must hold of an entity.
type test[T any] func(*T) bool

// conditions turns a query into tests.
func (n *noun[T]) conditions(s *state, q store.Query) ([]test[T], error) {
	var tests []test[T]
	for _, c := range q.Where {
		f, err := n.field(c.Field)
		if err != nil {
			return nil, err
		}
		var values []any
		for _, text := range c.Values {
			v, err := f.parse(c.Field, text)
			if err != nil {
				return nil, err
			}
			values = append(values, v)
		}
		tests = append(tests, func(v *T) bool {
			if f.is != nil {
				return slices.ContainsFunc(values, func(w any) bool { return f.is(s, v, w) })
			}
			got := f.get(s, v)
			return got != nil && slices.ContainsFunc(values, func(w any) bool { return compare(got, w) == 0 })
		})
	}
	if len(q.Search) == 0 {
		return tests, nil
	}
	var any []test[T]
	for _, search := range q.Search {
		f, err := n.field(search.Field)
		if err != nil {
			return nil, err
		}
		lower := strings.ToLower(search.Text)
		any = append(any, func(v *T) bool {
			got, ok := f.get(s, v).(string)
			return ok && strings.Contains(strings.ToLower(got), lower)
		})
	}
	return append(tests, func(v *T) bool {
		return slices.ContainsFunc(any, func(t test[T]) bool { return t(v) })
	}), nil
}

// term is one field of an order.
type term[T any] struct {
	get  func(row[T]) any
	desc bool
}

// order returns the terms of a query, completed with the default order.
func (n *noun[T]) order(s *state, sort []store.Order) ([]term[T], error) {
	var terms []term[T]
	hasCreation := !n.byCreation
	for _, o := range sort {
		if label, ok := strings.CutPrefix(o.Field, "label:"); ok && n.labels != nil {
			terms = append(terms, term[T]{func(r row[T]) any { return smallest(n.labels(r.v), label) }, o.Desc})
			continue
		}
		f, err := n.field(o.Field)
		if err != nil {
			return nil, err
		}
		hasCreation = hasCreation || o.Field == "created_at"
		terms = append(terms, term[T]{func(r row[T]) any { return f.get(s, r.v) }, o.Desc})
	}
	if !hasCreation {
		terms = append(terms, term[T]{func(r row[T]) any { return n.resource(s, r.v).CreatedAt }, false})
	}
	last := len(terms) > 0 && terms[len(terms)-1].desc
	return append(terms, term[T]{func(r row[T]) any { return int(r.seq) }, last}), nil
}

func smallest(labels []model.Label, key string) any {
	var least any
	for _, l := range labels {
		if l.Key == key && (least == nil || l.Value < least.(string)) {
			least = l.Value
		}
	}
	return least
}

func sortRows[T any](rows []row[T], terms []term[T]) {
	slices.SortFunc(rows, func(a, b row[T]) int {
		for _, t := range terms {
			c := compare(t.get(a), t.get(b))
			if t.desc {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return 0
	})
}

func list[T any](s *state, n *noun[T], t *table[T], q store.Query) (store.Page[*T], error) {
	tests, err := n.conditions(s, q)
	if err != nil {
		return store.Page[*T]{}, err
	}
	terms, err := n.order(s, q.Sort)
	if err != nil {
		return store.Page[*T]{}, err
	}
	rows := t.where(func(v *T) bool {
		return seen(q.Scope, n.resource(s, v)) && !slices.ContainsFunc(tests, func(t test[T]) bool { return !t(v) })
	})
	sortRows(rows, terms)
	return page(rows, q.Offset, q.Limit)
}

func page[T any](rows []row[T], offset, limit int) (store.Page[*T], error) {
	p := store.Page[*T]{Items: []*T{}, Total: len(rows)}
	rows = rows[min(max(offset, 0), len(rows)):]
	if limit >= 0 && limit < len(rows) {
		rows = rows[:limit]
	}
	items, err := give(rows)
	p.Items = append(p.Items, items...)
	return p, err
}
