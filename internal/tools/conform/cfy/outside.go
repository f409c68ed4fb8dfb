package cfy

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
)

// outside is what the manager asks beyond itself: a vault that accepts everybody, and a place that plugins are fetched from.
type outside struct {
	url    string
	server *http.Server
	done   sync.WaitGroup
	err    error
}

// newOutside listens on a port of this machine until close; plugin makes an archive.
func newOutside(ctx context.Context, plugin func() ([]byte, error)) (*outside, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/auth/token/lookup-self", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"data": {"display_name": "token"}}`)
	})
	mux.HandleFunc("GET /plugin.zip", func(w http.ResponseWriter, _ *http.Request) {
		data, err := plugin()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = w.Write(data)
	})
	o := &outside{url: "http://" + listener.Addr().String(), server: &http.Server{Handler: mux}}
	o.done.Go(func() { o.err = o.server.Serve(listener) })
	return o, nil
}

func (o *outside) close() error {
	err := o.server.Close()
	o.done.Wait()
	if errors.Is(o.err, http.ErrServerClosed) {
		return err
	}
	return errors.Join(err, o.err)
}
