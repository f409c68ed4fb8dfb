package cfy

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"

	"github.com/reifyhq/reify/internal/tools/conform/target"
)

// answer is what the manager sent.
type answer struct {
	status int
	data   []byte
	body   any
}

// replay prepares and sends a request, and says what is wrong with the answer.
func (w *world) replay(ctx context.Context, c *command, q *request) (err error) {
	w.alias = w.shared(q)
	after, err := w.prepare(ctx, q)
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	if after != nil {
		defer func() { err = errors.Join(err, after()) }()
	}
	a, err := w.send(ctx, q)
	if err != nil {
		return err
	}
	want := q.Status
	if isRefused(q) {
		want = http.StatusNotFound
	}
	if a.status != want {
		return fmt.Errorf("status %d, want %d: %s", a.status, want, excerpt(a.data))
	}
	if isRefused(q) {
		return nil
	}
	for _, need := range c.Needed[q.Route] {
		if !has(a.body, strings.Split(need.Field, ".")) {
			return fmt.Errorf("the answer lacks %s: %s", need.Field, excerpt(a.data))
		}
	}
	return nil
}

// has reports whether a value holds a field; numbers in the path select an item of a list.
func has(v any, path []string) bool {
	if len(path) == 0 {
		return true
	}
	switch v := v.(type) {
	case map[string]any:
		next, ok := v[path[0]]
		return ok && has(next, path[1:])
	case []any:
		i, err := strconv.Atoi(path[0])
		return err == nil && i < len(v) && has(v[i], path[1:])
	}
	return false
}

func excerpt(data []byte) string {
	const most = 300
	return strings.TrimSpace(string(data[:min(len(data), most)]))
}

// real is the value in this run of a recorded one.
func (w *world) real(text string) string {
	if id, ok := w.alias[text]; ok {
		return id
	}
	return text
}

func (w *world) realJSON(v any) any {
	switch v := v.(type) {
	case string:
		return w.real(v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = w.realJSON(v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k := range v {
			out[k] = w.realJSON(v[k])
		}
		return out
	}
	return v
}

// send sends a recorded request with the real ids.
func (w *world) send(ctx context.Context, q *request) (*answer, error) {
	payload, contentType, err := w.payload(q)
	if err != nil {
		return nil, err
	}
	segments := strings.Split(q.Path, "/")
	for i := range segments {
		segments[i] = url.PathEscape(w.real(segments[i]))
	}
	query := url.Values{}
	for _, pair := range q.Query {
		query.Add(pair[0], w.real(pair[1]))
	}
	address := w.url + strings.Join(segments, "/")
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, q.Method, address, payload)
	if err != nil {
		return nil, err
	}
	for key, value := range q.Headers {
		switch key {
		case "Authorization", "Content-Length", "Transfer-Encoding", "Content-Type":
		default:
			req.Header.Set(key, value)
		}
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return w.do(req)
}

// payload is the body of a recorded request. Raw streams are sent in chunks, as the recorded client does: their length is
// not told.
func (w *world) payload(q *request) (io.Reader, string, error) {
	switch q.Body.Form {
	case "none":
		return nil, "", nil
	case "json":
		data, err := json.Marshal(w.realJSON(q.Body.JSON))
		return bytes.NewReader(data), "", err
	case "multipart/form-data":
		return w.form(q)
	case "raw stream":
		data, err := hex.DecodeString(q.Body.Head)
		if strings.HasSuffix(q.Path, "/plugins") {
			data, err = w.plugin()
		}
		return io.MultiReader(bytes.NewReader(data)), "", err
	}
	return nil, "", fmt.Errorf("the recording holds a body of the unknown form %q", q.Body.Form)
}

func (w *world) form(q *request) (io.Reader, string, error) {
	var buf bytes.Buffer
	form := multipart.NewWriter(&buf)
	for _, p := range q.Body.Parts {
		header := textproto.MIMEHeader{"Content-Disposition": {fmt.Sprintf("form-data; name=%q", p.Name)}}
		data := []byte(p.Text)
		if p.Filename != nil {
			header.Set("Content-Disposition", fmt.Sprintf("form-data; name=%q; filename=%q", p.Name, *p.Filename))
			var err error
			if data, err = archive(plain); err != nil {
				return nil, "", err
			}
		}
		if p.ContentType != nil {
			header.Set("Content-Type", *p.ContentType)
		}
		part, err := form.CreatePart(header)
		if err != nil {
			return nil, "", err
		}
		if _, err := part.Write(data); err != nil {
			return nil, "", err
		}
	}
	return &buf, form.FormDataContentType(), form.Close()
}

func (w *world) do(req *http.Request) (*answer, error) {
	req.SetBasicAuth("admin", target.AdminPassword)
	res, err := w.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	a := &answer{status: res.StatusCode}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		return a, nil
	}
	if a.data, err = io.ReadAll(res.Body); err != nil {
		return nil, err
	}
	var syntax *json.SyntaxError
	if err := json.Unmarshal(a.data, &a.body); err != nil && len(a.data) > 0 && !errors.As(err, &syntax) {
		return nil, err
	}
	return a, nil
}
