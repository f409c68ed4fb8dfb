package workflow

import "github.com/reifyhq/reify/internal/model"

// The kinds of model changes that programs ask for. Each kind names the type of its arguments.
const (
	// ChangeServices runs a workflow on every deployment that has this one as its parent, and ends when none of these
	// executions waits or is active (workflows, section 9.9, uninstall recursive). Arguments: ServicesArgs.
	ChangeServices = "services-run"
	// ChangePatch changes system properties of instances. Arguments: PatchArgs.
	ChangePatch = "instances-patch"
)

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
