package cfy

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func replayAll(t *testing.T, file string) {
	t.Helper()
	var out bytes.Buffer
	r, err := Replay(t.Context(), Options{File: file}, &out)
	if err != nil {
		t.Fatal(err)
	}
	if r.Failed > 0 || r.Passed == 0 {
		t.Errorf("%d passed, %d failed\n%s", r.Passed, r.Failed, out.String())
	}
}

// TestRecordedRequests replays the requests of the commands that are kept in the repository.
func TestRecordedRequests(t *testing.T) {
	t.Parallel()
	replayAll(t, filepath.Join("testdata", "excerpt.json"))
}

// TestAllRecordedRequests replays all of them; they lie beside the repository or where REIFY_SHARED says.
func TestAllRecordedRequests(t *testing.T) {
	t.Parallel()
	shared := os.Getenv("REIFY_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "..", "..", "shared")
	}
	dir := filepath.Join(shared, "conformance", "rest")
	if _, err := os.Stat(filepath.Join(dir, "cfy_requests.json")); err != nil {
		t.Skipf("the recorded requests are not there (%s); set REIFY_SHARED to the directory that holds conformance/", dir)
	}
	replayAll(t, dir)
}

func TestHas(t *testing.T) {
	t.Parallel()
	list := map[string]any{"items": []any{map[string]any{"id": nil}}, "metadata": map[string]any{}}
	for field, want := range map[string]bool{
		"items": true, "items.0.id": true, "items.0.name": false, "items.1.id": false, "metadata.pagination.total": false, "items.id": false,
	} {
		if got := has(list, strings.Split(field, ".")); got != want {
			t.Errorf("%s: %v, want %v", field, got, want)
		}
	}
}

// TestLists checks that what works by now, and what is refused without being listed, fails.
func TestLists(t *testing.T) {
	t.Parallel()
	agents := &request{Method: "GET", Path: "/api/v3.1/agents", Route: "GET /agents"}
	license := &request{Method: "GET", Path: "/api/v3.1/license", Route: "GET|PUT /license"}
	status := &request{Method: "GET", Path: "/api/v3.1/status", Route: "GET /status"}
	if len(missing) > 0 {
		agents.Method, agents.Route, _ = strings.Cut(missing[0], " ")
	}
	no := os.ErrNotExist
	for _, c := range []struct {
		name    string
		request *request
		problem error
		failed  int
	}{
		{"missing as listed", agents, no, 0},
		{"works although listed", agents, nil, 1},
		{"refused as listed", license, nil, 0},
		{"a failure", status, no, 1},
		{"a success", status, nil, 0},
	} {
		if c.request == agents && len(missing) == 0 {
			continue
		}
		var r Result
		var out bytes.Buffer
		r.add(Options{}, &out, &command{Line: "cfy x"}, c.request, c.problem)
		if r.Failed != c.failed {
			t.Errorf("%s: %d failed, want %d: %s", c.name, r.Failed, c.failed, out.String())
		}
	}
}
