// Package v31 is the compatible REST API, version 3.1: in this file the table of routes, and one file per resource here and in
// the rooms below. Names of paths, fields and parameters are the original's (rest-api); what differs is in
// docs/compat/rest.md.
//
// Handlers decode, call one use case of package service and map its result to the wire in the same file. They decide
// nothing.
package v31

import (
	"net/http"
	"slices"
	"sync"

	"github.com/go-chi/chi/v5"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/api/openapi"
	"github.com/reifyhq/reify/internal/api/v31/catalog"
	"github.com/reifyhq/reify/internal/api/v31/insight"
	"github.com/reifyhq/reify/internal/api/v31/installation"
	"github.com/reifyhq/reify/internal/api/v31/people"
	"github.com/reifyhq/reify/internal/api/v31/search"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/service/contents"
	"github.com/reifyhq/reify/internal/service/custody"
	"github.com/reifyhq/reify/internal/service/group"
	"github.com/reifyhq/reify/internal/service/hostagents"
	"github.com/reifyhq/reify/internal/service/inventory"
	"github.com/reifyhq/reify/internal/service/planning"
	"github.com/reifyhq/reify/internal/service/plugins"
	"github.com/reifyhq/reify/internal/service/relations"
	"github.com/reifyhq/reify/internal/service/revision"
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
	// Agents holds the use cases about the agents of hosts.
	Agents *hostagents.Service
	// SignIn lets people in with accounts that others keep.
	SignIn *signin.Service
}

// API serves the routes.
type API struct {
	door api.Door
	svc  *service.Service
	// document is the description of the API, made when it is asked for.
	document func() (openapi.Document, error)

	// The rooms answer routes of their own.
	people       *people.API
	catalog      *catalog.API
	insight      *insight.API
	installation *installation.API

	lists     *search.Lists
	contents  *contents.Service
	custody   *custody.Service
	plugins   *plugins.Service
	groups    *group.Service
	schedules *schedule.Service
	inventory *inventory.Service
	hosts     *hostagents.Service
	relations *relations.Service
	revision  *revision.Service
	planning  *planning.Service
	graphs    *taskgraph.Service

	// version is that of the manager, and of the agents that it installs.
	version string
}

// New returns the API over the use cases.
func New(door api.Door, info Info) *API {
	s := door.Service
	lists := search.New(s)
	a := &API{door: door, svc: s, people: people.New(s, info.SignIn), lists: lists,
		catalog: catalog.New(s, lists), insight: insight.New(s), revision: revision.New(s), contents: contents.New(s),
		custody: custody.New(s), plugins: plugins.New(s), groups: group.New(s), schedules: schedule.New(s), inventory: inventory.New(s),
		relations: relations.New(s), planning: planning.New(s), graphs: taskgraph.New(s), hosts: info.Agents, version: info.Version,
		installation: installation.New(s, door.Upkeep, installation.Info{Version: info.Version, Commit: info.Commit, Date: info.Date, Manager: info.Manager,
			Status: info.Status})}
	a.document = sync.OnceValues(func() (openapi.Document, error) { return describeRoutes(a.routes()) })
	return a
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
		{method: "GET", path: "/tenants", handler: a.people.ListTenants},
		{method: "PUT", path: "/tenants/users", handler: a.people.SetMember("username", "tenant_add_user", true, false)},
		{method: "PATCH", path: "/tenants/users", handler: a.people.SetMember("username", "tenant_update_user", false, false)},
		{method: "DELETE", path: "/tenants/users", handler: a.people.SetMember("username", "tenant_remove_user", false, true)},
		{method: "PUT", path: "/tenants/user-groups", handler: a.people.SetMember("group_name", "tenant_add_group", true, false)},
		{method: "PATCH", path: "/tenants/user-groups", handler: a.people.SetMember("group_name", "tenant_update_group", false, false)},
		{method: "DELETE", path: "/tenants/user-groups", handler: a.people.SetMember("group_name", "tenant_remove_group", false, true)},
		{method: "GET", path: "/tenants/{name}", handler: a.people.GetTenant},
		{method: "POST", path: "/tenants/{name}", handler: a.people.CreateTenant},
		{method: "DELETE", path: "/tenants/{name}", handler: a.people.DeleteTenant},

		{method: "GET", path: "/users", handler: a.people.ListUsers},
		{method: "PUT", path: "/users", handler: a.people.CreateUser},
		{method: "POST", path: "/users/active/{name}", handler: a.people.SetActive},
		{method: "POST", path: "/users/unlock/{name}", handler: a.people.UnlockUser},
		{method: "GET", path: "/users/{name}/why", handler: a.people.WhyUser},
		{method: "GET", path: "/users/{name}", handler: a.people.GetUser},
		{method: "POST", path: "/users/{name}", handler: a.people.UpdateUser},
		{method: "DELETE", path: "/users/{name}", handler: a.people.DeleteUser},

		{method: "GET", path: "/user-groups", handler: a.people.ListGroups},
		{method: "POST", path: "/user-groups", handler: a.people.CreateGroup},
		{method: "PUT", path: "/user-groups/users", handler: a.people.AddToGroup},
		{method: "DELETE", path: "/user-groups/users", handler: a.people.RemoveFromGroup},
		{method: "GET", path: "/user-groups/{name}", handler: a.people.GetGroup},
		{method: "POST", path: "/user-groups/{name}", handler: a.people.UpdateGroup},
		{method: "DELETE", path: "/user-groups/{name}", handler: a.people.DeleteGroup},

		{method: "GET", path: "/permissions", handler: a.people.ListPermissions},
		{method: "GET", path: "/permissions/{role}", handler: a.people.ListPermissions},
		{method: "PUT", path: "/permissions/{role}/{permission}", handler: a.people.AddPermission},
		{method: "DELETE", path: "/permissions/{role}/{permission}", handler: a.people.RemovePermission},
	}
}

