// Package validate checks blueprints on the user's machine with the parser that a manager uses, and writes the findings as
// text, JSON or SARIF.
//
// It reads the blueprint's directory and what the blueprint imports over http(s), nothing else; it writes nothing to disk
// and needs no manager. Imports that only a manager can resolve (plugin:, blueprint:) are reported as such.
package validate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/dsl"
	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dslfiles"
)

// Format is how findings are written.
type Format string

// The formats.
const (
	Text  Format = "text"
	JSON  Format = "json"
	SARIF Format = "sarif"
)

// ErrNoBlueprint says that a path names no blueprint file.
var ErrNoBlueprint = errors.New("no such blueprint")

// mainFile is the blueprint file of a directory.
const mainFile = "blueprint.yaml"

// Validator checks blueprints.
type Validator struct {
	// HTTP reads imports from the network; nil refuses them.
	HTTP  *http.Client
	Clock clock.Clock
}

// Findings are what is wrong with a number of blueprints.
type Findings struct {
	diagnostics []diag.D
	sources     map[string][]byte
}

// Count returns the number of findings.
func (f *Findings) Count() int { return len(f.diagnostics) }

// Write writes the findings.
func (f *Findings) Write(w io.Writer, format Format) error {
	switch format {
	case JSON:
		return diag.WriteJSON(w, f.diagnostics)
	case SARIF:
		return diag.WriteSARIF(w, f.diagnostics)
	}
	return diag.WriteText(w, f.diagnostics, func(file string) []byte { return f.sources[file] })
}

// Check checks the blueprints that paths name: files, or directories with a blueprint.yaml.
func (v Validator) Check(ctx context.Context, paths []string) (*Findings, error) {
	f := &Findings{sources: map[string][]byte{}}
	for _, p := range paths {
		if err := v.check(ctx, p, f); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (v Validator) check(ctx context.Context, name string, f *Findings) error {
	info, err := os.Stat(name)
	if err == nil && info.IsDir() {
		name = filepath.Join(name, mainFile)
		info, err = os.Stat(name)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && !info.Mode().IsRegular():
		return fmt.Errorf("%w: %s", ErrNoBlueprint, name)
	case err != nil:
		return err
	}
	root, err := filepath.Abs(filepath.Dir(name))
	if err != nil {
		return err
	}
	src := &dslfiles.Source{FS: os.DirFS(root), Root: filepath.ToSlash(root)}
	if v.HTTP != nil {
		get := dslfiles.NewHTTP(v.Clock)
		get.Client = v.HTTP
		src.Get = get.Get
	}
	in, err := src.Input(filepath.Base(name))
	if err != nil {
		return err
	}
	shown := shortener{root: src.Root, dir: filepath.Dir(name)}
	in.Now = v.Clock.Now()
	in.OnFile = func(location string, text []byte) { f.sources[shown.name(location)] = text }
	in.OnFile(in.Location, in.Text)
	_, problems := dsl.Parse(ctx, in, src)
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, d := range problems.Sorted() {
		d.File = shown.name(d.File)
		for i := range d.Related {
			d.Related[i].File = shown.name(d.Related[i].File)
		}
		f.diagnostics = append(f.diagnostics, d)
	}
	return nil
}

// shortener names files the way the user did: relative where the user was relative.
type shortener struct {
	root, dir string
}

func (s shortener) name(location string) string {
	path := location
	if rest, isFile := strings.CutPrefix(location, "file:"); isFile {
		if decoded, err := url.PathUnescape(rest); err == nil {
			path = "/" + strings.TrimLeft(decoded, "/")
		}
	}
	if rel, below := strings.CutPrefix(path, strings.TrimSuffix(s.root, "/")+"/"); below {
		return filepath.Join(s.dir, filepath.FromSlash(rel))
	}
	return location
}
