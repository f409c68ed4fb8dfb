package sqlite

import (
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/store"
)

// selection is a list request while it is compiled to SQL.
//
// A list of one tenant is the union of two walks: over the tenant's own rows and over the global rows of others, each
// through an index in the default order, so that SQLite merges them without sorting. When a condition has an index of
// its own, one walk over that index suffices and the scope is checked row by row; the unary plus keeps SQLite from
// taking the index of the scope instead.
type selection struct {
	noun   *noun
	scope  store.Scope
	lookup bool
	conditions
	order []term
}

// conditions are ANDed SQL conditions with their arguments.
type conditions struct {
	where []string
	args  []driver.Value
}

func (c *conditions) add(condition string, args ...driver.Value) {
	c.where = append(c.where, condition)
	c.args = append(c.args, args...)
}

// term is one expression of the order, with its argument when it has one.
type term struct {
	expr     string
	arg      driver.Value
	desc     bool
	nullable bool
}

// compile turns a query into a selection.
func (r *reader) compile(n *noun, q store.Query) (*selection, error) {
	s := &selection{noun: n, scope: q.Scope}
	for _, c := range q.Where {
		if err := r.condition(s, c); err != nil {
			return nil, err
		}
	}
	for _, rule := range q.Rules {
		if err := s.rule(rule); err != nil {
			return nil, err
		}
	}
	if err := s.search(q.Search); err != nil {
		return nil, err
	}
	for _, o := range q.Sort {
		t, err := n.term(o)
		if err != nil {
			return nil, err
		}
		s.order = append(s.order, t)
	}
	s.order = withDefault(s.order, n.order)
	return s, nil
}

// withDefault completes an order with the default one. The row number goes the way of what stands before it, so that an
// index can be walked backwards.
func withDefault(order []term, defaults []string) []term {
	for i, expr := range defaults {
		if slices.ContainsFunc(order, func(t term) bool { return t.expr == expr }) {
			continue
		}
		last := i == len(defaults)-1
		order = append(order, term{expr: expr, desc: last && len(order) > 0 && order[len(order)-1].desc})
	}
	return order
}

// condition adds "the field has one of the values".
func (r *reader) condition(s *selection, c store.Condition) error {
	f, err := s.noun.field(c.Field)
	if err != nil {
		return err
	}
	list := make([]driver.Value, 0, len(c.Values))
	for _, text := range c.Values {
		v, err := f.parse(c.Field, text)
		if err != nil {
			return err
		}
		if f.keys == "" {
			list = append(list, v)
			continue
		}
		err = r.c.query(r.ctx, f.keys, func(r *row) error {
			list = append(list, r.number())
			return nil
		}, v)
		if err != nil {
			return fmt.Errorf("look up %s: %w", c.Field, err)
		}
	}
	s.lookup = s.lookup || f.lookup
	also := ""
	if f.also != "" {
		also = " AND " + f.also
	}
	switch {
	case len(list) == 0:
		s.add("FALSE")
	case f.in != "":
		s.add(fmt.Sprintf(f.in, placeholders(len(list))), list...)
	case len(list) == 1:
		s.add(f.expr+" = ?"+also, list...)
	default:
		s.add(f.expr+" IN ("+placeholders(len(list))+")"+also, list...)
	}
	return nil
}

// search adds "one of the fields contains its text".
func (s *selection) search(searches []store.Search) error {
	if len(searches) == 0 {
		return nil
	}
	var matches conditions
	for _, search := range searches {
		f, err := s.noun.field(search.Field)
		if err != nil {
			return err
		}
		expr := f.expr
		if f.sort != "" {
			expr = f.sort
		}
		pattern := substring(search.Text)
		matches.add(likeCondition(expr, pattern), pattern)
	}
	s.add("("+strings.Join(matches.where, " OR ")+")", matches.args...)
	return nil
}

// term returns the order that a Sort entry asks for. Deployments and blueprints also sort by the values of a label.
func (n *noun) term(o store.Order) (term, error) {
	if key, ok := strings.CutPrefix(o.Field, "label:"); ok {
		if _, has := n.fields["labels"]; has {
			return term{desc: o.Desc, nullable: true, arg: key, expr: "(SELECT min(j.value ->> 'value') " +
				"FROM json_each(t.labels) j WHERE j.value ->> 'key' = ?)"}, nil
		}
	}
	f, err := n.field(o.Field)
	if err != nil {
		return term{}, err
	}
	if f.expr == "" {
		return term{}, fault.New(fault.BadParameters, "%s cannot be sorted by `%s`", n.name, o.Field)
	}
	if f.sort != "" {
		f.expr = f.sort
	}
	return term{expr: f.expr, desc: o.Desc, nullable: f.nullable}, nil
}

