package service

import (
	"context"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// SetBlueprintVisibility shows a blueprint to more people.
func (s *Service) SetBlueprintVisibility(ctx context.Context, a *Actor, id model.BlueprintID, v model.Visibility) (b *model.Blueprint, err error) {
	if err := a.RequireTenant("resource_set_visibility"); err != nil {
		return nil, err
	}
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		if b, err = visibleBlueprint(tx, a, id); err != nil {
			return err
		}
		if err := Widen(a, &b.Resource, string(id), v); err != nil {
			return err
		}
		return tx.UpdateBlueprint(b)
	})
	return b, err
}

// SetDeploymentVisibility shows a deployment with its nodes and instances to more people, but not to more than see its
// blueprint.
func (s *Service) SetDeploymentVisibility(ctx context.Context, a *Actor, id model.DeploymentID, v model.Visibility) (*DeploymentView, error) {
	if err := a.RequireTenant("deployment_set_visibility"); err != nil {
		return nil, err
	}
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		d, err := visibleDeployment(tx, a, id)
		if err != nil {
			return err
		}
		if err := Widen(a, &d.Resource, string(id), v); err != nil {
			return err
		}
		b, err := tx.Blueprint(d.Tenant, d.Blueprint)
		if err != nil {
			return err
		}
		if v.Wider(b.Visibility) {
			return fault.New(fault.IllegalAction, "The visibility of deployment `%s` can't be wider than the visibility of its "+
				"blueprint `%s`. Current blueprint visibility is %s", id, b.ID, b.Visibility)
		}
		if err := tx.UpdateDeployment(d); err != nil {
			return err
		}
		return showNodes(tx, d)
	})
	if err != nil {
		return nil, err
	}
	return s.Deployment(ctx, a, id)
}

func showNodes(tx store.Tx, d *model.Deployment) error {
	nodes, err := tx.DeploymentNodes(d.Tenant, d.ID)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		n.Visibility = d.Visibility
		if err := tx.UpdateNode(n); err != nil {
			return err
		}
	}
	instances, err := tx.DeploymentInstances(d.Tenant, d.ID)
	if err != nil {
		return err
	}
	for _, i := range instances {
		i.Visibility = d.Visibility
		if err := tx.UpdateInstance(i); err != nil {
			return err
		}
	}
	return nil
}

// SetSite moves a deployment to a site, or away from all when the name is empty.
func (s *Service) SetSite(ctx context.Context, a *Actor, id model.DeploymentID, name model.SiteName) (*DeploymentView, error) {
	if err := a.RequireTenant("deployment_set_site"); err != nil {
		return nil, err
	}
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		d, err := visibleDeployment(tx, a, id)
		if err != nil {
			return err
		}
		if err := foreign(a, d.Resource, string(id)); err != nil {
			return err
		}
		if err := checkSite(tx, a, name, d.ID, d.Visibility); err != nil {
			return err
		}
		d.SiteName = string(name)
		return tx.UpdateDeployment(d)
	})
	if err != nil {
		return nil, err
	}
	return s.Deployment(ctx, a, id)
}

// checkSite refuses a site that the actor does not see or that fewer people see than the deployment.
func checkSite(tx store.Reader, a *Actor, name model.SiteName, id model.DeploymentID, v model.Visibility) error {
	if name == "" {
		return nil
	}
	site, err := tx.Site(a.Tenant, name)
	if err != nil {
		return err
	}
	if !a.visible(site.Resource) {
		return fault.Missing("Site", string(name))
	}
	if v.Wider(site.Visibility) {
		return fault.New(fault.IllegalAction, "The visibility of deployment `%s`: `%s` can't be wider than the visibility of its "+
			"site `%s`: `%s`", id, v, name, site.Visibility)
	}
	return nil
}
