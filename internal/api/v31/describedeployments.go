package v31

import "github.com/reifyhq/reify/internal/api/openapi"

const (
	modification = "DeploymentModification"
	update       = "DeploymentUpdate"
	dependencyOf = "dependency_creator! target_deployment target_deployment_func:any external_source:object external_target:object visibility"
	updateFields = "blueprint_id inputs:object workflow_id reinstall_list:list preview:flag force:flag runtime_only_evaluation:flag " +
		"auto_correct_types:flag reevaluate_active_statuses:flag install_first:flag update_plugins:flag ignore_failure:flag " +
		"skip_reinstall:flag skip_uninstall:flag skip_install:flag skip_drift_check:flag force_reinstall:flag skip_heal:flag"
	givenFields = "id state blueprint_id new_blueprint_id old_blueprint_id execution_id visibility inputs:object new_inputs:object " +
		"old_inputs:object deployment_plan:any deployment_update_nodes:any modified_entity_ids:any central_plugins_to_install:any " +
		"central_plugins_to_uninstall:any labels_to_create:any runtime_only_evaluation:flag steps:list created_at deployment_id!"
	related = "_filter_id _group_id _search_name _dependencies_of _environments_only:flag"
	inside  = "deployment_id blueprint_id _search _include _offset _size _get_all_results:flag"
)

