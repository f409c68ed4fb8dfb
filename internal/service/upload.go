package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/reifyhq/reify/internal/archive"
	"github.com/reifyhq/reify/internal/dsl"
	"github.com/reifyhq/reify/internal/engine"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/plugin"
	"github.com/reifyhq/reify/internal/store"
)

// uploadFailure is the end of an upload: the blueprint's state and the error that both the blueprint and the execution
// show.
type uploadFailure struct {
	state model.BlueprintState
	err   error
}

func (f *uploadFailure) Error() string { return f.err.Error() }
func (f *uploadFailure) Unwrap() error { return f.err }

// runUpload fetches, unpacks and parses an uploaded blueprint (workflows, section 12.1). Every step can be repeated.
func (s *Service) runUpload(ctx context.Context, job engine.Job) error {
	u := upload{s: s, job: job, tenant: job.Execution.Tenant}
	p := job.Execution.Parameters
	id, _ := p["blueprint_id"].(string)
	u.id = model.BlueprintID(id)
	u.url, _ = p["url"].(string)
	u.validateOnly, _ = p["validate_only"].(bool)
	var err error
	if u.plugins, err = overridesOf(p); err != nil {
		return err
	}
	err = u.run(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if u.validateOnly {
		return errors.Join(err, u.forget(ctx))
	}
	var failed *uploadFailure
	if errors.As(err, &failed) {
		if err := u.fail(ctx, failed); err != nil {
			return err
		}
	}
	return err
}

// upload is one run of the workflow.
type upload struct {
	s            *Service
	job          engine.Job
	tenant       model.TenantName
	id           model.BlueprintID
	url          string
	validateOnly bool
	plugins      plugin.Overrides
	blueprint    *model.Blueprint
}

func (u *upload) run(ctx context.Context) error {
	err := u.s.Store.View(ctx, func(tx store.Reader) (err error) {
		u.blueprint, err = tx.Blueprint(u.tenant, u.id)
		return err
	})
	if err != nil {
		return err
	}
	if u.url != "" && u.blueprint.Archive == "" {
		if err := u.fetch(ctx); err != nil {
			return &uploadFailure{model.BlueprintFailedUploading, err}
		}
	}
	if err := u.extract(ctx); err != nil {
		return err
	}
	return u.parse(ctx)
}

// enter shows the progress of the upload; a validation shows none.
func (u *upload) enter(ctx context.Context, state model.BlueprintState) error {
	if u.validateOnly {
		return nil
	}
	return u.change(ctx, func(b *model.Blueprint) { b.State = state })
}

func (u *upload) change(ctx context.Context, fn func(*model.Blueprint)) error {
	return u.job.Update(ctx, func(tx store.Tx) error {
		b, err := tx.Blueprint(u.tenant, u.id)
		if err != nil {
			return err
		}
		fn(b)
		b.UpdatedAt = u.s.Clock.Now()
		u.blueprint = b
		return tx.UpdateBlueprint(b)
	})
}

// fetchTimeout bounds the download of an archive.
const fetchTimeout = 10 * time.Minute

// fetch downloads the archive that the user named by URL.
func (u *upload) fetch(ctx context.Context) error {
	if err := u.enter(ctx, model.BlueprintUploading); err != nil {
		return err
	}
	get, stop := context.WithTimeout(ctx, fetchTimeout)
	defer stop()
	body, err := download(get, u.url)
	if err != nil {
		return err
	}
	defer body.Close()
	key, err := u.s.storeArchive(ctx, u.tenant, u.id, body)
	if err != nil {
		return err
	}
	return u.change(ctx, func(b *model.Blueprint) { b.Archive = key })
}

// download opens what is at an http(s) URL; the caller closes it.
func download(ctx context.Context, u string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	if err != nil {
		return nil, fmt.Errorf("download %s: %w", u, err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("download %s: %w", u, err)
	}
	if res.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("download %s: the server answered %s", u, res.Status), res.Body.Close())
	}
	return res.Body, nil
}

