package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Call sends a JSON body, which may be nil, to a path relative to the API's root, with its query, and decodes the answer
// into out, which may be nil too. It is for callers that know more of the contract than this package.
func (c *Client) Call(ctx context.Context, method, pathAndQuery string, body, out any) error {
	r, err := relative(method, pathAndQuery)
	if err != nil {
		return err
	}
	r.json = body
	return c.call(ctx, r, out)
}

// Upload sends a body that is not JSON, whose length is not known, and decodes the answer into out. Only ctx bounds the
// time it takes.
func (c *Client) Upload(ctx context.Context, pathAndQuery, contentType string, body io.Reader, out any) error {
	r, err := relative(http.MethodPost, pathAndQuery)
	if err != nil {
		return err
	}
	r.stream = &stream{body: body, size: -1, contentType: contentType}
	return c.exchange(ctx, r, out)
}

func relative(method, pathAndQuery string) (request, error) {
	u, err := url.Parse(pathAndQuery)
	if err != nil {
		return request{}, fmt.Errorf("read %q: %w", pathAndQuery, err)
	}
	return request{method: method, path: path(strings.Split(strings.Trim(u.Path, "/"), "/")...), query: u.Query()}, nil
}
