package model

import "time"

// Hook is a change of an execution's status for which somebody configured an operation, until that has run (workflows,
// section 8.6).
type Hook struct {
	// ID grows with the order of arrival; assigned by the store.
	ID        int64
	EventType string
	At        time.Time
	Message   string
	Tenant    TenantName
	// User is who started the execution; the operation runs with that user's rights.
	User      UserName
	Execution ExecutionID
	// Context is what the operation is told of the execution.
	Context Document
}
