package memstore

import (
	"slices"
	"strings"
	"time"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// orNil is s, or nil when it is empty: an unknown value.
func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// unlessOfGroup is s for what happened to an execution, nil for what happened to an execution group.
func unlessOfGroup(e *model.Event, s string) any {
	if e.Group != "" {
		return nil
	}
	return orNil(s)
}

var events = &noun[model.Event]{
	name: "events",
	resource: func(_ *state, e *model.Event) *model.Resource {
		return &model.Resource{Tenant: e.Tenant, CreatedBy: e.CreatedBy, Visibility: e.Visibility}
	},
	fields: map[string]field[model.Event]{
		"execution_id":            found("", func(_ *state, e *model.Event) any { return unlessOfGroup(e, string(e.Execution)) }),
		"execution_group_id":      found("", func(_ *state, e *model.Event) any { return orNil(string(e.Group)) }),
		"deployment_id":           found("", func(_ *state, e *model.Event) any { return unlessOfGroup(e, string(e.Deployment)) }),
		"deployment_display_name": found("", func(_ *state, e *model.Event) any { return orNil(e.DeploymentDisplay) }),
		"blueprint_id":            text(func(e *model.Event) string { return string(e.Blueprint) }),
		"workflow_id":             text(func(e *model.Event) string { return e.Workflow }),
		"node_id":                 found("", func(_ *state, e *model.Event) any { return orNil(string(e.Node)) }),
		"node_name":               found("", func(_ *state, e *model.Event) any { return orNil(string(e.Node)) }),
		"node_instance_id":        found("", func(_ *state, e *model.Event) any { return orNil(string(e.Instance)) }),
		"event_type":              text(func(e *model.Event) string { return string(e.EventType) }),
		"level":                   text(func(e *model.Event) string { return e.Level }),
		"logger":                  text(func(e *model.Event) string { return e.Logger }),
		"operation":               text(func(e *model.Event) string { return e.Operation }),
		"source_id":               text(func(e *model.Event) string { return string(e.Source) }),
		"target_id":               text(func(e *model.Event) string { return string(e.Target) }),
		"message":                 text(func(e *model.Event) string { return e.Message }),
		"type":                    text(func(e *model.Event) string { return string(e.Kind) }),
		"manager_name":            text(func(e *model.Event) string { return e.ManagerName }),
		"agent_name":              text(func(e *model.Event) string { return e.AgentName }),
		"timestamp":               instant(func(e *model.Event) time.Time { return e.Timestamp }),
		"reported_timestamp":      instant(func(e *model.Event) time.Time { return e.Reported }),
		"tenant_name":             text(func(e *model.Event) string { return string(e.Tenant) }),
		"created_by":              text(func(e *model.Event) string { return string(e.CreatedBy) }),
		"visibility":              text(func(e *model.Event) string { return string(e.Visibility) }),
	},
}

// complete returns an event with what is read from its execution and instance.
func (r reader) complete(e *model.Event) *model.Event {
	full := *e
	if x, ok := r.s.executions.get(string(e.Execution)); ok {
		full.Deployment, full.Blueprint, full.Workflow = x.v.Deployment, x.v.Blueprint, x.v.Workflow
	}
	full.DeploymentDisplay, full.Node = "", ""
	if d, ok := r.s.deployments.get(key(e.Tenant, full.Deployment)); ok {
		full.DeploymentDisplay = d.v.DisplayName
	}
	if i, ok := r.s.instances.get(key(e.Tenant, e.Instance)); ok {
		full.Node = i.v.Node
	}
	return &full
}

func (r reader) Events(q store.EventQuery) (store.Page[*model.Event], error) {
	tests, err := events.conditions(r.s, store.Query{Where: q.Where})
	if err != nil {
		return store.Page[*model.Event]{}, err
	}
	more, err := eventTests(q)
	if err != nil {
		return store.Page[*model.Event]{}, err
	}
	tests = append(tests, more...)
	terms, err := r.eventOrder(q)
	if err != nil {
		return store.Page[*model.Event]{}, err
	}
	var rows []row[model.Event]
	for _, e := range r.s.events {
		full := r.complete(e)
		if seen(q.Scope, events.resource(r.s, full)) && !slices.ContainsFunc(tests, func(t test[model.Event]) bool { return !t(full) }) {
			rows = append(rows, row[model.Event]{e.StorageID, full})
		}
	}
	sortRows(rows, terms)
	return page(rows, q.Offset, q.Limit)
}

// eventOrder ends with the time and the storage id, which go the way of the last order that was asked for.
func (r reader) eventOrder(q store.EventQuery) ([]term[model.Event], error) {
	if q.After > 0 {
		return events.order(r.s, nil)
	}
	sort := q.Sort
	if !slices.ContainsFunc(sort, func(o store.Order) bool { return o.Field == "timestamp" }) {
		last := len(sort) > 0 && sort[len(sort)-1].Desc
		sort = append(slices.Clip(sort), store.Order{Field: "timestamp", Desc: last})
	}
	return events.order(r.s, sort)
}

// eventTests are the conditions that only events have.
func eventTests(q store.EventQuery) ([]test[model.Event], error) {
	var tests []test[model.Event]
	if len(q.Kinds) > 0 {
		tests = append(tests, func(e *model.Event) bool { return slices.Contains(q.Kinds, e.Kind) })
	}
	if q.After > 0 {
		tests = append(tests, func(e *model.Event) bool { return e.StorageID > q.After })
	}
	for _, m := range q.Messages {
		pattern := []rune(strings.ToLower(m))
		tests = append(tests, func(e *model.Event) bool { return like(pattern, []rune(strings.ToLower(e.Message))) })
	}
	for _, g := range q.Ranges {
		var at func(*model.Event) time.Time
		switch g.Field {
		case "timestamp":
			at = func(e *model.Event) time.Time { return e.Timestamp }
		case "reported_timestamp":
			at = func(e *model.Event) time.Time { return e.Reported }
		default:
			return nil, fault.New(fault.BadParameters, "events have no range of field `%s`", g.Field)
		}
		tests = append(tests, func(e *model.Event) bool {
			return !at(e).Before(g.From) && (g.To.IsZero() || at(e).Before(g.To))
		})
	}
	return tests, nil
}

// like matches an SQL pattern with backslash as escape.
func like(pattern, text []rune) bool {
	if len(pattern) == 0 {
		return len(text) == 0
	}
	switch p := pattern[0]; {
	case p == '%':
		for i := range len(text) + 1 {
			if like(pattern[1:], text[i:]) {
				return true
			}
		}
		return false
	case p == '\\' && len(pattern) > 1:
		return len(text) > 0 && text[0] == pattern[1] && like(pattern[2:], text[1:])
	default:
		return len(text) > 0 && (p == '_' || p == text[0]) && like(pattern[1:], text[1:])
	}
}

func (t *tx) InsertEvents(list []*model.Event) error {
	for _, e := range list {
		if _, ok := t.s.executions.get(string(e.Execution)); !ok {
			return noExecution(e.Execution)
		}
		t.s.eventSeq++
		e.StorageID = t.s.eventSeq
		copied, err := clone(e)
		if err != nil {
			return err
		}
		t.s.events = append(t.s.events, copied)
	}
	return nil
}

func (t *tx) DeleteEvents(tenant model.TenantName, d model.DeploymentID, logs bool) (int, error) {
	before := len(t.s.events)
	t.removeEvents(func(e *model.Event) bool {
		x, ok := t.s.executions.get(string(e.Execution))
		return ok && x.v.Tenant == tenant && x.v.Deployment == d && (logs || e.Kind == model.KindEvent)
	})
	return before - len(t.s.events), nil
}

func (t *tx) removeEvents(gone func(*model.Event) bool) {
	t.s.events = slices.DeleteFunc(slices.Clone(t.s.events), gone)
}
