package cli

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/reifyhq/reify/internal/archive"
	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/plugin"
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

// pluginBundle is where all plugins of the original's publisher come from at once.
const pluginBundle = "http://repository.cloudifysource.org/cloudify/wagons/cloudify-plugins-bundle.tgz"

func (a *app) pluginsUpload() *cobra.Command {
	var yamls []string
	var icon, title, visibility string
	cmd := verb("upload WAGON", "Upload a plugin: a wagon with its plugin.yaml, or a zip archive of both", 1, 1,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			p := client.PluginUpload{Title: title}
			var err error
			if p.Visibility, err = parseVisibility(visibility); err != nil {
				return err
			}
			if strings.HasPrefix(args[0], "http://") || strings.HasPrefix(args[0], "https://") {
				if len(yamls) > 0 || icon != "" {
					return usagef("the manager fetches %s itself and cannot add files to it; download it first", args[0])
				}
				p.ArchiveURL = args[0]
				return a.uploadPlugins(ctx, c, p, "")
			}
			if len(yamls) == 0 && icon == "" {
				return a.uploadPlugins(ctx, c, p, args[0])
			}
			bundle, err := zipPlugin(args[0], yamls, icon)
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
			return usagef("there is no %s", file)
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

// zipPlugin packs a wagon with its descriptions and its icon; the caller removes the file.
func zipPlugin(wagon string, yamls []string, icon string) (name string, err error) {
	tmp, err := os.CreateTemp("", "reify-plugin-*.zip")
	if err != nil {
		return "", err
	}
	defer func() {
		if err = errors.Join(err, tmp.Close()); err != nil {
			os.Remove(tmp.Name())
		}
	}()
	w := zip.NewWriter(tmp)
	files := append([]string{wagon}, yamls...)
	names := map[string]bool{}
	for _, file := range append(files, icon) {
		if file == "" {
			continue
		}
		as := filepath.Base(file)
		if file == icon {
			as = plugin.IconName
		}
		if names[as] {
			return "", usagef("two files are called %s", as)
		}
		names[as] = true
		if err := addFile(w, file, as); err != nil {
			return "", err
		}
	}
	return tmp.Name(), w.Close()
}

func addFile(w *zip.Writer, file, as string) error {
	f, err := os.Open(file)
	if errors.Is(err, os.ErrNotExist) {
		return usagef("there is no %s", file)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	// A wagon is compressed already.
	part, err := w.CreateHeader(&zip.FileHeader{Name: as, Method: zip.Store})
	if err != nil {
		return err
	}
	_, err = io.Copy(part, f)
	return err
}

// pluginValidate reads a wagon as a manager would.
func (a *app) pluginValidate(ctx context.Context, args []string) error {
	dir, err := os.MkdirTemp("", "reify-plugin-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	list, err := plugin.Open(ctx, args[0], dir, archive.DefaultLimits)
	if errors.Is(err, os.ErrNotExist) {
		return usagef("there is no %s", args[0])
	}
	if err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	for _, p := range list {
		a.say("%s %s is a valid plugin (platform %s, Python %s)", p.PackageName, p.PackageVersion, p.SupportedPlatform,
			strings.Join(p.SupportedPythons, ", "))
	}
	return nil
}