// extract unpacks the archive's one directory below the blueprint's prefix.
func (u *upload) extract(ctx context.Context) error {
	if err := u.enter(ctx, model.BlueprintExtracting); err != nil {
		return err
	}
	prefix := filesPrefix(u.tenant, u.id)
	if err := u.s.Blobs.DeleteAll(ctx, prefix); err != nil {
		return fmt.Errorf("clear %s: %w", prefix, err)
	}
	obj, err := u.s.Blobs.Open(ctx, u.blueprint.Archive)
	if err != nil {
		return fmt.Errorf("open the archive of blueprint %s: %w", u.id, err)
	}
	defer obj.Close()
	if err := u.unpack(ctx, obj, prefix); err != nil {
		return &uploadFailure{model.BlueprintFailedExtracting, err}
	}
	if _, err := fs.Stat(blobFS{ctx, u.s.Blobs, prefix}, u.blueprint.MainFile); err != nil {
		return &uploadFailure{model.BlueprintFailedExtracting,
			fmt.Errorf("%s does not exist in the application directory", u.blueprint.MainFile)}
	}
	return nil
}

// unpack writes the members of the archive without its one top directory. A link becomes a copy of what it names.
func (u *upload) unpack(ctx context.Context, src io.ReadSeeker, prefix string) error {
	links := map[string]string{}
	summary, err := archive.Extract(ctx, src, u.s.Limits, func(e archive.Entry, content io.Reader) error {
		_, name, below := strings.Cut(e.Path, "/")
		switch {
		case !below || e.Mode.IsDir():
			return nil
		case e.Target == "":
			_, err := u.s.Blobs.Put(ctx, prefix+"/"+name, content)
			return err
		case e.Mode&fs.ModeSymlink != 0:
			links[name] = path.Join(path.Dir(name), e.Target)
		default:
			_, links[name], _ = strings.Cut(e.Target, "/")
		}
		return nil
	})
	if err != nil {
		return err
	}
	if _, err := summary.SingleDirectory(); err != nil {
		return err
	}
	for name, target := range links {
		if err := u.copy(ctx, prefix+"/"+name, prefix+"/"+target); err != nil {
			return fmt.Errorf("follow the link %s in the archive: %w", name, err)
		}
	}
	return nil
}

// copy stores the object under another key; a link to a directory or to nothing is left out.
func (u *upload) copy(ctx context.Context, to, from string) error {
	obj, err := u.s.Blobs.Open(ctx, from)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	defer obj.Close()
	_, err = u.s.Blobs.Put(ctx, to, obj)
	return err
}

