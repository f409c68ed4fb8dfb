package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/reifyhq/reify/internal/cli/argument"
	"github.com/reifyhq/reify/internal/cli/exit"
	"github.com/reifyhq/reify/internal/cli/offline"
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
		a.offline().ValidateWagon(),
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

// pluginBundle is where all plugins of the original's publisher come from at once.
const pluginBundle = "http://repository.cloudifysource.org/cloudify/wagons/cloudify-plugins-bundle.tgz"

func (a *app) pluginsUpload() *cobra.Command {
	var yamls []string
	var icon, title, visibility string
	cmd := verb("upload WAGON", "Upload a plugin: a wagon with its plugin.yaml, or a zip archive of both", 1, 1,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			p := client.PluginUpload{Title: title}
			var err error
			if p.Visibility, err = argument.Visibility(visibility); err != nil {
				return err
			}
			if strings.HasPrefix(args[0], "http://") || strings.HasPrefix(args[0], "https://") {
				if len(yamls) > 0 || icon != "" {
					return exit.Usagef("the manager fetches %s itself and cannot add files to it; download it first", args[0])
				}
				p.ArchiveURL = args[0]
				return a.uploadPlugins(ctx, c, p, "")
			}
			if len(yamls) == 0 && icon == "" {
				return a.uploadPlugins(ctx, c, p, args[0])
			}
			bundle, err := offline.ZipPlugin(args[0], yamls, icon)
			if err != nil {
				return err
			}
			defer os.Remove(bundle)
			return a.uploadPlugins(ctx, c, p, bundle)
		}))
	f := cmd.Flags()
	f.StringArrayVarP(&yamls, "yaml-path", "y", nil, "plugin.yaml of the wagon; may be repeated for versions of the blueprint language")
	f.StringVarP(&icon, "icon-path", "i", "", "picture of the plugin, a PNG file")
	f.StringVar(&title, "title", "", "title of the plugin (default: the name of its package)")
	f.StringVarP(&visibility, "visibility", "l", "tenant", "who may see it: private, tenant or global")
	cmd.Example = "  reify plugins upload my_plugin-1.0-py311-none-any.wgn -y plugin.yaml"
	return cmd
}

func (a *app) pluginsBundleUpload() *cobra.Command {
	var path string
	cmd := verb("bundle-upload", "Upload the plugins of a caravan", 0, 0,
		a.call(func(ctx context.Context, c *client.Client, _ []string) error {
			p := client.PluginUpload{Visibility: model.VisibilityTenant}
			if strings.HasPrefix(path, "http://") || strings.HasPrefix(path, "https://") {
				p.ArchiveURL, path = path, ""
			}
			return a.uploadPlugins(ctx, c, p, path)
		}))
	cmd.Flags().StringVarP(&path, "path", "p", pluginBundle, "file or URL of the caravan")
	return cmd
}

// uploadPlugins uploads what is in a file, or at the URL of the parameters.
func (a *app) uploadPlugins(ctx context.Context, c *client.Client, p client.PluginUpload, file string) error {
	if file != "" {
		f, err := os.Open(file)
		if errors.Is(err, os.ErrNotExist) {
			return exit.Usagef("there is no %s", file)
		}
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		p.Archive, p.Size = f, info.Size()
	}
	list, err := c.UploadPlugin(ctx, p)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(list)
	}
	for _, one := range list {
		a.say("Plugin uploaded. Plugin's id is %s (%s %s)", one.ID, one.PackageName, one.PackageVersion)
	}
	return nil
}

func (a *app) pluginsDelete() *cobra.Command {
	var force bool
	cmd := verb("delete PLUGIN_ID", "Delete a plugin", 1, 1,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			if err := c.DeletePlugin(ctx, model.PluginID(args[0]), force); err != nil {
				return err
			}
			a.say("Plugin deleted: %s", args[0])
			return nil
		}))
	cmd.Flags().BoolVarP(&force, "force", "f", false, "also when blueprints use it")
	return cmd
}

