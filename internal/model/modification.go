package model

import "time"

// ModificationStatus is the status of a deployment modification (rest-model, section 3.5).
type ModificationStatus string

// The statuses of a modification. A deployment has at most one that is started.
const (
	ModificationStarted    ModificationStatus = "started"
	ModificationFinished   ModificationStatus = "finished"
	ModificationRolledBack ModificationStatus = "rolledback"
)

// Modification is a change of how many instances the nodes and scaling groups of a deployment have (workflows, section
// 11.1). While it is started the added instances exist already and the removed ones still do.
type Modification struct {
	Resource
	ID         ModificationID
	Deployment DeploymentID
	Status     ModificationStatus
	EndedAt    time.Time
	// Context is what the user wants to remember with it, Nodes the wanted counts as they were given.
	Context   Document
	Nodes     Document
	Instances ModificationInstances
}

// ModificationInstances are the node instances that a modification is about. Each of the first four lists holds the
// instances that change, marked, and those related to them with the relationships that matter.
type ModificationInstances struct {
	Added    []ModifiedInstance
	Extended []ModifiedInstance
	Reduced  []ModifiedInstance
	Removed  []ModifiedInstance
	// Before is every instance as it was when the modification started; BeforeRollback, when it was rolled back.
	Before         []*NodeInstance
	BeforeRollback []*NodeInstance `json:",omitempty"`
}

// ModifiedInstance is an instance in a list of a modification.
type ModifiedInstance struct {
	NodeInstance
	// Mark says what happens to the instance: added, extended, reduced or removed; empty for one that is only related.
	Mark string
	// IsNew is set when the instance did not exist before.
	IsNew bool
}
