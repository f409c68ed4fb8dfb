// Package group holds the use cases of groups: deployments that belong together, and workflows that run on all of them.
//
// It is a room of package service and follows its rules: it checks permission and rules, then commits one store.Update.
// Starting, limiting and ending the executions of a group is the engine's work; nothing of a group is kept in memory.
package group

import (
	"context"
	"slices"

	"github.com/reifyhq/reify/internal/change"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/store"
)

// Service runs the use cases. It is safe for concurrent use.
type Service struct{ *service.Service }

// New returns the room over the service.
func New(s *service.Service) *Service { return &Service{s} }

// View is a group of deployments with its members.
type View struct {
	*model.DeploymentGroup
	Members []model.DeploymentID
}

func view(tx store.Reader, g *model.DeploymentGroup) (*View, error) {
	members, err := tx.GroupDeployments(g.Tenant, g.ID)
	return &View{g, members}, err
}

func visible(tx store.Reader, a *service.Actor, id model.DeploymentGroupID) (*model.DeploymentGroup, error) {
	g, err := tx.DeploymentGroup(a.Tenant, id)
	if err == nil && !a.Sees(g.Resource) {
		return nil, fault.Missing("DeploymentGroup", string(id))
	}
	return g, err
}

// List lists groups of deployments.
func (s *Service) List(ctx context.Context, a *service.Actor, q service.Query, all bool) (p service.Page[*View], err error) {
	if err := a.RequireTenant("deployment_group_list"); err != nil {
		return p, err
	}
	q.Scope = a.Scope("deployment_group_list", all)
	err = s.Store.View(ctx, func(tx store.Reader) error {
		found, err := tx.DeploymentGroups(q)
		if err != nil {
			return err
		}
		p = service.Page[*View]{Total: found.Total}
		for _, g := range found.Items {
			v, err := view(tx, g)
			if err != nil {
				return err
			}
			p.Items = append(p.Items, v)
		}
		return nil
	})
	return p, err
}

// Get returns a group of deployments.
func (s *Service) Get(ctx context.Context, a *service.Actor, id model.DeploymentGroupID) (v *View, err error) {
	if err := a.RequireTenant("deployment_group_get"); err != nil {
		return nil, err
	}
	err = s.Store.View(ctx, func(tx store.Reader) error {
		g, err := visible(tx, a, id)
		if err != nil {
			return err
		}
		v, err = view(tx, g)
		return err
	})
	return v, err
}

// Selection says which deployments are meant; all parts together.
type Selection struct {
	Deployments []model.DeploymentID
	Filter      model.FilterID
	Rules       []model.FilterRule
	Group       model.DeploymentGroupID
}

func (s Selection) isEmpty() bool {
	return len(s.Deployments) == 0 && s.Filter == "" && len(s.Rules) == 0 && s.Group == ""
}

// find returns the deployments that a selection means; a named one that does not exist is fault.NotFound.
func (s Selection) find(tx store.Reader, a *service.Actor) ([]model.DeploymentID, error) {
	var out []model.DeploymentID
	for _, id := range s.Deployments {
		d, err := service.VisibleDeployment(tx, a, id)
		if err != nil {
			return nil, err
		}
		out = append(out, d.ID)
	}
	if s.Filter != "" {
		f, err := tx.Filter(store.Deployments, a.Tenant, s.Filter)
		if err != nil {
			return nil, err
		}
		if out, err = appendSelected(tx, a, out, f.Rules); err != nil {
			return nil, err
		}
	}
	if len(s.Rules) > 0 {
		var err error
		if out, err = appendSelected(tx, a, out, s.Rules); err != nil {
			return nil, err
		}
	}
	if s.Group != "" {
		g, err := visible(tx, a, s.Group)
		if err != nil {
			return nil, err
		}
		members, err := tx.GroupDeployments(g.Tenant, g.ID)
		if err != nil {
			return nil, err
		}
		out = append(out, members...)
	}
	return out, nil
}

func appendSelected(tx store.Reader, a *service.Actor, out []model.DeploymentID, rules []model.FilterRule) ([]model.DeploymentID, error) {
	page, err := tx.Deployments(store.Query{Scope: a.Scope("deployment_list", false), Rules: rules, Limit: -1})
	for _, d := range page.Items {
		out = append(out, d.ID)
	}
	return out, err
}

