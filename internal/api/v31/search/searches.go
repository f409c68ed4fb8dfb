package search

import (
	"net/http"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/service/catalog"
	"github.com/reifyhq/reify/internal/service/insight"
)

// Lists reads requests for lists that know filters. It is safe for concurrent use.
type Lists struct {
	catalog *catalog.Service
	insight *insight.Service
}

// New returns the reader over the use cases.
func New(s *service.Service) *Lists { return &Lists{catalog: catalog.New(s), insight: insight.New(s)} }

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

// Searched makes the handler of a POST searches route from that of the list: it adds the conditions of the body.
func (f *Lists) Searched(kind service.Kind, list api.Handler) api.Handler {
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
		parsed, err := catalog.ParseRules(kind, rules)
		if err != nil {
			return err
		}
		s := search{rules: parsed}
		if err := f.constrain(r, actor, kind, constraints, &s); err != nil {
			return err
		}
		return list(w, r.WithContext(withSearch(r.Context(), s)), actor)
	}
}

// constrain turns constraints into rules and conditions.
func (f *Lists) constrain(r *http.Request, actor *service.Actor, kind service.Kind, constraints model.Document, s *search) error {
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
			rules, err := f.catalog.RulesOf(r.Context(), actor, kind, model.FilterID(id))
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
			s.where = append(s.where, service.Condition{Field: "tenant_name", Values: api.OnlyTexts(list)})
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
		add("any_of", api.OnlyTexts(v))
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
			add(operator, api.OnlyTexts(list))
		}
	default:
		return fault.New(fault.BadParameters, "the constraint %s must be a list or a dictionary", name)
	}
	return nil
}

// Parse is api.ParseList for lists that know filters: it adds the rules of a stored filter and of a search.
func (f *Lists) Parse(r *http.Request, actor *service.Actor, kind service.Kind, spec api.ListSpec) (*api.List, error) {
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
		rules, err := f.catalog.RulesOf(r.Context(), actor, kind, model.FilterID(id))
		if err != nil {
			return nil, err
		}
		l.Query.Rules = append(l.Query.Rules, rules...)
	}
	return l, nil
}

// Count tells the list how many resources its rules left out.
func (f *Lists) Count(r *http.Request, actor *service.Actor, kind service.Kind, l *api.List, total int) error {
	if len(l.Query.Rules) == 0 {
		return nil
	}
	n, err := f.insight.Unfiltered(r.Context(), actor, kind, l.Query, l.AllTenants)
	l.Filtered = n - total
	l.IsFiltered = true
	return err
}
