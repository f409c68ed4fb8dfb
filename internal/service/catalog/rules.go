package catalog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// The operators of filter rules, by what they need: values or none (rest-model, section 7).
var (
	labelOperators     = []string{"any_of", "not_any_of", "is_null", "is_not_null", "is_not"}
	attributeOperators = []string{"any_of", "not_any_of", "contains", "not_contains", "starts_with", "ends_with", "is_not_empty"}
	bareOperators      = []string{"is_null", "is_not_null", "is_not_empty"}
)

// filterAttributes are the attributes that rules for a kind may name.
var filterAttributes = map[store.Kind][]string{
	store.Blueprints: {"created_by", "state", "id", "tenant_name"},
	store.Deployments: {"id", "blueprint_id", "created_by", "site_name", "schedules", "tenant_name", "display_name",
		"installation_status"},
	store.Nodes:         {"id", "type", "operation_name"},
	store.NodeInstances: {"id"},
	store.Secrets:       {"key", "provider_name"},
}

func badRule(rule any, reason string, args ...any) error {
	reason = fmt.Sprintf(reason, args...)
	f := fault.New(fault.InvalidFilterRule, "The filter rule %s is not in the right format. %s", pythonText(rule), reason)
	f.Fields = map[string]any{"err_filter_rule": rule, "err_reason": reason}
	return f
}

// pythonText shows a rule as the original does.
func pythonText(v any) string {
	switch v := v.(type) {
	case map[string]any:
		var parts []string
		for _, key := range []string{"key", "values", "operator", "type"} {
			if item, ok := v[key]; ok {
				parts = append(parts, fmt.Sprintf("'%s': %s", key, pythonText(item)))
			}
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case []any:
		parts := make([]string, len(v))
		for i, item := range v {
			parts[i] = pythonText(item)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case string:
		return "'" + v + "'"
	}
	return fmt.Sprint(v)
}

// ParseRules checks rules as clients send them; the fault names the rule that is wrong (rest-api, section 1.4).
func ParseRules(k store.Kind, rules []any) ([]model.FilterRule, error) {
	var out []model.FilterRule
	for _, item := range rules {
		r, err := parseRule(k, item)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(out, func(o model.FilterRule) bool {
			return o.Key == r.Key && o.Operator == r.Operator && o.Type == r.Type && slices.Equal(o.Values, r.Values)
		}) {
			out = append(out, r)
		}
	}
	return out, nil
}

func parseRule(k store.Kind, item any) (r model.FilterRule, err error) {
	m, ok := item.(map[string]any)
	if !ok {
		return r, badRule(item, "The filter rule must be a dictionary")
	}
	if len(m) != 4 {
		return r, badRule(m, "At least one of the entries in the filter rule is missing. The keys must be key, values, operator and type")
	}
	for name, target := range map[string]*string{"key": &r.Key, "operator": &r.Operator, "type": &r.Type} {
		if *target, ok = m[name].(string); !ok {
			return r, badRule(m, "The filter rule's %s must be a string", name)
		}
	}
	list, ok := m["values"].([]any)
	if !ok {
		return r, badRule(m, "The filter rule's values must be a list")
	}
	r.Values = []string{}
	for _, v := range list {
		text, ok := v.(string)
		if !ok {
			return r, badRule(m, "The filter rule's values must be strings")
		}
		r.Values = append(r.Values, text)
	}
	r.Key = strings.ToLower(r.Key)
	operators, what := labelOperators, "labels"
	switch {
	case r.Type == model.RuleAttribute:
		operators, what = attributeOperators, "attributes"
		if !slices.Contains(filterAttributes[k], r.Key) {
			return r, badRule(m, "Allowed attributes to filter %s by are %s", k, strings.Join(filterAttributes[k], ", "))
		}
	case r.Type != model.RuleLabel:
		return r, badRule(m, "Filter rule type must be one of label, attribute")
	}
	if !slices.Contains(operators, r.Operator) {
		return r, badRule(m, "The operator for filtering by %s must be one of %s", what, strings.Join(operators, ", "))
	}
	if bare := slices.Contains(bareOperators, r.Operator); bare != (len(r.Values) == 0) {
		if bare {
			return r, badRule(m, "Values list must be empty if the operator is one of %s", strings.Join(bareOperators, ", "))
		}
		return r, badRule(m, "Values list must include at least one item if the operator is not one of %s", strings.Join(bareOperators, ", "))
	}
	return r, nil
}
