// Command docs writes the documents that are generated from code. With --check it writes nothing and fails when one of
// them is out of date. Run it in the root of the repository.
package main

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"github.com/reifyhq/reify/internal/api/v31"
	"github.com/reifyhq/reify/internal/cli"
	"github.com/reifyhq/reify/internal/config"
)

// documents are the generated files and their generators.
var documents = []struct {
	path  string
	write func(io.Writer) error
}{
	{"docs/configuration.md", config.Markdown},
	{"docs/cli-reference.md", cli.Reference},
	{"docs/api.md", v31.Reference},
}

func main() {
	check := len(os.Args) == 2 && os.Args[1] == "--check"
	if len(os.Args) > 1 && !check {
		fmt.Fprintln(os.Stderr, "usage: docs [--check]")
		os.Exit(2)
	}
	failed := false
	for _, d := range documents {
		if err := generate(d.path, d.write, check); err != nil {
			fmt.Fprintln(os.Stderr, "docs:", err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}

func generate(path string, write func(io.Writer) error, check bool) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return fmt.Errorf("generate %s: %w", path, err)
	}
	if !check {
		return os.WriteFile(path, b.Bytes(), 0o644)
	}
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !bytes.Equal(old, b.Bytes()) {
		return fmt.Errorf("%s is out of date; write it again with make docs", path)
	}
	return nil
}
