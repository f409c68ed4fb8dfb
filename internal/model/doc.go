// Package model holds the entities of Reify: blueprints, deployments, nodes, node instances, executions, tasks, events,
// plugins, users and tokens, with their typed ids, enumerations and legal transitions.
//
// It is the vocabulary that every other room speaks. It never does I/O, never reads a clock and imports nothing but the
// standard library. Wire shapes (JSON of the REST API) are not here: they live beside their handlers. JSON tags on
// types of this package describe how a value is stored inside a document column, nothing else.
//
// Invariants: an entity is identified by its tenant and its id; times are UTC; a nil document means "not given".
package model
