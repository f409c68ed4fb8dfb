// Package inspect looks at blueprints on this machine, without a manager: Validate reports all problems, Graph draws the
// topology and Explain tells where every property and operation of a node comes from.
//
// A blueprint is named by the path of a file, of a directory or of an archive, or by an http(s) URL. Nothing outside of
// the blueprint's directory is read, except the built-in types and what the blueprint imports by URL; archives are
// unpacked within limits into a temporary directory that is removed again. The package writes results only where it is
// told to, never ends the process and never talks to a manager.
//
// Results are deterministic: the same blueprint gives the same bytes.
package inspect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/reifyhq/reify/internal/archive"
	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/dsl"
	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/index"
	"github.com/reifyhq/reify/internal/dslfiles"
)

// Inspector looks at blueprints. The zero value refuses URLs. It is safe for concurrent use.
type Inspector struct {
	// HTTP reads URLs; nil refuses them.
	HTTP *http.Client
	// Clock spaces the attempts to read a URL. It must be set when HTTP is.
	Clock clock.Clock
	// Catalogue holds the YAML files of plugin: and blueprint: imports; nil is an empty one (see dslfiles.Source).
	Catalogue fs.FS
}

// mainFile is the name that the main file has when nobody says otherwise.
const mainFile = "blueprint.yaml"

// maxDocument bounds what is taken for the text of a blueprint.
const maxDocument = 16 << 20

// blueprint is one main file with what it may read.
type blueprint struct {
	in  dsl.Input
	src *dslfiles.Source
	// shown stands for src.Root when locations are shown.
	shown string
}

// opened is what a path named. close releases it.
type opened struct {
	blueprints []*blueprint
	release    []func() error
}

func (o *opened) close() error {
	var errs []error
	for i := len(o.release) - 1; i >= 0; i-- {
		errs = append(errs, o.release[i]())
	}
	return errors.Join(errs...)
}

// open finds the blueprints that a path names.
func (i Inspector) open(ctx context.Context, name string) (*opened, error) {
	o := &opened{}
	err := i.openInto(ctx, o, name)
	if err != nil {
		return nil, errors.Join(err, o.close())
	}
	return o, nil
}

func (i Inspector) openInto(ctx context.Context, o *opened, name string) error {
	if strings.HasPrefix(name, "http://") || strings.HasPrefix(name, "https://") {
		return i.openURL(ctx, o, name)
	}
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	abs, err := filepath.Abs(name)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return i.openDir(o, abs, filepath.ToSlash(abs), filepath.ToSlash(filepath.Clean(name)), "")
	}
	if isDocumentName(name) {
		return i.openDir(o, filepath.Dir(abs), filepath.ToSlash(filepath.Dir(abs)), filepath.ToSlash(filepath.Dir(name)), filepath.Base(name))
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return i.openArchive(ctx, o, f, filepath.ToSlash(abs), filepath.ToSlash(name))
}

func isDocumentName(name string) bool {
	ext := strings.ToLower(path.Ext(filepath.ToSlash(name)))
	return ext == ".yaml" || ext == ".yml"
}

// openDir takes one file of a directory, its blueprint.yaml, or every document that declares a version.
func (i Inspector) openDir(o *opened, dir, root, shown, file string) error {
	r, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	o.release = append(o.release, r.Close)
	src := &dslfiles.Source{FS: r.FS(), Root: root, Get: i.get(), Catalogue: i.Catalogue}
	files := []string{file}
	if file == "" {
		if files, err = mainFiles(src.FS, shown); err != nil {
			return err
		}
	}
	for _, f := range files {
		in, err := src.Input(f)
		if err != nil {
			return fmt.Errorf("read %s: %w", path.Join(shown, f), err)
		}
		o.blueprints = append(o.blueprints, &blueprint{in: in, src: src, shown: shown})
	}
	return nil
}

var declaresVersion = regexp.MustCompile(`(?m)^["']?tosca_definitions_version["']? *:`)

// mainFiles gives the blueprints of a directory.
func mainFiles(tree fs.FS, shown string) ([]string, error) {
	if info, err := fs.Stat(tree, mainFile); err == nil && !info.IsDir() {
		return []string{mainFile}, nil
	}
	entries, err := fs.ReadDir(tree, ".")
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		if e.IsDir() || !isDocumentName(e.Name()) {
			continue
		}
		text, err := readDocument(tree, e.Name())
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path.Join(shown, e.Name()), err)
		}
		if declaresVersion.Match(text) {
			out = append(out, e.Name())
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("there is no blueprint in %s: neither %s nor another .yaml file with tosca_definitions_version", shown, mainFile)
	}
	return out, nil
}

func readDocument(tree fs.FS, name string) ([]byte, error) {
	f, err := tree.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxDocument))
}

