// Package dsl parses Cloudify blueprints: Parse turns a main file and its
// imports into a Plan (dsl, sections 1 to 11), Prepare turns a plan and
// input values into a DeploymentPlan with node instances (section 12).
//
// The package does no I/O, reads no clock and makes no random numbers: bytes
// come through a Source and ids through a function of the caller.
//
//	text → yamltree → imports (one merged tree) → elements → Plan → Prepare → DeploymentPlan
//
// Invariants: a Plan is never returned together with errors; Parse reports all
// problems it finds in one run, the first of the list being the one that the
// reference would raise; Prepare never changes the plan it was given.
package dsl

import (
	"context"

	"github.com/reifyhq/reify/internal/dsl/imports"
	"github.com/reifyhq/reify/internal/dsl/plan"
	"github.com/reifyhq/reify/internal/dsl/value"
)

// The parts of a parse and its result. They are defined where they are made so
// that other pure packages can use them without the parser.
type (
	// Source gives the parser the bytes it asks for.
	Source = imports.Source
	// Fetched is the answer of a Source.
	Fetched = imports.Fetched
	// PluginRecord is what the plugin catalogue knows of an imported plugin.
	PluginRecord = imports.PluginRecord
	// Input is the document to parse and its options.
	Input = imports.Input
	// Plan is a validated, normalised blueprint.
	Plan = plan.Plan
	// Node is a node of a plan.
	Node = plan.Node
	// Relationship is a relationship of a node.
	Relationship = plan.Relationship
	// Operation is a resolved operation.
	Operation = plan.Operation
	// Workflow is a resolved workflow.
	Workflow = plan.Workflow
	// Plugin is a plugin declaration.
	Plugin = plan.Plugin
	// ScalingGroup is a group that scales together.
	ScalingGroup = plan.ScalingGroup
	// DeploymentPlan is a plan with inputs, evaluated functions and instances.
	DeploymentPlan = plan.DeploymentPlan
	// Instance is a node instance.
	Instance = plan.Instance
)

// SecretGetter gives the value of a secret by its name. A missing one is an
// error that wraps fn.ErrNotFound.
type SecretGetter func(ctx context.Context, name string) (string, error)

// ValuesGetter looks up what inputs of data base backed types may be (section
// 8.3): blueprint_id, deployment_id, capability_value and the like.
type ValuesGetter interface {
	HasDeploymentID() bool
	HasBlueprintID() bool
	Get(ctx context.Context, dataType string, v any, params *value.Map) ([]any, error)
}

// PrepareInput is everything that a deployment adds to a plan.
type PrepareInput struct {
	Inputs *value.Map
	// Secrets is nil when secrets are not supported.
	Secrets SecretGetter
	// RuntimeOnlyEvaluation leaves all functions in the plan.
	RuntimeOnlyEvaluation bool
	// AutoCorrectTypes casts inputs given as strings to their declared type.
	AutoCorrectTypes bool
	// Values is nil when inputs of data base backed types cannot be checked.
	Values ValuesGetter
	// ExistingIDs are instance ids, by node, which must not be given out again.
	ExistingIDs map[string][]string
	// NewID makes an id for an instance of a node or group: <name>_<6 of a-z0-9>.
	NewID func(name string) string
}

// EncodeJSON writes a free value as JSON, keeping 1.0 a float.
func EncodeJSON(v any) ([]byte, error) { return value.EncodeJSON(v) }

// DecodeJSON reads JSON as a free value: integers and floats stay different.
func DecodeJSON(data []byte) (any, error) { return value.DecodeJSON(data) }
