package v31

import "github.com/reifyhq/reify/internal/api/openapi"

const (
	selection  = "deployment_ids:texts filter_id filter_rules:rules deployments_from_group new_deployments:list"
	recurrence = " until slip:int stop_on_fail:flag enabled:flag rrule recurrence weekdays:texts count:int"
)

var executionRows = []openapi.Row{
	{Route: "GET /executions", Summary: "List executions", Permission: "execution_list", Query: "_group_id _include_system_workflows:flag",
		Search: "id", Filters: "execution_group_id", Answer: "list Execution"},
	{Route: "POST /executions", Summary: "Start a workflow of a deployment", Permission: "execution_start", Query: "_include", Status: "201",
		Answer: "StartedExecution",
		Body: "deployment_id! workflow_id! parameters:object allow_custom_parameters:flag force:flag dry_run:flag queue:flag " +
			"wait_after_fail:int scheduled_time"},
	{Route: "DELETE /executions", Summary: "Delete executions that are over", Permission: "execution_delete", Of: "Execution",
		Body: "keep_last:int to_datetime", Answer: "{items:list metadata:object}"},
	{Route: "GET /executions/{id}", Summary: "Get an execution", Permission: "execution_get", Query: "_include", Answer: "Execution"},
	{Route: "POST /executions/{id}", Summary: "Cancel, kill, resume or otherwise act on an execution", Permission: "execution_cancel",
		Query: "_include", Body: "action!", Answer: "Execution"},
	{Route: "PATCH /executions/{id}", Summary: "Set the status of an execution", Permission: "execution_status_update", Query: "_include",
		Body: "status! error", Answer: "Execution"},
	{Route: "GET /tasks_graphs", Summary: "List the graphs of an execution's tasks", Permission: "operations", Query: "execution_id!",
		Answer: "list TasksGraph"},
	{Route: "GET /operations", Summary: "List the tasks of a graph or an execution", Permission: "operations", Query: "skip_internal",
		Filters: "graph_id execution_id", Answer: "list Operation"},
	{Route: "GET /operations/{id}", Summary: "Get a task", Permission: "operations", Answer: "Operation"},
	{Route: "POST /tasks_graphs/{id}", Summary: "Store a graph that a custom workflow owns", Permission: "operations", Status: "201",
		Body: "execution_id! name! operations!:list graph_id", Answer: "TasksGraph"},
	{Route: "PATCH /tasks_graphs/{id}", Summary: "Tell about a graph that a custom workflow owns", Permission: "operations",
		Body: "state", Answer: "TasksGraph"},
	{Route: "PUT /operations/{id}", Summary: "Add a task to a graph that a custom workflow owns", Permission: "operations", Status: "201",
		Body: "name! graph_id! dependencies!:list type! parameters!:object", Answer: "Operation"},
	{Route: "PATCH /operations/{id}", Summary: "Set the state of a task of such a graph", Permission: "operations",
		Body: "state! result:any exception exception_causes:list manager_name agent_name", Answer: "{}"},
	{Route: "DELETE /operations/{id}", Summary: "Remove a task of such a graph", Permission: "operations", Answer: "Operation"},

	{Route: "GET /execution-schedules", Summary: "List schedules of executions", Permission: "execution_schedule_list", Search: "id",
		Answer: "list Schedule"},
	{Route: "GET /execution-schedules/{id}", Summary: "Get a schedule", Permission: "execution_schedule_get",
		Query: "_include deployment_id", Answer: "Schedule"},
	{Route: "PUT /execution-schedules/{id}", Summary: "Create a schedule", Permission: "execution_schedule_create",
		Query: "_include deployment_id!", Status: "201", Answer: "Schedule",
		Body: "workflow_id! since! parameters:object execution_arguments:object" + recurrence},
	{Route: "PATCH /execution-schedules/{id}", Summary: "Change a schedule", Permission: "execution_schedule_create",
		Query: "_include deployment_id", Body: "workflow_id since" + recurrence, Status: "201", Answer: "Schedule"},
	{Route: "DELETE /execution-schedules/{id}", Summary: "Delete a schedule", Permission: "execution_schedule_create",
		Query: "deployment_id", Status: "204"},
}

