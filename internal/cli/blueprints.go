package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/reifyhq/reify/internal/cli/argument"
	"github.com/reifyhq/reify/internal/cli/exit"
	"github.com/reifyhq/reify/internal/cli/pack"
	"github.com/reifyhq/reify/internal/cli/table"
	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
)

const defaultMainFile = "blueprint.yaml"

func (a *app) blueprintsCommand() *cobra.Command {
	return noun("blueprints", "Application models on the manager", []string{"blueprint", "bl"},
		a.blueprintsUpload(), a.blueprintsList(),
		verb("get BLUEPRINT_ID", "Show a blueprint", 1, 1, a.call(a.blueprintGet)),
		verb("inputs BLUEPRINT_ID", "List the inputs that a blueprint takes", 1, 1, a.call(a.blueprintInputs)),
		a.blueprintsDelete(), a.blueprintsDownload(), a.blueprintsPackage(), a.offline().Validate(), a.offline().Graph(), a.offline().Explain(),
		a.labelsCommand(blueprintLabels{}))
}

// uploadFlags are the options of everything that uploads a blueprint.
type uploadFlags struct {
	id, mainFile, visibility, labels string
	isAsync, everything              bool
}

func (u *uploadFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&u.id, "blueprint-id", "b", "", "id of the blueprint (default: name of its directory or archive)")
	f.StringVarP(&u.mainFile, "blueprint-filename", "n", "", "blueprint file in the archive or directory (default "+defaultMainFile+")")
	f.StringVarP(&u.visibility, "visibility", "l", "tenant", "who may see it: private, tenant or global")
	f.BoolVar(&u.everything, "include-all", false, "pack version control data and editor leftovers, too")
}

func (a *app) blueprintsUpload() *cobra.Command {
	var u uploadFlags
	cmd := verb("upload PATH", "Upload a blueprint: a file, a directory, an archive or a URL", 1, 1,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			b, err := a.upload(ctx, c, args[0], u)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(b)
			}
			a.say("Blueprint uploaded. The blueprint's id is %s", b.ID)
			return nil
		}))
	u.register(cmd)
	cmd.Flags().StringVar(&u.labels, "labels", "", "labels as key:value,key:value")
	cmd.Flags().BoolVarP(&u.isAsync, "async-upload", "a", false, "do not wait until the manager has parsed it")
	cmd.Example = "  reify blueprints upload examples/hello-web -b hello\n  reify blueprints upload app.tar.gz -n main.yaml"
	return cmd
}

// source is a blueprint on its way to the manager: an archive on disk or a URL.
type source struct {
	url      string
	archive  string
	mainFile string
	name     string
	// isTemporary says that the archive was made for this upload, of the directory of the blueprint file local.
	isTemporary bool
	local       string
}

func (s source) close() {
	if s.isTemporary {
		os.Remove(s.archive)
	}
}

// prepare checks what path names and packs it when it is not an archive yet.
func (a *app) prepare(path string, u uploadFlags) (source, error) {
	s := source{mainFile: u.mainFile}
	if s.mainFile == "" {
		s.mainFile = defaultMainFile
	}
	if strings.HasPrefix(path, "http://") || strings.HasPrefix(path, "https://") {
		s.url, s.name = path, stem(path[strings.LastIndexByte(path, '/')+1:])
		return s, nil
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return s, exit.Usagef("there is no %s", path)
	case err != nil:
		return s, err
	case info.IsDir():
		return a.packed(path, s, u)
	case pack.IsArchive(path):
		s.archive, s.name = path, stem(filepath.Base(path))
		return s, pack.Check(path, s.mainFile)
	case u.mainFile != "":
		return s, exit.Usagef("-n names the blueprint file in a directory or an archive, but %s is a file", path)
	}
	s.mainFile = filepath.Base(path)
	return a.packed(filepath.Dir(path), s, u)
}

