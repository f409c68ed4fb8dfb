// Package archive reads what users upload, zip, tar, tar.gz and tar.bz2, without trusting it, and packs directories.
//
// The format is recognised by content, never by name. Extraction refuses everything that is not a plain tree of files,
// directories and links inside it: absolute paths, "..", links that leave, devices, a file that becomes a directory; and
// it stops at limits on the number of files, their sizes and the ratio of compression, so that a small upload cannot
// fill a disk. Refusals are faults with the code fault.BadParameters that name the entry and the rule; anything else is
// the failure of the source or of the destination.
//
// The package knows nothing of blueprints or plugins, never touches the network, and writes only through the function
// or the os.Root that it is given.
package archive

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/reifyhq/reify/internal/fault"
)

// Format is a kind of archive.
type Format string

// The formats that can be extracted, with the extensions that users know them by.
const (
	Zip    Format = "zip"
	Tar    Format = "tar"
	TarGz  Format = "tar.gz"
	TarBz2 Format = "tar.bz2"
)

// Limits bound an extraction. A zero field means the value of DefaultLimits.
type Limits struct {
	// Files is the greatest number of entries, directories included.
	Files int
	// FileSize and TotalSize are in bytes, uncompressed.
	FileSize  int64
	TotalSize int64
	// Ratio is the greatest ratio of uncompressed to compressed bytes; it counts from the first 16 MiB on, because small
	// archives of monotonous files are harmless.
	Ratio int64
}

// DefaultLimits are generous for blueprints and plugins and still far from filling a disk.
var DefaultLimits = Limits{Files: 10_000, FileSize: 1 << 30, TotalSize: 2 << 30, Ratio: 200}

// ratioFloor is the size below which the ratio does not matter.
const ratioFloor = 16 << 20

func (l Limits) withDefaults() Limits {
	if l.Files == 0 {
		l.Files = DefaultLimits.Files
	}
	if l.FileSize == 0 {
		l.FileSize = DefaultLimits.FileSize
	}
	if l.TotalSize == 0 {
		l.TotalSize = DefaultLimits.TotalSize
	}
	l.TotalSize = min(l.TotalSize, 1<<60)
	if l.Ratio == 0 {
		l.Ratio = DefaultLimits.Ratio
	}
	return l
}

// Entry is one member of an archive after all checks.
type Entry struct {
	// Path is slash separated, relative, and has no empty, "." or ".." parts.
	Path string
	// Mode has the type and the permissions that are kept: 0755 for directories and executables, else 0644.
	Mode fs.FileMode
	// Target is, for a symbolic link, what it says, relative to its directory; for a hard link the Path of an earlier file.
	Target string
	// Hard marks a hard link; its Mode is that of a regular file.
	Hard bool
	// Modified is the time the archive gives, the zero time when it gives none.
	Modified time.Time
}

// Summary says what an archive contained.
type Summary struct {
	Format Format
	// Files counts all entries, Size is the sum of the uncompressed bytes.
	Files int
	Size  int64
	// Roots are the names at the top, in order of appearance; Directory tells for each whether it is a directory.
	Roots []Root
}

// Root is a name at the top of an archive.
type Root struct {
	Name      string
	Directory bool
}

// SingleDirectory returns the name of the one directory that the archive consists of.
func (s Summary) SingleDirectory() (string, error) {
	if len(s.Roots) != 1 || !s.Roots[0].Directory {
		return "", fault.New(fault.BadParameters, "Archive must contain exactly 1 directory")
	}
	return s.Roots[0].Name, nil
}

// Detect recognises the format of an archive by its content and leaves src at its beginning.
func Detect(src io.ReadSeeker) (Format, error) {
	if _, err := src.Seek(0, io.SeekStart); err != nil {
		return "", fmt.Errorf("read archive: %w", err)
	}
	head := make([]byte, 512)
	n, err := io.ReadFull(src, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read archive: %w", err)
	}
	if _, err := src.Seek(0, io.SeekStart); err != nil {
		return "", fmt.Errorf("read archive: %w", err)
	}
	head = head[:n]
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		return Zip, nil
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return TarGz, nil
	case bytes.HasPrefix(head, []byte("BZh")):
		return TarBz2, nil
	case isTarHeader(head):
		return Tar, nil
	}
	return "", fault.New(fault.BadParameters, "the file is not an archive of a supported format (zip, tar, tar.gz, tar.bz2)")
}

// isTarHeader reports whether a block is the header of a tar member, or the end of an empty archive.
func isTarHeader(block []byte) bool {
	if len(block) < 512 {
		return false
	}
	if bytes.HasPrefix(block[257:], []byte("ustar")) || bytes.Equal(block, make([]byte, 512)) {
		return true
	}
	// Archives older than ustar have only their checksum to be known by; the reader checks it.
	_, err := tar.NewReader(bytes.NewReader(append(bytes.Clone(block), make([]byte, 1024)...))).Next()
	return err == nil
}

// Visit receives the members of an archive in their order; content is nil for everything but regular files and is valid
// during the call only. An error ends the extraction and is returned from it.
type Visit func(e Entry, content io.Reader) error

// Extract reads an archive and hands every member that passed the checks to visit. Members before the one that breaks a
// rule have been visited when Extract returns its error: visit must write where that can be thrown away.
func Extract(ctx context.Context, src io.ReadSeeker, limits Limits, visit Visit) (Summary, error) {
	format, err := Detect(src)
	if err != nil {
		return Summary{}, err
	}
	compressed, err := src.Seek(0, io.SeekEnd)
	if err != nil {
		return Summary{}, fmt.Errorf("read archive: %w", err)
	}
	if _, err := src.Seek(0, io.SeekStart); err != nil {
		return Summary{}, fmt.Errorf("read archive: %w", err)
	}
	x := &extraction{ctx: ctx, limits: limits.withDefaults(), compressed: compressed, visit: visit,
		seen: map[string]kind{}, summary: Summary{Format: format}}
	switch format {
	case Zip:
		err = x.zip(src)
	case Tar:
		err = x.tar(src)
	case TarGz:
		err = x.gzip(src)
	default:
		err = x.tar(bzip2.NewReader(bufio.NewReader(src)))
	}
	if err != nil {
		return Summary{}, fmt.Errorf("extract archive: %w", err)
	}
	return x.summary, nil
}

func (x *extraction) gzip(src io.Reader) error {
	r, err := gzip.NewReader(bufio.NewReader(src))
	if err != nil {
		return damaged(err)
	}
	return errors.Join(x.tar(r), r.Close())
}

// damaged turns the complaint of a decoder into a fault; errors that are not about the content stay what they are.
func damaged(err error) error {
	var structural bzip2.StructuralError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fault.Wrap(err, fault.BadParameters, "the archive is damaged: it ends too early")
	case errors.As(err, &structural), errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader),
		errors.Is(err, tar.ErrHeader), errors.Is(err, zip.ErrFormat), errors.Is(err, zip.ErrAlgorithm),
		errors.Is(err, zip.ErrChecksum), isFlateError(err):
		return fault.Wrap(err, fault.BadParameters, "the archive is damaged: %v", err)
	}
	return err
}
