package archive

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"github.com/reifyhq/reify/internal/fault"
)

// ExtractTo extracts an archive into a directory, which should be empty and is not cleaned up after an error.
func ExtractTo(ctx context.Context, src io.ReadSeeker, root *os.Root, limits Limits) (Summary, error) {
	return Extract(ctx, src, limits, func(e Entry, content io.Reader) error {
		if err := write(root, e, content); err != nil {
			return fmt.Errorf("write %q: %w", e.Path, err)
		}
		return nil
	})
}

func write(root *os.Root, e Entry, content io.Reader) (err error) {
	if e.Mode.IsDir() {
		return root.MkdirAll(e.Path, e.Mode.Perm())
	}
	if err := root.MkdirAll(path.Dir(e.Path), 0o755); err != nil {
		return err
	}
	switch {
	case e.Mode&fs.ModeSymlink != 0:
		return root.Symlink(e.Target, e.Path)
	case e.Hard:
		if e.Target == e.Path {
			return nil
		}
		if err := root.Remove(e.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return root.Link(e.Target, e.Path)
	}
	// A file that appears twice is made anew, so that the hard links of the first keep their content.
	if err := root.Remove(e.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := root.OpenFile(e.Path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, e.Mode.Perm())
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
	}()
	_, err = io.Copy(f, content)
	return err
}

// Pack writes a directory as a tar.gz archive whose one top directory has the name top. The same tree gives the same
// bytes: entries are sorted, times and owners are left out. Links that leave the tree and special files are refused.
func Pack(ctx context.Context, w io.Writer, tree fs.FS, top string) error {
	if clean, err := cleanPath(top); err != nil || clean != top || strings.Contains(top, "/") {
		return fault.New(fault.BadParameters, "%q cannot be the name of a directory in an archive", top)
	}
	zipped := gzip.NewWriter(w)
	packed := tar.NewWriter(zipped)
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		return pack(packed, tree, name, path.Join(top, name), d)
	})
	if err != nil {
		return fmt.Errorf("pack %s: %w", top, err)
	}
	if err := errors.Join(packed.Close(), zipped.Close()); err != nil {
		return fmt.Errorf("pack %s: %w", top, err)
	}
	return nil
}

// pack writes one file, directory or link of a tree.
func pack(w *tar.Writer, tree fs.FS, name, as string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	h := &tar.Header{Name: as, Mode: 0o644, ModTime: time.Unix(0, 0), Format: tar.FormatPAX}
	if info.Mode()&0o111 != 0 {
		h.Mode = 0o755
	}
	switch {
	case d.IsDir():
		h.Typeflag, h.Name = tar.TypeDir, as+"/"
		return w.WriteHeader(h)
	case d.Type()&fs.ModeSymlink != 0:
		target, err := fs.ReadLink(tree, name)
		if err != nil {
			return err
		}
		if err := checkLink(&Entry{Path: name, Target: target}); err != nil {
			return err
		}
		h.Typeflag, h.Linkname = tar.TypeSymlink, target
		return w.WriteHeader(h)
	case !d.Type().IsRegular():
		return refuse("entry %q is neither a file nor a directory nor a link", name)
	}
	f, err := tree.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	h.Typeflag, h.Size = tar.TypeReg, info.Size()
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return err
}
