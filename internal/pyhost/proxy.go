package pyhost

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/script"
)

// maxEvents bounds the body of a request with log lines, in bytes; a larger one is passed on without being read.
const maxEvents = 8 << 20

// Proxy is an HTTP server on the loopback interface through which processes reach the REST API and the file server of
// their manager (operations, section 8.2). It passes requests on as they are, over connections that are kept, and takes
// the log lines of operations out for the executor to post. Only requests with the token of somebody who was admitted are
// served. It is safe for concurrent use.
type Proxy struct {
	listener net.Listener
	server   *http.Server
	done     chan struct{}
	next     *httputil.ReverseProxy

	mu     sync.Mutex
	guests map[string][]*guest
}

// guest is a process that may use the proxy.
type guest struct {
	execution model.ExecutionID
	task      model.TaskID
	// emit takes the log lines and events of the task; nil passes them on like every other request.
	emit func(script.Record)
	// intercept may answer a request itself, which it says by true. Nil answers none.
	intercept func(w http.ResponseWriter, r *http.Request) bool
}

func newProxy(upstream *url.URL, transport http.RoundTripper, log *slog.Logger) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open the proxy for Python operations: %w", err)
	}
	p := &Proxy{listener: listener, guests: map[string][]*guest{}, done: make(chan struct{})}
	errorLog := slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	p.next = &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(upstream) },
		Transport: transport, ErrorLog: errorLog,
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			// The client of the package repeats what was answered so, for an hour.
			refuse(w, http.StatusBadGateway, "internal_server_error", fmt.Sprintf("the manager cannot be reached: %v", err))
		},
	}
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, ErrorLog: errorLog}
	go func() {
		defer close(p.done)
		// It ends when close closes the listener.
		_ = p.server.Serve(listener)
	}()
	return p, nil
}

func (p *Proxy) host() string { return "127.0.0.1" }

func (p *Proxy) port() int {
	if a, ok := p.listener.Addr().(*net.TCPAddr); ok {
		return a.Port
	}
	return 0
}

func (p *Proxy) close() error {
	err := p.server.Close()
	<-p.done
	return err
}

// admit lets requests with the token in until leave is called.
func (p *Proxy) admit(token string, g *guest) (leave func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.guests[token] = append(p.guests[token], g)
	return sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		var others []*guest
		for _, other := range p.guests[token] {
			if other != g {
				others = append(others, other)
			}
		}
		if len(others) == 0 {
			delete(p.guests, token)
			return
		}
		p.guests[token] = others
	})
}

func (p *Proxy) of(token string) []*guest {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.guests[token]
}

// ServeHTTP serves one request of an operation.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token := r.Header.Get("Execution-Token")
	if token == "" {
		token = r.Header.Get("Authentication-Token")
	}
	guests := p.of(token)
	if token == "" || len(guests) == 0 {
		refuse(w, http.StatusUnauthorized, "unauthorized_error", "User unauthorized: no operation with this token is running here")
		return
	}
	for _, g := range guests {
		if g.intercept != nil && g.intercept(w, r) {
			return
		}
	}
	if r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, "/api/") && strings.HasSuffix(r.URL.Path, "/events") &&
		takeEvents(r, guests) {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	p.next.ServeHTTP(w, r)
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	// A struct of texts always encodes.
	data, _ := model.EncodeJSON(map[string]any{"message": message, "error_code": code, "server_traceback": nil})
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// Who does not listen any more cannot be told.
	_, _ = w.Write(data)
}

// takeEvents hands the records of a request to the operations that they belong to. It reports false, with the body still to
// be read, when they belong to somebody else.
func takeEvents(r *http.Request, guests []*guest) bool {
	data, ok := reread(r)
	var batch script.Batch
	if !ok || model.DecodeJSON(data, &batch) != nil {
		return false
	}
	var to []*guest
	records := append(batch.Events, batch.Logs...)
	for _, record := range records {
		g := owner(guests, &record, batch.ExecutionID)
		if g == nil {
			return false
		}
		to = append(to, g)
	}
	for i, record := range records {
		to[i].emit(record)
	}
	return true
}

func owner(guests []*guest, record *script.Record, execution model.ExecutionID) *guest {
	for _, g := range guests {
		if g.emit != nil && g.execution == execution && g.task == record.Context.TaskID {
			return g
		}
	}
	return nil
}
