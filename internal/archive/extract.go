package archive

import (
	"archive/tar"
	"archive/zip"
	"compress/flate"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/reifyhq/reify/internal/fault"
)

// kind is what a path was when it appeared first.
type kind int

const (
	directory kind = iota + 1
	file
	link
)

// extraction is the state of one Extract.
type extraction struct {
	ctx        context.Context
	limits     Limits
	compressed int64
	visit      Visit
	seen       map[string]kind
	summary    Summary
}

func refuse(format string, args ...any) error {
	return fault.New(fault.BadParameters, format, args...)
}

func isFlateError(err error) bool {
	var corrupt flate.CorruptInputError
	return errors.As(err, &corrupt)
}

// zip reads a zip archive.
func (x *extraction) zip(src io.ReadSeeker) error {
	r, err := zip.NewReader(&readerAt{src: src}, x.compressed)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return damaged(err)
	}
	for _, f := range r.File {
		if f.Flags&1 != 0 {
			return refuse("entry %q is encrypted", f.Name)
		}
		if err := x.zipEntry(f); err != nil {
			return err
		}
	}
	return nil
}

func (x *extraction) zipEntry(f *zip.File) (err error) {
	mode := f.Mode()
	if strings.HasSuffix(f.Name, "/") {
		mode = fs.ModeDir | mode.Perm()
	}
	if mode.IsDir() {
		return x.entry(f.Name, Entry{Mode: mode, Modified: f.Modified}, nil)
	}
	content, err := f.Open()
	if err != nil {
		return fmt.Errorf("entry %q: %w", f.Name, damaged(err))
	}
	defer func() {
		if closeErr := content.Close(); err == nil {
			err = closeErr
		}
	}()
	if mode&fs.ModeSymlink == 0 {
		return x.entry(f.Name, Entry{Mode: mode, Modified: f.Modified}, content)
	}
	// The content of a link is its target.
	target, err := io.ReadAll(io.LimitReader(content, maxPath+1))
	if err != nil {
		return fmt.Errorf("entry %q: %w", f.Name, damaged(err))
	}
	return x.entry(f.Name, Entry{Mode: mode, Modified: f.Modified, Target: string(target)}, nil)
}

// tar reads a tar archive that is no longer compressed.
func (x *extraction) tar(src io.Reader) error {
	// What lies between the members, their headers and padding, is decompressed too: bound it like the members.
	bounded := &io.LimitedReader{R: src, N: x.limits.TotalSize + int64(x.limits.Files)*4096 + 1<<20}
	r := tar.NewReader(bounded)
	for {
		h, err := r.Next()
		switch {
		case bounded.N <= 0:
			return refuse("the archive is larger than the limit of %d bytes", x.limits.TotalSize)
		case errors.Is(err, io.EOF):
			return x.trailer(bounded)
		case err != nil && !errors.Is(err, tar.ErrInsecurePath):
			return damaged(err)
		}
		e := Entry{Mode: h.FileInfo().Mode(), Modified: h.ModTime}
		var content io.Reader
		switch h.Typeflag {
		case tar.TypeXGlobalHeader:
			// A comment, such as the commit that git writes.
			continue
		case tar.TypeReg, tar.TypeCont, tar.TypeGNUSparse:
			e.Mode, content = e.Mode.Perm(), r
		case tar.TypeDir:
			e.Mode = fs.ModeDir | e.Mode.Perm()
		case tar.TypeSymlink:
			e.Mode, e.Target = fs.ModeSymlink|e.Mode.Perm(), h.Linkname
		case tar.TypeLink:
			e.Mode, e.Target, e.Hard = e.Mode.Perm(), h.Linkname, true
		default:
			return refuse("entry %q is neither a file nor a directory nor a link", h.Name)
		}
		if err := x.entry(h.Name, e, content); err != nil {
			return err
		}
	}
}

// trailer reads what follows the last member, so that a compressed stream verifies its checksum. Other programs pad
// archives with whatever they like: nothing else about the rest is an error.
func (x *extraction) trailer(src io.Reader) error {
	_, err := io.Copy(io.Discard, io.LimitReader(src, 1<<20))
	if errors.Is(err, gzip.ErrChecksum) {
		return damaged(err)
	}
	return x.ctx.Err()
}

// entry checks one member and visits it.
func (x *extraction) entry(name string, e Entry, content io.Reader) (err error) {
	if err := x.ctx.Err(); err != nil {
		return err
	}
	x.summary.Files++
	if x.summary.Files > x.limits.Files {
		return refuse("the archive has more than the limit of %d entries, from %q on", x.limits.Files, name)
	}
	if e.Path, err = cleanPath(name); err != nil {
		return err
	}
	if e.Path == "" {
		// "./" stands for the directory itself.
		return nil
	}
	k, err := x.classify(&e)
	if err != nil {
		return err
	}
	if err := x.remember(e.Path, k); err != nil {
		return err
	}
	if content == nil {
		return x.visit(e, nil)
	}
	r := &boundedReader{x: x, name: e.Path, r: content}
	if err := x.visit(e, r); err != nil {
		return err
	}
	// What visit left unread counts too, and its checksum is verified.
	if _, err := io.Copy(io.Discard, r); err != nil {
		return err
	}
	return nil
}

