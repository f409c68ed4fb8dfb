package client

import (
	"context"
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
