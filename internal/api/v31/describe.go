package v31

import (
	"io"
	"net/http"
	"slices"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/api/openapi"
	"github.com/reifyhq/reify/internal/api/v31/catalog"
	"github.com/reifyhq/reify/internal/api/v31/insight"
	"github.com/reifyhq/reify/internal/api/v31/installation"
	"github.com/reifyhq/reify/internal/api/v31/people"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/service/group"
	"github.com/reifyhq/reify/internal/service/planning"
	"github.com/reifyhq/reify/internal/service/schedule"
)

var about = openapi.Info{Title: "Reify REST API", Version: "3.1", Server: "/api/v3.1",
	Description: "The REST API of the manager, compatible with version 3.1 of that of Cloudify Manager. Requests say who asks by one of the " +
		"security schemes and, for what belongs to a tenant, which one in the header Tenant. Errors have a code in error_code."}

// describe answers the description of the API. It needs no credentials: it says nothing that the documents of the project
// do not say, and generators of clients ask for it without any.
func (a *API) describe(w http.ResponseWriter, _ *http.Request, _ *service.Actor) error {
	doc, err := a.document()
	if err != nil {
		return err
	}
	api.WriteJSON(w, http.StatusOK, doc)
	return nil
}

// describeRoutes makes the description of the whole API.
func describeRoutes(table []route) (openapi.Document, error) {
	var routes []openapi.Route
	for _, rt := range table {
		routes = append(routes, openapi.Route{Method: rt.method, Path: rt.path, IsOpen: rt.open})
	}
	return openapi.Describe(about, routes, people.Description(), catalog.Description(), insight.Description(), installation.Description(),
		openapi.Section{Rows: slices.Concat(coreRows, blueprintRows, deploymentRows, executionRows, groupRows), Schemas: schemas()})
}

// Reference writes the description of the API as a page of Markdown.
func Reference(w io.Writer) error {
	// The table is the same whatever serves it.
	doc, err := describeRoutes((&API{}).routes())
	if err != nil {
		return err
	}
	return openapi.Markdown(w, doc)
}

