package v31

import (
	"net/http"
	"slices"
	"strings"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
)

// patternOperators are the operators of rules by the words of a constraint's patterns (rest-api, section 12).
var patternOperators = map[string]string{
	"contains": "contains", "starts_with": "starts_with", "ends_with": "ends_with", "equals_to": "any_of",
}

// patternFields are the fields that each constraint with patterns applies to, by kind; "" is every kind.
var patternFields = map[string]map[service.Kind]string{
	"name_pattern": {service.Blueprints: "id", service.Deployments: "display_name", service.Nodes: "id", service.NodeInstances: "id",
		service.Secrets: "key"},
	"valid_values": {service.Blueprints: "id", service.Deployments: "id", service.Nodes: "id", service.NodeInstances: "id",
		service.Secrets: "key"},
	"id_specs":           {service.Blueprints: "id", service.Deployments: "id", service.Nodes: "id", service.NodeInstances: "id"},
	"display_name_specs": {service.Deployments: "display_name"},
}

// searched makes the handler of a POST searches route from that of the list: it adds the conditions of the body.
func (a *API) searched(kind service.Kind, list api.Handler) api.Handler {
	return func(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
		body, err := api.ReadJSON(w, r, false)
		if err != nil {
			return err
		}
		rules, err := body.List("filter_rules")
		if err != nil {
			return err
		}
		constraints, err := body.Object("constraints")
		if err != nil {
			return err
		}
		stored := model.FilterID(r.URL.Query().Get("_filter_id"))
		if len(constraints) > 0 && (len(rules) > 0 || stored != "") {
			return fault.New(fault.BadParameters, "You should provide either filter_rules or constraints, not both")
		}
		parsed, err := service.ParseRules(kind, rules)
		if err != nil {
			return err
		}
		s := search{rules: parsed}
		if err := a.constrain(r, actor, kind, constraints, &s); err != nil {
			return err
		}
		return list(w, r.WithContext(withSearch(r.Context(), s)), actor)
	}
}

