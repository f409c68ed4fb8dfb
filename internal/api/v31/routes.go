// Package v31 is the compatible REST API, version 3.1: one file per resource, and in this file the table of routes. Names
// of paths, fields and parameters are the original's (rest-api); what differs is in docs/compat/rest.md.
//
// Handlers decode, call one use case of package service and map its result to the wire in the same file. They decide
// nothing.
package v31

import (
	"net/http"
	"slices"

	"github.com/go-chi/chi/v5"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/service/catalog"
	"github.com/reifyhq/reify/internal/service/contents"
	"github.com/reifyhq/reify/internal/service/custody"
	"github.com/reifyhq/reify/internal/service/group"
	"github.com/reifyhq/reify/internal/service/inventory"
	"github.com/reifyhq/reify/internal/service/people"
	"github.com/reifyhq/reify/internal/service/planning"
	"github.com/reifyhq/reify/internal/service/plugins"
	"github.com/reifyhq/reify/internal/service/relations"
	"github.com/reifyhq/reify/internal/service/safe"
	"github.com/reifyhq/reify/internal/service/schedule"
	"github.com/reifyhq/reify/internal/service/signin"
	"github.com/reifyhq/reify/internal/service/taskgraph"
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
	// SignIn lets people in with accounts that others keep.
	SignIn *signin.Service
}

// API serves the routes.
type API struct {
	door api.Door
	svc  *service.Service
	info Info

	people    *people.Service
	catalog   *catalog.Service
	contents  *contents.Service
	custody   *custody.Service
	plugins   *plugins.Service
	groups    *group.Service
	schedules *schedule.Service
	inventory *inventory.Service
	safe      *safe.Service
	signin    *signin.Service
	relations *relations.Service
	planning  *planning.Service
	graphs    *taskgraph.Service
}

// New returns the API over the use cases.
func New(door api.Door, info Info) *API {
	s := door.Service
	return &API{door: door, svc: s, info: info, people: people.New(s), catalog: catalog.New(s), contents: contents.New(s),
		custody: custody.New(s), plugins: plugins.New(s), groups: group.New(s), schedules: schedule.New(s), inventory: inventory.New(s),
		safe: safe.New(s), signin: info.SignIn, relations: relations.New(s), planning: planning.New(s),
		graphs: taskgraph.New(s)}
}

type route struct {
	method, path string
	handler      api.Handler
	open         bool
}

// routes is the table of everything below /api/v3.1.
func (a *API) routes() []route {
	return slices.Concat(a.coreRoutes(), a.peopleRoutes(), a.catalogRoutes(), a.pluginRoutes(), a.groupRoutes(), a.systemRoutes())
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
		{method: "GET", path: "/users/{name}/why", handler: a.whyUser},
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

		{method: "GET", path: "/secrets/share/export", handler: a.exportSecrets},
		{method: "POST", path: "/secrets/share/import", handler: a.importSecrets},
		{method: "POST", path: "/secrets-key/rotate", handler: a.rotateKey},
		{method: "GET", path: "/secrets-providers", handler: a.listProviders},
		{method: "PUT", path: "/secrets-providers", handler: a.putProvider},
		{method: "GET", path: "/secrets-providers/{name}", handler: a.getProvider},
		{method: "PATCH", path: "/secrets-providers/{name}", handler: a.patchProvider},
		{method: "DELETE", path: "/secrets-providers/{name}", handler: a.deleteProvider},

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
		{method: "POST", path: "/searches/node-types", handler: a.searchNodeTypes},
		{method: "POST", path: "/searches/capabilities", handler: a.searchCapabilities},
		{method: "POST", path: "/searches/scaling-groups", handler: a.searchScalingGroups},

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

		{method: "GET", path: "/plugins-updates", handler: a.listPluginsUpdates},
		{method: "GET", path: "/plugins-updates/{id}", handler: a.getPluginsUpdate},
		{method: "POST", path: "/plugins-updates/{id}/update/{action}", handler: a.runPluginsUpdate},
	}
}

