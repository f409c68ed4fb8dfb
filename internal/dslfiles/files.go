// Package dslfiles lets the blueprint parser read: it implements dsl.Source over a file tree and an HTTP client.
//
// The parser itself does no I/O. This package reads nothing outside the tree it is given, asks for http(s) URLs only
// through the function it is given, and bounds what it takes from there. It holds no state.
package dslfiles

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"path"
	"strings"

	"github.com/reifyhq/reify/internal/dsl"
)

// Source reads imports and looks for scripts. It is safe for concurrent use when FS is.
type Source struct {
	// FS is the blueprint's directory; Root is the absolute path that stands for it in locations and messages.
	FS   fs.FS
	Root string
	// Get reads an http or https URL; nil refuses them.
	Get func(ctx context.Context, url string) ([]byte, error)
	// Catalogue holds what a manager would know: plugin:NAME?… is NAME.yaml or NAME/plugin.yaml, whatever the version, and
	// blueprint:ID is ID.yaml or ID/blueprint.yaml. nil is an empty one.
	Catalogue fs.FS
}

// maxFile bounds a document in bytes.
const maxFile = 100 << 20

// Input returns the parser's input for the main file, a path relative to the tree.
func (s *Source) Input(main string) (dsl.Input, error) {
	text, err := s.read(main)
	if err != nil {
		return dsl.Input{}, err
	}
	return dsl.Input{Text: text, Location: path.Join(s.Root, main), ResourcesBasePath: s.Root}, nil
}

// Fetch returns the text of a file: or http(s): URL.
func (s *Source) Fetch(ctx context.Context, u, _ string) (dsl.Fetched, error) {
	if isHTTP(u) {
		if s.Get == nil {
			return dsl.Fetched{}, fmt.Errorf("read %s: imports over the network are not allowed here", u)
		}
		text, err := s.Get(ctx, u)
		return dsl.Fetched{Text: text}, err
	}
	for prefix, file := range catalogued {
		if name, ok := strings.CutPrefix(u, prefix); ok {
			return s.fetchCatalogued(name, file)
		}
	}
	rel, ok := s.relative(u)
	if !ok {
		return dsl.Fetched{}, fmt.Errorf("read %s: it is neither in the blueprint's directory nor an http(s) URL", u)
	}
	text, err := s.read(rel)
	return dsl.Fetched{Text: text}, err
}

// catalogued are the kinds of imports that a manager resolves, with the name of the file in a directory of their own.
var catalogued = map[string]string{"plugin:": "plugin.yaml", "blueprint:": "blueprint.yaml"}

func (s *Source) fetchCatalogued(name, file string) (dsl.Fetched, error) {
	id, _, _ := strings.Cut(name, "?")
	if s.Catalogue == nil {
		return dsl.Fetched{}, fmt.Errorf("%s is something that a manager knows, and none is asked here; "+
			"put its YAML as %s.yaml into a directory and name that as the catalogue", id, id)
	}
	for _, candidate := range []string{id + ".yaml", id + "/" + file} {
		f, err := s.Catalogue.Open(candidate)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
			continue
		}
		if err != nil {
			return dsl.Fetched{}, err
		}
		defer f.Close()
		text, err := readBounded(f, candidate, maxFile)
		return dsl.Fetched{Text: text}, err
	}
	return dsl.Fetched{}, fmt.Errorf("the catalogue has neither %s.yaml nor %s/%s", id, id, file)
}

// Exists reports whether the URL names a file of the tree, or an http(s) URL that can be read.
func (s *Source) Exists(ctx context.Context, u string) bool {
	if isHTTP(u) {
		if s.Get == nil {
			return false
		}
		_, err := s.Get(ctx, u)
		return err == nil
	}
	rel, ok := s.relative(u)
	if !ok {
		return false
	}
	info, err := fs.Stat(s.FS, rel)
	return err == nil && !info.IsDir()
}

// Holds reports whether the URL is a path below Root, whether or not there is a file.
func (s *Source) Holds(u string) bool {
	_, below := s.relative(u)
	return below
}

func isHTTP(u string) bool {
	return strings.HasPrefix(u, "http://") || strings.HasPrefix(u, "https://")
}

// relative turns a file URL or absolute path below Root into a path of the tree.
func (s *Source) relative(u string) (string, bool) {
	p := u
	if rest, isFile := strings.CutPrefix(u, "file:"); isFile {
		decoded, err := url.PathUnescape(strings.TrimPrefix(rest, "//"))
		if err != nil {
			return "", false
		}
		p = decoded
	}
	rel, below := strings.CutPrefix(path.Clean(p), strings.TrimSuffix(s.Root, "/")+"/")
	return rel, below && fs.ValidPath(rel)
}

func (s *Source) read(rel string) ([]byte, error) {
	f, err := s.FS.Open(rel)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readBounded(f, rel, maxFile)
}

func readBounded(r io.Reader, what string, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("read %s: it is larger than %d bytes", what, limit)
	}
	return data, nil
}
