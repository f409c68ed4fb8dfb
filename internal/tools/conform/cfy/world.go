package cfy

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// world is the manager and what was made in it.
type world struct {
	url    string
	client *http.Client
	// made counts what was made, so that names are not used twice.
	made int
	// ids are the real ids of what all requests share, by recorded id; filters by their resource and recorded id.
	ids map[string]string
	// alias are the real ids of the request at hand, by recorded id.
	alias map[string]string
}

func newWorld(url string) *world {
	return &world{url: strings.TrimSuffix(url, "/"), client: &http.Client{Timeout: 2 * time.Minute}, ids: map[string]string{}}
}

// The blueprints: one whose workflows are over at once, one whose installation takes long, one whose installation fails.
const (
	plain = `tosca_definitions_version: cloudify_dsl_1_5
imports: [cloudify/types/types.yaml]
inputs: {a: {default: x}}
node_templates:
  n1: {type: cloudify.nodes.Root}
outputs: {o: {value: {get_input: a}}}
capabilities: {c: {value: {get_input: a}}}
labels: {env: {values: [prod]}}
`
	slow   = "sleep 100"
	broken = "exit 1"
)

// scripted is a blueprint whose installation runs a shell command.
func scripted(script string) (blueprint, file string) {
	return `tosca_definitions_version: cloudify_dsl_1_5
imports: [cloudify/types/types.yaml]
node_templates:
  n1:
    type: cloudify.nodes.Root
    interfaces:
      cloudify.interfaces.lifecycle:
        create: {implementation: do.sh, executor: central_deployment_agent, max_retries: 0}
`, "#!/bin/sh\n" + script + "\n"
}

// archive is the archive of a blueprint: a YAML text, or the shell command that its installation runs.
func archive(text string) ([]byte, error) {
	script := ""
	if !strings.Contains(text, "tosca_definitions_version") {
		text, script = scripted(text)
	}
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for _, file := range [][2]string{{"app/blueprint.yaml", text}, {"app/do.sh", script}} {
		part, err := z.Create(file[0])
		if err != nil {
			return nil, err
		}
		if _, err := io.WriteString(part, file[1]); err != nil {
			return nil, err
		}
	}
	err := z.Close()
	return buf.Bytes(), err
}

// unused is a name that nothing has.
func (w *world) unused(recorded string) string {
	w.made++
	return fmt.Sprintf("%s-%d", recorded, w.made)
}

type object = map[string]any

// call sends a request of our own and returns the answer, whatever its status.
func (w *world) call(ctx context.Context, method, path string, body any) (*answer, error) {
	var payload io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		payload = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, w.url+"/api/v3.1"+path, payload)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Tenant", "default_tenant")
	return w.do(req)
}

// must is call for a request that has to succeed; it returns the object in the answer.
func (w *world) must(ctx context.Context, method, path string, body any) (object, error) {
	a, err := w.call(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	if a.status >= http.StatusMultipleChoices {
		return nil, fmt.Errorf("%s %s: status %d: %s", method, path, a.status, excerpt(a.data))
	}
	o, _ := a.body.(object)
	return o, nil
}

// first is a member of the first item of a list.
func (w *world) first(ctx context.Context, path, member string) (string, error) {
	list, err := w.must(ctx, http.MethodGet, path, nil)
	if err != nil {
		return "", err
	}
	items, _ := list["items"].([]any)
	if len(items) == 0 {
		return "", fmt.Errorf("GET %s: no items", path)
	}
	item, _ := items[0].(object)
	return fmt.Sprint(item[member]), nil
}

// upload makes a blueprint of a text that archive understands.
func (w *world) upload(ctx context.Context, text string) (string, error) {
	id := w.unused("bp")
	data, err := archive(text)
	if err != nil {
		return "", err
	}
	var buf bytes.Buffer
	form := multipart.NewWriter(&buf)
	if err := form.WriteField("params", `{"application_file_name": "blueprint.yaml", "async_upload": false}`); err != nil {
		return "", err
	}
	part, err := form.CreateFormFile("blueprint_archive", "filename")
	if err != nil {
		return "", err
	}
	if _, err := part.Write(data); err != nil {
		return "", err
	}
	if err := form.Close(); err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, w.url+"/api/v3.1/blueprints/"+id, &buf)
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", form.FormDataContentType())
	req.Header.Set("Tenant", "default_tenant")
	a, err := w.do(req)
	if err == nil && a.status != http.StatusCreated {
		err = fmt.Errorf("upload a blueprint: status %d: %s", a.status, excerpt(a.data))
	}
	return id, err
}

// deploy makes a deployment of a text that archive understands.
func (w *world) deploy(ctx context.Context, text string) (string, error) {
	blueprint, err := w.upload(ctx, text)
	if err != nil {
		return "", err
	}
	return w.deployOf(ctx, blueprint)
}

func (w *world) deployOf(ctx context.Context, blueprint string) (string, error) {
	id := w.unused("dep")
	_, err := w.must(ctx, http.MethodPut, "/deployments/"+id, object{"blueprint_id": blueprint, "labels": []any{object{"env": "prod"}}})
	return id, err
}