func (a *API) groupRoutes() []route {
	return []route{
		{method: "GET", path: "/deployment-groups", handler: a.listDeploymentGroups},
		{method: "GET", path: "/deployment-groups/{id}", handler: a.getDeploymentGroup},
		{method: "PUT", path: "/deployment-groups/{id}", handler: a.putDeploymentGroup},
		{method: "PATCH", path: "/deployment-groups/{id}", handler: a.patchDeploymentGroup},
		{method: "DELETE", path: "/deployment-groups/{id}", handler: a.deleteDeploymentGroup},

		{method: "GET", path: "/execution-groups", handler: a.listExecutionGroups},
		{method: "POST", path: "/execution-groups", handler: a.startExecutionGroup},
		{method: "GET", path: "/execution-groups/{id}", handler: a.getExecutionGroup},
		{method: "POST", path: "/execution-groups/{id}", handler: a.actOnExecutionGroup},
		{method: "PATCH", path: "/execution-groups/{id}", handler: a.patchExecutionGroup},

		{method: "GET", path: "/execution-schedules", handler: a.listSchedules},
		{method: "GET", path: "/execution-schedules/{id}", handler: a.getSchedule},
		{method: "PUT", path: "/execution-schedules/{id}", handler: a.createSchedule},
		{method: "PATCH", path: "/execution-schedules/{id}", handler: a.patchSchedule},
		{method: "DELETE", path: "/execution-schedules/{id}", handler: a.deleteSchedule},
		{method: "GET", path: "/summary/execution_schedules", handler: a.summarized(service.Schedules, "execution_schedules", blankSchedule)},

		{method: "GET", path: "/agents", handler: a.listAgents},
		{method: "PATCH", path: "/agents", handler: a.replaceAgentCerts},
		{method: "GET", path: "/agents/{name}", handler: a.getAgent},
		{method: "PUT", path: "/agents/{name}", handler: a.createAgent},
		{method: "PATCH", path: "/agents/{name}", handler: a.patchAgent},

		{method: "GET", path: "/snapshots", handler: a.listSnapshots},
		{method: "GET", path: "/snapshots/{id}", handler: a.getSnapshot},
		{method: "PUT", path: "/snapshots/{id}", handler: a.createSnapshot},
		{method: "PATCH", path: "/snapshots/{id}", handler: a.patchSnapshot},
		{method: "DELETE", path: "/snapshots/{id}", handler: a.deleteSnapshot},
		{method: "PUT", path: "/snapshots/{id}/archive", handler: a.uploadSnapshot},
		{method: "GET", path: "/snapshots/{id}/archive", handler: a.downloadSnapshot},
		{method: "POST", path: "/snapshots/{id}/restore", handler: a.restoreSnapshot},
	}
}

