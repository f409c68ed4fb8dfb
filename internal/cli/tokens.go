package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
)

func (a *app) tokensCommand() *cobra.Command {
	return noun("tokens", "API tokens", []string{"token"}, a.tokensCreate(), a.tokensList(),
		verb("get TOKEN_ID", "Show a token, its secret masked", 1, 1, a.call(a.tokenGet)),
		verb("delete TOKEN_ID", "Revoke a token", 1, 1, a.call(a.tokenDelete)))
}

func (a *app) tokensCreate() *cobra.Command {
	var expiry, description string
	cmd := verb("create", "Make a token; its secret is shown only now", 0, 0,
		a.call(func(ctx context.Context, c *client.Client, _ []string) error {
			t, err := c.CreateToken(ctx, description, expiry)
			if err != nil {
				return err
			}
			return a.printToken(t)
		}))
	cmd.Flags().StringVarP(&expiry, "expiry", "e", "", "when it ends, such as +10h or \"2027-01-31 14:30\" (default: never)")
	cmd.Flags().StringVarP(&description, "description", "d", "", "what it is for")
	return cmd
}

func (a *app) tokensList() *cobra.Command {
	return verb("list", "List tokens", 0, 0, a.call(func(ctx context.Context, c *client.Client, _ []string) error {
		page, err := c.ListTokens(ctx, client.ListOptions{})
		if err != nil {
			return err
		}
		return printPage(a, "tokens", page, []string{"id", "username", "role", "description", "expiration_date", "last_used"},
			func(t client.Token) []any {
				return []any{t.ID, t.Username, t.Role, t.Description, t.Expires, t.LastUsed}
			})
	}))
}

func (a *app) tokenGet(ctx context.Context, c *client.Client, args []string) error {
	t, err := c.GetToken(ctx, model.TokenID(args[0]))
	if err != nil {
		return err
	}
	return a.printToken(t)
}

func (a *app) printToken(t client.Token) error {
	return a.printOne("Token:", t, "id", t.ID, "username", t.Username, "value", t.Value, "role", t.Role,
		"description", t.Description, "expiration_date", t.Expires, "last_used", t.LastUsed)
}

func (a *app) tokenDelete(ctx context.Context, c *client.Client, args []string) error {
	if err := c.DeleteToken(ctx, model.TokenID(args[0])); err != nil {
		return err
	}
	a.say("Token deleted: %s", args[0])
	return nil
}
