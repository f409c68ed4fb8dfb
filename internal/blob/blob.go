// Package blob is the file seam: archives and the files unpacked from them, by key.
//
// A key is a slash separated relative path such as "uploaded-blueprints/default_tenant/web/web.zip"; segments are never
// empty, "." or "..". Stored objects are immutable until they are replaced or removed as a whole; a Put that fails leaves
// the old object. The package knows nothing about what the objects mean.
//
// Implementations: blob/fs (a local directory) and blob/s3 (a bucket); blob/blobtest is the suite that each passes.
package blob

import (
	"context"
	"io"
	"time"
)

// Store keeps objects. All methods are safe for concurrent use. Methods that take a key answer fault.NotFound when there
// is no such object and fault.BadParameters when the key is not a valid one.
type Store interface {
	// Put stores the whole of r under key, replacing what is there, durably: after a crash the old or the new is found.
	Put(ctx context.Context, key string, r io.Reader) (Info, error)
	// Open returns the object for reading and seeking; the caller closes it.
	Open(ctx context.Context, key string) (Object, error)
	// Stat returns what is known of the object.
	Stat(ctx context.Context, key string) (Info, error)
	// List returns the objects whose key begins with prefix followed by a slash, sorted by key; none is no error.
	List(ctx context.Context, prefix string) ([]Info, error)
	// Delete removes the object.
	Delete(ctx context.Context, key string) error
	// DeleteAll removes every object whose key begins with prefix followed by a slash; none is no error.
	DeleteAll(ctx context.Context, prefix string) error
}

// Object is an open object.
type Object interface {
	io.ReadSeekCloser
	Info() Info
}

// Info describes an object. Size is in bytes.
type Info struct {
	Key        string
	Size       int64
	ModifiedAt time.Time
}
