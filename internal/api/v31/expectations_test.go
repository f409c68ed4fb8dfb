package v31

// later are the expectations of plugins, groups, schedules, agents, snapshots, dependencies and plans.
var later = map[string]expectation{
	"PATCH /blueprints/{id}/icon": tenant("blueprint_upload"),
	"DELETE /executions":          tenant("execution_delete").with(`{"keep_last":5}`),
	"POST /searches/node-types":   tenant("node_list").asking("deployment_id=d&_search=x"),
	"POST /searches/capabilities": tenant("deployment_list").asking("deployment_id=d"),
	"POST /searches/scaling-groups": tenant("deployment_list").
		asking("deployment_id=d"),

	"GET /deployments/inter-deployment-dependencies": tenant("inter_deployment_dependency_list"),
	"PUT /deployments/inter-deployment-dependencies": tenant("inter_deployment_dependency_create").
		with(`{"dependency_creator":"c","source_deployment":"d","target_deployment":"e"}`),
	"POST /deployments/inter-deployment-dependencies": tenant("inter_deployment_dependency_create").
		with(`{"source_deployment_id":"d","inter_deployment_dependencies":[]}`),
	"DELETE /deployments/inter-deployment-dependencies": tenant("inter_deployment_dependency_delete").
		with(`{"dependency_creator":"c","source_deployment":"d","target_deployment":"e","is_component_deletion":false}`),
	"PUT /deployments/{id}/inter-deployment-dependencies": tenant("inter_deployment_dependency_create").
		with(`{"inter_deployment_dependencies":[]}`),
	"POST /deployments/{id}/plan":  tenant("execution_start").with(`{"workflow_id":"install"}`),
	"POST /deployments/{id}/apply": tenant("execution_start").with(`{"request":{"deployment_id":"nothing"}}`),
	"POST /deployment-updates":     tenant("deployment_update_create").with(`{"deployment_updates":[]}`),
	"PUT /deployment-updates/{id}": tenant("deployment_update_create").with(`{"deployment_id":"d"}`),

	"POST /plugins": tenant("plugin_upload"), "GET /plugins/{id}": tenant("plugin_get"),
	"POST /plugins/{id}":        tenant("plugin_upload").with(`{"action":"install"}`),
	"PUT /plugins/{id}":         tenant("plugin_upload").with(`{"state":"installed","manager":"m"}`),
	"PATCH /plugins/{id}":       tenant("plugin_upload").with(`{"labels":{}}`),
	"DELETE /plugins/{id}":      tenant("plugin_delete").with(`{"force":false}`),
	"GET /plugins/{id}/archive": tenant("plugin_download"), "GET /plugins/{id}/yaml": tenant("plugin_download"),
	"PATCH /plugins/{id}/set-visibility":         tenant("resource_set_visibility").with(`{"visibility":"tenant"}`),
	"GET /plugins-updates":                       tenant("plugins_update_list"),
	"GET /plugins-updates/{id}":                  tenant("plugins_update_get"),
	"POST /plugins-updates/{id}/update/{action}": tenant("plugins_update_create").doing("initiate").with(`{"all_to_latest":true}`),

	"GET /deployment-groups": tenant("deployment_group_list"), "GET /deployment-groups/{id}": tenant("deployment_group_get"),
	"PUT /deployment-groups/{id}":    tenant("deployment_group_create").with(`{}`),
	"PATCH /deployment-groups/{id}":  tenant("deployment_group_update").with(`{"add":{"deployment_ids":[]}}`),
	"DELETE /deployment-groups/{id}": tenant("deployment_group_delete"),
	"GET /execution-groups":          tenant("execution_group_list"), "GET /execution-groups/{id}": tenant("execution_group_get"),
	"POST /execution-groups":       tenant("execution_group_create").with(`{"deployment_group_id":"g","workflow_id":"install"}`),
	"POST /execution-groups/{id}":  tenant("execution_group_cancel").with(`{"action":"cancel"}`),
	"PATCH /execution-groups/{id}": tenant("execution_group_update").with(`{"concurrency":2}`),

	"GET /execution-schedules":      tenant("execution_schedule_list"),
	"GET /execution-schedules/{id}": tenant("execution_schedule_get").asking("deployment_id=d"),
	"PUT /execution-schedules/{id}": tenant("execution_schedule_create").asking("deployment_id=d").
		with(`{"workflow_id":"install","since":"2030-01-01 00:00:00","recurrence":"1 day"}`),
	"PATCH /execution-schedules/{id}":  tenant("execution_schedule_create").asking("deployment_id=d").with(`{"slip":1}`),
	"DELETE /execution-schedules/{id}": tenant("execution_schedule_create").asking("deployment_id=d"),
	"GET /summary/execution_schedules": tenant("execution_schedule_list").asking("_target_field=visibility"),

	"GET /agents": tenant("agent_list"), "GET /agents/{name}": tenant("agent_get"),
	"PATCH /agents":                      system("agent_replace_certs").with(`{"bundle":false,"manager_ca_cert":"c","broker_ca_cert":"c"}`),
	"PUT /agents/{name}":                 tenant("agent_create").with(`{"node_instance_id":"i","state":"started","create_rabbitmq_user":false}`),
	"PATCH /agents/{name}":               tenant("agent_update").with(`{"state":"started"}`),
	"POST /agents/{name}/install-script": tenant("agent_create").with(`{"node_instance_id":"i"}`),
	"DELETE /agents/{name}/account":      tenant("agent_create"),

	"GET /snapshots/{id}": tenant("snapshot_get"), "PUT /snapshots/{id}": tenant("snapshot_create").with(`{}`),
	"PATCH /snapshots/{id}":  tenant("snapshot_status_update").with(`{"status":"failed"}`),
	"DELETE /snapshots/{id}": tenant("snapshot_delete"), "PUT /snapshots/{id}/archive": tenant("snapshot_upload"),
	"GET /snapshots/{id}/archive":  tenant("snapshot_download"),
	"POST /snapshots/{id}/restore": tenant("snapshot_restore").with(`{"force":false}`),

	"POST /tasks_graphs/{id}":  tenant("operations").with(`{"execution_id":"x","name":"n","operations":[]}`),
	"PATCH /tasks_graphs/{id}": tenant("operations").with(`{}`),
	"PUT /operations/{id}":     tenant("operations").with(`{"graph_id":"g","name":"n","type":"t","dependencies":[],"parameters":{}}`),
	"PATCH /operations/{id}":   tenant("operations").with(`{"state":"succeeded"}`),
	"DELETE /operations/{id}":  tenant("operations"),

	"POST /managers": system("manager_manage"), "PUT /managers/{name}": system("manager_manage"), "DELETE /managers/{name}": system("manager_manage"),
	"POST /brokers": system("broker_manage"), "PUT /brokers/{name}": system("broker_manage"), "DELETE /brokers/{name}": system("broker_manage"),
	"POST /db-nodes": system("cluster_node_config_update").with(`{"action":"update"}`),
}
