package insight

import (
	"github.com/reifyhq/reify/internal/api/openapi"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service/insight"
)

// Description says what the routes of this room take and answer.
func Description() openapi.Section {
	event, log, group := openapi.Sample[model.Event](), openapi.Sample[model.Event](), openapi.Sample[model.Event]()
	event.Kind, log.Kind, event.Group = model.KindEvent, model.KindLog, ""
	return openapi.Section{Rows: rows, Schemas: map[string]openapi.Schema{
		"Event": openapi.Derive(eventRecord(event), eventRecord(log), eventRecord(group),
			eventRecord(&model.Event{Kind: model.KindEvent}), eventRecord(&model.Event{Kind: model.KindLog})),
		"Reason":  openapi.Derive(reasonRecord(*openapi.Sample[insight.Reason]()), reasonRecord(insight.Reason{})),
		"Summary": {"type": "object", "description": "The fields that were counted by, how many there are, and the counts of the second field."},
	}}
}

const counted = "_target_field! _sub_field"

var rows = []openapi.Row{
	{Route: "GET /events", Summary: "List events and logs of executions", Permission: "event_list",
		Query: "type:texts message:texts message.text:texts from to _range:texts node_id:texts", Answer: "list Event"},
	{Route: "POST /events", Summary: "Store events and logs of an execution", Permission: "event_create",
		Body: "events:list logs:list execution_id manager_name agent_name", Status: "201 204", Answer: "any"},
	{Route: "DELETE /events", Summary: "Delete the events of a deployment", Permission: "event_delete", Query: "deployment_id! type!:texts",
		Answer: "{items:list metadata:object}"},
	{Route: "GET /executions/{id}/why", Summary: "Explain what an execution waits for, or why it failed", Permission: "execution_get",
		Answer: "{execution_id workflow_id deployment_id:any status summary reasons:[Reason] next}"},

	{Route: "GET /summary/blueprints", Summary: "Count blueprints", Permission: "blueprint_list", Query: counted, Of: "Blueprint",
		Answer: "list Summary"},
	{Route: "GET /summary/deployments", Summary: "Count deployments", Permission: "deployment_list", Query: counted, Of: "Deployment",
		Answer: "list Summary"},
	{Route: "GET /summary/nodes", Summary: "Count nodes", Permission: "node_list", Query: counted, Of: "Node", Answer: "list Summary"},
	{Route: "GET /summary/node_instances", Summary: "Count node instances", Permission: "node_instance_list", Query: counted,
		Of: "NodeInstance", Answer: "list Summary"},
	{Route: "GET /summary/executions", Summary: "Count executions", Permission: "execution_list", Query: counted, Of: "Execution",
		Answer: "list Summary"},
	{Route: "GET /summary/execution_schedules", Summary: "Count schedules", Permission: "execution_schedule_list", Query: counted,
		Of: "Schedule", Answer: "list Summary"},
	{Route: "GET /labels/{kind}", Summary: "List the keys of labels in use", Permission: "labels_list",
		Query: "_reserved:flag _search _offset _size _get_all_results _all_tenants", Answer: "{items:texts metadata:object}"},
	{Route: "GET /labels/{kind}/{key}", Summary: "List the values of a label in use", Permission: "labels_list",
		Query: "_reserved:flag _search _offset _size _get_all_results _all_tenants", Answer: "{items:texts metadata:object}"},
}
