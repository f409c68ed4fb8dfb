package pyhost

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/reifyhq/reify/internal/clock"
)

// CommonVersion is the version of the published package that operations and workflows run on.
const CommonVersion = "7.0.5"

const (
	// currentName is the link to the finished base environment; others in the directory are older or half made.
	currentName = "current"
	markerName  = "reify.json"
	overlayName = "reify-overlay"
	// setupPause is how long a failed setup is not tried again.
	setupPause = time.Minute
)

// overlaid are the packages of the published distribution: an older copy in the environment of a plugin must not win over
// them (operations, decision D5).
var overlaid = []string{"cloudify", "cloudify_rest_client", "cloudify_async_client", "dsl_parser", "script_runner"}

// aliases are names under which plugins ask for the published package; their code imports the same modules (operations,
// section 6.8).
var aliases = []string{"fusion-common", "fusion-mgmtworker", "cloudify-plugins-common", "cloudify-rest-client", "cloudify-dsl-parser"}

// Base is a place for the base environment: a virtualenv with the published package, to which the environments of plugins
// are linked. Dir is required. Several processes may use one directory.
type Base struct {
	Dir string
	// Python is the interpreter to make it with; empty is python3.
	Python string
	// Wheelhouse is a directory of wheels to install from instead of the package registry; empty is none.
	Wheelhouse string
	// Env is the environment for the installer.
	Env   []string
	Clock clock.Clock
	Log   *slog.Logger
	// Advice is the command that a user types to set the environment up.
	Advice string
}

// Installation is a finished base environment.
type Installation struct {
	// Dir is the virtualenv and Interpreter the program in it.
	Dir         string `json:"-"`
	Interpreter string `json:"-"`
	// Python and Common are versions, Program is what it was made with.
	Python  string    `json:"python"`
	Common  string    `json:"cloudify_common"`
	Program string    `json:"program"`
	MadeAt  time.Time `json:"made_at"`
}

func (i *Installation) exists() bool {
	_, err := os.Stat(i.Interpreter)
	return err == nil
}

func (b *Base) python() string {
	if b.Python == "" {
		return "python3"
	}
	return b.Python
}

func (b *Base) advice() string {
	if b.Advice == "" {
		return "reify python setup"
	}
	return b.Advice
}

