package pyhost

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
)

// Files is what an installation needs of the manager, with the token of the execution that asks for it.
type Files interface {
	// Download opens a file below /resources/ of the file server; Get reads anything else of the API. A missing object is
	// fault.NotFound.
	Download(ctx context.Context, path string) (io.ReadCloser, error)
	Get(ctx context.Context, path string) (json.RawMessage, error)
	// Open opens a file of the API, such as plugins/ID/archive.
	Open(ctx context.Context, path string) (io.ReadCloser, error)
	// Put writes a JSON document of the API.
	Put(ctx context.Context, path string, body any) error
}

// installation is what an environment is to be made of.
type installation struct {
	dir string
	// id goes into the mark of the finished environment; what is how messages call the plugin.
	id, what string
	// fill installs the packages with the interpreter of the environment.
	fill func(ctx context.Context, interpreter, scratch string) error
	// failed makes the error of an installation that did not work.
	failed func(err error) error
	// tell tells the manager the state of a managed plugin; nil tells nobody.
	tell func(ctx context.Context, state string, err error)
}

// install finds out what to install for a plugin and installs it: the managed plugin when there is one, else its source
// (operations, section 6.5).
func (h *Host) install(ctx context.Context, base *Installation, c *operation.Context, files Files) (*environment, error) {
	found, err := h.choose(ctx, base, c, files)
	if err != nil {
		return nil, err
	}
	var todo installation
	switch {
	case found != nil:
		todo = h.managed(found, c, files)
	case text(c.Plugin.Source) != "":
		todo = h.source(base, c, files)
	default:
		name := text(c.Plugin.PackageName)
		if name == "" {
			name = c.Plugin.Name
		}
		if v := text(c.Plugin.PackageVersion); v != "" {
			name += " " + v
		}
		return nil, permanent(ctx, fmt.Errorf("No source or managed plugin found for %s [current platform=%s, arch=%s]. "+
			"Upload the plugin's wagon, or give the plugin a source in the blueprint", name, platform(), machine()))
	}
	if err := h.make(ctx, base, todo); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, todo.failed(err)
	}
	return environmentAt(base, todo.dir)
}

// make makes an environment unless it is there. Somebody else who makes the same one is waited for.
func (h *Host) make(ctx context.Context, base *Installation, i installation) error {
	if err := os.MkdirAll(filepath.Dir(i.dir), 0o755); err != nil {
		return err
	}
	unlock, err := lock(ctx, h.o.Clock, i.dir+".lock")
	if err != nil {
		return fmt.Errorf("wait for another installation of %s: %w", i.what, err)
	}
	defer unlock()
	id, err := os.ReadFile(filepath.Join(i.dir, idName))
	if err == nil && string(id) == i.id && h.linked(base, i.dir) == nil {
		return nil
	}
	// What lies there is half made, of another Python, or of a plugin that was deleted and uploaded again.
	h.pool.retire(i.dir)
	if err := os.RemoveAll(i.dir); err != nil {
		return fmt.Errorf("remove what is left of an earlier installation: %w", err)
	}
	h.log.Info("installing a plugin", "plugin", i.what, "directory", i.dir)
	i.report(ctx, "installing", nil)
	if err := h.fill(ctx, base, i); err != nil {
		i.report(ctx, "error", err)
		return errors.Join(err, os.RemoveAll(i.dir))
	}
	i.report(ctx, "installed", nil)
	return nil
}

func (i *installation) report(ctx context.Context, state string, err error) {
	if i.tell != nil {
		i.tell(ctx, state, err)
	}
}

// Install installs a plugin of the catalogue for a tenant before an operation needs it.
func (h *Host) Install(ctx context.Context, tenant model.TenantName, p *Managed, files Files) error {
	base, err := h.base(ctx)
	if err != nil {
		return err
	}
	return h.make(ctx, base, h.managed(p, &operation.Context{Tenant: operation.Tenant{Name: tenant}}, files))
}

func (h *Host) fill(ctx context.Context, base *Installation, i installation) error {
	out := &bytes.Buffer{}
	if err := runCommand(ctx, h.o.Base.Env, "", out, base.Interpreter, "-m", "venv", "--without-pip", i.dir); err != nil {
		return fmt.Errorf("make a virtual environment: %w\n%s", err, tail(out.String()))
	}
	if err := link(base, i.dir); err != nil {
		return fmt.Errorf("link the environment to the base: %w", err)
	}
	scratch, err := os.MkdirTemp(h.o.TempDir, "plugin-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	if err := i.fill(ctx, filepath.Join(i.dir, "bin", "python"), scratch); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(i.dir, idName), []byte(i.id), 0o644); err != nil {
		return fmt.Errorf("mark the environment as finished: %w", err)
	}
	return nil
}

