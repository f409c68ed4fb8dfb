package store

import (
	"time"

	"github.com/reifyhq/reify/internal/model"
)

// DeploymentGroupReader reads groups of deployments.
type DeploymentGroupReader interface {
	// DeploymentGroup finds the group as the tenant sees it: its own, or a global one of another tenant.
	DeploymentGroup(t model.TenantName, id model.DeploymentGroupID) (*model.DeploymentGroup, error)
	DeploymentGroups(q Query) (Page[*model.DeploymentGroup], error)
	// GroupDeployments returns the members of a group, oldest first.
	GroupDeployments(t model.TenantName, id model.DeploymentGroupID) ([]model.DeploymentID, error)
	// GroupsOfDeployment returns the groups that a deployment is in, oldest first.
	GroupsOfDeployment(t model.TenantName, d model.DeploymentID) ([]model.DeploymentGroupID, error)
}

// DeploymentGroupWriter writes groups of deployments.
type DeploymentGroupWriter interface {
	InsertDeploymentGroup(g *model.DeploymentGroup) error
	UpdateDeploymentGroup(g *model.DeploymentGroup) error
	// DeleteDeploymentGroup removes the group, not its deployments. Execution groups of it stay without one.
	DeleteDeploymentGroup(t model.TenantName, id model.DeploymentGroupID) error
	// AddToGroup makes deployments that the group's tenant sees members; those that are members stay. A deployment that
	// does not exist is fault.NotFound.
	AddToGroup(t model.TenantName, id model.DeploymentGroupID, members []model.DeploymentID) error
	// RemoveFromGroup ends the membership of those that are members.
	RemoveFromGroup(t model.TenantName, id model.DeploymentGroupID, members []model.DeploymentID) error
}

// ExecutionGroupReader reads groups of executions.
type ExecutionGroupReader interface {
	ExecutionGroup(id model.ExecutionGroupID) (*model.ExecutionGroup, error)
	ExecutionGroups(q Query) (Page[*model.ExecutionGroup], error)
	// GroupExecutions returns the ids of the members of a group, oldest first.
	GroupExecutions(id model.ExecutionGroupID) ([]model.ExecutionID, error)
	// GroupStates counts the members of a group by status.
	GroupStates(id model.ExecutionGroupID) (map[model.ExecutionStatus]int, error)
}

// ExecutionGroupWriter writes groups of executions. Members go with their executions.
type ExecutionGroupWriter interface {
	InsertExecutionGroup(g *model.ExecutionGroup) error
	UpdateExecutionGroup(g *model.ExecutionGroup) error
}

// ScheduleReader reads execution schedules.
type ScheduleReader interface {
	Schedule(t model.TenantName, d model.DeploymentID, id model.ScheduleID) (*model.Schedule, error)
	Schedules(q Query) (Page[*model.Schedule], error)
	// DueSchedules returns up to limit enabled schedules whose next occurrence is before now, the most overdue first.
	DueSchedules(now time.Time, limit int) ([]*model.Schedule, error)
	// NextSchedule returns the earliest next occurrence of an enabled schedule, the zero time when there is none.
	NextSchedule() (time.Time, error)
}

// ScheduleWriter writes execution schedules; they go with their deployment.
type ScheduleWriter interface {
	InsertSchedule(s *model.Schedule) error
	UpdateSchedule(s *model.Schedule) error
	DeleteSchedule(t model.TenantName, d model.DeploymentID, id model.ScheduleID) error
}

// AgentReader reads what is known of host agents.
type AgentReader interface {
	Agent(t model.TenantName, name model.AgentName) (*model.Agent, error)
	Agents(q Query) (Page[*model.Agent], error)
}

// AgentWriter writes agents; they go with their node instance.
type AgentWriter interface {
	InsertAgent(a *model.Agent) error
	UpdateAgent(a *model.Agent) error
}

// SnapshotReader reads snapshots.
type SnapshotReader interface {
	Snapshot(t model.TenantName, id model.SnapshotID) (*model.Snapshot, error)
	Snapshots(q Query) (Page[*model.Snapshot], error)
}

// SnapshotWriter writes snapshots.
type SnapshotWriter interface {
	InsertSnapshot(s *model.Snapshot) error
	UpdateSnapshot(s *model.Snapshot) error
	DeleteSnapshot(t model.TenantName, id model.SnapshotID) error
}

// HookReader reads changes of executions whose hooks have not run yet.
type HookReader interface {
	// Hooks returns up to limit of them, oldest first.
	Hooks(limit int) ([]*model.Hook, error)
}

// HookWriter writes them.
type HookWriter interface {
	// InsertHook adds one and sets its ID.
	InsertHook(h *model.Hook) error
	// DeleteHook removes one; it does nothing when there is none.
	DeleteHook(id int64) error
}
