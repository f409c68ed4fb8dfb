// Package store is the persistence seam: entities by noun, in transactions.
//
// It speaks nouns of package model and knows nothing of what they mean. Update is the only way to write; concurrent
// updates may share one commit (group commit), each remains atomic and isolated for itself. A nil error from Update
// means the changes survive a crash of the machine.
//
// The contract leaves no key, SQL or dialect visible. Lists are answered from indices, never by scanning a table.
// Errors: fault.NotFound for a missing entity, fault.Conflict for an id in use, fault.BadParameters for a query field
// that does not exist; anything else is the failure of the storage itself.
//
// Implementations: store/sqlite, and store/memstore for tests and simulation; store/storetest is the suite that each
// passes.
package store

import (
	"context"
	"time"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
)

// Store keeps the state of an installation. All methods are safe for concurrent use.
type Store interface {
	// View runs fn on a consistent snapshot. fn may run at the same time as others and must not keep the Reader.
	View(ctx context.Context, fn func(Reader) error) error
	// Update runs fn and commits its changes durably, or none of them when fn or the commit returns an error. fn runs
	// alone, sees all earlier updates, must be quick (no I/O, no waiting) and must not keep the Tx. fn may be run again
	// when the commit it shared with others failed: it must not have effects outside the Tx that cannot be repeated.
	Update(ctx context.Context, fn func(Tx) error) error
	Close() error
}

// Reader reads entities.
type Reader interface {
	UserReader
	GroupReader
	CatalogReader
	InsightReader
	BlueprintReader
	DeploymentReader
	ExecutionReader
	EventReader
	ChangeReader
	PluginReader
	AccountReader
	DeploymentGroupReader
	ExecutionGroupReader
	ScheduleReader
	AgentReader
	SnapshotReader
	HookReader
	AuditReader
	DependencyReader
}

// Tx reads and writes entities.
type Tx interface {
	Reader
	UserWriter
	GroupWriter
	CatalogWriter
	BlueprintWriter
	DeploymentWriter
	ExecutionWriter
	EventWriter
	ChangeWriter
	PluginWriter
	AccountWriter
	DeploymentGroupWriter
	ExecutionGroupWriter
	ScheduleWriter
	AgentWriter
	SnapshotWriter
	HookWriter
	AuditWriter
	DependencyWriter
}

// UserReader reads tenants, users, tokens and the installation's own values.
type UserReader interface {
	Tenants() ([]model.TenantName, error)
	// TenantInUse reports whether the tenant holds resources of any kind.
	TenantInUse(name model.TenantName) (bool, error)
	// User finds a user by name, ignoring case, with its groups.
	User(name model.UserName) (*model.User, error)
	Users(q Query) (Page[*model.User], error)
	Token(id model.TokenID) (*model.Token, error)
	// Tokens lists the tokens of a user, or of all users when user is empty, oldest first.
	Tokens(user model.UserName) ([]*model.Token, error)
	// Value returns an installation-wide value such as the installation id, and "" when it was never set.
	Value(name string) (string, error)
}

// UserWriter writes tenants, users, tokens and values.
type UserWriter interface {
	PutTenant(name model.TenantName) error
	// DeleteTenant removes an empty tenant.
	DeleteTenant(name model.TenantName) error
	// PutUser inserts or replaces a user; its groups stay as they are.
	PutUser(u *model.User) error
	// DeleteUser removes a user with its tokens and memberships.
	DeleteUser(name model.UserName) error
	// PutToken inserts or replaces a token.
	PutToken(t *model.Token) error
	DeleteToken(id model.TokenID) error
	SetValue(name, value string) error
}

// BlueprintReader reads blueprints.
type BlueprintReader interface {
	// Blueprint returns the blueprint visible in the tenant: its own, or a global one of another tenant.
	Blueprint(t model.TenantName, id model.BlueprintID) (*model.Blueprint, error)
	// Blueprints lists; with q.Light the plan and requirements are left out.
	Blueprints(q Query) (Page[*model.Blueprint], error)
}

// BlueprintWriter writes blueprints.
type BlueprintWriter interface {
	// InsertBlueprint adds a blueprint; fault.Conflict when the id is in use in the tenant or globally.
	InsertBlueprint(b *model.Blueprint) error
	UpdateBlueprint(b *model.Blueprint) error
	DeleteBlueprint(t model.TenantName, id model.BlueprintID) error
}

