package inventory

import (
	"archive/zip"
	"context"
	"fmt"
	"io"

	"github.com/reifyhq/reify/internal/blob"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/store"
)

// snapshotKey is where the archive of a snapshot is.
func snapshotKey(t model.TenantName, id model.SnapshotID) string {
	return fmt.Sprintf("snapshots/%s/%s/%s.zip", t, id, id)
}

// Snapshots lists snapshots.
func (s *Service) Snapshots(ctx context.Context, a *service.Actor, q service.Query, all bool) (p service.Page[*model.Snapshot], err error) {
	if err := a.RequireTenant("snapshot_list"); err != nil {
		return p, err
	}
	q.Scope = a.Scope("snapshot_list", all)
	err = s.Store.View(ctx, func(tx store.Reader) error {
		p, err = tx.Snapshots(q)
		return err
	})
	return p, err
}

func visibleSnapshot(tx store.Reader, a *service.Actor, id model.SnapshotID) (*model.Snapshot, error) {
	n, err := tx.Snapshot(a.Tenant, id)
	if err == nil && !a.Sees(n.Resource) {
		return nil, fault.Missing("Snapshot", string(id))
	}
	return n, err
}

// Snapshot returns a snapshot.
func (s *Service) Snapshot(ctx context.Context, a *service.Actor, id model.SnapshotID) (n *model.Snapshot, err error) {
	if err := a.RequireTenant("snapshot_get"); err != nil {
		return nil, err
	}
	err = s.Store.View(ctx, func(tx store.Reader) error {
		n, err = visibleSnapshot(tx, a, id)
		return err
	})
	return n, err
}

// CreateSnapshot refuses: this manager cannot write an archive of its state yet.
func (s *Service) CreateSnapshot(_ context.Context, a *service.Actor, id model.SnapshotID) error {
	if err := a.RequireTenant("snapshot_create"); err != nil {
		return err
	}
	if err := service.CheckID("snapshot_id", string(id)); err != nil {
		return err
	}
	return fault.New(fault.SnapshotAction, "Cannot create the snapshot `%s`: this manager does not write snapshots yet; stop it and copy "+
		"its data directory instead", id)
}

// RestoreSnapshot refuses: this manager cannot read an archive of the state of a manager yet.
func (s *Service) RestoreSnapshot(ctx context.Context, a *service.Actor, id model.SnapshotID) error {
	if err := a.RequireTenant("snapshot_restore"); err != nil {
		return err
	}
	err := s.Store.View(ctx, func(tx store.Reader) error {
		_, err := visibleSnapshot(tx, a, id)
		return err
	})
	if err != nil {
		return err
	}
	return fault.New(fault.SnapshotAction, "Cannot restore the snapshot `%s`: this manager does not restore snapshots yet", id)
}

// UploadSnapshot stores an archive as a new snapshot; what is no zip archive is refused and leaves nothing.
func (s *Service) UploadSnapshot(ctx context.Context, a *service.Actor, id model.SnapshotID, body io.Reader) (*model.Snapshot, error) {
	if err := a.RequireTenant("snapshot_upload"); err != nil {
		return nil, err
	}
	if err := service.CheckID("snapshot_id", string(id)); err != nil {
		return nil, err
	}
	r, err := s.NewResource(a, model.VisibilityPrivate)
	if err != nil {
		return nil, err
	}
	n := &model.Snapshot{Resource: r, ID: id, Status: model.SnapshotCreating}
	if err := s.Store.Update(ctx, func(tx store.Tx) error { return tx.InsertSnapshot(n) }); err != nil {
		return nil, err
	}
	err = s.storeArchive(ctx, n, body)
	if err != nil {
		// The request may be gone; what it left has to go nevertheless.
		clean := context.WithoutCancel(ctx)
		if e := s.Blobs.DeleteAll(clean, archiveDir(n)); e != nil {
			s.Log.Warn("remove the archive of a snapshot that was refused", "snapshot", id, "error", e)
		}
		if e := s.Store.Update(clean, func(tx store.Tx) error { return tx.DeleteSnapshot(n.Tenant, id) }); e != nil {
			s.Log.Warn("remove a snapshot that was refused", "snapshot", id, "error", e)
		}
		return nil, err
	}
	n.Status = model.SnapshotUploaded
	return n, s.Store.Update(ctx, func(tx store.Tx) error { return tx.UpdateSnapshot(n) })
}

