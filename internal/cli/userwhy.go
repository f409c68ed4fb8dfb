package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
)

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
