package pyhost_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/pyhost"
	"github.com/reifyhq/reify/internal/pyhost/pyhosttest"
)

func (r *rig) managedDir() string {
	return filepath.Join(r.work, "environments", "plugins", "default_tenant", "reify-probe", "1.2")
}

func (r *rig) downloads() int {
	n := 0
	for _, asked := range r.manager.asked() {
		if strings.HasPrefix(asked, "open ") {
			n++
		}
	}
	return n
}

// TestInstallsOnce lets many operations need the same plugin at the same time.
func TestInstallsOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil).withProbe(t)
	var group sync.WaitGroup
	for i := range 6 {
		group.Go(func() {
			m := message("nothing", nil)
			m.Context.TaskID = model.TaskID(fmt.Sprint(i))
			if res := r.run(t, m); res.Err != nil {
				t.Error(show(res))
			}
		})
	}
	group.Wait()
	if n := r.downloads(); n != 1 {
		t.Errorf("the archive was downloaded %d times", n)
	}
	asked := r.manager.asked()
	for _, state := range []string{"installing", "installed"} {
		if !slices.Contains(asked, `put plugins/p1 {"manager":"test","state":"`+state+`"}`) {
			t.Errorf("nobody told that the plugin is %s: %q", state, asked)
		}
	}
}

