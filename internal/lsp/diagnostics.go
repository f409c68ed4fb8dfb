package lsp

import (
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/index"
)

// maxDiagnostics bounds what is published of one parse.
const maxDiagnostics = 1000

// diagnostics turns problems into the protocol's form, by the document that each is shown in. One without a place that the
// editor could show goes to the top of the document that was parsed.
func (s *Server) diagnostics(d *document, a analysis) map[string][]diagnostic {
	out := map[string][]diagnostic{}
	for i, p := range a.problems {
		if i == maxDiagnostics {
			break
		}
		uri, t := s.place(d, p.File)
		if uri == "" || p.Range.Start.Line == 0 {
			uri, t = d.uri, d.text
		}
		x := diagnostic{Range: t.span(p.Range), Severity: 1, Code: p.Code, Source: "reify", Message: message(p)}
		if p.Severity == diag.SeverityWarning {
			x.Severity = 2
		}
		for _, r := range p.Related {
			if u, t := s.place(d, r.File); u != "" && r.Range.Start.Line > 0 {
				x.RelatedInformation = append(x.RelatedInformation, relatedDiagnostic{location{u, t.span(r.Range)}, r.Message})
			}
		}
		out[uri] = append(out[uri], x)
	}
	return out
}

func message(p diag.D) string {
	parts := []string{p.Summary}
	for _, s := range []string{p.Detail, p.Fix} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, "\n")
}

// place gives the document at a location of the parser and its text; an empty URI when the editor cannot show it.
func (s *Server) place(d *document, file string) (string, *text) {
	if file == "" {
		return "", nil
	}
	for _, name := range d.names() {
		if name == file {
			return d.uri, d.text
		}
	}
	if name, content, ok := index.BuiltIn(file); ok {
		p := s.builtIn(name, content)
		if p == "" {
			return "", nil
		}
		return uriOf(p), newText(string(content))
	}
	p := localPath(file)
	if p == "" {
		return "", nil
	}
	for _, o := range s.docs {
		if o.path == p {
			return o.uri, o.text
		}
	}
	return uriOf(p), readText(p)
}

// localPath gives the path of a location, empty when it is not a file's.
func localPath(file string) string {
	if strings.HasPrefix(file, "/") {
		return path.Clean(file)
	}
	if rest, ok := strings.CutPrefix(file, "file:"); ok {
		return pathOf("file://" + strings.TrimPrefix(rest, "//"))
	}
	return ""
}

// readText reads a file that is not open; one that cannot be read has no text, so that places in it stay approximate.
func readText(p string) *text {
	info, err := os.Stat(filepath.FromSlash(p))
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxDocument {
		return newText("")
	}
	data, err := os.ReadFile(filepath.FromSlash(p))
	if err != nil {
		return newText("")
	}
	return newText(string(data))
}

// builtIn puts a copy of the built-in types where the editor can open it and gives its path, empty when there is no place.
func (s *Server) builtIn(name string, content []byte) string {
	if s.o.BuiltInDir == "" || strings.ContainsAny(name, `/\`) {
		return ""
	}
	p := filepath.Join(s.o.BuiltInDir, name)
	if have, err := os.ReadFile(p); err == nil && string(have) == string(content) {
		return filepath.ToSlash(p)
	}
	if err := os.MkdirAll(s.o.BuiltInDir, 0o755); err != nil {
		return ""
	}
	// The copy is read-only: a change in it would change nothing.
	os.Remove(p)
	if err := os.WriteFile(p, content, 0o444); err != nil {
		return ""
	}
	return filepath.ToSlash(p)
}
