package plugins

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"time"

	"github.com/google/uuid"

	"github.com/reifyhq/reify/internal/blob"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/plugin"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/store"
)

// Upload is a request to upload plugins. Exactly one of Body and URL is given.
type Upload struct {
	// ID, when not empty, is the id that the plugin gets; several plugins at once get ids of their own.
	ID         model.PluginID
	Title      string
	Visibility model.Visibility
	Body       io.Reader
	URL        string
	// UploadedAt and CreatedBy, when set, are those of a plugin that is restored; they need permissions of their own.
	UploadedAt time.Time
	CreatedBy  model.UserName
}

// downloadTimeout bounds the download of an archive.
const downloadTimeout = 10 * time.Minute

// Upload stores the plugins of an archive, streamed to disk (operations, section 6.3). Of a caravan those that exist
// already are left out; when nothing is left, that is fault.Conflict. Nothing is installed by it.
func (s *Service) Upload(ctx context.Context, a *service.Actor, u Upload) ([]*model.Plugin, error) {
	resource, err := s.check(ctx, a, u)
	if err != nil {
		return nil, err
	}
	body := u.Body
	if u.URL != "" {
		get, stop := context.WithTimeout(ctx, downloadTimeout)
		defer stop()
		remote, err := service.Download(get, u.URL)
		if err != nil {
			return nil, fault.Wrap(err, fault.BadParameters, "the plugin archive cannot be fetched: %v", err)
		}
		defer remote.Close()
		body = remote
	}
	tmp, err := s.Spool("the plugin", body)
	if err != nil {
		return nil, err
	}
	defer os.Remove(tmp.Name())
	if err := tmp.Close(); err != nil {
		return nil, fmt.Errorf("keep the uploaded plugin: %w", err)
	}
	dir, err := os.MkdirTemp(s.TempDir, "plugin-*")
	if err != nil {
		return nil, fmt.Errorf("make a directory to unpack the plugin in: %w", err)
	}
	defer os.RemoveAll(dir)
	packages, err := plugin.Open(ctx, tmp.Name(), dir, s.Limits)
	if err != nil {
		return nil, err
	}
	var out []*model.Plugin
	for i := range packages {
		p := newPlugin(resource, &packages[i])
		if u.ID != "" && len(packages) == 1 {
			p.ID = u.ID
		}
		if u.Title != "" && len(packages) == 1 {
			p.Title = u.Title
		}
		err := s.keep(ctx, p, &packages[i])
		if fault.Is(err, fault.Conflict) && (len(packages) > 1 && (len(out) > 0 || i < len(packages)-1)) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// check decides who may upload what before anything is read.
func (s *Service) check(ctx context.Context, a *service.Actor, u Upload) (r model.Resource, err error) {
	if err := a.RequireTenant("plugin_upload"); err != nil {
		return r, err
	}
	if r, err = s.NewResource(a, u.Visibility); err != nil {
		return r, err
	}
	if u.URL != "" && u.Body != nil {
		return r, fault.New(fault.BadParameters, "Can't pass both a plugin URL via query parameters and plugin data via the request body at the same time")
	}
	if u.URL == "" && u.Body == nil {
		return r, fault.New(fault.BadParameters, "the request holds neither a plugin archive nor plugin_archive_url; send one of them")
	}
	if u.ID != "" {
		if _, err := uuid.Parse(string(u.ID)); err != nil {
			return r, fault.New(fault.BadParameters, "the id of a plugin must be a UUID, not `%s`", u.ID)
		}
	}
	if !u.UploadedAt.IsZero() {
		if err := a.Require("set_timestamp"); err != nil {
			return r, err
		}
		r.CreatedAt = u.UploadedAt
	}
	return r, s.Store.View(ctx, func(tx store.Reader) error {
		if u.CreatedBy != "" {
			if err := a.Require("set_owner"); err != nil {
				return err
			}
			if _, err := tx.User(u.CreatedBy); err != nil {
				return fault.New(fault.BadParameters, "there is no user `%s`", u.CreatedBy)
			}
			r.CreatedBy = u.CreatedBy
		}
		return noSnapshot(tx)
	})
}

// noSnapshot refuses to change plugins while a snapshot is created: it would have the row without the files, or the other
// way round.
func noSnapshot(tx store.Reader) error {
	busy, err := tx.Executions(store.Query{Scope: store.Scope{Admin: true}, Limit: 1, Where: []store.Condition{
		{Field: "workflow_id", Values: []string{model.WorkflowCreateSnapshot}},
		{Field: "status", Values: []string{string(model.ExecutionPending), string(model.ExecutionStarted), string(model.ExecutionQueued)}},
	}})
	if err == nil && len(busy.Items) > 0 {
		err = fault.New(fault.ExistingRunningExecution, "You cannot start an execution that modifies DB state while a "+
			"`create_snapshot` workflow is running or queued (snapshot execution id: %s)", busy.Items[0].ID)
	}
	return err
}

func newPlugin(r model.Resource, from *plugin.Package) *model.Plugin {
	p := &model.Plugin{
		Resource: r, ID: model.PluginID(uuid.NewString()), Title: from.PackageName, PackageName: from.PackageName,
		PackageVersion: from.PackageVersion, PackageSource: from.PackageSource, ArchiveName: from.ArchiveName,
		SupportedPlatform: from.SupportedPlatform, SupportedPythons: from.SupportedPythons, Wheels: from.Wheels,
		ExcludedWheels: from.ExcludedWheels, Distribution: from.BuildServer.Distribution,
		DistributionVersion: from.BuildServer.DistributionVersion, DistributionRelease: from.BuildServer.DistributionRelease,
		BlueprintLabels: from.BlueprintLabels, Labels: from.Labels, ResourceTags: from.ResourceTags, YAMLs: from.YAMLs(),
	}
	return p
}

// keep stores the files of a plugin and then its row; a plugin that is refused leaves no files.
func (s *Service) keep(ctx context.Context, p *model.Plugin, from *plugin.Package) error {
	// A first look spares the copying of what would be refused; the insertion decides.
	if err := s.Store.View(ctx, func(tx store.Reader) error { return unused(tx, p) }); err != nil {
		return err
	}
	for _, f := range append([]plugin.File{from.Wagon}, from.Files...) {
		if err := s.copy(ctx, filesOf(p.ID)+"/"+f.Name, f.Path); err != nil {
			return errors.Join(fmt.Errorf("keep %s of plugin %s: %w", f.Name, p.PackageName, err), s.Blobs.DeleteAll(ctx, filesOf(p.ID)))
		}
	}
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		if err := unused(tx, p); err != nil {
			return err
		}
		return tx.InsertPlugin(p)
	})
	if err == nil {
		return nil
	}
	// Another upload may have got the id in the meantime: then the files are its.
	if free := s.Store.View(ctx, func(tx store.Reader) error { return unused(tx, p) }); free != nil {
		return err
	}
	return errors.Join(err, s.Blobs.DeleteAll(ctx, filesOf(p.ID)))
}