// execute starts a workflow and waits until the execution has one of the statuses.
func (w *world) execute(ctx context.Context, deployment, workflow string, statuses ...string) (string, error) {
	x, err := w.must(ctx, http.MethodPost, "/executions", object{"deployment_id": deployment, "workflow_id": workflow})
	if err != nil {
		return "", err
	}
	id := fmt.Sprint(x["id"])
	return id, w.await(ctx, id, statuses...)
}

func (w *world) await(ctx context.Context, execution string, statuses ...string) error {
	const patience, pause = 30 * time.Second, 50 * time.Millisecond
	limit, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		x, err := w.must(limit, http.MethodGet, "/executions/"+execution, nil)
		if err != nil {
			return fmt.Errorf("wait for execution %s: %w", execution, err)
		}
		for _, s := range statuses {
			if x["status"] == s {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-limit.Done():
			return fmt.Errorf("wait for execution %s: it is %v", execution, x["status"])
		}
	}
}

// base makes what all requests that only read share.
func (w *world) base(ctx context.Context) (err error) {
	keep := func(recorded string, make func() (string, error)) {
		if err == nil {
			w.ids[recorded], err = make()
		}
	}
	keep("bp1", func() (string, error) { return w.upload(ctx, plain) })
	keep("bp2", func() (string, error) { return w.upload(ctx, plain) })
	w.ids["bp9"] = w.ids["bp1"]
	keep("dep1", func() (string, error) { return w.deployOf(ctx, w.ids["bp1"]) })
	w.ids["dep9"] = w.ids["dep1"]
	if err == nil {
		err = w.sharedExecution(ctx)
	}
	keep("n1_abc", func() (string, error) { return w.first(ctx, "/node-instances?deployment_id="+w.ids["dep1"], "id") })
	keep("mod1", func() (string, error) { return w.modification(ctx, w.ids["dep1"]) })
	keep("upd1", func() (string, error) { return w.update(ctx) })
	keep("u1", func() (string, error) { return w.user(ctx) })
	keep("g1", func() (string, error) { return w.group(ctx) })
	keep("t1", func() (string, error) { return w.tenant(ctx) })
	keep("k1", func() (string, error) { return w.secret(ctx) })
	keep("site1", func() (string, error) { return w.site(ctx) })
	keep("abcdefghij", func() (string, error) { return w.token(ctx) })
	keep("blueprints/f1", func() (string, error) { return w.filter(ctx, "blueprints") })
	keep("deployments/f1", func() (string, error) { return w.filter(ctx, "deployments") })
	keep("m1", func() (string, error) { return w.first(ctx, "/managers", "hostname") })
	keep("b1", func() (string, error) { return w.first(ctx, "/brokers", "name") })
	if err != nil {
		return err
	}
	w.optional(ctx)
	return nil
}

// sharedExecution makes an execution that is over, and finds its task graph and one of its operations.
func (w *world) sharedExecution(ctx context.Context) error {
	deployment, err := w.deploy(ctx, "true")
	if err != nil {
		return err
	}
	if w.ids["exec1"], err = w.execute(ctx, deployment, "install", "terminated"); err != nil {
		return err
	}
	if w.ids["tg1"], err = w.first(ctx, "/tasks_graphs?execution_id="+w.ids["exec1"], "id"); err != nil {
		return err
	}
	w.ids["op1"], err = w.first(ctx, "/operations?execution_id="+w.ids["exec1"], "id")
	return err
}

// optional makes what the manager may not have yet. Without it the requests go out with the recorded ids and fail.
func (w *world) optional(ctx context.Context) {
	for _, o := range []struct {
		recorded string
		make     func(context.Context) (string, error)
	}{
		{"grp1", w.deploymentGroup}, {"g2", w.deploymentGroup}, {"env-grp", w.deploymentGroup}, {"eg1", w.executionGroup},
		{"sch1", w.schedule}, {"prov1", w.provider}, {"pl1", w.uploadPlugin}, {"snap1", w.snapshot},
	} {
		if id, err := o.make(ctx); err == nil {
			w.ids[o.recorded] = id
		}
	}
	w.ids["grp9"] = w.ids["grp1"]
	if w.ids["grp9"] == "" {
		delete(w.ids, "grp9")
	}
}

func (w *world) create(ctx context.Context, method, path, name string, body object) (string, error) {
	_, err := w.must(ctx, method, strings.ReplaceAll(path, "{}", url.PathEscape(name)), body)
	return name, err
}

func (w *world) user(ctx context.Context) (string, error) {
	name := w.unused("u1")
	return w.create(ctx, http.MethodPut, "/users", name, object{"username": name, "password": "passw0rd"})
}

func (w *world) group(ctx context.Context) (string, error) {
	name := w.unused("g1")
	return w.create(ctx, http.MethodPost, "/user-groups", name, object{"group_name": name})
}

func (w *world) tenant(ctx context.Context) (string, error) {
	return w.create(ctx, http.MethodPost, "/tenants/{}", w.unused("t1"), nil)
}

func (w *world) secret(ctx context.Context) (string, error) {
	return w.create(ctx, http.MethodPut, "/secrets/{}", w.unused("k1"), object{"value": "v"})
}

