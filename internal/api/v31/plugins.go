package v31

import (
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"path"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/service/plugins"
)

// textList is a list that is null when there is none.
func textList(list []string) any {
	if list == nil {
		return nil
	}
	return list
}

func installationRecords(p *model.Plugin) []api.Record {
	out := make([]api.Record, 0, len(p.Installations))
	for _, i := range p.Installations {
		out = append(out, api.Record{
			{Name: "state", Value: i.State}, {Name: "error", Value: api.Text(i.Error)}, {Name: "manager", Value: api.Text(i.Manager)},
			{Name: "agent", Value: api.Text(i.Agent)},
		})
	}
	return out
}

func pluginRecord(p *model.Plugin) api.Record {
	paths := make([]string, 0, len(p.YAMLs))
	for _, name := range p.YAMLs {
		paths = append(paths, service.PluginFiles+string(p.ID)+"/"+name)
	}
	// Compat: what has no distribution says "None" here, and imports by this URL are understood.
	distribution, importURL := p.Distribution, ""
	if distribution == "" {
		distribution = "None"
	}
	if len(paths) > 0 {
		importURL = fmt.Sprintf("plugin:%s?version=%s&distribution=%s", p.PackageName, p.PackageVersion, distribution)
	}
	r := api.Record{
		{Name: "id", Value: p.ID}, {Name: "visibility", Value: p.Visibility}, {Name: "archive_name", Value: p.ArchiveName},
		{Name: "distribution", Value: api.Text(p.Distribution)}, {Name: "distribution_release", Value: api.Text(p.DistributionRelease)},
		{Name: "distribution_version", Value: api.Text(p.DistributionVersion)},
		{Name: "excluded_wheels_p", Value: nil}, {Name: "excluded_wheels", Value: textList(p.ExcludedWheels)},
		{Name: "package_name", Value: p.PackageName}, {Name: "package_source", Value: api.Text(p.PackageSource)},
		{Name: "package_version", Value: p.PackageVersion},
		{Name: "supported_platform_p", Value: nil}, {Name: "supported_platform", Value: api.Text(p.SupportedPlatform)},
		{Name: "supported_py_versions_p", Value: nil}, {Name: "supported_py_versions", Value: textList(p.SupportedPythons)},
		{Name: "uploaded_at", Value: api.Instant(p.UploadedAt())},
		{Name: "wheels_p", Value: nil}, {Name: "wheels", Value: textList(p.Wheels)}, {Name: "title", Value: p.Title},
		{Name: "blueprint_labels", Value: orNull(p.BlueprintLabels)}, {Name: "labels", Value: orNull(p.Labels)},
		{Name: "resource_tags", Value: orNull(p.ResourceTags)},
	}
	r = append(r, api.Common(p.Resource)...)
	return append(r, api.Field{Name: "installation_state", Value: installationRecords(p)},
		api.Field{Name: "yaml_files_paths", Value: paths}, api.Field{Name: "yaml_url_path", Value: importURL})
}

// orNull is a document that is null when there is none.
func orNull(d model.Document) any {
	if d == nil {
		return nil
	}
	return d
}

var blankPlugin = pluginRecord(&model.Plugin{})

func (a *API) listPlugins(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	l, err := api.ParseList(r, api.ListSpec{Blank: blankPlugin, Search: "package_name"})
	if err != nil {
		return err
	}
	page, err := a.plugins.Plugins(r.Context(), actor, l.Query, l.AllTenants)
	if err != nil {
		return err
	}
	return api.WritePage(l, w, page, pluginRecord)
}

func (a *API) getPlugin(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	p, err := a.plugins.Plugin(r.Context(), actor, model.PluginID(api.Param(r, "id")))
	if err != nil {
		return err
	}
	return api.WriteOne(w, r, http.StatusOK, pluginRecord(p))
}

