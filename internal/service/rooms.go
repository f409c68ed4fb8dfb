package service

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"slices"
	"time"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// What follows is for the rooms below this one, which hold the use cases of nouns that nothing here depends on.

// NewResource starts a new resource of the actor; visibility "" is tenant. A global one needs create_global_resource.
func (s *Service) NewResource(a *Actor, v model.Visibility) (model.Resource, error) {
	if v != "" && !v.Valid() {
		return model.Resource{}, fault.New(fault.BadParameters,
			"Invalid visibility: `%s`. Valid visibility's values are: ['private', 'tenant', 'global']", v)
	}
	if v == model.VisibilityGlobal {
		if err := a.Require("create_global_resource"); err != nil {
			return model.Resource{}, err
		}
	}
	return s.resource(a, v), nil
}

// ReadyDeployment returns a deployment that the actor sees, with its environment made.
func ReadyDeployment(tx store.Reader, a *Actor, id model.DeploymentID) (*model.Deployment, error) {
	d, err := visibleDeployment(tx, a, id)
	if err != nil {
		return nil, err
	}
	return d, environmentReady(tx, d)
}

// EnvironmentReady refuses a deployment whose environment is not made.
func EnvironmentReady(tx store.Reader, d *model.Deployment) error { return environmentReady(tx, d) }

// Blocked refuses a workflow that would take the ground from under other deployments, unless the actor insists
// (workflows, section 13.4).
func Blocked(tx store.Reader, a *Actor, d *model.Deployment, workflow string, parameters model.Document, force bool) error {
	return blocked(tx, a.deployment(), d, workflow, parameters, force)
}

// Sees reports whether the actor may see a resource that the store found for its tenant.
func (a *Actor) Sees(r model.Resource) bool { return a.visible(r) }

// IsAdministrator reports whether the actor administrates its tenant.
func (a *Actor) IsAdministrator() bool { return a.isAdmin() }

// CheckID refuses what may not be a name in a path; argument is what the message calls it.
func CheckID(argument, id string) error { return checkID(argument, id, false) }

// Foreign refuses to change a global resource from another tenant (rest-api, section 1.6).
func Foreign(a *Actor, r model.Resource, id string) error { return foreign(a, r, id) }

// Widen sets a wider visibility: tenant or global, from the resource's own tenant (rest-api, section 1.6).
func Widen(a *Actor, r *model.Resource, id string, to model.Visibility) error {
	if to != model.VisibilityTenant && to != model.VisibilityGlobal {
		return fault.New(fault.BadParameters, "Invalid visibility: `%s`. Valid visibility's values are: ['tenant', 'global']", to)
	}
	if to == model.VisibilityGlobal {
		if err := a.Require("create_global_resource"); err != nil {
			return err
		}
	}
	if err := foreign(a, *r, id); err != nil {
		return err
	}
	if r.Visibility.Wider(to) {
		return fault.New(fault.IllegalAction, "Can't set the visibility of `%s` to %s because it already has wider visibility", id, to)
	}
	r.Visibility = to
	return nil
}

