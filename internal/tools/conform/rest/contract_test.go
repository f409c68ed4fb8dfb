package rest

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/reifyhq/reify/internal/tools/conform/target"
)

// complete are the scenarios of which every line passes, apart from what differs on purpose.
var complete = []string{
	"s01_system", "s02_tokens", "s03_tenants_users", "s04_secrets", "s05_sites_filters_labels", "s06_blueprints",
	"s07_deployments", "s09_nodes_instances", "s14_multitenancy_glue",
}

func replayScenarios(t *testing.T, dir string, names ...string) {
	t.Helper()
	m, err := target.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Stop(); err != nil {
			t.Error(err)
		}
	})
	for _, name := range names {
		var out bytes.Buffer
		r, err := Replay(t.Context(), Options{Dir: dir, URL: m.URL, ID: name, Verbose: true}, &out)
		if err != nil {
			t.Fatal(err)
		}
		if r.Failed > 0 || r.Passed == 0 {
			t.Errorf("%s: %d passed, %d failed\n%s", name, r.Passed, r.Failed, out.String())
		}
	}
}

// TestRecordedExchanges replays the few scenarios that are kept in the repository.
func TestRecordedExchanges(t *testing.T) {
	t.Parallel()
	replayScenarios(t, filepath.Join("testdata", "open"), "s02_tokens", "s04_secrets", "s05_sites_filters_labels", "s14_multitenancy_glue")
}

// TestAllRecordedExchanges replays every complete scenario; they lie beside the repository or where REIFY_SHARED says.
func TestAllRecordedExchanges(t *testing.T) {
	t.Parallel()
	shared := os.Getenv("REIFY_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "..", "..", "shared")
	}
	dir := filepath.Join(shared, "conformance", "rest", "golden", "open")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the recorded exchanges are not there (%s); set REIFY_SHARED to the directory that holds conformance/", dir)
	}
	replayScenarios(t, dir, complete...)
}

func TestCompare(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, want, got string
		unordered       bool
		diffs           int
	}{
		{"a time", `"<ts>"`, `"2026-01-02T03:04:05.678Z"`, false, 0},
		{"no time", `"<ts>"`, `"2026-01-02"`, false, 1},
		{"equal numbers", `21.0`, `21`, false, 0},
		{"an id that must stay", `["<uuid:1>","<uuid:1>"]`,
			`["11111111-1111-1111-1111-111111111111","22222222-2222-2222-2222-222222222222"]`, false, 1},
		{"missing and extra keys", `{"a":1}`, `{"b":1}`, false, 2},
		{"another order", `[1,2]`, `[2,1]`, false, 2},
		{"an order that means nothing", `[{"k":1},{"k":2}]`, `[{"k":2},{"k":1}]`, true, 0},
		{"a traceback left out", `"<traceback>"`, `null`, false, 0},
	} {
		var want, got any
		if err := decode([]byte(c.want), &want); err != nil {
			t.Fatal(err)
		}
		if err := decode([]byte(c.got), &got); err != nil {
			t.Fatal(err)
		}
		m := newMatcher()
		m.compare("", want, got, c.unordered)
		if len(m.diffs) != c.diffs {
			t.Errorf("%s: %d differences %q, want %d", c.name, len(m.diffs), m.diffs, c.diffs)
		}
	}
}
