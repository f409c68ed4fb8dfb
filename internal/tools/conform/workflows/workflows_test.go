package workflows

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

func replayAll(t *testing.T, dir string) {
	t.Helper()
	cases, err := loadCases(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			problems, _ := judge(c.ID, replayCase(c, nil))
			for k, p := range problems {
				if k == 5 {
					t.Errorf("… and %d more", len(problems)-k)
					break
				}
				t.Error(p)
			}
		})
	}
}

// TestRecordedCases replays the few cases that are kept in the repository.
func TestRecordedCases(t *testing.T) {
	t.Parallel()
	replayAll(t, "testdata")
}

// TestAllRecordedCases replays the whole open set, which lies beside the repository or where REIFY_SHARED says.
func TestAllRecordedCases(t *testing.T) {
	t.Parallel()
	shared := os.Getenv("REIFY_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "..", "..", "shared")
	}
	dir := filepath.Join(shared, "conformance", "workflows", "open")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the recorded cases are not there (%s); set REIFY_SHARED to the directory that holds conformance/", dir)
	}
	replayAll(t, dir)
}

func TestReplayerSeesDifferences(t *testing.T) {
	t.Parallel()
	a, b := record{"kind": "log", "message": "a"}, record{"kind": "log", "message": "b", "after": []any{}}
	if p := compareRecords([]record{a, b}, []record{a}); len(p) != 1 {
		t.Errorf("a missing record: %q", p)
	}
	if p := compareRecords([]record{a}, []record{a, b}); len(p) != 1 {
		t.Errorf("an extra record: %q", p)
	}
	late := record{"kind": "log", "message": "b", "after": []any{json.Number("0")}}
	if p := compareRecords([]record{a, late}, []record{late, a}); len(p) != 1 {
		t.Errorf("wrong order: %q", p)
	}
}

func TestDeliberateDifferencesAreExact(t *testing.T) {
	t.Parallel()
	const id = "05f-scale-out-fail"
	if p, reason := judge(id, nil); len(p) != 1 || reason != "" {
		t.Errorf("a case that does not differ any more: %q, %q", p, reason)
	}
	if p, reason := judge(id, []string{"something else"}); len(p) != 2 || reason != "" {
		t.Errorf("a case that differs otherwise: %q, %q", p, reason)
	}
	if p, reason := judge("another", []string{"a"}); len(p) != 1 || reason != "" {
		t.Errorf("a case that is not listed: %q, %q", p, reason)
	}
	if digestOf([]string{"a", "b"}) != digestOf([]string{"b", "a"}) {
		t.Error("the order of problems counts")
	}
}