func (a *app) packed(dir string, s source, u uploadFlags) (source, error) {
	if !argument.IsFile(filepath.Join(dir, s.mainFile)) {
		return s, exit.Usagef("there is no %s in %s; name the blueprint file with -n", s.mainFile, dir)
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return s, err
	}
	f, err := os.CreateTemp("", "reify-blueprint-*.tar.gz")
	if err != nil {
		return s, err
	}
	s.archive, s.name, s.isTemporary, s.local = f.Name(), filepath.Base(abs), true, filepath.Join(dir, s.mainFile)
	_, err = pack.Directory(dir, f, pack.Options{Everything: u.everything})
	if err := errors.Join(err, f.Close()); err != nil {
		s.close()
		return s, err
	}
	return s, nil
}

func stem(name string) string {
	for _, ext := range []string{".tar.gz", ".tar.bz2"} {
		if cut, ok := strings.CutSuffix(name, ext); ok {
			return cut
		}
	}
	return strings.TrimSuffix(name, filepath.Ext(name))
}

// upload uploads what path names and, unless asked not to, waits until the manager has parsed it.
func (a *app) upload(ctx context.Context, c *client.Client, path string, u uploadFlags) (client.Blueprint, error) {
	s, err := a.prepare(path, u)
	if err != nil {
		return client.Blueprint{}, err
	}
	defer s.close()
	id := u.id
	if id == "" {
		id = idFrom(s.name)
	}
	if err := argument.CheckID("blueprint", id, false); err != nil {
		return client.Blueprint{}, err
	}
	params := client.UploadParams{MainFile: s.mainFile, ArchiveURL: s.url, Async: true}
	if params.Visibility, err = argument.Visibility(u.visibility); err != nil {
		return client.Blueprint{}, err
	}
	if params.Labels, err = argument.Labels(u.labels); err != nil {
		return client.Blueprint{}, err
	}
	if s.archive != "" {
		f, err := os.Open(s.archive)
		if err != nil {
			return client.Blueprint{}, err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return client.Blueprint{}, err
		}
		params.Archive, params.Size = f, info.Size()
		a.say("Uploading blueprint %s (%s)...", id, pack.HumanSize(info.Size()))
	} else {
		a.say("Letting the manager fetch blueprint %s from %s...", id, s.url)
	}
	b, err := c.UploadBlueprint(ctx, model.BlueprintID(id), params)
	if err != nil || u.isAsync {
		return b, err
	}
	return a.awaitParsed(ctx, c, b.ID, s.local)
}

// awaitParsed waits until the manager has parsed a blueprint; local is the file on this machine, when there is one.
func (a *app) awaitParsed(
	ctx context.Context, c *client.Client, id model.BlueprintID, local string,
) (client.Blueprint, error) {
	var b client.Blueprint
	err := a.until(ctx, func() (bool, error) {
		var err error
		b, err = c.GetBlueprint(ctx, id)
		return b.State.Ended(), err
	})
	if err != nil {
		return b, err
	}
	if b.State.Failed() {
		err := fmt.Errorf("the manager refused blueprint %s (%s): %s", id, b.State, b.Error)
		if local != "" {
			return b, exit.Hint(err, "reify blueprints validate %s explains it. Correct it and upload it again under the same id.", local)
		}
		return b, exit.Hint(err, "Correct it and upload it again under the same id.")
	}
	return b, nil
}

// idFrom makes an id of a file name: what may not be in an id becomes a dash.
func idFrom(name string) string {
	id := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("_.-~", r):
			return r
		}
		return '-'
	}, name)
	return strings.TrimLeft(id, "0123456789_.-~")
}

func (a *app) blueprintsList() *cobra.Command {
	var l listFlags
	cmd := verb("list", "List blueprints", 0, 0, a.call(func(ctx context.Context, c *client.Client, _ []string) error {
		rules, err := l.rules()
		if err != nil {
			return err
		}
		o := l.options()
		if !a.json {
			o.Include = []string{"id", "description", "main_file_name", "created_at", "updated_at", "visibility",
				"tenant_name", "created_by", "state"}
		}
		page, err := c.ListBlueprints(ctx, o, rules...)
		if err != nil {
			return err
		}
		return printPage(a, "blueprints", page, []string{"id", "description", "main_file_name", "state", "visibility",
			"tenant_name", "created_by", "created_at"}, func(b client.Blueprint) []any {
			return []any{b.ID, b.Description, b.MainFile, b.State, b.Visibility, b.Tenant, b.CreatedBy, b.CreatedAt}
		})
	}))
	l.register(cmd, "created_at", true)
	return cmd
}