// TestInstallsAgain covers what makes an environment unusable: half made, another id, uninstalled.
func TestInstallsAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil).withProbe(t)
	works := func(downloads int) {
		t.Helper()
		if res := r.run(t, message("nothing", nil)); res.Err != nil {
			t.Fatal(show(res))
		}
		if n := r.downloads(); n != downloads {
			t.Errorf("%d downloads, want %d", n, downloads)
		}
	}
	if err := os.MkdirAll(filepath.Join(r.managedDir(), "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	works(1)
	works(1)
	if err := os.Remove(filepath.Join(r.managedDir(), "plugin.id")); err != nil {
		t.Fatal(err)
	}
	works(2)
	p := pyhost.Plugin{Tenant: "default_tenant", Package: "reify-probe", Version: "1.2"}
	if err := r.Uninstall(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Dir(r.managedDir())); err == nil {
		t.Error("the plugin's directory is left")
	}
	if err := r.Uninstall(t.Context(), p); err != nil {
		t.Error(err)
	}
	works(3)
}

// wagonOf makes a wagon of files.
func wagonOf(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var buf bytes.Buffer
	zipped := gzip.NewWriter(&buf)
	w := tar.NewWriter(zipped)
	for name, text := range files {
		if err := w.WriteHeader(&tar.Header{Name: "p/" + name, Mode: 0o644, Size: int64(len(text)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// TestRefusesPlugins covers plugins that cannot be installed: the operation says why and is not repeated.
func TestRefusesPlugins(t *testing.T) {
	t.Parallel()
	cut := probe(t)
	for name, c := range map[string]struct {
		platform string
		archive  []byte
		none     bool
		want     string
	}{
		"another platform":  {platform: "win_amd64", archive: probe(t), want: "it was built for win_amd64"},
		"a damaged archive": {archive: cut[:len(cut)/2], want: "unpack the archive"},
		"no wagon":          {archive: wagonOf(t, map[string]string{"x": "y"}), want: "it has no package.json"},
		"no name":           {archive: wagonOf(t, map[string]string{"package.json": "{}"}), want: "names no package"},
		"no wheel": {archive: wagonOf(t, map[string]string{"package.json": `{"package_name": "reify-probe"}`, "wheels/x": ""}),
			want: "No matching distribution found for reify-probe"},
		"a damaged wheel": {archive: wagonOf(t, map[string]string{"package.json": `{"package_name": "reify-probe"}`,
			"wheels/reify_probe-1.2-py3-none-any.whl": "no zip"}), want: "Failed installing managed plugin: p1 [reify-probe 1.2]"},
		"a wheel for another machine": {archive: wagonOf(t, map[string]string{"package.json": `{"package_name": "reify-probe"}`,
			"wheels/reify_probe-1.2-cp27-cp27m-win32.whl": "no zip"}), want: "No matching distribution found for reify-probe"},
		"no archive":     {want: "download the archive"},
		"nothing at all": {none: true, want: "No source or managed plugin found for reify-probe 1.2 [current platform=linux_"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			if !c.none {
				r.manager.plugins = []pyhost.Managed{{ID: "p1", Package: "reify-probe", Version: "1.2", Platform: c.platform}}
			}
			if c.archive != nil {
				r.manager.archives["plugins/p1/archive"] = c.archive
			}
			res := r.run(t, message("nothing", nil))
			if res.Err == nil || !res.Err.Known.Final() || !strings.Contains(res.Err.Message, c.want) {
				t.Errorf("%s\nwant %s", show(res), c.want)
			}
			if _, err := os.Stat(r.managedDir()); err == nil {
				t.Error("a half made environment is left")
			}
		})
	}
}

// TestChooses picks among several uploads of a plugin.
func TestChooses(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil).withProbe(t)
	p := r.manager.plugins[0]
	odd := p
	odd.ID, odd.Version, odd.Platform = "p2", "9.9", "win_amd64"
	older := p
	older.ID, older.Version = "p3", "1.1"
	r.manager.plugins = []pyhost.Managed{older, odd, p}
	m := message("nothing", nil)
	m.Context.Plugin.PackageVersion = nil
	if res := r.run(t, m); res.Err != nil {
		t.Fatal(show(res))
	}
	if _, err := os.Stat(r.managedDir()); err != nil {
		t.Error(err)
	}
	if res := r.run(t, m); res.Err != nil || r.downloads() != 1 {
		t.Errorf("%s after %d downloads", show(res), r.downloads())
	}
}

// TestSourcePlugins installs plugins that a blueprint brings along.
func TestSourcePlugins(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, name := range []string{"setup.py", "probe/__init__.py", "probe/tasks.py"} {
		data, err := os.ReadFile(filepath.Join("testdata", "probe", filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		r.manager.resources["blueprints/default_tenant/bp/plugins/mine/"+name] = string(data)
	}
	m := message("nothing", nil)
	source := "mine"
	m.Context.Plugin.PackageName, m.Context.Plugin.Source = nil, &source
	if res := r.run(t, m); res.Err != nil {
		t.Fatal(show(res))
	}
	if err := r.UninstallSources(t.Context(), "default_tenant", "dep"); err != nil {
		t.Fatal(err)
	}
	if found, _ := filepath.Glob(filepath.Join(r.work, "environments", "source_plugins", "*", "*")); len(found) > 0 {
		t.Errorf("left: %q", found)
	}
	for from, want := range map[string]string{"ftp://x/y.zip": "Invalid schema: ftp", "nowhere": "there is no directory plugins/nowhere"} {
		m.Context.Plugin.Source = &from
		if res := r.run(t, m); res.Err == nil || !res.Err.Known.Final() || !strings.Contains(res.Err.Message, want) {
			t.Errorf("%s: %s", from, show(res))
		}
	}
}

// TestOldPackageInPlugin installs a plugin that brings an older copy of the published package along.
func TestOldPackageInPlugin(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "probe")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "probe"))); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"setup.py":             "from setuptools import setup\nsetup(name='reify-probe', version='1.2', packages=['probe', 'cloudify'])\n",
		"cloudify/__init__.py": "raise ImportError('the old package was imported')\n", "cloudify/dispatch.py": "\n",
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(pyhosttest.Wagon(t, pyhosttest.Base(t), dir, ownOnly))
	if err != nil {
		t.Fatal(err)
	}
	for _, cold := range []bool{false, true} {
		r := newRig(t, func(o *pyhost.Options) { o.Cold = cold }).withProbe(t)
		r.manager.archives["plugins/p1/archive"] = data
		if res := r.run(t, message("nothing", nil)); res.Err != nil {
			t.Error(show(res))
		}
	}
}

// TestSetup covers setups that cannot work; what works is the ground of all other tests.
func TestSetup(t *testing.T) {
	t.Parallel()
	python2 := filepath.Join(t.TempDir(), "python2")
	if err := os.WriteFile(python2, []byte("#!/bin/sh\necho 2.7.18\necho whole\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	bare := filepath.Join(t.TempDir(), "bare")
	if err := os.WriteFile(bare, []byte("#!/bin/sh\necho 3.11.2\necho \"ModuleNotFoundError: No module named 'ensurepip'\" >&2\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		base pyhost.Base
		want string
	}{
		"no interpreter":  {pyhost.Base{Python: "no-such-python"}, `there is no interpreter "no-such-python"; install Python 3.6 or newer`},
		"too old":         {pyhost.Base{Python: python2}, "is Python 2.7.18; 3.6 or newer is needed"},
		"without venv":    {pyhost.Base{Python: bare}, "install its venv module (package python3-venv)"},
		"no wheels":       {pyhost.Base{Wheelhouse: t.TempDir(), Env: withoutWheels()}, "it must hold the wheels of cloudify-common[dispatcher]==7.0.5"},
		"not a directory": {pyhost.Base{Dir: "/proc/nowhere"}, "make the directory for the Python environment"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := c.base
			b.Clock = clock.Real{}
			if b.Dir == "" {
				b.Dir = t.TempDir()
			}
			_, err := b.Setup(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
			if left, _ := filepath.Glob(filepath.Join(b.Dir, "env-*")); len(left) > 0 {
				t.Errorf("half made environments are left: %q", left)
			}
		})
	}
}

// withoutWheels is the environment without settings of pip that would find wheels elsewhere.
func withoutWheels() []string {
	return slices.DeleteFunc(os.Environ(), func(pair string) bool { return strings.HasPrefix(pair, "PIP_FIND_LINKS") })
}

// TestMissingBase says on the operation what to type.
func TestMissingBase(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*pyhost.Options){
		"not set up": func(o *pyhost.Options) {
			o.Base = pyhost.Base{Dir: t.TempDir(), Advice: "reify python setup --data_dir x"}
		},
		"no interpreter": func(o *pyhost.Options) {
			o.Base = pyhost.Base{Dir: t.TempDir(), Python: "no-such-python", Advice: "reify python setup --data_dir x"}
			o.SetupOnUse = true
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &rig{manager: newManager(), work: t.TempDir()}
			o := func(o *pyhost.Options) { o.Transport = &http.Transport{}; change(o) }
			r.Host = startHost(t, pyhost.Base{}, r.work, "http://127.0.0.1:1", o)
			for range 2 {
				res := r.Run(context.WithoutCancel(t.Context()), r.request(message("nothing", nil)))
				if res.Err == nil || res.Err.Known != model.ErrorNonRecoverable || !strings.Contains(res.Err.Message, "Type: reify python setup --data_dir x") {
					t.Error(show(res))
				}
			}
		})
	}
}

// TestProxyKnowsItsGuests refuses tokens of nobody who runs.
func TestProxyKnowsItsGuests(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil).withProbe(t)
	m := message("rest", nil)
	m.Context.ExecutionToken = "another-token"
	res := r.Run(t.Context(), r.request(m))
	if res.Err == nil || !strings.Contains(res.Err.Message, "401") {
		t.Errorf("a token that the manager does not know: %s", show(res))
	}
	var _ operation.Result = res
}
