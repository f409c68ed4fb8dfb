// Package v31 is the compatible REST API, version 3.1: one file per resource, and in this file the table of routes. Names
// of paths, fields and parameters are the original's (rest-api); what differs is in docs/compat/rest.md.
//
// Handlers decode, call one use case of package service and map its result to the wire in the same file. They decide
// nothing.
package v31

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/service"
)

// Info is what the manager says of itself.
type Info struct {
	Version string
	Commit  string
	Date    string
	// Manager is the manager's name.
	Manager string
	// Status returns whether each part of the manager works, by display name.
	Status func() map[string]bool
}

// API serves the routes.
type API struct {
	door api.Door
	svc  *service.Service
	info Info
}

// New returns the API over the use cases.
func New(door api.Door, info Info) *API {
	return &API{door: door, svc: door.Service, info: info}
}

type route struct {
	method, path string
	handler      api.Handler
	open         bool
}

// routes is the table of everything below /api/v3.1.
func (a *API) routes() []route {
	return []route{
		{method: "GET", path: "/ok", handler: a.ok, open: true},
		{method: "GET", path: "/version", handler: a.version},
		{method: "GET", path: "/status", handler: a.status},
		{method: "GET", path: "/user", handler: a.self},

		{method: "GET", path: "/tokens", handler: a.listTokens},
		{method: "POST", path: "/tokens", handler: a.createToken},
		{method: "GET", path: "/tokens/{id}", handler: a.getToken},
		{method: "DELETE", path: "/tokens/{id}", handler: a.deleteToken},

		{method: "GET", path: "/blueprints", handler: a.listBlueprints},
		{method: "GET", path: "/blueprints/{id}", handler: a.getBlueprint},
		{method: "PUT", path: "/blueprints/{id}", handler: a.uploadBlueprint},
		{method: "PUT", path: "/blueprints/{id}/validate", handler: a.validateBlueprint},
		{method: "PATCH", path: "/blueprints/{id}", handler: a.patchBlueprint},
		{method: "DELETE", path: "/blueprints/{id}", handler: a.deleteBlueprint},
		{method: "GET", path: "/blueprints/{id}/archive", handler: a.blueprintArchive},

		{method: "GET", path: "/deployments", handler: a.listDeployments},
		{method: "GET", path: "/deployments/{id}", handler: a.getDeployment},
		{method: "PUT", path: "/deployments/{id}", handler: a.createDeployment},
		{method: "PATCH", path: "/deployments/{id}", handler: a.patchDeployment},
		{method: "DELETE", path: "/deployments/{id}", handler: a.deleteDeployment},
		{method: "GET", path: "/deployments/{id}/outputs", handler: a.deploymentOutputs},
		{method: "GET", path: "/deployments/{id}/capabilities", handler: a.deploymentCapabilities},

		{method: "GET", path: "/deployment-modifications", handler: a.listModifications},
		{method: "POST", path: "/deployment-modifications", handler: a.startModification},
		{method: "GET", path: "/deployment-modifications/{id}", handler: a.getModification},
		{method: "POST", path: "/deployment-modifications/{id}/{action}", handler: a.endModification},

		{method: "GET", path: "/deployment-updates", handler: a.listUpdates},
		{method: "GET", path: "/deployment-updates/{id}", handler: a.getUpdate},
		{method: "PATCH", path: "/deployment-updates/{id}", handler: a.patchUpdate},
		{method: "POST", path: "/deployment-updates/{id}/update/{action}", handler: a.runUpdate},

		{method: "GET", path: "/executions", handler: a.listExecutions},
		{method: "POST", path: "/executions", handler: a.startExecution},
		{method: "GET", path: "/executions/{id}", handler: a.getExecution},
		{method: "POST", path: "/executions/{id}", handler: a.actOnExecution},
		{method: "PATCH", path: "/executions/{id}", handler: a.patchExecution},
		{method: "GET", path: "/executions/{id}/why", handler: a.whyExecution},
		{method: "GET", path: "/tasks_graphs", handler: a.listGraphs},
		{method: "GET", path: "/operations", handler: a.listOperations},
		{method: "GET", path: "/operations/{id}", handler: a.getOperation},

		{method: "GET", path: "/nodes", handler: a.listNodes},
		{method: "GET", path: "/node-instances", handler: a.listInstances},
		{method: "GET", path: "/node-instances/{id}", handler: a.getInstance},
		{method: "PATCH", path: "/node-instances/{id}", handler: a.patchInstance},

		{method: "GET", path: "/events", handler: a.listEvents},
		{method: "POST", path: "/events", handler: a.addEvents},
		{method: "DELETE", path: "/events", handler: a.deleteEvents},

		{method: "GET", path: "/plugins", handler: a.listPlugins},
		{method: "POST", path: "/evaluate/functions", handler: a.evaluateFunctions},
	}
}

// Register adds the routes to a router, below /api/v3.1, and /api/version beside them.
func (a *API) Register(r chi.Router) {
	for _, rt := range a.routes() {
		h := a.door.Authenticated(rt.handler)
		if rt.open {
			h = a.door.Open(rt.handler)
		}
		r.Method(rt.method, "/api/v3.1"+rt.path, h)
	}
	r.Method(http.MethodGet, "/api/version", a.door.Authenticated(a.version))
}

func param(r *http.Request, name string) string { return chi.URLParam(r, name) }