func (a *API) systemRoutes() []route {
	return []route{
		{method: "GET", path: "/config", handler: a.listSettings},
		{method: "GET", path: "/config/{name}", handler: a.getSetting},
		{method: "PUT", path: "/config/{name}", handler: a.putSetting},
		{method: "GET", path: "/cluster-status", handler: a.clusterStatus},
		{method: "GET", path: "/maintenance", handler: a.getMaintenance},
		{method: "POST", path: "/maintenance/{action}", handler: a.setMaintenance},
		{method: "GET", path: "/audit", handler: a.listAudit},
		{method: "POST", path: "/audit", handler: a.injectAudit},
		{method: "DELETE", path: "/audit", handler: a.deleteAudit},
		{method: "GET", path: "/audit/stream", handler: a.streamAudit},
		{method: "GET", path: "/idp", handler: a.identityProvider},
		{method: "GET", path: "/ldap", handler: a.ldapStatus},
		{method: "POST", path: "/ldap", handler: a.setLDAP},
		{method: "DELETE", path: "/ldap", handler: a.removeLDAP},
		{method: "GET", path: "/sso/oidc/login", handler: a.beginSignIn, open: true},
		{method: "GET", path: "/sso/oidc/callback", handler: a.endSignIn, open: true},
		{method: "GET", path: "/provider/context", handler: require("provider_context_get", providerContext)},
		{method: "GET", path: "/license", handler: require("license_list", noLicense)},
		{method: "PUT", path: "/license", handler: require("license_upload", noLicense)},
		{method: "POST", path: "/license", handler: require("license_upload", noLicense)},
		{method: "DELETE", path: "/license", handler: require("license_remove", noLicense)},
		{method: "POST", path: "/contacts", handler: require("community_contact_create", noRegistration)},
		{method: "GET", path: "/license-check", handler: a.licenseCheck},
		{method: "GET", path: "/snapshot-status", handler: a.snapshotStatus, open: true},
		{method: "GET", path: "/log-bundles", handler: noItems("log_bundle_list", blankSnapshot)},
		{method: "GET", path: "/managers", handler: oneItem("manager_get", a.managerRecord)},
		{method: "POST", path: "/managers", handler: require("manager_manage", noCluster)},
		{method: "PUT", path: "/managers/{name}", handler: require("manager_manage", noCluster)},
		{method: "DELETE", path: "/managers/{name}", handler: require("manager_manage", noCluster)},
		{method: "GET", path: "/brokers", handler: oneItem("broker_get", a.brokerRecord)},
		{method: "POST", path: "/brokers", handler: require("broker_manage", noCluster)},
		{method: "PUT", path: "/brokers/{name}", handler: require("broker_manage", noCluster)},
		{method: "DELETE", path: "/brokers/{name}", handler: require("broker_manage", noCluster)},
		{method: "GET", path: "/db-nodes", handler: oneItem("db_nodes_get", a.databaseRecord)},
		{method: "POST", path: "/db-nodes", handler: a.updateDatabases},
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
		{method: "PATCH", path: "/blueprints/{id}/icon", handler: a.setIcon},

		{method: "GET", path: "/deployments/inter-deployment-dependencies", handler: a.listDependencies},
		{method: "PUT", path: "/deployments/inter-deployment-dependencies", handler: a.createDependency},
		{method: "POST", path: "/deployments/inter-deployment-dependencies", handler: a.restoreDependencies},
		{method: "DELETE", path: "/deployments/inter-deployment-dependencies", handler: a.deleteDependency},
		{method: "PUT", path: "/deployments/{id}/inter-deployment-dependencies", handler: a.replaceDependencies},

		{method: "GET", path: "/deployments", handler: a.listDeployments},
		{method: "GET", path: "/deployments/{id}", handler: a.getDeployment},
		{method: "PUT", path: "/deployments/{id}", handler: a.createDeployment},
		{method: "PATCH", path: "/deployments/{id}", handler: a.patchDeployment},
		{method: "DELETE", path: "/deployments/{id}", handler: a.deleteDeployment},
		{method: "PATCH", path: "/deployments/{id}/set-visibility", handler: a.setDeploymentVisibility},
		{method: "POST", path: "/deployments/{id}/set-site", handler: a.setSite},
		{method: "POST", path: "/deployments/{id}/plan", handler: a.planDeployment},
		{method: "POST", path: "/deployments/{id}/apply", handler: a.applyPlan},
		{method: "GET", path: "/workflows", handler: a.listWorkflows},
		{method: "GET", path: "/deployments/{id}/outputs", handler: a.deploymentOutputs},
		{method: "GET", path: "/deployments/{id}/capabilities", handler: a.deploymentCapabilities},

		{method: "GET", path: "/deployment-modifications", handler: a.listModifications},
		{method: "POST", path: "/deployment-modifications", handler: a.startModification},
		{method: "GET", path: "/deployment-modifications/{id}", handler: a.getModification},
		{method: "POST", path: "/deployment-modifications/{id}/{action}", handler: a.endModification},

		{method: "GET", path: "/deployment-updates", handler: a.listUpdates},
		{method: "POST", path: "/deployment-updates", handler: a.restoreUpdates},
		{method: "GET", path: "/deployment-updates/{id}", handler: a.getUpdate},
		{method: "PUT", path: "/deployment-updates/{id}", handler: a.putUpdate},
		{method: "PATCH", path: "/deployment-updates/{id}", handler: a.patchUpdate},
		{method: "POST", path: "/deployment-updates/{id}/update/{action}", handler: a.runUpdate},

		{method: "GET", path: "/executions", handler: a.listExecutions},
		{method: "POST", path: "/executions", handler: a.startExecution},
		{method: "DELETE", path: "/executions", handler: a.deleteExecutions},
		{method: "GET", path: "/executions/{id}", handler: a.getExecution},
		{method: "POST", path: "/executions/{id}", handler: a.actOnExecution},
		{method: "PATCH", path: "/executions/{id}", handler: a.patchExecution},
		{method: "GET", path: "/executions/{id}/why", handler: a.whyExecution},
		{method: "GET", path: "/tasks_graphs", handler: a.listGraphs},
		{method: "GET", path: "/operations", handler: a.listOperations},
		{method: "POST", path: "/tasks_graphs/{id}", handler: a.createGraph},
		{method: "PATCH", path: "/tasks_graphs/{id}", handler: a.patchGraph},
		{method: "GET", path: "/operations/{id}", handler: a.getOperation},
		{method: "PUT", path: "/operations/{id}", handler: a.createOperation},
		{method: "PATCH", path: "/operations/{id}", handler: a.patchOperation},
		{method: "DELETE", path: "/operations/{id}", handler: a.deleteOperation},

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

// Register adds the routes to a router, below the bases of the versions, and /api/version beside them.
func (a *API) Register(r chi.Router) {
	for _, rt := range a.routes() {
		h := a.door.Authenticated(rt.handler)
		if rt.open {
			h = a.door.Open(rt.handler)
		}
		for _, version := range versions(rt.method, rt.path) {
			r.Method(rt.method, "/api/"+version+rt.path, older(version, rt.path, h))
		}
	}
	r.Method(http.MethodGet, "/api/version", a.door.Authenticated(a.version))
	// Version 1 has events in another form that nothing asks for any more (rest-api, section 17).
	r.HandleFunc("/api/v1/events", a.door.MethodNotAllowed)
}

func param(r *http.Request, name string) string { return chi.URLParam(r, name) }
