package v31

import (
	"net/http"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/service"
)

// healthy reports whether every part of the manager works.
func (a *API) healthy() bool {
	for _, ok := range a.info.Status() {
		if !ok {
			return false
		}
	}
	return true
}

func (a *API) ok(w http.ResponseWriter, _ *http.Request, _ *service.Actor) error {
	if !a.healthy() {
		api.WriteJSON(w, http.StatusInternalServerError, "FAIL")
		return nil
	}
	api.WriteJSON(w, http.StatusOK, "OK")
	return nil
}

func (a *API) version(w http.ResponseWriter, _ *http.Request, actor *service.Actor) error {
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

func (a *API) status(w http.ResponseWriter, _ *http.Request, actor *service.Actor) error {
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

// clusterStatus shows the one node of this installation as the original shows its clusters of managers, databases and
// brokers; with summary only the state is told.
func (a *API) clusterStatus(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
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

// noItems makes the list handler of a resource of which this manager keeps none yet.
func noItems(permission string, blank api.Record) api.Handler {
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

var blankSnapshot = blank("created_at", "id", "visibility", "status", "error", "tenant_name", "created_by", "resource_availability",
	"private_resource")

// blank makes a record that knows its fields and nothing else.
func blank(names ...string) api.Record {
	r := make(api.Record, len(names))
	for i, n := range names {
		r[i].Name = n
	}
	return r
}
