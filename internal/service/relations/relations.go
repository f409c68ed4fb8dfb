// Package relations holds the use cases about what deployments are to each other: dependencies between them as clients
// read and make them, and what an environment shows of its children.
//
// It is a room of package service and follows its rules: it checks permission and rules, then commits one store.Update.
// The rules themselves are those of package dependency, which the engine keeps too.
package relations

import (
	"context"
	"time"

	"github.com/reifyhq/reify/internal/dependency"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/store"
)

// Service runs the use cases. It is safe for concurrent use.
type Service struct{ *service.Service }

// New returns the room over the service.
func New(s *service.Service) *Service { return &Service{s} }

// Request describes a dependency as a client gives it (rest-api, section 4).
type Request struct {
	ID             model.DependencyID
	Creator        string
	Source, Target model.DeploymentID
	TargetFunction model.Document
	ExternalSource model.Document
	ExternalTarget model.Document
	Visibility     model.Visibility
	CreatedAt      time.Time
}

func (s *Service) env() dependency.Env {
	return dependency.Env{Now: s.Clock.Now(), NewID: service.NewUUID}
}

// entity makes the dependency of a request. One whose source is on another manager has no source here.
func (s *Service) entity(a *service.Actor, r Request) (*model.Dependency, error) {
	own, err := s.NewResource(a, r.Visibility)
	if err != nil {
		return nil, err
	}
	if !r.CreatedAt.IsZero() {
		own.CreatedAt = r.CreatedAt
	}
	d := &model.Dependency{
		Resource: own, ID: r.ID, Creator: r.Creator, Source: r.Source, Target: r.Target, TargetFunction: r.TargetFunction,
		ExternalSource: r.ExternalSource, ExternalTarget: r.ExternalTarget,
	}
	if d.ExternalSource != nil {
		d.Source = ""
	}
	if d.ExternalTarget != nil {
		d.Target = ""
	}
	return d, nil
}

// Dependencies lists dependencies.
func (s *Service) Dependencies(ctx context.Context, a *service.Actor, q service.Query, all bool) (p service.Page[*model.Dependency], err error) {
	if err := a.RequireTenant("inter_deployment_dependency_list"); err != nil {
		return p, err
	}
	q.Scope = a.Scope("inter_deployment_dependency_list", all)
	err = s.Store.View(ctx, func(tx store.Reader) error {
		p, err = tx.Dependencies(q)
		return err
	})
	return p, err
}

// Create stores a dependency; one that is there already is answered as it is. Unknown deployments are fault.NotFound, a
// cycle is fault.Conflict.
func (s *Service) Create(ctx context.Context, a *service.Actor, r Request) (d *model.Dependency, err error) {
	if err := a.RequireTenant("inter_deployment_dependency_create"); err != nil {
		return nil, err
	}
	made, err := s.entity(a, r)
	if err != nil {
		return nil, err
	}
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		fresh := *made
		d, err = dependency.Add(tx, s.env(), &fresh)
		return err
	})
	return d, err
}

// Delete removes a dependency; one that is not there is fault.NotFound.
func (s *Service) Delete(ctx context.Context, a *service.Actor, r Request) error {
	if err := a.RequireTenant("inter_deployment_dependency_delete"); err != nil {
		return err
	}
	gone, err := s.entity(a, r)
	if err != nil {
		return err
	}
	return s.Store.Update(ctx, func(tx store.Tx) error { return dependency.Remove(tx, s.env(), gone) })
}

// Restore stores dependencies of a source beside those that it has.
func (s *Service) Restore(ctx context.Context, a *service.Actor, source model.DeploymentID, list []Request) ([]*model.Dependency, error) {
	if err := a.RequireTenant("inter_deployment_dependency_create"); err != nil {
		return nil, err
	}
	out := make([]*model.Dependency, len(list))
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		for k, r := range list {
			r.Source = source
			d, err := s.entity(a, r)
			if err != nil {
				return err
			}
			if out[k], err = dependency.Add(tx, s.env(), d); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// Replace makes the dependencies of a source that come from functions those of the list.
func (s *Service) Replace(ctx context.Context, a *service.Actor, source model.DeploymentID, list []Request) (out []*model.Dependency, err error) {
	if err := a.RequireTenant("inter_deployment_dependency_create"); err != nil {
		return nil, err
	}
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		d, err := tx.Deployment(a.Tenant, source)
		if err != nil {
			return err
		}
		if err := service.Foreign(a, d.Resource, string(source)); err != nil {
			return err
		}
		wanted := make([]*model.Dependency, len(list))
		for k, r := range list {
			if wanted[k], err = s.entity(a, r); err != nil {
				return err
			}
		}
		out, err = dependency.Replace(tx, s.env(), a.Tenant, source, wanted)
		return err
	})
	return out, err
}

// TargetsOf returns every deployment that the given one depends on, directly or not.
func (s *Service) TargetsOf(ctx context.Context, a *service.Actor, id model.DeploymentID) (out []model.DeploymentID, err error) {
	err = s.Store.View(ctx, func(tx store.Reader) error {
		d, err := tx.Deployment(a.Tenant, id)
		if err == nil && !a.Sees(d.Resource) {
			return fault.Missing("Deployment", string(id))
		}
		if err != nil {
			return err
		}
		out, err = dependency.Targets(tx, a.Tenant, id)
		return err
	})
	return out, err
}

// Affected tells who depends on a deployment, directly or not, whatever they are doing.
func (s *Service) Affected(ctx context.Context, a *service.Actor, id model.DeploymentID) (out []dependency.Summary, err error) {
	err = s.Store.View(ctx, func(tx store.Reader) error {
		d, err := service.VisibleDeployment(tx, a, id)
		if err != nil {
			return err
		}
		b, err := dependency.Find(tx, d, dependency.Question{IsRecursive: true})
		out = append([]dependency.Summary{}, b.Dependents...)
		return err
	})
	return out, err
}

// ComponentDeployments returns the deployments of the actor's tenant that are components of others.
func (s *Service) ComponentDeployments(ctx context.Context, a *service.Actor) (out []model.DeploymentID, err error) {
	q := service.Query{Scope: store.Scope{Tenants: []model.TenantName{a.Tenant}, Admin: true}, Limit: -1,
		Search: []store.Search{{Field: "dependency_creator", Text: model.CreatorComponent + "."}}}
	err = s.Store.View(ctx, func(tx store.Reader) error {
		p, err := tx.Dependencies(q)
		for _, d := range p.Items {
			if d.Type() == model.CreatorComponent && d.Target != "" {
				out = append(out, d.Target)
			}
		}
		return err
	})
	return out, err
}

// OnlyChildren makes the counts and statuses of a deployment those of its direct children.
func (s *Service) OnlyChildren(ctx context.Context, v *service.DeploymentView) error {
	return s.Store.View(ctx, func(tx store.Reader) error {
		children, err := tx.Children(v.Tenant, v.ID)
		v.SubServices, v.SubEnvironments, v.SubServicesStatus, v.SubEnvironmentsStatus = 0, 0, "", ""
		for _, c := range children {
			if c.IsEnvironment() {
				v.SubEnvironments++
				v.SubEnvironmentsStatus = model.WorseDeploymentStatus(v.SubEnvironmentsStatus, c.Status)
			} else {
				v.SubServices++
				v.SubServicesStatus = model.WorseDeploymentStatus(v.SubServicesStatus, c.Status)
			}
		}
		return err
	})
}