// MemberOf returns the tenants in which the user has a role, by itself or through a group, sorted.
func MemberOf(u *model.User) []model.TenantName {
	var names []model.TenantName
	for t := range u.TenantRoles {
		names = append(names, t)
	}
	for _, g := range u.Groups {
		for t := range g.TenantRoles {
			names = append(names, t)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Spool keeps an uploaded archive in a temporary file, which the caller closes and removes. What names it in errors; one
// that is larger than allowed is fault.BadParameters.
func (s *Service) Spool(what string, body io.Reader) (*os.File, error) { return s.spool(what, body) }

// Download opens what is at an http(s) URL; the caller closes it.
func Download(ctx context.Context, u string) (io.ReadCloser, error) { return download(ctx, u) }

// SystemExecution starts the record of an execution of one of the manager's own workflows, which takes any parameters.
func (s *Service) SystemExecution(a *Actor, name string, parameters model.Document) *model.Execution {
	return s.systemExecution(a, name, parameters)
}

// Await returns the execution when it has ended, or as it is when limit has passed.
func (s *Service) Await(ctx context.Context, id model.ExecutionID, limit time.Duration) (*model.Execution, error) {
	return s.await(ctx, id, limit)
}

// Reparse makes the plan that an uploaded blueprint has with the plugins that are uploaded now; nothing is stored.
func (s *Service) Reparse(ctx context.Context, b *model.Blueprint, o PluginOverrides) (json.RawMessage, error) {
	return s.parseStored(ctx, b, o)
}

// Begin checks a start inside a transaction and stores its execution. The caller has checked the permission, and wakes the
// engine with Wake after the commit.
func (s *Service) Begin(tx store.Tx, a *Actor, r Start) (*model.Execution, error) {
	// What a cascading workflow started on components needs no hint: the engine looks by itself.
	x, _, err := s.begin(tx, a, r)
	return x, err
}

// Wake tells the engine that an execution is ready; a hint that may be lost.
func (s *Service) Wake(id model.ExecutionID) { s.wake(id) }

// ActIn does an action on an execution inside a transaction; Acted is to be called after the commit.
func (s *Service) ActIn(tx store.Tx, x *model.Execution, action Action) (acted []*model.Execution, err error) {
	return s.act(tx, x, action)
}

// BeginDeletion checks the deletion of a deployment inside a transaction and stores its execution with the status.
func (s *Service) BeginDeletion(tx store.Tx, a *Actor, id model.DeploymentID, how Deletion, status model.ExecutionStatus) (*model.Execution, error) {
	return s.beginDeletion(tx, a, id, how, status)
}

// BeginCreation checks a new deployment of the blueprint that Deployable returned and stores it inside a transaction,
// with the execution that makes its environment.
func (s *Service) BeginCreation(tx store.Tx, a *Actor, n NewDeployment, b *model.Blueprint, status model.ExecutionStatus) (*model.Deployment, error) {
	if err := checkID("deployment_id", string(n.ID), true); err != nil {
		return nil, err
	}
	if err := checkLabels(n.Labels); err != nil {
		return nil, err
	}
	if err := checkSite(tx, a, n.Site, n.ID, n.Visibility); err != nil {
		return nil, err
	}
	if err := checkInputNames(b, n.Inputs); err != nil {
		return nil, err
	}
	return s.insertDeployment(tx, a, n, status)
}

// Deployable returns the blueprint of a new deployment, or why it cannot be deployed so.
func Deployable(tx store.Reader, a *Actor, n NewDeployment) (*model.Blueprint, error) {
	return deployable(tx, a, n)
}

// Labels checks labels as a user gives them and stamps them with who and when.
func (s *Service) Labels(a *Actor, labels []model.Label) ([]model.Label, error) {
	if err := checkLabels(labels); err != nil {
		return nil, err
	}
	return s.stamp(a, labels), nil
}

// VisibleDeployment finds a deployment that the actor may see.
func VisibleDeployment(tx store.Reader, a *Actor, id model.DeploymentID) (*model.Deployment, error) {
	return visibleDeployment(tx, a, id)
}

// VisibleBlueprint finds a blueprint that the actor may see.
func VisibleBlueprint(tx store.Reader, a *Actor, id model.BlueprintID) (*model.Blueprint, error) {
	return visibleBlueprint(tx, a, id)
}

// VisibleExecution finds an execution that the actor may see.
func VisibleExecution(tx store.Reader, a *Actor, id model.ExecutionID) (*model.Execution, error) {
	return visibleExecution(tx, a, id)
}

// Unfinished returns the executions of a deployment that have not ended, queued ones too.
func Unfinished(tx store.Reader, d *model.Deployment) ([]*model.Execution, error) {
	return unfinished(tx, d)
}

// ReservedLabels are the keys with the reserved prefix that may be used (rest-model, section 6).
func ReservedLabels() []string { return slices.Clone(reservedLabels) }

// NewUUID returns a fresh UUID.
func NewUUID() string { return newUUID() }
