// Package api holds what every HTTP door of the manager shares: authentication, error bodies, records with chosen
// fields, list envelopes and the grammar of list queries (rest-api, section 1).
//
// It renders and decodes; it decides nothing about resources and calls nothing below package service. Handlers return an
// error instead of writing one: this package is the only place that turns a fault into a status and a body.
package api

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/service/upkeep"
)

// Handler answers one request for an authenticated actor. A returned error is rendered; nothing may have been written
// before it.
type Handler func(w http.ResponseWriter, r *http.Request, a *service.Actor) error

// Door turns Handlers into http.Handlers.
type Door struct {
	Service *service.Service
	// Upkeep keeps the audit log and says what maintenance mode lets pass.
	Upkeep *upkeep.Service
	Log    *slog.Logger
}

// Authenticated wraps a handler: it authenticates the request, adds the audit headers and renders errors.
func (d Door) Authenticated(h Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.guard(w, r, func() error {
			a, err := d.Service.Authenticate(r.Context(), credentials(r))
			if a != nil {
				w.Header().Set(auditMethod, a.Method)
				w.Header().Set("X-Cloudify-Audit-Username", string(a.User.Name))
				if a.Tenant != "" {
					w.Header().Set("X-Cloudify-Audit-Tenant", string(a.Tenant))
				}
			}
			if err != nil {
				return err
			}
			return d.audited(w, r, a, h)
		})
	})
}

// auditMethod is the header that says how the user was authenticated: "None" when nobody was.
const auditMethod = "X-Cloudify-Audit-Auth-Method"

// Open wraps a handler that needs no credentials; its actor is nil.
func (d Door) Open(h Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.guard(w, r, func() error { return h(w, r, nil) })
	})
}

// guard renders the error or the panic of fn.
func (d Door) guard(w http.ResponseWriter, r *http.Request, fn func() error) {
	w.Header().Set(auditMethod, "None")
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if p == http.ErrAbortHandler {
			panic(p)
		}
		d.Log.Error("a request broke an invariant", "method", r.Method, "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
		d.fail(w, r, errors.New("internal error"))
	}()
	if err := fn(); err != nil {
		d.fail(w, r, err)
	}
}

func credentials(r *http.Request) service.Credentials {
	c := service.Credentials{
		ExecutionToken: r.Header.Get("Execution-Token"),
		AuthToken:      r.Header.Get("Authentication-Token"),
		Tenant:         r.Header.Get("Tenant"),
	}
	c.User, c.Password, c.HasBasic = r.BasicAuth()
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		c.Bearer = strings.TrimSpace(token)
	}
	return c
}

// statuses maps codes to HTTP statuses; what is not here is 400 (rest-api, section 1.4).
var statuses = map[fault.Code]int{
	fault.Conflict:                  http.StatusConflict,
	fault.Storage:                   http.StatusConflict,
	fault.NotFound:                  http.StatusNotFound,
	fault.ParentNotFound:            http.StatusNotFound,
	fault.ImportedBlueprintNotFound: http.StatusNotFound,
	fault.Unauthorized:              http.StatusUnauthorized,
	fault.Forbidden:                 http.StatusForbidden,
	fault.ForbiddenWhileCancelling:  http.StatusForbidden,
	fault.UnsupportedContentType:    http.StatusUnsupportedMediaType,
	fault.MethodNotAllowed:          http.StatusMethodNotAllowed,
	fault.BlueprintInUse:            http.StatusMethodNotAllowed,
	fault.PluginInUse:               http.StatusMethodNotAllowed,
	fault.AmbiguousName:             http.StatusConflict,
	fault.OnlyDeploymentUpdate:      http.StatusForbidden,
	fault.MissingPremium:            http.StatusNotFound,
	fault.CommunityOnly:             http.StatusNotFound,
	fault.MaintenanceActive:         http.StatusServiceUnavailable,
	fault.MaintenanceEntering:       http.StatusServiceUnavailable,
	fault.NotRunningLDAP:            http.StatusInternalServerError,
	fault.TooManyRequests:           http.StatusTooManyRequests,
	fault.Internal:                  http.StatusInternalServerError,
}

// Status returns the HTTP status of a code.
func Status(c fault.Code) int {
	if s, ok := statuses[c]; ok {
		return s
	}
	return http.StatusBadRequest
}

type errorBody struct {
	Message string
	Code    fault.Code
	Fields  map[string]any
}

// record is the body in the form of rest-api, section 1.4.
func (b errorBody) record() Record {
	r := Record{{"message", b.Message}, {"error_code", b.Code}, {"server_traceback", nil}}
	for _, key := range slices.Sorted(maps.Keys(b.Fields)) {
		r = append(r, Field{key, b.Fields[key]})
	}
	return r
}

// fail renders an error. What is not a fault is logged under an id and shown only as that id.
func (d Door) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return
	}
	body := errorBody{Code: fault.CodeOf(err), Message: err.Error()}
	var f *fault.Error
	if errors.As(err, &f) {
		body.Message, body.Fields = f.Message, f.Fields
	}
	if body.Code == fault.Internal {
		id := make([]byte, 8)
		rand.Read(id)
		ref := hex.EncodeToString(id)
		d.Log.Error("request failed", "method", r.Method, "path", r.URL.Path, "reference", ref, "error", err)
		body.Message = "Internal error occurred in manager REST server; the manager's log has the details under reference " + ref
	}
	if body.Code == fault.Unauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="Login Required"`)
	}
	WriteJSON(w, Status(body.Code), body.record())
}

// NotFound answers a URL that no route has.
func (d Door) NotFound(w http.ResponseWriter, r *http.Request) {
	w.Header().Set(auditMethod, "None")
	d.fail(w, r, fault.New(fault.NotFound, "The requested URL %s was not found on this manager", r.URL.Path))
}

// MethodNotAllowed answers a method that a route does not have.
func (d Door) MethodNotAllowed(w http.ResponseWriter, r *http.Request) {
	w.Header().Set(auditMethod, "None")
	d.fail(w, r, fault.New(fault.MethodNotAllowed, "The method %s is not allowed for %s", r.Method, r.URL.Path))
}

// WriteJSON answers with a JSON body.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	data, err := model.EncodeJSON(v)
	if err != nil {
		status, data = http.StatusInternalServerError, []byte(`{"message":"the answer cannot be written as JSON","error_code":"internal_server_error","server_traceback":null}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The only failure left is a client that has gone, which nobody can be told about.
	_, _ = w.Write(append(data, '\n'))
}

// maxBody bounds a JSON body in bytes.
const maxBody = 16 << 20

// ReadJSON decodes a JSON object body. The content type must be application/json exactly; with optional an empty body
// gives an empty object (rest-api, section 1.1).
func ReadJSON(w http.ResponseWriter, r *http.Request, optional bool) (Body, error) {
	if ct := r.Header.Get("Content-Type"); ct != "application/json" {
		if optional && r.ContentLength == 0 {
			return Body{}, nil
		}
		return nil, fault.New(fault.UnsupportedContentType, "Content type must be application/json")
	}
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	dec.UseNumber()
	var v any
	err := dec.Decode(&v)
	if optional && err != nil && err.Error() == "EOF" {
		return Body{}, nil
	}
	if err != nil {
		return nil, fault.Wrap(err, fault.BadParameters, "the request body is not valid JSON: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, fault.New(fault.BadParameters, "the request body must be a JSON object but is %s", kindOf(v))
	}
	return m, nil
}
