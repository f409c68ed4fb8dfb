package v31

import (
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
)

func labelRecords(labels []model.Label) []api.Record {
	out := make([]api.Record, 0, len(labels))
	for _, l := range labels {
		out = append(out, api.Record{
			{Name: "key", Value: l.Key}, {Name: "value", Value: l.Value},
			{Name: "created_at", Value: api.Instant(l.CreatedAt)}, {Name: "created_by", Value: l.CreatedBy},
		})
	}
	return out
}

func blueprintRecord(b *model.Blueprint, upload *model.Execution) api.Record {
	r := api.Record{
		{Name: "created_at", Value: api.Instant(b.CreatedAt)}, {Name: "id", Value: b.ID}, {Name: "visibility", Value: b.Visibility},
		{Name: "main_file_name", Value: b.MainFile}, {Name: "plan_p", Value: nil}, {Name: "plan", Value: api.Raw(b.Plan)},
		{Name: "requirements", Value: api.Raw(b.Requirements)}, {Name: "updated_at", Value: api.Instant(b.UpdatedAt)},
		{Name: "description", Value: api.Text(b.Description)}, {Name: "is_hidden", Value: b.Hidden}, {Name: "state", Value: b.State},
		{Name: "error", Value: api.Text(b.Error)}, {Name: "error_traceback", Value: api.Text(b.ErrorTraceback)},
	}
	r = append(r, api.Common(b.Resource)...)
	r = append(r, api.Field{Name: "labels", Value: labelRecords(b.Labels)})
	if upload == nil {
		return append(r, api.Field{Name: "upload_execution", Value: nil})
	}
	return append(r, api.Field{Name: "upload_execution", Value: executionRecord(upload, "")})
}

func (a *API) writeBlueprint(w http.ResponseWriter, r *http.Request, actor *service.Actor, status int, b *model.Blueprint) error {
	include, err := api.Include(r, blueprintRecord(&model.Blueprint{}, nil))
	if err != nil {
		return err
	}
	upload, err := a.svc.Execution(r.Context(), actor, b.UploadExecution)
	if err != nil && !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Forbidden) {
		return err
	}
	api.WriteJSON(w, status, blueprintRecord(b, upload).Pick(include))
	return nil
}

func (a *API) listBlueprints(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	l, err := a.lists.Parse(r, actor, service.Blueprints, api.ListSpec{Blank: blueprintRecord(&model.Blueprint{}, nil), Search: "id"})
	if err != nil {
		return err
	}
	l.Query.Light = !l.Wants("plan") && !l.Wants("requirements")
	page, err := a.svc.Blueprints(r.Context(), actor, l.Query, l.AllTenants)
	if err != nil {
		return err
	}
	items := make([]api.Record, 0, len(page.Items))
	for _, b := range page.Items {
		var upload *model.Execution
		if l.Wants("upload_execution") {
			if upload, err = a.svc.Execution(r.Context(), actor, b.UploadExecution); err != nil && !fault.Is(err, fault.NotFound) {
				return err
			}
		}
		items = append(items, blueprintRecord(b, upload))
	}
	if err := a.lists.Count(r, actor, service.Blueprints, l, page.Total); err != nil {
		return err
	}
	return l.Write(w, items, page.Total)
}

func (a *API) getBlueprint(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	b, err := a.svc.Blueprint(r.Context(), actor, model.BlueprintID(api.Param(r, "id")))
	if err != nil {
		return err
	}
	return a.writeBlueprint(w, r, actor, http.StatusOK, b)
}

func (a *API) uploadBlueprint(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	return a.upload(w, r, actor, false)
}

func (a *API) validateBlueprint(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	return a.upload(w, r, actor, true)
}

func (a *API) upload(w http.ResponseWriter, r *http.Request, actor *service.Actor, validateOnly bool) error {
	id, err := url.PathUnescape(api.Param(r, "id"))
	if err != nil {
		id = api.Param(r, "id")
	}
	u := service.Upload{ID: model.BlueprintID(id), ValidateOnly: validateOnly, Async: validateOnly}
	media, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if media == "multipart/form-data" {
		err = uploadForm(multipart.NewReader(r.Body, params["boundary"]), &u)
	} else {
		err = uploadQuery(r, &u)
	}
	if err != nil {
		return err
	}
	b, err := a.svc.UploadBlueprint(r.Context(), actor, u)
	if err != nil {
		return err
	}
	return a.writeBlueprint(w, r, actor, http.StatusCreated, b)
}

// uploadForm reads the multipart form: the part params first, then the archive, which is left to be streamed.
func uploadForm(form *multipart.Reader, u *service.Upload) error {
	for {
		part, err := form.NextPart()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fault.Wrap(err, fault.BadParameters, "the multipart form cannot be read: %v", err)
		}
		switch part.FormName() {
		case "params":
			if err := uploadParams(part, u); err != nil {
				return err
			}
			if u.URL != "" {
				return nil
			}
		case "blueprint_archive":
			u.Body = part
			return nil
		}
	}
}

func uploadParams(part io.Reader, u *service.Upload) error {
	data, err := io.ReadAll(io.LimitReader(part, 1<<20))
	if err != nil {
		return fault.Wrap(err, fault.BadParameters, "the form's params cannot be read: %v", err)
	}
	var body api.Body
	if err := model.DecodeJSON(data, &body); err != nil {
		return fault.Wrap(err, fault.BadParameters, "the form's params are not a JSON object: %v", err)
	}
	return uploadOptions(body, u)
}