var groupRows = []openapi.Row{
	{Route: "GET /deployment-groups", Summary: "List groups of deployments", Permission: "deployment_group_list", Search: "id",
		Answer: "list DeploymentGroup"},
	{Route: "GET /deployment-groups/{id}", Summary: "Get a group of deployments", Permission: "deployment_group_get", Query: "_include",
		Answer: "DeploymentGroup"},
	{Route: "PUT /deployment-groups/{id}", Summary: "Create or change a group of deployments", Permission: "deployment_group_create",
		Query: "_include", Body: "visibility description blueprint_id default_inputs:object labels:labels " + selection,
		Answer: "DeploymentGroup"},
	{Route: "PATCH /deployment-groups/{id}", Summary: "Add deployments to a group or remove them", Permission: "deployment_group_update",
		Query: "_include", Body: "add:object remove:object", Answer: "DeploymentGroup"},
	{Route: "DELETE /deployment-groups/{id}", Summary: "Delete a group of deployments", Permission: "deployment_group_delete",
		Query:  "delete_deployments:flag force:flag delete_logs:flag recursive:flag",
		Status: "200 204", Answer: "{execution_group_id}"},
	{Route: "GET /execution-groups", Summary: "List groups of executions", Permission: "execution_group_list", Query: "_get_data",
		Search: "id", Answer: "list ExecutionGroup"},
	{Route: "POST /execution-groups", Summary: "Start a workflow of all deployments of a group", Permission: "execution_group_create",
		Query: "_include", Answer: "ExecutionGroup",
		Body: "deployment_group_id! workflow_id! default_parameters:object parameters:object force:flag concurrency:int"},
	{Route: "GET /execution-groups/{id}", Summary: "Get a group of executions", Permission: "execution_group_get",
		Query: "_include _all_tenants", Answer: "ExecutionGroup"},
	{Route: "POST /execution-groups/{id}", Summary: "Act on all executions of a group", Permission: "execution_group_cancel",
		Query: "_include", Body: "action!", Answer: "ExecutionGroup"},
	{Route: "PATCH /execution-groups/{id}", Summary: "Change how a group of executions runs", Permission: "execution_group_update",
		Query: "_include", Body: "concurrency:int success_group_id failure_group_id", Answer: "ExecutionGroup"},

	{Route: "GET /agents", Summary: "List agents", Permission: "agent_list", Query: "_get_data", Search: "name",
		Filters: "name deployment_id node_id node_ids node_instance_ids install_methods updated_at", Answer: "list AgentItem"},
	{Route: "PATCH /agents", Summary: "Replace certificates of agents, which have none here", Permission: "agent_replace_certs",
		Body: "bundle!:any", Answer: "{number_of_updated_agents:int}"},
	{Route: "GET /agents/{name}", Summary: "Get an agent", Permission: "agent_get", Query: "_include", Answer: "Agent"},
	{Route: "PUT /agents/{name}", Summary: "Register an agent", Permission: "agent_create", Query: "_include", Answer: "MadeAgent",
		Body: "node_instance_id! state! create_rabbitmq_user!:flag ip install_method system version rabbitmq_username rabbitmq_password " +
			"rabbitmq_exchange visibility"},
	{Route: "PATCH /agents/{name}", Summary: "Change the state of an agent", Permission: "agent_update", Query: "_include",
		Body: "state system version", Answer: "Agent"},

	{Route: "GET /snapshots", Summary: "List snapshots", Permission: "snapshot_list", Search: "id", Answer: "list Snapshot"},
	{Route: "GET /snapshots/{id}", Summary: "Get a snapshot", Permission: "snapshot_get", Query: "_include", Answer: "Snapshot"},
	{Route: "PUT /snapshots/{id}", Summary: "Create a snapshot", Permission: "snapshot_create", Status: "-"},
	{Route: "PATCH /snapshots/{id}", Summary: "Set the status of a snapshot", Permission: "snapshot_status_update", Body: "status! error",
		Answer: "any"},
	{Route: "DELETE /snapshots/{id}", Summary: "Delete a snapshot", Permission: "snapshot_delete", Query: "_include", Answer: "Snapshot"},
	{Route: "PUT /snapshots/{id}/archive", Summary: "Upload a snapshot", Permission: "snapshot_upload", Query: "_include snapshot_archive_url",
		Upload: "file", Status: "201", Answer: "Snapshot"},
	{Route: "GET /snapshots/{id}/archive", Summary: "Download a snapshot", Permission: "snapshot_download", Answer: "file"},
	{Route: "POST /snapshots/{id}/restore", Summary: "Restore a snapshot", Permission: "snapshot_restore", Status: "-"},
}
