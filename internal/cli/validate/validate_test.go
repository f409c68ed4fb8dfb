package validate

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/reifyhq/reify/internal/clock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// write writes files into a new directory.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const (
	head = "tosca_definitions_version: cloudify_dsl_1_5\nimports:\n  - cloudify/types/types.yaml\n"
	good = head + "  - more.yaml\n"
	more = "node_templates:\n  a:\n    type: cloudify.nodes.Root\n"
	bad  = "node_templates:\n  a:\n    type: cloudify.nodes.Rot\n"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	v := Validator{Clock: clock.Real{}}
	ok := write(t, map[string]string{"blueprint.yaml": good, "more.yaml": more})
	f, err := v.Check(t.Context(), []string{ok, filepath.Join(ok, "blueprint.yaml")})
	if err != nil || f.Count() != 0 {
		t.Fatalf("%d findings, %v; want none", f.Count(), err)
	}
	wrong := write(t, map[string]string{"blueprint.yaml": good, "more.yaml": bad})
	f, err = v.Check(t.Context(), []string{ok, wrong})
	if err != nil || f.Count() == 0 {
		t.Fatalf("%d findings, %v; want some", f.Count(), err)
	}
	file := filepath.Join(wrong, "more.yaml")
	for format, want := range map[Format][]string{
		Text:  {file + ":3:", "cloudify.nodes.Rot", "    3 |     type: cloudify.nodes.Rot", "^"},
		JSON:  {`"diagnostics"`, file},
		SARIF: {`"version": "2.1.0"`, file},
	} {
		var b strings.Builder
		if err := f.Write(&b, format); err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(b.String(), w) {
				t.Errorf("%s lacks %q:\n%s", format, w, b.String())
			}
		}
		if format != Text && !json.Valid([]byte(b.String())) {
			t.Errorf("%s is not JSON", format)
		}
	}
	for _, path := range []string{filepath.Join(ok, "nosuch.yaml"), t.TempDir()} {
		if _, err := v.Check(t.Context(), []string{path}); !errors.Is(err, ErrNoBlueprint) {
			t.Errorf("%s: got %v", path, err)
		}
	}
}

func TestNetwork(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(more)) }))
	defer server.Close()
	dir := write(t, map[string]string{"blueprint.yaml": head + "  - " + server.URL + "/more.yaml\n"})
	client := server.Client()
	defer client.CloseIdleConnections()
	if f, err := (Validator{Clock: clock.Real{}, HTTP: client}).Check(t.Context(), []string{dir}); err != nil || f.Count() != 0 {
		t.Errorf("%d findings, %v; want none", f.Count(), err)
	}
	if f, err := (Validator{Clock: clock.Real{}}).Check(t.Context(), []string{dir}); err != nil || f.Count() == 0 {
		t.Errorf("no findings without a network (%v)", err)
	}
}
