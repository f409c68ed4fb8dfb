// Package topology makes node instances from a plan (dsl, section 13),
// computes what scaling or an update adds and removes (section 14), and tells
// the difference of two plans.
//
// It is pure: ids come from a function of the caller. Plans and instances it
// was given are not changed.
//
// Invariants: ids are unique per node, also against ids that exist already;
// between two vertices there is at most one edge.
package topology

import (
	"github.com/reifyhq/reify/internal/dsl/plan"
	"github.com/reifyhq/reify/internal/dsl/value"
)

// Instance is a node instance.
type Instance = plan.Instance

// IDs makes ids for new instances.
type IDs struct {
	// New makes a candidate: <name>_<6 of a-z0-9>. It is asked again while the
	// candidate is taken.
	New func(name string) string
	// Existing are ids, by node, that are taken.
	Existing map[string][]string
}

// ModifyInput describes a modification. Nodes and Groups are the plan after
// it, PreviousNodes and Instances the state before.
type ModifyInput struct {
	Nodes         []*plan.Node
	PreviousNodes []*plan.Node
	Instances     []Instance
	ScalingGroups *value.Ordered[*plan.ScalingGroup]
	// Modified gives the wanted number of instances of nodes and groups; empty
	// for an update of the plan itself.
	Modified *value.Ordered[Change]
	IDs      IDs
}

// Change is the wanted state of one node or group: Instances is the total per
// instance of its parent. Include names instances to remove first, Exclude
// those to keep if possible.
type Change struct {
	Instances int
	Include   []string
	Exclude   []string
}

// Modification is the result of Modify. Each list holds the instances that
// change, marked, and the related ones with the relationships that matter.
type Modification struct {
	Added    []Instance
	Removed  []Instance
	Extended []Instance
	Reduced  []Instance
}
