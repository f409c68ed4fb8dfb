// Package pack makes and checks blueprint archives on the user's machine, so that what a manager would refuse is refused
// before it is sent.
//
// An archive has exactly one top directory. Packing writes tar.gz in a fixed order without owner names, leaves editor
// and version control leftovers out and refuses symbolic links that lead out of the directory. The package never talks
// to a manager, never follows a link and never unpacks anything to disk.
package pack

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// The limits of an archive.
const (
	MaxFiles = 100_000
	// MaxSize is the greatest size of all files together, and of the archive.
	MaxSize = 2 << 30
)

// Options say what goes into an archive.
type Options struct {
	// Everything also packs what is left out otherwise.
	Everything bool
}

// Summary says what was packed.
type Summary struct {
	Files    int
	Bytes    int64
	Excluded int
}

// junk are names and patterns that are never part of a blueprint.
var junk = []string{
	".git", ".gitignore", ".gitattributes", ".hg", ".svn", ".idea", ".vscode", ".DS_Store", "Thumbs.db",
	"__pycache__", "*.pyc", "*~", ".*.sw?", ".#*", "#*#", ".venv",
}

func isJunk(name string) bool {
	return slices.ContainsFunc(junk, func(pattern string) bool {
		ok, err := path.Match(pattern, name)
		return err == nil && ok
	})
}

// Directory writes dir as tar.gz to w, below a top directory of its own name.
func Directory(dir string, w io.Writer, o Options) (Summary, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return Summary{}, err
	}
	info, err := os.Stat(abs)
	switch {
	case err != nil:
		return Summary{}, fmt.Errorf("pack %s: %w", dir, err)
	case !info.IsDir():
		return Summary{}, fmt.Errorf("pack %s: not a directory", dir)
	}
	p := &packer{root: abs, top: topName(abs), options: o}
	zw := gzip.NewWriter(w)
	p.tar = tar.NewWriter(zw)
	err = filepath.WalkDir(abs, p.visit)
	if err != nil {
		return p.summary, fmt.Errorf("pack %s: %w", dir, err)
	}
	return p.summary, errors.Join(p.tar.Close(), zw.Close())
}

func topName(abs string) string {
	base := filepath.Base(abs)
	if base == string(filepath.Separator) || base == "." {
		return "blueprint"
	}
	return base
}

type packer struct {
	root, top string
	options   Options
	tar       *tar.Writer
	summary   Summary
}

func (p *packer) visit(name string, d fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	rel, err := filepath.Rel(p.root, name)
	if err != nil {
		return err
	}
	if rel != "." && !p.options.Everything && isJunk(d.Name()) {
		p.summary.Excluded++
		if d.IsDir() {
			return fs.SkipDir
		}
		return nil
	}
	info, err := d.Info()
	if err != nil {
		return err
	}
	inside := path.Join(p.top, filepath.ToSlash(rel))
	switch mode := info.Mode(); {
	case mode.IsDir():
		return p.tar.WriteHeader(header(info, inside+"/", ""))
	case mode.IsRegular():
		return p.file(name, inside, info)
	case mode&fs.ModeSymlink != 0:
		return p.link(name, rel, inside, info)
	default:
		return fmt.Errorf("%s is neither a file, a directory nor a link (%s)", rel, mode.Type())
	}
}

func (p *packer) file(name, inside string, info fs.FileInfo) error {
	p.summary.Files++
	p.summary.Bytes += info.Size()
	if err := checkLimits(p.summary.Files, p.summary.Bytes); err != nil {
		return err
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := p.tar.WriteHeader(header(info, inside, "")); err != nil {
		return err
	}
	if n, err := io.CopyN(p.tar, f, info.Size()); err != nil {
		return fmt.Errorf("%s changed while it was read (%d of %d bytes): %w", inside, n, info.Size(), err)
	}
	return nil
}

func (p *packer) link(name, rel, inside string, info fs.FileInfo) error {
	target, err := os.Readlink(name)
	if err != nil {
		return err
	}
	if filepath.IsAbs(target) || !filepath.IsLocal(filepath.Join(filepath.Dir(rel), target)) {
		return fmt.Errorf("the link %s leads out of the directory (to %s): copy the file into the blueprint", rel, target)
	}
	p.summary.Files++
	return p.tar.WriteHeader(header(info, inside, filepath.ToSlash(target)))
}

// header keeps kind, name, time and whether a file may be executed, and nothing of the user's machine.
func header(info fs.FileInfo, name, target string) *tar.Header {
	h := &tar.Header{Name: name, ModTime: info.ModTime().Truncate(1e9), Mode: 0o644, Format: tar.FormatPAX}
	switch {
	case info.IsDir():
		h.Typeflag, h.Mode = tar.TypeDir, 0o755
	case target != "":
		h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, target, 0o777
	default:
		h.Typeflag, h.Size = tar.TypeReg, info.Size()
		if info.Mode()&0o111 != 0 {
			h.Mode = 0o755
		}
	}
	return h
}

func checkLimits(files int, bytes int64) error {
	switch {
	case files > MaxFiles:
		return fmt.Errorf("more than %d files: leave out what the blueprint does not need", MaxFiles)
	case bytes > MaxSize:
		return fmt.Errorf("more than %s: leave out what the blueprint does not need, or let it be downloaded on the host",
			HumanSize(MaxSize))
	}
	return nil
}

// HumanSize writes a number of bytes for people.
func HumanSize(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, suffix := float64(n), ""
	for _, suffix = range []string{"KiB", "MiB", "GiB", "TiB"} {
		value /= unit
		if value < unit {
			break
		}
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", value), ".0") + " " + suffix
}
