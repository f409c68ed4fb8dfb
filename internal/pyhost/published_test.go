package pyhost_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/pyhost"
	"github.com/reifyhq/reify/internal/pyhost/pyhosttest"
)

// publishedVariable asks for the tests with plugins from the package registry, which take minutes.
const publishedVariable = "REIFY_TEST_PUBLISHED_PLUGINS"

// unpacked downloads the source of a published package and returns its directory.
func unpacked(t *testing.T, b pyhost.Base, requirement string) string {
	t.Helper()
	i, err := b.Find()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	run := func(name string, args ...string) {
		t.Helper()
		var out bytes.Buffer
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &out
		if err := cmd.Run(); err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, out.String())
		}
	}
	run(i.Interpreter, "-m", "pip", "download", "--no-deps", "--no-build-isolation", "-d", dir, requirement)
	found, err := filepath.Glob(filepath.Join(dir, "*.tar.gz"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: %q, %v", requirement, found, err)
	}
	run("tar", "xzf", found[0])
	return strings.TrimSuffix(found[0], ".tar.gz")
}

// TestPublishedPlugins builds wagons of plugins that are in the package registry, installs them and runs operations of
// them, warm and cold. docs/compat/plugins.md tells what came out.
func TestPublishedPlugins(t *testing.T) {
	if os.Getenv(publishedVariable) == "" {
		t.Skipf("set %s=1 to build and run plugins from the package registry", publishedVariable)
	}
	t.Parallel()
	base := pyhosttest.Base(t)
	for _, c := range []struct {
		name, version string
		// alone leaves the requirements out of the wagon, because they cannot be built.
		alone    bool
		function string
		kwargs   model.Document
		want     string
	}{
		{"cloudify-utilities-plugins-sdk", "0.0.130", false, "cloudify_common_sdk.filters.obfuscate_passwords",
			model.Document{"obj": map[string]any{"password": "x", "a": 1}}, "obfuscate_passwords() got an unexpected keyword argument 'ctx'"},
		{"cloudify-script-plugin", "1.5.4", true, "script_runner.tasks.run",
			model.Document{"script_source": "#!/bin/bash\nctx returns \"from $(ctx node name)\""}, `value "from vm"`},
		{"cloudify-diamond-plugin", "1.3.15", true, "diamond_agent.tasks.install", nil, "No matching distribution found for diamond==3.5.0"},
		{"cloudify-plugins-common", "4.3.3", true, "cloudify.dispatch.nowhere", nil, "cloudify.dispatch has no function named 'nowhere'"},
		{"cloudify-aws-plugin", "3.1.7", false, "cloudify_aws.s3.resources.bucket.prepare", nil, "NoCredentialsError"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var args []string
			if c.alone {
				args = append(args, "--wheel-args=--no-deps")
			}
			data, err := os.ReadFile(pyhosttest.Wagon(t, base, unpacked(t, base, c.name+"=="+c.version), args...))
			if err != nil {
				t.Fatal(err)
			}
			for _, cold := range []bool{false, true} {
				i, err := base.Find()
				if err != nil {
					t.Fatal(err)
				}
				r := newRig(t, func(o *pyhost.Options) { o.Cold, o.CtxDir = cold, filepath.Dir(i.Interpreter) })
				r.manager.plugins = []pyhost.Managed{{ID: "p1", Package: c.name, Version: c.version}}
				r.manager.archives["plugins/p1/archive"] = data
				m := message("", c.kwargs)
				m.Context.TaskName = c.function
				m.Context.Plugin.PackageName, m.Context.Plugin.PackageVersion = &c.name, &c.version
				res := r.run(t, m)
				if !strings.Contains(show(res), c.want) {
					t.Errorf("cold %v: %s\nwant %s", cold, show(res), c.want)
					if res.Err != nil {
						t.Log(res.Err.Traceback)
					}
				}
			}
		})
	}
}
