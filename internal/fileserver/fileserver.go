// Package fileserver serves the files of blueprints and deployments below /resources (rest-api, section 15): whole files
// with ranges and conditional requests, and JSON indices for directories.
//
// It reads through package service, which decides who may see what; it never touches storage itself and writes nothing.
package fileserver

import (
	"net/http"
	"os"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/service/hostagents"
)

// Register adds the file server's route to a router. Packages opens a package of agents by its file name; they are
// everybody's, because hosts fetch them before they have credentials.
func Register(r chi.Router, door api.Door, packages func(name string) (*os.File, error)) {
	p := door.Open(func(w http.ResponseWriter, r *http.Request, _ *service.Actor) error {
		return servePackage(w, r, packages)
	})
	r.Method(http.MethodGet, hostagents.PackagesPath+"/{name}", p)
	r.Method(http.MethodHead, hostagents.PackagesPath+"/{name}", p)
	h := door.Authenticated(handler{door.Service}.get)
	r.Method(http.MethodGet, "/resources/*", h)
	r.Method(http.MethodHead, "/resources/*", h)
}

type handler struct{ svc *service.Service }

func (h handler) get(w http.ResponseWriter, r *http.Request, a *service.Actor) error {
	key := strings.TrimPrefix(r.URL.Path, "/resources/")
	obj, index, err := h.svc.Resource(r.Context(), a, key)
	if fault.Is(err, fault.BadParameters) {
		return fault.New(fault.NotFound, "Resource not found: %s", key)
	}
	if err != nil {
		return err
	}
	if obj == nil {
		out := make(map[string]string, len(index))
		for name, at := range index {
			out[name] = at.UTC().Format("2006-01-02T15:04:05.999999-07:00")
		}
		api.WriteJSON(w, http.StatusOK, out)
		return nil
	}
	defer obj.Close()
	info := obj.Info()
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", info.ModifiedAt, obj)
	return nil
}

func servePackage(w http.ResponseWriter, r *http.Request, packages func(name string) (*os.File, error)) error {
	f, err := packages(chi.URLParam(r, "name"))
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", info.ModTime(), f)
	return nil
}
