package lsp

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/reifyhq/reify/internal/clock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// client is an editor: it speaks to a server over two streams.
type client struct {
	t   testing.TB
	out io.WriteCloser
	// clock moves the server's time; nil for a server of its own.
	clock *clock.Manual
	next  int

	mu       sync.Mutex
	arrived  *sync.Cond
	answers  map[string]reply
	problems map[string][]diagnostic
	counts   map[string]int
	closed   bool
}

type reply struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *rpcError       `json:"error"`
}

func newClient(t testing.TB, out io.WriteCloser, in io.Reader) *client {
	c := &client{t: t, out: out, answers: map[string]reply{}, problems: map[string][]diagnostic{}, counts: map[string]int{}}
	c.arrived = sync.NewCond(&c.mu)
	go c.read(in)
	return c
}

func (c *client) read(in io.Reader) {
	b := bufio.NewReader(in)
	for {
		data, err := readMessage(b)
		c.mu.Lock()
		if err != nil {
			c.closed = true
			c.arrived.Broadcast()
			c.mu.Unlock()
			return
		}
		var m reply
		if err := json.Unmarshal(data, &m); err != nil {
			c.t.Errorf("message %q: %v", data, err)
		}
		switch {
		case m.Method == "textDocument/publishDiagnostics":
			var p publishParams
			if err := json.Unmarshal(m.Params, &p); err != nil {
				c.t.Errorf("diagnostics %q: %v", m.Params, err)
			}
			c.problems[p.URI] = p.Diagnostics
			c.counts[p.URI]++
		case m.Method == "":
			c.answers[string(m.ID)] = m
		}
		c.arrived.Broadcast()
		c.mu.Unlock()
	}
}

// serve starts a server in this process and returns an editor that is connected to it.
func serve(t testing.TB, o Options) *client {
	t.Helper()
	toServer, fromClient := io.Pipe()
	toClient, fromServer := io.Pipe()
	manual := clock.NewManual(time.Unix(0, 0))
	o.In, o.Out, o.Clock = toServer, fromServer, manual
	done := make(chan error, 1)
	go func() {
		done <- New(o).Run(t.Context())
		fromServer.Close()
	}()
	c := newClient(t, fromClient, toClient)
	c.clock = manual
	t.Cleanup(func() {
		fromClient.Close()
		if err := <-done; err != nil && !errors.Is(err, errNoGoodbye) && !errors.Is(err, context.Canceled) {
			t.Errorf("the server ended with %v", err)
		}
	})
	return c
}

func (c *client) raw(content string) {
	c.t.Helper()
	if _, err := fmt.Fprintf(c.out, "Content-Length: %d\r\n\r\n%s", len(content), content); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) send(v any) {
	c.t.Helper()
	if err := writeMessage(c.out, v); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) notify(method string, params any) {
	c.t.Helper()
	c.send(notification{"2.0", method, params})
}

// await waits for an answer.
func (c *client) await(id string) reply {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		if m, ok := c.answers[id]; ok {
			delete(c.answers, id)
			return m
		}
		if c.closed {
			c.t.Fatalf("the server ended before it answered %s", id)
		}
		c.arrived.Wait()
	}
}

func (c *client) request(method string, params any) reply {
	c.t.Helper()
	c.next++
	id := fmt.Sprint(c.next)
	c.send(map[string]any{"jsonrpc": "2.0", "id": c.next, "method": method, "params": params})
	return c.await(id)
}

// call makes a request that must succeed and decodes its result.
func (c *client) call(method string, params, result any) {
	c.t.Helper()
	m := c.request(method, params)
	if m.Error != nil {
		c.t.Fatalf("%s: %v", method, m.Error)
	}
	if result != nil {
		if err := json.Unmarshal(m.Result, result); err != nil {
			c.t.Fatalf("%s: %v in %s", method, err, m.Result)
		}
	}
}

func (c *client) initialize(snippets bool) {
	c.t.Helper()
	c.call("initialize", map[string]any{"processId": nil, "capabilities": map[string]any{"textDocument": map[string]any{
		"completion": map[string]any{"completionItem": map[string]any{"snippetSupport": snippets}}}}}, nil)
	c.notify("initialized", map[string]any{})
}

// settled does something, lets the pause after a change go by and waits for the diagnostics of a document.
func (c *client) settled(uri string, act func()) []diagnostic {
	c.t.Helper()
	c.mu.Lock()
	before := c.counts[uri]
	c.mu.Unlock()
	act()
	if c.clock != nil {
		c.step(pause)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.counts[uri] == before {
		if c.closed {
			c.t.Fatal("the server ended before it published")
		}
		c.arrived.Wait()
	}
	return c.problems[uri]
}

// step moves the clock after the server has handled all that was sent.
func (c *client) step(d time.Duration) {
	c.t.Helper()
	c.request("reify/nothing", nil)
	c.clock.Advance(d)
}

// change sends edits, each a range and its new text; no range means all of the text.
func (c *client) change(uri string, version int, edits ...any) []diagnostic {
	c.t.Helper()
	return c.settled(uri, func() {
		c.notify("textDocument/didChange", map[string]any{"textDocument": map[string]any{"uri": uri, "version": version}, "contentChanges": edits})
	})
}

func edit(r span, with string) any { return map[string]any{"range": r, "text": with} }

func whole(with string) any { return map[string]any{"text": with} }

func (c *client) open(uri, content string) []diagnostic {
	c.t.Helper()
	return c.settled(uri, func() {
		c.notify("textDocument/didOpen", documentParams{textDocument{URI: uri, Version: 1, Text: content}})
	})
}

// workspace writes files and gives the URI of each.
func workspace(t testing.TB, files map[string]string) func(name string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return func(name string) string { return uriOf(filepath.Join(dir, filepath.FromSlash(name))) }
}

// marked removes the mark | from a text and gives its position.
func marked(t testing.TB, s string) (string, position) {
	t.Helper()
	i := strings.Index(s, "‸")
	if i < 0 {
		t.Fatalf("no mark in %q", s)
	}
	s = strings.Replace(s, "‸", "", 1)
	tx := newText(s)
	line := strings.Count(s[:i], "\n")
	return s, tx.at(line, i-tx.starts[line])
}

// find gives the position of the n-th occurrence of a word, counted from 1.
func find(t testing.TB, content, word string, n int) position {
	t.Helper()
	at := -1
	for range n {
		i := strings.Index(content[at+1:], word)
		if i < 0 {
			t.Fatalf("no %q", word)
		}
		at += 1 + i
	}
	tx := newText(content)
	line := strings.Count(content[:at], "\n")
	return tx.at(line, at-tx.starts[line])
}
