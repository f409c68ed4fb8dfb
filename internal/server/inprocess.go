package server

import (
	"io"
	"net/http"

	"github.com/reifyhq/reify/internal/agent"
	"github.com/reifyhq/reify/internal/agent/remote"
	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
)

// inside lets the executor beside the manager reach it.
type inside struct{ c *client.Client }

func insideOf(handler http.Handler) (inside, error) {
	c, err := client.New(client.Config{URL: "http://manager.invalid", Transport: inProcess{handler}})
	return inside{c}, err
}

// client returns the manager's API as seen with the token of a task's execution, or of a hook's own.
func (i inside) client(m *operation.Message) *client.Client {
	if m.Context.Type == operation.TypeHook {
		return i.c.AsUser(m.Context.Tenant.Name, m.Context.RestToken)
	}
	return i.c.As(model.TenantName(m.Context.Tenant.Name), m.Context.ExecutionToken)
}

// manager is client in the form that agents want.
func (i inside) manager(m *operation.Message) agent.Manager { return remote.New(i.client(m)) }

// inProcess carries requests of the executor beside the manager straight to the handler: the same routes, credentials
// and checks as over the network, without a socket.
type inProcess struct{ handler http.Handler }

// RoundTrip serves the request in a goroutine of its own that ends when the body of the answer is closed or read whole.
func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	reader, writer := io.Pipe()
	w := &pipeResponse{header: http.Header{}, body: writer, ready: make(chan struct{})}
	in := r.Clone(r.Context())
	if in.Body == nil {
		in.Body = http.NoBody
	}
	in.RequestURI = r.URL.RequestURI()
	go func() {
		t.handler.ServeHTTP(w, in)
		w.WriteHeader(http.StatusOK)
		// Closing a pipe cannot fail.
		_ = writer.Close()
		_ = in.Body.Close()
	}()
	select {
	case <-w.ready:
	case <-r.Context().Done():
		_ = reader.CloseWithError(r.Context().Err())
		return nil, r.Context().Err()
	}
	return &http.Response{
		Status: http.StatusText(w.status), StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.sent, Body: reader, ContentLength: -1, Request: r,
	}, nil
}

// pipeResponse is the http.ResponseWriter of one request.
type pipeResponse struct {
	header, sent http.Header
	status       int
	body         *io.PipeWriter
	ready        chan struct{}
}

// Header returns the header to be sent.
func (w *pipeResponse) Header() http.Header { return w.header }

func (w *pipeResponse) WriteHeader(status int) {
	if w.status != 0 {
		return
	}
	w.status, w.sent = status, w.header.Clone()
	close(w.ready)
}

func (w *pipeResponse) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}
