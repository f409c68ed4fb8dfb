package custody

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"github.com/reifyhq/reify/internal/archive"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/store"
)

// iconName is the file in a blueprint's directory that consoles show for it.
const iconName = "icon.png"

// maxIcon bounds an icon in bytes.
const maxIcon = 4 << 20

// SetIcon stores an icon for a blueprint, among its files and in its archive, which becomes a tar.gz; an empty one removes
// it (rest-api, section 2, route 2.10).
func (s *Service) SetIcon(ctx context.Context, a *service.Actor, id model.BlueprintID, body io.Reader) error {
	if err := a.RequireTenant("blueprint_upload"); err != nil {
		return err
	}
	icon, err := io.ReadAll(io.LimitReader(body, maxIcon+1))
	if err != nil {
		return fault.Wrap(err, fault.BadParameters, "the icon of blueprint `%s` cannot be read; send it again", id)
	}
	if len(icon) > maxIcon {
		return fault.New(fault.BadParameters, "the icon of blueprint `%s` is larger than the limit of %d bytes", id, maxIcon)
	}
	b, err := s.changeable(ctx, a, id)
	if err != nil {
		return err
	}
	packed, err := s.repack(ctx, b, icon)
	if err != nil {
		return err
	}
	old := b.Archive
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		now, err := tx.Blueprint(b.Tenant, id)
		if err != nil {
			return err
		}
		now.Archive, now.UpdatedAt = packed, s.Clock.Now()
		return tx.UpdateBlueprint(now)
	})
	if err != nil {
		return err
	}
	if old != packed {
		if err := s.Blobs.Delete(ctx, old); err != nil && !fault.Is(err, fault.NotFound) {
			return fmt.Errorf("delete the former archive of blueprint %s: %w", id, err)
		}
	}
	return nil
}

// changeable returns a blueprint of the actor's tenant whose files are complete.
func (s *Service) changeable(ctx context.Context, a *service.Actor, id model.BlueprintID) (b *model.Blueprint, err error) {
	err = s.Store.View(ctx, func(tx store.Reader) error {
		b, err = tx.Blueprint(a.Tenant, id)
		if err != nil {
			return err
		}
		if !a.Sees(b.Resource) {
			return fault.Missing("Blueprint", string(id))
		}
		return service.Foreign(a, b.Resource, string(id))
	})
	if err == nil && (b.State != model.BlueprintUploaded || b.Archive == "") {
		return nil, fault.New(fault.Conflict, "Blueprint `%s` is %s; it can have an icon once it is uploaded", id, b.State)
	}
	return b, err
}

// repack stores the blueprint's files and its archive with another icon and returns the key of the archive.
func (s *Service) repack(ctx context.Context, b *model.Blueprint, icon []byte) (key string, err error) {
	old, err := s.Blobs.Open(ctx, b.Archive)
	if err != nil {
		return "", fmt.Errorf("open the archive of blueprint %s: %w", b.ID, err)
	}
	defer old.Close()
	tmp, err := os.CreateTemp(s.TempDir, "icon-*")
	if err != nil {
		return "", fmt.Errorf("make a temporary file for the icon of blueprint %s: %w", b.ID, err)
	}
	defer os.Remove(tmp.Name())
	defer func() { err = errors.Join(err, tmp.Close()) }()
	scratch, err := os.CreateTemp(s.TempDir, "icon-*")
	if err != nil {
		return "", fmt.Errorf("make a temporary file for the icon of blueprint %s: %w", b.ID, err)
	}
	defer os.Remove(scratch.Name())
	defer func() { err = errors.Join(err, scratch.Close()) }()
	if err := withIcon(ctx, &packer{out: tmp, scratch: scratch}, old, s.Limits, icon); err != nil {
		return "", fmt.Errorf("write the archive of blueprint %s again: %w", b.ID, err)
	}
	if _, err := tmp.Seek(0, io.SeekStart); err != nil {
		return "", fmt.Errorf("read the new archive of blueprint %s: %w", b.ID, err)
	}
	file := fmt.Sprintf("blueprints/%s/%s/%s", b.Tenant, b.ID, iconName)
	if len(icon) == 0 {
		err = s.Blobs.Delete(ctx, file)
	} else {
		_, err = s.Blobs.Put(ctx, file, bytes.NewReader(icon))
	}
	if err != nil && !fault.Is(err, fault.NotFound) {
		return "", fmt.Errorf("store the icon of blueprint %s: %w", b.ID, err)
	}
	info, err := s.Blobs.Put(ctx, fmt.Sprintf("uploaded-blueprints/%s/%s/%s.%s", b.Tenant, b.ID, b.ID, archive.TarGz), tmp)
	return info.Key, err
}

// packer writes an archive to out. The length of a member must be known before its content is written, and no archive
// tells it in time: contents go through the scratch file.
type packer struct {
	out     io.Writer
	scratch *os.File
	tar     *tar.Writer
}

// withIcon copies an archive as tar.gz, its icon replaced.
func withIcon(ctx context.Context, p *packer, src io.ReadSeeker, limits archive.Limits, icon []byte) error {
	gz := gzip.NewWriter(p.out)
	p.tar = tar.NewWriter(gz)
	summary, err := archive.Extract(ctx, src, limits, func(e archive.Entry, content io.Reader) error {
		if path.Base(e.Path) == iconName && path.Dir(path.Dir(e.Path)) == "." {
			return nil
		}
		return p.member(e, content)
	})
	if err != nil {
		return err
	}
	top, err := summary.SingleDirectory()
	if err != nil {
		return err
	}
	if len(icon) > 0 {
		if err := p.member(archive.Entry{Path: path.Join(top, iconName), Mode: 0o644}, bytes.NewReader(icon)); err != nil {
			return err
		}
	}
	return errors.Join(p.tar.Close(), gz.Close())
}

func (p *packer) member(e archive.Entry, content io.Reader) error {
	h := &tar.Header{Name: e.Path, Mode: int64(e.Mode.Perm()), ModTime: e.Modified, Typeflag: tar.TypeReg}
	switch {
	case e.Mode.IsDir():
		h.Typeflag, h.Name = tar.TypeDir, e.Path+"/"
	case e.Hard:
		h.Typeflag, h.Linkname = tar.TypeLink, e.Target
	case e.Mode&fs.ModeSymlink != 0:
		h.Typeflag, h.Linkname = tar.TypeSymlink, e.Target
	default:
		return p.file(h, content)
	}
	return p.tar.WriteHeader(h)
}

func (p *packer) file(h *tar.Header, content io.Reader) (err error) {
	if _, err := p.scratch.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if h.Size, err = io.Copy(p.scratch, content); err != nil {
		return err
	}
	if _, err := p.scratch.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if err := p.tar.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.CopyN(p.tar, p.scratch, h.Size)
	return err
}
