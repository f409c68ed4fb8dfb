package script

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/reifyhq/reify/internal/model"
)

// maxRequest bounds one request of a script, in bytes.
const maxRequest = 256 << 20

// proxy is the HTTP server by which one operation's scripts reach their ctx (operations, section 5.3). It listens on a
// free loopback port; its path holds a secret, so that other users of the machine cannot speak for the operation.
type proxy struct {
	session *session
	server  *http.Server
	url     string
	done    chan struct{}
}

func (s *session) serve() (*proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for ctx: %w", err)
	}
	secret := "/" + rand.Text()
	p := &proxy{session: s, url: "http://" + listener.Addr().String() + secret, done: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+secret, p.handle(s.answerScript))
	mux.HandleFunc("POST "+secret+"/python", p.handle(s.answerPython))
	p.server = &http.Server{Handler: mux, ReadHeaderTimeout: 30 * time.Second, BaseContext: func(net.Listener) context.Context { return s.ctx }}
	go func() {
		defer close(p.done)
		// Serve always ends with an error, after close with the one that says so.
		_ = p.server.Serve(listener)
	}()
	return p, nil
}

// close waits for the calls that are being answered and ends the server and every connection.
func (p *proxy) close() {
	// Shutdown ends early only when the operation was ended, and then Close does the rest.
	_ = p.server.Shutdown(p.session.ctx)
	_ = p.server.Close()
	<-p.done
	p.session.mu.Lock()
	defer p.session.mu.Unlock()
	p.session.closed = true
}

type response struct {
	Type    string `json:"type"`
	Payload any    `json:"payload"`
}

type failurePayload struct {
	Type      string `json:"type"`
	Message   string `json:"message"`
	Traceback string `json:"traceback"`
}

type stopPayload struct {
	Message string `json:"message"`
}

func (p *proxy) handle(answer func([]byte) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
		if err != nil {
			http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
			return
		}
		data := p.respond(body, answer)
		w.Header().Set("Content-Type", "application/json")
		// A script that went away does not want its answer.
		_, _ = w.Write(data)
	}
}

// respond answers one request, one at a time as the reference does.
func (p *proxy) respond(body []byte, answer func([]byte) (any, error)) []byte {
	p.session.mu.Lock()
	defer p.session.mu.Unlock()
	var value any
	err := runtimeError("the operation has ended")
	if !p.session.closed {
		value, err = answer(body)
	}
	data, encodeErr := model.EncodeJSON(responseFor(value, err))
	if encodeErr != nil {
		data, _ = model.EncodeJSON(responseFor(nil, typeError("%v", encodeErr)))
	}
	return data
}

func responseFor(value any, err error) response {
	var stop *stopped
	switch {
	case err == nil:
		return response{"result", encodable(value)}
	case errors.As(err, &stop):
		return response{"stop_operation", stopPayload{stop.message}}
	}
	f := failurePayload{Type: exceptionType(err), Message: err.Error()}
	f.Traceback = "Traceback (most recent call last):\n" + f.Type + ": " + f.Message + "\n"
	return response{"error", f}
}

// exceptionType is the name of the Python exception for an error.
func exceptionType(err error) string {
	var e *Exception
	var missing *missingResource
	switch {
	case errors.As(err, &e):
		return e.Type
	case errors.As(err, &missing):
		return string(model.ErrorHTTP)
	}
	return "RuntimeError"
}

// answerScript is a request of the ctx command.
func (s *session) answerScript(body []byte) (any, error) {
	var request struct {
		Args []any `json:"args"`
	}
	if err := decodeRequest(body, &request); err != nil {
		return nil, err
	}
	return walk(s.root, request.Args)
}

func decodeRequest(body []byte, v any) error {
	if err := model.DecodeJSON(body, v); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return &Exception{"ValueError", "request is not JSON: " + err.Error()}
		}
		return &Exception{"ValueError", "request: " + err.Error()}
	}
	return nil
}

// hostEnv is the environment of a process that talks to ctx but is not the script.
func (s *session) hostEnv() []string {
	return append(withoutVariable(s.req.Env, urlVariable), urlVariable+"="+s.proxyURL)
}

func withoutVariable(env []string, name string) []string {
	kept := make([]string, 0, len(env)+1)
	for _, entry := range env {
		if !strings.HasPrefix(entry, name+"=") {
			kept = append(kept, entry)
		}
	}
	return kept
}
