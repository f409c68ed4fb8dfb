package pack

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
)

// tarMagicAt is where a tar header says that it is one.
const tarMagicAt = 257

// Check reads an archive through and reports why a manager would refuse it: unknown format, not exactly one top
// directory, unsafe names, limits, or no file mainFile below the top directory.
func Check(name, mainFile string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a file", name)
	case info.Size() > MaxSize:
		return fmt.Errorf("%s has %s, more than the %s that a manager takes", name, HumanSize(info.Size()), HumanSize(MaxSize))
	}
	c := &checker{mainFile: path.Clean(mainFile)}
	if err := c.read(f, info.Size()); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := c.verdict(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// IsArchive reports whether a file name looks like an archive that a manager takes.
func IsArchive(name string) bool {
	for _, ext := range []string{".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tbz2"} {
		if strings.HasSuffix(strings.ToLower(name), ext) {
			return true
		}
	}
	return false
}

type checker struct {
	mainFile string
	tops     []string
	isFile   bool
	hasMain  bool
	files    int
	bytes    int64
}

func (c *checker) read(f *os.File, size int64) error {
	r := bufio.NewReaderSize(f, tarMagicAt+8)
	head, err := r.Peek(tarMagicAt + 5)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch {
	case bytes.HasPrefix(head, []byte("PK")):
		return c.zip(f, size)
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		zr, err := gzip.NewReader(r)
		if err != nil {
			return err
		}
		return c.tar(zr)
	case bytes.HasPrefix(head, []byte("BZh")):
		return c.tar(bzip2.NewReader(r))
	case len(head) > tarMagicAt && bytes.HasPrefix(head[tarMagicAt:], []byte("ustar")):
		return c.tar(r)
	}
	return errors.New("not an archive: want zip, tar, tar.gz or tar.bz2")
}

func (c *checker) tar(r io.Reader) error {
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("damaged archive: %w", err)
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		if err := c.entry(h.Name, h.FileInfo().IsDir(), h.Size); err != nil {
			return err
		}
	}
}

func (c *checker) zip(f *os.File, size int64) error {
	zr, err := zip.NewReader(f, size)
	if err != nil {
		return fmt.Errorf("damaged archive: %w", err)
	}
	for _, e := range zr.File {
		n := int64(min(e.UncompressedSize64, MaxSize+1))
		if err := c.entry(e.Name, e.FileInfo().IsDir(), n); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) entry(name string, isDir bool, size int64) error {
	clean := path.Clean(name)
	if path.IsAbs(name) || clean == ".." || strings.HasPrefix(clean, "../") {
		return fmt.Errorf("the entry %q would be unpacked outside of the blueprint", name)
	}
	if clean == "." {
		return nil
	}
	top, rest, _ := strings.Cut(clean, "/")
	if !slices.Contains(c.tops, top) && len(c.tops) < 3 {
		c.tops = append(c.tops, top)
	}
	if !isDir {
		c.files++
		c.bytes += size
		c.isFile = c.isFile || rest == ""
		c.hasMain = c.hasMain || rest == c.mainFile
	}
	return checkLimits(c.files, c.bytes)
}

func (c *checker) verdict() error {
	switch {
	case len(c.tops) == 0:
		return errors.New("the archive is empty")
	case len(c.tops) > 1:
		return fmt.Errorf("an archive must have exactly one top directory, this one has several: %s, …",
			strings.Join(c.tops[:2], ", "))
	case c.isFile:
		return fmt.Errorf("an archive must have exactly one top directory, but %s is a file", c.tops[0])
	case !c.hasMain:
		return fmt.Errorf("the archive has no %s in its top directory %s; name the blueprint file with -n",
			c.mainFile, c.tops[0])
	}
	return nil
}
