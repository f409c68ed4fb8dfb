package auth

// permissions is the table of the original: who has a permission (rest-model, section 10). Groups of roles that share
// permissions are named by the initials of the roles.
var permissions = buildPermissions()

type grant struct {
	roles       []string
	permissions []string
}

func buildPermissions() map[string][]string {
	table := map[string][]string{}
	for _, g := range grants {
		for _, p := range g.permissions {
			table[p] = g.roles
		}
	}
	return table
}

var grants = []grant{
	{roles: []string{RoleSysAdmin}, permissions: []string{
		"all_tenants", "create_global_resource", "getting_started", "agent_replace_certs", "cluster_node_config_update",
		"set_execution_group_details", "ldap_set", "maintenance_mode_set", "manager_manage", "monitoring", "broker_manage",
		"broker_credentials", "tenant_list_get_data", "tenant_create", "tenant_delete", "tenant_add_user",
		"tenant_update_user", "tenant_remove_user", "tenant_add_group", "tenant_update_group", "tenant_remove_group",
		"user_get", "user_list", "user_create", "user_delete", "user_update", "user_set_activated", "user_unlock",
		"user_group_get", "user_group_list", "user_group_create", "user_group_delete", "user_group_update",
		"user_group_add_user", "user_group_remove_user", "snapshot_get", "snapshot_list", "snapshot_create",
		"snapshot_delete", "snapshot_upload", "snapshot_download", "snapshot_status_update", "snapshot_restore",
		"resource_set_global", "stage_services_status", "stage_maintenance_mode", "stage_configure",
		"stage_template_management", "stage_install_widgets", "widget_custom_sys_admin", "widget_highAvailability",
		"widget_maintenanceModeButton", "widget_snapshots", "widget_tenants", "widget_userGroups", "widget_userManagement",
		"user_token", "license_upload", "license_remove", "get_password_hash", "set_timestamp", "set_owner",
		"set_execution_details", "audit_log_view", "audit_log_truncate", "audit_log_inject", "set_plugin_update_details",
		"community_contact_create", "manage_others_tokens", "inject_token", "log_bundle_list", "log_bundle_get",
		"log_bundle_create", "log_bundle_delete", "log_bundle_status_update", "log_bundle_download",
		"secrets_provider_credentials",
	}},
	{roles: []string{RoleSysAdmin, RoleManager}, permissions: []string{
		"administrators", "execute_global_workflow", "manager_config_put", "widget_custom_admin",
	}},
	{roles: []string{RoleSysAdmin, RoleManager, RoleUser}, permissions: []string{
		"blueprint_upload", "blueprint_delete", "plugin_upload", "plugin_delete", "secret_create", "secret_update",
		"secret_delete", "secret_export", "secret_import", "site_create", "site_update", "site_delete",
		"resource_set_visibility", "widget_blueprintUploadButton", "widget_composerLink", "widget_cloudButton",
		"widget_pluginsCatalog", "widget_pluginUploadButton", "widget_serviceButton", "secrets_provider_create",
		"secrets_provider_update", "secrets_provider_delete",
	}},
	{roles: []string{RoleSysAdmin, RoleManager, RoleUser, RoleOperations}, permissions: []string{
		"agent_create", "agent_update", "deployment_create", "deployment_delete", "deployment_update", "deployment_modify",
		"deployment_set_site", "deployment_modification_finish", "deployment_modification_rollback",
		"deployment_update_create", "deployment_update_update", "deployment_group_create", "deployment_group_update",
		"deployment_group_delete", "event_create", "event_delete", "execution_start", "execution_cancel",
		"execution_status_update", "execution_schedule_create", "execution_group_create", "execution_group_cancel",
		"execution_group_update", "functions_evaluate", "node_update", "node_delete", "node_instance_update",
		"node_instance_delete", "plugins_update_create", "tenant_rabbitmq_credentials", "tenant_get",
		"deployment_set_visibility", "inter_deployment_dependency_create", "inter_deployment_dependency_update",
		"inter_deployment_dependency_delete", "filter_create", "filter_update", "filter_delete", "stage_edit_mode",
		"widget_blueprintActionButtons", "widget_deploymentActionButtons", "widget_deploymentButton",
		"widget_environmentButton", "widget_onlyMyResources", "widget_secretProviders", "execution_delete",
	}},
	{roles: []string{RoleSysAdmin, RoleManager, RoleUser, RoleOperations, RoleViewer}, permissions: []string{
		"agent_list", "agent_get", "blueprint_get", "blueprint_download", "blueprint_list", "cluster_status_get",
		"deployment_get", "deployment_list", "deployment_modification_get", "deployment_modification_list",
		"deployment_modification_outputs", "deployment_capabilities", "deployment_update_get", "deployment_update_list",
		"deployment_group_list", "deployment_group_get", "event_list", "execution_get", "execution_list",
		"execution_schedule_get", "execution_schedule_list", "execution_group_list", "execution_group_get",
		"file_server_auth", "manager_get", "node_list", "node_instance_get", "node_instance_list", "operations",
		"plugin_get", "plugin_list", "plugin_download", "plugins_update_get", "plugins_update_list", "secret_get",
		"secret_list", "site_get", "site_list", "inter_deployment_dependency_get", "inter_deployment_dependency_list",
		"labels_list", "filter_list", "filter_get", "widget_custom_all", "widget_agents", "widget_blueprintCatalog",
		"widget_blueprintInfo", "widget_blueprints", "widget_blueprintSources", "widget_blueprintNum", "widget_buttonLink",
		"widget_cloudNum", "widget_deploymentInfo", "widget_deploymentNum", "widget_deployments", "widget_deploymentsView",
		"widget_events", "widget_eventsFilter", "widget_executionLogs", "widget_executionNum", "widget_executions",
		"widget_executionsStatus", "widget_filter", "widget_filters", "widget_inputs", "widget_labels", "widget_nodes",
		"widget_nodesComputeNum", "widget_nodesStats", "widget_outputs", "widget_plugins", "widget_pluginsNum",
		"widget_secrets", "widget_serversNum", "widget_sites", "widget_sitesMap", "widget_text", "widget_tokens",
		"widget_topology", "execution_should_start", "secrets_provider_list", "secrets_provider_get",
	}},
	{roles: []string{RoleSysAdmin, RoleManager, RoleUser, RoleViewer, RoleDefault}, permissions: []string{
		"create_token", "delete_token", "list_token",
	}},
	{roles: []string{RoleSysAdmin, RoleManager, RoleUser, RoleOperations, RoleViewer, RoleDefault}, permissions: []string{
		"ldap_status_get", "maintenance_mode_get", "manager_config_get", "broker_get", "db_nodes_get",
		"provider_context_get", "provider_context_create", "status_get", "tenant_list", "token_get", "user_get_self",
		"version_get", "license_list", "identity_provider_get",
	}},
}
