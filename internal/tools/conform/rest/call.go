package rest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/reifyhq/reify/internal/tools/conform/target"
)

// The passwords of the recorded users.
const (
	adminPassword = target.AdminPassword
	userPassword  = "pw12345"
	wrongPassword = "nope"
)

// caller sends requests to the manager.
type caller struct {
	base     string
	fixtures string
	client   *http.Client
}

func newCaller(base, fixtures string) *caller {
	return &caller{base: strings.TrimSuffix(base, "/"), fixtures: fixtures, client: &http.Client{Timeout: 3 * time.Minute}}
}

// answer is what the manager sent.
type answer struct {
	status int
	header http.Header
	data   []byte
	body   any
	isJSON bool
}

// send sends the request of an exchange with its placeholders filled in.
func (c *caller) send(ctx context.Context, m *matcher, x *exchange) (*answer, error) {
	body, contentType, err := c.body(m, x.Request.Body)
	if err != nil {
		return nil, err
	}
	path, err := m.fill(x.Request.Path)
	if err != nil {
		return nil, err
	}
	target := c.base + (&url.URL{Path: path}).EscapedPath()
	if query, err := m.query(x.Request.Query); err != nil {
		return nil, err
	} else if query != "" {
		target += "?" + query
	}
	req, err := http.NewRequestWithContext(ctx, x.Request.Method, target, body)
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for key, value := range x.Request.Headers {
		if value, err = m.fill(value); err != nil {
			return nil, err
		}
		user, isBasic := strings.CutPrefix(value, "Basic ")
		switch {
		case key == "Authorization" && isBasic:
			name := strings.Trim(user, "<>")
			req.SetBasicAuth(name, password(name, x.Name))
		case key == "Content-Type" && strings.HasPrefix(value, "multipart/"):
			// The boundary is ours.
		default:
			req.Header.Set(key, value)
		}
	}
	return c.do(req)
}

func (c *caller) do(req *http.Request) (*answer, error) {
	res, err := c.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	a := &answer{status: res.StatusCode, header: res.Header, data: data}
	a.isJSON = len(data) > 0 && decode(data, &a.body) == nil
	return a, nil
}

// password is the password of a recorded user; the name of the line says when a wrong one is meant.
func password(user, line string) string {
	switch {
	case strings.Contains(line, "wrong password") || user == "ghost":
		return wrongPassword
	case strings.Contains(line, "empty password"):
		return ""
	case user == "admin":
		return adminPassword
	}
	return userPassword
}

func (c *caller) body(m *matcher, b *requestBody) (io.Reader, string, error) {
	switch {
	case b == nil:
		return nil, "", nil
	case b.Multipart != nil:
		return c.form(m, b.Multipart)
	case b.RawFile != "":
		data, err := c.fixtureFile(b.RawFile)
		return bytes.NewReader(data), "", err
	case b.RawBase64 != "":
		data, err := base64.StdEncoding.DecodeString(b.RawBase64)
		return bytes.NewReader(data), "", err
	}
	data, err := json.Marshal(b.JSON)
	if err != nil {
		return nil, "", err
	}
	// Placeholders hold none of the characters that JSON escapes, once < and > are back.
	text := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">").Replace(string(data))
	text, err = m.fill(text)
	return strings.NewReader(text), "application/json", err
}

func (c *caller) form(m *matcher, parts map[string]multipartPart) (io.Reader, string, error) {
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	names := make([]string, 0, len(parts))
	for name := range parts {
		names = append(names, name)
	}
	// Texts come before files, as the client of the original sends them.
	slices.SortFunc(names, func(a, b string) int {
		if (parts[a].File == "") != (parts[b].File == "") {
			return len(parts[a].File) - len(parts[b].File)
		}
		return strings.Compare(a, b)
	})
	for _, name := range names {
		p := parts[name]
		header := textproto.MIMEHeader{"Content-Disposition": {fmt.Sprintf(`form-data; name=%q`, name)}}
		var data []byte
		if p.File != "" {
			header.Set("Content-Disposition", fmt.Sprintf(`form-data; name=%q; filename="filename"`, name))
			header.Set("Content-Type", "text/plain")
			file, err := c.fixtureFile(p.File)
			if err != nil {
				return nil, "", err
			}
			data = file
		} else {
			text, err := m.fill(p.Text)
			if err != nil {
				return nil, "", err
			}
			data = []byte(text)
		}
		part, err := w.CreatePart(header)
		if err != nil {
			return nil, "", err
		}
		if _, err := part.Write(data); err != nil {
			return nil, "", err
		}
	}
	return &buf, w.FormDataContentType(), w.Close()
}

// query encodes the recorded query; lists repeat their key.
func (m *matcher) query(q map[string]any) (string, error) {
	values := url.Values{}
	for key, v := range q {
		list, isList := v.([]any)
		if !isList {
			list = []any{v}
		}
		for _, item := range list {
			text, err := m.fill(fmt.Sprint(item))
			if err != nil {
				return "", err
			}
			values.Add(key, text)
		}
	}
	return values.Encode(), nil
}
