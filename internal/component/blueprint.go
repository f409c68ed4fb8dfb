package component

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
)

const (
	// blueprintLimit is how long a blueprint may take to be parsed (workflows, section 17.1).
	blueprintLimit = 30 * time.Second
	// maxFile bounds one file that is fetched to be uploaded.
	maxFile = 512 << 20
)

// uploadBlueprint is create of a component: an external blueprint must be there, one that is there is used, and any other
// is uploaded from the own blueprint's files or from a URL (workflows, section 13.1).
func (r *run) uploadBlueprint() error { return r.upload(r.config("blueprint")) }

// uploadBlueprintAlone is create of cloudify.nodes.Blueprint, which brings secrets and plugins too.
func (r *run) uploadBlueprintAlone() error {
	if err := r.createSecrets(); err != nil {
		return err
	}
	if err := r.uploadPlugins(); err != nil {
		return err
	}
	config := r.config("blueprint")
	if len(config) == 0 {
		config = object(r.setting("resource_config"))
	}
	return r.upload(config)
}

func (r *run) upload(config model.Document) error {
	r.value = true
	id := text(config["id"])
	if id == "" {
		id = string(r.instance.ID)
	}
	labels, _ := config["labels"].([]any)
	if labels == nil {
		labels = []any{}
	}
	isExternal := truth(config["external_resource"], false)
	there, err := r.exists("blueprints", id)
	if err != nil {
		return err
	}
	known := object(r.properties()["blueprint"])
	mine := text(known["id"]) == id && truth(known["_uploaded"], false)
	if err := r.set("blueprint", map[string]any{"id": id, "blueprint_archive": config["blueprint_archive"],
		"application_file_name": config["main_file_name"], "labels": labels, "_uploaded": mine || !there && !isExternal}); err != nil {
		return err
	}
	switch {
	case isExternal && !there:
		return fmt.Errorf("Blueprint ID %q does not exist on tenant %q, but external_resource is True.", id, r.context().Tenant.Name) //nolint:staticcheck // the text of the reference
	case isExternal:
		r.logf("info", "Using external blueprint.")
		return nil
	case there && mine:
		return r.awaitBlueprint(id)
	case there:
		r.logf("info", "Blueprint %q exists, but external_resource is False, will use the existing one.", id)
		return nil
	}
	source := text(config["blueprint_archive"])
	if source == "" {
		return errors.New("No blueprint_archive supplied, but external_resource is False") //nolint:staticcheck // the text of the reference
	}
	if err := r.send(id, source, text(config["main_file_name"]), labels); err != nil {
		return err
	}
	return r.awaitBlueprint(id)
}

// send uploads a blueprint. What is no URL is a file or directory of the own blueprint.
func (r *run) send(id, source, main string, labels []any) error {
	p := client.UploadParams{MainFile: main, Async: true, Size: -1}
	for _, l := range labels {
		pair := object(l)
		if len(pair) != 1 {
			return fmt.Errorf("The provided labels are not valid. Labels must be a list of single-entry dicts, e.g. [{'foo': 'bar'}]. "+ //nolint:staticcheck // the text of the reference
				"This value was provided: %v.", labels)
		}
		for k, v := range pair {
			p.Labels = append(p.Labels, client.Label{Key: k, Value: fmt.Sprint(v)})
		}
	}
	if u, err := url.Parse(source); err == nil && u.Scheme != "" && u.Host != "" {
		p.ArchiveURL = source
	} else {
		data, err := r.resource(source)
		if err != nil {
			return err
		}
		if index, ok := directory(data); ok {
			if data, err = r.pack(source, index); err != nil {
				return err
			}
		}
		p.Archive, p.Size = bytes.NewReader(data), int64(len(data))
	}
	_, err := r.there.UploadBlueprint(r.ctx, model.BlueprintID(id), p)
	if err != nil && !client.IsConflict(err) {
		return fmt.Errorf("Client action \"_upload\" failed: %w.", err) //nolint:staticcheck // the text of the reference
	}
	return nil
}

// resource reads a file of the own deployment or blueprint; of a directory it reads the index.
func (r *run) resource(name string) ([]byte, error) {
	c := r.context()
	name = strings.TrimPrefix(path.Clean("/"+name), "/")
	var last error
	for _, at := range []string{
		fmt.Sprintf("deployments/%s/%s/%s", c.Tenant.Name, c.DeploymentID, name),
		fmt.Sprintf("blueprints/%s/%s/%s", c.Tenant.Name, c.BlueprintID, name),
	} {
		body, err := r.op.Manager.Download(r.ctx, at)
		if err != nil {
			last = err
			if fault.Is(err, fault.NotFound) {
				continue
			}
			return nil, err
		}
		data, err := io.ReadAll(io.LimitReader(body, maxFile))
		return data, errors.Join(err, body.Close())
	}
	return nil, last
}

