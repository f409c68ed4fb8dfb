package pyhost

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
)

const (
	// idName marks a finished environment and holds the id of what is installed in it (operations, section 6.6).
	idName     = "plugin.id"
	linkName   = "agent.pth"
	madeOfName = "reify.json"
)

// environment is a set of packages in which operations run.
type environment struct {
	dir         string
	interpreter string
	// overlay is set when the environment holds a copy of the published package, over which the base's must win.
	overlay string
}

// madeOf says what an environment of a plugin is linked to.
type madeOf struct {
	Base   string `json:"base"`
	Python string `json:"python"`
}

// ownPlugins are the plugins whose code is part of the executor itself (operations, section 2).
var ownPlugins = map[string]bool{
	"": true, "agent": true, "diamond": true, "script": true, "cfy_extensions": true, "default_workflows": true,
	"worker_installer": true, "cloudify_system_workflows": true, "agent_installer": true,
}

// environmentOf returns the environment of a plugin and installs the plugin when it is not there. The error is a task error
// when it should not be told as it is.
func (h *Host) environmentOf(ctx context.Context, c *operation.Context, files Files) (*environment, error) {
	base, err := h.base(ctx)
	if err != nil {
		return nil, permanent(ctx, err)
	}
	if ownPlugins[c.Plugin.Name] {
		return &environment{dir: base.Dir, interpreter: base.Interpreter}, nil
	}
	if dir := h.installed(c); dir != "" && h.linked(base, dir) == nil {
		return environmentAt(base, dir)
	}
	return h.install(ctx, base, c, files)
}

// permanent makes an error one that is not tried again, unless it is only the end of ctx.
func permanent(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &operation.Error{Task: operation.NonRecoverable("%v", err)}
}

func environmentAt(base *Installation, dir string) (*environment, error) {
	e := &environment{dir: dir, interpreter: filepath.Join(dir, "bin", "python")}
	site, err := sitePackages(dir)
	if err != nil {
		return nil, err
	}
	for _, name := range overlaid {
		if _, err := os.Stat(filepath.Join(site, name)); err == nil {
			e.overlay = filepath.Join(base.Dir, overlayName)
		}
	}
	return e, nil
}

// Plugin identifies an installed managed plugin.
type Plugin struct {
	Tenant           model.TenantName
	Package, Version string
}

// noVersion is the directory of a plugin without a version.
const noVersion = "0.0.0"

func orNoVersion(version string) string {
	if version == "" {
		return noVersion
	}
	return version
}

func (h *Host) managedDir(p Plugin) string {
	return filepath.Join(h.pluginsRoot(), "plugins", part(string(p.Tenant)), part(p.Package), part(orNoVersion(p.Version)))
}

func (h *Host) sourceDir(c *operation.Context) string {
	name := text(c.Plugin.PackageName)
	if name == "" {
		name = c.Plugin.Name
	}
	return filepath.Join(h.pluginsRoot(), "source_plugins", part(string(c.Tenant.Name)), part(string(c.DeploymentID)), part(name),
		part(orNoVersion(text(c.Plugin.PackageVersion))))
}

// part makes a name of the outside a single part of a path.
func part(name string) string {
	name = strings.NewReplacer("/", "_", "\x00", "_").Replace(name)
	if name == "." || name == ".." || name == "" {
		return "_"
	}
	return name
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// installed finds a finished environment for a plugin: managed in the exact version or the newest, else of the
// deployment's source. It asks nobody.
func (h *Host) installed(c *operation.Context) string {
	p := Plugin{Tenant: c.Tenant.Name, Package: text(c.Plugin.PackageName), Version: text(c.Plugin.PackageVersion)}
	if p.Package != "" {
		if dir := h.newest(p); dir != "" {
			return dir
		}
	}
	if dir := h.sourceDir(c); isFinished(dir) {
		return dir
	}
	return ""
}

func (h *Host) newest(p Plugin) string {
	if p.Version != "" {
		if dir := h.managedDir(p); isFinished(dir) {
			return dir
		}
		return ""
	}
	entries, err := os.ReadDir(filepath.Dir(h.managedDir(p)))
	if err != nil {
		return ""
	}
	best := ""
	for _, e := range entries {
		dir := filepath.Join(filepath.Dir(h.managedDir(p)), e.Name())
		if e.IsDir() && isFinished(dir) && (best == "" || h.o.Newer(e.Name(), filepath.Base(best))) {
			best = dir
		}
	}
	return best
}

func isFinished(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, idName))
	return err == nil
}

// linked makes sure that an environment is linked to the base as it is now. It fails when the environment must be made
// anew, because the base runs another Python.
func (h *Host) linked(base *Installation, dir string) error {
	data, err := os.ReadFile(filepath.Join(dir, madeOfName))
	if err != nil {
		return err
	}
	var of madeOf
	if err := json.Unmarshal(data, &of); err != nil {
		return err
	}
	switch {
	case minor(of.Python) != minor(base.Python):
		return fmt.Errorf("the environment was made for Python %s", of.Python)
	case of.Base == base.Dir:
		return nil
	}
	return link(base, dir)
}

// link lets the packages of the base be found in an environment, after its own (operations, section 6.6).
func link(base *Installation, dir string) error {
	site, err := sitePackages(dir)
	if err != nil {
		return err
	}
	from, err := sitePackages(base.Dir)
	if err != nil {
		return err
	}
	lines := []byte(from + "\n")
	others, err := filepath.Glob(filepath.Join(from, "*.pth"))
	if err != nil {
		return err
	}
	for _, name := range others {
		// Setuptools replaces distutils when it is imported; that is not what the plugin asked for.
		if filepath.Base(name) == "distutils-precedence.pth" {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		lines = append(append(lines, bytes.TrimSpace(data)...), '\n')
	}
	if err := os.WriteFile(filepath.Join(site, linkName), lines, 0o644); err != nil {
		return err
	}
	data, err := json.Marshal(madeOf{Base: base.Dir, Python: base.Python})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, madeOfName), data, 0o644)
}

// Uninstall removes the environment of a managed plugin; one that does not exist is no error.
func (h *Host) Uninstall(ctx context.Context, p Plugin) error {
	return h.remove(ctx, h.managedDir(p))
}

// UninstallSources removes the environments of a deployment's own plugins.
func (h *Host) UninstallSources(ctx context.Context, tenant model.TenantName, deployment model.DeploymentID) error {
	root := filepath.Join(h.pluginsRoot(), "source_plugins", part(string(tenant)), part(string(deployment)))
	dirs, err := filepath.Glob(filepath.Join(root, "*", "*"))
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			continue
		}
		if err := h.remove(ctx, dir); err != nil {
			return err
		}
	}
	return os.RemoveAll(root)
}

func (h *Host) remove(ctx context.Context, dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	lockFile := dir + ".lock"
	unlock, err := lock(ctx, h.o.Clock, lockFile)
	if err != nil {
		return fmt.Errorf("uninstall %s: %w", dir, err)
	}
	defer unlock()
	h.pool.retire(dir)
	// Without its mark the environment is not used any more, whatever happens to the rest.
	if err := os.Remove(filepath.Join(dir, idName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("uninstall %s: %w", dir, err)
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("uninstall %s: %w", dir, err)
	}
	if err := os.Remove(lockFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("uninstall %s: %w", dir, err)
	}
	// It is removed only when it is empty.
	_ = os.Remove(filepath.Dir(dir))
	return nil
}