var deploymentRows = []openapi.Row{
	{Route: "GET /deployments", Summary: "List deployments", Permission: "deployment_list", Query: related, Search: "id",
		Filters: "deployment_group_id", Answer: "list Deployment"},
	{Route: "POST /searches/deployments", Summary: "Search deployments", Permission: "deployment_list", Query: related, Search: "id",
		Filters: "deployment_group_id", Body: searchBody, Answer: "list Deployment"},
	{Route: "GET /deployments/{id}", Summary: "Get a deployment", Permission: "deployment_get", Query: "_include all_sub_deployments:flag",
		Answer: "Deployment"},
	{Route: "PUT /deployments/{id}", Summary: "Create a deployment of a blueprint", Permission: "deployment_create",
		Query: "_include async_create:flag", Status: "201", Answer: "Deployment",
		Body: "blueprint_id! inputs:object visibility display_name site_name labels:labels runtime_only_evaluation:flag " +
			"skip_plugins_validation:flag"},
	{Route: "PATCH /deployments/{id}", Summary: "Change the labels, the display name or the owner of a deployment",
		Permission: "deployment_update", Query: "_include", Body: "labels:labels display_name creator", Answer: "Deployment"},
	{Route: "DELETE /deployments/{id}", Summary: "Delete a deployment", Permission: "deployment_delete",
		Query: "force:flag delete_logs:flag recursive:flag", Status: "204"},
	{Route: "PATCH /deployments/{id}/set-visibility", Summary: "Show a deployment to more people", Permission: "deployment_set_visibility",
		Query: "_include", Body: "visibility!", Answer: "Deployment"},
	{Route: "POST /deployments/{id}/set-site", Summary: "Move a deployment to a site, or away from it", Permission: "deployment_set_site",
		Query: "_include", Body: "site_name detach_site:flag", Answer: "Deployment"},
	{Route: "POST /deployments/{id}/plan", Summary: "Plan what a workflow or an update would do", Permission: "execution_start",
		Body:   "workflow_id parameters:object allow_custom_parameters:flag force:flag update:object",
		Answer: "DeploymentPlan"},
	{Route: "POST /deployments/{id}/apply", Summary: "Start what a plan shows", Permission: "execution_start", Body: "format! manager! " +
		"tenant! created_at! created_by! request!:object steps!:any instances!:any nodes!:any dependents!:any blocked estimate:any " +
		"read!:object signature!",
		Status: "201", Answer: "Execution"},
	{Route: "GET /workflows", Summary: "List the workflows of deployments", Permission: "deployment_list", Query: "_filter_id _group_id",
		Of: "Deployment", Search: "id", Filters: "name plugin operation parameters is_cascading is_available availability_rules",
		Answer: "list Workflow"},
	{Route: "POST /searches/workflows", Summary: "Search the workflows of deployments", Permission: "deployment_list",
		Query: "_filter_id _group_id", Of: "Deployment", Search: "id", Body: searchBody, Answer: "list Workflow",
		Filters: "name plugin operation parameters is_cascading is_available availability_rules"},
	{Route: "GET /deployments/{id}/outputs", Summary: "Evaluate the outputs of a deployment", Permission: "deployment_modification_outputs",
		Answer: "{deployment_id outputs:object}"},
	{Route: "GET /deployments/{id}/capabilities", Summary: "Evaluate the capabilities of a deployment",
		Permission: "deployment_capabilities", Answer: "{deployment_id capabilities:object}"},

	{Route: "GET /deployments/inter-deployment-dependencies", Summary: "List dependencies between deployments",
		Permission: "inter_deployment_dependency_list", Search: "dependency_creator", Answer: "list DeploymentDependency"},
	{Route: "PUT /deployments/inter-deployment-dependencies", Summary: "Create a dependency between deployments",
		Permission: "inter_deployment_dependency_create", Body: dependencyOf + " source_deployment! id", Answer: "DeploymentDependency"},
	{Route: "POST /deployments/inter-deployment-dependencies", Summary: "Restore the dependencies of a deployment",
		Permission: "inter_deployment_dependency_create", Body: "source_deployment_id! inter_deployment_dependencies!:list", Status: "201",
		Answer: "[object]"},
	{Route: "DELETE /deployments/inter-deployment-dependencies", Summary: "Delete a dependency between deployments",
		Permission: "inter_deployment_dependency_delete", Body: dependencyOf + " source_deployment! is_component_deletion!:flag", Status: "204"},
	{Route: "PUT /deployments/{id}/inter-deployment-dependencies", Summary: "Replace the dependencies of a deployment",
		Permission: "inter_deployment_dependency_create", Body: "inter_deployment_dependencies!:list", Answer: "[object]"},

	{Route: "GET /deployment-modifications", Summary: "List deployment modifications", Permission: "deployment_modification_list",
		Search: "id", Answer: "list " + modification},
	{Route: "POST /deployment-modifications", Summary: "Start a deployment modification", Permission: "deployment_modify",
		Query: "_include", Body: "deployment_id! nodes:object context:object", Status: "201", Answer: modification},
	{Route: "GET /deployment-modifications/{id}", Summary: "Get a deployment modification", Permission: "deployment_modification_get",
		Query: "_include", Answer: modification},
	{Route: "POST /deployment-modifications/{id}/{action}", Summary: "Finish a deployment modification or roll it back",
		Permission: "deployment_modification_finish", Query: "_include", Answer: modification},

	{Route: "GET /deployment-updates", Summary: "List deployment updates", Permission: "deployment_update_list", Search: "id",
		Answer: "list " + update},
	{Route: "POST /deployment-updates", Summary: "Restore deployment updates", Permission: "deployment_update_create",
		Body: "deployment_updates:list", Status: "201 204", Answer: "array " + update},
	{Route: "GET /deployment-updates/{id}", Summary: "Get a deployment update", Permission: "deployment_update_get", Query: "_include",
		Answer: update},
	{Route: "PUT /deployment-updates/{id}", Summary: "Store a deployment update as it is given", Permission: "deployment_update_create",
		Query: "_include", Body: givenFields, Answer: update},
	{Route: "PATCH /deployment-updates/{id}", Summary: "Set the state of a deployment update", Permission: "deployment_update_update",
		Query: "_include", Body: "state!", Answer: update},
	{Route: "POST /deployment-updates/{id}/update/{action}", Summary: "Initiate an update of a deployment, or finalize one",
		Permission: "deployment_update_create", Query: "_include", Body: updateFields, IsLenient: true, Answer: update},

	{Route: "GET /nodes", Summary: "List nodes", Permission: "node_list", Query: "_filter_id _evaluate_functions:flag _instance_context",
		Search: "id", Answer: "list Node"},
	{Route: "POST /searches/nodes", Summary: "Search nodes", Permission: "node_list",
		Query: "_filter_id _evaluate_functions:flag _instance_context", Search: "id", Body: searchBody, Answer: "list Node"},
	{Route: "PATCH /nodes/{deployment}/{id}", Summary: "Change a node, which only updates of its deployment may", Permission: "node_update",
		Status: "-"},
	{Route: "DELETE /nodes/{deployment}/{id}", Summary: "Delete a node, which only updates of its deployment may",
		Permission: "node_delete", Status: "-"},
	{Route: "GET /node-instances", Summary: "List node instances", Permission: "node_instance_list", Query: "_filter_id", Search: "id",
		Answer: "list NodeInstance"},
	{Route: "POST /searches/node-instances", Summary: "Search node instances", Permission: "node_instance_list", Query: "_filter_id",
		Search: "id", Body: searchBody, Answer: "list NodeInstance"},
	{Route: "GET /node-instances/{id}", Summary: "Get a node instance", Permission: "node_instance_get",
		Query: "_include _evaluate_functions:flag", Answer: "NodeInstance"},
	{Route: "PATCH /node-instances/{id}", Summary: "Change the state and the properties of a node instance",
		Permission: "node_instance_update", Query: "force:flag", Answer: "NodeInstance",
		Body: "version!:int state:any runtime_properties:object system_properties:object"},

	{Route: "POST /searches/node-types", Summary: "Search the types of a deployment's or blueprint's nodes", Permission: "node_list",
		Query: inside, Body: "constraints:object", Answer: "list InsideItem"},
	{Route: "POST /searches/capabilities", Summary: "Search the capabilities of a deployment", Permission: "deployment_capabilities",
		Query: inside, Body: "constraints:object", Answer: "list InsideItem"},
	{Route: "POST /searches/scaling-groups", Summary: "Search the scaling groups of a deployment or blueprint",
		Permission: "deployment_get", Query: inside, Body: "constraints:object", Answer: "list InsideItem"},
}
