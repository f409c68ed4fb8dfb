package inspect

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/tools/txtar"

	"github.com/reifyhq/reify/internal/archive"
	"github.com/reifyhq/reify/internal/clock"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestGolden runs the command lines in the comment of each archive over its files and compares what they write. Results
// are the files in want/.
func TestGolden(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatal("no test data", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) { golden(t, name) })
	}
}

func golden(t *testing.T, name string) {
	a, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	abs, err := filepath.Abs(name)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	var kept []txtar.File
	t.Chdir(t.TempDir())
	for _, f := range a.Files {
		if strings.HasPrefix(f.Name, "want/") {
			want[f.Name] = string(f.Data)
			continue
		}
		kept = append(kept, f)
		write(t, f.Name, f.Data)
	}
	for line := range strings.Lines(string(a.Comment)) {
		args := strings.Fields(line)
		if len(args) == 0 || args[0] == "#" {
			continue
		}
		file := "want/" + strings.ReplaceAll(strings.Join(args, "-"), "/", "-")
		got := command(t, args)
		if *update {
			kept = append(kept, txtar.File{Name: file, Data: []byte(got)})
		} else if got != want[file] {
			t.Errorf("%s:\n%s\nwant:\n%s", strings.TrimSpace(line), got, want[file])
		}
	}
	if *update {
		a.Files = kept
		if err := os.WriteFile(abs, txtar.Format(a), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// command runs one line: validate FORMAT PATH..., graph FORMAT PATH, explain FORMAT PATH NODE.
func command(t *testing.T, args []string) string {
	t.Helper()
	var b bytes.Buffer
	var err error
	switch args[0] {
	case "validate":
		_, err = Inspector{}.Validate(t.Context(), args[2:], Format(args[1]), &b)
	case "graph":
		err = Inspector{}.Graph(t.Context(), args[2], Drawing(args[1]), &b)
	case "explain":
		err = Inspector{}.Explain(t.Context(), args[2], args[3], args[1] == "json", &b)
	}
	if err != nil {
		b.WriteString("error: " + err.Error() + "\n")
	}
	if !strings.HasSuffix(b.String(), "\n") && b.Len() > 0 {
		b.WriteString("\n")
	}
	return b.String()
}

func write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

const (
	good = "tosca_definitions_version: cloudify_dsl_1_5\nimports: [types.yaml]\nnode_templates: {n: {type: t}}\n"
	bad  = "tosca_definitions_version: cloudify_dsl_1_5\nnode_templates: {n: {type: none}}\n"
)

func validate(t *testing.T, i Inspector, paths ...string) (int, string, error) {
	t.Helper()
	var b bytes.Buffer
	n, err := i.Validate(t.Context(), paths, Text, &b)
	return n, b.String(), err
}

func TestDirectories(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "one/blueprint.yaml", []byte(good))
	write(t, "one/types.yaml", []byte("node_types: {t: {}}\n"))
	write(t, "one/other.yaml", []byte(bad))
	write(t, "two/a.yaml", []byte(bad))
	write(t, "two/b.yml", []byte(bad))
	write(t, "two/c.yaml", []byte("# nothing\n"))
	write(t, "none/c.yaml", []byte("a: b\n"))
	for _, tt := range []struct {
		path string
		want int
	}{{"one", 0}, {"one/other.yaml", 1}, {"two", 2}} {
		if n, text, err := validate(t, Inspector{}, tt.path); n != tt.want || err != nil {
			t.Errorf("%s: %d problems, %v\n%s", tt.path, n, err, text)
		}
	}
	for _, path := range []string{"none", "missing", "two/missing.yaml"} {
		if _, _, err := validate(t, Inspector{}, path); err == nil {
			t.Errorf("%s: no error", path)
		}
	}
	if err := (Inspector{}).Graph(t.Context(), "two", SVG, io.Discard); err == nil || !strings.Contains(err.Error(), "two/a.yaml, two/b.yml") {
		t.Errorf("a graph of two blueprints: %v", err)
	}
}

func TestNothingOutsideIsRead(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "types.yaml", []byte("node_types: {t: {}}\n"))
	for name, imported := range map[string]string{"up": "../types.yaml", "absolute": "/etc/hostname", "url": "file:///etc/hostname"} {
		write(t, name+"/blueprint.yaml", []byte(strings.Replace(good, "types.yaml", imported, 1)))
		if n, text, err := validate(t, Inspector{}, name); n != 1 || err != nil || !strings.Contains(text, "import-not-found") {
			t.Errorf("%s: %d problems, %v\n%s", name, n, err, text)
		}
	}
	write(t, "link/blueprint.yaml", []byte(good))
	if err := os.Symlink("../types.yaml", "link/types.yaml"); err != nil {
		t.Skip(err)
	}
	if n, text, err := validate(t, Inspector{}, "link"); n != 1 || err != nil {
		t.Errorf("a link that leads outside: %d problems, %v\n%s", n, err, text)
	}
}

func TestArchives(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "app/blueprint.yaml", []byte(bad))
	var packed bytes.Buffer
	if err := archive.Pack(t.Context(), &packed, os.DirFS("app"), "app"); err != nil {
		t.Fatal(err)
	}
	write(t, "app.tar.gz", packed.Bytes())
	var zipped bytes.Buffer
	z := zip.NewWriter(&zipped)
	f, err := z.Create("top/blueprint.yaml")
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(f, bad)
	z.Close()
	write(t, "app.zip", zipped.Bytes())
	for path, want := range map[string]string{"app.tar.gz": "app.tar.gz/app/blueprint.yaml:2:28", "app.zip": "app.zip/top/blueprint.yaml:2:28"} {
		if n, text, err := validate(t, Inspector{}, path); n != 1 || err != nil || !strings.HasPrefix(text, want) {
			t.Errorf("%s: %d problems, %v\n%s", path, n, err, text)
		}
	}
	write(t, "no.zip", []byte("PK\x03\x04 and then nothing"))
	write(t, "text", []byte("a: b"))
	for _, path := range []string{"no.zip", "text"} {
		if _, _, err := validate(t, Inspector{}, path); err == nil {
			t.Errorf("%s: no error", path)
		}
	}
	left, err := filepath.Glob(filepath.Join(os.TempDir(), "reify-inspect-*"))
	if err != nil || len(left) > 0 {
		t.Logf("temporary directories of this or another run: %v", left)
	}
}

