package e2e_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
)

const simple = `tosca_definitions_version: cloudify_dsl_1_5
imports: [cloudify/types/types.yaml]
inputs:
  text: {type: string}
  count: {type: integer, default: 1}
node_templates:
  a:
    type: cloudify.nodes.Root
    interfaces:
      cloudify.interfaces.lifecycle:
        create: {implementation: scripts/ok.sh, executor: central_deployment_agent}
`

// withOperation is a blueprint of one node whose create operation is as given.
func withOperation(operation string) string {
	return `tosca_definitions_version: cloudify_dsl_1_5
imports: [cloudify/types/types.yaml]
node_templates:
  a:
    type: cloudify.nodes.Root
    interfaces:
      cloudify.interfaces.lifecycle:
        create: ` + operation + "\n"
}

// TestMistakes makes mistakes and checks that each is refused with a clear message, the right exit code or status, and
// that nothing changed.
func TestMistakes(t *testing.T) {
	t.Parallel()
	m := newManager(t, "--limits.blueprint-size", "8 MiB")
	ok := blueprint(t, map[string]string{"blueprint.yaml": simple, "scripts/ok.sh": "#!/bin/bash\ntrue\n"})
	m.ok("blueprints", "upload", ok, "-b", "good")
	m.ok("deployments", "create", "live", "-b", "good", "-i", "text=x")
	m.ok("executions", "start", "install", "-d", "live")

	yaml := func(text string) string { return blueprint(t, map[string]string{"blueprint.yaml": text}) }
	for _, c := range []struct {
		name string
		args []string
		code int
		want []string
	}{
		{"not YAML", []string{"blueprints", "upload", yaml("a: [1\nb: }"), "-b", "bad"}, 1, []string{"Illegal yaml", "line"}},
		{"unknown type", []string{"blueprints", "upload", yaml(strings.Replace(simple, "type: cloudify.nodes.Root", "type: no.such.Type", 1)), "-b", "bad"},
			1, []string{"no.such.Type", "line"}},
		{"missing input", []string{"deployments", "create", "x", "-b", "good"}, 1, []string{"missing inputs: text"}},
		{"undeclared input", []string{"deployments", "create", "x", "-b", "good", "-i", "text=x", "-i", "zz=1"}, 1, []string{"unknown inputs: zz"}},
		{"wrong input type", []string{"deployments", "create", "y", "-b", "good", "-i", "text=x", "-i", "count=many"}, 1, []string{"count", "integer", "many"}},
		{"archive that leaves its directory", []string{"blueprints", "upload", evilArchive(t), "-b", "bad"}, 1, []string{".."}},
		{"archive bomb", []string{"blueprints", "upload", bomb(t), "-b", "bad"}, 1, []string{"limit"}},
		{"blueprint id in use", []string{"blueprints", "upload", ok, "-b", "good"}, 1, []string{"already exists"}},
		{"deployment id in use", []string{"deployments", "create", "live", "-b", "good", "-i", "text=x"}, 1, []string{"already exists"}},
		{"unknown workflow", []string{"executions", "start", "dance", "-d", "live"}, 1, []string{"Workflow dance does not exist"}},
		{"unknown deployment", []string{"executions", "start", "install", "-d", "nowhere"}, 1, []string{"nowhere", "not found"}},
		{"unavailable workflow", []string{"executions", "start", "install", "-d", "live"}, 1, []string{"not available"}},
		{"deployment with live nodes", []string{"deployments", "delete", "live"}, 1, []string{"live nodes"}},
		{"blueprint in use", []string{"blueprints", "delete", "good"}, 1, []string{"deployments", "live"}},
		{"no such command", []string{"blueprints", "fly"}, 2, []string{"fly"}},
	} {
		code, out := m.reify(c.args...)
		if code != c.code {
			t.Errorf("%s: exit %d, want %d\n%s", c.name, code, c.code, out)
		}
		for _, want := range c.want {
			if !strings.Contains(out, want) {
				t.Errorf("%s: no %q in %q", c.name, want, out)
			}
		}
	}
	m.nothingChanged()
	m.credentials()
}

// nothingChanged checks that the good blueprint and the live deployment are all there is, the refused creation of a wrongly
// typed input excepted: as in the original it leaves a deployment that can be created again.
func (m *manager) nothingChanged() {
	m.t.Helper()
	c := m.client()
	blueprints, err := c.ListBlueprints(m.t.Context(), client.ListOptions{})
	if err != nil {
		m.t.Fatal(err)
	}
	for _, b := range blueprints.Items {
		if b.ID != "good" && b.State == model.BlueprintUploaded {
			m.t.Errorf("blueprint %s was accepted", b.ID)
		}
	}
	deployments, err := c.ListDeployments(m.t.Context(), client.ListOptions{})
	if err != nil {
		m.t.Fatal(err)
	}
	for _, d := range deployments.Items {
		if d.ID != "live" && d.ID != "y" {
			m.t.Errorf("deployment %s was made", d.ID)
		}
	}
	live, err := c.GetDeployment(m.t.Context(), "live")
	if err != nil || live.InstallationStatus != model.InstallationActive {
		m.t.Errorf("deployment live is %s: %v", live.InstallationStatus, err)
	}
}

