// Package client speaks the manager's REST API (contract v3.1) on behalf of the command line, the agent and the manager
// itself.
//
// It turns typed calls into requests and answers into values or errors. It never retries, never logs, never caches and
// never interprets free documents. One file per resource; names on the wire are those of the contract. A Client holds no
// state but its connections, so it is safe for concurrent use.
//
// Errors: an answer that says no is an *Error with the manager's code and message; a manager that could not be asked is
// an *Unreachable; a context that ended shows as the context's own error.
package client

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/reifyhq/reify/internal/model"
)

const (
	apiPath = "/api/v3.1"
	// defaultTimeout covers the slowest ordinary call: creating a deployment waits for its environment.
	defaultTimeout = 5 * time.Minute
	dialTimeout    = 10 * time.Second
	idleTimeout    = 90 * time.Second
	maxAnswer      = 256 << 20
	maxErrorAnswer = 1 << 20
)

// Config says where the manager is and who is calling. Of the credentials, the first that is set is used:
// ExecutionToken, Token, Username with Password.
type Config struct {
	// URL is the root of the manager, such as http://127.0.0.1:8080, without /api.
	URL            string
	Tenant         model.TenantName
	Username       string
	Password       string
	Token          string
	ExecutionToken string
	// Transport carries the requests; nil means a transport of its own with bounded timeouts and kept-alive
	// connections. A given transport is never closed by the client.
	Transport http.RoundTripper
	// RootCAs are the authorities trusted for https; nil means those of the system. Ignored when Transport is given.
	RootCAs *x509.CertPool
	// Timeout bounds every call but uploads and downloads, which only their context ends; 0 means five minutes.
	Timeout   time.Duration
	UserAgent string
}

// Client calls one manager as one caller in one tenant.
type Client struct {
	base    *url.URL
	header  http.Header
	http    *http.Client
	owned   *http.Transport
	timeout time.Duration
}

// New returns a client for cfg. It opens no connection.
func New(cfg Config) (*Client, error) {
	base, err := url.Parse(strings.TrimRight(cfg.URL, "/"))
	if err != nil {
		return nil, fmt.Errorf("manager URL %q: %w", cfg.URL, err)
	}
	if base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, fmt.Errorf("manager URL %q: want http://HOST:PORT or https://HOST:PORT", cfg.URL)
	}
	if base.User != nil {
		return nil, errors.New("manager URL: credentials do not belong into the URL")
	}
	c := &Client{base: base, header: headers(cfg), timeout: cfg.Timeout}
	if c.timeout == 0 {
		c.timeout = defaultTimeout
	}
	transport := cfg.Transport
	if transport == nil {
		c.owned = newTransport(cfg)
		transport = c.owned
	}
	c.http = &http.Client{
		Transport: transport,
		// The contract knows no redirects, and following one would hand the token to another host.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// As returns a client of the same manager that calls in the tenant with the token of an execution. It shares the
// connections of c, which must stay open longer.
func (c *Client) As(tenant model.TenantName, executionToken string) *Client {
	other := *c
	other.owned = nil
	other.header = headers(Config{Tenant: tenant, ExecutionToken: executionToken})
	return &other
}

// AsUser returns a client that shares the connections of c and acts with an API token in a tenant.
func (c *Client) AsUser(tenant model.TenantName, token string) *Client {
	other := *c
	other.owned = nil
	other.header = headers(Config{Tenant: tenant, Token: token})
	return &other
}

func headers(cfg Config) http.Header {
	h := http.Header{}
	if cfg.Tenant != "" {
		h.Set("Tenant", string(cfg.Tenant))
	}
	if cfg.UserAgent != "" {
		h.Set("User-Agent", cfg.UserAgent)
	}
	switch {
	case cfg.ExecutionToken != "":
		h.Set("Execution-Token", cfg.ExecutionToken)
	case cfg.Token != "":
		h.Set("Authentication-Token", cfg.Token)
	case cfg.Username != "":
		r := http.Request{Header: h}
		r.SetBasicAuth(cfg.Username, cfg.Password)
	}
	return h
}

func newTransport(cfg Config) *http.Transport {
	t := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   dialTimeout,
		ExpectContinueTimeout: time.Second,
		IdleConnTimeout:       idleTimeout,
		MaxIdleConnsPerHost:   16,
		ForceAttemptHTTP2:     true,
	}
	if cfg.RootCAs != nil {
		t.TLSClientConfig = tlsConfig(cfg.RootCAs)
	}
	return t
}

