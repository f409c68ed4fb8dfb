package cli

import (
	"bytes"
	"os"
	"testing"

	"github.com/spf13/cobra"
)

// TestReference fails when the command reference does not tell what the commands do.
func TestReference(t *testing.T) {
	t.Parallel()
	have, err := os.ReadFile("../../docs/cli-reference.md")
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := Reference(&want); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, want.Bytes()) {
		t.Error("docs/cli-reference.md is out of date; write it again with make docs")
	}
}

// TestCommandsOnce checks that no command is there twice: the nouns of package admin are added to those of this package.
func TestCommandsOnce(t *testing.T) {
	t.Parallel()
	a := &app{}
	seen := map[string]bool{}
	leaves(a.root(), func(cmd *cobra.Command) {
		if seen[cmd.CommandPath()] {
			t.Errorf("%s is there twice", cmd.CommandPath())
		}
		seen[cmd.CommandPath()] = true
	})
}
