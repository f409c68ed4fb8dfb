// Package front is what every request from the network passes before its route: an id, a place in the access log, limits
// that keep one client from taking the manager away from others, and the answers to browsers of other sites.
//
// Limits: a client may send so many requests in a second, and a body must keep coming. An answer that nobody reads is
// given up. A refused sign-in counts as several requests, so that guessing passwords is slow. What these limits are is
// decided when the Front is made and may be changed while it runs. It never looks at bodies, queries or credentials,
// and none of them reach the log.
package front

import (
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/obs"
)

// Limits bound what clients may do.
type Limits struct {
	// Rate is how many requests a client may send in a second, on average; a tenfold may come at once. 0 is no limit.
	Rate int
	// Body is the greatest size of a request's body in bytes; 0 is no limit.
	Body int64
	// Origins are those whose pages may call the API, such as https://console.example; * allows all. None is the default.
	Origins []string
}

// Front is the handler that everything from the network goes through.
type Front struct {
	next    http.Handler
	log     *slog.Logger
	clock   clock.Clock
	limits  atomic.Pointer[Limits]
	clients rates
}

// New returns a front before next.
func New(next http.Handler, l Limits, log *slog.Logger, c clock.Clock) *Front {
	f := &Front{next: next, log: log, clock: c}
	f.SetLimits(l)
	return f
}

// SetLimits changes the limits for the requests to come.
func (f *Front) SetLimits(l Limits) { f.limits.Store(&l) }

// How slow the network of a client may be.
const (
	// bodyGrace is how long a body may take besides what its size takes at the least rate, in bytes per second.
	bodyGrace     = 30 * time.Second
	bodyRate      = 8 << 10
	writePatience = time.Minute
	// guessCost is how many requests a refused sign-in counts for, besides the one it is.
	guessCost = 19
	// longestID bounds the ids that clients give to requests.
	longestID = 128
)

// ServeHTTP passes a request on unless a limit refuses it.
func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begun := f.clock.Now()
	limits := f.limits.Load()
	id := requestID(r)
	r = r.WithContext(obs.WithRequestID(r.Context(), id))
	r.Header.Set(api.RequestIDHeader, id)
	w.Header().Set(api.RequestIDHeader, id)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	out := &answer{ResponseWriter: w, control: http.NewResponseController(w), clock: f.clock}
	// The deadline of the connection's last answer may have passed.
	_ = out.control.SetWriteDeadline(time.Time{})
	client := api.ClientAddress(r)
	defer func() {
		if out.status == http.StatusUnauthorized {
			f.clients.spend(client, limits.Rate, guessCost, begun)
		}
		f.log.InfoContext(r.Context(), "request", "method", r.Method, "path", r.URL.Path, "status", out.status, "bytes", out.bytes,
			"duration", f.clock.Now().Sub(begun).Round(time.Microsecond), "client", client,
			"user", w.Header().Get("X-Cloudify-Audit-Username"), "tenant", w.Header().Get("X-Cloudify-Audit-Tenant"))
	}()
	if wait := f.clients.spend(client, limits.Rate, 1, begun); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
		refuse(out, http.StatusTooManyRequests, fault.TooManyRequests, "too many requests from "+client+"; send fewer, or wait as long as Retry-After says")
		return
	}
	if f.crossOrigin(out, r, limits.Origins) {
		return
	}
	if limits.Body > 0 && r.ContentLength > limits.Body {
		w.Header().Set("Connection", "close")
		refuse(out, http.StatusRequestEntityTooLarge, fault.BadParameters, "the body of the request is larger than "+strconv.FormatInt(limits.Body, 10)+" bytes")
		return
	}
	if r.Body != nil && r.Body != http.NoBody {
		limited := r.Body
		if limits.Body > 0 {
			limited = http.MaxBytesReader(w, r.Body, limits.Body)
		}
		r.Body = &body{ReadCloser: limited, control: out.control, clock: f.clock, begun: begun}
	}
	f.next.ServeHTTP(out, r)
}

// requestID is the id that the client gave, when it is harmless, or a new one.
func requestID(r *http.Request) string {
	id := r.Header.Get(api.RequestIDHeader)
	harmless := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-_.:", c)
	}
	if id != "" && len(id) <= longestID && !strings.ContainsFunc(id, func(c rune) bool { return !harmless(c) }) {
		return id
	}
	return obs.NewRequestID()
}

// refuse answers with an error of our own form.
func refuse(w http.ResponseWriter, status int, code fault.Code, message string) {
	api.WriteJSON(w, status, api.Record{{Name: "message", Value: message}, {Name: "error_code", Value: code}, {Name: "server_traceback", Value: nil}})
}

// allowedHeaders are what pages of other origins may send.
const allowedHeaders = "Authorization, Authentication-Token, Content-Type, Execution-Token, Tenant, X-Request-ID"

// crossOrigin lets pages of allowed origins read answers, and answers their questions beforehand. It reports whether the
// request was such a question.
func (f *Front) crossOrigin(w http.ResponseWriter, r *http.Request, origins []string) bool {
	origin := r.Header.Get("Origin")
	if origin == "" || len(origins) == 0 {
		return false
	}
	h := w.Header()
	h.Add("Vary", "Origin")
	if !slices.Contains(origins, origin) && !slices.Contains(origins, "*") {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", "X-Request-ID, Retry-After, Content-Disposition")
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE")
	h.Set("Access-Control-Allow-Headers", allowedHeaders)
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}

// body is a request's body that has to keep coming: before each read the connection gets the time that what came so far
// is worth. Without a connection of its own (HTTP/2 streams have one, the executor in the process has none) it only reads.
type body struct {
	io.ReadCloser
	control *http.ResponseController
	clock   clock.Clock
	begun   time.Time
	read    int64
	free    bool
}

// Read reads the next part.
func (b *body) Read(p []byte) (int, error) {
	if !b.free {
		patience := bodyGrace + time.Duration(b.read)*time.Second/bodyRate
		// A connection that knows no deadlines is not from the network.
		b.free = b.control.SetReadDeadline(b.begun.Add(patience)) != nil
	}
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	if err == io.EOF && !b.free {
		b.free = true
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// answer counts what is answered and gives up a client that does not take it.
type answer struct {
	http.ResponseWriter
	control *http.ResponseController
	clock   clock.Clock
	status  int
	bytes   int64
}

// WriteHeader remembers the status.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
	a.extend()
	a.ResponseWriter.WriteHeader(status)
}

// Write writes with a deadline of its own: a long answer may take long, but each part of it must be taken.
func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	a.extend()
	n, err := a.ResponseWriter.Write(p)
	a.bytes += int64(n)
	return n, err
}

// extend gives the client time to take the next part. What is not a connection needs no deadline.
func (a *answer) extend() { _ = a.control.SetWriteDeadline(a.clock.Now().Add(writePatience)) }

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