// classify completes the mode of an entry and checks where its link leads.
func (x *extraction) classify(e *Entry) (kind, error) {
	switch {
	case e.Mode.IsDir():
		e.Mode = fs.ModeDir | 0o755
		return directory, nil
	case e.Mode&fs.ModeSymlink != 0:
		e.Mode = fs.ModeSymlink | 0o777
		return link, checkLink(e)
	case e.Hard:
		target, err := cleanPath(e.Target)
		if err != nil {
			return 0, fmt.Errorf("hard link %q: %w", e.Path, err)
		}
		if x.seen[target] != file {
			return 0, refuse("entry %q is a hard link to %q, which is no earlier file of the archive", e.Path, e.Target)
		}
		e.Target, e.Mode = target, 0o644
		return file, nil
	case !e.Mode.IsRegular():
		return 0, refuse("entry %q is neither a file nor a directory nor a link", e.Path)
	case e.Mode&0o111 != 0:
		e.Mode = 0o755
	default:
		e.Mode = 0o644
	}
	return file, nil
}

// checkLink refuses a symbolic link that leads out of the archive. A target may go up first and down after that, never
// up again: the way up is through real directories, because nothing lies below a link (see remember), and so no chain of
// links leads further up than each of them alone.
func checkLink(e *Entry) error {
	target := e.Target
	switch {
	case target == "" || len(target) > maxPath || !utf8.ValidString(target) || strings.ContainsAny(target, "\x00\\"):
		return refuse("entry %q is a link with an invalid target %q", e.Path, target)
	case path.IsAbs(target):
		return refuse("entry %q is a link to the absolute path %q", e.Path, target)
	}
	depth, down := strings.Count(e.Path, "/"), false
	for part := range strings.SplitSeq(target, "/") {
		switch {
		case part == "" || part == ".":
		case part != "..":
			down = true
		case down || depth == 0:
			return refuse("entry %q is a link that leaves the archive or turns back: %q", e.Path, target)
		default:
			depth--
		}
	}
	return nil
}

// remember records a path with the directories above it. A path keeps the kind that it had first: a directory may be
// named again, a file may be replaced by a file; nothing lies below a file or a link.
func (x *extraction) remember(name string, k kind) error {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if before := x.seen[dir]; before != 0 && before != directory {
			return refuse("entry %q lies below %q, which is not a directory", name, dir)
		}
	}
	if before := x.seen[name]; before != 0 && (before != k || k == link) {
		return refuse("entry %q appears twice as different things", name)
	}
	top, _, below := strings.Cut(name, "/")
	if x.seen[top] == 0 {
		x.summary.Roots = append(x.summary.Roots, Root{Name: top, Directory: below || k == directory})
	}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		x.seen[dir] = directory
	}
	x.seen[name] = k
	return nil
}

// maxPath and maxPart are the lengths in bytes that file systems agree on.
const (
	maxPath = 1024
	maxPart = 255
)

// cleanPath returns a path without "./" and trailing slashes, or a fault for one that is not a plain relative path.
func cleanPath(name string) (string, error) {
	switch {
	case name == "" || !utf8.ValidString(name) || strings.ContainsAny(name, "\x00\\"):
		return "", refuse("entry %q has an invalid name", name)
	case path.IsAbs(name):
		return "", refuse("entry %q has an absolute path", name)
	}
	var parts []string
	for part := range strings.SplitSeq(name, "/") {
		switch {
		case part == "" || part == ".":
			continue
		case part == "..":
			return "", refuse("entry %q leaves the archive", name)
		case len(part) > maxPart:
			return "", refuse("entry %q has a name of more than %d bytes", name, maxPart)
		}
		parts = append(parts, part)
	}
	clean := strings.Join(parts, "/")
	if len(clean) > maxPath {
		return "", refuse("entry %q has a path of more than %d bytes", name, maxPath)
	}
	return clean, nil
}

// boundedReader reads the content of one file and enforces the limits on sizes.
type boundedReader struct {
	x    *extraction
	name string
	r    io.Reader
	size int64
	err  error
}

func (b *boundedReader) Read(p []byte) (int, error) {
	if b.err == nil {
		b.err = b.x.ctx.Err()
	}
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.r.Read(p)
	b.size += int64(n)
	b.x.summary.Size += int64(n)
	limits, total := b.x.limits, b.x.summary.Size
	switch {
	case b.size > limits.FileSize:
		b.err = refuse("entry %q is larger than the limit of %d bytes", b.name, limits.FileSize)
	case total > limits.TotalSize:
		b.err = refuse("the archive is larger than the limit of %d bytes, from entry %q on", limits.TotalSize, b.name)
	case total > ratioFloor && total/limits.Ratio > b.x.compressed:
		b.err = refuse("the archive is compressed more than the limit of %d times, from entry %q on", limits.Ratio, b.name)
	case err == io.EOF:
		b.err = err
	case err != nil:
		b.err = fmt.Errorf("entry %q: %w", b.name, damaged(err))
	}
	if b.err != nil && b.err != io.EOF {
		return 0, b.err
	}
	return n, b.err
}

// readerAt lets the zip reader, which reads at offsets, use a source that seeks. One goroutine uses it.
type readerAt struct{ src io.ReadSeeker }

func (r *readerAt) ReadAt(p []byte, offset int64) (int, error) {
	if _, err := r.src.Seek(offset, io.SeekStart); err != nil {
		return 0, err
	}
	n, err := io.ReadFull(r.src, p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}
