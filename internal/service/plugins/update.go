package plugins

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/reifyhq/reify/internal/engine"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/plugin"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/service/revision"
	"github.com/reifyhq/reify/internal/store"
)

// NewUpdate is a request to bring a blueprint and its deployments to other versions of the plugins that it imports
// (operations, section 6.7). Names are names of packages. What no list names goes to the highest version that the
// blueprint's own imports allow.
type NewUpdate struct {
	// Names are the only plugins that may change; none means all of them.
	Names []string
	// ToMinor go to the highest version of the same major version, as all do with AllToMinor.
	ToMinor    []string
	AllToMinor bool
	// ToLatest, when there are any and AllToLatest is not set, are the only ones that go to their highest version.
	ToLatest    []string
	AllToLatest bool
	// Mapping forces versions.
	Mapping map[string]string
	// Force also updates deployments on which others depend.
	Force bool
}

// constraint says which versions a plugin that a blueprint uses may get; "" is any.
func (n NewUpdate) constraint(used plugin.Planned) string {
	name := used.PackageName
	stays := "===" + used.PackageVersion
	v, err := plugin.ParseVersion(used.PackageVersion)
	switch {
	case len(n.Names) > 0 && !slices.Contains(n.Names, name):
		return stays
	case n.AllToMinor && !slices.Contains(n.ToLatest, name) || slices.Contains(n.ToMinor, name):
		if err != nil {
			return stays
		}
		return fmt.Sprintf(">=%s,==%s.*", used.PackageVersion, v.Major())
	case n.AllToLatest, slices.Contains(n.ToLatest, name):
		return ""
	case len(n.ToLatest) > 0 || len(n.ToMinor) > 0 || len(n.Mapping) > 0:
		return stays
	}
	return ""
}

func (n NewUpdate) overrides(used []plugin.Planned) service.PluginOverrides {
	o := service.PluginOverrides{Constraints: map[string]string{}, Mappings: map[string]service.PluginMapping{}}
	for _, p := range used {
		if version := n.Mapping[p.PackageName]; version != "" {
			o.Mappings[p.PackageName] = service.PluginMapping{Version: version}
		} else if c := n.constraint(p); c != "" && p.PackageVersion != "" {
			o.Constraints[p.PackageName] = c
		}
	}
	return o
}