// schemas are those of what the handlers of this package answer.
func schemas() map[string]openapi.Schema {
	waiting := openapi.Sample[model.Execution]()
	waiting.Status, waiting.Error = model.ExecutionPending, ""
	// Instances are shown in full, as few fields when they are new, and with nothing set.
	changed := openapi.Sample[model.Modification]()
	known := openapi.Sample[model.ModifiedInstance]()
	known.IsNew = false
	in := &changed.Instances
	for _, list := range []*[]model.ModifiedInstance{&in.Added, &in.Extended, &in.Reduced, &in.Removed} {
		*list = append(*list, *known, model.ModifiedInstance{})
	}
	in.Before, in.BeforeRollback = append(in.Before, &model.NodeInstance{}), append(in.BeforeRollback, &model.NodeInstance{})
	updated := openapi.Sample[model.DeploymentUpdate]()
	updated.Instances = in
	recurring := openapi.Sample[schedule.View]()
	recurring.Rule.RRule = ""
	plugin := openapi.Sample[model.Plugin]()
	plugin.Installations = append(plugin.Installations, model.PluginInstallation{})
	view := openapi.Sample[service.DeploymentView]()
	view.Workflows["y"] = model.Workflow{}
	return map[string]openapi.Schema{
		"Execution": openapi.Derive(executionRecord(openapi.Sample[model.Execution](), "x"), executionRecord(waiting, ""),
			executionRecord(&model.Execution{}, "")),
		"Blueprint": openapi.Derive(blueprintRecord(openapi.Sample[model.Blueprint](), openapi.Sample[model.Execution]()),
			blueprintRecord(openapi.Sample[model.Blueprint](), waiting), blueprintRecord(openapi.Sample[model.Blueprint](), &model.Execution{}),
			blueprintRecord(&model.Blueprint{}, nil)),
		"Plugin":                 openapi.Derive(pluginRecord(plugin), pluginRecord(&model.Plugin{})),
		"PluginsUpdate":          openapi.Item(pluginsUpdateRecord),
		"Deployment":             openapi.Derive(deploymentRecord(view), blankDeployment),
		"Workflow":               openapi.Derive(workflowRecords(view)...),
		"DeploymentModification": openapi.Derive(modificationRecord(changed), blankModification),
		"DeploymentUpdate":       openapi.Derive(updateRecord(updated), blankUpdate),
		"DeploymentDependency":   openapi.Item(dependencyRecord),
		"DeploymentPlan":         openapi.Type[planning.Plan](),
		"Node":                   openapi.Derive(nodeRecord(openapi.Sample[service.NodeView]()), blankNode),
		"NodeInstance":           openapi.Item(instanceRecord),
		"TasksGraph":             openapi.Item(func(g *model.Graph) api.Record { return graphRecord(g, model.Resource{}) }),
		"Operation":              openapi.Item(operationRecord),
		"Snapshot":               openapi.Item(snapshotRecord),
		"Agent":                  openapi.Item(agentRecord),
		// An agent that exists is left alone and answered as nulls, and so is an execution that is only scheduled.
		"MadeAgent":        openapi.Derive(agentRecord(openapi.Sample[model.Agent]()), unmade(agentRecord(&model.Agent{}))),
		"StartedExecution": openapi.Derive(executionRecord(openapi.Sample[model.Execution](), "x"), unmade(executionRecord(waiting, ""), "status", "status_display")),
		"AgentItem":        openapi.Item(agentItem(true)),
		"InsideItem":       openapi.Derive(blankContents),
		"DeploymentGroup":  openapi.Derive(deploymentGroupRecord(openapi.Sample[group.View]()), deploymentGroupRecord(&group.View{DeploymentGroup: &model.DeploymentGroup{}})),
		"ExecutionGroup":   openapi.Derive(executionGroupRecord(openapi.Sample[group.Executions]()), executionGroupRecord(&group.Executions{ExecutionGroup: &model.ExecutionGroup{}})),
		"Schedule":         openapi.Derive(scheduleRecord(openapi.Sample[schedule.View]()), scheduleRecord(recurring), blankSchedule),
	}
}

var coreRows = []openapi.Row{
	{Route: "GET /openapi.json", Summary: "Get this description of the API", Answer: "object"},
	{Route: "POST /evaluate/functions", Summary: "Evaluate intrinsic functions in a deployment", Permission: "functions_evaluate",
		Body: "deployment_id! payload!:object context:object", Answer: "{deployment_id payload:object}"},
}

const (
	uploadFields = "visibility async_upload:flag application_file_name blueprint_archive_url labels:labels plugin_mappings:object " +
		"plugin_version_constraints:object"
	uploadQueryFields = "_include visibility async_upload:flag application_file_name blueprint_archive_url labels:texts"
	searchBody        = "filter_rules:rules constraints:object"
)

