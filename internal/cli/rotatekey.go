package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/reifyhq/reify/internal/client"
)

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
