// Package fs keeps objects as files in a local directory: the blob seam for a single manager.
//
// An object's key is its path below "objects". A Put writes to a file of its own below "incoming", syncs it and renames
// it into place, so that a reader or a crash meets the old object or the new one and never a part. Everything goes
// through an os.Root: no key and no symbolic link leads out of the directory. The package never looks into objects.
//
// Invariants: one process owns the directory; a key is either an object or a prefix of others, not both; mu is held
// while directories are made or removed, so that no directory vanishes between its making and the rename into it.
package fs

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/reifyhq/reify/internal/blob"
	"github.com/reifyhq/reify/internal/fault"
)

var _ blob.Store = (*Store)(nil)

const (
	objects  = "objects"
	incoming = "incoming"
)

// Store is an open directory of objects. It is safe for concurrent use.
type Store struct {
	root *os.Root
	mu   sync.Mutex
}

// Open opens the directory, makes it when it does not exist, and removes what an earlier process left unfinished.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("make blob directory: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open blob directory: %w", err)
	}
	s := &Store{root: root}
	if err := s.prepare(); err != nil {
		return nil, errors.Join(fmt.Errorf("prepare blob directory %s: %w", dir, err), root.Close())
	}
	return s, nil
}

func (s *Store) prepare() error {
	if err := s.root.RemoveAll(incoming); err != nil {
		return err
	}
	for _, name := range []string{incoming, objects} {
		if err := s.root.MkdirAll(name, 0o750); err != nil {
			return err
		}
	}
	return s.sync(".")
}

// Close releases the directory. Objects that are open stay readable.
func (s *Store) Close() error { return s.root.Close() }

// absent reports whether err says that there is no file at a path, for whatever reason.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// Put stores r; see blob.Store.
func (s *Store) Put(ctx context.Context, key string, r io.Reader) (blob.Info, error) {
	if err := blob.CheckKey(key); err != nil {
		return blob.Info{}, err
	}
	name := incoming + "/" + rand.Text()
	info, err := s.receive(ctx, name, r)
	if err == nil {
		err = s.place(name, key)
	}
	if err != nil {
		// The rest of an object that was not stored is worth nothing; what cannot be removed goes at the next Open.
		_ = s.root.Remove(name)
		return blob.Info{}, fmt.Errorf("put object %s: %w", key, err)
	}
	info.Key = key
	return info, nil
}

// receive writes r to a new file and syncs it.
func (s *Store) receive(ctx context.Context, name string, r io.Reader) (info blob.Info, err error) {
	f, err := s.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return blob.Info{}, err
	}
	defer func() {
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
	}()
	if _, err := io.Copy(f, &contextReader{ctx, r}); err != nil {
		return blob.Info{}, err
	}
	if err := f.Sync(); err != nil {
		return blob.Info{}, err
	}
	stat, err := f.Stat()
	if err != nil {
		return blob.Info{}, err
	}
	return blob.Info{Size: stat.Size(), ModifiedAt: stat.ModTime().UTC()}, nil
}

// place renames a received file to the place of its key and makes the new name durable.
func (s *Store) place(name, key string) error {
	target := path.Join(objects, key)
	s.mu.Lock()
	made, err := s.makeParents(target)
	if err == nil {
		err = s.root.Rename(name, target)
	}
	s.mu.Unlock()
	switch {
	case errors.Is(err, syscall.ENOTDIR):
		return fault.Wrap(err, fault.Conflict, "a part of the key `%s` is an object itself", key)
	case errors.Is(err, syscall.EISDIR), errors.Is(err, fs.ErrExist), errors.Is(err, syscall.ENOTEMPTY):
		return fault.Wrap(err, fault.Conflict, "there are objects below the key `%s`", key)
	case err != nil:
		return err
	}
	for _, dir := range append(made, path.Dir(target)) {
		if err := s.sync(dir); err != nil {
			return err
		}
	}
	return nil
}

// makeParents makes the directories above target and returns the ones that got a new entry by that.
func (s *Store) makeParents(target string) (changed []string, err error) {
	dir := path.Dir(target)
	var absentDirs []string
	for ; dir != objects; dir = path.Dir(dir) {
		stat, err := s.root.Lstat(dir)
		if err == nil && !stat.IsDir() {
			return nil, syscall.ENOTDIR
		}
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		absentDirs = append(absentDirs, dir)
	}
	slices.Reverse(absentDirs)
	for _, dir := range absentDirs {
		if err := s.root.Mkdir(dir, 0o750); err != nil {
			return nil, err
		}
		changed = append(changed, path.Dir(dir))
	}
	return changed, nil
}