var blueprintRows = []openapi.Row{
	{Route: "GET /blueprints", Summary: "List blueprints", Permission: "blueprint_list", Query: "_filter_id", Search: "id",
		Answer: "list Blueprint"},
	{Route: "POST /searches/blueprints", Summary: "Search blueprints", Permission: "blueprint_list", Query: "_filter_id", Search: "id",
		Body: searchBody, Answer: "list Blueprint"},
	{Route: "GET /blueprints/{id}", Summary: "Get a blueprint", Permission: "blueprint_get", Query: "_include", Answer: "Blueprint"},
	{Route: "PUT /blueprints/{id}", Summary: "Upload a blueprint", Permission: "blueprint_upload", Query: uploadQueryFields,
		Body: uploadFields, Upload: "blueprint_archive", IsLenient: true, Status: "201", Answer: "Blueprint"},
	{Route: "PUT /blueprints/{id}/validate", Summary: "Validate a blueprint without keeping it", Permission: "blueprint_upload",
		Query: uploadQueryFields, Body: uploadFields, Upload: "blueprint_archive", IsLenient: true, Status: "201", Answer: "Blueprint"},
	{Route: "PATCH /blueprints/{id}", Summary: "Change the labels or the owner of a blueprint", Permission: "blueprint_upload",
		Query: "_include", Body: "labels:labels creator", Answer: "Blueprint"},
	{Route: "DELETE /blueprints/{id}", Summary: "Delete a blueprint", Permission: "blueprint_delete", Query: "force:flag", Status: "204",
		Errors: "405"},
	{Route: "GET /blueprints/{id}/archive", Summary: "Download the archive of a blueprint", Permission: "blueprint_download", Answer: "file"},
	{Route: "PATCH /blueprints/{id}/set-visibility", Summary: "Show a blueprint to more people", Permission: "resource_set_visibility",
		Query: "_include", Body: "visibility!", Answer: "Blueprint"},
	{Route: "PATCH /blueprints/{id}/icon", Summary: "Set the icon of a blueprint, or remove it with an empty body",
		Permission: "blueprint_upload", Query: "_include", Upload: "file", IsLenient: true, Answer: "Blueprint"},

	{Route: "GET /plugins", Summary: "List plugins", Permission: "plugin_list", Search: "package_name", Answer: "list Plugin"},
	{Route: "POST /plugins", Summary: "Upload a plugin, or a bundle of plugins", Permission: "plugin_upload",
		Query:  "_include visibility private_resource:flag id title plugin_archive_url created_by uploaded_at",
		Upload: "file", IsLenient: true, Status: "201", Answer: "Plugin", Errors: "404"},
	{Route: "GET /plugins/{id}", Summary: "Get a plugin", Permission: "plugin_get", Query: "_include", Answer: "Plugin"},
	{Route: "POST /plugins/{id}", Summary: "Install a plugin on managers and agents", Permission: "plugin_upload", Query: "_include",
		Body: "action! managers:texts agents:texts", Answer: "Plugin"},
	{Route: "PUT /plugins/{id}", Summary: "Set the state of a plugin's installation", Permission: "plugin_upload", Query: "_include",
		Body: "state! manager agent error", Answer: "Plugin"},
	{Route: "PATCH /plugins/{id}", Summary: "Change the owner, labels or tags of a plugin", Permission: "plugin_upload",
		Query: "_include", Body: "creator blueprint_labels:object labels:object resource_tags:object", Answer: "Plugin"},
	{Route: "DELETE /plugins/{id}", Summary: "Delete a plugin", Permission: "plugin_delete", Body: "force:flag", IsLenient: true,
		Status: "204", Errors: "405"},
	{Route: "GET /plugins/{id}/archive", Summary: "Download a plugin", Permission: "plugin_download", Query: "full_archive:flag", Answer: "file"},
	{Route: "GET /plugins/{id}/yaml", Summary: "Download the description of a plugin", Permission: "plugin_download", Query: "dsl_version",
		Answer: "file"},
	{Route: "PATCH /plugins/{id}/set-visibility", Summary: "Show a plugin to more people", Permission: "resource_set_visibility",
		Query: "_include", Body: "visibility!", Answer: "Plugin"},
	{Route: "GET /plugins-updates", Summary: "List updates of plugins", Permission: "plugins_update_list", Search: "id",
		Answer: "list PluginsUpdate"},
	{Route: "GET /plugins-updates/{id}", Summary: "Get an update of plugins", Permission: "plugins_update_get", Query: "_include",
		Answer: "PluginsUpdate"},
	{Route: "POST /plugins-updates/{id}/update/{action}", Summary: "Initiate or finalize an update of a blueprint's plugins",
		Permission: "plugins_update_create", Query: "_include", IsLenient: true,
		Body: "plugin_names:texts to_latest:texts to_minor:texts all_to_latest:flag all_to_minor:flag force:flag all_tenants:flag " +
			"mapping:object",
		Answer: "PluginsUpdate"},
}