func (a *app) pluginsDownloadYAML() *cobra.Command {
	var output, version string
	cmd := verb("download_yaml PLUGIN_ID", "Download the plugin.yaml of a plugin", 1, 1,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			d, err := c.DownloadPluginYAML(ctx, model.PluginID(args[0]), version)
			if err != nil {
				return err
			}
			path, err := a.save(d, output, args[0]+".yaml")
			if err != nil {
				return err
			}
			a.say("Plugin YAML downloaded as %s", path)
			return nil
		}))
	cmd.Aliases = []string{"download-yaml"}
	cmd.Flags().StringVarP(&output, "output-path", "o", "", "file or directory to write to")
	cmd.Flags().StringVar(&version, "dsl-version", "", "version of the blueprint language, such as 1_4")
	return cmd
}

func (a *app) pluginsInstall() *cobra.Command {
	var managers, agents []string
	cmd := verb("install PLUGIN_ID", "Ask for a plugin to be installed before it is used", 1, 1,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			p, err := c.InstallPlugin(ctx, model.PluginID(args[0]), managers, agents)
			if err != nil {
				return err
			}
			return a.printOne("Plugin:", p, "id", p.ID, "package_name", p.PackageName, "package_version", p.PackageVersion,
				"installation_state", p.InstallationState)
		}))
	cmd.Flags().StringArrayVar(&managers, "manager-hostname", nil, "manager to install on (default: this one); may be repeated")
	cmd.Flags().StringArrayVar(&agents, "agent-name", nil, "agent to install on; may be repeated")
	return cmd
}

func (a *app) widenPlugin(ctx context.Context, c *client.Client, id string, v model.Visibility) error {
	p, err := c.SetPluginVisibility(ctx, model.PluginID(id), v)
	if err != nil {
		return err
	}
	a.say("Plugin %s is now visible as %s", p.ID, p.Visibility)
	return nil
}

func (a *app) pluginsSetVisibility() *cobra.Command {
	var visibility string
	cmd := verb("set-visibility PLUGIN_ID", "Make a plugin visible to more people", 1, 1,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			v, err := argument.Visibility(visibility)
			if err != nil {
				return err
			}
			return a.widenPlugin(ctx, c, args[0], v)
		}))
	cmd.Flags().StringVarP(&visibility, "visibility", "l", "tenant", "who may see it: tenant or global")
	return cmd
}

func (a *app) pluginsSetOwner() *cobra.Command {
	var user string
	cmd := verb("set-owner PLUGIN_ID", "Give a plugin to another user", 1, 1,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			if user == "" {
				return exit.Usagef("name the new owner with -s USERNAME")
			}
			p, err := c.ChangePlugin(ctx, model.PluginID(args[0]), model.Document{"creator": user})
			if err != nil {
				return err
			}
			a.say("Plugin %s belongs to %s now", p.ID, p.CreatedBy)
			return nil
		}))
	cmd.Flags().StringVarP(&user, "username", "s", "", "the new owner")
	return cmd
}

func (a *app) pluginsUpdate() *cobra.Command {
	var f followFlags
	var p client.PluginsUpdateParams
	cmd := verb("update BLUEPRINT_ID", "Bring a blueprint and its deployments to other versions of its plugins", 1, 1,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			if len(p.ToLatest)+len(p.ToMinor) == 0 && !p.AllToMinor {
				p.AllToLatest = true
			}
			u, err := c.UpdatePlugins(ctx, model.BlueprintID(args[0]), p)
			if err != nil {
				return err
			}
			if u.Execution == "" || f.noWait {
				return a.printPluginsUpdate(u)
			}
			a.say("Updating the plugins of blueprint %s (update %s, execution %s)...", u.Blueprint, u.ID, u.Execution)
			x, err := a.follow(ctx, c, u.Execution, f)
			return a.report(x, err)
		}))
	f.register(cmd)
	flags := cmd.Flags()
	flags.StringArrayVar(&p.PluginNames, "plugin-name", nil, "update this plugin only; may be repeated")
	flags.StringArrayVar(&p.ToLatest, "to-latest", nil, "bring this plugin to its highest version; may be repeated")
	flags.BoolVar(&p.AllToLatest, "all-to-latest", false, "bring all plugins to their highest versions (the default)")
	flags.StringArrayVar(&p.ToMinor, "to-minor", nil, "keep the major version of this plugin; may be repeated")
	flags.BoolVar(&p.AllToMinor, "all-to-minor", false, "keep the major versions of all plugins")
	flags.BoolVarP(&p.Force, "force", "f", false, "also deployments on which others depend")
	return cmd
}

