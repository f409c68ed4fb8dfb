package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/reifyhq/reify/internal/cli/admin"
	"github.com/reifyhq/reify/internal/cli/table"
	"github.com/reifyhq/reify/internal/client"
)

// administration adds the nouns and verbs of package admin.
func (a *app) administration(root *cobra.Command) {
	admin.AddTo(root, admin.Shell{
		With: a.with, Say: a.say, Save: a.save, Rule: parseRule, Secret: a.secret, Verb: verb, Noun: noun,
		Usage: func(text string) error { return &usageError{text: text} },
		Page: func(what string, p client.Page[client.Object], columns []string) error {
			return printPage(a, what, p, columns, func(o client.Object) []any { return cells(o, columns) })
		},
		Object: func(title string, o client.Object, columns []string) error {
			if a.json {
				return a.printJSON(o)
			}
			pairs := make([]any, 0, 2*len(columns))
			for i, value := range cells(o, columns) {
				pairs = append(pairs, columns[i], value)
			}
			return table.Fields(a.Stdout, title, a.style(), pairs...)
		},
	})
}

// cells are the members of an object in the order of the columns. Rules of filters are shown as they are typed.
func cells(o client.Object, columns []string) []any {
	out := make([]any, len(columns))
	for i, c := range columns {
		out[i] = o[c]
		if list, isList := o[c].([]any); isList && strings.HasSuffix(c, "_filter_rules") {
			out[i] = ruleTexts(list)
		}
	}
	return out
}

// ruleTexts writes rules as parseRule reads them.
func ruleTexts(list []any) []string {
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
