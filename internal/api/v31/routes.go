// Package v31 is the compatible REST API, version 3.1: one file per resource, and in this file the table of routes. Names
// of paths, fields and parameters are the original's (rest-api); what differs is in docs/compat/rest.md.
//
// Handlers decode, call one use case of package service and map its result to the wire in the same file. They decide
// nothing.
package v31

import (
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/service/catalog"
	"github.com/reifyhq/reify/internal/service/hostagents"
	"github.com/reifyhq/reify/internal/service/people"
	"github.com/reifyhq/reify/internal/service/plugins"
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
	// Agents holds the use cases about the agents of hosts.
	Agents *hostagents.Service
}

// API serves the routes.
type API struct {
	door api.Door
	svc  *service.Service
	info Info

	people  *people.Service
	catalog *catalog.Service
	plugins *plugins.Service
}

// New returns the API over the use cases.
func New(door api.Door, info Info) *API {
	return &API{door: door, svc: door.Service, info: info, people: people.New(door.Service), catalog: catalog.New(door.Service),
		plugins: plugins.New(door.Service)}
}

type route struct {
	method, path string
	handler      api.Handler
	open         bool
}

// routes is the table of everything below /api/v3.1.
func (a *API) routes() []route {
	return slices.Concat(a.coreRoutes(), a.peopleRoutes(), a.catalogRoutes(), a.pluginRoutes(), a.systemRoutes())
}

func (a *API) peopleRoutes() []route {
	return []route{
		{method: "GET", path: "/tenants", handler: a.listTenants},
		{method: "PUT", path: "/tenants/users", handler: a.setMember("username", "tenant_add_user", true, false)},
		{method: "PATCH", path: "/tenants/users", handler: a.setMember("username", "tenant_update_user", false, false)},
		{method: "DELETE", path: "/tenants/users", handler: a.setMember("username", "tenant_remove_user", false, true)},
		{method: "PUT", path: "/tenants/user-groups", handler: a.setMember("group_name", "tenant_add_group", true, false)},
		{method: "PATCH", path: "/tenants/user-groups", handler: a.setMember("group_name", "tenant_update_group", false, false)},
		{method: "DELETE", path: "/tenants/user-groups", handler: a.setMember("group_name", "tenant_remove_group", false, true)},
		{method: "GET", path: "/tenants/{name}", handler: a.getTenant},
		{method: "POST", path: "/tenants/{name}", handler: a.createTenant},
		{method: "DELETE", path: "/tenants/{name}", handler: a.deleteTenant},

		{method: "GET", path: "/users", handler: a.listUsers},
		{method: "PUT", path: "/users", handler: a.createUser},
		{method: "POST", path: "/users/active/{name}", handler: a.setActive},
		{method: "POST", path: "/users/unlock/{name}", handler: a.unlockUser},
		{method: "GET", path: "/users/{name}", handler: a.getUser},
		{method: "POST", path: "/users/{name}", handler: a.updateUser},
		{method: "DELETE", path: "/users/{name}", handler: a.deleteUser},

		{method: "GET", path: "/user-groups", handler: a.listGroups},
		{method: "POST", path: "/user-groups", handler: a.createGroup},
		{method: "PUT", path: "/user-groups/users", handler: a.addToGroup},
		{method: "DELETE", path: "/user-groups/users", handler: a.removeFromGroup},
		{method: "GET", path: "/user-groups/{name}", handler: a.getGroup},
		{method: "POST", path: "/user-groups/{name}", handler: a.updateGroup},
		{method: "DELETE", path: "/user-groups/{name}", handler: a.deleteGroup},

		{method: "GET", path: "/permissions", handler: a.listPermissions},
		{method: "GET", path: "/permissions/{role}", handler: a.listPermissions},
		{method: "PUT", path: "/permissions/{role}/{permission}", handler: a.addPermission},
		{method: "DELETE", path: "/permissions/{role}/{permission}", handler: a.removePermission},
	}
}