func (a *app) printPluginsUpdate(u client.PluginsUpdate) error {
	return a.printOne("Plugins update:", u, "id", u.ID, "state", u.State, "blueprint_id", u.Blueprint,
		"temp_blueprint_id", u.TempBlueprint, "execution_id", u.Execution, "deployments_to_update", u.Deployments,
		"forced", u.Forced, "visibility", u.Visibility, "tenant_name", u.Tenant, "created_by", u.CreatedBy, "created_at", u.CreatedAt)
}

func (a *app) pluginsGetUpdate(ctx context.Context, c *client.Client, args []string) error {
	u, err := c.GetPluginsUpdate(ctx, model.PluginsUpdateID(args[0]))
	if err != nil {
		return err
	}
	return a.printPluginsUpdate(u)
}

func (a *app) pluginsHistory() *cobra.Command {
	var l listFlags
	var blueprint string
	cmd := verb("history", "List the updates of plugins", 0, 0, a.call(func(ctx context.Context, c *client.Client, _ []string) error {
		o := l.options()
		if blueprint != "" {
			o.Equal.Set("blueprint_id", blueprint)
		}
		page, err := c.ListPluginsUpdates(ctx, o)
		if err != nil {
			return err
		}
		return printPage(a, "updates", page, []string{"id", "blueprint_id", "state", "execution_id", "tenant_name", "created_by", "created_at"},
			func(u client.PluginsUpdate) []any {
				return []any{u.ID, u.Blueprint, u.State, u.Execution, u.Tenant, u.CreatedBy, u.CreatedAt}
			})
	}))
	cmd.Aliases = []string{"list_updates"}
	l.register(cmd, "created_at", false)
	cmd.Flags().StringVarP(&blueprint, "blueprint-id", "b", "", "only those of this blueprint")
	return cmd
}

// pluginPairs are labels or tags of a plugin: the field of that name.
type pluginPairs struct{ field, short string }

func (pluginPairs) name() string { return "plugin" }

func (p pluginPairs) of(plugin client.Plugin) model.Document {
	return map[string]model.Document{"blueprint_labels": plugin.BlueprintLabels, "labels": plugin.Labels,
		"resource_tags": plugin.ResourceTags}[p.field]
}

func (p pluginPairs) pairs(plugin client.Plugin) []client.Label {
	var out []client.Label
	doc := p.of(plugin)
	for _, key := range slices.Sorted(maps.Keys(doc)) {
		values, isList := doc[key].([]any)
		if !isList {
			values = []any{doc[key]}
		}
		for _, v := range values {
			out = append(out, client.Label{Key: key, Value: fmt.Sprint(v)})
		}
	}
	return out
}

func (p pluginPairs) get(ctx context.Context, c *client.Client, id string) ([]client.Label, error) {
	plugin, err := c.GetPlugin(ctx, model.PluginID(id))
	return p.pairs(plugin), err
}

// set replaces all pairs. A label has a list of values; a tag has one value, or a list of several.
func (p pluginPairs) set(ctx context.Context, c *client.Client, id string, labels []client.Label) ([]client.Label, error) {
	lists := map[string][]any{}
	for _, l := range labels {
		lists[l.Key] = append(lists[l.Key], l.Value)
	}
	doc := map[string]any{}
	for key, values := range lists {
		doc[key] = values
		if p.field == "resource_tags" && len(values) == 1 {
			doc[key] = values[0]
		}
	}
	plugin, err := c.ChangePlugin(ctx, model.PluginID(id), model.Document{p.field: doc})
	return p.pairs(plugin), err
}
