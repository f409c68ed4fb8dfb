package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/reifyhq/reify/internal/model"
)

// Plugin is an uploaded plugin.
type Plugin struct {
	ID                model.PluginID   `json:"id"`
	PackageName       string           `json:"package_name"`
	PackageVersion    string           `json:"package_version"`
	Distribution      string           `json:"distribution"`
	SupportedPlatform Raw              `json:"supported_platform,omitempty"`
	ArchiveName       string           `json:"archive_name"`
	Title             string           `json:"title"`
	InstallationState Raw              `json:"installation_state,omitempty"`
	UploadedAt        Time             `json:"uploaded_at"`
	Visibility        model.Visibility `json:"visibility"`
	Tenant            model.TenantName `json:"tenant_name"`
	CreatedBy         model.UserName   `json:"created_by"`
	// BlueprintLabels and Labels map keys to lists of values, ResourceTags to values.
	BlueprintLabels model.Document `json:"blueprint_labels,omitempty"`
	Labels          model.Document `json:"labels,omitempty"`
	ResourceTags    model.Document `json:"resource_tags,omitempty"`
}

// PluginUpload describes an upload of plugins. Either Archive or ArchiveURL is given.
type PluginUpload struct {
	// Archive is a wagon, a zip archive of a wagon with its description, or a caravan.
	Archive io.Reader
	// Size is the length of Archive in bytes, -1 when unknown.
	Size       int64
	ArchiveURL string
	Title      string
	Visibility model.Visibility
}

// UploadPlugin uploads a plugin, or the several of a caravan. Only ctx bounds the time it takes.
func (c *Client) UploadPlugin(ctx context.Context, p PluginUpload) ([]Plugin, error) {
	q := url.Values{}
	for key, v := range map[string]string{"visibility": string(p.Visibility), "title": p.Title, "plugin_archive_url": p.ArchiveURL} {
		if v != "" {
			q.Set(key, v)
		}
	}
	r := request{method: http.MethodPost, path: path("plugins"), query: q}
	if p.Archive != nil {
		r.stream = &stream{body: p.Archive, size: p.Size, contentType: "application/octet-stream"}
	}
	var answer Raw
	if err := c.exchange(ctx, r, &answer); err != nil {
		return nil, err
	}
	var many struct {
		Items []Plugin `json:"items"`
	}
	if err := model.DecodeJSON(answer, &many); err != nil {
		return nil, fmt.Errorf("decode the uploaded plugins: %w", err)
	}
	if many.Items != nil {
		return many.Items, nil
	}
	var one Plugin
	if err := model.DecodeJSON(answer, &one); err != nil {
		return nil, fmt.Errorf("decode the uploaded plugin: %w", err)
	}
	return []Plugin{one}, nil
}

// DeletePlugin deletes a plugin; force also when blueprints use it.
func (c *Client) DeletePlugin(ctx context.Context, id model.PluginID, force bool) error {
	return c.call(ctx, request{method: http.MethodDelete, path: path("plugins", string(id)), json: map[string]any{"force": force}}, nil)
}

// InstallPlugin asks for a plugin to be installed on managers and agents.
func (c *Client) InstallPlugin(ctx context.Context, id model.PluginID, managers, agents []string) (Plugin, error) {
	body := map[string]any{"action": "install"}
	if len(managers) > 0 {
		body["managers"] = managers
	}
	if len(agents) > 0 {
		body["agents"] = agents
	}
	return send[Plugin](ctx, c, request{method: http.MethodPost, path: path("plugins", string(id)), json: body})
}

// SetPluginVisibility makes a plugin visible to more people.
func (c *Client) SetPluginVisibility(ctx context.Context, id model.PluginID, v model.Visibility) (Plugin, error) {
	return send[Plugin](ctx, c, request{method: http.MethodPatch, path: path("plugins", string(id), "set-visibility"),
		json: map[string]any{"visibility": v}})
}