func TestURLs(t *testing.T) {
	var packed bytes.Buffer
	t.Chdir(t.TempDir())
	write(t, "app/blueprint.yaml", []byte(bad))
	if err := archive.Pack(t.Context(), &packed, os.DirFS("app"), "app"); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	for path, content := range map[string]string{"/b/main.yaml": good, "/b/types.yaml": "node_types: {t: {}}\n", "/bad.yaml": bad, "/app": packed.String()} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, content) })
	}
	server := httptest.NewServer(mux)
	defer server.Close()
	i := Inspector{HTTP: server.Client(), Clock: clock.NewManual(time.Unix(0, 0))}
	defer server.Client().CloseIdleConnections()
	for path, want := range map[string]int{"/b/main.yaml": 0, "/bad.yaml": 1, "/app": 1} {
		if n, text, err := validate(t, i, server.URL+path); n != want || err != nil {
			t.Errorf("%s: %d problems, %v\n%s", path, n, err, text)
		}
	}
	if _, _, err := validate(t, i, server.URL+"/none"); err == nil {
		t.Error("a page that does not exist: no error")
	}
	if _, _, err := validate(t, Inspector{}, server.URL+"/b/main.yaml"); err == nil {
		t.Error("without a client: no error")
	}
}

func TestCancelled(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "blueprint.yaml", []byte(good))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (Inspector{}).Validate(ctx, []string{"."}, Text, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// TestDrawingsAreWellFormed draws names that mean something to the formats.
func TestDrawingsAreWellFormed(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "blueprint.yaml", []byte(`tosca_definitions_version: cloudify_dsl_1_5
node_types:
  'a<b>&"c"': {}
  cloudify.nodes.Root: {}
relationships:
  cloudify.relationships.contained_in: {}
  '<r>': {}
node_templates:
  'x"]; y': {type: 'a<b>&"c"', relationships: [{type: '<r>', target: '#end`+"`"+`'}]}
  '#end`+"`"+`': {type: cloudify.nodes.Root}
  'in\': {type: cloudify.nodes.Root, relationships: [{type: cloudify.relationships.contained_in, target: '#end`+"`"+`'}]}
groups: {'g<>': {members: ['x"]; y']}}
policies: {p: {type: cloudify.policies.scaling, targets: ['g<>']}}
`))
	for _, form := range Drawings() {
		var one, two bytes.Buffer
		for _, b := range []*bytes.Buffer{&one, &two} {
			if err := (Inspector{}).Graph(t.Context(), ".", form, b); err != nil {
				t.Fatal(err)
			}
		}
		if one.String() != two.String() {
			t.Errorf("%s differs from one time to the next", form)
		}
		switch form {
		case SVG:
			d := xml.NewDecoder(&one)
			for {
				if _, err := d.Token(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatalf("not XML: %v", err)
				}
			}
		case Data:
			if !json.Valid(one.Bytes()) {
				t.Error("not JSON")
			}
		case Mermaid:
			for _, bad := range []string{`"x"`, "<r>", "<b>"} {
				if strings.Contains(one.String(), bad) {
					t.Errorf("%s is not escaped:\n%s", bad, &one)
				}
			}
		}
	}
}
