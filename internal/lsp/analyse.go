package lsp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/dsl"
	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/index"
	"github.com/reifyhq/reify/internal/dslfiles"
)

// analysis is what a parse of a document found. It never changes.
type analysis struct {
	revision int
	// index is the view of the document and its imports; indexed is the text that it is of.
	index   *index.Index
	indexed *text
	// isExact tells that the index is of the whole text and not of a repaired one.
	isExact    bool
	problems   []diag.D
	isComplete bool
	broken     any
}

// reads tells whether a document was read for this analysis.
func (a analysis) reads(d *document) bool {
	if a.index == nil {
		return false
	}
	for _, name := range d.names() {
		if a.index.Reads(name) {
			return true
		}
	}
	return false
}

// job is one parse: everything it needs, so that it shares nothing with the server.
type job struct {
	uri      string
	path     string
	text     *text
	revision int
	overlay  map[string]*text
	web      *web
	// catalogue is that of the options.
	catalogue fs.FS
	// viewOnly leaves the search for problems out.
	viewOnly bool
}

func (s *Server) job(d *document, overlay map[string]*text) job {
	return job{uri: d.uri, path: d.path, text: d.text, revision: d.revision, overlay: overlay, web: s.web, catalogue: s.o.Catalogue}
}

// guarded parses; a panic becomes part of the result.
func (j job) guarded(ctx context.Context) (a analysis) {
	defer func() {
		if r := recover(); r != nil {
			a = analysis{revision: j.revision, broken: r}
		}
	}()
	return j.run(ctx)
}

// What a document is told by.
var (
	versionLine = regexp.MustCompile(`(?m)^["']?tosca_definitions_version["']? *:`)
	sectionLine = regexp.MustCompile(`(?m)^(node_types|node_templates|plugins|data_types|policy_types)["']? *:`)
)

func (j job) run(ctx context.Context) analysis {
	a := analysis{revision: j.revision}
	if len(j.text.s) > maxDocument {
		a.isComplete = true
		a.problems = []diag.D{{Severity: diag.SeverityWarning, Code: "too-large", Summary: "Document too large",
			Detail: "The document is not checked because it is larger than 8 MiB."}}
		return a
	}
	isMain := versionLine.MatchString(j.text.s) || path.Base(j.path) == "blueprint.yaml"
	if !isMain && !sectionLine.MatchString(j.text.s) {
		a.isComplete = true
		return a
	}
	src, done := j.source()
	defer done()
	in := dsl.Input{Text: []byte(j.text.s), Location: j.location(), ResourcesBasePath: src.Root}
	x, e := index.Build(ctx, in, src)
	a.isExact = e == nil
	if e != nil {
		x = index.BuildTolerant(ctx, in, src)
	}
	if ctx.Err() != nil {
		return a
	}
	a.index, a.indexed = x, j.text
	switch {
	case j.viewOnly:
		return a
	case isMain:
		_, list := dsl.Parse(ctx, in, src)
		a.problems = list.Sorted()
	case e != nil:
		a.problems = []diag.D{e.Explain()}
	}
	a.isComplete = ctx.Err() == nil
	return a
}

func (j job) location() string {
	if j.path == "" {
		return j.uri
	}
	return j.path
}

// source gives what a parse may read: the directory of the document, with what the editor has open instead of the files.
func (j job) source() (*dslfiles.Source, func()) {
	src := &dslfiles.Source{FS: overlaid{texts: j.overlay}, Root: "/nothing", Get: j.web.get, Catalogue: j.catalogue}
	if j.path == "" {
		return src, func() {}
	}
	src.Root = path.Dir(j.path)
	src.FS = overlaid{root: src.Root, texts: j.overlay}
	r, err := os.OpenRoot(filepath.FromSlash(src.Root))
	if err != nil {
		// A document that was never saved has no directory yet.
		return src, func() {}
	}
	src.FS = overlaid{root: src.Root, texts: j.overlay, below: r.FS()}
	return src, func() { r.Close() }
}

// overlaid is a tree of files in which open documents stand for their files.
type overlaid struct {
	root  string
	texts map[string]*text
	below fs.FS
}

// Open opens what the editor has, else the file.
func (o overlaid) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	if o.root != "" {
		if t, ok := o.texts[path.Join(o.root, name)]; ok {
			return &memory{name: path.Base(name), size: int64(len(t.s)), Reader: bytes.NewReader([]byte(t.s))}, nil
		}
	}
	if o.below == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return o.below.Open(name)
}

// memory is an open document as a file.
type memory struct {
	io.Reader
	name string
	size int64
}

func (m *memory) Stat() (fs.FileInfo, error) { return m, nil }
func (m *memory) Close() error               { return nil }
func (m *memory) Name() string               { return m.name }
func (m *memory) Size() int64                { return m.size }
func (m *memory) Mode() fs.FileMode          { return 0o444 }
func (m *memory) ModTime() time.Time         { return time.Time{} }
func (m *memory) IsDir() bool                { return false }
func (m *memory) Sys() any                   { return nil }

// Bounds of what is kept from the network.
const (
	maxPages = 100
	keepBad  = time.Minute
)

// web reads URLs once for all parses. It is safe for concurrent use.
type web struct {
	client *http.Client
	clock  clock.Clock
	mu     sync.Mutex
	known  map[string]page
}

type page struct {
	data []byte
	err  error
	at   time.Time
}

var errNoNetwork = errors.New("reading over the network is not allowed here")

func (w *web) get(ctx context.Context, u string) ([]byte, error) {
	if w.client == nil {
		return nil, errNoNetwork
	}
	now := w.clock.Now()
	w.mu.Lock()
	p, ok := w.known[u]
	w.mu.Unlock()
	if ok && (p.err == nil || now.Sub(p.at) < keepBad) {
		return p.data, p.err
	}
	// One attempt: whoever types does not wait, and the next parse tries again.
	h := dslfiles.NewHTTP(w.clock)
	h.Client, h.Attempts = w.client, 1
	data, err := h.Get(ctx, u)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.known) >= maxPages {
		clear(w.known)
	}
	w.known[u] = page{data, err, now}
	return data, err
}