// sync makes the names in a directory durable. A directory that is gone has nothing to keep.
func (s *Store) sync(dir string) error {
	f, err := s.root.Open(dir)
	if absent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Open opens an object; see blob.Store.
func (s *Store) Open(_ context.Context, key string) (blob.Object, error) {
	info, err := s.stat(key)
	if err != nil {
		return nil, err
	}
	f, err := s.root.Open(path.Join(objects, key))
	if absent(err) {
		return nil, blob.Missing(key)
	}
	if err != nil {
		return nil, fmt.Errorf("open object %s: %w", key, err)
	}
	// The object may have been replaced since it was looked at: what counts is the open file.
	stat, err := f.Stat()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open object %s: %w", key, err), f.Close())
	}
	info.Size, info.ModifiedAt = stat.Size(), stat.ModTime().UTC()
	return &object{File: f, info: info}, nil
}

type object struct {
	*os.File
	info blob.Info
}

func (o *object) Info() blob.Info { return o.info }

// Stat returns what is known of an object; see blob.Store.
func (s *Store) Stat(_ context.Context, key string) (blob.Info, error) { return s.stat(key) }

// stat finds regular files only: whatever else somebody put into the directory is no object.
func (s *Store) stat(key string) (blob.Info, error) {
	if err := blob.CheckKey(key); err != nil {
		return blob.Info{}, err
	}
	stat, err := s.root.Lstat(path.Join(objects, key))
	switch {
	case absent(err) || err == nil && !stat.Mode().IsRegular():
		return blob.Info{}, blob.Missing(key)
	case err != nil:
		return blob.Info{}, fmt.Errorf("look at object %s: %w", key, err)
	}
	return blob.Info{Key: key, Size: stat.Size(), ModifiedAt: stat.ModTime().UTC()}, nil
}

// List returns the objects below a prefix; see blob.Store. The empty prefix stands for all objects.
func (s *Store) List(ctx context.Context, prefix string) ([]blob.Info, error) {
	if prefix != "" {
		if err := blob.CheckKey(prefix); err != nil {
			return nil, err
		}
	}
	list := []blob.Info{}
	err := fs.WalkDir(s.root.FS(), path.Join(objects, prefix), func(name string, d fs.DirEntry, err error) error {
		switch {
		case absent(err):
			return nil
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case !d.Type().IsRegular() || name == path.Join(objects, prefix):
			return nil
		}
		stat, err := d.Info()
		if absent(err) {
			return nil
		}
		if err != nil {
			return err
		}
		key := strings.TrimPrefix(name, objects+"/")
		list = append(list, blob.Info{Key: key, Size: stat.Size(), ModifiedAt: stat.ModTime().UTC()})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list objects below %s: %w", prefix, err)
	}
	slices.SortFunc(list, func(a, b blob.Info) int { return strings.Compare(a.Key, b.Key) })
	return list, nil
}

// Delete removes an object; see blob.Store.
func (s *Store) Delete(_ context.Context, key string) error {
	if _, err := s.stat(key); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	target := path.Join(objects, key)
	err := s.root.Remove(target)
	if absent(err) {
		return blob.Missing(key)
	}
	if err == nil {
		err = s.prune(target)
	}
	if err != nil {
		return fmt.Errorf("delete object %s: %w", key, err)
	}
	return nil
}

// DeleteAll removes the objects below a prefix at once: readers find all of them or none. See blob.Store.
func (s *Store) DeleteAll(_ context.Context, prefix string) error {
	if err := blob.CheckKey(prefix); err != nil {
		return err
	}
	target, trash := path.Join(objects, prefix), incoming+"/"+rand.Text()
	s.mu.Lock()
	stat, err := s.root.Lstat(target)
	if err == nil && stat.IsDir() {
		if err = s.root.Rename(target, trash); err == nil {
			err = s.prune(target)
		}
	}
	s.mu.Unlock()
	if absent(err) {
		return nil
	}
	if err == nil {
		err = s.root.RemoveAll(trash)
	}
	if err != nil {
		return fmt.Errorf("delete objects below %s: %w", prefix, err)
	}
	return nil
}

// prune removes the directories above target that became empty and makes the last change durable.
func (s *Store) prune(target string) error {
	dir := path.Dir(target)
	for ; dir != objects; dir = path.Dir(dir) {
		if err := s.root.Remove(dir); err != nil {
			break
		}
	}
	return s.sync(dir)
}

// contextReader ends a copy when the context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
