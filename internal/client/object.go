package client

import (
	"context"
	"net/http"
	"net/url"
	"os"

	"github.com/reifyhq/reify/internal/model"
)

// Object is a resource that the caller shows and does not look into: a JSON object as it came.
type Object = map[string]any

// Plain is a request for which there is no typed call: of a resource that is only shown. Segments are joined to a path
// below the root of the API. At most one of Body, which is sent as JSON, and File, which is sent as it is, is given.
type Plain struct {
	Method   string
	Segments []string
	Query    url.Values
	Body     any
	File     string
}

// Do sends a plain request and returns what the manager answered, nil when that is nothing.
func (c *Client) Do(ctx context.Context, p Plain) (answer any, err error) {
	r := request{method: p.Method, path: path(p.Segments...), query: p.Query, json: p.Body}
	if p.File == "" {
		return answer, c.call(ctx, r, &answer)
	}
	f, err := os.Open(p.File)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	// Uploads take as long as they take, and their type is always that of the contract.
	r.stream = &stream{body: f, size: info.Size(), contentType: "application/json"}
	return answer, c.exchange(ctx, r, &answer)
}

// List sends a plain request whose answer is a list. The original answers some lists without metadata, and one as a bare
// array; both count as whole.
func (c *Client) List(ctx context.Context, p Plain) (page Page[Object], err error) {
	var raw Raw
	if err := c.call(ctx, request{method: p.Method, path: path(p.Segments...), query: p.Query, json: p.Body}, &raw); err != nil {
		return page, err
	}
	if len(raw) > 0 && raw[0] == '[' {
		err = model.DecodeJSON(raw, &page.Items)
	} else {
		err = model.DecodeJSON(raw, &page)
	}
	if page.Metadata.Pagination.Total == 0 {
		page.Metadata.Pagination.Total = len(page.Items)
	}
	return page, err
}

// Fetch opens a file to download.
func (c *Client) Fetch(ctx context.Context, segments ...string) (*Download, error) {
	return c.download(ctx, request{method: http.MethodGet, path: path(segments...)})
}
