// Package fn is the intrinsic functions of the language (dsl, section
// 10): recognising them in values, checking their arguments when a blueprint
// is parsed, and evaluating them when a deployment is made and at run time.
//
// It reaches the world only through Storage. Values it was given are not
// changed; evaluation returns new ones.
//
// Invariant: evaluation ends: nesting beyond Limit is an error.
package fn

import (
	"context"
	"errors"

	"github.com/reifyhq/reify/internal/dsl/value"
)

// Limit is the depth of nested evaluation at which it is given up.
const Limit = 50

// ErrNotFound marks a secret that does not exist.
var ErrNotFound = errors.New("not found")

// NodeInstance is what evaluation needs of a node instance.
type NodeInstance struct {
	ID                string
	NodeID            string
	Index             any
	RuntimeProperties *value.Map
	Relationships     []InstanceRelationship
	ScalingGroups     []GroupRef
}

// InstanceRelationship is an edge of an instance.
type InstanceRelationship struct{ Type, TargetName, TargetID string }

// GroupRef names the instance of a scaling group.
type GroupRef struct{ Name, ID string }

// NodeData is what evaluation needs of a node.
type NodeData struct {
	ID         string
	Properties *value.Map
	// ContainedIn is the node that this one is contained in, empty for none.
	ContainedIn string
}

// Kind names what Lookup is asked for.
type Kind string

// The kinds of Lookup and their arguments.
const (
	Capability            Kind = "capability"             // [deployment, capability, key…]
	EnvironmentCapability Kind = "environment_capability" // [capability, key…]
	GroupCapability       Kind = "group_capability"       // [group, capability or list, key…]
	Label                 Kind = "label"                  // [key] or [key, index]
	Sys                   Kind = "sys"                    // [entity, property]
	Consumers             Kind = "consumers"              // [property]
)

// Storage gives evaluation what is known at run time. Missing entries are
// errors; a missing secret is one that wraps ErrNotFound.
type Storage interface {
	Node(ctx context.Context, id string) (*NodeData, error)
	NodeInstance(ctx context.Context, id string) (*NodeInstance, error)
	NodeInstances(ctx context.Context, nodeID string) ([]*NodeInstance, error)
	Inputs(ctx context.Context) (*value.Map, error)
	Secret(ctx context.Context, name string) (any, error)
	Lookup(ctx context.Context, kind Kind, args []any) (any, error)
}

// Scope is where a payload stands: the instances which SELF, SOURCE and TARGET
// mean, and the path that messages name.
type Scope struct {
	Self, Source, Target string
	Path                 string
}
