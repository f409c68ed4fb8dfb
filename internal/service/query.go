package service

import (
	"github.com/reifyhq/reify/internal/blob"
	"github.com/reifyhq/reify/internal/plugin"
	"github.com/reifyhq/reify/internal/store"
)

// The list vocabulary of the store is part of the use cases' interface; transports know it by these names.
type (
	// Query is a list request.
	Query = store.Query
	// Condition is a condition on a field of a Query.
	Condition = store.Condition
	// Search is a substring condition of a Query.
	Search = store.Search
	// Order is a sort key of a Query.
	Order = store.Order
	// EventQuery selects events and logs.
	EventQuery = store.EventQuery
	// TimeRange bounds a time field of an EventQuery.
	TimeRange = store.TimeRange
	// PluginOverrides change which plugins the imports of one upload mean.
	PluginOverrides = plugin.Overrides
	// PluginMapping is what they say of one plugin.
	PluginMapping = plugin.Mapping
	// File is an open stored file.
	File = blob.Object
	// Page is a part of a list.
	Page[T any] = store.Page[T]
)

// Kind names a kind of resource whose lists can be filtered and counted.
type Kind = store.Kind

// The kinds, by the names of their lists in the REST API.
const (
	Blueprints    = store.Blueprints
	Deployments   = store.Deployments
	Nodes         = store.Nodes
	NodeInstances = store.NodeInstances
	Executions    = store.Executions
	Secrets       = store.Secrets
	Schedules     = store.Schedules
)

// Count is how many resources have the values of the fields that were asked for.
type Count = store.Count