func (m *manager) credentials() {
	m.t.Helper()
	code, out := run(m.t, []string{"REIFY_URL=" + m.url, "REIFY_USERNAME=admin", "REIFY_PASSWORD=wrong", "REIFY_TENANT=default_tenant"},
		"blueprints", "list")
	if code != 4 || !strings.Contains(out, "Wrong credentials") {
		m.t.Errorf("wrong password: exit %d\n%s", code, out)
	}
	code, out = run(m.t, []string{"REIFY_URL=http://127.0.0.1:1", "REIFY_USERNAME=admin", "REIFY_PASSWORD=x"}, "blueprints", "list")
	if code != 3 {
		m.t.Errorf("no manager: exit %d\n%s", code, out)
	}
}

// evilArchive is a tar.gz with a member above its directory.
func evilArchive(t *testing.T) string {
	return archiveOf(t, "evil.tar.gz", func(w *tar.Writer) error {
		for _, name := range []string{"app/blueprint.yaml", "app/../../evil"} {
			if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(simple))}); err != nil {
				return err
			}
			if _, err := w.Write([]byte(simple)); err != nil {
				return err
			}
		}
		return nil
	})
}

func archiveOf(t *testing.T, name string, fill func(*tar.Writer) error) string {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	w := tar.NewWriter(z)
	for _, err := range []error{fill(w), w.Close(), z.Close()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return write(t, name, buf.Bytes())
}

// bomb is a small zip that unpacks to far more than a blueprint may hold.
func bomb(t *testing.T) string {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	w, err := z.Create("app/blueprint.yaml")
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 1<<20)
	for range 20 {
		if _, err := w.Write(zeros); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return write(t, "bomb.zip", buf.Bytes())
}

func write(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestOperationsThatGoWrong runs operations that fail, are missing or never end: the execution fails and says why.
func TestOperationsThatGoWrong(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	for _, c := range []struct{ name, operation, script, want string }{
		{"fails", "{implementation: scripts/x.sh, executor: central_deployment_agent, max_retries: 0}",
			"#!/bin/bash\necho cannot reach the moon >&2\nexit 3\n", "cannot reach the moon"},
		{"gives-up", "{implementation: scripts/x.sh, executor: central_deployment_agent}",
			"#!/bin/bash\nctx abort_operation 'this can never work'\n", "this can never work"},
		{"hangs", "{implementation: scripts/x.sh, executor: central_deployment_agent, timeout: 1}",
			"#!/bin/bash\nsleep 1000 & wait\n", "Process killed due to timeout of 1"},
		{"host-agent", "{implementation: scripts/x.sh, executor: host_agent, max_retries: 0}", "#!/bin/bash\ntrue\n", "host"},
	} {
		bp := blueprint(t, map[string]string{"blueprint.yaml": withOperation(c.operation), "scripts/x.sh": c.script})
		code, out := m.reify("install", bp, "-b", c.name, "-d", c.name)
		if code != 1 || !strings.Contains(out, c.want) {
			t.Errorf("%s: exit %d, no %q in\n%s", c.name, code, c.want, out)
		}
	}
	// The parser refuses a script that is not in the archive; one that a blueprint names at run time is found missing there.
	late := withOperation("{implementation: scripts/x.sh, executor: central_deployment_agent}")
	bp := blueprint(t, map[string]string{"blueprint.yaml": late})
	if code, out := m.reify("blueprints", "upload", bp, "-b", "missing"); code != 1 || !strings.Contains(out, "scripts/x.sh") {
		t.Errorf("missing script: exit %d\n%s", code, out)
	}
	runtime := withOperation("{implementation: script.script_runner.tasks.run, executor: central_deployment_agent, inputs: {script_path: scripts/late.sh}}")
	bp = blueprint(t, map[string]string{"blueprint.yaml": runtime})
	if code, out := m.reify("install", bp, "-b", "late", "-d", "late"); code != 1 || !strings.Contains(out, "scripts/late.sh") {
		t.Errorf("script missing at run time: exit %d\n%s", code, out)
	}
}

// TestServerRefusesToStart checks what keeps a manager from starting.
func TestServerRefusesToStart(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	code, out := run(t, nil, "server", "--data-dir", t.TempDir(), "--listen", l.Addr().String())
	if code == 0 || !strings.Contains(out, "the port is taken") {
		t.Errorf("port taken: exit %d\n%s", code, out)
	}
	code, out = run(t, nil, "server", "--lisen", "127.0.0.1:0")
	if code == 0 || !strings.Contains(out, "--listen") {
		t.Errorf("misspelt flag: exit %d\n%s", code, out)
	}

	m := newManager(t)
	code, out = run(t, nil, "server", "--data-dir", m.dir, "--listen", "127.0.0.1:0")
	if code == 0 || !strings.Contains(out, "another manager") {
		t.Errorf("data directory in use: exit %d\n%s", code, out)
	}
	m.stop()
	newer(t, filepath.Join(m.dir, "reify.db"))
	before := digest(t, filepath.Join(m.dir, "reify.db"))
	code, out = run(t, nil, "server", "--data-dir", m.dir, "--listen", "127.0.0.1:0")
	if code == 0 || !strings.Contains(out, "newer") {
		t.Errorf("data directory of a newer version: exit %d\n%s", code, out)
	}
	if digest(t, filepath.Join(m.dir, "reify.db")) != before {
		t.Error("the database of a newer version was changed")
	}
}

// newer marks a database as written by a later version, as its migrations would.
func newer(t *testing.T, path string) {
	t.Helper()
	script := "import sqlite3,sys\nc=sqlite3.connect(sys.argv[1])\nc.execute('PRAGMA user_version=999')\nc.commit()\n"
	if out, err := exec.Command("python3", "-c", script, path).CombinedOutput(); err != nil {
		t.Fatalf("mark the database: %v\n%s", err, out)
	}
}

func digest(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
