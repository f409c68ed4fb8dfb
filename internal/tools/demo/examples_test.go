package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/reifyhq/reify/internal/dsl"
	"github.com/reifyhq/reify/internal/dsl/value"
	"github.com/reifyhq/reify/internal/dslfiles"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestExamples checks that the examples are correct, that their defaults are enough to deploy them and that their scripts
// exist and may be executed.
func TestExamples(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../../../examples")
	if err != nil {
		t.Fatal(err)
	}
	for name := range scenarios {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(root, name)
			plan := parse(t, dir)
			n := 0
			d, err := dsl.Prepare(t.Context(), plan, dsl.PrepareInput{
				Inputs: value.NewMap(),
				NewID: func(node string) string {
					n++
					return fmt.Sprintf("%s_%06d", node, n)
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			if d == nil || n < 4 {
				t.Errorf("%d instances, want at least 4", n)
			}
			scripts, err := filepath.Glob(filepath.Join(dir, "scripts", "*", "*.sh"))
			if err != nil || len(scripts) == 0 {
				t.Fatalf("scripts: %v, %v", scripts, err)
			}
			for _, s := range scripts {
				if info, err := os.Stat(s); err != nil || info.Mode()&0o111 == 0 {
					t.Errorf("%s cannot be executed (%v)", s, err)
				}
			}
		})
	}
}

func parse(t *testing.T, dir string) *dsl.Plan {
	t.Helper()
	src := &dslfiles.Source{FS: os.DirFS(dir), Root: dir}
	in, err := src.Input("blueprint.yaml")
	if err != nil {
		t.Fatal(err)
	}
	plan, problems := dsl.Parse(t.Context(), in, src)
	for _, p := range problems.Sorted() {
		t.Errorf("%s:%d: %s %s", p.File, p.Range.Start.Line, p.Summary, p.Detail)
	}
	if plan == nil {
		t.FailNow()
	}
	return plan
}