// directory reads the index of a directory; ok is false when data is anything else.
func directory(data []byte) (files []string, ok bool) {
	var index map[string]string
	if json.Unmarshal(data, &index) != nil {
		return nil, false
	}
	for name := range index {
		files = append(files, name)
	}
	slices.Sort(files)
	return files, true
}

// pack makes an archive of a directory of the own blueprint.
func (r *run) pack(name string, files []string) ([]byte, error) {
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, f := range files {
		data, err := r.resource(path.Join(name, f))
		if err != nil {
			return nil, err
		}
		entry, err := w.Create(path.Join("blueprint", f))
		if err != nil {
			return nil, err
		}
		if _, err := entry.Write(data); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return buf.Bytes(), err
}

func (r *run) awaitBlueprint(id string) error {
	late := fmt.Errorf("Timed out waiting for blueprint %q to be uploaded", id) //nolint:staticcheck // reads on in an error of the reference
	return r.poll(blueprintLimit, pollInterval/5, late, func() (bool, error) {
		b, err := r.there.GetBlueprint(r.ctx, model.BlueprintID(id), "id", "state", "error")
		if err != nil {
			return false, err
		}
		if b.State.Failed() {
			return false, fmt.Errorf("Blueprint %q upload failed. State: %s, error: %s", id, b.State, b.Error) //nolint:staticcheck // as above
		}
		return b.State == model.BlueprintUploaded, nil
	})
}

// deleteBlueprint removes the blueprint that this component uploaded, unless others use it.
func (r *run) deleteBlueprint() error {
	known := object(r.properties()["blueprint"])
	id := text(known["id"])
	if id == "" || truth(r.config("blueprint")["external_resource"], false) || !truth(known["_uploaded"], true) {
		return nil
	}
	err := r.there.DeleteBlueprint(r.ctx, model.BlueprintID(id), false)
	switch {
	case err == nil:
		r.logf("info", "Removed blueprint %q.", id)
	case client.HasCode(err, fault.DependentExists), client.HasCode(err, fault.BlueprintInUse):
		r.logf("warning", "Could not remove blueprint %q, it is currently in use: %v", id, err)
	case !client.IsNotFound(err):
		return err
	}
	return nil
}

// deleteBlueprintAlone is delete of cloudify.nodes.Blueprint.
func (r *run) deleteBlueprintAlone() error {
	r.value = true
	if err := r.deleteBlueprint(); err != nil {
		return err
	}
	return r.clean()
}

// clean removes plugins, secrets and all that the runtime properties tell of them.
func (r *run) clean() error {
	if err := r.deletePlugins(); err != nil {
		return err
	}
	if err := r.deleteSecrets(); err != nil {
		return err
	}
	return r.forget("deployment", "blueprint", "plugins", "capabilities", "received_events", "_component_create_deployment_id",
		"_component_create_idd", "_component_secrets", "_component_execution")
}

// uploadPlugins uploads the plugins of the component; those that the manager has already are passed over.
func (r *run) uploadPlugins() error {
	plugins := object(r.setting("plugins"))
	if _, isDone := r.properties()["plugins"]; isDone || len(plugins) == 0 {
		return nil
	}
	ids := []any{}
	for name, v := range plugins {
		archive, err := r.pluginArchive(object(v))
		if err != nil {
			return err
		}
		var made struct {
			ID string `json:"id"`
		}
		err = r.there.Upload(r.ctx, "plugins?title="+url.QueryEscape(name), "application/zip", bytes.NewReader(archive), &made)
		switch {
		case client.IsConflict(err):
			r.logf("warning", "Plugin %q was already uploaded...", name)
			continue
		case err != nil:
			return err
		}
		ids = append(ids, made.ID)
		r.logf("info", "Uploaded %q", made.ID)
	}
	return r.set("plugins", ids)
}

// pluginArchive packs a wagon, its description and its icon.
func (r *run) pluginArchive(p model.Document) ([]byte, error) {
	if text(p["wagon_path"]) == "" || text(p["plugin_yaml_path"]) == "" {
		return nil, fmt.Errorf("Provide wagon_path (got %v) and plugin_yaml_path (got %v)", p["wagon_path"], p["plugin_yaml_path"]) //nolint:staticcheck // the text of the reference
	}
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, key := range []string{"wagon_path", "plugin_yaml_path", "icon_png_path"} {
		source := text(p[key])
		if source == "" {
			continue
		}
		data, err := r.fetch(source)
		if err != nil {
			return nil, err
		}
		entry, err := w.Create(path.Base(source))
		if err != nil {
			return nil, err
		}
		if _, err := entry.Write(data); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return buf.Bytes(), err
}

// fetch reads a URL, or a file of the own blueprint.
func (r *run) fetch(source string) ([]byte, error) {
	u, err := url.Parse(source)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return r.resource(source)
	}
	req, err := http.NewRequestWithContext(r.ctx, http.MethodGet, source, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("download %s: the server answered %s", source, res.Status)
	}
	return io.ReadAll(io.LimitReader(res.Body, maxFile))
}
