package e2e_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/reifyhq/reify/internal/archive"
	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
)

const pluginYAML = `plugins:
  demo:
    executor: central_deployment_agent
    package_name: demo-plugin
    package_version: '%[1]s'
    properties:
      region: {type: string}
node_types:
  demo.Node:
    derived_from: cloudify.nodes.Root
    properties:
      made_with: {default: '%[1]s'}
    interfaces:
      cloudify.interfaces.lifecycle:
        create: demo.tasks.run
blueprint_labels:
  obj-kind: {values: [demo]}
labels:
  made-by: {values: [demo, plugin]}
resource_tags:
  team: one
`

// wagon writes a wagon of the version and its plugin.yaml, and returns both paths.
func wagon(t *testing.T, version string) (file, description string) {
	t.Helper()
	dir := t.TempDir()
	var buf bytes.Buffer
	zipped := gzip.NewWriter(&buf)
	w := tar.NewWriter(zipped)
	name := fmt.Sprintf("demo_plugin-%s-py3-none-any.wgn", version)
	for path, text := range map[string]string{
		"demo-plugin/package.json": fmt.Sprintf(`{"archive_name": %q, "package_name": "demo-plugin", "package_version": %q, "package_source": "demo",`+
			`"supported_platform": "any", "supported_python_versions": ["py3"], "wheels": ["demo.whl"], "build_server_os_properties": {}}`, name, version),
		"demo-plugin/wheels/demo.whl": "no wheel",
	} {
		if err := w.WriteHeader(&tar.Header{Name: path, Mode: 0o644, Size: int64(len(text))}); err != nil {
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
	file, description = filepath.Join(dir, name), filepath.Join(dir, "plugin.yaml")
	if err := os.WriteFile(file, buf.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(description, fmt.Appendf(nil, pluginYAML, version), 0o644); err != nil {
		t.Fatal(err)
	}
	return file, description
}

// uploadPlugin uploads a version of the demo plugin and returns its id.
func (m *manager) uploadPlugin(version string) model.PluginID {
	m.t.Helper()
	file, description := wagon(m.t, version)
	m.ok("plugins", "upload", file, "-y", description)
	page, err := m.client().ListPlugins(m.t.Context(), client.ListOptions{Equal: map[string][]string{"package_version": {version}}}, false)
	if err != nil || len(page.Items) != 1 {
		m.t.Fatalf("plugins of version %s: %+v, %v", version, page.Items, err)
	}
	return page.Items[0].ID
}

func importing(imported string) map[string]string {
	return map[string]string{"blueprint.yaml": "tosca_definitions_version: cloudify_dsl_1_5\n" +
		"imports:\n- cloudify/types/types.yaml\n- " + imported + "\nnode_templates:\n  a: {type: demo.Node}\n"}
}

// madeWith returns the version of the plugin in the plan of a blueprint.
func (m *manager) madeWith(id model.BlueprintID) string {
	m.t.Helper()
	b, err := m.client().GetBlueprint(m.t.Context(), id)
	if err != nil {
		m.t.Fatal(err)
	}
	var plan struct {
		Nodes []struct{ Properties map[string]any }
	}
	if err := model.DecodeJSON(b.Plan, &plan); err != nil || len(plan.Nodes) != 1 {
		m.t.Fatalf("plan of %s: %v", id, err)
	}
	return fmt.Sprint(plan.Nodes[0].Properties["made_with"])
}

// uploadWith uploads a blueprint with further parameters, as JSON members.
func (m *manager) uploadWith(id, dir, members string) (status int, answer string) {
	m.t.Helper()
	var packed, form bytes.Buffer
	if err := archive.Pack(m.t.Context(), &packed, os.DirFS(dir), "app"); err != nil {
		m.t.Fatal(err)
	}
	w := multipart.NewWriter(&form)
	if err := w.WriteField("params", `{"visibility": "tenant", "async_upload": false, `+members+`}`); err != nil {
		m.t.Fatal(err)
	}
	part, err := w.CreateFormFile("blueprint_archive", "filename")
	if err == nil {
		_, err = part.Write(packed.Bytes())
	}
	if err != nil || w.Close() != nil {
		m.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(m.t.Context(), http.MethodPut, m.url+"/api/v3.1/blueprints/"+id, &form)
	if err != nil {
		m.t.Fatal(err)
	}
	req.Header.Set("Content-Type", w.FormDataContentType())
	req.Header.Set("Tenant", "default_tenant")
	req.SetBasicAuth("admin", m.password())
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		m.t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		m.t.Fatal(err)
	}
	return res.StatusCode, string(data)
}

// TestPluginImports uploads versions of a plugin and blueprints that import it.
func TestPluginImports(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	for _, v := range []string{"1.0.0", "1.2.0", "1.10.0", "2.0rc1"} {
		m.uploadPlugin(v)
	}
	for name, c := range map[string]struct{ imported, want string }{
		"bare":      {"plugin:demo-plugin", "1.10.0"},
		"atleast":   {"plugin:demo-plugin?version=>=1.0", "1.10.0"},
		"exact":     {"plugin:demo-plugin?version=1.2.0", "1.2.0"},
		"both":      {"plugin:demo-plugin?version=>=1.0&version=<1.10", "1.2.0"},
		"wildcard":  {"plugin:demo-plugin?version=%3D%3D1.2.*", "1.2.0"},
		"candidate": {"plugin:demo-plugin?version=>=2.0rc1", "2.0rc1"},
		"url-path":  {"plugin:demo-plugin?version=1.0.0&distribution=None", "1.0.0"},
		"property":  {"{'plugin:demo-plugin?version=1.0.0': {region: eu}}", "1.0.0"},
	} {
		m.ok("blueprints", "upload", blueprint(t, importing(c.imported)), "-b", name)
		if got := m.madeWith(model.BlueprintID(name)); got != c.want {
			t.Errorf("%s: %s chose %s, want %s", name, c.imported, got, c.want)
		}
	}
	for name, c := range map[string]struct{ imported, want string }{
		"toonew":   {"plugin:demo-plugin?version=>=3", "No matching version was found for plugin demo-plugin and version(s) >=3."},
		"unknown":  {"plugin:nope", "Failed parsing blueprint - Plugin nope not found"},
		"badquery": {"plugin:demo-plugin?color=red", "Error parsing spec for plugin demo-plugin: invalid parameter color"},
		"empty":    {"plugin:demo-plugin?version=", "the version is empty"},
		"other":    {"plugin:demo-plugin?distribution=centos", "not found"},
		"wrong":    {"{'plugin:demo-plugin': {region: [1]}}", "region"},
	} {
		code, out := m.reify("blueprints", "upload", blueprint(t, importing(c.imported)), "-b", name)
		if code == 0 || !strings.Contains(out, c.want) {
			t.Errorf("%s: exit %d, want %q\n%s", name, code, c.want, out)
		}
	}
	dir := blueprint(t, importing("plugin:demo-plugin?version=>=1.0"))
	for name, c := range map[string]struct{ members, want string }{
		"mapped":      {`"plugin_mappings": {"demo-plugin": {"version": "1.0.0"}}`, "1.0.0"},
		"mapped-url":  {`"plugin_mappings": {"demo-plugin": {"import_url": "plugin:demo-plugin?version=1.2.0"}}`, "1.2.0"},
		"constrained": {`"plugin_version_constraints": {"demo-plugin": "<1.10"}`, "1.2.0"},
	} {
		if status, answer := m.uploadWith(name, dir, c.members); status != http.StatusCreated {
			t.Fatalf("%s: %d %s", name, status, answer)
		}
		if got := m.madeWith(model.BlueprintID(name)); got != c.want {
			t.Errorf("%s chose %s, want %s", name, got, c.want)
		}
	}
	if status, answer := m.uploadWith("refused", dir, `"plugin_version_constraints": {"demo-plugin": ">3"}`); status != http.StatusBadRequest {
		t.Errorf("an impossible constraint: %d %s", status, answer)
	}
	b, err := m.client().GetBlueprint(t.Context(), "bare")
	if err != nil || len(b.Labels) != 1 || b.Labels[0].Key != "obj-kind" || b.Labels[0].Value != "demo" {
		t.Errorf("labels of the blueprint: %+v, %v", b.Labels, err)
	}
}

// TestPluginLife goes through what a plugin lives through: in use, updated, labelled, forced away.
func TestPluginLife(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	c := m.client()
	old := m.uploadPlugin("1.0.0")
	m.ok("blueprints", "upload", blueprint(t, importing("plugin:demo-plugin")), "-b", "app")
	m.ok("deployments", "create", "d", "-b", "app")
	d, err := c.GetDeployment(t.Context(), "d")
	if err != nil || len(d.Labels) != 2 {
		t.Errorf("labels of the deployment: %+v, %v", d.Labels, err)
	}
	if out := m.ok("plugins", "update", "app", "--json"); !strings.Contains(out, "no_changes_required") {
		t.Errorf("an update without new versions:\n%s", out)
	}
	next := m.uploadPlugin("1.1.0")
	m.ok("plugins", "update", "app")
	if got := m.madeWith("app"); got != "1.1.0" {
		t.Errorf("after the update the blueprint is made with %s", got)
	}
	nodes, err := c.ListNodes(t.Context(), client.NodeQuery{Deployment: "d"})
	if err != nil || len(nodes.Items) != 1 || fmt.Sprint(nodes.Items[0].Properties["made_with"]) != "1.1.0" {
		t.Errorf("node after the update: %+v, %v", nodes.Items, err)
	}
	if d, err = c.GetDeployment(t.Context(), "d"); err != nil || d.Blueprint != "app" {
		t.Errorf("blueprint of the deployment: %s, %v", d.Blueprint, err)
	}
	if out := m.ok("plugins", "history", "-b", "app"); !strings.Contains(out, "successful") {
		t.Errorf("history:\n%s", out)
	}
	if all, err := c.ListBlueprints(t.Context(), client.ListOptions{Equal: map[string][]string{"is_hidden": {"true"}}}); err != nil || len(all.Items) != 0 {
		t.Errorf("hidden blueprints are left: %+v, %v", all.Items, err)
	}

	id := string(next)
	if out := m.ok("plugins", "install", id); !strings.Contains(out, "pending-install") {
		t.Errorf("install:\n%s", out)
	}
	m.ok("plugins", "deployment-labels", "add", "made-by:me", id)
	if out := m.ok("plugins", "deployment-labels", "list", id); !strings.Contains(out, "plugin") || !strings.Contains(out, "me") {
		t.Errorf("labels:\n%s", out)
	}
	m.ok("plugins", "resource-tags", "delete", "team:one", id)
	m.ok("plugins", "set-visibility", id, "-l", "global")
	if code, out := m.reify("plugins", "set-visibility", id, "-l", "tenant"); code == 0 {
		t.Errorf("a global plugin was narrowed:\n%s", out)
	}
	target := t.TempDir()
	m.ok("plugins", "download", id, "-o", target)
	m.ok("plugins", "download_yaml", id, "-o", target)
	if out := m.ok("plugins", "validate", filepath.Join(target, "demo_plugin-1.1.0-py3-none-any.wgn")); !strings.Contains(out, "1.1.0") {
		t.Errorf("the downloaded wagon:\n%s", out)
	}
	if text, err := os.ReadFile(filepath.Join(target, "plugin.yaml")); err != nil || !strings.Contains(string(text), "1.1.0") {
		t.Errorf("the downloaded description: %q, %v", text, err)
	}
	full, err := c.DownloadPlugin(t.Context(), next, true)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(full.Body)
	full.Body.Close()
	if names, e := zipNames(data); err != nil || e != nil || strings.Join(names, " ") != "demo_plugin-1.1.0-py3-none-any.wgn plugin.yaml" {
		t.Errorf("everything of the plugin: %q, %v, %v", names, err, e)
	}

	m.ok("plugins", "delete", string(old))
	code, out := m.reify("plugins", "delete", id)
	if code == 0 || !strings.Contains(out, `is currently in use in blueprints: app. You can "force" plugin removal if needed.`) {
		t.Errorf("delete of a used plugin: exit %d\n%s", code, out)
	}
	m.ok("plugins", "delete", id, "-f")
	if code, out := m.reify("deployments", "create", "d2", "-b", "app"); code == 0 || !strings.Contains(out, "Required plugin demo-plugin, version 1.1.0") {
		t.Errorf("a deployment without its plugin: exit %d\n%s", code, out)
	}
	m.ok("deployments", "create", "d3", "-b", "app", "--skip-plugins-validation")
	files, err := filepath.Glob(filepath.Join(m.dir, "files", "plugin*", "*"))
	if err != nil || len(files) > 0 {
		t.Errorf("files of deleted plugins are left: %q, %v", files, err)
	}
}

func zipNames(data []byte) (names []string, err error) {
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	for _, f := range r.File {
		names = append(names, f.Name)
	}
	slices.Sort(names)
	return names, nil
}
