package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/reifyhq/reify/internal/cli/table"
	"github.com/reifyhq/reify/internal/client"
)

func (a *app) statusCommand() *cobra.Command {
	return verb("status", "Show the health of the manager", 0, 0,
		a.call(func(ctx context.Context, c *client.Client, _ []string) error {
			s, err := c.GetStatus(ctx)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(s)
			}
			a.say("The manager at %s says: %s", c.URL(), s.Status)
			t := table.New("Services:", a.style(), "service", "status")
			for _, name := range slices.Sorted(maps.Keys(s.Services)) {
				t.Add(name, s.Services[name].Status)
			}
			return t.Write(a.Stdout)
		}))
}

// versions is what version prints in JSON.
type versions struct {
	Client  string          `json:"client"`
	Manager *client.Version `json:"manager"`
}

func (a *app) versionCommand() *cobra.Command {
	return verb("version", "Show the version of this program and of the manager", 0, 0,
		func(ctx context.Context, _ []string) error {
			v := versions{Client: a.Version}
			// The own version is worth knowing without a manager, so that one that does not answer is no failure.
			if target, err := a.target(); err == nil {
				if c, err := a.clientFor(target); err == nil {
					defer c.Close()
					if m, err := c.GetVersion(ctx); err == nil {
						v.Manager = &m
					}
				}
			}
			if a.json {
				return a.printJSON(v)
			}
			fmt.Fprintf(a.Stdout, "reify %s\n", v.Client)
			if v.Manager != nil {
				fmt.Fprintf(a.Stdout, "manager %s (%s)\n", v.Manager.Version, v.Manager.Edition)
			}
			return nil
		})
}

func (a *app) configCommand() *cobra.Command {
	var scope string
	list := verb("list", "List the settings of the manager", 0, 0,
		a.call(func(ctx context.Context, c *client.Client, _ []string) error {
			items, err := c.ListConfig(ctx, scope)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(items)
			}
			t := table.New("Settings:", a.style(), "scope", "name", "value", "is_editable")
			for _, v := range items {
				t.Add(v.Scope, v.Name, v.Value, v.IsEditable)
			}
			return t.Write(a.Stdout)
		}))
	list.Flags().StringVar(&scope, "scope", "", "only those of this scope")
	cmd := noun("config", "Settings", nil, list)
	if a.ConfigShow != nil {
		cmd.AddCommand(program("show", "Show the configuration that a manager started here would have", a.ConfigShow, a))
	}
	return cmd
}

func (a *app) certificatesCommand() *cobra.Command {
	return noun("certificates", "Certificates that a manager made for itself", nil,
		program("show", "Show the certificates of the manager with the data directory", a.CertificatesShow, a),
		program("export-ca", "Print the certificate that clients have to trust", a.CertificatesExport, a))
}