// Put creates a group or changes it; nil fields and empty inputs leave what there is. Members, when given, replace those
// there are.
type Put struct {
	ID          model.DeploymentGroupID
	Visibility  model.Visibility
	Description *string
	Blueprint   *model.BlueprintID
	Inputs      model.Document
	Labels      []model.Label
	SetLabels   bool
	Members     Selection
	SetMembers  bool
	New         []NewMember
}

// Put stores a group (rest-api, section 5).
func (s *Service) Put(ctx context.Context, a *service.Actor, p Put) (v *View, err error) {
	if err := a.RequireTenant("deployment_group_create"); err != nil {
		return nil, err
	}
	if err := service.CheckID("group_id", string(p.ID)); err != nil {
		return nil, err
	}
	labels, err := s.Labels(a, p.Labels)
	if err != nil {
		return nil, err
	}
	fresh, err := s.NewResource(a, p.Visibility)
	if err != nil {
		return nil, err
	}
	var started []model.ExecutionID
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		g, err := visible(tx, a, p.ID)
		isNew := fault.Is(err, fault.NotFound)
		switch {
		case isNew:
			g = &model.DeploymentGroup{Resource: fresh, ID: p.ID}
		case err != nil:
			return err
		default:
			if err := service.Foreign(a, g.Resource, string(p.ID)); err != nil {
				return err
			}
		}
		old := g.Labels
		if len(p.Inputs) > 0 || isNew {
			g.Inputs = p.Inputs
		}
		if err := p.apply(tx, a, g); err != nil {
			return err
		}
		if p.SetLabels {
			g.Labels = keepStamps(old, labels)
		}
		if isNew {
			err = tx.InsertDeploymentGroup(g)
		} else {
			err = tx.UpdateDeploymentGroup(g)
		}
		if err != nil {
			return err
		}
		if p.SetLabels {
			members, err := tx.GroupDeployments(g.Tenant, g.ID)
			if err != nil {
				return err
			}
			if err := change.LabelMembers(tx, s.Clock.Now(), g.Tenant, members, g.Labels, without(old, g.Labels)); err != nil {
				return err
			}
		}
		if p.SetMembers {
			if err := s.replaceMembers(tx, a, g, p.Members); err != nil {
				return err
			}
		}
		if started, err = s.create(tx, a, g, p.New); err != nil {
			return err
		}
		v, err = view(tx, g)
		return err
	})
	s.wakeAll(started)
	return v, err
}

func (p Put) apply(tx store.Reader, a *service.Actor, g *model.DeploymentGroup) error {
	if p.Description != nil {
		g.Description = *p.Description
	}
	if p.Visibility != "" && p.Visibility != g.Visibility && p.Visibility.Wider(g.Visibility) {
		if err := service.Widen(a, &g.Resource, string(g.ID), p.Visibility); err != nil {
			return err
		}
	}
	if p.Blueprint != nil {
		b, err := tx.Blueprint(a.Tenant, *p.Blueprint)
		if err != nil {
			return err
		}
		if !a.Sees(b.Resource) {
			return fault.Missing("Blueprint", string(*p.Blueprint))
		}
		g.Blueprint = b.ID
	}
	return nil
}

// keepStamps returns the wanted labels, those there were before with who set them and when.
func keepStamps(old, wanted []model.Label) []model.Label {
	out := slices.Clone(wanted)
	for i, l := range out {
		for _, o := range old {
			if o.Key == l.Key && o.Value == l.Value {
				out[i] = o
			}
		}
	}
	return out
}

// without returns the labels that are not among others.
func without(labels, others []model.Label) []model.Label {
	var out []model.Label
	for _, l := range labels {
		if !slices.ContainsFunc(others, func(o model.Label) bool { return o.Key == l.Key && o.Value == l.Value }) {
			out = append(out, l)
		}
	}
	return out
}

