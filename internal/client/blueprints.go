package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/reifyhq/reify/internal/model"
)

// Label is one label of a blueprint or deployment.
type Label struct {
	Key       string         `json:"key"`
	Value     string         `json:"value"`
	CreatedAt Time           `json:"created_at,omitzero"`
	CreatedBy model.UserName `json:"created_by,omitempty"`
}

// Blueprint is an uploaded blueprint.
type Blueprint struct {
	ID              model.BlueprintID    `json:"id"`
	Description     string               `json:"description"`
	MainFile        string               `json:"main_file_name"`
	State           model.BlueprintState `json:"state"`
	Error           string               `json:"error"`
	ErrorTraceback  string               `json:"error_traceback"`
	Plan            Raw                  `json:"plan,omitempty"`
	Requirements    Raw                  `json:"requirements,omitempty"`
	Labels          []Label              `json:"labels"`
	CreatedAt       Time                 `json:"created_at"`
	UpdatedAt       Time                 `json:"updated_at"`
	Visibility      model.Visibility     `json:"visibility"`
	Tenant          model.TenantName     `json:"tenant_name"`
	CreatedBy       model.UserName       `json:"created_by"`
	UploadExecution *Execution           `json:"upload_execution,omitempty"`
}

// Input is the declaration of an input in a plan.
type Input struct {
	Type         string `json:"type,omitempty"`
	Description  string `json:"description,omitempty"`
	Default      Raw    `json:"default,omitempty"`
	Required     *bool  `json:"required,omitempty"`
	DisplayLabel string `json:"display_label,omitempty"`
	Constraints  Raw    `json:"constraints,omitempty"`
}

// Inputs returns the inputs that the plan declares, by name. A blueprint without a plan has none.
func (b *Blueprint) Inputs() (map[string]Input, error) {
	var plan struct {
		Inputs map[string]Input `json:"inputs"`
	}
	if len(b.Plan) == 0 {
		return nil, nil
	}
	if err := model.DecodeJSON(b.Plan, &plan); err != nil {
		return nil, fmt.Errorf("plan of blueprint %s: %w", b.ID, err)
	}
	return plan.Inputs, nil
}

// UploadParams describe an upload. Either Archive or ArchiveURL is given.
type UploadParams struct {
	// Archive is the zip, tar, tar.gz or tar.bz2 with exactly one top directory.
	Archive io.Reader
	// Size is the length of Archive in bytes, -1 when unknown.
	Size       int64
	ArchiveURL string
	// MainFile is the blueprint file below the top directory; empty means blueprint.yaml.
	MainFile   string
	Visibility model.Visibility
	Labels     []Label
	// Async returns as soon as the archive is stored; the state then tells when it is parsed.
	Async bool
}

type labelPair struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

type uploadBody struct {
	Visibility    model.Visibility `json:"visibility,omitempty"`
	AsyncUpload   bool             `json:"async_upload"`
	SkipExecution bool             `json:"skip_execution"`
	MainFile      string           `json:"application_file_name,omitempty"`
	ArchiveURL    string           `json:"blueprint_archive_url,omitempty"`
	Labels        []labelPair      `json:"labels,omitempty"`
}

// UploadBlueprint uploads a blueprint. Only ctx bounds the time it takes.
func (c *Client) UploadBlueprint(ctx context.Context, id model.BlueprintID, p UploadParams) (Blueprint, error) {
	body := uploadBody{
		Visibility: p.Visibility, AsyncUpload: p.Async, MainFile: url.PathEscape(p.MainFile), ArchiveURL: p.ArchiveURL,
	}
	for _, l := range p.Labels {
		body.Labels = append(body.Labels, labelPair{l.Key, l.Value})
	}
	params, err := model.EncodeJSON(body)
	if err != nil {
		return Blueprint{}, err
	}
	s, err := form("params", params, "blueprint_archive", p.Archive, p.Size)
	if err != nil {
		return Blueprint{}, err
	}
	var b Blueprint
	err = c.exchange(ctx, request{method: http.MethodPut, path: path("blueprints", string(id)), stream: s}, &b)
	return b, err
}

// GetBlueprint returns a blueprint, with only the fields of include when any are given.
func (c *Client) GetBlueprint(ctx context.Context, id model.BlueprintID, include ...string) (Blueprint, error) {
	return get[Blueprint](ctx, c, path("blueprints", string(id)), ListOptions{Include: include}.values())
}

// ListBlueprints returns the blueprints that match the options and, when given, all rules.
func (c *Client) ListBlueprints(ctx context.Context, o ListOptions, rules ...FilterRule) (Page[Blueprint], error) {
	return list[Blueprint](ctx, c, "blueprints", o, rules)
}

// DeleteBlueprint deletes a blueprint; force also when another blueprint imports it.
func (c *Client) DeleteBlueprint(ctx context.Context, id model.BlueprintID, force bool) error {
	q := url.Values{}
	setTrue(q, "force", force)
	return c.call(ctx, request{method: http.MethodDelete, path: path("blueprints", string(id)), query: q}, nil)
}

// DownloadBlueprint opens the archive as it was uploaded.
func (c *Client) DownloadBlueprint(ctx context.Context, id model.BlueprintID) (*Download, error) {
	return c.download(ctx, request{path: path("blueprints", string(id), "archive")})
}

// SetBlueprintLabels replaces the labels.
func (c *Client) SetBlueprintLabels(ctx context.Context, id model.BlueprintID, labels []Label) (Blueprint, error) {
	return send[Blueprint](ctx, c, request{
		method: http.MethodPatch, path: path("blueprints", string(id)), json: labelsBody(labels),
	})
}

// labelsBody is the short form {key: value} of labels that PATCH takes.
func labelsBody(labels []Label) any {
	short := make([]map[string]string, 0, len(labels))
	for _, l := range labels {
		short = append(short, map[string]string{l.Key: l.Value})
	}
	return map[string]any{"labels": short}
}

// list asks for a page of a resource, by a search when there are rules.
func list[T any](ctx context.Context, c *Client, resource string, o ListOptions, rules []FilterRule) (Page[T], error) {
	if len(rules) == 0 {
		return get[Page[T]](ctx, c, path(resource), o.values())
	}
	return send[Page[T]](ctx, c, request{
		method: http.MethodPost, path: path("searches", resource), query: o.values(), json: searchBody{rules},
	})
}
