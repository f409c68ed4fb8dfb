package service

import (
	"context"
	"io/fs"
	"path"
	"time"

	"github.com/reifyhq/reify/internal/blob"
	"github.com/reifyhq/reify/internal/fault"
)

// blobFS shows the objects below a prefix as files, which is what the blueprint parser reads. Directories are not shown.
type blobFS struct {
	ctx    context.Context
	store  blob.Store
	prefix string
}

// Open opens the object of the name.
func (b blobFS) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	obj, err := b.store.Open(b.ctx, b.prefix+"/"+name)
	if fault.Is(err, fault.NotFound) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return blobFile{obj}, nil
}

type blobFile struct{ blob.Object }

// Stat describes the object.
func (f blobFile) Stat() (fs.FileInfo, error) { return blobInfo{f.Info()}, nil }

type blobInfo struct{ blob.Info }

func (i blobInfo) Name() string       { return path.Base(i.Key) }
func (i blobInfo) Size() int64        { return i.Info.Size }
func (i blobInfo) Mode() fs.FileMode  { return 0o444 }
func (i blobInfo) ModTime() time.Time { return i.ModifiedAt }
func (i blobInfo) IsDir() bool        { return false }
func (i blobInfo) Sys() any           { return nil }
