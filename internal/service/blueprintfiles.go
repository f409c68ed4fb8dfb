package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/reifyhq/reify/internal/blob"
	"github.com/reifyhq/reify/internal/dsl"
	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/value"
	"github.com/reifyhq/reify/internal/dslfiles"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/plugin"
	"github.com/reifyhq/reify/internal/store"
)

// blueprintSource is what the parser of an upload reads: the files of the blueprint, http(s) URLs, and by blueprint:ID
// (dsl, section 5.5) the blueprints that its tenant sees, each with its own files. Only files of blueprints that were
// imported can be read. By plugin:NAME it reads the descriptions of uploaded plugins. It serves one parse.
type blueprintSource struct {
	s      *Service
	tenant model.TenantName
	// user is whose private plugins can be seen.
	user  model.UserName
	trees []*dslfiles.Source
	// overrides change what imports of plugins mean.
	overrides plugin.Overrides
	// refused are the messages of imports of plugins that failed.
	refused []string
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
	if strings.HasPrefix(u, plugin.Scheme) {
		f, err := b.plugin(ctx, u, version)
		var refused *fault.Error
		if errors.As(err, &refused) {
			b.refused = append(b.refused, refused.Message)
			return f, diag.New(diag.RuntimeError, refused.Message)
		}
		return f, err
	}
	for _, t := range b.trees {
		if t.Holds(u) {
			return t.Fetch(ctx, u, version)
		}
	}
	return b.trees[0].Fetch(ctx, u, version)
}

// plugin reads the description of the uploaded plugin that an import means, with the labels and tags that the catalogue
// has of it (dsl, section 5.5).
func (b *blueprintSource) plugin(ctx context.Context, u, version string) (dsl.Fetched, error) {
	if to := b.overrides.Replace(u); !strings.HasPrefix(to, plugin.Scheme) {
		return b.trees[0].Fetch(ctx, to, version)
	} else if to != u {
		u = to
	}
	wanted, err := plugin.ParseImport(u, b.overrides)
	if err != nil {
		return dsl.Fetched{}, err
	}
	var found store.Page[*model.Plugin]
	err = b.s.Store.View(ctx, func(tx store.Reader) (err error) {
		found, err = tx.Plugins(store.Query{
			Scope: store.Scope{Tenants: []model.TenantName{b.tenant}, User: b.user}, Limit: -1,
			Where: []store.Condition{{Field: "package_name", Values: []string{wanted.Name}}},
		})
		return err
	})
	if err != nil {
		return dsl.Fetched{}, fmt.Errorf("look for plugin %s: %w", wanted.Name, err)
	}
	p, err := wanted.Choose(found.Items)
	if err != nil {
		return dsl.Fetched{}, err
	}
	name, err := plugin.ChooseYAML(p.YAMLs, version)
	if err != nil {
		return dsl.Fetched{}, err
	}
	obj, err := b.s.Blobs.Open(ctx, PluginFiles+string(p.ID)+"/"+name)
	if err != nil {
		return dsl.Fetched{}, fmt.Errorf("read %s of plugin %s: %w", name, p.ID, err)
	}
	defer obj.Close()
	text, err := io.ReadAll(obj)
	if err != nil {
		return dsl.Fetched{}, fmt.Errorf("read %s of plugin %s: %w", name, p.ID, err)
	}
	record, err := catalogueRecord(p)
	return dsl.Fetched{Text: text, Plugin: record}, err
}

// addOverrides writes what an upload overrides into the parameters of its execution, where it is not nothing.
func addOverrides(p model.Document, o plugin.Overrides) {
	if len(o.Mappings) > 0 {
		p["plugin_mappings"] = o.Mappings
	}
	if len(o.Constraints) > 0 {
		p["plugin_version_constraints"] = o.Constraints
	}
}

// overridesOf reads what addOverrides wrote.
func overridesOf(p model.Document) (o plugin.Overrides, err error) {
	for name, into := range map[string]any{"plugin_mappings": &o.Mappings, "plugin_version_constraints": &o.Constraints} {
		data, err := model.EncodeJSON(p[name])
		if err == nil {
			err = model.DecodeJSON(data, into)
		}
		if err != nil {
			return o, fmt.Errorf("read %s of the upload: %w", name, err)
		}
	}
	return o, nil
}

// checkPlugins refuses a blueprint with a plugin that has to be installed and was not uploaded (rest-api, section 3.3).
func checkPlugins(tx store.Reader, a *Actor, b *model.Blueprint) error {
	list, err := plugin.Plan(b.Plan)
	if err != nil {
		return fmt.Errorf("blueprint %s: %w", b.ID, err)
	}
	for _, p := range list {
		if !p.IsInstalled {
			continue
		}
		q := store.Query{Scope: a.Scope("plugin_list", false)}
		for field, value := range map[string]string{"package_name": p.PackageName, "package_version": p.PackageVersion,
			"distribution": p.Distribution, "supported_platform": p.SupportedPlatform} {
			if value != "" {
				q.Where = append(q.Where, store.Condition{Field: field, Values: []string{value}})
			}
		}
		found, err := tx.Plugins(q)
		if err != nil {
			return err
		}
		if found.Total == 0 {
			return fault.New(fault.PluginNotFound, "Required plugin %s, version %s is not installed on the manager", p.PackageName,
				cmp.Or(p.PackageVersion, "None"))
		}
	}
	return nil
}

// catalogueRecord is what the catalogue knows of a plugin in the types of the language.
func catalogueRecord(p *model.Plugin) (*dsl.PluginRecord, error) {
	labels, err := languageMap(p.Labels)
	if err != nil {
		return nil, fmt.Errorf("read the labels of plugin %s: %w", p.ID, err)
	}
	blueprintLabels, err := languageMap(p.BlueprintLabels)
	if err != nil {
		return nil, fmt.Errorf("read the blueprint labels of plugin %s: %w", p.ID, err)
	}
	tags, err := languageMap(p.ResourceTags)
	if err != nil {
		return nil, fmt.Errorf("read the resource tags of plugin %s: %w", p.ID, err)
	}
	return &dsl.PluginRecord{Labels: labels, BlueprintLabels: blueprintLabels, ResourceTags: tags}, nil
}

// languageMap turns a stored document into a mapping of the language; nil stays nil.
func languageMap(d model.Document) (*value.Map, error) {
	if d == nil {
		return nil, nil
	}
	data, err := model.EncodeJSON(d)
	if err != nil {
		return nil, err
	}
	v, err := dsl.DecodeJSON(data)
	if err != nil {
		return nil, err
	}
	m, _ := v.(*value.Map)
	return m, nil
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
