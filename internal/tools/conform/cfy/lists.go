package cfy

import "slices"

// key names requests of one kind in the lists: method and route.
func (q *request) key() string { return q.Method + " " + q.Route }

// refused are requests that the manager refuses on purpose with a not found of an edition it is not, as the original's
// community edition does; docs/compat/rest.md says why.
var refused = []string{}

// missing are requests whose resource the manager does not have yet. A request on the list that works fails the replay:
// the list may only shrink. An entry is a method and a route, or, where a route has both, a command line.
var missing = []string{}

func isRefused(q *request) bool { return slices.Contains(refused, q.key()) }

func isMissing(c *command, q *request) bool {
	return slices.Contains(missing, q.key()) || slices.Contains(missing, c.Line)
}
