package lsp

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/reifyhq/reify/internal/dsl/imports"
)

// maxDocument bounds a document in bytes; larger ones are not looked at.
const maxDocument = 8 << 20

// maxOpen bounds how many documents are kept.
const maxOpen = 2000

// document is one that the editor has open.
type document struct {
	uri string
	// path is where it is on this machine, empty when it is nowhere.
	path    string
	version int
	text    *text
	// revision counts changes; due is when the text may be parsed, the zero time when there is nothing to do.
	revision int
	due      time.Time
	cancel   context.CancelFunc
	last     analysis
	// published are the diagnostics that this document gave rise to, by the document they are shown in.
	published map[string][]diagnostic
}

func (s *Server) opened(p documentParams) *rpcError {
	t := p.TextDocument
	if t.URI == "" {
		return refuse(codeInvalidParams, "the document has no URI")
	}
	if s.docs[t.URI] == nil && len(s.docs) >= maxOpen {
		return refuse(codeRequestFailed, "more than %d documents are open", maxOpen)
	}
	if old := s.docs[t.URI]; old != nil && old.cancel != nil {
		old.cancel()
	}
	d := &document{uri: t.URI, path: pathOf(t.URI), version: t.Version, text: newText(t.Text)}
	s.docs[t.URI] = d
	s.schedule(d, 0)
	s.scheduleImporters(d)
	return nil
}

func (s *Server) changed(p changeParams) *rpcError {
	d := s.docs[p.TextDocument.URI]
	if d == nil {
		return refuse(codeInvalidParams, "the document %q is not open", p.TextDocument.URI)
	}
	t := d.text
	for _, c := range p.ContentChanges {
		t = t.replaced(c.Range, c.Text)
	}
	d.text, d.version = t, p.TextDocument.Version
	s.schedule(d, pause)
	s.scheduleImporters(d)
	return nil
}

// saved looks again: a save may have changed scripts and files that are not open.
func (s *Server) saved(uri string) *rpcError {
	if d := s.docs[uri]; d != nil {
		s.schedule(d, 0)
		s.scheduleImporters(d)
		return nil
	}
	return refuse(codeInvalidParams, "the document %q is not open", uri)
}

func (s *Server) closed(uri string) *rpcError {
	d := s.docs[uri]
	if d == nil {
		return refuse(codeInvalidParams, "the document %q is not open", uri)
	}
	if d.cancel != nil {
		d.cancel()
	}
	delete(s.docs, uri)
	s.scheduleImporters(d)
	affected := slices.Collect(maps.Keys(d.published))
	for _, u := range append(affected, uri) {
		if err := s.publish(u); err != nil {
			return refuse(codeInternal, "%v", err)
		}
	}
	return nil
}

// schedule marks a document to be parsed after a pause, and stops the parse that runs.
func (s *Server) schedule(d *document, after time.Duration) {
	d.revision++
	d.due = s.o.Clock.Now().Add(after)
	if d.cancel != nil {
		d.cancel()
	}
	s.wake()
}

// scheduleImporters marks the open documents that import a changed one.
func (s *Server) scheduleImporters(changed *document) {
	for _, d := range s.docs {
		if d != changed && d.last.reads(changed) {
			s.schedule(d, pause)
		}
	}
}

// wake sets the timer for the earliest document that is due and not being parsed.
func (s *Server) wake() {
	var earliest time.Time
	for _, d := range s.docs {
		if !d.due.IsZero() && d.cancel == nil && (earliest.IsZero() || d.due.Before(earliest)) {
			earliest = d.due
		}
	}
	s.setTimer(earliest.Sub(s.o.Clock.Now()), !earliest.IsZero())
}

func (s *Server) setTimer(after time.Duration, wanted bool) {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	if wanted {
		s.timer = s.o.Clock.NewTimer(after)
	}
}

