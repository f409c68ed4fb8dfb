package argument

import (
	"strings"

	"github.com/reifyhq/reify/internal/cli/exit"
	"github.com/reifyhq/reify/internal/client"
)

// ruleForms are the spellings of a rule: what stands between key and values, in the order in which they are tried.
var ruleForms = []struct {
	text, operator string
	isUnary        bool
}{
	{" is not null", "is_not_null", true},
	{" is null", "is_null", true},
	{" is not empty", "is_not_empty", true},
	{" does-not-contain ", "does_not_contain", false},
	{" contains ", "contains", false},
	{" starts-with ", "starts_with", false},
	{" ends-with ", "ends_with", false},
	{" is-not ", "is_not", false},
	{"!=", "not_any_of", false},
	{"=", "any_of", false},
}

// Rule reads key=value, key=[a,b], key!=value, "key is null", "key contains value" and the like.
func Rule(text, kind string) (client.FilterRule, error) {
	for _, form := range ruleForms {
		key, rest, ok := strings.Cut(text, form.text)
		if !ok || strings.TrimSpace(key) == "" || form.isUnary && rest != "" {
			continue
		}
		rule := client.FilterRule{Key: strings.TrimSpace(key), Operator: form.operator, Type: kind, Values: []string{}}
		if form.isUnary {
			return rule, nil
		}
		rest = strings.TrimSpace(rest)
		if inner, ok := strings.CutPrefix(rest, "["); ok && strings.HasSuffix(inner, "]") {
			for v := range strings.SplitSeq(strings.TrimSuffix(inner, "]"), ",") {
				rule.Values = append(rule.Values, strings.TrimSpace(v))
			}
			return rule, nil
		}
		rule.Values = append(rule.Values, rest)
		return rule, nil
	}
	return client.FilterRule{}, exit.Usagef("cannot read the rule %q; want key=value, key!=value, key=[a,b], "+
		"\"key contains value\" or \"key is null\"", text)
}

// RuleTexts writes rules as Rule reads them.
func RuleTexts(list []any) []string {
	var out []string
	for _, item := range list {
		rule, _ := item.(map[string]any)
		key, _ := rule["key"].(string)
		operator, _ := rule["operator"].(string)
		var values []string
		given, _ := rule["values"].([]any)
		for _, v := range given {
			text, _ := v.(string)
			values = append(values, text)
		}
		text := strings.Join(values, ",")
		if len(values) > 1 {
			text = "[" + text + "]"
		}
		form := " " + operator + " "
		for _, f := range ruleForms {
			if f.operator == operator {
				form = f.text
			}
		}
		out = append(out, key+form+text)
	}
	return out
}
