package dsl

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reifyhq/reify/internal/dsl/diag"
)

var update = flag.Bool("update", false, "rewrite golden files")

// Every broken example is explained in the same words each time.
func TestBrokenExamples(t *testing.T) {
	files, err := filepath.Glob("../../examples/broken/*.yaml")
	if err != nil || len(files) != 10 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	for _, f := range files {
		name := filepath.Base(f)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			sources := map[string][]byte{}
			in := Input{Text: text, Location: name, OnFile: func(file string, text []byte) { sources[file] = text }}
			sources[name] = text
			p, errs := Parse(context.Background(), in, memory{})
			if p != nil || !errs.HasErrors() {
				t.Fatal("accepted")
			}
			var got bytes.Buffer
			if err := diag.WriteText(&got, errs.Sorted(), func(file string) []byte { return sources[file] }); err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", "broken", strings.TrimSuffix(name, ".yaml")+".golden")
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
