package cfy

import (
	"net/http"
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

// otherwise are requests of single command lines whose right answer has another status than the stub's.
var otherwise = map[string]int{
	// No directory answers below the recorded name; internal/e2e signs in with a real one.
	"cfy ldap set -s ldap://h:389 -u u -p p -d example.org: POST /ldap": http.StatusInternalServerError,
	// The original answers with no content, too, unless deployments are deleted with the group; cfy looks at neither.
	"cfy deployments groups delete grp1: DELETE /deployment-groups/{id}": http.StatusNoContent,
}

// missing are requests that the manager cannot answer yet: method and route, for some routes with the command line before
// them. A request on the list that works fails the replay, so that the list only shrinks.
var missing = []string{
	// The manager neither writes nor reads archives of its state; it says so (snapshot_action_error).
	"PUT /snapshots/{id}", "POST /snapshots/{id}/restore",
	// Nothing collects logs yet; the list of bundles is empty.
	"PUT /log-bundles/{id}", "DELETE /log-bundles/{id}", "GET /log-bundles/{id}/archive",
}

func isRefused(q *request) bool { return slices.Contains(refused, q.key()) }

func isMissing(c *command, q *request) bool {
	return slices.Contains(missing, q.key()) || slices.Contains(missing, c.Line+": "+q.key())
}

// wanted is the status of the right answer.
func wanted(c *command, q *request) int {
	if isRefused(q) {
		return http.StatusNotFound
	}
	if status, ok := otherwise[c.Line+": "+q.key()]; ok {
		return status
	}
	return q.Status
}
