package store

import (
	"time"

	"github.com/reifyhq/reify/internal/model"
)

// Scope says whose resources a list may show (rest-api, section 1.6): those of the tenants and global ones; private
// ones only to their creator unless Admin is set.
type Scope struct {
	// Tenants are the tenants to list; nil means all of them.
	Tenants []model.TenantName
	User    model.UserName
	Admin   bool
}

// Query is a list request. The zero value lists everything of every tenant that is not private.
type Query struct {
	Scope Scope
	// Where are conditions on fields; different fields are ANDed, the values of one field ORed.
	Where []Condition
	// Search are case-insensitive substrings; all of them are ORed.
	Search []Search
	// Rules are conditions of filters; all of them are ANDed.
	Rules []model.FilterRule
	// Sort names fields; the default order (creation) always comes last.
	Sort   []Order
	Offset int
	// Limit is the greatest number of items; 0 means none are wanted but the total, negative means all.
	Limit int
	// Light leaves out heavy documents (a blueprint's plan).
	Light bool
}

// Condition is true when the field has one of the values. Fields carry the names of the REST API; booleans are "true"
// or "false".
type Condition struct {
	Field  string
	Values []string
}

// Search is a case-insensitive substring of a field.
type Search struct {
	Field string
	Text  string
}

// Order sorts by a field.
type Order struct {
	Field string
	Desc  bool
}

// Page is a part of a list. Total counts the items without offset and limit.
type Page[T any] struct {
	Items []T
	Total int
}

// EventQuery selects events and logs.
type EventQuery struct {
	Scope Scope
	// Kinds selects events, logs or, when empty, both.
	Kinds []model.EventKind
	// Where knows execution_id, deployment_id, blueprint_id, workflow_id, node_id (a node), node_instance_id,
	// event_type, level, operation, source_id and target_id.
	Where []Condition
	// Messages are case-insensitive SQL patterns (% and _) that the message must match, all of them.
	Messages []string
	// Ranges bound "timestamp" or "reported_timestamp": From <= t < To; a zero bound is open.
	Ranges []TimeRange
	// Sort knows timestamp, reported_timestamp and the fields of Where; timestamp and storage id always come last.
	Sort   []Order
	Offset int
	Limit  int
	// After selects events with a greater storage id, in storage order whatever Sort says, for tailing; 0 is off.
	After int64
}

// TimeRange bounds a time field.
type TimeRange struct {
	Field    string
	From, To time.Time
}