func archiveDir(n *model.Snapshot) string { return fmt.Sprintf("snapshots/%s/%s", n.Tenant, n.ID) }

func (s *Service) storeArchive(ctx context.Context, n *model.Snapshot, body io.Reader) error {
	key := snapshotKey(n.Tenant, n.ID)
	info, err := s.Blobs.Put(ctx, key, body)
	if err != nil {
		return fmt.Errorf("store the archive of snapshot %s: %w", n.ID, err)
	}
	obj, err := s.Blobs.Open(ctx, key)
	if err != nil {
		return fmt.Errorf("read the archive of snapshot %s: %w", n.ID, err)
	}
	defer obj.Close()
	if _, err := zip.NewReader(readerAt{obj}, info.Size); err != nil {
		return fault.New(fault.SnapshotAction, "The archive of snapshot `%s` is no zip archive: %v", n.ID, err)
	}
	return nil
}

// readerAt reads a seekable object at an offset, for one reader at a time.
type readerAt struct{ io.ReadSeeker }

func (r readerAt) ReadAt(p []byte, off int64) (int, error) {
	if _, err := r.Seek(off, io.SeekStart); err != nil {
		return 0, err
	}
	return io.ReadFull(r, p)
}

// OpenSnapshot opens the archive of a snapshot; the caller closes it.
func (s *Service) OpenSnapshot(ctx context.Context, a *service.Actor, id model.SnapshotID) (blob.Object, error) {
	if err := a.RequireTenant("snapshot_download"); err != nil {
		return nil, err
	}
	var n *model.Snapshot
	err := s.Store.View(ctx, func(tx store.Reader) (err error) {
		n, err = visibleSnapshot(tx, a, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	if n.Status == model.SnapshotCreating || n.Status == model.SnapshotFailed {
		return nil, fault.New(fault.SnapshotAction, "Cannot download the snapshot `%s`: it is %s", id, n.Status)
	}
	return s.Blobs.Open(ctx, snapshotKey(n.Tenant, n.ID))
}

// SetSnapshotStatus changes the status of a snapshot from outside.
func (s *Service) SetSnapshotStatus(ctx context.Context, a *service.Actor, id model.SnapshotID, status model.SnapshotStatus, text string) error {
	if err := a.RequireTenant("snapshot_status_update"); err != nil {
		return err
	}
	if !status.Valid() {
		return fault.New(fault.BadParameters, "%q is not a status of a snapshot", status)
	}
	return s.Store.Update(ctx, func(tx store.Tx) error {
		n, err := visibleSnapshot(tx, a, id)
		if err != nil {
			return err
		}
		n.Status, n.Error = status, text
		return tx.UpdateSnapshot(n)
	})
}

// DeleteSnapshot removes a snapshot with its archive and returns what it was.
func (s *Service) DeleteSnapshot(ctx context.Context, a *service.Actor, id model.SnapshotID) (n *model.Snapshot, err error) {
	if err := a.RequireTenant("snapshot_delete"); err != nil {
		return nil, err
	}
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		if n, err = visibleSnapshot(tx, a, id); err != nil {
			return err
		}
		if n.Status == model.SnapshotCreating {
			return fault.New(fault.SnapshotAction, "Cannot delete the snapshot `%s`: it is being created", id)
		}
		return tx.DeleteSnapshot(n.Tenant, id)
	})
	if err != nil {
		return nil, err
	}
	if err := s.Blobs.DeleteAll(ctx, archiveDir(n)); err != nil {
		return nil, fmt.Errorf("delete the archive of snapshot %s: %w", id, err)
	}
	return n, nil
}
