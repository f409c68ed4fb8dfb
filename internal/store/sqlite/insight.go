package sqlite

import (
	"database/sql/driver"
	"fmt"
	"strings"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

var kinds = map[store.Kind]*noun{
	store.Blueprints: blueprints, store.Deployments: deployments, store.Nodes: nodes, store.NodeInstances: instances,
	store.Executions: executions, store.Secrets: secrets, store.Schedules: schedules,
}

func nounOf(k store.Kind) (*noun, error) {
	n, ok := kinds[k]
	if !ok {
		return nil, fault.New(fault.BadParameters, "%s cannot be counted", k)
	}
	return n, nil
}

// rule adds a condition of a filter (rest-model, section 7).
func (s *selection) rule(r model.FilterRule) error {
	list := make([]driver.Value, len(r.Values))
	for i, v := range r.Values {
		list[i] = v
	}
	if r.Type == model.RuleLabel {
		return s.labelRule(r, list)
	}
	f, err := s.noun.field(r.Key)
	if err != nil {
		return err
	}
	expr := f.expr
	in := expr + " IN (" + placeholders(len(list)) + ")"
	switch r.Operator {
	case "any_of":
		s.add(in, list...)
	case "not_any_of":
		s.add("("+expr+" IS NULL OR NOT "+in+")", list...)
	case "is_not_empty":
		s.add(expr + " <> ''")
	case "contains", "not_contains", "starts_with", "ends_with":
		s.pattern(r.Operator, expr, r.Values)
	default:
		return fault.New(fault.InvalidFilterRule, "unknown operator %s", r.Operator)
	}
	return nil
}

// pattern adds "the text begins with, ends with or contains one of the values", or contains none of them.
func (s *selection) pattern(operator, expr string, texts []string) {
	var any conditions
	for _, text := range texts {
		like := strings.Trim(substring(text), "%")
		switch operator {
		case "starts_with":
			any.add(likeCondition(expr, like+"%"), like+"%")
		case "ends_with":
			any.add(likeCondition(expr, "%"+like), "%"+like)
		default:
			any.add("instr("+expr+", ?) > 0", text)
		}
	}
	condition := "(" + strings.Join(any.where, " OR ") + ")"
	if operator == "not_contains" {
		condition = "(" + expr + " IS NULL OR NOT " + condition + ")"
	}
	s.add(condition, any.args...)
}

func (s *selection) labelRule(r model.FilterRule, list []driver.Value) error {
	if _, has := s.noun.fields["labels"]; !has {
		return fault.New(fault.InvalidFilterRule, "%s have no labels", s.noun.name)
	}
	// Rows with the label are few or many: either way one walk over the labels beats a look into each row.
	with := "t.seq IN (SELECT l.owner FROM " + s.noun.table + "_labels l WHERE l.key = ?"
	in := " (" + placeholders(len(list)) + "))"
	args := append([]driver.Value{r.Key}, list...)
	switch r.Operator {
	case "any_of":
		s.add(with+" AND l.value IN"+in, args...)
	case "not_any_of":
		s.add(with+" AND l.value NOT IN"+in, args...)
	case "is_not":
		s.add("NOT "+with+" AND l.value IN"+in, args...)
	case "is_null":
		s.add("NOT "+with+")", r.Key)
	case "is_not_null":
		s.add(with+")", r.Key)
	default:
		return fault.New(fault.InvalidFilterRule, "unknown operator %s", r.Operator)
	}
	return nil
}

func (r *reader) Count(k store.Kind, q store.Query, bare bool) (int, error) {
	n, err := nounOf(k)
	if err != nil {
		return 0, err
	}
	if bare {
		q.Rules = nil
	}
	s, err := r.compile(n, q)
	if err != nil {
		return 0, err
	}
	total := 0
	query, args := s.count()
	if _, err := r.c.one(r.ctx, query, func(row *row) { total = row.integer() }, args...); err != nil {
		return 0, fmt.Errorf("count %s: %w", n.name, err)
	}
	return total, nil
}

func (r *reader) Summarize(k store.Kind, q store.Query, fields []string) ([]store.Count, error) {
	n, err := nounOf(k)
	if err != nil {
		return nil, err
	}
	s, err := r.compile(n, q)
	if err != nil {
		return nil, err
	}
	var columns, names []string
	for i, name := range fields {
		f, err := n.field(name)
		if err != nil {
			return nil, err
		}
		if f.sort != "" {
			f.expr = f.sort
		}
		columns = append(columns, fmt.Sprintf("%s AS c%d", f.expr, i))
		names = append(names, fmt.Sprintf("c%d", i))
	}
	var arms []string
	var args []driver.Value
	for _, arm := range s.arms() {
		arms = append(arms, "SELECT "+strings.Join(columns, ", ")+s.from(arm))
		args = append(append(args, arm.args...), s.args...)
	}
	by := strings.Join(names, ", ")
	query := "SELECT " + by + ", count(*) FROM (" + strings.Join(arms, " UNION ALL ") + ") GROUP BY " + by + " ORDER BY " + by
	return all(r, query, func(row *row) store.Count {
		var c store.Count
		for range fields {
			c.Values = append(c.Values, row.value())
		}
		c.Number = row.integer()
		return c
	}, args...)
}

func (r *reader) LabelKeys(k store.Kind, scope store.Scope, key string) ([]string, error) {
	n, err := nounOf(k)
	if err != nil {
		return nil, err
	}
	if _, has := n.fields["labels"]; !has {
		return nil, fault.New(fault.BadParameters, "%s have no labels", n.name)
	}
	s := &selection{noun: n, scope: scope}
	part, condition := "key", ""
	if key != "" {
		part, condition = "value", " AND l.key = ?"
	}
	var arms []string
	var args []driver.Value
	for _, arm := range s.arms() {
		where := append(arm.where[:len(arm.where):len(arm.where)], "TRUE")
		arms = append(arms, "SELECT l."+part+" AS v FROM "+n.table+" t JOIN "+n.table+"_labels l ON l.owner = t.seq WHERE "+
			strings.Join(where, " AND ")+condition)
		args = append(args, arm.args...)
		if key != "" {
			args = append(args, key)
		}
	}
	return all(r, "SELECT DISTINCT v FROM ("+strings.Join(arms, " UNION ALL ")+") ORDER BY v",
		func(row *row) string { return row.text() }, args...)
}
