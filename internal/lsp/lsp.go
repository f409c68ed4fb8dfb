// Package lsp is the language server of blueprints: diagnostics, completion, hover, definition, references, rename and
// outline for any editor that speaks the Language Server Protocol 3.17 over two streams.
//
// It understands what package dsl understands and asks it for everything that it says; what surrounds the cursor is found
// by indentation, so that completion works while the text is no YAML. It reads documents that editors have open, files
// below the directory of a document, the built-in types, and URLs that a document imports; it writes the built-in types
// into a directory of its own when somebody asks where one is defined, and nothing else.
//
// One goroutine, that of Run, owns all state and writes all output. One reads input, and for each open document at most
// one parses: a change waits for a pause in typing, then replaces the parse that runs. All of them end before Run returns,
// except a read that cannot be interrupted. No input makes the server panic or stop, but one after which the next message
// cannot be found.
package lsp

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"sync"
	"time"

	"github.com/reifyhq/reify/internal/clock"
)

// Options wire a server to its surroundings.
type Options struct {
	// In and Out are the streams to the editor. In is closed when Run returns, if it can be.
	In  io.Reader
	Out io.Writer
	// Log takes a line for what went wrong inside; nil drops it.
	Log   io.Writer
	Clock clock.Clock
	// HTTP reads imports from the network; nil leaves them out.
	HTTP *http.Client
	// BuiltInDir takes copies of the built-in types for the editor to show; empty means that they are not shown.
	BuiltInDir string
	// Catalogue holds the YAML files of plugin: and blueprint: imports; nil is an empty one (see dslfiles.Source).
	Catalogue fs.FS
	Version   string
}

// pause is how long the text must stay unchanged before it is parsed.
const pause = 150 * time.Millisecond

// Server is a language server. It serves one editor once.
type Server struct {
	o       Options
	docs    map[string]*document
	results chan result
	timer   clock.Timer
	web     *web
	parses  sync.WaitGroup

	isInitialized, isShutDown, hasSnippets bool
}

// New returns a server.
func New(o Options) *Server {
	if o.Log == nil {
		o.Log = io.Discard
	}
	s := &Server{o: o, docs: map[string]*document{}, results: make(chan result)}
	s.web = &web{client: o.HTTP, clock: o.Clock, known: map[string]page{}}
	return s
}

// frame is what the reader found.
type input struct {
	data []byte
	err  error
}

// errNoGoodbye says that the editor left without saying so.
var errNoGoodbye = errors.New("the editor ended the connection without an exit")

