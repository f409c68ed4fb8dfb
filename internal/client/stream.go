package client

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
)

// Download is a file that is being received. The caller closes Body.
type Download struct {
	// Name is the file name that the manager proposes; it may be empty and is not to be trusted as a path.
	Name string
	// Size is the length in bytes, -1 when the manager did not say.
	Size int64
	Body io.ReadCloser
}

func (c *Client) download(ctx context.Context, r request) (*Download, error) {
	r.method = http.MethodGet
	res, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	d := &Download{Size: res.ContentLength, Body: res.Body}
	if _, params, err := mime.ParseMediaType(res.Header.Get("Content-Disposition")); err == nil {
		d.Name = params["filename"]
	}
	return d, nil
}

// form builds a multipart body of a text part and, when archive is not nil, a file part. The archive is not read here:
// it flows when the request is sent. size is the length of the archive, -1 when unknown.
func form(name string, text []byte, fileName string, archive io.Reader, size int64) (*stream, error) {
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	if err := w.WriteField(name, string(text)); err != nil {
		return nil, err
	}
	s := &stream{contentType: w.FormDataContentType()}
	if archive == nil {
		if err := w.Close(); err != nil {
			return nil, err
		}
		s.body, s.size = &buf, int64(buf.Len())
		return s, nil
	}
	header := textproto.MIMEHeader{}
	header.Set("Content-Disposition", fmt.Sprintf(`form-data; name=%q; filename="filename"`, fileName))
	header.Set("Content-Type", "text/plain")
	if _, err := w.CreatePart(header); err != nil {
		return nil, err
	}
	head := bytes.Clone(buf.Bytes())
	buf.Reset()
	if err := w.Close(); err != nil {
		return nil, err
	}
	tail := bytes.Clone(buf.Bytes())
	s.body, s.size = io.MultiReader(bytes.NewReader(head), archive, bytes.NewReader(tail)), -1
	if size >= 0 {
		s.size = int64(len(head)) + size + int64(len(tail))
	}
	return s, nil
}
