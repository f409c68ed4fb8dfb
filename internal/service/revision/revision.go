// Package revision holds the use cases that change what a deployment is made of: deployment updates to another blueprint or
// other inputs, and deployment modifications, which change how many instances there are.
//
// It is a room of package service and follows its rules: it checks permission and rules, then commits one store.Update.
// What is added and removed is decided by packages change and topology, not here.
package revision

import "github.com/reifyhq/reify/internal/service"

// Service runs the use cases. It is safe for concurrent use.
type Service struct{ *service.Service }

// New returns the room over the service.
func New(s *service.Service) *Service { return &Service{s} }