// URL returns the root of the manager.
func (c *Client) URL() string { return c.base.String() }

// Close drops idle connections. The client may still be used afterwards.
func (c *Client) Close() {
	if c.owned != nil {
		c.owned.CloseIdleConnections()
	}
}

// request is one call. Path is below /api/v3.1 unless rooted is set. At most one of json and stream is given.
type request struct {
	method string
	path   string
	rooted bool
	query  url.Values
	json   any
	stream *stream
}

// stream is a request body that is not JSON; size -1 means unknown.
type stream struct {
	body        io.Reader
	size        int64
	contentType string
}

// call sends r within the client's timeout and decodes the answer into out, which may be nil.
func (c *Client) call(ctx context.Context, r request, out any) error {
	bounded, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	err := c.exchange(bounded, r, out)
	if err != nil && bounded.Err() != nil && ctx.Err() == nil {
		return &Unreachable{URL: c.URL(), Err: fmt.Errorf("no answer to %s %s within %s", r.method, r.path, c.timeout)}
	}
	return err
}

// exchange is call without a time limit of its own.
func (c *Client) exchange(ctx context.Context, r request, out any) error {
	res, err := c.send(ctx, r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("%s %s: %w", r.method, r.path, ctx.Err())
	case err != nil:
		return &Unreachable{URL: c.URL(), Err: err}
	case len(data) > maxAnswer:
		return fmt.Errorf("%s %s: the answer is longer than %d bytes", r.method, r.path, maxAnswer)
	case out == nil || len(bytes.TrimSpace(data)) == 0:
		return nil
	}
	if err := model.DecodeJSON(data, out); err != nil {
		return fmt.Errorf("%s %s: decode the answer: %w", r.method, r.path, err)
	}
	return nil
}

// send sends r and returns the answer, whose body the caller closes. An answer of status 300 or more is an error.
func (c *Client) send(ctx context.Context, r request) (*http.Response, error) {
	req, err := c.build(ctx, r)
	if err != nil {
		return nil, err
	}
	res, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%s %s: %w", r.method, r.path, ctx.Err())
		}
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return nil, &Unreachable{URL: c.URL(), Err: err}
	}
	if res.StatusCode >= 300 {
		defer res.Body.Close()
		return nil, readError(res)
	}
	return res, nil
}

func (c *Client) build(ctx context.Context, r request) (*http.Request, error) {
	target := c.base.String() + r.path
	if !r.rooted {
		target = c.base.String() + apiPath + r.path
	}
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	var body io.Reader
	size, contentType := int64(0), "application/json"
	switch {
	case r.json != nil:
		data, err := model.EncodeJSON(r.json)
		if err != nil {
			return nil, fmt.Errorf("%s %s: encode the request: %w", r.method, r.path, err)
		}
		body, size = bytes.NewReader(data), int64(len(data))
	case r.stream != nil:
		body, size, contentType = r.stream.body, r.stream.size, r.stream.contentType
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", r.method, r.path, err)
	}
	if body != nil {
		req.ContentLength = size
	}
	for k, v := range c.header {
		req.Header[k] = v
	}
	req.Header.Set("Content-Type", contentType)
	return req, nil
}

// path joins segments below the API root, each escaped.
func path(segments ...string) string {
	var b strings.Builder
	for _, s := range segments {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(s))
	}
	return b.String()
}

func get[T any](ctx context.Context, c *Client, path string, query url.Values) (T, error) {
	return send[T](ctx, c, request{method: http.MethodGet, path: path, query: query})
}

func send[T any](ctx context.Context, c *Client, r request) (T, error) {
	var v T
	err := c.call(ctx, r, &v)
	return v, err
}

// Raw is a JSON value that the client passes on unread.
type Raw = json.RawMessage
