package service

import (
	"context"
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

// Filter returns the rules of a stored filter that the actor sees.
func (s *Service) Filter(ctx context.Context, a *Actor, k store.Kind, id model.FilterID) (rules []model.FilterRule, err error) {
	err = s.Store.View(ctx, func(tx store.Reader) error {
		f, err := tx.Filter(k, a.Tenant, id)
		if err != nil {
			return err
		}
		if !a.visible(f.Resource) {
			return fault.Missing("Filter", string(id))
		}
		rules = f.Rules
		return nil
	})
	return rules, err
}

// objTypeFilters are the system filters that select deployments of one type, by the label's value.
var objTypeFilters = map[string]string{"csys-k8s-filter": "k8s", "csys-terraform-filter": "terraform"}

// deploymentTypes have a system filter "<type>-deployments".
var deploymentTypes = []string{"aws", "azure", "gcp", "terragrunt", "helm", "ansible", "starlingx", "vsphere", "docker", "netconf",
	"fabric", "libvirt", "utilities", "host-pool", "diamond", "openstack", "openstack-v3", "vcloud"}

// serviceFilter is the system filter by which one sees that an installation has them.
const serviceFilter = "csys-service-filter"

// systemFilters are the filters that every installation has (rest-model, section 7).
func systemFilters() map[string][]model.FilterRule {
	label := func(key, operator string, values ...string) model.FilterRule {
		if values == nil {
			values = []string{}
		}
		return model.FilterRule{Key: key, Values: values, Operator: operator, Type: model.RuleLabel}
	}
	out := map[string][]model.FilterRule{
		"csys-environment-filter": {label("csys-obj-type", "any_of", "environment"), label("csys-obj-parent", "is_null")},
		serviceFilter:             {label("csys-obj-type", "is_not", "environment"), label("csys-obj-parent", "is_null")},
	}
	for id, kind := range objTypeFilters {
		out[id] = []model.FilterRule{label("obj-type", "any_of", kind)}
	}
	for _, kind := range deploymentTypes {
		out[kind+"-deployments"] = []model.FilterRule{label("obj-type", "any_of", kind)}
	}
	return out
}

// addSystemFilters stores the system filters, once, for the administrator.
func (s *Service) addSystemFilters(tx store.Tx, admin model.UserName) error {
	r := model.Resource{Tenant: model.DefaultTenant, CreatedBy: admin, CreatedAt: s.Clock.Now(), Visibility: model.VisibilityGlobal}
	all := systemFilters()
	ids := make([]string, 0, len(all))
	for id := range all {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		f := &model.Filter{Resource: r, ID: model.FilterID(id), UpdatedAt: r.CreatedAt, IsSystem: true, Rules: all[id]}
		if err := tx.InsertFilter(store.Deployments, f); err != nil && !fault.Is(err, fault.Conflict) {
			return err
		}
	}
	return nil
}