func (a *API) catalogRoutes() []route {
	return []route{
		{method: "GET", path: "/secrets", handler: a.listSecrets},
		{method: "GET", path: "/secrets/{key}", handler: a.getSecret},
		{method: "PUT", path: "/secrets/{key}", handler: a.createSecret},
		{method: "PATCH", path: "/secrets/{key}", handler: a.updateSecret},
		{method: "DELETE", path: "/secrets/{key}", handler: a.deleteSecret},
		{method: "PATCH", path: "/secrets/{key}/set-visibility", handler: a.setSecretVisibility},

		{method: "GET", path: "/sites", handler: a.listSites},
		{method: "GET", path: "/sites/{name}", handler: a.getSite},
		{method: "PUT", path: "/sites/{name}", handler: a.createSite},
		{method: "POST", path: "/sites/{name}", handler: a.updateSite},
		{method: "DELETE", path: "/sites/{name}", handler: a.deleteSite},

		{method: "GET", path: "/filters/{kind}", handler: a.listFilters},
		{method: "GET", path: "/filters/{kind}/{id}", handler: a.getFilter},
		{method: "PUT", path: "/filters/{kind}/{id}", handler: a.createFilter},
		{method: "PATCH", path: "/filters/{kind}/{id}", handler: a.updateFilter},
		{method: "DELETE", path: "/filters/{kind}/{id}", handler: a.deleteFilter},
		{method: "GET", path: "/labels/{kind}", handler: a.listLabels},
		{method: "GET", path: "/labels/{kind}/{key}", handler: a.listLabels},

		{method: "POST", path: "/searches/blueprints", handler: a.searched(service.Blueprints, a.listBlueprints)},
		{method: "POST", path: "/searches/deployments", handler: a.searched(service.Deployments, a.listDeployments)},
		{method: "POST", path: "/searches/workflows", handler: a.searched(service.Deployments, a.listWorkflows)},
		{method: "POST", path: "/searches/nodes", handler: a.searched(service.Nodes, a.listNodes)},
		{method: "POST", path: "/searches/node-instances", handler: a.searched(service.NodeInstances, a.listInstances)},
		{method: "POST", path: "/searches/secrets", handler: a.searched(service.Secrets, a.listSecrets)},

		{method: "GET", path: "/summary/blueprints", handler: a.summarized(service.Blueprints, "blueprints",
			blueprintRecord(&model.Blueprint{}, nil))},
		{method: "GET", path: "/summary/deployments", handler: a.summarized(service.Deployments, "deployments", blankDeployment)},
		{method: "GET", path: "/summary/nodes", handler: a.summarized(service.Nodes, "nodes", blankNode)},
		{method: "GET", path: "/summary/node_instances", handler: a.summarized(service.NodeInstances, "node_instances", blankInstance)},
		{method: "GET", path: "/summary/executions", handler: a.summarized(service.Executions, "executions",
			executionRecord(&model.Execution{}, ""))},
	}
}

func (a *API) pluginRoutes() []route {
	return []route{
		{method: "GET", path: "/plugins", handler: a.listPlugins},
		{method: "POST", path: "/plugins", handler: a.uploadPlugin},
		{method: "GET", path: "/plugins/{id}", handler: a.getPlugin},
		{method: "POST", path: "/plugins/{id}", handler: a.actOnPlugin},
		{method: "PUT", path: "/plugins/{id}", handler: a.putPluginState},
		{method: "PATCH", path: "/plugins/{id}", handler: a.patchPlugin},
		{method: "DELETE", path: "/plugins/{id}", handler: a.deletePlugin},
		{method: "GET", path: "/plugins/{id}/archive", handler: a.pluginArchive},
		{method: "GET", path: "/plugins/{id}/yaml", handler: a.pluginYAML},
		{method: "PATCH", path: "/plugins/{id}/set-visibility", handler: a.setPluginVisibility},

		{method: "POST", path: "/agents/{name}/install-script", handler: a.agentScript},
		{method: "DELETE", path: "/agents/{name}/account", handler: a.revokeAgent},

		{method: "GET", path: "/plugins-updates", handler: a.listPluginsUpdates},
		{method: "GET", path: "/plugins-updates/{id}", handler: a.getPluginsUpdate},
		{method: "POST", path: "/plugins-updates/{id}/update/{action}", handler: a.runPluginsUpdate},
	}
}

