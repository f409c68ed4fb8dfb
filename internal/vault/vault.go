// Package vault reads values from an OpenBao or HashiCorp Vault server: its key-value stores, versions 1 and 2.
//
// A Client is made from the connection parameters of a secrets provider and speaks HTTP. It reads only: nothing is ever
// written to the server, and no value is kept longer than the call. Errors name what was asked for, never a value or a
// token. It is safe for concurrent use.
package vault

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"
)

// ErrNotFound says that the server has no such value.
var ErrNotFound = errors.New("the server has no such value")

const (
	patience   = 10 * time.Second
	maxAnswer  = 4 << 20
	maxMessage = 300
)

// Parameters are the connection parameters of a provider.
type Parameters struct {
	// URL is the address of the server, such as https://vault.example:8200.
	URL string `json:"url"`
	// Token authenticates, or RoleID with SecretID (AppRole).
	Token    string `json:"token"`
	RoleID   string `json:"role_id"`
	SecretID string `json:"secret_id"`
	// Namespace is that of an enterprise server.
	Namespace string `json:"namespace"`
	// Mount is where the key-value store is mounted; empty is secret. Path comes before the path of every value.
	Mount string `json:"mount"`
	Path  string `json:"path"`
	// CACert is the certificate authority of the server, PEM; empty is those of the machine.
	CACert string `json:"ca_cert"`
	// Version of the key-value store is 1 or 2; 0 is 2.
	Version int `json:"kv_version"`
}

// Client reads from one server.
type Client struct {
	p    Parameters
	http *http.Client
}

// New checks the parameters and returns a client.
func New(p Parameters) (*Client, error) {
	u, err := url.Parse(p.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("the connection parameter url must be the address of the server, such as https://vault.example:8200")
	}
	if p.Token == "" && (p.RoleID == "" || p.SecretID == "") {
		return nil, errors.New("give the connection parameter token, or role_id and secret_id")
	}
	if p.Version < 0 || p.Version > 2 {
		return nil, fmt.Errorf("the connection parameter kv_version is %d, but must be 1 or 2", p.Version)
	}
	if p.Mount == "" {
		p.Mount = "secret"
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute}
	if p.CACert != "" {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM([]byte(p.CACert)) {
			return nil, errors.New("the connection parameter ca_cert holds no certificate")
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return &Client{p: p, http: &http.Client{Transport: transport, Timeout: patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

// Close gives up the client's connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Check reports whether the server can be reached and accepts the credentials.
func (c *Client) Check(ctx context.Context) error {
	token, err := c.token(ctx)
	if err != nil {
		return err
	}
	_, err = c.call(ctx, http.MethodGet, "auth/token/lookup-self", token, nil)
	return err
}

// Read returns the field of the value at a path: text as it is, anything else as JSON.
func (c *Client) Read(ctx context.Context, at, field string) (string, error) {
	token, err := c.token(ctx)
	if err != nil {
		return "", err
	}
	where := strings.Trim(path.Join(c.p.Path, at), "/")
	prefix := c.p.Mount + "/data/"
	if c.p.Version == 1 {
		prefix = c.p.Mount + "/"
	}
	data, err := c.call(ctx, http.MethodGet, prefix+where, token, nil)
	if err != nil {
		return "", err
	}
	var answer struct {
		Data map[string]json.RawMessage `json:"data"`
	}
	err = json.Unmarshal(data, &answer)
	values := answer.Data
	if err == nil && c.p.Version != 1 {
		values = nil
		err = json.Unmarshal(answer.Data["data"], &values)
	}
	if err != nil {
		return "", fmt.Errorf("read %s from the vault: the answer has an unknown form", where)
	}
	raw, ok := values[field]
	if !ok {
		return "", fmt.Errorf("read %s from the vault: it has no field %q: %w", where, field, ErrNotFound)
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text, nil
	}
	return string(raw), nil
}

// token is the given one, or that of a login as a role.
func (c *Client) token(ctx context.Context) (string, error) {
	if c.p.Token != "" {
		return c.p.Token, nil
	}
	body, err := json.Marshal(map[string]string{"role_id": c.p.RoleID, "secret_id": c.p.SecretID})
	if err != nil {
		return "", err
	}
	data, err := c.call(ctx, http.MethodPost, "auth/approle/login", "", body)
	if err != nil {
		return "", err
	}
	var answer struct {
		Auth struct {
			Token string `json:"client_token"`
		} `json:"auth"`
	}
	if err := json.Unmarshal(data, &answer); err != nil || answer.Auth.Token == "" {
		return "", errors.New("log in at the vault: the answer holds no token")
	}
	return answer.Auth.Token, nil
}

func (c *Client) call(ctx context.Context, method, at, token string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(c.p.URL, "/")+"/v1/"+(&url.URL{Path: at}).EscapedPath(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask the vault for %s: %w", at, err)
	}
	req.Header.Set("X-Vault-Request", "true")
	if token != "" {
		req.Header.Set("X-Vault-Token", token)
	}
	if c.p.Namespace != "" {
		req.Header.Set("X-Vault-Namespace", c.p.Namespace)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the vault for %s: %w", at, err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	switch {
	case err != nil:
		return nil, fmt.Errorf("ask the vault for %s: %w", at, err)
	case res.StatusCode == http.StatusNotFound:
		return nil, fmt.Errorf("ask the vault for %s: %w", at, ErrNotFound)
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("ask the vault for %s: it answers %s%s", at, res.Status, reason(data))
	}
	return data, nil
}

// reason is what the server says of a refusal.
func reason(data []byte) string {
	var answer struct {
		Errors []string `json:"errors"`
	}
	if json.Unmarshal(data, &answer) != nil || len(answer.Errors) == 0 {
		return ""
	}
	text := strings.TrimSpace(strings.Join(answer.Errors, "; "))
	return ": " + text[:min(len(text), maxMessage)]
}