// Run serves the editor until it says goodbye, the input ends or ctx does.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	inputs, more := make(chan input), make(chan struct{})
	go read(ctx, s.o.In, inputs, more)
	defer func() {
		cancel()
		close(more)
		if c, ok := s.o.In.(io.Closer); ok {
			c.Close()
		}
		s.parses.Wait()
		s.setTimer(0, false)
	}()
	for {
		var due <-chan time.Time
		if s.timer != nil {
			due = s.timer.C()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-due:
			s.timer = nil
			s.startDue(ctx)
		case r := <-s.results:
			if err := s.finish(ctx, r); err != nil {
				return err
			}
		case in := <-inputs:
			done, err := s.receive(ctx, in)
			if done || err != nil {
				return err
			}
			select {
			case more <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

// read hands over one message at a time and waits to be asked for the next, so that no read is under way after the last.
func read(ctx context.Context, r io.Reader, out chan<- input, more <-chan struct{}) {
	b := bufio.NewReader(r)
	for {
		data, err := readMessage(b)
		select {
		case out <- input{data, err}:
		case <-ctx.Done():
			return
		}
		if _, ok := <-more; !ok {
			return
		}
	}
}

// receive handles one message and reports whether it was the last.
func (s *Server) receive(ctx context.Context, in input) (done bool, err error) {
	switch {
	case errors.Is(in.err, io.EOF):
		if s.isShutDown || !s.isInitialized {
			return true, nil
		}
		return true, errNoGoodbye
	case errors.Is(in.err, errTooLarge):
		return false, s.fail(nil, refuse(codeInvalidRequest, "%v", in.err))
	case errors.Is(in.err, errHeader):
		return true, errors.Join(in.err, s.fail(nil, refuse(codeParse, "%v", in.err)))
	case in.err != nil:
		return true, in.err
	}
	var m incoming
	if err := json.Unmarshal(in.data, &m); err != nil {
		code := codeInvalidRequest
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) || len(bytes.TrimSpace(in.data)) == 0 {
			code = codeParse
		}
		return false, s.fail(nil, refuse(code, "the message cannot be read: %v", err))
	}
	isRequest := len(m.ID) > 0 && !bytes.Equal(m.ID, []byte("null"))
	if m.Method == "" {
		// An answer to us: the server asks for nothing.
		if isRequest && !bytes.Contains(in.data, []byte(`"result"`)) && !bytes.Contains(in.data, []byte(`"error"`)) {
			return false, s.fail(m.ID, refuse(codeInvalidRequest, "the message names no method"))
		}
		return false, nil
	}
	if m.Method == "exit" {
		if !s.isShutDown {
			return true, errNoGoodbye
		}
		return true, nil
	}
	return false, s.answer(ctx, m, isRequest)
}

func (s *Server) answer(ctx context.Context, m incoming, isRequest bool) error {
	result, refusal := s.guarded(ctx, m, isRequest)
	switch {
	case !isRequest:
		if refusal != nil && refusal.Code != codeNoMethod {
			fmt.Fprintf(s.o.Log, "%s: %v\n", m.Method, refusal)
		}
		return nil
	case refusal != nil:
		return s.fail(m.ID, refusal)
	}
	return writeMessage(s.o.Out, response{"2.0", m.ID, result})
}

// guarded handles a message; what breaks inside becomes an answer, because an editor that loses its server in the middle
// of a word is worse than one missing answer.
func (s *Server) guarded(ctx context.Context, m incoming, isRequest bool) (result any, refusal *rpcError) {
	defer func() {
		if r := recover(); r != nil {
			fmt.Fprintf(s.o.Log, "%s: broken: %v\n", m.Method, r)
			result, refusal = nil, refuse(codeInternal, "the server could not handle this: %v", r)
		}
	}()
	switch {
	case m.Method == "initialize":
		return s.initialize(m)
	case !s.isInitialized:
		return nil, refuse(codeNotInitialized, "initialize comes first")
	case s.isShutDown:
		return nil, refuse(codeInvalidRequest, "the server was shut down")
	case isRequest:
		return s.request(ctx, m)
	}
	return nil, s.notified(ctx, m)
}

func (s *Server) initialize(m incoming) (any, *rpcError) {
	if s.isInitialized {
		return nil, refuse(codeInvalidRequest, "the server was initialized before")
	}
	var p initializeParams
	if e := decode(m.Params, &p); e != nil {
		return nil, e
	}
	s.isInitialized = true
	s.hasSnippets = p.Capabilities.TextDocument.Completion.CompletionItem.SnippetSupport
	return map[string]any{"capabilities": capabilities(), "serverInfo": map[string]any{"name": "reify", "version": s.o.Version}}, nil
}

// request handles what wants an answer.
func (s *Server) request(ctx context.Context, m incoming) (any, *rpcError) {
	switch m.Method {
	case "shutdown":
		s.isShutDown = true
		return nil, nil
	case "textDocument/completion":
		return at(s, m, s.completion)
	case "textDocument/hover":
		return at(s, m, func(d *document, p positionParams) (any, *rpcError) { return s.hover(ctx, d, p) })
	case "textDocument/definition":
		return at(s, m, func(d *document, p positionParams) (any, *rpcError) { return s.definition(ctx, d, p) })
	case "textDocument/references":
		return at(s, m, func(d *document, p referenceParams) (any, *rpcError) { return s.references(ctx, d, p) })
	case "textDocument/prepareRename":
		return at(s, m, func(d *document, p positionParams) (any, *rpcError) { return s.prepareRename(ctx, d, p) })
	case "textDocument/rename":
		return at(s, m, func(d *document, p renameParams) (any, *rpcError) { return s.rename(ctx, d, p) })
	case "textDocument/documentSymbol":
		return at(s, m, func(d *document, _ documentParams) (any, *rpcError) { return outline(d.text), nil })
	}
	return nil, refuse(codeNoMethod, "there is no method %q", m.Method)
}

// named is the parameters of a request about a document.
type named interface{ uri() string }

func (p positionParams) uri() string { return p.TextDocument.URI }
func (p documentParams) uri() string { return p.TextDocument.URI }

// at decodes the parameters of a request about an open document and handles it.
func at[P named](s *Server, m incoming, handle func(*document, P) (any, *rpcError)) (any, *rpcError) {
	var p P
	if e := decode(m.Params, &p); e != nil {
		return nil, e
	}
	d := s.docs[p.uri()]
	if d == nil {
		return nil, refuse(codeInvalidParams, "the document %q is not open", p.uri())
	}
	return handle(d, p)
}

// notified handles what wants no answer.
func (s *Server) notified(ctx context.Context, m incoming) *rpcError {
	switch m.Method {
	case "textDocument/didOpen":
		var p documentParams
		if e := decode(m.Params, &p); e != nil {
			return e
		}
		return s.opened(p)
	case "textDocument/didChange":
		var p changeParams
		if e := decode(m.Params, &p); e != nil {
			return e
		}
		return s.changed(p)
	case "textDocument/didSave", "textDocument/didClose":
		var p documentParams
		if e := decode(m.Params, &p); e != nil {
			return e
		}
		if m.Method == "textDocument/didClose" {
			return s.closed(p.TextDocument.URI)
		}
		return s.saved(p.TextDocument.URI)
	}
	return refuse(codeNoMethod, "there is no notification %q", m.Method)
}

func (s *Server) fail(id json.RawMessage, e *rpcError) error {
	if len(id) == 0 {
		id = json.RawMessage("null")
	}
	return writeMessage(s.o.Out, failure{"2.0", id, e})
}

func (s *Server) notify(method string, params any) error {
	return writeMessage(s.o.Out, notification{"2.0", method, params})
}
