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
	// ChangeWorkflow starts another workflow on the same deployment, with force, and ends with it: its failure is the
	// failure of the change. Arguments: WorkflowArgs.
	ChangeWorkflow = "workflow-run"
)

// The changes of a deployment update, in their order (workflows, section 12.5). The arguments of all are UpdateArgs.
const (
	// ChangeUpdatePlan computes the new plan and the inputs.
	ChangeUpdatePlan = "update-prepare-plan"
	// ChangeUpdateSteps compares the plans and stores the steps. Result: UpdateSteps.
	ChangeUpdateSteps = "update-create-steps"
	// ChangeUpdatePrepare computes what changes in nodes and instances and stores it. Result: UpdateChanges.
	ChangeUpdatePrepare = "update-prepare-nodes"
	// ChangeUpdatePluginsPrepare computes which plugins are added and removed.
	ChangeUpdatePluginsPrepare = "update-prepare-plugins"
	// ChangeUpdateAttributes sets the deployment's own attributes.
	ChangeUpdateAttributes = "update-set-attributes"
	// ChangeUpdateDependencies recomputes the inter-deployment dependencies.
	ChangeUpdateDependencies = "update-dependencies"
	// ChangeUpdateNodes changes and creates nodes; removed relationships stay for now.
	ChangeUpdateNodes = "update-nodes"
	// ChangeUpdateInstances creates the added instances and extends the relationships of others.
	ChangeUpdateInstances = "update-instances"
	// ChangeUpdateDropRelationships, ChangeUpdateDropInstances and ChangeUpdateDropNodes delete what is gone.
	ChangeUpdateDropRelationships = "update-delete-relationships"
	ChangeUpdateDropInstances     = "update-delete-instances"
	ChangeUpdateDropNodes         = "update-delete-nodes"
	// ChangeUpdateSchedules creates and changes schedules.
	ChangeUpdateSchedules = "update-schedules"
	// ChangeUpdateOperations brings the inputs of stored resumable operations up to date and takes removed plugins off hosts.
	ChangeUpdateOperations = "update-operations"
	// ChangeUpdateDone marks the update successful.
	ChangeUpdateDone = "update-done"
)

// UpdateArgs name a deployment update.
type UpdateArgs struct {
	ID string `json:"update_id"`
}

// UpdateSteps is the result of ChangeUpdateSteps.
type UpdateSteps struct {
	// Unsupported describes each step that an update cannot do; with any the update fails.
	Unsupported []string `json:"unsupported,omitempty"`
	// Changed are the nodes with a property or operation step; a relationship's operation counts for its source node.
	Changed []model.NodeID `json:"changed,omitempty"`
}

// UpdateChanges is the result of ChangeUpdatePrepare: the instances that change and, for each kind of change, the
// unchanged ones at the other end of their relationships.
type UpdateChanges struct {
	Added           []model.InstanceID `json:"added,omitempty"`
	AddedTargets    []model.InstanceID `json:"added_targets,omitempty"`
	Removed         []model.InstanceID `json:"removed,omitempty"`
	RemovedTargets  []model.InstanceID `json:"removed_targets,omitempty"`
	Extended        []model.InstanceID `json:"extended,omitempty"`
	ExtendedTargets []model.InstanceID `json:"extended_targets,omitempty"`
	Reduced         []model.InstanceID `json:"reduced,omitempty"`
	ReducedTargets  []model.InstanceID `json:"reduced_targets,omitempty"`
}

// WorkflowArgs are the arguments of ChangeWorkflow.
type WorkflowArgs struct {
	Workflow   string         `json:"workflow_id"`
	Parameters model.Document `json:"parameters"`
}

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