func (s *Service) replaceMembers(tx store.Tx, a *service.Actor, g *model.DeploymentGroup, members Selection) error {
	wanted, err := members.find(tx, a)
	if err != nil {
		return err
	}
	old, err := tx.GroupDeployments(g.Tenant, g.ID)
	if err != nil {
		return err
	}
	gone := slices.DeleteFunc(old, func(d model.DeploymentID) bool { return slices.Contains(wanted, d) })
	if err := tx.RemoveFromGroup(g.Tenant, g.ID, gone); err != nil {
		return err
	}
	return change.JoinGroup(tx, s.Clock.Now(), g, wanted)
}

// Patch changes who is in a group.
type Patch struct {
	Add, Remove Selection
	New         []NewMember
}

// Patch adds deployments to a group, makes new ones in it, and removes others from it.
func (s *Service) Patch(ctx context.Context, a *service.Actor, id model.DeploymentGroupID, p Patch) (v *View, err error) {
	if err := a.RequireTenant("deployment_group_update"); err != nil {
		return nil, err
	}
	var started []model.ExecutionID
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		g, err := visible(tx, a, id)
		if err != nil {
			return err
		}
		if err := service.Foreign(a, g.Resource, string(id)); err != nil {
			return err
		}
		if !p.Add.isEmpty() {
			added, err := p.Add.find(tx, a)
			if err != nil {
				return err
			}
			if err := change.JoinGroup(tx, s.Clock.Now(), g, added); err != nil {
				return err
			}
		}
		if started, err = s.create(tx, a, g, p.New); err != nil {
			return err
		}
		if !p.Remove.isEmpty() {
			removed, err := p.Remove.find(tx, a)
			if err != nil {
				return err
			}
			if err := tx.RemoveFromGroup(g.Tenant, g.ID, removed); err != nil {
				return err
			}
		}
		v, err = view(tx, g)
		return err
	})
	s.wakeAll(started)
	return v, err
}

func (s *Service) wakeAll(ids []model.ExecutionID) {
	for _, id := range ids {
		s.Wake(id)
	}
}

// Delete removes a group. With deployments its members are deleted too, by an execution group whose id is returned: one of
// them that may not be deleted refuses the whole request.
func (s *Service) Delete(ctx context.Context, a *service.Actor, id model.DeploymentGroupID, deployments bool, how service.Deletion) (
	group model.ExecutionGroupID, err error,
) {
	if err := a.RequireTenant("deployment_group_delete"); err != nil {
		return "", err
	}
	if deployments {
		if err := a.Require("deployment_delete"); err != nil {
			return "", err
		}
	}
	var started []model.ExecutionID
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		group, started = "", nil
		g, err := visible(tx, a, id)
		if err != nil {
			return err
		}
		if err := service.Foreign(a, g.Resource, string(id)); err != nil {
			return err
		}
		if deployments {
			if group, started, err = s.deleteMembers(tx, a, g, how); err != nil {
				return err
			}
		}
		return tx.DeleteDeploymentGroup(g.Tenant, g.ID)
	})
	s.wakeAll(started)
	return group, err
}

func (s *Service) deleteMembers(tx store.Tx, a *service.Actor, g *model.DeploymentGroup, how service.Deletion) (
	model.ExecutionGroupID, []model.ExecutionID, error,
) {
	members, err := tx.GroupDeployments(g.Tenant, g.ID)
	if err != nil {
		return "", nil, err
	}
	xg := s.executionGroup(a, model.WorkflowDeleteEnvironment, model.DefaultConcurrency)
	xg.Visibility = g.Visibility
	if err := tx.InsertExecutionGroup(xg); err != nil {
		return "", nil, err
	}
	how.Group = xg.ID
	var started []model.ExecutionID
	for i, d := range members {
		status := model.ExecutionQueued
		if i < xg.Concurrency {
			status = model.ExecutionPending
		}
		x, err := s.BeginDeletion(tx, a, d, how, status)
		if err != nil {
			return "", nil, err
		}
		started = append(started, x.ID)
	}
	return xg.ID, started, nil
}

func (s *Service) executionGroup(a *service.Actor, workflow string, concurrency int) *model.ExecutionGroup {
	r := model.Resource{Tenant: a.Tenant, CreatedBy: a.User.Name, CreatedAt: s.Clock.Now(), Visibility: model.VisibilityTenant}
	return &model.ExecutionGroup{Resource: r, ID: model.ExecutionGroupID(service.NewUUID()), Workflow: workflow, Concurrency: concurrency}
}