// archiveLimits are tighter than those of an upload: a check must not fill the disk of whoever looks at an archive.
var archiveLimits = archive.Limits{Files: 10_000, FileSize: 256 << 20, TotalSize: 512 << 20}

// openArchive unpacks an archive for as long as it is open. root stands for it in locations.
func (i Inspector) openArchive(ctx context.Context, o *opened, f io.ReadSeeker, root, shown string) error {
	dir, err := os.MkdirTemp("", "reify-inspect-*")
	if err != nil {
		return err
	}
	o.release = append(o.release, func() error { return os.RemoveAll(dir) })
	r, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	o.release = append(o.release, r.Close)
	summary, err := archive.ExtractTo(ctx, f, r, archiveLimits)
	if err != nil {
		return fmt.Errorf("read %s: %w", shown, err)
	}
	top, err := summary.SingleDirectory()
	if err != nil {
		return fmt.Errorf("read %s: %w", shown, err)
	}
	return i.openDir(o, filepath.Join(dir, filepath.FromSlash(top)), path.Join(root, top), shown+"/"+top, "")
}

func (i Inspector) get() func(context.Context, string) ([]byte, error) {
	if i.HTTP == nil {
		return nil
	}
	h := dslfiles.NewHTTP(i.Clock)
	h.Client = i.HTTP
	return h.Get
}

// openURL reads a document or an archive from the network.
func (i Inspector) openURL(ctx context.Context, o *opened, name string) error {
	get := i.get()
	if get == nil {
		return fmt.Errorf("read %s: reading over the network is not allowed here", name)
	}
	data, err := get(ctx, name)
	if err != nil {
		return err
	}
	if u, err := url.Parse(name); err == nil && isDocumentName(u.Path) {
		src := &dslfiles.Source{FS: nothing{}, Root: "/nothing", Get: get, Catalogue: i.Catalogue}
		o.blueprints = append(o.blueprints, &blueprint{in: dsl.Input{Text: data, Location: name}, src: src, shown: name})
		return nil
	}
	return i.openArchive(ctx, o, strings.NewReader(string(data)), "/archive", name)
}

// nothing is a tree without files: what a document from the network may read of this machine.
type nothing struct{}

func (nothing) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// show gives a location as the user would write it.
func (b *blueprint) show(location string) string {
	if name, _, ok := index.BuiltIn(location); ok {
		return "cloudify/types/" + name
	}
	if rel, ok := b.relative(location); ok {
		return path.Join(b.shown, rel)
	}
	return location
}

// relative gives a location inside of the blueprint's directory as a path of it.
func (b *blueprint) relative(location string) (string, bool) {
	p := location
	if rest, isFile := strings.CutPrefix(p, "file:"); isFile {
		decoded, err := url.PathUnescape(rest)
		if err != nil {
			return "", false
		}
		p = decoded
	}
	rel, below := strings.CutPrefix(p, strings.TrimSuffix(b.src.Root, "/")+"/")
	return rel, below && fs.ValidPath(rel)
}

// text gives the document at a location, nil when it cannot be had without the network.
func (b *blueprint) text(location string) []byte {
	if location == b.in.Location {
		return b.in.Text
	}
	if _, text, ok := index.BuiltIn(location); ok {
		return text
	}
	if rel, ok := b.relative(location); ok {
		if text, err := readDocument(b.src.FS, rel); err == nil {
			return text
		}
	}
	return nil
}

// name gives the main file as the user would write it.
func (b *blueprint) name() string { return b.show(b.in.Location) }

// Problems says that a blueprint cannot be drawn or explained because it has problems.
type Problems struct {
	Blueprint string
	First     diag.D
	Count     int
}

// Error names the first problem and how to see the others.
func (p *Problems) Error() string {
	more := ""
	if p.Count > 1 {
		more = fmt.Sprintf(" and %d more", p.Count-1)
	}
	return fmt.Sprintf("%s cannot be read: %s%s; reify blueprints validate %s shows what to do", p.Blueprint, p.First.Summary, more, p.Blueprint)
}

// one opens the blueprint that a path names, which must be one, and parses it.
func (i Inspector) one(ctx context.Context, name string, use func(b *blueprint, p *dsl.Plan) error) (err error) {
	o, err := i.open(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.close()) }()
	if len(o.blueprints) > 1 {
		var names []string
		for _, b := range o.blueprints {
			names = append(names, b.name())
		}
		return fmt.Errorf("%s holds several blueprints; name one of %s", name, strings.Join(names, ", "))
	}
	b := o.blueprints[0]
	p, problems := dsl.Parse(ctx, b.in, b.src)
	if p == nil {
		sorted := problems.Sorted()
		if len(sorted) == 0 {
			return fmt.Errorf("%s cannot be read", b.name())
		}
		return &Problems{Blueprint: b.name(), First: sorted[0], Count: len(sorted)}
	}
	return use(b, p)
}
