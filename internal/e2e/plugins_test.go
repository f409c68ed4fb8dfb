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
	"net/http/httptest"
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

// wagon writes a wagon of the version and its plugin.yaml with what is added to it, and returns both paths.
func wagon(t *testing.T, version, added string) (file, description string) {
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
	if err := os.WriteFile(description, fmt.Appendf(nil, pluginYAML+added, version), 0o644); err != nil {
		t.Fatal(err)
	}
	return file, description
}

// uploadPlugin uploads a version of the demo plugin and returns its id.
func (m *manager) uploadPlugin(version string) model.PluginID { return m.uploadPluginWith(version, "") }

func (m *manager) uploadPluginWith(version, added string) model.PluginID {
	m.t.Helper()
	file, description := wagon(m.t, version, added)
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
	return m.post("admin", http.MethodPut, "/api/v3.1/blueprints/"+id, w.FormDataContentType(), &form)
}

// post makes a request as a user whose password is the administrator's.
func (m *manager) post(user, method, path, contentType string, body io.Reader) (status int, answer string) {
	m.t.Helper()
	return m.sendTo("default_tenant", user, method, path, contentType, body)
}

// sendTo is post for a tenant.
func (m *manager) sendTo(tenant, user, method, path, contentType string, body io.Reader) (status int, answer string) {
	m.t.Helper()
	req, err := http.NewRequestWithContext(m.t.Context(), method, m.url+path, body)
	if err != nil {
		m.t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Tenant", tenant)
	req.SetBasicAuth(user, m.password())
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

// TestPluginsUpdateThatFails brings in a version that no update can carry out: everything stays as it was.
func TestPluginsUpdateThatFails(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	m.uploadPlugin("1.0.0")
	m.ok("blueprints", "upload", blueprint(t, importing("plugin:demo-plugin")), "-b", "app")
	m.ok("deployments", "create", "d", "-b", "app")
	m.uploadPluginWith("1.1.0", "policy_triggers: {demo.trigger: {source: trigger.clj}}\n")
	if code, out := m.reify("plugins", "update", "app"); code == 0 || !strings.Contains(out, "update deployment d") {
		t.Errorf("the update: exit %d\n%s", code, out)
	}
	c := m.client()
	updates, err := c.ListPluginsUpdates(t.Context(), client.ListOptions{})
	if err != nil || len(updates.Items) != 1 || updates.Items[0].State != model.PluginsUpdateFailed || updates.Items[0].TempBlueprint != "" {
		t.Errorf("updates: %+v, %v", updates.Items, err)
	}
	if d, err := c.GetDeployment(t.Context(), "d"); err != nil || d.Blueprint != "app" || m.madeWith("app") != "1.0.0" {
		t.Errorf("after the failure: blueprint %s, plugin %s, %v", d.Blueprint, m.madeWith("app"), err)
	}
	m.uploadPlugin("1.2.0")
	m.ok("plugins", "update", "app")
	if got := m.madeWith("app"); got != "1.2.0" {
		t.Errorf("after the second update: %s", got)
	}
	m.ok("plugins", "update", "app", "--to-minor", "demo-plugin")
	m.ok("deployments", "delete", "d")
	m.ok("blueprints", "delete", "app")
	if updates, err = c.ListPluginsUpdates(t.Context(), client.ListOptions{}); err != nil || len(updates.Items) != 0 {
		t.Errorf("updates of a deleted blueprint: %+v, %v", updates.Items, err)
	}
}

// TestPluginRequests sends what the command line does not: forms, URLs, states, and requests of others.
func TestPluginRequests(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	c := m.client()
	file, _ := wagon(t, "1.0.0", "")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, err := w.CreateFormFile("plugin", "plugin.wgn")
	if err == nil {
		_, err = part.Write(data)
	}
	if err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	const plugins, id = "/api/v3.1/plugins", "9d1c7c57-8e52-4a3c-9b0e-0f6f3e0d1f11"
	status, answer := m.post("admin", http.MethodPost, plugins+"?visibility=private&id="+id, w.FormDataContentType(), &form)
	if status != http.StatusCreated || !strings.Contains(answer, id) || !strings.Contains(answer, `"yaml_url_path":""`) {
		t.Fatalf("upload by a form: %d %s", status, answer)
	}
	again, _ := wagon(t, "1.0.1", "")
	text, err := os.ReadFile(again)
	if err != nil {
		t.Fatal(err)
	}
	for _, tenant := range []string{"default_tenant", "elsewhere"} {
		if tenant != "default_tenant" {
			if status, answer := m.post("admin", http.MethodPost, "/api/v3.1/tenants/"+tenant, "application/json", nil); status >= 300 {
				t.Fatalf("create tenant %s: %d %s", tenant, status, answer)
			}
		}
		if status, answer := m.sendTo(tenant, "admin", http.MethodPost, plugins+"?id="+id, "", bytes.NewReader(text)); status != http.StatusConflict {
			t.Errorf("upload under a used id in %s: %d %s", tenant, status, answer)
		}
	}
	if status, answer := m.post("admin", http.MethodGet, plugins+"/"+id+"/archive", "", nil); status != http.StatusOK || answer != string(data) {
		t.Errorf("the wagon after refused uploads: %d, %d bytes", status, len(answer))
	}
	other, _ := wagon(t, "2.0.0", "")
	files := httptest.NewServer(http.FileServer(http.Dir(filepath.Dir(other))))
	defer files.Close()
	m.ok("plugins", "upload", files.URL+"/"+filepath.Base(other))
	if code, out := m.reify("plugins", "upload", files.URL+"/missing.wgn"); code == 0 || !strings.Contains(out, "404") {
		t.Errorf("upload of a missing URL: exit %d\n%s", code, out)
	}
	member := func(json string) io.Reader { return strings.NewReader(json) }
	for _, r := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{http.MethodPut, "/" + id, `{"state": "installing", "manager": "m"}`, 200, `"installation_state":[{"state":"installing","error":null,"manager":"m","agent":null}]`},
		{http.MethodPut, "/" + id, `{"state": "error", "manager": "m", "error": "no pip"}`, 200, `"error":"no pip"`},
		{http.MethodPut, "/" + id, `{"state": "installed"}`, 409, "Expected agent or manager"},
		{http.MethodPut, "/" + id, `{"state": "ready", "agent": "a"}`, 400, "bad_parameters_error"},
		{http.MethodPost, "/" + id, `{"action": "install", "managers": ["nowhere"]}`, 404, "nowhere"},
		{http.MethodPost, "/" + id, `{"action": "install", "agents": ["nobody"]}`, 404, "nobody"},
		{http.MethodPost, "/" + id, `{"action": "polish"}`, 400, "unknown_action"},
		{http.MethodPatch, "/" + id, `{"labels": {"a": "b"}}`, 400, "list of texts"},
		{http.MethodPatch, "/" + id, `{"creator": "ghost"}`, 400, "there is no user"},
		{http.MethodGet, "/" + id + "/yaml", "", 404, "no YAML file"},
		{http.MethodPost, "?id=short", "x", 400, "must be a UUID"},
		{http.MethodPost, "?plugin_archive_url=http://x/", "x", 400, "both"},
		{http.MethodPost, "?visibility=tenant&private_resource=true", "x", 400, "cannot be used together"},
		{http.MethodPost, "", "", 400, "neither"},
	} {
		if status, answer := m.post("admin", r.method, plugins+r.path, "application/json", member(r.body)); status != r.status || !strings.Contains(answer, r.want) {
			t.Errorf("%s %s %s: %d %s", r.method, r.path, r.body, status, answer)
		}
	}

	for _, r := range [][3]string{
		{http.MethodPut, "/users", `{"username": "mate", "password": "` + m.password() + `", "role": "default"}`},
		{http.MethodPut, "/users", `{"username": "stranger", "password": "` + m.password() + `", "role": "default"}`},
		{http.MethodPut, "/tenants/users", `{"username": "mate", "tenant_name": "default_tenant", "role": "user"}`},
	} {
		if status, answer := m.post("admin", r[0], "/api/v3.1"+r[1], "application/json", member(r[2])); status >= 300 {
			t.Fatalf("%s: %d %s", r[1], status, answer)
		}
	}
	wheel := "/resources/plugins/" + id + "/" + filepath.Base(file)
	for _, r := range []struct {
		user, path string
		status     int
	}{
		{"admin", wheel, 200}, {"mate", wheel, 404}, {"stranger", wheel, 404}, {"mate", plugins + "/" + id, 404}, {"admin", plugins + "/" + id, 200},
	} {
		if status, answer := m.post(r.user, http.MethodGet, r.path, "application/json", nil); status != r.status {
			t.Errorf("%s reads %s: %d %.200s", r.user, r.path, status, answer)
		}
	}
	page, err := c.ListPlugins(t.Context(), client.ListOptions{Sort: []string{"-package_version"}}, false)
	if err != nil || len(page.Items) != 2 || page.Items[0].PackageVersion != "2.0.0" {
		t.Errorf("plugins: %+v, %v", page.Items, err)
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