func (a *API) systemRoutes() []route {
	return []route{
		{method: "GET", path: "/config", handler: a.listSettings},
		{method: "GET", path: "/config/{name}", handler: a.getSetting},
		{method: "PUT", path: "/config/{name}", handler: a.putSetting},
		{method: "GET", path: "/cluster-status", handler: a.clusterStatus},
		{method: "GET", path: "/maintenance", handler: require("maintenance_mode_get", maintenance)},
		{method: "GET", path: "/idp", handler: require("identity_provider_get", identityProvider)},
		{method: "GET", path: "/ldap", handler: require("ldap_status_get", ldapStatus)},
		{method: "GET", path: "/provider/context", handler: require("provider_context_get", providerContext)},
		{method: "GET", path: "/license", handler: require("license_list", noLicense)},
		{method: "GET", path: "/license-check", handler: a.licenseCheck},
		{method: "GET", path: "/snapshot-status", handler: a.snapshotStatus, open: true},
		{method: "GET", path: "/snapshots", handler: noItems("snapshot_list", blankSnapshot)},
		{method: "GET", path: "/log-bundles", handler: noItems("log_bundle_list", blankSnapshot)},
		{method: "GET", path: "/managers", handler: oneItem("manager_get", a.managerRecord)},
		{method: "GET", path: "/brokers", handler: oneItem("broker_get", a.brokerRecord)},
		{method: "GET", path: "/db-nodes", handler: oneItem("db_nodes_get", a.databaseRecord)},
	}
}

func (a *API) coreRoutes() []route {
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
		{method: "PATCH", path: "/blueprints/{id}/set-visibility", handler: a.setBlueprintVisibility},

		{method: "GET", path: "/deployments", handler: a.listDeployments},
		{method: "GET", path: "/deployments/{id}", handler: a.getDeployment},
		{method: "PUT", path: "/deployments/{id}", handler: a.createDeployment},
		{method: "PATCH", path: "/deployments/{id}", handler: a.patchDeployment},
		{method: "DELETE", path: "/deployments/{id}", handler: a.deleteDeployment},
		{method: "PATCH", path: "/deployments/{id}/set-visibility", handler: a.setDeploymentVisibility},
		{method: "POST", path: "/deployments/{id}/set-site", handler: a.setSite},
		{method: "GET", path: "/workflows", handler: a.listWorkflows},
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
		{method: "PATCH", path: "/nodes/{deployment}/{id}", handler: a.changeNode},
		{method: "DELETE", path: "/nodes/{deployment}/{id}", handler: a.changeNode},
		{method: "GET", path: "/node-instances", handler: a.listInstances},
		{method: "GET", path: "/node-instances/{id}", handler: a.getInstance},
		{method: "PATCH", path: "/node-instances/{id}", handler: a.patchInstance},

		{method: "GET", path: "/events", handler: a.listEvents},
		{method: "POST", path: "/events", handler: a.addEvents},
		{method: "DELETE", path: "/events", handler: a.deleteEvents},

		{method: "POST", path: "/evaluate/functions", handler: a.evaluateFunctions},
	}
}

// bases are the versions of the API below which a route answers in the same shape, newest first (rest-api, section 17):
// everything came with v3.1 at the latest.
func bases(path string) []string {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	out := []string{"/api/v3.1"}
	switch first {
	case "version", "provider", "evaluate":
		out = append(out, "/api/v3", "/api/v2.1", "/api/v2", "/api/v1")
	case "blueprints", "executions", "node-instances", "nodes", "deployments", "maintenance", "events", "plugins":
		out = append(out, "/api/v3", "/api/v2.1")
	case "tenants", "user-groups", "users", "user", "secrets", "ldap":
		out = append(out, "/api/v3")
	}
	return out
}

// Register adds the routes to a router, below the bases of the versions, and /api/version beside them.
func (a *API) Register(r chi.Router) {
	for _, rt := range a.routes() {
		h := a.door.Authenticated(rt.handler)
		if rt.open {
			h = a.door.Open(rt.handler)
		}
		for _, base := range bases(rt.path) {
			r.Method(rt.method, base+rt.path, h)
		}
	}
	r.Method(http.MethodGet, "/api/version", a.door.Authenticated(a.version))
}

func param(r *http.Request, name string) string { return chi.URLParam(r, name) }