// startDue parses what is due, each document in a goroutine of its own, which ends with finish.
func (s *Server) startDue(ctx context.Context) {
	now := s.o.Clock.Now()
	overlay := s.overlay()
	for _, d := range s.docs {
		if d.due.IsZero() || d.cancel != nil || d.due.After(now) {
			continue
		}
		d.due = time.Time{}
		own, cancel := context.WithCancel(ctx)
		d.cancel = cancel
		job := s.job(d, overlay)
		s.parses.Go(func() {
			r := result{uri: job.uri, doc: d, analysis: job.guarded(own)}
			select {
			case s.results <- r:
			case <-ctx.Done():
			}
		})
	}
	s.wake()
}

// result is a parse that ended.
type result struct {
	uri      string
	doc      *document
	analysis analysis
}

// finish takes over a result and publishes what it found. One that was overtaken by a change still gives its view.
func (s *Server) finish(_ context.Context, r result) error {
	d := r.doc
	d.cancel()
	d.cancel = nil
	if r.analysis.broken != nil {
		fmt.Fprintf(s.o.Log, "%s: broken: %v\n", r.uri, r.analysis.broken)
	}
	s.wake()
	if s.docs[r.uri] != d {
		return nil
	}
	isCurrent := r.analysis.revision == d.revision
	if isCurrent || r.analysis.index != nil && d.last.index == nil {
		d.take(r.analysis)
	}
	if !isCurrent || !r.analysis.isComplete {
		return nil
	}
	return s.show(d, r.analysis)
}

// take keeps a result; a text that could not be read leaves the last view that there was.
func (d *document) take(a analysis) {
	if a.index == nil {
		a.index, a.indexed = d.last.index, d.last.indexed
	}
	d.last = a
}

// show publishes the diagnostics of a document in all documents that they are about.
func (s *Server) show(d *document, a analysis) error {
	before := d.published
	d.published = s.diagnostics(d, a)
	affected := map[string]bool{d.uri: true}
	for u := range before {
		affected[u] = true
	}
	for u := range d.published {
		affected[u] = true
	}
	for _, u := range slices.Sorted(maps.Keys(affected)) {
		if err := s.publish(u); err != nil {
			return err
		}
	}
	return nil
}

// publish sends what all open documents found about one.
func (s *Server) publish(uri string) error {
	p := publishParams{URI: uri, Diagnostics: []diagnostic{}}
	if d := s.docs[uri]; d != nil {
		p.Version = &d.version
	}
	type key struct {
		r    span
		text string
	}
	seen := map[key]bool{}
	for _, u := range slices.Sorted(maps.Keys(s.docs)) {
		for _, x := range s.docs[u].published[uri] {
			if k := (key{x.Range, x.Message}); !seen[k] {
				seen[k] = true
				p.Diagnostics = append(p.Diagnostics, x)
			}
		}
	}
	return s.notify("textDocument/publishDiagnostics", p)
}

// overlay gives the texts of the open documents by path, for parses to read instead of the files.
func (s *Server) overlay() map[string]*text {
	out := make(map[string]*text, len(s.docs))
	for _, d := range s.docs {
		if d.path != "" {
			out[d.path] = d.text
		}
	}
	return out
}

// pathOf gives the path of a file URI with slashes, empty for other URIs.
func pathOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "file" || u.Path == "" {
		return ""
	}
	p := u.Path
	if len(p) > 2 && p[2] == ':' && p[0] == '/' {
		p = p[1:]
	}
	return path.Clean(p)
}

// uriOf gives the URI of a path.
func uriOf(p string) string {
	p = filepath.ToSlash(p)
	if !strings.HasPrefix(p, "/") {
		p = "/" + p
	}
	return (&url.URL{Scheme: "file", Path: p}).String()
}

// names gives the locations under which a document may appear in an index.
func (d *document) names() []string {
	if d.path == "" {
		return []string{d.uri}
	}
	return []string{d.path, imports.FileURL(d.path)}
}
