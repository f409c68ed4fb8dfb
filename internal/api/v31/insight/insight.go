// Package insight answers the routes by which users see what goes on without looking at every resource: summaries, labels in
// use, events and logs, and why an execution waits.
//
// Handlers decode, call one use case and map its result to the wire in the same file. They decide nothing.
package insight

import (
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/service/insight"
)

// API serves the routes. It is safe for concurrent use.
type API struct{ insight *insight.Service }

// New returns the handlers over the use cases.
func New(s *service.Service) *API { return &API{insight.New(s)} }