// constrain turns constraints into rules and conditions.
func (a *API) constrain(r *http.Request, actor *service.Actor, kind service.Kind, constraints model.Document, s *search) error {
	for name, v := range constraints {
		switch name {
		case "deployment_id", "blueprint_id":
			text, ok := v.(string)
			if !ok {
				return fault.New(fault.BadParameters, "the constraint %s must be text", name)
			}
			if r.URL.Query().Has(name) {
				return fault.New(fault.BadParameters, "%s is given in the query and in the constraints; give it once", name)
			}
			s.where = append(s.where, service.Condition{Field: name, Values: []string{text}})
		case "filter_id":
			id, _ := v.(string)
			rules, err := a.svc.Filter(r.Context(), actor, kind, model.FilterID(id))
			if err != nil {
				return err
			}
			s.rules = append(s.rules, rules...)
		case "labels":
			list, _ := v.([]any)
			labels, err := api.ParseLabels(list)
			if err != nil {
				return err
			}
			for _, l := range labels {
				s.rules = append(s.rules, model.FilterRule{Key: l.Key, Values: []string{l.Value}, Operator: "any_of", Type: model.RuleLabel})
			}
		case "tenants":
			list, _ := v.([]any)
			s.where = append(s.where, service.Condition{Field: "tenant_name", Values: texts(list)})
		default:
			if err := patterns(kind, name, v, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// patterns adds the rules of a constraint that looks at names: a list of values, or words for parts of a name.
func patterns(kind service.Kind, name string, v any, s *search) error {
	field := patternFields[name][kind]
	if field == "" {
		return fault.New(fault.BadParameters, "%s cannot be searched with the constraint %s", kind, name)
	}
	add := func(operator string, values []string) {
		s.rules = append(s.rules, model.FilterRule{Key: field, Values: values, Operator: operator, Type: model.RuleAttribute})
	}
	switch v := v.(type) {
	case []any:
		add("any_of", texts(v))
	case map[string]any:
		for word, item := range v {
			operator, known := patternOperators[word]
			list, isList := item.([]any)
			if !isList {
				list = []any{item}
			}
			if !known {
				return fault.New(fault.BadParameters, "unknown pattern %s in the constraint %s", word, name)
			}
			add(operator, texts(list))
		}
	default:
		return fault.New(fault.BadParameters, "the constraint %s must be a list or a dictionary", name)
	}
	return nil
}

func texts(list []any) []string {
	out := []string{}
	for _, item := range list {
		if text, ok := item.(string); ok {
			out = append(out, text)
		}
	}
	return out
}

// parseFiltered is api.ParseList for lists that know filters: it adds the rules of a stored filter and of a search.
func (a *API) parseFiltered(r *http.Request, actor *service.Actor, kind service.Kind, spec api.ListSpec) (*api.List, error) {
	l, err := api.ParseList(r, spec)
	if err != nil {
		return nil, err
	}
	s := searchOf(r.Context())
	l.Query.Rules, l.Query.Where = s.rules, append(l.Query.Where, s.where...)
	if id := r.URL.Query().Get("_filter_id"); id != "" {
		if err := actor.RequireTenant("filter_get"); err != nil {
			return nil, err
		}
		rules, err := a.svc.Filter(r.Context(), actor, kind, model.FilterID(id))
		if err != nil {
			return nil, err
		}
		l.Query.Rules = append(l.Query.Rules, rules...)
	}
	return l, nil
}

// countFiltered tells the list how many resources its rules left out.
func (a *API) countFiltered(r *http.Request, actor *service.Actor, kind service.Kind, l *api.List, total int) error {
	if len(l.Query.Rules) == 0 {
		return nil
	}
	n, err := a.svc.Unfiltered(r.Context(), actor, kind, l.Query, l.AllTenants)
	l.Filtered = n - total
	l.IsFiltered = true
	return err
}

// summarized makes the handler of a summary route; item is the key of the counts.
func (a *API) summarized(kind service.Kind, item string, blank api.Record) api.Handler {
	return func(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
		l, err := api.ParseList(r, api.ListSpec{Blank: blank})
		if err != nil {
			return err
		}
		target, sub := r.URL.Query().Get("_target_field"), r.URL.Query().Get("_sub_field")
		if target == "" {
			return fault.New(fault.BadParameters, "1 validation error for SummaryRequest\n_target_field\n  field required (type=value_error.missing)")
		}
		fields := []string{target}
		if sub != "" {
			fields = append(fields, sub)
		}
		counts, err := a.svc.Summarize(r.Context(), actor, kind, l.Query, l.AllTenants, fields...)
		if err != nil {
			return err
		}
		items := summaryRecords(counts, target, sub, item)
		l.IsPlain = true
		// Compat: the original counts the combinations of both fields, not the items.
		return l.Write(w, cut(items, l.Query), len(counts))
	}
}

func summaryRecords(counts []service.Count, target, sub, item string) []api.Record {
	var items []api.Record
	for _, c := range counts {
		if sub == "" {
			items = append(items, api.Record{{Name: target, Value: c.Values[0]}, {Name: item, Value: c.Number}})
			continue
		}
		part := api.Record{{Name: sub, Value: c.Values[1]}, {Name: item, Value: c.Number}}
		if n := len(items); n > 0 && items[n-1][0].Value == c.Values[0] {
			last := items[n-1]
			last[1].Value = last[1].Value.(int) + c.Number
			last[2].Value = append(last[2].Value.([]api.Record), part)
			continue
		}
		items = append(items, api.Record{{Name: target, Value: c.Values[0]}, {Name: item, Value: c.Number},
			{Name: "by " + sub, Value: []api.Record{part}}})
	}
	return items
}

// cut takes the part of a whole list that the request asked for.
func cut[T any](items []T, q service.Query) []T {
	items = items[min(max(q.Offset, 0), len(items)):]
	if q.Limit >= 0 {
		items = items[:min(q.Limit, len(items))]
	}
	return items
}

func (a *API) listLabels(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	l, err := api.ParseList(r, api.ListSpec{})
	if err != nil {
		return err
	}
	reserved, err := api.Flag(r.URL.Query(), "_reserved")
	if err != nil {
		return err
	}
	var names []string
	if reserved {
		names, err = a.svc.ReservedLabels(actor)
		l.IsPlain = true
	} else {
		names, err = a.svc.LabelKeys(r.Context(), actor, filterKind(r), param(r, "key"), l.AllTenants)
	}
	if err != nil {
		return err
	}
	if text := strings.ToLower(r.URL.Query().Get("_search")); text != "" {
		names = slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !strings.Contains(strings.ToLower(n), text) })
	}
	return l.WriteValues(w, cut(names, l.Query), len(names))
}

func (a *API) listWorkflows(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	l, err := a.parseFiltered(r, actor, service.Deployments, api.ListSpec{Blank: append(slices.Clone(blankDeployment), blank("name", "plugin", "operation", "parameters", "is_cascading", "is_available", "availability_rules")...), Search: "id"})
	if err != nil {
		return err
	}
	inGroup(r, &l.Query, "deployment_group_id")
	l.Query.Limit, l.Query.Offset = -1, 0
	page, err := a.svc.Deployments(r.Context(), actor, l.Query, l.AllTenants)
	if err != nil {
		return err
	}
	var items []api.Record
	seen := map[any]bool{}
	for _, v := range page.Items {
		for _, wf := range workflowRecords(v) {
			if !seen[wf[0].Value] {
				seen[wf[0].Value] = true
				items = append(items, wf)
			}
		}
	}
	l.Size, l.Offset, l.IsPlain = len(items), 0, true
	return l.WriteWhole(w, items)
}