func (a *API) catalogRoutes() []route {
	return []route{
		{method: "GET", path: "/secrets", handler: a.catalog.ListSecrets},
		{method: "GET", path: "/secrets/{key}", handler: a.catalog.GetSecret},
		{method: "PUT", path: "/secrets/{key}", handler: a.catalog.CreateSecret},
		{method: "PATCH", path: "/secrets/{key}", handler: a.catalog.UpdateSecret},
		{method: "DELETE", path: "/secrets/{key}", handler: a.catalog.DeleteSecret},
		{method: "PATCH", path: "/secrets/{key}/set-visibility", handler: a.catalog.SetSecretVisibility},

		{method: "GET", path: "/secrets/share/export", handler: a.catalog.ExportSecrets},
		{method: "POST", path: "/secrets/share/import", handler: a.catalog.ImportSecrets},
		{method: "POST", path: "/secrets-key/rotate", handler: a.catalog.RotateKey},
		{method: "GET", path: "/secrets-providers", handler: a.catalog.ListProviders},
		{method: "PUT", path: "/secrets-providers", handler: a.catalog.PutProvider},
		{method: "GET", path: "/secrets-providers/{name}", handler: a.catalog.GetProvider},
		{method: "PATCH", path: "/secrets-providers/{name}", handler: a.catalog.PatchProvider},
		{method: "DELETE", path: "/secrets-providers/{name}", handler: a.catalog.DeleteProvider},

		{method: "GET", path: "/sites", handler: a.catalog.ListSites},
		{method: "GET", path: "/sites/{name}", handler: a.catalog.GetSite},
		{method: "PUT", path: "/sites/{name}", handler: a.catalog.CreateSite},
		{method: "POST", path: "/sites/{name}", handler: a.catalog.UpdateSite},
		{method: "DELETE", path: "/sites/{name}", handler: a.catalog.DeleteSite},

		{method: "GET", path: "/filters/{kind}", handler: a.catalog.ListFilters},
		{method: "GET", path: "/filters/{kind}/{id}", handler: a.catalog.GetFilter},
		{method: "PUT", path: "/filters/{kind}/{id}", handler: a.catalog.CreateFilter},
		{method: "PATCH", path: "/filters/{kind}/{id}", handler: a.catalog.UpdateFilter},
		{method: "DELETE", path: "/filters/{kind}/{id}", handler: a.catalog.DeleteFilter},
		{method: "GET", path: "/labels/{kind}", handler: a.insight.ListLabels},
		{method: "GET", path: "/labels/{kind}/{key}", handler: a.insight.ListLabels},

		{method: "POST", path: "/searches/blueprints", handler: a.lists.Searched(service.Blueprints, a.listBlueprints)},
		{method: "POST", path: "/searches/deployments", handler: a.lists.Searched(service.Deployments, a.listDeployments)},
		{method: "POST", path: "/searches/workflows", handler: a.lists.Searched(service.Deployments, a.listWorkflows)},
		{method: "POST", path: "/searches/nodes", handler: a.lists.Searched(service.Nodes, a.listNodes)},
		{method: "POST", path: "/searches/node-instances", handler: a.lists.Searched(service.NodeInstances, a.listInstances)},
		{method: "POST", path: "/searches/secrets", handler: a.lists.Searched(service.Secrets, a.catalog.ListSecrets)},
		{method: "POST", path: "/searches/node-types", handler: a.searchNodeTypes},
		{method: "POST", path: "/searches/capabilities", handler: a.searchCapabilities},
		{method: "POST", path: "/searches/scaling-groups", handler: a.searchScalingGroups},

		{method: "GET", path: "/summary/blueprints", handler: a.insight.Summarized(service.Blueprints, "blueprints",
			blueprintRecord(&model.Blueprint{}, nil))},
		{method: "GET", path: "/summary/deployments", handler: a.insight.Summarized(service.Deployments, "deployments", blankDeployment)},
		{method: "GET", path: "/summary/nodes", handler: a.insight.Summarized(service.Nodes, "nodes", blankNode)},
		{method: "GET", path: "/summary/node_instances", handler: a.insight.Summarized(service.NodeInstances, "node_instances", blankInstance)},
		{method: "GET", path: "/summary/executions", handler: a.insight.Summarized(service.Executions, "executions",
			executionRecord(&model.Execution{}, ""), "execution_group_id")},
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
		{method: "GET", path: "/summary/execution_schedules", handler: a.insight.Summarized(service.Schedules, "execution_schedules", blankSchedule)},

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
		{method: "GET", path: "/config", handler: a.installation.ListSettings},
		{method: "GET", path: "/config/{name}", handler: a.installation.GetSetting},
		{method: "PUT", path: "/config/{name}", handler: a.installation.PutSetting},
		{method: "GET", path: "/cluster-status", handler: a.installation.ClusterStatus},
		{method: "GET", path: "/maintenance", handler: a.installation.GetMaintenance},
		{method: "POST", path: "/maintenance/{action}", handler: a.installation.SetMaintenance},
		{method: "GET", path: "/audit", handler: a.installation.ListAudit},
		{method: "POST", path: "/audit", handler: a.installation.InjectAudit},
		{method: "DELETE", path: "/audit", handler: a.installation.DeleteAudit},
		{method: "GET", path: "/audit/stream", handler: a.installation.StreamAudit},
		{method: "GET", path: "/idp", handler: a.people.IdentityProvider},
		{method: "GET", path: "/ldap", handler: a.people.LDAPStatus},
		{method: "POST", path: "/ldap", handler: a.people.SetLDAP},
		{method: "DELETE", path: "/ldap", handler: a.people.RemoveLDAP},
		{method: "GET", path: "/sso/oidc/login", handler: a.people.BeginSignIn, open: true},
		{method: "GET", path: "/sso/oidc/callback", handler: a.people.EndSignIn, open: true},
		{method: "GET", path: "/provider/context", handler: installation.Require("provider_context_get", installation.ProviderContext)},
		{method: "GET", path: "/license", handler: installation.Require("license_list", installation.NoLicense)},
		{method: "PUT", path: "/license", handler: installation.Require("license_upload", installation.NoLicense)},
		{method: "POST", path: "/license", handler: installation.Require("license_upload", installation.NoLicense)},
		{method: "DELETE", path: "/license", handler: installation.Require("license_remove", installation.NoLicense)},
		{method: "POST", path: "/contacts", handler: installation.Require("community_contact_create", installation.NoRegistration)},
		{method: "GET", path: "/license-check", handler: a.installation.LicenseCheck},
		{method: "GET", path: "/snapshot-status", handler: a.installation.SnapshotStatus, open: true},
		{method: "GET", path: "/log-bundles", handler: installation.NoItems("log_bundle_list", installation.BlankLogBundle)},
		{method: "GET", path: "/managers", handler: installation.OneItem("manager_get", a.installation.ManagerRecord)},
		{method: "POST", path: "/managers", handler: installation.Require("manager_manage", installation.NoCluster)},
		{method: "PUT", path: "/managers/{name}", handler: installation.Require("manager_manage", installation.NoCluster)},
		{method: "DELETE", path: "/managers/{name}", handler: installation.Require("manager_manage", installation.NoCluster)},
		{method: "GET", path: "/brokers", handler: installation.OneItem("broker_get", installation.BrokerRecord)},
		{method: "POST", path: "/brokers", handler: installation.Require("broker_manage", installation.NoCluster)},
		{method: "PUT", path: "/brokers/{name}", handler: installation.Require("broker_manage", installation.NoCluster)},
		{method: "DELETE", path: "/brokers/{name}", handler: installation.Require("broker_manage", installation.NoCluster)},
		{method: "GET", path: "/db-nodes", handler: installation.OneItem("db_nodes_get", a.installation.DatabaseRecord)},
		{method: "POST", path: "/db-nodes", handler: a.installation.UpdateDatabases},
	}
}