func uploadOptions(body api.Body, u *service.Upload) error {
	visibility, err := body.Text("visibility")
	if err != nil {
		return err
	}
	u.Visibility = model.Visibility(visibility)
	async, err := body.Bool("async_upload", false)
	if err != nil {
		return err
	}
	u.Async = u.Async || async
	main, err := body.Text("application_file_name")
	if err != nil {
		return err
	}
	if u.MainFile, err = url.PathUnescape(main); err != nil {
		return fault.New(fault.BadParameters, "application_file_name %q is not URL-quoted", main)
	}
	if u.URL, err = body.Text("blueprint_archive_url"); err != nil {
		return err
	}
	if u.Labels, err = body.Labels("labels"); err != nil {
		return err
	}
	return pluginOverrides(body, &u.Plugins)
}

// pluginOverrides reads {name: {import_url, version}} and {name: specifiers}.
func pluginOverrides(body api.Body, o *service.PluginOverrides) error {
	mappings, err := body.Object("plugin_mappings")
	if err != nil {
		return err
	}
	for name := range mappings {
		one, err := api.Body(mappings).Object(name)
		if err != nil {
			return err
		}
		var m service.PluginMapping
		if m.ImportURL, err = api.Body(one).Text("import_url"); err != nil {
			return err
		}
		if m.Version, err = api.Body(one).Text("version"); err != nil {
			return err
		}
		if o.Mappings == nil {
			o.Mappings = map[string]service.PluginMapping{}
		}
		o.Mappings[name] = m
	}
	constraints, err := body.Object("plugin_version_constraints")
	if err != nil {
		return err
	}
	for name := range constraints {
		text, err := api.Body(constraints).Text(name)
		if err != nil {
			return err
		}
		if o.Constraints == nil {
			o.Constraints = map[string]string{}
		}
		o.Constraints[name] = text
	}
	return nil
}

// uploadQuery reads the older form: options in the query, the archive as the body.
func uploadQuery(r *http.Request, u *service.Upload) error {
	q := r.URL.Query()
	body := api.Body{}
	for _, key := range []string{"visibility", "async_upload", "application_file_name", "blueprint_archive_url"} {
		if q.Has(key) {
			body[key] = q.Get(key)
		}
	}
	if err := uploadOptions(body, u); err != nil {
		return err
	}
	for _, text := range q["labels"] {
		k, v, ok := strings.Cut(text, "=")
		if !ok {
			return fault.New(fault.BadParameters, "label %q is not of the form key=value", text)
		}
		u.Labels = append(u.Labels, model.Label{Key: k, Value: v})
	}
	if u.URL == "" && r.ContentLength != 0 {
		u.Body = r.Body
	}
	return nil
}

func (a *API) patchBlueprint(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	if len(body) == 0 {
		return fault.New(fault.IllegalAction, "Update a blueprint request must include at least one parameter to update")
	}
	id := model.BlueprintID(api.Param(r, "id"))
	owner, labels, hasLabels, err := ownerAndLabels(body)
	if err != nil {
		return err
	}
	if owner != "" {
		if err := a.custody.SetBlueprintOwner(r.Context(), actor, id, owner); err != nil {
			return err
		}
	}
	if !hasLabels {
		return a.getBlueprint(w, r, actor)
	}
	b, err := a.svc.SetBlueprintLabels(r.Context(), actor, id, labels)
	if err != nil {
		return err
	}
	return a.writeBlueprint(w, r, actor, http.StatusOK, b)
}

// ownerAndLabels reads the changes that clients make to blueprints and deployments: a new owner, new labels, or both.
func ownerAndLabels(body api.Body) (owner model.UserName, labels []model.Label, hasLabels bool, err error) {
	name, err := body.Text("creator")
	if err != nil {
		return "", nil, false, err
	}
	delete(body, "creator")
	_, hasLabels = body["labels"]
	labels, err = body.OnlyLabels()
	return model.UserName(name), labels, hasLabels, err
}

// setIcon takes the bytes of a picture, whatever the content type says; none remove the icon.
func (a *API) setIcon(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	if err := a.custody.SetIcon(r.Context(), actor, model.BlueprintID(api.Param(r, "id")), r.Body); err != nil {
		return err
	}
	return a.getBlueprint(w, r, actor)
}

func (a *API) setBlueprintVisibility(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	v, err := api.ReadVisibility(w, r)
	if err != nil {
		return err
	}
	b, err := a.svc.SetBlueprintVisibility(r.Context(), actor, model.BlueprintID(api.Param(r, "id")), v)
	if err != nil {
		return err
	}
	return a.writeBlueprint(w, r, actor, http.StatusOK, b)
}

func (a *API) deleteBlueprint(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	force, err := api.Flag(r.URL.Query(), "force")
	if err != nil {
		return err
	}
	if err := a.svc.DeleteBlueprint(r.Context(), actor, model.BlueprintID(api.Param(r, "id")), force); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) blueprintArchive(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	obj, err := a.svc.BlueprintArchive(r.Context(), actor, model.BlueprintID(api.Param(r, "id")))
	if err != nil {
		return err
	}
	return writeFile(w, r, obj)
}
