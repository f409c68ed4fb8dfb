package lsp

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestReadMessage(t *testing.T) {
	for _, tt := range []struct {
		in, want string
		err      error
	}{
		{"Content-Length: 2\r\n\r\n{}", "{}", nil},
		{"content-length:2\nContent-Type: x; charset=utf-8\n\n{}", "{}", nil},
		{"Content-Length: 0\r\n\r\n", "", nil},
		{"", "", io.EOF},
		{"Content-Length: 5\r\n\r\n{}", "", io.ErrUnexpectedEOF},
		{"Content-Len", "", io.ErrUnexpectedEOF},
		{"\r\n{}", "", errHeader},
		{"Content-Length: -1\r\n\r\n", "", errHeader},
		{"Content-Length: 1e3\r\n\r\n", "", errHeader},
		{"nonsense\r\n\r\n", "", errHeader},
		{strings.Repeat("a", maxHeader+1), "", errHeader},
		{"A: " + strings.Repeat("a", maxHeader) + "\r\n\r\n", "", errHeader},
		{"Content-Length: 999999999999\r\n\r\nabc", "", io.EOF},
	} {
		got, err := readMessage(bufio.NewReader(strings.NewReader(tt.in)))
		if !errors.Is(err, tt.err) || err == nil && string(got) != tt.want {
			t.Errorf("%.40q: %q, %v; want %q, %v", tt.in, got, err, tt.want, tt.err)
		}
	}
}

func TestLargeMessageIsSkipped(t *testing.T) {
	large := io.MultiReader(strings.NewReader("Content-Length: 67108865\r\n\r\n"), io.LimitReader(zeros{}, maxMessage+1),
		strings.NewReader("Content-Length: 2\r\n\r\n{}"))
	r := bufio.NewReader(large)
	if _, err := readMessage(r); !errors.Is(err, errTooLarge) {
		t.Fatalf("error %v", err)
	}
	if got, err := readMessage(r); err != nil || string(got) != "{}" {
		t.Errorf("the next message is %q, %v", got, err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func FuzzReadMessage(f *testing.F) {
	for _, s := range []string{"Content-Length: 2\r\n\r\n{}", "Content-Length: 9\r\n\r\n{}", ":\n\n", "Content-Length: 1\r\n\r\nxContent-Length: 1\r\n\r\ny"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bufio.NewReader(bytes.NewReader(data))
		for range 100 {
			got, err := readMessage(r)
			if err == nil && len(got) > len(data) {
				t.Fatalf("a message of %d bytes in %d", len(got), len(data))
			}
			if err != nil && !errors.Is(err, errTooLarge) {
				return
			}
		}
	})
}

// FuzzServer sends what no editor would.
func FuzzServer(f *testing.F) {
	f.Add(`{"jsonrpc":"2.0","id":1,"method":"textDocument/completion","params":{"textDocument":{"uri":"file:///d/blueprint.yaml"},"position":{"line":3,"character":-1}}}`)
	f.Add(`{"method":"textDocument/didChange","params":{"textDocument":{"uri":"file:///d/blueprint.yaml"},"contentChanges":[{"range":{"start":{"line":9,"character":1}},"text":"x"}]}}`)
	f.Add(`{"id":{},"method":"textDocument/documentSymbol","params":{"textDocument":{"uri":"file:///d/blueprint.yaml"}}}`)
	f.Add(`{"id":2,"method":"textDocument/rename","params":{"textDocument":{"uri":"file:///d/blueprint.yaml"},"position":{"line":10,"character":3},"newName":"x"}}`)
	f.Fuzz(func(t *testing.T, content string) {
		var out, log bytes.Buffer
		s := New(Options{Out: &out, Log: &log, Clock: still{}})
		s.isInitialized = true
		d := &document{uri: "file:///d/blueprint.yaml", text: newText(netMain)}
		s.docs[d.uri] = d
		if _, err := s.receive(t.Context(), input{data: []byte(content)}); err != nil && !errors.Is(err, errNoGoodbye) {
			t.Fatal(err)
		}
		if strings.Contains(log.String(), "broken") || strings.Contains(out.String(), `"code":-32603`) {
			t.Fatalf("it broke: %s%s", &log, &out)
		}
	})
}
