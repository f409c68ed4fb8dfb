package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/reifyhq/reify/internal/cli/admin"
	"github.com/reifyhq/reify/internal/cli/argument"
	"github.com/reifyhq/reify/internal/cli/exit"
	"github.com/reifyhq/reify/internal/cli/offline"
	"github.com/reifyhq/reify/internal/cli/table"
	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
)

// administration adds the nouns and verbs of package admin.
func (a *app) administration(root *cobra.Command) {
	admin.AddTo(root, admin.Shell{
		With: a.with, Say: a.say, Save: a.save, Rule: argument.Rule, Secret: a.secret, Verb: verb, Noun: noun,
		Usage: func(text string) error { return &exit.UsageError{Text: text} },
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

// offline is what package offline sees of this run.
func (a *app) offline() offline.Shell {
	return offline.Shell{
		Stdin: a.Stdin, Stdout: a.Stdout, Stderr: a.Stderr, Env: a.Env, Clock: a.Clock, Version: a.Version,
		JSON: func() bool { return a.json }, Say: a.say, Verb: verb,
	}
}

// cells are the members of an object in the order of the columns. Rules of filters are shown as they are typed.
func cells(o client.Object, columns []string) []any {
	out := make([]any, len(columns))
	for i, c := range columns {
		out[i] = o[c]
		if list, isList := o[c].([]any); isList && strings.HasSuffix(c, "_filter_rules") {
			out[i] = argument.RuleTexts(list)
		}
	}
	return out
}

// secretsKeyCommand is the noun of secrets as far as it is about their key.
func (a *app) secretsKeyCommand() *cobra.Command {
	return noun("secrets", "Secrets", nil, a.rotateKeyCommand())
}

func (a *app) rotateKeyCommand() *cobra.Command {
	return verb("rotate-key", "Make a new key for the values of secrets and seal all of them under it", 0, 0,
		a.call(func(ctx context.Context, c *client.Client, _ []string) error {
			r, err := c.RotateSecretsKey(ctx)
			if err != nil {
				return err
			}
			return a.printOne("Key of secrets:", r, "key_id", r.KeyID, "sealed", r.Sealed)
		}))
}

// usersPermitCommand is the noun of users as far as it explains what they may do.
func (a *app) usersPermitCommand() *cobra.Command {
	return noun("users", "Users", nil, a.userWhyCommand())
}

func (a *app) userWhyCommand() *cobra.Command {
	return verb("why USERNAME PERMISSION [TENANT]", "Say whether a user may do something, and through which role", 2, 3,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			tenant := ""
			if len(args) == 3 {
				tenant = args[2]
			}
			p, err := c.WhyUser(ctx, model.UserName(args[0]), args[1], model.TenantName(tenant))
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(p)
			}
			a.say("%s", p.Summary)
			if p.Next != "" {
				a.say("Next: %s", p.Next)
			}
			return nil
		}))
}
