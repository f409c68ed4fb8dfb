package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
)

func (a *app) pluginsCommand() *cobra.Command {
	pairs := func(name string, kind pluginPairs) *cobra.Command {
		cmd := a.labelsCommand(kind)
		cmd.Use, cmd.Short = name, kind.short
		return cmd
	}
	return noun("plugins", "Plugins on the manager", []string{"plugin"}, a.pluginsUpload(), a.pluginsBundleUpload(), a.pluginsList(),
		verb("get PLUGIN_ID", "Show a plugin", 1, 1, a.call(a.pluginGet)), a.pluginsDownload(), a.pluginsDownloadYAML(), a.pluginsDelete(),
		a.pluginsInstall(), a.pluginsSetVisibility(), a.pluginsSetOwner(), a.pluginsUpdate(), a.pluginsHistory(),
		verb("set-global PLUGIN_ID", "Make a plugin visible in all tenants", 1, 1,
			a.call(func(ctx context.Context, c *client.Client, args []string) error {
				return a.widenPlugin(ctx, c, args[0], model.VisibilityGlobal)
			})),
		verb("get-update UPDATE_ID", "Show an update of plugins", 1, 1, a.call(a.pluginsGetUpdate)),
		verb("validate WAGON", "Check a wagon on this machine, without a manager", 1, 1, a.pluginValidate),
		pairs("blueprint-labels", pluginPairs{"blueprint_labels", "Labels that blueprints get which import a plugin"}),
		pairs("deployment-labels", pluginPairs{"labels", "Labels that deployments get whose blueprints import a plugin"}),
		pairs("resource-tags", pluginPairs{"resource_tags", "Tags of the resources that a plugin makes"}))
}

func (a *app) pluginsList() *cobra.Command {
	var l listFlags
	var withState bool
	cmd := verb("list", "List plugins", 0, 0, a.call(func(ctx context.Context, c *client.Client, _ []string) error {
		page, err := c.ListPlugins(ctx, l.options(), withState)
		if err != nil {
			return err
		}
		return printPage(a, "plugins", page, []string{"id", "package_name", "package_version", "distribution",
			"supported_platform", "title", "visibility", "tenant_name", "created_by", "uploaded_at"},
			func(p client.Plugin) []any {
				return []any{p.ID, p.PackageName, p.PackageVersion, p.Distribution, p.SupportedPlatform, p.Title,
					p.Visibility, p.Tenant, p.CreatedBy, p.UploadedAt}
			})
	}))
	l.register(cmd, "uploaded_at", false)
	cmd.Flags().BoolVar(&withState, "get-data", false, "also where each is installed")
	return cmd
}

func (a *app) pluginGet(ctx context.Context, c *client.Client, args []string) error {
	p, err := c.GetPlugin(ctx, model.PluginID(args[0]))
	if err != nil {
		return err
	}
	return a.printOne("Plugin:", p, "id", p.ID, "package_name", p.PackageName, "package_version", p.PackageVersion,
		"distribution", p.Distribution, "supported_platform", p.SupportedPlatform, "archive_name", p.ArchiveName,
		"title", p.Title, "installation_state", p.InstallationState, "visibility", p.Visibility, "tenant_name", p.Tenant,
		"created_by", p.CreatedBy, "uploaded_at", p.UploadedAt)
}

func (a *app) pluginsDownload() *cobra.Command {
	var output string
	cmd := verb("download PLUGIN_ID", "Download the archive of a plugin", 1, 1,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			d, err := c.DownloadPlugin(ctx, model.PluginID(args[0]), false)
			if err != nil {
				return err
			}
			path, err := a.save(d, output, args[0]+".wgn")
			if err != nil {
				return err
			}
			a.say("Plugin downloaded as %s", path)
			return nil
		}))
	cmd.Flags().StringVarP(&output, "output-path", "o", "", "file or directory to write to")
	return cmd
}
