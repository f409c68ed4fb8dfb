// Package insight holds the use cases by which users see what goes on without looking at every resource: counts, summaries and
// labels in use, the events and logs of executions, and why an execution waits or failed.
//
// It is a room of package service and follows its rules. It never changes a resource: all that it writes are the events
// and logs that processes report.
package insight

import "github.com/reifyhq/reify/internal/service"

// Service runs the use cases. It is safe for concurrent use.
type Service struct{ *service.Service }

// New returns the room over the service.
func New(s *service.Service) *Service { return &Service{s} }