// uploadPlugin takes the archive as the body, whatever its content type says, or as the first file of a form.
func (a *API) uploadPlugin(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	q := r.URL.Query()
	visibility := q.Get("visibility")
	private, err := api.Flag(q, "private_resource")
	if err != nil {
		return err
	}
	if private && visibility != "" {
		return fault.New(fault.BadParameters, "The `private_resource` and `visibility` parameters cannot be used together")
	}
	if private {
		visibility = string(model.VisibilityPrivate)
	}
	u := plugins.Upload{ID: model.PluginID(q.Get("id")), Title: q.Get("title"), Visibility: model.Visibility(visibility),
		URL: q.Get("plugin_archive_url"), CreatedBy: model.UserName(q.Get("created_by"))}
	if text := q.Get("uploaded_at"); text != "" {
		if u.UploadedAt, err = api.ParseInstant(text); err != nil {
			return err
		}
	}
	if r.ContentLength != 0 {
		if u.Body, err = pluginBody(r); err != nil {
			return err
		}
	}
	list, err := a.plugins.Upload(r.Context(), actor, u)
	if err != nil {
		return err
	}
	if len(list) == 1 {
		return api.WriteOne(w, r, http.StatusCreated, pluginRecord(list[0]))
	}
	items := make([]api.Record, 0, len(list))
	for _, p := range list {
		items = append(items, pluginRecord(p))
	}
	api.WriteJSON(w, http.StatusCreated, api.Record{{Name: "items", Value: items}, {Name: "metadata", Value: api.Record{
		{Name: "pagination", Value: api.Record{{Name: "total", Value: len(items)}, {Name: "size", Value: len(items)}, {Name: "offset", Value: 0}}}}}})
	return nil
}

func pluginBody(r *http.Request) (io.Reader, error) {
	media, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if media != "multipart/form-data" {
		return r.Body, nil
	}
	form := multipart.NewReader(r.Body, params["boundary"])
	for {
		part, err := form.NextPart()
		switch {
		case err == io.EOF:
			return nil, fault.New(fault.BadParameters, "the form holds no file; send the plugin archive as one of its parts")
		case err != nil:
			return nil, fault.Wrap(err, fault.BadParameters, "the multipart form cannot be read: %v", err)
		case part.FileName() != "":
			return part, nil
		}
	}
}

func (a *API) actOnPlugin(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	action, err := body.Text("action")
	if err != nil {
		return err
	}
	if action != "install" {
		return fault.New(fault.UnknownAction, "Unknown action %q for a plugin; the only one is install", action)
	}
	managers, err := nameList(body, "managers")
	if err != nil {
		return err
	}
	agents, err := nameList(body, "agents")
	if err != nil {
		return err
	}
	p, err := a.plugins.Install(r.Context(), actor, model.PluginID(api.Param(r, "id")), managers, agents)
	if err != nil {
		return err
	}
	return api.WriteOne(w, r, http.StatusOK, pluginRecord(p))
}

func (a *API) putPluginState(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	var texts [4]string
	for i, key := range []string{"state", "manager", "agent", "error"} {
		if texts[i], err = body.Text(key); err != nil {
			return err
		}
	}
	p, err := a.plugins.SetState(r.Context(), actor, model.PluginID(api.Param(r, "id")), model.PluginInstallation{
		State: model.PluginState(texts[0]), Manager: texts[1], Agent: texts[2], Error: texts[3]})
	if err != nil {
		return err
	}
	return api.WriteOne(w, r, http.StatusOK, pluginRecord(p))
}

func (a *API) patchPlugin(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	var c plugins.Change
	if body["creator"] != nil {
		text, err := body.Text("creator")
		if err != nil {
			return err
		}
		name := model.UserName(text)
		c.Creator = &name
	}
	for key, into := range map[string]*model.Document{"blueprint_labels": &c.BlueprintLabels, "labels": &c.Labels, "resource_tags": &c.ResourceTags} {
		if *into, err = body.Object(key); err != nil {
			return err
		}
	}
	p, err := a.plugins.Change(r.Context(), actor, model.PluginID(api.Param(r, "id")), c)
	if err != nil {
		return err
	}
	return api.WriteOne(w, r, http.StatusOK, pluginRecord(p))
}

func (a *API) setPluginVisibility(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	v, err := api.ReadVisibility(w, r)
	if err != nil {
		return err
	}
	p, err := a.plugins.SetVisibility(r.Context(), actor, model.PluginID(api.Param(r, "id")), v)
	if err != nil {
		return err
	}
	return api.WriteOne(w, r, http.StatusOK, pluginRecord(p))
}

func (a *API) deletePlugin(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, true)
	if err != nil {
		return err
	}
	force, err := body.Bool("force", false)
	if err != nil {
		return err
	}
	return api.NoContent(w, a.plugins.Delete(r.Context(), actor, model.PluginID(api.Param(r, "id")), force))
}

func (a *API) pluginArchive(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	full, err := api.Flag(r.URL.Query(), "full_archive")
	if err != nil {
		return err
	}
	obj, err := a.plugins.Archive(r.Context(), actor, model.PluginID(api.Param(r, "id")), full)
	if err != nil {
		return err
	}
	return writeFile(w, r, obj)
}