// arms returns the scope conditions whose union is the list: usually one or two.
func (s *selection) arms() []conditions {
	if s.noun.unscoped {
		return []conditions{{}}
	}
	alias := "t"
	if s.noun.joins != "" {
		alias = "x"
	}
	var private conditions
	switch {
	case s.scope.Admin:
	case s.scope.User == "":
		private.add(alias + ".visibility <> 'private'")
	default:
		private.add("("+alias+".visibility <> 'private' OR "+alias+".created_by = ?)", string(s.scope.User))
	}
	if s.scope.Tenants == nil {
		return []conditions{private}
	}
	tenants := make([]driver.Value, len(s.scope.Tenants))
	for i, t := range s.scope.Tenants {
		tenants[i] = string(t)
	}
	in := " IN (" + placeholders(len(tenants)) + ")"
	if s.lookup || s.noun.joins != "" {
		private.add("(+"+alias+".tenant"+in+" OR +"+alias+".visibility = 'global')", tenants...)
		return []conditions{private}
	}
	own, global := private, conditions{}
	if len(tenants) == 1 {
		own.add("t.tenant = ?", tenants...)
	} else {
		own.add("t.tenant"+in, tenants...)
	}
	global.add("t.visibility = 'global'")
	global.add("+t.tenant NOT IN ("+placeholders(len(tenants))+")", tenants...)
	return []conditions{own, global}
}

// keys returns the SQL that yields the row numbers of the list in order, to be followed by LIMIT and OFFSET.
func (s *selection) keys() (string, []driver.Value) {
	var b strings.Builder
	var args []driver.Value
	for i, arm := range s.arms() {
		if i > 0 {
			b.WriteString(" UNION ALL ")
		}
		b.WriteString("SELECT t.seq AS k")
		for _, t := range s.order {
			b.WriteString(", " + t.expr)
			if t.arg != nil {
				args = append(args, t.arg)
			}
		}
		b.WriteString(s.from(arm))
		args = append(append(args, arm.args...), s.args...)
	}
	b.WriteString(" ORDER BY ")
	for i, t := range s.order {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%d", i+2)
		if t.desc {
			b.WriteString(" DESC")
		}
		switch {
		case t.nullable && t.desc:
			b.WriteString(" NULLS FIRST")
		case t.nullable:
			b.WriteString(" NULLS LAST")
		}
	}
	return b.String(), args
}

// from returns the FROM and WHERE of one arm.
func (s *selection) from(arm conditions) string {
	text := " FROM " + s.noun.table + " t" + s.noun.joins
	if where := append(arm.where[:len(arm.where):len(arm.where)], s.where...); len(where) > 0 {
		text += " WHERE " + strings.Join(where, " AND ")
	}
	return text
}

// count returns the SQL that counts the list. All that somebody may see of a noun is known without a walk.
func (s *selection) count() (string, []driver.Value) {
	var parts []string
	var args []driver.Value
	for _, arm := range s.arms() {
		if s.noun.counted && len(s.where) == 0 {
			where := append([]string{"t.noun = ?"}, arm.where...)
			parts = append(parts, "(SELECT coalesce(sum(t.rows), 0) FROM row_counts t WHERE "+strings.Join(where, " AND ")+")")
			args = append(append(args, s.noun.table), arm.args...)
			continue
		}
		parts = append(parts, "(SELECT count(*)"+s.from(arm)+")")
		args = append(append(args, arm.args...), s.args...)
	}
	return "SELECT " + strings.Join(parts, " + "), args
}

// view says which columns of a noun a list wants: columns of t and of what joins adds.
type view struct{ columns, joins string }

// page runs a selection: the keys first, in order and within offset and limit, then their rows.
func page[T any](r *reader, s *selection, v view, offset, limit int, scan func(*row) T) (store.Page[T], error) {
	p := store.Page[T]{Items: []T{}}
	if limit != 0 {
		keys, args := s.keys()
		if limit < 0 {
			limit = -1
		}
		// The join order is fixed (CROSS), so that the rows keep the order of the keys and are not sorted whole.
		query := "SELECT " + v.columns + " FROM (" + keys + " LIMIT ? OFFSET ?) p CROSS JOIN " + s.noun.table +
			" t ON t.seq = p.k" + v.joins
		err := r.c.query(r.ctx, query, func(row *row) error {
			p.Items = append(p.Items, scan(row))
			return nil
		}, append(args, int64(limit), int64(offset))...)
		if err != nil {
			return store.Page[T]{}, fmt.Errorf("list %s: %w", s.noun.name, err)
		}
		if n := len(p.Items); (limit < 0 || n < limit) && (n > 0 || offset <= 0) {
			p.Total = offset + n
			return p, nil
		}
	}
	query, args := s.count()
	if _, err := r.c.one(r.ctx, query, func(row *row) { p.Total = row.integer() }, args...); err != nil {
		return store.Page[T]{}, fmt.Errorf("count %s: %w", s.noun.name, err)
	}
	return p, nil
}

// list compiles and runs a query.
func list[T any](r *reader, n *noun, q store.Query, v view, scan func(*row) T) (store.Page[T], error) {
	s, err := r.compile(n, q)
	if err != nil {
		return store.Page[T]{}, err
	}
	return page(r, s, v, max(q.Offset, 0), q.Limit, scan)
}

// all collects the rows of a fixed statement.
func all[T any](r *reader, query string, scan func(*row) T, args ...driver.Value) ([]T, error) {
	list := []T{}
	err := r.c.query(r.ctx, query, func(row *row) error {
		list = append(list, scan(row))
		return nil
	}, args...)
	return list, err
}
