package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestLanguageServerBinary speaks to the built program as an editor does.
func TestLanguageServerBinary(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "reify")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), program, "lsp", "--stdio")
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+filepath.Join(dir, "cache"))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	send := func(content string) {
		if _, err := fmt.Fprintf(in, "Content-Length: %d\r\n\r\n%s", len(content), content); err != nil {
			t.Fatal(err)
		}
	}
	r := bufio.NewReader(out)
	uri := "file://" + filepath.ToSlash(filepath.Join(dir, "blueprint.yaml"))
	text := `tosca_definitions_version: cloudify_dsl_1_5\nimports: [cloudify/types/types.yaml]\nnode_templates:\n  a:\n    type: cloudify.nodes.Rot\n`
	send(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities":{}}}`)
	if got := next(t, r); !strings.Contains(got, `"completionProvider"`) {
		t.Errorf("initialize: %s", got)
	}
	send(`{"jsonrpc":"2.0","method":"initialized","params":{}}`)
	send(`{"jsonrpc":"2.0","method":"textDocument/didOpen","params":{"textDocument":{"uri":"` + uri + `","languageId":"yaml","version":1,"text":"` + text + `"}}}`)
	if got := next(t, r); !strings.Contains(got, `Did you mean \"cloudify.nodes.Root\"`) {
		t.Errorf("diagnostics: %s", got)
	}
	send(`{"jsonrpc":"2.0","id":2,"method":"textDocument/definition","params":{"textDocument":{"uri":"` + uri + `"},"position":{"line":1,"character":14}}}`)
	if got := next(t, r); !strings.Contains(got, "types.yaml") {
		t.Errorf("definition: %s", got)
	}
	send(`{`)
	if got := next(t, r); !strings.Contains(got, "-32700") {
		t.Errorf("no JSON: %s", got)
	}
	send(`{"jsonrpc":"2.0","id":3,"method":"shutdown"}`)
	if got := next(t, r); !strings.Contains(got, `"result":null`) {
		t.Errorf("shutdown: %s", got)
	}
	send(`{"jsonrpc":"2.0","method":"exit"}`)
	if err := cmd.Wait(); err != nil {
		t.Errorf("the server ended with %v", err)
	}
}

// next reads one message, which must be JSON.
func next(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	length := 0
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		line = strings.TrimSpace(line)
		if line == "" {
			break
		}
		if v, ok := strings.CutPrefix(line, "Content-Length: "); ok {
			if length, err = strconv.Atoi(v); err != nil {
				t.Fatal(err)
			}
		}
	}
	data := make([]byte, length)
	if _, err := io.ReadFull(r, data); err != nil {
		t.Fatal(err)
	}
	if !json.Valid(data) {
		t.Fatalf("no JSON: %s", data)
	}
	return string(data)
}