// DeploymentReader reads deployments, nodes and node instances.
type DeploymentReader interface {
	Deployment(t model.TenantName, id model.DeploymentID) (*model.Deployment, error)
	Deployments(q Query) (Page[*model.Deployment], error)
	Nodes(q Query) (Page[*model.Node], error)
	// DeploymentNodes returns all nodes of a deployment in the order of the plan.
	DeploymentNodes(t model.TenantName, d model.DeploymentID) ([]*model.Node, error)
	Instance(t model.TenantName, id model.InstanceID) (*model.NodeInstance, error)
	Instances(q Query) (Page[*model.NodeInstance], error)
	// DeploymentInstances returns all node instances of a deployment in the order of their insertion.
	DeploymentInstances(t model.TenantName, d model.DeploymentID) ([]*model.NodeInstance, error)
	// InstanceStates counts the node instances of a deployment by state.
	InstanceStates(t model.TenantName, d model.DeploymentID) (map[model.InstanceState]int, error)
	// InstanceTallies counts the node instances of deployments, those of one node and state together.
	InstanceTallies(t model.TenantName, ids []model.DeploymentID) ([]InstanceTally, error)
	// NodeTypes returns the types in the hierarchies of the nodes of deployments, each once.
	NodeTypes(t model.TenantName, ids []model.DeploymentID) (map[model.DeploymentID][]string, error)
}

// InstanceTally counts the node instances of one node in one state: all of them, those whose last status check was not
// good, and those with drift.
type InstanceTally struct {
	Deployment                model.DeploymentID
	Node                      model.NodeID
	State                     model.InstanceState
	Count, Unhealthy, Drifted int
}

// DeploymentWriter writes deployments, nodes and node instances.
type DeploymentWriter interface {
	InsertDeployment(d *model.Deployment) error
	UpdateDeployment(d *model.Deployment) error
	// DeleteDeployment removes the deployment with its nodes, instances, executions, graphs, tasks and events.
	DeleteDeployment(t model.TenantName, id model.DeploymentID) error
	// TrimDeployment removes up to limit of the events, tasks, instances and nodes of a deployment that is about to be
	// deleted and returns how many it removed: a large one is emptied in several updates, so that others can write between
	// them. The deployment, its executions and everything else stay until DeleteDeployment.
	TrimDeployment(t model.TenantName, id model.DeploymentID, limit int) (int, error)
	InsertNodes(nodes []*model.Node) error
	UpdateNode(n *model.Node) error
	DeleteNode(t model.TenantName, d model.DeploymentID, id model.NodeID) error
	InsertInstances(instances []*model.NodeInstance) error
	// UpdateInstance replaces the instance and returns nothing about versions: the caller compares and increments.
	UpdateInstance(i *model.NodeInstance) error
	// ChangeInstances changes states and system properties of instances that the tenant sees, in order. The version of an
	// instance grows by the Steps of each entry that changes it; entries for an instance that is gone do nothing.
	ChangeInstances(t model.TenantName, changes []InstanceChange) error
	DeleteInstance(t model.TenantName, id model.InstanceID) error
}

// InstanceChange is what a workflow changes of a node instance.
type InstanceChange struct {
	Instance model.InstanceID
	// State is the new state; empty keeps the old one.
	State model.InstanceState
	// System are the keys of the system properties to be set; a nil value removes the key, the JSON text null (a
	// json.RawMessage) sets it to null.
	System model.Document
	// Steps is how many changes of state after one another the entry stands for, by which the version grows; 0 is one.
	Steps int
}

// ExecutionReader reads executions, graphs and tasks.
type ExecutionReader interface {
	Execution(id model.ExecutionID) (*model.Execution, error)
	Executions(q Query) (Page[*model.Execution], error)
	// Fence returns ErrFenced unless epoch is the execution's current epoch: the first call of every write of an owner.
	Fence(id model.ExecutionID, epoch int64) error
	// ExecutionByToken finds the execution whose token has the hash.
	ExecutionByToken(hash string) (*model.Execution, error)
	// Claimable returns up to limit executions that are active and whose lease is free or ran out before now, oldest
	// first.
	Claimable(now time.Time, limit int) ([]model.ExecutionID, error)
	// QueuedExecutions returns the heads of the queue of all tenants, oldest first: up to limit of those without a group, and
	// up to limit of every group that has fewer active members than its concurrency. A head is the oldest queued execution of
	// its deployment in its group, or in none, and no other execution of the deployment is active, unless it makes the
	// deployment's environment; one without a deployment always is.
	QueuedExecutions(limit int) ([]*model.Execution, error)
	Graph(id model.GraphID) (*model.Graph, error)
	Graphs(e model.ExecutionID) ([]*model.Graph, error)
	Task(id model.TaskID) (*model.Task, error)
	// GraphTasks returns the tasks of a graph in the order of their insertion.
	GraphTasks(g model.GraphID) ([]*model.Task, error)
	Tasks(q Query) (Page[*model.Task], error)
}