func (a *app) blueprintGet(ctx context.Context, c *client.Client, args []string) error {
	b, err := c.GetBlueprint(ctx, model.BlueprintID(args[0]))
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(b)
	}
	used, err := c.ListDeployments(ctx, client.ListOptions{
		Include: []string{"id"}, Equal: map[string][]string{"blueprint_id": {args[0]}},
	})
	if err != nil {
		return err
	}
	deployments := make([]string, 0, len(used.Items))
	for _, d := range used.Items {
		deployments = append(deployments, string(d.ID))
	}
	return a.printOne("Blueprint:", b, "id", b.ID, "description", b.Description, "main_file_name", b.MainFile,
		"state", b.State, "error", b.Error, "labels", labelText(b.Labels), "visibility", b.Visibility,
		"tenant_name", b.Tenant, "created_by", b.CreatedBy, "created_at", b.CreatedAt, "updated_at", b.UpdatedAt,
		"deployments", deployments)
}

func (a *app) blueprintInputs(ctx context.Context, c *client.Client, args []string) error {
	b, err := c.GetBlueprint(ctx, model.BlueprintID(args[0]))
	if err != nil {
		return err
	}
	inputs, err := b.Inputs()
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(inputs)
	}
	t := table.New("Inputs:", a.style(), "name", "type", "default", "constraints", "description")
	for _, name := range slices.Sorted(maps.Keys(inputs)) {
		i := inputs[name]
		t.Add(name, i.Type, i.Default, i.Constraints, i.Description)
	}
	return t.Write(a.Stdout)
}

func (a *app) blueprintsDelete() *cobra.Command {
	var force bool
	cmd := verb("delete BLUEPRINT_ID", "Delete a blueprint", 1, 1,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			if err := c.DeleteBlueprint(ctx, model.BlueprintID(args[0]), force); err != nil {
				return err
			}
			a.say("Blueprint deleted: %s", args[0])
			return nil
		}))
	cmd.Flags().BoolVarP(&force, "force", "f", false, "also when another blueprint imports it")
	return cmd
}

func (a *app) blueprintsDownload() *cobra.Command {
	var output string
	cmd := verb("download BLUEPRINT_ID", "Download the archive of a blueprint", 1, 1,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			d, err := c.DownloadBlueprint(ctx, model.BlueprintID(args[0]))
			if err != nil {
				return err
			}
			path, err := a.save(d, output, args[0]+".tar.gz")
			if err != nil {
				return err
			}
			a.say("Blueprint downloaded as %s", path)
			return nil
		}))
	cmd.Flags().StringVarP(&output, "output-path", "o", "", "file or directory to write to")
	return cmd
}

func (a *app) blueprintsPackage() *cobra.Command {
	var output string
	var everything bool
	cmd := verb("package PATH", "Pack a blueprint file's directory into an archive, without a manager", 1, 1,
		func(_ context.Context, args []string) error {
			s, err := a.prepare(args[0], uploadFlags{everything: everything})
			if err != nil {
				return err
			}
			defer s.close()
			if !s.isTemporary {
				return exit.Usagef("%s is an archive already", args[0])
			}
			data, err := os.ReadFile(s.archive)
			if err != nil {
				return err
			}
			path := output
			if info, err := os.Stat(path); path == "" || err == nil && info.IsDir() {
				path = filepath.Join(path, s.name+".tar.gz")
			}
			if err := os.WriteFile(path, data, 0o644); err != nil {
				return err
			}
			a.say("Packed %s as %s (%s)", args[0], path, pack.HumanSize(int64(len(data))))
			return nil
		})
	cmd.Flags().StringVarP(&output, "output-path", "o", "", "file or directory to write to")
	cmd.Flags().BoolVar(&everything, "include-all", false, "pack version control data and editor leftovers, too")
	return cmd
}