// StartUpdate computes the new plan of a blueprint and, unless it is the one that it has, starts the workflow that brings
// its deployments there. One update of a blueprint runs at a time: fault.Conflict.
func (s *Service) StartUpdate(ctx context.Context, a *service.Actor, id model.BlueprintID, n NewUpdate) (*model.PluginsUpdate, error) {
	if err := a.RequireTenant("plugins_update_create"); err != nil {
		return nil, err
	}
	var b *model.Blueprint
	err := s.Store.View(ctx, func(tx store.Reader) (err error) {
		if b, err = tx.Blueprint(a.Tenant, id); err == nil && !a.Sees(b.Resource) {
			err = fault.Missing("Blueprint", string(id))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := service.Foreign(a, b.Resource, string(id)); err != nil {
		return nil, err
	}
	if b.State != model.BlueprintUploaded {
		return nil, fault.New(fault.Conflict, "Required blueprint `%s` is not ready: its state is `%s`. Upload it successfully first", id, b.State)
	}
	used, err := plugin.Plan(b.Plan)
	if err != nil {
		return nil, fmt.Errorf("blueprint %s: %w", id, err)
	}
	plan, err := s.Reparse(ctx, b, n.overrides(used))
	if err != nil {
		return nil, fault.Wrap(err, fault.PluginsUpdateFailed, "Failed parsing blueprint %s with the new plugins: %v", id, err)
	}
	r, err := s.NewResource(a, model.VisibilityTenant)
	if err != nil {
		return nil, err
	}
	u := &model.PluginsUpdate{Resource: r, ID: model.PluginsUpdateID(uuid.NewString()), State: model.PluginsUpdateUnneeded, Blueprint: id,
		Forced: n.Force}
	u.Visibility = b.Visibility
	if bytes.Equal(plan, b.Plan) {
		return u, s.Store.Update(ctx, func(tx store.Tx) error {
			if err := s.oneAtATime(tx, u); err != nil {
				return err
			}
			return tx.InsertPluginsUpdate(u)
		})
	}
	u.State, u.Plan = model.PluginsUpdating, plan
	if err := s.Store.Update(ctx, func(tx store.Tx) error { return s.begin(tx, a, u, b) }); err != nil {
		return nil, err
	}
	s.Wake(u.Execution)
	return u, nil
}

// oneAtATime refuses a second update of a blueprint. One whose execution ended before it could clean up, as a cancelled
// one does, is ended here.
func (s *Service) oneAtATime(tx store.Tx, next *model.PluginsUpdate) error {
	page, err := tx.PluginsUpdates(store.Query{
		Scope: store.Scope{Tenants: []model.TenantName{next.Tenant}, Admin: true}, Limit: -1,
		Where: []store.Condition{
			{Field: "blueprint_id", Values: []string{string(next.Blueprint)}},
			{Field: "state", Values: []string{string(model.PluginsUpdating), string(model.PluginsUpdateExecuting), string(model.PluginsUpdateFinalizing)}},
		},
	})
	if err != nil {
		return err
	}
	for _, u := range page.Items {
		x, err := tx.Execution(u.Execution)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		if err == nil && !x.Status.Ended() {
			return fault.New(fault.Conflict, "There are plugins updates still active, update IDs: %s", u.ID)
		}
		if err := s.end(tx, u, model.PluginsUpdateFailed); err != nil {
			return err
		}
	}
	return nil
}

// begin stores an update with its hidden blueprint and its execution.
func (s *Service) begin(tx store.Tx, a *service.Actor, u *model.PluginsUpdate, b *model.Blueprint) error {
	if err := s.oneAtATime(tx, u); err != nil {
		return err
	}
	temp := *b
	temp.ID = model.BlueprintID("plugins-update-" + string(u.ID))
	temp.CreatedAt, temp.UpdatedAt, temp.Hidden, temp.Plan, temp.Archive = u.CreatedAt, u.CreatedAt, true, u.Plan, ""
	if err := tx.InsertBlueprint(&temp); err != nil {
		return err
	}
	used, err := tx.Deployments(store.Query{
		Scope: store.Scope{Tenants: []model.TenantName{b.Tenant}, Admin: true}, Limit: -1,
		Where: []store.Condition{{Field: "blueprint_id", Values: []string{string(b.ID)}}},
	})
	if err != nil {
		return err
	}
	names := []any{}
	for _, d := range used.Items {
		if d.Tenant == b.Tenant {
			u.Deployments = append(u.Deployments, d.ID)
			names = append(names, string(d.ID))
		}
	}
	x := s.SystemExecution(a, model.WorkflowUpdatePlugin, model.Document{
		"update_id": string(u.ID), "temp_blueprint_id": string(temp.ID), "deployments_to_update": names, "force": u.Forced,
	})
	x.Blueprint, x.IsSystem = b.ID, true
	u.TempBlueprint, u.Execution = temp.ID, x.ID
	if err := tx.InsertPluginsUpdate(u); err != nil {
		return err
	}
	return tx.InsertExecution(x)
}

// deploymentLimit is how long an update waits for one deployment (workflows, section 12.4).
const deploymentLimit = time.Hour

// RunUpdate is the workflow update_plugin: one deployment after the other gets the new plan without being reinstalled, then
// the blueprint gets it too. A failure puts the deployments back. Run again after a crash it goes on where it was.
func (s *Service) RunUpdate(ctx context.Context, job engine.Job) error {
	x := job.Execution
	id, _ := x.Parameters["update_id"].(string)
	var u *model.PluginsUpdate
	actor := &service.Actor{Tenant: x.Tenant, Execution: x}
	err := job.Update(ctx, func(tx store.Tx) (err error) {
		if u, err = tx.PluginsUpdate(x.Tenant, model.PluginsUpdateID(id)); err != nil || u.State.Ended() {
			return err
		}
		if actor.User, err = tx.User(x.CreatedBy); err != nil {
			return err
		}
		u.State = model.PluginsUpdateExecuting
		return tx.UpdatePluginsUpdate(u)
	})
	if err != nil || u.State.Ended() {
		return err
	}
	var failure error
	for _, d := range u.Deployments {
		if failure = s.updateDeployment(ctx, actor, u, d); failure != nil {
			break
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	state := model.PluginsUpdateSuccessful
	if failure != nil {
		state = model.PluginsUpdateFailed
	}
	if err := job.Update(ctx, func(tx store.Tx) error { return s.end(tx, u, state) }); err != nil {
		return err
	}
	return failure
}

// updateDeployment brings one deployment to the plan of an update, unless it is there or gone.
func (s *Service) updateDeployment(ctx context.Context, a *service.Actor, u *model.PluginsUpdate, id model.DeploymentID) error {
	var running model.ExecutionID
	done := false
	err := s.Store.View(ctx, func(tx store.Reader) error {
		d, err := tx.Deployment(u.Tenant, id)
		if fault.Is(err, fault.NotFound) {
			done = true
			return nil
		}
		if err != nil || d.Blueprint == u.TempBlueprint {
			done = err == nil
			return err
		}
		// A run of this workflow that was interrupted may have begun it.
		begun, err := tx.DeploymentUpdates(store.Query{Scope: store.Scope{Tenants: []model.TenantName{u.Tenant}, Admin: true}, Limit: 1,
			Light: true, Where: []store.Condition{
				{Field: "deployment_id", Values: []string{string(id)}}, {Field: "new_blueprint_id", Values: []string{string(u.TempBlueprint)}},
			}})
		if err == nil && len(begun.Items) > 0 {
			running = begun.Items[0].Execution
		}
		return err
	})
	if err != nil || done {
		return err
	}
	if running == "" {
		begun, err := revision.New(s.Service).StartUpdate(ctx, a, id, revision.NewUpdate{Blueprint: u.TempBlueprint, Force: u.Forced,
			Flags: map[string]bool{"skip_install": true, "skip_uninstall": true, "skip_reinstall": true}})
		if err != nil {
			return fmt.Errorf("update deployment %s: %w", id, err)
		}
		running = begun.Execution
	}
	x, err := s.Await(ctx, running, deploymentLimit)
	switch {
	case err != nil:
		return fmt.Errorf("update deployment %s: %w", id, err)
	case !x.Status.Ended():
		return fmt.Errorf("update deployment %s: its execution %s is still %s after %s", id, x.ID, x.Status, deploymentLimit)
	case x.Status != model.ExecutionTerminated:
		return fmt.Errorf("update deployment %s: its execution %s is %s: %s", id, x.ID, x.Status, x.Error)
	}
	return nil
}

// end puts the deployments of an update back on their blueprint, which has the new plan after a successful one, and
// removes the hidden blueprint.
func (s *Service) end(tx store.Tx, u *model.PluginsUpdate, state model.PluginsUpdateState) error {
	temp := u.TempBlueprint
	moved, err := tx.Deployments(store.Query{Scope: store.Scope{Tenants: []model.TenantName{u.Tenant}, Admin: true}, Limit: -1,
		Where: []store.Condition{{Field: "blueprint_id", Values: []string{string(temp)}}}})
	if err != nil {
		return err
	}
	for _, d := range moved.Items {
		d.Blueprint = u.Blueprint
		if err := tx.UpdateDeployment(d); err != nil {
			return err
		}
	}
	full, err := tx.PluginsUpdate(u.Tenant, u.ID)
	if err != nil {
		return err
	}
	if state == model.PluginsUpdateSuccessful {
		b, err := tx.Blueprint(u.Tenant, u.Blueprint)
		if err != nil {
			return err
		}
		b.Plan, b.UpdatedAt = full.Plan, s.Clock.Now()
		if err := tx.UpdateBlueprint(b); err != nil {
			return err
		}
	}
	if err := tx.DeleteBlueprint(u.Tenant, temp); err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	full.State, full.TempBlueprint, full.Plan = state, "", nil
	return tx.UpdatePluginsUpdate(full)
}

// Update returns an update of plugins of the actor's tenant.
func (s *Service) Update(ctx context.Context, a *service.Actor, id model.PluginsUpdateID) (u *model.PluginsUpdate, err error) {
	if err := a.RequireTenant("plugins_update_get"); err != nil {
		return nil, err
	}
	err = s.Store.View(ctx, func(tx store.Reader) error {
		if u, err = tx.PluginsUpdate(a.Tenant, id); err == nil && !a.Sees(u.Resource) {
			err = fault.Missing("PluginsUpdate", string(id))
		}
		return err
	})
	return u, err
}

// Updates lists updates of plugins.
func (s *Service) Updates(ctx context.Context, a *service.Actor, q service.Query, all bool) (p service.Page[*model.PluginsUpdate], err error) {
	if err := a.RequireTenant("plugins_update_list"); err != nil {
		return p, err
	}
	q.Scope = a.Scope("plugins_update_list", all)
	err = s.Store.View(ctx, func(tx store.Reader) error {
		p, err = tx.PluginsUpdates(q)
		return err
	})
	return p, err
}
