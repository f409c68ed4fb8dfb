package cli

import (
	"bytes"
	"os"
	"testing"
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