// Find returns the base environment; an error says why there is none.
func (b *Base) Find() (*Installation, error) {
	dir, err := filepath.EvalSymlinks(filepath.Join(b.Dir, currentName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no Python environment in %s", b.Dir)
	}
	if err != nil {
		return nil, fmt.Errorf("look for the Python environment in %s: %w", b.Dir, err)
	}
	data, err := os.ReadFile(filepath.Join(dir, markerName))
	if err != nil {
		return nil, fmt.Errorf("the Python environment in %s is not whole: %w", dir, err)
	}
	i := &Installation{Dir: dir, Interpreter: filepath.Join(dir, "bin", "python")}
	if err := json.Unmarshal(data, i); err != nil {
		return nil, fmt.Errorf("the Python environment in %s is not whole: %w", dir, err)
	}
	if !i.exists() {
		return nil, fmt.Errorf("the interpreter of the Python environment in %s is gone: %s was made with %s", b.Dir, i.Interpreter, i.Program)
	}
	return i, nil
}

// Setup makes the base environment unless it is there with the wanted versions. It builds aside and moves into place, so
// that whoever uses the old one is not disturbed; a half made one of a process that died is removed. Calls at the same
// time wait for each other.
func (b *Base) Setup(ctx context.Context) (*Installation, error) {
	if err := os.MkdirAll(b.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the directory for the Python environment: %w", err)
	}
	unlock, err := lock(ctx, b.Clock, filepath.Join(b.Dir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("wait for another setup in %s: %w", b.Dir, err)
	}
	defer unlock()
	program, version, err := b.probe(ctx)
	if err != nil {
		return nil, err
	}
	if old, err := b.Find(); err == nil && old.Common == CommonVersion && old.Python == version && old.Program == program {
		return old, nil
	}
	b.sweep()
	dir, err := os.MkdirTemp(b.Dir, "env-")
	if err != nil {
		return nil, fmt.Errorf("make the Python environment: %w", err)
	}
	i := &Installation{
		Dir: dir, Interpreter: filepath.Join(dir, "bin", "python"), Python: version, Common: CommonVersion, Program: program,
		MadeAt: b.Clock.Now(),
	}
	if err := b.build(ctx, i); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	link := filepath.Join(b.Dir, currentName+".new")
	if err := os.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := os.Symlink(filepath.Base(dir), link); err != nil {
		return nil, fmt.Errorf("put the Python environment into place: %w", err)
	}
	if err := os.Rename(link, filepath.Join(b.Dir, currentName)); err != nil {
		return nil, fmt.Errorf("put the Python environment into place: %w", err)
	}
	return i, nil
}

// probe finds the interpreter and its version.
func (b *Base) probe(ctx context.Context) (program, version string, err error) {
	const ask = "import sys\nprint('.'.join(map(str, sys.version_info[:3])))\nimport venv, ensurepip\nprint('whole')"
	out, err := b.run(ctx, "", b.python(), "-c", ask)
	version, rest, _ := strings.Cut(out, "\n")
	var missing *missingProgram
	switch {
	case errors.As(err, &missing):
		return "", "", fmt.Errorf("there is no interpreter %q; install Python 3.6 or newer, or name another one with --python", b.python())
	case err != nil && strings.Contains(out, "No module named"):
		return "", "", fmt.Errorf("%s (Python %s) cannot make virtual environments; install its venv module (package python3-venv)",
			b.python(), version)
	case err != nil || !strings.HasPrefix(rest, "whole"):
		return "", "", fmt.Errorf("ask %s for its version: %w\n%s", b.python(), orUnexpected(err), out)
	}
	if strings.HasPrefix(version, "2.") || slices.Contains([]string{"3.0", "3.1", "3.2", "3.3", "3.4", "3.5"}, minor(version)) {
		return "", "", fmt.Errorf("%s is Python %s; 3.6 or newer is needed, name another one with --python", b.python(), version)
	}
	return b.python(), version, nil
}

func orUnexpected(err error) error {
	if err == nil {
		return errors.New("unexpected answer")
	}
	return err
}

// minor returns the first two numbers of a version.
func minor(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}

// build fills the environment and marks it finished.
func (b *Base) build(ctx context.Context, i *Installation) error {
	if out, err := b.run(ctx, "", i.Program, "-m", "venv", i.Dir); err != nil {
		return fmt.Errorf("make a virtual environment with %s: %w\n%s", i.Program, err, tail(out))
	}
	args := []string{"-m", "pip", "--disable-pip-version-check", "install"}
	if b.Wheelhouse != "" {
		args = append(args, "--no-index", "--find-links", b.Wheelhouse)
	}
	args = append(args, "cloudify-common[dispatcher]=="+CommonVersion, "setuptools", "wheel")
	if out, err := b.run(ctx, "", i.Interpreter, args...); err != nil {
		return b.explain(err, out)
	}
	const check = "import cloudify.dispatch, cloudify.workflows.workflow_context, script_runner.tasks"
	if out, err := b.run(ctx, "", i.Interpreter, "-c", check); err != nil {
		return fmt.Errorf("cloudify-common %s does not work on Python %s: %w\n%s", CommonVersion, i.Python, err, tail(out))
	}
	site, err := sitePackages(i.Dir)
	if err != nil {
		return err
	}
	if err := overlay(i.Dir, site); err != nil {
		return fmt.Errorf("finish the Python environment: %w", err)
	}
	for _, name := range aliases {
		if err := alias(site, name); err != nil {
			return fmt.Errorf("finish the Python environment: %w", err)
		}
	}
	data, err := json.Marshal(i)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(i.Dir, markerName), data, 0o644); err != nil {
		return fmt.Errorf("finish the Python environment: %w", err)
	}
	return nil
}

// explain says what to do about a failed installation.
func (b *Base) explain(err error, out string) error {
	what := "install cloudify-common " + CommonVersion
	switch {
	case strings.Contains(out, "No space left on device"):
		return fmt.Errorf("%s: the disk that holds %s is full", what, b.Dir)
	case b.Wheelhouse != "":
		return fmt.Errorf("%s from the wheelhouse %s: %w; it must hold the wheels of cloudify-common[dispatcher]==%s, setuptools and "+
			"wheel with all they need\n%s", what, b.Wheelhouse, err, CommonVersion, tail(out))
	}
	return fmt.Errorf("%s from the package registry: %w; is it reachable? Without one, give a directory of wheels with --wheelhouse\n%s",
		what, err, tail(out))
}

// sweep removes environments that were never finished.
func (b *Base) sweep() {
	dirs, err := filepath.Glob(filepath.Join(b.Dir, "env-*"))
	if err != nil {
		return
	}
	for _, dir := range dirs {
		if _, err := os.Stat(filepath.Join(dir, markerName)); err == nil {
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			b.Log.Warn("remove a half made Python environment", "directory", dir, "error", err)
		}
	}
}

// overlay makes a directory with links to the packages of the published distribution and nothing else.
func overlay(dir, site string) error {
	target := filepath.Join(dir, overlayName)
	if err := os.Mkdir(target, 0o755); err != nil {
		return err
	}
	for _, name := range overlaid {
		from := filepath.Join(site, name)
		if _, err := os.Stat(from); err != nil {
			continue
		}
		if err := os.Symlink(from, filepath.Join(target, name)); err != nil {
			return err
		}
	}
	return nil
}

// alias makes the published package answer to another name.
func alias(site, name string) error {
	dir := filepath.Join(site, strings.ReplaceAll(name, "-", "_")+"-"+CommonVersion+".dist-info")
	if err := os.Mkdir(dir, 0o755); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		return err
	}
	text := "Metadata-Version: 2.1\nName: " + name + "\nVersion: " + CommonVersion + "\n"
	if err := os.WriteFile(filepath.Join(dir, "METADATA"), []byte(text), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "INSTALLER"), []byte("reify\n"), 0o644)
}

// sitePackages returns where a virtualenv keeps its packages.
func sitePackages(dir string) (string, error) {
	found, err := filepath.Glob(filepath.Join(dir, "lib", "python3*", "site-packages"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("find the packages of the virtual environment %s: %d directories", dir, len(found))
	}
	return found[0], nil
}

// setupFailure remembers a failed setup for a while: every operation would wait for the next one.
type setupFailure struct {
	at  time.Time
	err error
}

func (f *setupFailure) recent(now time.Time) error {
	if f.err != nil && now.Sub(f.at) < setupPause {
		return f.err
	}
	return nil
}

// tail is the end of a long output.
func tail(out string) string {
	const keep = 2000
	out = strings.TrimSpace(out)
	if len(out) > keep {
		_, out, _ = strings.Cut(out[len(out)-keep:], "\n")
	}
	return out
}

func (b *Base) run(ctx context.Context, dir, program string, args ...string) (string, error) {
	var out bytes.Buffer
	err := runCommand(ctx, b.Env, dir, &out, program, args...)
	return out.String(), err
}
