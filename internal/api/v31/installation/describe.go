package installation

import (
	"time"

	"github.com/reifyhq/reify/internal/api/openapi"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/service/upkeep"
)

// Description says what the routes of this room take and answer.
func Description() openapi.Section {
	activating := openapi.Sample[upkeep.MaintenanceView]()
	activating.State = model.MaintenanceActivating
	return openapi.Section{Rows: rows, Schemas: map[string]openapi.Schema{
		"Setting":     openapi.Derive(settingRecord(openapi.Sample[service.SettingView]()), settingRecord(&service.SettingView{})),
		"Maintenance": openapi.Derive(maintenanceRecord(activating), maintenanceRecord(&upkeep.MaintenanceView{})),
		"AuditRecord": openapi.Derive(auditFields(openapi.Sample[model.AuditRecord]()), auditFields(&model.AuditRecord{})),
		"AuditEntry":  openapi.Type[injected](),
		"Manager":     openapi.Derive(managerRecord(Info{}, time.Time{}), managerRecord(Info{}, time.Unix(0, 0))),
		"Broker":      openapi.Derive(BrokerRecord()),
		"Database":    openapi.Derive(databaseRecord(Info{})),
	}}
}

const (
	auditQueryFields = "creator_name execution_id since before refused:flag"
	license          = "A manager of the original wants a license; this one needs none"
	single           = "A cluster of the original has several; this installation is one node"
)

var rows = []openapi.Row{
	{Route: "GET /ok", Summary: "Say whether the manager works", Status: "200 500", Answer: "text"},
	{Route: "GET /version", Summary: "Get the version of the manager", Permission: "version_get",
		Answer: "{edition version build:any date:any commit:any distribution:any distro_release:any}"},
	{Route: "GET /status", Summary: "Get the state of the manager's parts", Permission: "status_get", Answer: "{status services:object}"},
	{Route: "GET /cluster-status", Summary: "Get the state of the cluster, which is this one node", Permission: "cluster_status_get",
		Query: "summary:flag", Answer: "{status services:object}"},

	{Route: "GET /config", Summary: "List the settings", Permission: "manager_config_get", Query: "scope",
		Answer: "{metadata:object items:[Setting] authorization:object}"},
	{Route: "GET /config/{name}", Summary: "Get a setting", Permission: "manager_config_get", Answer: "Setting", Errors: "409"},
	{Route: "PUT /config/{name}", Summary: "Change a setting", Permission: "manager_config_put", Body: "value!:any force:flag",
		Answer: "Setting"},
	{Route: "GET /maintenance", Summary: "Get the state of maintenance mode", Permission: "maintenance_mode_get", Answer: "Maintenance"},
	{Route: "POST /maintenance/{action}", Summary: "Activate or deactivate maintenance mode", Permission: "maintenance_mode_set",
		Status: "200 304", Answer: "Maintenance"},

	{Route: "GET /audit", Summary: "List the audit log", Permission: "audit_log_view",
		Query:  auditQueryFields + " order_by:texts desc:flag size:int offset:int",
		Answer: "{items:[AuditRecord] metadata:object}", Errors: "422"},
	{Route: "POST /audit", Summary: "Add records of another manager to the audit log", Permission: "audit_log_inject",
		Body: "[AuditEntry]", Status: "204", Errors: "422"},
	{Route: "DELETE /audit", Summary: "Delete old records of the audit log", Permission: "audit_log_truncate",
		Query: "before! creator_name execution_id refused:flag", Answer: "{deleted:int}", Errors: "422"},
	{Route: "GET /audit/stream", Summary: "Follow the audit log", Permission: "audit_log_view", Query: auditQueryFields,
		Answer: "AuditRecord", Errors: "422"},

	{Route: "GET /provider/context", Summary: "Get the context of the provider, which is always the same",
		Permission: "provider_context_get", Answer: "{id name context:object}"},
	{Route: "GET /license", Summary: license, Permission: "license_list", Status: "-", Errors: "404"},
	{Route: "PUT /license", Summary: license, Permission: "license_upload", Status: "-", Errors: "404"},
	{Route: "POST /license", Summary: license, Permission: "license_upload", Status: "-", Errors: "404"},
	{Route: "DELETE /license", Summary: license, Permission: "license_remove", Status: "-", Errors: "404"},
	{Route: "POST /contacts", Summary: "Register with the maker, of whom this manager has none", Permission: "community_contact_create",
		Status: "-", Errors: "404"},
	{Route: "GET /license-check", Summary: "Say that no license is missing", Answer: "text"},
	{Route: "GET /snapshot-status", Summary: "Say whether a snapshot is being restored", Answer: "{status}"},
	{Route: "GET /log-bundles", Summary: "List bundles of logs, of which this manager makes none", Permission: "log_bundle_list",
		Search: "id", Answer: "list Snapshot"},
	{Route: "GET /managers", Summary: "List the managers", Permission: "manager_get", Answer: "list Manager"},
	{Route: "POST /managers", Summary: single, Permission: "manager_manage", Status: "-", Errors: "404"},
	{Route: "PUT /managers/{name}", Summary: single, Permission: "manager_manage", Status: "-", Errors: "404"},
	{Route: "DELETE /managers/{name}", Summary: single, Permission: "manager_manage", Status: "-", Errors: "404"},
	{Route: "GET /brokers", Summary: "List the brokers", Permission: "broker_get", Answer: "list Broker"},
	{Route: "POST /brokers", Summary: single, Permission: "broker_manage", Status: "-", Errors: "404"},
	{Route: "PUT /brokers/{name}", Summary: single, Permission: "broker_manage", Status: "-", Errors: "404"},
	{Route: "DELETE /brokers/{name}", Summary: single, Permission: "broker_manage", Status: "-", Errors: "404"},
	{Route: "GET /db-nodes", Summary: "List the nodes of the database", Permission: "db_nodes_get", Answer: "list Database"},
	{Route: "POST /db-nodes", Summary: "Look again which nodes the database has", Permission: "cluster_node_config_update",
		Body: "action!", Of: "Database", Answer: "list Database"},
}
