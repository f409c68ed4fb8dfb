// Package installation answers the routes about the manager itself: what it is and whether it works, its settings, maintenance
// mode, the audit log, and the parts of a cluster in the shape of the original.
//
// Handlers decode, call one use case and map its result to the wire in the same file. They decide nothing.
package installation

import (
	"net/http"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/service/people"
	"github.com/reifyhq/reify/internal/service/upkeep"
)

// Info is what the manager says of itself.
type Info struct {
	Version, Commit, Date string
	// Manager is the manager's name.
	Manager string
	// Status returns whether each part of the manager works, by display name.
	Status func() map[string]bool
}

// API serves the routes. It is safe for concurrent use.
type API struct {
	svc    *service.Service
	people *people.Service
	upkeep *upkeep.Service
	info   Info
}

// New returns the handlers over the use cases.
func New(s *service.Service, u *upkeep.Service, info Info) *API {
	return &API{svc: s, people: people.New(s), upkeep: u, info: info}
}

// healthy reports whether every part of the manager works.
func (a *API) healthy() bool {
	for _, ok := range a.info.Status() {
		if !ok {
			return false
		}
	}
	return true
}

// OK answers GET /ok.
func (a *API) OK(w http.ResponseWriter, _ *http.Request, _ *service.Actor) error {
	if !a.healthy() {
		api.WriteJSON(w, http.StatusInternalServerError, "FAIL")
		return nil
	}
	api.WriteJSON(w, http.StatusOK, "OK")
	return nil
}

// Version answers GET /version.
func (a *API) Version(w http.ResponseWriter, _ *http.Request, actor *service.Actor) error {
	if err := actor.Require("version_get"); err != nil {
		return err
	}
	api.WriteJSON(w, http.StatusOK, api.Record{
		{Name: "edition", Value: "community"}, {Name: "version", Value: a.info.Version}, {Name: "build", Value: nil},
		{Name: "date", Value: api.Text(a.info.Date)}, {Name: "commit", Value: api.Text(a.info.Commit)},
		{Name: "distribution", Value: nil}, {Name: "distro_release", Value: nil},
	})
	return nil
}

// Status answers GET /status.
func (a *API) Status(w http.ResponseWriter, _ *http.Request, actor *service.Actor) error {
	if err := actor.Require("status_get"); err != nil {
		return err
	}
	services := map[string]api.Record{}
	for name, ok := range a.info.Status() {
		state := "Active"
		if !ok {
			state = "Inactive"
		}
		services[name] = api.Record{{Name: "status", Value: state}, {Name: "is_remote", Value: false},
			{Name: "extra_info", Value: map[string]any{}}}
	}
	overall := "OK"
	if !a.healthy() {
		overall = "Fail"
	}
	api.WriteJSON(w, http.StatusOK, api.Record{{Name: "status", Value: overall}, {Name: "services", Value: services}})
	return nil
}

// ClusterStatus shows the one node of this installation as the original shows its clusters of managers, databases and
// brokers; with summary only the state is told.
func (a *API) ClusterStatus(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	if err := actor.Require("cluster_status_get"); err != nil {
		return err
	}
	summary, err := api.Flag(r.URL.Query(), "summary")
	if err != nil {
		return err
	}
	overall, status := "OK", http.StatusOK
	if !a.healthy() {
		overall = "Fail"
	}
	services := map[string]api.Record{}
	if summary {
		if overall != "OK" {
			status = http.StatusInternalServerError
		}
	} else {
		for _, name := range []string{"manager", "db", "broker"} {
			node := api.Record{{Name: "status", Value: overall}, {Name: "version", Value: a.info.Version}, {Name: "public_ip", Value: localhost},
				{Name: "private_ip", Value: localhost}, {Name: "services", Value: map[string]any{}}}
			services[name] = api.Record{{Name: "status", Value: overall}, {Name: "is_external", Value: false},
				{Name: "nodes", Value: map[string]api.Record{a.info.Manager: node}}}
		}
	}
	api.WriteJSON(w, status, api.Record{{Name: "status", Value: overall}, {Name: "services", Value: services}})
	return nil
}

// NoItems makes the list handler of a resource of which this manager keeps none yet.
func NoItems(permission string, blank api.Record) api.Handler {
	return func(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
		if err := actor.RequireTenant(permission); err != nil {
			return err
		}
		l, err := api.ParseList(r, api.ListSpec{Blank: blank, Search: "id"})
		if err != nil {
			return err
		}
		return l.Write(w, nil, 0)
	}
}

// BlankLogBundle is a log bundle that knows its fields and nothing else.
var BlankLogBundle = api.Blank("created_at", "id", "visibility", "status", "error", "tenant_name", "created_by", "resource_availability",
	"private_resource")