// ChangePlugin changes the given fields of a plugin: creator, blueprint_labels, labels or resource_tags.
func (c *Client) ChangePlugin(ctx context.Context, id model.PluginID, fields model.Document) (Plugin, error) {
	return send[Plugin](ctx, c, request{method: http.MethodPatch, path: path("plugins", string(id)), json: fields})
}

// DownloadPluginYAML opens the description of a plugin for a version of the blueprint language, such as 1_4 or empty.
func (c *Client) DownloadPluginYAML(ctx context.Context, id model.PluginID, dslVersion string) (*Download, error) {
	q := url.Values{}
	if dslVersion != "" {
		q.Set("dsl_version", dslVersion)
	}
	return c.download(ctx, request{path: path("plugins", string(id), "yaml"), query: q})
}

// PluginsUpdate brings a blueprint and its deployments to other versions of its plugins.
type PluginsUpdate struct {
	ID            model.PluginsUpdateID    `json:"id"`
	State         model.PluginsUpdateState `json:"state"`
	Blueprint     model.BlueprintID        `json:"blueprint_id"`
	TempBlueprint model.BlueprintID        `json:"temp_blueprint_id"`
	Execution     model.ExecutionID        `json:"execution_id"`
	Deployments   []model.DeploymentID     `json:"deployments_to_update"`
	Forced        bool                     `json:"forced"`
	CreatedAt     Time                     `json:"created_at"`
	Visibility    model.Visibility         `json:"visibility"`
	Tenant        model.TenantName         `json:"tenant_name"`
	CreatedBy     model.UserName           `json:"created_by"`
}

// PluginsUpdateParams says which plugins of a blueprint go to which versions.
type PluginsUpdateParams struct {
	PluginNames []string          `json:"plugin_names,omitempty"`
	ToLatest    []string          `json:"to_latest,omitempty"`
	AllToLatest bool              `json:"all_to_latest,omitempty"`
	ToMinor     []string          `json:"to_minor,omitempty"`
	AllToMinor  bool              `json:"all_to_minor,omitempty"`
	Mapping     map[string]string `json:"mapping,omitempty"`
	Force       bool              `json:"force,omitempty"`
}

// UpdatePlugins starts an update of the plugins of a blueprint.
func (c *Client) UpdatePlugins(ctx context.Context, id model.BlueprintID, p PluginsUpdateParams) (PluginsUpdate, error) {
	return send[PluginsUpdate](ctx, c, request{method: http.MethodPost, path: path("plugins-updates", string(id), "update", "initiate"), json: p})
}

// GetPluginsUpdate returns an update of plugins.
func (c *Client) GetPluginsUpdate(ctx context.Context, id model.PluginsUpdateID) (PluginsUpdate, error) {
	return get[PluginsUpdate](ctx, c, path("plugins-updates", string(id)), nil)
}

// ListPluginsUpdates returns the updates of plugins that match the options.
func (c *Client) ListPluginsUpdates(ctx context.Context, o ListOptions) (Page[PluginsUpdate], error) {
	return get[Page[PluginsUpdate]](ctx, c, path("plugins-updates"), o.values())
}

// ListPlugins returns the plugins that match the options; withState also says where each is installed.
func (c *Client) ListPlugins(ctx context.Context, o ListOptions, withState bool) (Page[Plugin], error) {
	q := o.values()
	setTrue(q, "_get_data", withState)
	return get[Page[Plugin]](ctx, c, path("plugins"), q)
}

// GetPlugin returns a plugin.
func (c *Client) GetPlugin(ctx context.Context, id model.PluginID) (Plugin, error) {
	return get[Plugin](ctx, c, path("plugins", string(id)), nil)
}

// DownloadPlugin opens the archive of a plugin: its wagon, or everything stored when full is set.
func (c *Client) DownloadPlugin(ctx context.Context, id model.PluginID, full bool) (*Download, error) {
	q := url.Values{}
	setTrue(q, "full_archive", full)
	return c.download(ctx, request{path: path("plugins", string(id), "archive"), query: q})
}