// unused refuses an id that a plugin of any tenant has: the files of all plugins lie side by side.
func unused(tx store.Reader, p *model.Plugin) error {
	same, err := tx.Plugins(store.Query{Scope: store.Scope{Admin: true},
		Where: []store.Condition{{Field: "id", Values: []string{string(p.ID)}}}})
	if err == nil && same.Total > 0 {
		err = fault.New(fault.Conflict, "<Plugin id=`%s` tenant=`%s`> already exists on <Tenant name=`%s`> or with global visibility",
			p.ID, p.Tenant, p.Tenant)
	}
	return err
}

func (s *Service) copy(ctx context.Context, key, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = s.Blobs.Put(ctx, key, f)
	return err
}

// Archive opens the wagon of a plugin, or with full a zip archive of everything that is kept of it, which is made the
// first time; the caller closes it.
func (s *Service) Archive(ctx context.Context, a *service.Actor, id model.PluginID, full bool) (blob.Object, error) {
	p, err := s.find(ctx, a, "plugin_download", id)
	if err != nil {
		return nil, err
	}
	if !full {
		return s.Blobs.Open(ctx, filesOf(id)+"/"+p.ArchiveName)
	}
	key := packedOf(id) + "/" + p.PackageName + "-" + p.PackageVersion + ".zip"
	obj, err := s.Blobs.Open(ctx, key)
	if !fault.Is(err, fault.NotFound) {
		return obj, err
	}
	if err := s.pack(ctx, p, key); err != nil {
		return nil, fmt.Errorf("pack plugin %s: %w", id, err)
	}
	return s.Blobs.Open(ctx, key)
}

// pack stores a zip archive of the files of a plugin under a key.
func (s *Service) pack(ctx context.Context, p *model.Plugin, key string) (err error) {
	infos, err := s.Blobs.List(ctx, filesOf(p.ID))
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(s.TempDir, "plugin-*.zip")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	defer func() { err = errors.Join(err, tmp.Close()) }()
	w := zip.NewWriter(tmp)
	for _, i := range infos {
		if err := s.addTo(ctx, w, i.Key); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	if _, err := tmp.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err = s.Blobs.Put(ctx, key, tmp)
	return err
}

func (s *Service) addTo(ctx context.Context, w *zip.Writer, key string) error {
	obj, err := s.Blobs.Open(ctx, key)
	if err != nil {
		return err
	}
	defer obj.Close()
	part, err := w.Create(path.Base(key))
	if err != nil {
		return err
	}
	_, err = io.Copy(part, obj)
	return err
}
