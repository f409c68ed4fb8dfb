package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/reifyhq/reify/internal/model"
)

// Version describes the manager's build.
type Version struct {
	Edition      string `json:"edition"`
	Version      string `json:"version"`
	Build        string `json:"build"`
	Date         string `json:"date"`
	Commit       string `json:"commit"`
	Distribution string `json:"distribution"`
	Release      string `json:"distro_release"`
}

// GetVersion asks the manager for its version.
func (c *Client) GetVersion(ctx context.Context) (Version, error) {
	return send[Version](ctx, c, request{method: http.MethodGet, path: "/api/version", rooted: true})
}

// Status is the health of the manager and its services, by display name.
type Status struct {
	Status   string                   `json:"status"`
	Services map[string]ServiceStatus `json:"services"`
}

// ServiceStatus is the health of one service.
type ServiceStatus struct {
	Status   string `json:"status"`
	IsRemote bool   `json:"is_remote"`
	Extra    Raw    `json:"extra_info,omitempty"`
}

// GetStatus asks for the health of the manager.
func (c *Client) GetStatus(ctx context.Context) (Status, error) {
	return get[Status](ctx, c, path("status"), nil)
}

// ConfigValue is one setting of the manager.
type ConfigValue struct {
	Name       string         `json:"name"`
	Scope      string         `json:"scope"`
	Value      any            `json:"value"`
	Schema     model.Document `json:"schema"`
	IsEditable bool           `json:"is_editable"`
	AdminOnly  bool           `json:"admin_only"`
	UpdatedAt  Time           `json:"updated_at"`
	Updater    string         `json:"updater_name"`
}

// ListConfig returns the settings, those of one scope when scope is not empty.
func (c *Client) ListConfig(ctx context.Context, scope string) ([]ConfigValue, error) {
	q := url.Values{}
	setText(q, "scope", scope)
	page, err := get[Page[ConfigValue]](ctx, c, path("config"), q)
	return page.Items, err
}

// Resource opens a file of the manager's file server, such as blueprints/default_tenant/hello/scripts/start.sh.
func (c *Client) Resource(ctx context.Context, name string) (*Download, error) {
	segments := strings.Split(strings.Trim(name, "/"), "/")
	return c.download(ctx, request{path: "/resources" + path(segments...), rooted: true})
}

// Put sends a JSON body to a path relative to the API's root and drops the answer.
func (c *Client) Put(ctx context.Context, name string, body any) error {
	return c.call(ctx, request{method: http.MethodPut, path: path(strings.Split(name, "/")...), json: body}, nil)
}

// Open opens a file at a path relative to the API's root, such as plugins/ID/archive; the caller closes its body.
func (c *Client) Open(ctx context.Context, name string) (*Download, error) {
	return c.download(ctx, request{path: path(strings.Split(strings.Trim(name, "/"), "/")...)})
}

// EvaluateContext names the instances that SELF, SOURCE and TARGET stand for.
type EvaluateContext struct {
	Self   model.InstanceID `json:"self,omitempty"`
	Source model.InstanceID `json:"source,omitempty"`
	Target model.InstanceID `json:"target,omitempty"`
}

// Evaluate returns payload with its intrinsic functions replaced by their values in the deployment.
func (c *Client) Evaluate(
	ctx context.Context, id model.DeploymentID, in EvaluateContext, payload model.Document,
) (model.Document, error) {
	v, err := send[struct {
		Payload model.Document `json:"payload"`
	}](ctx, c, request{
		method: http.MethodPost, path: path("evaluate", "functions"),
		json: map[string]any{"deployment_id": id, "context": in, "payload": payload},
	})
	return v.Payload, err
}

// Get returns the JSON at a path relative to the API's root, with its query, such as "config?scope=workflow".
func (c *Client) Get(ctx context.Context, pathAndQuery string) (Raw, error) {
	u, err := url.Parse(pathAndQuery)
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", pathAndQuery, err)
	}
	return get[Raw](ctx, c, path(strings.Split(strings.Trim(u.Path, "/"), "/")...), u.Query())
}

// Post sends a JSON body to a path relative to the API's root and drops the answer.
func (c *Client) Post(ctx context.Context, name string, body any) error {
	return c.call(ctx, request{method: http.MethodPost, path: path(strings.Split(name, "/")...), json: body}, nil)
}