// parse makes the plan and ends the upload.
func (u *upload) parse(ctx context.Context) error {
	if err := u.enter(ctx, model.BlueprintParsing); err != nil {
		return err
	}
	data, err := u.s.parseStored(ctx, u.blueprint, u.plugins)
	if err != nil {
		return err
	}
	var doc struct {
		Description  string          `json:"description"`
		Requirements json.RawMessage `json:"requirements"`
		Labels       map[string]struct {
			Values []string `json:"values"`
		} `json:"blueprint_labels"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return fmt.Errorf("read the plan of blueprint %s: %w", u.id, err)
	}
	return u.change(ctx, func(b *model.Blueprint) {
		b.Plan, b.Requirements, b.Description, b.State = data, doc.Requirements, doc.Description, model.BlueprintUploaded
		b.Error, b.ErrorTraceback = "", ""
		if len(b.Labels) > 0 {
			return
		}
		for key, l := range doc.Labels {
			for _, v := range l.Values {
				b.Labels = append(b.Labels, model.Label{Key: strings.ToLower(key), Value: v, CreatedAt: u.s.Clock.Now(), CreatedBy: b.CreatedBy})
			}
		}
		sort.SliceStable(b.Labels, func(i, j int) bool { return b.Labels[i].Key < b.Labels[j].Key })
	})
}

// parseStored makes the plan of a blueprint from its stored files and the plugins that are uploaded now. What is wrong with
// the blueprint is an uploadFailure.
func (s *Service) parseStored(ctx context.Context, b *model.Blueprint, o plugin.Overrides) (json.RawMessage, error) {
	src := &blueprintSource{s: s, tenant: b.Tenant, user: b.CreatedBy, overrides: o}
	in, err := src.tree(ctx, b.Tenant, b.ID).Input(b.MainFile)
	if err != nil {
		return nil, &uploadFailure{model.BlueprintFailedParsing, err}
	}
	in.Now = s.Clock.Now()
	plan, problems := dsl.Parse(ctx, in, src)
	if err := problems.Err(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if slices.Contains(src.refused, err.Error()) {
			return nil, &uploadFailure{model.BlueprintFailedParsing, fmt.Errorf("Failed parsing blueprint - %w", err)}
		}
		return nil, &uploadFailure{model.BlueprintInvalid, fmt.Errorf("Invalid blueprint - %w", err)}
	}
	data, err := json.Marshal(plan)
	if err != nil {
		return nil, fmt.Errorf("write the plan of blueprint %s: %w", b.ID, err)
	}
	return data, nil
}

// fail records why the upload failed and drops its files.
func (u *upload) fail(ctx context.Context, f *uploadFailure) error {
	err := u.change(ctx, func(b *model.Blueprint) {
		b.State, b.Error, b.ErrorTraceback, b.Archive = f.state, f.Error(), "", ""
	})
	if err != nil {
		return err
	}
	return u.s.removeFiles(ctx, archivePrefix(u.tenant, u.id), filesPrefix(u.tenant, u.id))
}

// forget removes everything that a validation stored.
func (u *upload) forget(ctx context.Context) error {
	err := u.job.Update(ctx, func(tx store.Tx) error {
		err := tx.DeleteBlueprint(u.tenant, u.id)
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	return u.s.removeFiles(ctx, archivePrefix(u.tenant, u.id), filesPrefix(u.tenant, u.id))
}

// storeArchive keeps an archive as it came, in a temporary file first: its format decides its name.
func (s *Service) storeArchive(ctx context.Context, t model.TenantName, id model.BlueprintID, body io.Reader) (string, error) {
	tmp, err := s.spool(fmt.Sprintf("blueprint `%s`", id), body)
	if err != nil {
		return "", err
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	format, err := archive.Detect(tmp)
	if err != nil {
		return "", fault.Wrap(err, fault.BadParameters,
			"Blueprint archive is of an unrecognized format. Supported formats are: ['zip', 'tar', 'tar.gz', 'tar.bz2']")
	}
	if _, err := tmp.Seek(0, io.SeekStart); err != nil {
		return "", fmt.Errorf("read the upload of blueprint %s again: %w", id, err)
	}
	info, err := s.Blobs.Put(ctx, fmt.Sprintf("%s/%s.%s", archivePrefix(t, id), id, format), tmp)
	return info.Key, err
}

// spool keeps an uploaded archive in a temporary file, which the caller closes and removes; what names it in errors.
func (s *Service) spool(what string, body io.Reader) (*os.File, error) {
	tmp, err := os.CreateTemp(s.TempDir, "upload-*")
	if err != nil {
		return nil, fmt.Errorf("make a temporary file for the upload of %s: %w", what, err)
	}
	n, err := io.Copy(tmp, io.LimitReader(body, s.ArchiveSize+1))
	switch {
	case err != nil:
		err = fault.Wrap(err, fault.BadParameters, "the upload of %s broke off after %d bytes; send it again", what, n)
	case n > s.ArchiveSize:
		err = fault.New(fault.BadParameters, "the archive of %s is larger than the limit of %d bytes", what, s.ArchiveSize)
	default:
		return tmp, nil
	}
	return nil, errors.Join(err, tmp.Close(), os.Remove(tmp.Name()))
}