func (a *API) pluginYAML(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	obj, err := a.plugins.YAML(r.Context(), actor, model.PluginID(api.Param(r, "id")), r.URL.Query().Get("dsl_version"))
	if err != nil {
		return err
	}
	return writeFile(w, r, obj)
}

// writeFile answers with a stored file to be saved under its name, and closes it.
func writeFile(w http.ResponseWriter, r *http.Request, obj service.File) error {
	defer obj.Close()
	info := obj.Info()
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Description", "File Transfer")
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", path.Base(info.Key)))
	http.ServeContent(w, r, "", info.ModifiedAt, obj)
	return nil
}

func pluginsUpdateRecord(u *model.PluginsUpdate) api.Record {
	deployments := make([]string, 0, len(u.Deployments))
	for _, d := range u.Deployments {
		deployments = append(deployments, string(d))
	}
	perTenant := map[string][]string{}
	if u.Tenant != "" {
		perTenant[string(u.Tenant)] = deployments
	}
	r := api.Record{
		{Name: "created_at", Value: api.Instant(u.CreatedAt)}, {Name: "id", Value: u.ID}, {Name: "visibility", Value: u.Visibility},
		{Name: "state", Value: u.State}, {Name: "deployments_to_update", Value: deployments},
		{Name: "deployments_per_tenant", Value: perTenant}, {Name: "forced", Value: u.Forced}, {Name: "all_tenants", Value: false},
		{Name: "blueprint_id", Value: u.Blueprint}, {Name: "temp_blueprint_id", Value: api.Text(u.TempBlueprint)},
		{Name: "execution_id", Value: api.Text(u.Execution)},
	}
	return append(r, api.Common(u.Resource)...)
}

var blankPluginsUpdate = pluginsUpdateRecord(&model.PluginsUpdate{})

func (a *API) listPluginsUpdates(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	l, err := api.ParseList(r, api.ListSpec{Blank: blankPluginsUpdate, Search: "id"})
	if err != nil {
		return err
	}
	page, err := a.plugins.Updates(r.Context(), actor, l.Query, l.AllTenants)
	if err != nil {
		return err
	}
	return api.WritePage(l, w, page, pluginsUpdateRecord)
}

func (a *API) getPluginsUpdate(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	u, err := a.plugins.Update(r.Context(), actor, model.PluginsUpdateID(api.Param(r, "id")))
	if err != nil {
		return err
	}
	return api.WriteOne(w, r, http.StatusOK, pluginsUpdateRecord(u))
}

// runPluginsUpdate answers …/update/initiate, whose id is a blueprint, and …/update/finalize, whose id is an update and
// which does nothing: the workflow finishes its update itself.
func (a *API) runPluginsUpdate(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	if api.Param(r, "action") != "initiate" {
		return a.getPluginsUpdate(w, r, actor)
	}
	body, err := api.ReadJSON(w, r, true)
	if err != nil {
		return err
	}
	n, err := decodePluginsUpdate(body)
	if err != nil {
		return err
	}
	u, err := a.plugins.StartUpdate(r.Context(), actor, model.BlueprintID(api.Param(r, "id")), n)
	if err != nil {
		return err
	}
	return api.WriteOne(w, r, http.StatusOK, pluginsUpdateRecord(u))
}

func decodePluginsUpdate(body api.Body) (n plugins.NewUpdate, err error) {
	for key, into := range map[string]*[]string{"plugin_names": &n.Names, "to_latest": &n.ToLatest, "to_minor": &n.ToMinor} {
		if *into, err = nameList(body, key); err != nil {
			return n, err
		}
	}
	for key, into := range map[string]*bool{"all_to_latest": &n.AllToLatest, "all_to_minor": &n.AllToMinor, "force": &n.Force} {
		if *into, err = body.Bool(key, false); err != nil {
			return n, err
		}
	}
	allTenants, err := body.Bool("all_tenants", false)
	if err != nil {
		return n, err
	}
	if allTenants {
		return n, fault.New(fault.BadParameters, "this manager updates the deployments of one tenant at a time; leave all_tenants out")
	}
	mapping, err := body.Object("mapping")
	if err != nil {
		return n, err
	}
	n.Mapping = map[string]string{}
	for name := range mapping {
		if n.Mapping[name], err = api.Body(mapping).Text(name); err != nil {
			return n, err
		}
	}
	return n, nil
}

// nameList reads a list of names; a missing one is nil.
func nameList(body api.Body, key string) ([]string, error) {
	list, err := body.List(key)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, v := range list {
		text, ok := v.(string)
		if !ok {
			return nil, fault.New(fault.BadParameters, "%s must be a list of names", key)
		}
		out = append(out, text)
	}
	return out, nil
}