// ExecutionWriter writes executions, graphs and tasks.
type ExecutionWriter interface {
	InsertExecution(e *model.Execution) error
	// UpdateExecution replaces everything but the lease.
	UpdateExecution(e *model.Execution) error
	// CountOperations adds to the counters of operations of an execution.
	CountOperations(id model.ExecutionID, total, finished int) error
	// Claim takes the lease for owner until the given time when it is free, ran out before now, or is owner's; it returns
	// the new epoch, or ok false when somebody else holds it.
	Claim(id model.ExecutionID, owner string, now, until time.Time) (epoch int64, ok bool, err error)
	// RenewLeases extends every lease that owner holds.
	RenewLeases(owner string, until time.Time) error
	// ReleaseLease frees the lease when the epoch is still the current one.
	ReleaseLease(id model.ExecutionID, epoch int64) error
	// DeleteExecution removes an execution with its graphs, tasks and events.
	DeleteExecution(id model.ExecutionID) error
	InsertGraph(g *model.Graph) error
	// CompleteGraph says that all tasks of a graph are stored.
	CompleteGraph(id model.GraphID) error
	// DiscardTasks removes up to limit tasks of the incomplete graphs of an execution, and the graphs when they are empty; it
	// reports whether something is left.
	DiscardTasks(e model.ExecutionID, limit int) (left bool, err error)
	InsertTasks(tasks []*model.Task) error
	// PutTasks inserts tasks that are new and replaces state, names and parameters of those that exist.
	PutTasks(tasks []*model.Task) error
	// SetTaskStates replaces the states of different tasks that exist and nothing else.
	SetTaskStates(tasks []*model.Task) error
	// DeleteTask removes a task; others may still name it as a dependency.
	DeleteTask(id model.TaskID) error
}

// ChangeReader reads deployment modifications and deployment updates.
type ChangeReader interface {
	Modification(t model.TenantName, id model.ModificationID) (*model.Modification, error)
	// Modifications lists; with q.Light the instances are left out.
	Modifications(q Query) (Page[*model.Modification], error)
	DeploymentUpdate(t model.TenantName, id model.UpdateID) (*model.DeploymentUpdate, error)
	// DeploymentUpdates lists; with q.Light the plan is left out.
	DeploymentUpdates(q Query) (Page[*model.DeploymentUpdate], error)
}

// ChangeWriter writes deployment modifications and deployment updates; they go with their deployment.
type ChangeWriter interface {
	InsertModification(m *model.Modification) error
	UpdateModification(m *model.Modification) error
	InsertDeploymentUpdate(u *model.DeploymentUpdate) error
	UpdateDeploymentUpdate(u *model.DeploymentUpdate) error
}

// DependencyReader reads dependencies between deployments.
type DependencyReader interface {
	Dependency(t model.TenantName, id model.DependencyID) (*model.Dependency, error)
	Dependencies(q Query) (Page[*model.Dependency], error)
	// Children returns the deployments of the tenant whose labels name the deployment as a parent, oldest first.
	Children(t model.TenantName, parent model.DeploymentID) ([]*model.Deployment, error)
}

// DependencyWriter writes dependencies between deployments. They go with their source; the end of a target leaves them
// with a target that is not known.
type DependencyWriter interface {
	InsertDependency(d *model.Dependency) error
	UpdateDependency(d *model.Dependency) error
	DeleteDependency(t model.TenantName, id model.DependencyID) error
}

// EventReader reads events and logs.
type EventReader interface {
	Events(q EventQuery) (Page[*model.Event], error)
}

// EventWriter writes events and logs.
type EventWriter interface {
	// InsertEvents appends events and sets their StorageID.
	InsertEvents(events []*model.Event) error
	// DeleteEvents removes the events of a deployment, and its logs too when logs is set; it returns how many it removed.
	DeleteEvents(t model.TenantName, d model.DeploymentID, logs bool) (int, error)
}

// ErrFenced says that the execution belongs to somebody else now: the writer must stop and leave everything as it is.
var ErrFenced = fault.New(fault.Conflict, "the execution was taken over by another owner")
