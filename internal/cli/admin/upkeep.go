package admin

import (
	"net/url"
	"strconv"
)

var modificationColumns = []string{"id", "deployment_id", "status", "created_at", "ended_at", "context", "modified_nodes"}

// upkeep are verbs of blueprints, deployments, executions, events and nodes that are thin; the others are in package cli.
var upkeep = []verb{
	{"blueprints", "set-visibility BLUEPRINT_ID", "Show a blueprint to more people", []option{needSight}, widen("Blueprint", "blueprints")},
	{"blueprints", "set-global BLUEPRINT_ID", "Show a blueprint to all tenants", nil, globalize("Blueprint", "blueprints")},
	{"blueprints", "set-owner BLUEPRINT_ID", "Give a blueprint to another user", []option{newOwner}, hand("Blueprint", "blueprints")},
	{"blueprints", "set-icon BLUEPRINT_ID", "Set a blueprint's icon, without a file remove it",
		[]option{{name: "icon-path", short: "i", help: "picture in PNG form"}}, func(in input) ([]request, error) {
			r := ask("PATCH", "blueprints", in.args[0], "icon").saying("Icon set: %s", in.args[0])
			if r.File = in.text("icon-path"); r.File == "" {
				r = r.saying("Icon removed: %s", in.args[0])
			}
			return one(r)
		}},
	summary("blueprints", "blueprints"),

	{"deployments", "set-visibility DEPLOYMENT_ID", "Show a deployment to more people", []option{needSight}, widen("Deployment", "deployments")},
	{"deployments", "set-owner DEPLOYMENT_ID", "Give a deployment to another user", []option{newOwner}, hand("Deployment", "deployments")},
	{"deployments", "set-site DEPLOYMENT_ID", "Move a deployment to a site",
		[]option{{name: "site-name", short: "s", help: "the site"}, {name: "detach-site", short: "d", isTrue: true, help: "leave the site"}},
		func(in input) ([]request, error) {
			site, detach := in.text("site-name"), in.is("detach-site")
			if (site == "") != detach {
				return nil, in.sh.Usage("give -s/--site-name or -d/--detach-site, not both")
			}
			r := ask("POST", "deployments", in.args[0], "set-site").sending(body{"detach_site": detach}.with("site_name", site))
			if detach {
				return one(r.saying("Deployment %s is at no site now", in.args[0]))
			}
			return one(r.saying("Deployment %s is at site %s now", in.args[0], site))
		}},
	{"deployments", "status-list", "List deployments with their status", listing("created_at", allTenants), lists("deployments",
		[]string{"deployments"}, "id", "display_name", "deployment_status", "installation_status", "latest_execution_status",
		"sub_services_status", "sub_environments_status", "unavailable_instances", "drifted_instances")},
	summary("deployments", "deployments"),
	{"deployments modifications", "list DEPLOYMENT_ID", "List the modifications of a deployment", listing("created_at"),
		func(in input) ([]request, error) {
			requests, err := lists("modifications", []string{"deployment-modifications"}, modificationColumns...)(in)
			if err == nil {
				requests[0].Query.Set("deployment_id", in.args[0])
			}
			return requests, err
		}},
	{"deployments modifications", "get MODIFICATION_ID", "Show a modification", nil,
		gets("Modification:", "deployment-modifications", modificationColumns...)},
	{"deployments modifications", "rollback MODIFICATION_ID", "Take a modification back", nil, func(in input) ([]request, error) {
		return one(ask("POST", "deployment-modifications", in.args[0], "rollback").saying("Modification rolled back: %s", in.args[0]))
	}},

	{"executions", "delete", "Delete executions that are over, with their events", []option{
		{name: "to", help: "only those from before this instant, such as \"2027-01-31 14:30\""},
		{name: "keep-last", help: "all but this many of the newest"}, allTenants}, deleteExecutions},
	summary("executions", "executions"),
	{"executions graphs", "list EXECUTION_ID", "List the task graphs of an execution", nil, func(in input) ([]request, error) {
		r := ask("GET", "tasks_graphs").showing("task graphs", "id", "name", "execution_id", "created_at")
		r.isList, r.Query = true, url.Values{"execution_id": {in.args[0]}}
		return one(r)
	}},
	{"executions operations", "list [EXECUTION_ID]", "List the operations of an execution or a task graph", []option{
		{name: "graph-id", help: "those of this task graph"}, {name: "state", help: "only those in this state, such as failed"},
		{name: "with-internal", isTrue: true, help: "also those of the engine itself"}}, listOperations},
	{"executions operations", "get OPERATION_ID", "Show an operation", nil, gets("Operation:", "operations", "id", "name", "type", "state",
		"tasks_graph_id", "parameters", "exception", "created_at")},

	{"events", "delete DEPLOYMENT_ID", "Delete the events of a deployment",
		[]option{{name: "include-logs", isTrue: true, help: "its logs, too"}}, func(in input) ([]request, error) {
			r := ask("DELETE", "events").saying("Events deleted: %s", in.args[0])
			r.Query = url.Values{"deployment_id": {in.args[0]}, "type": {"cloudify_event"}}
			if in.is("include-logs") {
				r.Query.Add("type", "cloudify_log")
			}
			return one(r)
		}},
	summary("nodes", "nodes"),
	summary("node-instances", "node_instances"),
}

// summary is the verb that counts the resources of a noun.
func summary(noun, resource string) verb {
	return verb{noun, "summary FIELD [SUB_FIELD]", "Count " + noun + " by a field, and by a second one", []option{allTenants},
		func(in input) ([]request, error) {
			r := ask("GET", "summary", resource).showing(noun, in.args[0], resource)
			r.isList, r.Query = true, url.Values{"_target_field": {in.args[0]}}
			if len(in.args) > 1 {
				r.Query.Set("_sub_field", in.args[1])
				r.columns = append(r.columns, "by "+in.args[1])
			}
			in.always(r.Query)
			return one(r)
		}}
}

func deleteExecutions(in input) ([]request, error) {
	b := body{}.with("to_datetime", in.text("to"))
	if text := in.text("keep-last"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, in.sh.Usage("--keep-last must be a number, not " + strconv.Quote(text))
		}
		b["keep_last"] = n
	}
	if len(b) != 1 {
		return nil, in.sh.Usage("say which: --to INSTANT or --keep-last NUMBER")
	}
	r := ask("DELETE", "executions").sending(b).showing("deleted", "count")
	r.isList, r.Query = true, url.Values{}
	in.always(r.Query)
	return one(r)
}

func listOperations(in input) ([]request, error) {
	q := url.Values{}
	if !in.is("with-internal") {
		q.Set("skip_internal", "true")
	}
	if len(in.args) > 0 {
		q.Set("execution_id", in.args[0])
	}
	if graph := in.text("graph-id"); graph != "" {
		q.Set("graph_id", graph)
	}
	if q.Has("execution_id") == q.Has("graph_id") {
		return nil, in.sh.Usage("give an EXECUTION_ID or --graph-id, not both")
	}
	if state := in.text("state"); state != "" {
		q.Set("state", state)
	}
	r := ask("GET", "operations").showing("operations", "id", "name", "type", "state", "tasks_graph_id", "created_at")
	r.isList, r.Query = true, q
	return one(r)
}