func (a *API) coreRoutes() []route {
	return []route{
		{method: "GET", path: "/ok", handler: a.installation.OK, open: true},
		{method: "GET", path: "/openapi.json", handler: a.describe, open: true},
		{method: "GET", path: "/version", handler: a.installation.Version},
		{method: "GET", path: "/status", handler: a.installation.Status},
		{method: "GET", path: "/user", handler: a.people.Self},

		{method: "GET", path: "/tokens", handler: a.people.ListTokens},
		{method: "POST", path: "/tokens", handler: a.people.CreateToken},
		{method: "GET", path: "/tokens/{id}", handler: a.people.GetToken},
		{method: "DELETE", path: "/tokens/{id}", handler: a.people.DeleteToken},

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
		{method: "GET", path: "/executions/{id}/why", handler: a.insight.WhyExecution},
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

		{method: "GET", path: "/events", handler: a.insight.ListEvents},
		{method: "POST", path: "/events", handler: a.insight.AddEvents},
		{method: "DELETE", path: "/events", handler: a.insight.DeleteEvents},

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
	r.Method(http.MethodGet, "/api/version", a.door.Authenticated(a.installation.Version))
	// Version 1 has events in another form that nothing asks for any more (rest-api, section 17).
	r.HandleFunc("/api/v1/events", a.door.MethodNotAllowed)
}
