package service

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/reifyhq/reify/internal/blob"
	"github.com/reifyhq/reify/internal/dsl"
	"github.com/reifyhq/reify/internal/dslfiles"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// blueprintSource is what the parser of an upload reads: the files of the blueprint, http(s) URLs, and by blueprint:ID
// (dsl, section 5.5) the blueprints that its tenant sees, each with its own files. Only files of blueprints that were
// imported can be read. It serves one parse.
type blueprintSource struct {
	s      *Service
	tenant model.TenantName
	trees  []*dslfiles.Source
}

// tree adds the files of a blueprint to what can be read.
func (b *blueprintSource) tree(ctx context.Context, t model.TenantName, id model.BlueprintID) *dslfiles.Source {
	prefix := filesPrefix(t, id)
	src := &dslfiles.Source{FS: blobFS{ctx, b.s.Blobs, prefix}, Root: "/" + prefix, Get: dslfiles.NewHTTP(b.s.Clock).Get}
	b.trees = append(b.trees, src)
	return src
}

// Fetch returns a file, or the main file of another blueprint.
func (b *blueprintSource) Fetch(ctx context.Context, u, version string) (dsl.Fetched, error) {
	if id, ok := strings.CutPrefix(u, "blueprint:"); ok {
		return b.blueprint(ctx, model.BlueprintID(id))
	}
	for _, t := range b.trees {
		if t.Holds(u) {
			return t.Fetch(ctx, u, version)
		}
	}
	return b.trees[0].Fetch(ctx, u, version)
}

// Exists reports whether one of the blueprints has the file, or the http(s) URL can be read.
func (b *blueprintSource) Exists(ctx context.Context, u string) bool {
	for _, t := range b.trees {
		if t.Holds(u) {
			return t.Exists(ctx, u)
		}
	}
	return b.trees[0].Exists(ctx, u)
}

func (b *blueprintSource) blueprint(ctx context.Context, id model.BlueprintID) (dsl.Fetched, error) {
	var found *model.Blueprint
	err := b.s.Store.View(ctx, func(tx store.Reader) (err error) {
		found, err = tx.Blueprint(b.tenant, id)
		return err
	})
	if err != nil {
		return dsl.Fetched{}, fmt.Errorf("import blueprint %s: %w", id, err)
	}
	if found.State != model.BlueprintUploaded {
		return dsl.Fetched{}, fmt.Errorf("import blueprint %s: it is %s; import one that was uploaded", id, found.State)
	}
	in, err := b.tree(ctx, found.Tenant, id).Input(found.MainFile)
	if err != nil {
		return dsl.Fetched{}, fmt.Errorf("import blueprint %s: %w", id, err)
	}
	return dsl.Fetched{Blueprint: &in}, nil
}

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