func (w *world) site(ctx context.Context) (string, error) {
	return w.create(ctx, http.MethodPut, "/sites/{}", w.unused("site1"), object{"location": "1.0,2.0"})
}

func (w *world) filter(ctx context.Context, resource string) (string, error) {
	rule := object{"key": "env", "values": []string{"prod"}, "operator": "any_of", "type": "label"}
	return w.create(ctx, http.MethodPut, "/filters/"+resource+"/{}", w.unused("f1"), object{"filter_rules": []any{rule}})
}

func (w *world) token(ctx context.Context) (string, error) {
	t, err := w.must(ctx, http.MethodPost, "/tokens", object{})
	return fmt.Sprint(t["id"]), err
}

// modification starts one; only one may be open per deployment.
func (w *world) modification(ctx context.Context, deployment string) (string, error) {
	m, err := w.must(ctx, http.MethodPost, "/deployment-modifications", object{
		"deployment_id": deployment, "nodes": object{"n1": object{"instances": 2}}, "context": object{"why": "recorded"}})
	return fmt.Sprint(m["id"]), err
}

func (w *world) update(ctx context.Context) (string, error) {
	deployment, err := w.deploy(ctx, plain)
	if err != nil {
		return "", err
	}
	u, err := w.must(ctx, http.MethodPost, "/deployment-updates/"+deployment+"/update/initiate", object{"preview": true, "inputs": object{"a": "y"}})
	return fmt.Sprint(u["id"]), err
}

func (w *world) deploymentGroup(ctx context.Context) (string, error) {
	deployment, err := w.deployOf(ctx, w.ids["bp1"])
	if err != nil {
		return "", err
	}
	return w.create(ctx, http.MethodPut, "/deployment-groups/{}", w.unused("grp1"), object{"blueprint_id": w.ids["bp1"],
		"deployment_ids": []string{deployment}, "labels": []any{object{"env": "prod"}}, "description": "recorded"})
}

func (w *world) executionGroup(ctx context.Context) (string, error) {
	group, err := w.deploymentGroup(ctx)
	if err != nil {
		return "", err
	}
	x, err := w.must(ctx, http.MethodPost, "/execution-groups", object{"deployment_group_id": group, "workflow_id": "install"})
	return fmt.Sprint(x["id"]), err
}

func (w *world) schedule(ctx context.Context) (string, error) {
	return w.create(ctx, http.MethodPut, "/execution-schedules/{}?deployment_id="+w.ids["dep1"], w.unused("sch1"),
		object{"workflow_id": "install", "since": "2099-01-01 00:00:00", "recurrence": "1 day"})
}

func (w *world) provider(ctx context.Context) (string, error) {
	name := w.unused("prov1")
	return w.create(ctx, http.MethodPut, "/secrets-providers", name, object{"name": name, "type": "vault",
		"connection_parameters": object{"url": "http://127.0.0.1:1", "token": "t", "path": "p"}})
}

func (w *world) snapshot(ctx context.Context) (string, error) {
	name := w.unused("snap1")
	x, err := w.must(ctx, http.MethodPut, "/snapshots/"+name, object{})
	if err != nil {
		return "", err
	}
	return name, w.await(ctx, fmt.Sprint(x["id"]), "terminated")
}

// plugin is an archive as cfy sends it: a wagon beside its YAML file. Each has a name of its own.
func (w *world) plugin() ([]byte, error) {
	name := w.unused("p")
	about := fmt.Sprintf(`{"package_name": %q, "package_version": "1.0", "archive_name": "%s-1.0-py311-none-any.wgn",
"package_source": "p==1.0", "supported_platform": "any", "supported_python_versions": ["py311"], "wheels": [],
"build_server_os_properties": {"distribution": null, "distribution_version": null, "distribution_release": null}}`, name, name)
	var wagon bytes.Buffer
	z := zip.NewWriter(&wagon)
	part, err := z.Create(name + "/package.json")
	if err != nil {
		return nil, err
	}
	if _, err := io.WriteString(part, about); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	z = zip.NewWriter(&out)
	for file, text := range map[string]string{"p.wgn": wagon.String(),
		"plugin.yaml": fmt.Sprintf("plugins: {%s: {executor: central_deployment_agent, package_name: %s, package_version: '1.0'}}\n", name, name)} {
		part, err := z.Create(file)
		if err != nil {
			return nil, err
		}
		if _, err := io.WriteString(part, text); err != nil {
			return nil, err
		}
	}
	err = z.Close()
	return out.Bytes(), err
}

func (w *world) uploadPlugin(ctx context.Context) (string, error) {
	data, err := w.plugin()
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url+"/api/v3.1/plugins?visibility=tenant", bytes.NewReader(data))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Tenant", "default_tenant")
	a, err := w.do(req)
	if err != nil {
		return "", err
	}
	p, _ := a.body.(object)
	if a.status != http.StatusCreated {
		return "", fmt.Errorf("upload a plugin: status %d: %s", a.status, excerpt(a.data))
	}
	return fmt.Sprint(p["id"]), nil
}
