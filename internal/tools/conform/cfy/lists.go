package cfy

import (
	"slices"
	"strings"
)

// key names requests of one kind in the lists: method and route, without the other methods of the route.
func (q *request) key() string {
	route := q.Route
	if _, path, ok := strings.Cut(route, " "); ok {
		route = path
	}
	return q.Method + " " + route
}

// refused are requests that are answered with not found on purpose; docs/compat/rest.md says why. The recording was made
// against a stub that had everything.
var refused = []string{
	// There is one edition, without licenses and without registration.
	"GET /license", "PUT /license", "POST /license", "DELETE /license", "POST /contacts",
	// The installation is one node.
	"DELETE /managers/{x}", "POST /brokers", "PUT /brokers/{x}", "DELETE /brokers/{x}",
	// The original has no setting of the recorded name either.
	"PUT /config/{id}",
}

// missing are requests whose resource the manager does not have yet: method and route, for some routes with the command
// line before them. A request on the list that works fails the replay, so that the list only shrinks.
var missing = []string{
	"GET /agents",
	"GET /audit", "GET /audit/stream", "DELETE /audit",
	"GET /deployment-groups", "GET /deployment-groups/{id}", "PUT /deployment-groups/{id}", "PATCH /deployment-groups/{id}",
	"DELETE /deployment-groups/{id}",
	"GET /execution-groups", "GET /execution-groups/{id}", "PATCH /execution-groups/{id}", "POST /execution-groups",
	"POST /execution-groups/{id}",
	"GET /execution-schedules", "GET /execution-schedules/{id}", "PUT /execution-schedules/{id}", "PATCH /execution-schedules/{id}",
	"DELETE /execution-schedules/{id}", "GET /summary/execution_schedules",
	"POST /ldap",
	"PUT /log-bundles/{id}", "DELETE /log-bundles/{id}", "GET /log-bundles/{id}/archive",
	"POST /maintenance/activate", "POST /maintenance/deactivate",
	"POST /plugins", "GET /plugins/{id}", "POST /plugins/{id}", "PATCH /plugins/{id}", "DELETE /plugins/{id}",
	"GET /plugins/{id}/(archive|yaml)", "PATCH /plugins/{id}/set-visibility",
	"GET /plugins-updates", "GET /plugins-updates/{id}", "POST /plugins-updates/{id}/update/(initiate|finalize)",
	"GET /secrets-providers", "GET /secrets-providers/{id}", "PUT /secrets-providers", "PATCH /secrets-providers/{id}",
	"DELETE /secrets-providers/{id}",
	"GET /secrets/share/export", "POST /secrets/share/import",
	"PUT /snapshots/{id}", "DELETE /snapshots/{id}", "PUT /snapshots/{id}/archive", "GET /snapshots/{id}/archive",
	"POST /snapshots/{id}/restore",

	"cfy agents install --deployment-id dep1: POST /executions",
	"cfy agents install --node-instance-id n1_abc --no-wait: POST /executions",
	"cfy agents install -a --no-wait: POST /executions",
	"cfy agents validate --deployment-id dep1: POST /executions",
	"cfy deployments groups extend grp1 --into-environments env-grp: GET /deployments",
	"cfy executions groups details eg1: GET /summary/executions",
	"cfy executions start install -d dep1 --schedule 203001011000+0000: POST /executions",
	"cfy secrets create k1 -s v1 -p prov1 -o map.json: PUT /secrets/{id}",
}

func isRefused(q *request) bool { return slices.Contains(refused, q.key()) }

func isMissing(c *command, q *request) bool {
	return slices.Contains(missing, q.key()) || slices.Contains(missing, c.Line+": "+q.key())
}