// managed is the installation of a plugin that was uploaded to the manager.
func (h *Host) managed(found *Managed, c *operation.Context, files Files) installation {
	what := found.Package + " " + found.Version
	args := installArguments(c)
	return installation{
		dir:  h.managedDir(Plugin{Tenant: c.Tenant.Name, Package: found.Package, Version: found.Version}),
		id:   found.ID,
		what: what,
		failed: func(err error) error {
			return &operation.Error{Task: operation.NonRecoverable("Failed installing managed plugin: %s [%s][%v]", found.ID, what, err)}
		},
		tell: func(ctx context.Context, state string, err error) {
			body := map[string]any{"state": state, h.o.Kind.field(): h.o.Name}
			if err != nil {
				body["error"] = err.Error()
			}
			// The state is for people to see; that nobody took it is no reason to fail.
			if err := files.Put(ctx, "plugins/"+found.ID, body); err != nil {
				h.log.Debug("tell the state of a plugin", "plugin", found.ID, "state", state, "error", err)
			}
		},
		fill: func(ctx context.Context, interpreter, scratch string) error {
			body, err := files.Open(ctx, "plugins/"+found.ID+"/archive")
			if err != nil {
				return fmt.Errorf("download the archive: %w", err)
			}
			defer body.Close()
			return h.installWagon(ctx, interpreter, scratch, body, args)
		},
	}
}

// installArguments are the arguments for pip that the plan gives the plugin.
func installArguments(c *operation.Context) []string {
	return strings.Fields(text(c.Plugin.InstallArguments))
}

// pip runs pip of the base in the environment of the interpreter.
func (h *Host) pip(ctx context.Context, interpreter, dir string, args ...string) error {
	out := &bytes.Buffer{}
	err := runCommand(ctx, h.o.Base.Env, dir, out, interpreter, append([]string{"-m", "pip", "--disable-pip-version-check"}, args...)...)
	switch {
	case err == nil:
		return nil
	case strings.Contains(out.String(), "No space left on device"):
		return fmt.Errorf("the disk that holds %s is full", h.pluginsRoot())
	}
	return fmt.Errorf("pip %s: %w\n%s", args[0], err, tail(out.String()))
}

// Managed is a plugin of the manager's catalogue, in the fields that an installation needs.
type Managed struct {
	ID        string   `json:"id"`
	Package   string   `json:"package_name"`
	Version   string   `json:"package_version"`
	Platform  string   `json:"supported_platform"`
	Pythons   []string `json:"supported_py_versions"`
	CreatedAt string   `json:"uploaded_at"`
}

// choose asks the manager for the plugin and picks the best one for this machine; nil when there is none (operations,
// section 6.5).
func (h *Host) choose(ctx context.Context, base *Installation, c *operation.Context, files Files) (*Managed, error) {
	name := text(c.Plugin.PackageName)
	if name == "" {
		return nil, nil
	}
	raw, err := files.Get(ctx, "plugins?"+pluginQuery(name, text(c.Plugin.PackageVersion)))
	if err != nil {
		if fault.Is(err, fault.NotFound) {
			return nil, nil
		}
		return nil, fmt.Errorf("look for the plugin %s: %w", name, err)
	}
	var page struct {
		Items []*Managed `json:"items"`
	}
	if err := model.DecodeJSON(raw, &page); err != nil {
		return nil, fmt.Errorf("look for the plugin %s: %w", name, err)
	}
	var best *Managed
	for _, p := range page.Items {
		// A manager that does not know the filters lists everything.
		if p.Package == name && (c.Plugin.PackageVersion == nil || *c.Plugin.PackageVersion == p.Version) && h.better(base, p, best) {
			best = p
		}
	}
	if best != nil && !supported(best.Platform) {
		return nil, permanent(ctx, fmt.Errorf("Failed installing managed plugin: %s [%s %s]: it was built for %s, and this machine is %s. "+
			"Upload a wagon for this platform", best.ID, best.Package, best.Version, best.Platform, platform()))
	}
	return best, nil
}

// better compares by what fits this machine, then by version, then by Python version.
func (h *Host) better(base *Installation, a, b *Managed) bool {
	if b == nil {
		return true
	}
	if x, y := supported(a.Platform), supported(b.Platform); x != y {
		return x
	}
	if a.Version != b.Version {
		return h.o.Newer(a.Version, b.Version)
	}
	return speaks(a.Pythons, base.Python) && !speaks(b.Pythons, base.Python)
}
