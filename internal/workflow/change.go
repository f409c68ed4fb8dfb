package workflow

import "github.com/reifyhq/reify/internal/model"

// The kinds of model changes that programs ask for. Each kind names the type of its arguments.
const (
	// ChangeServices runs a workflow on every deployment that has this one as its parent, and ends when none of these
	// executions waits or is active (workflows, section 9.9, uninstall recursive). Arguments: ServicesArgs.
	ChangeServices = "services-run"
	// ChangePatch changes system properties of instances. Arguments: PatchArgs.
	ChangePatch = "instances-patch"
	// ChangeModificationStart starts a deployment modification and creates its new instances (workflows, section 11.1).
	// Arguments: ModificationStartArgs. Result: Modification.
	ChangeModificationStart = "modification-start"
	// ChangeModificationFinish makes a started modification final; its removed instances disappear. Arguments: ModificationArgs.
	ChangeModificationFinish = "modification-finish"
	// ChangeModificationRollback brings the model back to what it was before a modification. Arguments: ModificationArgs.
	ChangeModificationRollback = "modification-rollback"
)

// ModificationStartArgs are the arguments of ChangeModificationStart: the wanted counts by node or scaling group.
type ModificationStartArgs struct {
	Nodes map[string]ModifiedNode `json:"nodes"`
}

// ModifiedNode is the wanted count of a node or group, with the instances to remove first and those to keep if possible.
type ModifiedNode struct {
	Instances int      `json:"instances"`
	Exclude   []string `json:"removed_ids_exclude_hint"`
	Include   []string `json:"removed_ids_include_hint"`
}

// ModificationArgs name a started modification.
type ModificationArgs struct {
	ID string `json:"id"`
}

// Modification is a started deployment modification: the instances it adds and removes, and the unchanged ones that are
// related to these.
type Modification struct {
	ID             string             `json:"id"`
	Added          []model.InstanceID `json:"added"`
	AddedRelated   []model.InstanceID `json:"added_related"`
	Removed        []model.InstanceID `json:"removed"`
	RemovedRelated []model.InstanceID `json:"removed_related"`
}

// PatchArgs are the arguments of ChangePatch.
type PatchArgs struct {
	Patches []InstancePatch `json:"patches"`
}

// ServicesArgs are the arguments of ChangeServices.
type ServicesArgs struct {
	// Group is the name of the deployment group that is made for the purpose and removed afterwards.
	Group      string         `json:"group"`
	Workflow   string         `json:"workflow_id"`
	Parameters model.Document `json:"parameters"`
}
