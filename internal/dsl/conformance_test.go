package dsl_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/reifyhq/reify/internal/tools/conform/dslcases"
)

func runCases(t *testing.T, dir string) {
	t.Helper()
	cases, err := dslcases.Load(dir, dslcases.Select{})
	if err != nil {
		t.Fatal(err)
	}
	same, compared := 0, 0
	for _, c := range cases {
		r := dslcases.Run(t.Context(), c)
		if !r.OK {
			t.Errorf("%s %s %s: %s", c.ID, c.Area, c.Op, r.Short)
		}
		if r.MessageCompared {
			compared++
			if r.MessageEqual {
				same++
			}
		}
	}
	if 10*same < 9*compared {
		t.Errorf("only %d of %d messages are those of the reference", same, compared)
	}
	t.Logf("%d cases, %d of %d messages equal", len(cases), same, compared)
}

// An excerpt of the recorded calls of the reference is in the repository.
func TestRecordedExcerpt(t *testing.T) {
	t.Parallel()
	runCases(t, "testdata")
}

// The whole open set lies beside the repository; REIFY_SHARED names another
// place.
func TestRecordedOpenSet(t *testing.T) {
	t.Parallel()
	shared := os.Getenv("REIFY_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	dir := filepath.Join(shared, "conformance", "dsl", "open")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no open conformance set: %v", err)
	}
	if testing.Short() {
		t.Skip("the whole open set is not for short runs")
	}
	runCases(t, dir)
}
