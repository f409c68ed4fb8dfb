package dslcases

import (
	"context"
	"fmt"
	"net/url"
	"path"
	"strings"

	"github.com/reifyhq/reify/internal/dsl"
	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/value"
)

// tableSource answers from the loader table of a case.
type tableSource struct {
	fetches map[string][]*value.Map
	files   map[string]bool
	urls    map[string]bool
}

func newSource(in *value.Map) *tableSource {
	s := &tableSource{fetches: map[string][]*value.Map{}, files: map[string]bool{}, urls: map[string]bool{}}
	for _, x := range listOf(in.At("fetches")) {
		m := mapOf(x)
		s.fetches[text(m.At("url"))] = append(s.fetches[text(m.At("url"))], m)
	}
	for k := range mapOf(in.At("files")).All() {
		s.files[path.Clean(k)] = true
	}
	for _, u := range value.Strings(in.At("existing_urls")) {
		s.urls[u] = true
	}
	return s
}

// Fetch gives the next answer recorded for a URL; the last repeats.
func (s *tableSource) Fetch(_ context.Context, u, _ string) (dsl.Fetched, error) {
	l := s.fetches[u]
	if len(l) == 0 {
		return dsl.Fetched{}, fmt.Errorf("url was never asked for in the recording: %s", u)
	}
	m := l[0]
	if len(l) > 1 {
		s.fetches[u] = l[1:]
	}
	if e := mapOf(m.At("error")); e != nil {
		return dsl.Fetched{}, errorOf(e)
	}
	f := dsl.Fetched{Text: []byte(text(m.At("text")))}
	if b := mapOf(m.At("blueprint")); b != nil {
		f.Blueprint = &dsl.Input{Text: []byte(text(b.At("text"))), Location: text(b.At("location")), ResourcesBasePath: text(b.At("resources_base_path"))}
	}
	if p := mapOf(m.At("plugin")); p != nil {
		f.Plugin = &dsl.PluginRecord{Labels: mapOf(p.At("labels")), BlueprintLabels: mapOf(p.At("blueprint_labels")), ResourceTags: mapOf(p.At("resource_tags"))}
	}
	return f, nil
}

// Exists answers from the files and URLs of the case.
func (s *tableSource) Exists(_ context.Context, u string) bool {
	if rest, ok := strings.CutPrefix(u, "file:"); ok {
		p, err := url.PathUnescape(rest)
		return err == nil && s.files[path.Clean("/"+strings.TrimLeft(p, "/"))]
	}
	return s.urls[u]
}

func errorOf(m *value.Map) *diag.Error {
	e := diag.New(diag.Class(text(m.At("class"))), text(m.At("message")))
	if code, ok := m.At("err_code").(int64); ok {
		e.Code, e.HasCode = int(code), true
	}
	return e
}
