package service

import (
	"context"
	"slices"
	"strings"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// Kind names a kind of resource whose lists can be filtered and counted.
type Kind = store.Kind

// The kinds, by the names of their lists in the REST API.
const (
	Blueprints    = store.Blueprints
	Deployments   = store.Deployments
	Nodes         = store.Nodes
	NodeInstances = store.NodeInstances
	Executions    = store.Executions
	Secrets       = store.Secrets
	Schedules     = store.Schedules
)

// Count is how many resources have the values of the fields that were asked for.
type Count = store.Count

// listPermission is the permission of each kind's list.
var listPermission = map[Kind]string{
	Blueprints: "blueprint_list", Deployments: "deployment_list", Nodes: "node_list", NodeInstances: "node_instance_list",
	Executions: "execution_list", Secrets: "secret_list",
	Schedules: "execution_schedule_list",
}

// Unfiltered counts what a list with filter rules would show without them.
func (s *Service) Unfiltered(ctx context.Context, a *Actor, k Kind, q Query, allTenants bool) (n int, err error) {
	if err := a.RequireTenant(listPermission[k]); err != nil {
		return 0, err
	}
	q.Scope, q.Search = a.Scope(listPermission[k], allTenants), nil
	err = s.Store.View(ctx, func(tx store.Reader) error {
		n, err = tx.Count(k, q, true)
		return err
	})
	return n, err
}

// summaryFields are the fields that each kind is counted by (rest-api, section 13.7).
var summaryFields = map[Kind][]string{
	Blueprints:    {"tenant_name", "visibility"},
	Deployments:   {"blueprint_id", "deployment_status", "site_name", "tenant_name", "visibility"},
	Nodes:         {"deployment_id", "tenant_name", "visibility"},
	NodeInstances: {"deployment_id", "host_id", "index", "node_id", "state", "tenant_name", "visibility"},
	Executions:    {"blueprint_id", "deployment_id", "status", "status_display", "tenant_name", "visibility", "workflow_id"},
	Schedules:     {"deployment_id", "recurrence", "tenant_name", "visibility", "workflow_id"},
}

// Summarize counts resources by the values of a field, and of a second one when it is given.
func (s *Service) Summarize(ctx context.Context, a *Actor, k Kind, q Query, allTenants bool, fields ...string) (out []Count, err error) {
	if err := a.RequireTenant(listPermission[k]); err != nil {
		return nil, err
	}
	for i, f := range fields {
		if !slices.Contains(summaryFields[k], f) {
			return nil, fault.New(fault.BadParameters, "1 validation error for SummaryRequest\n%s\n  Invalid summary field: %s. "+
				"Allowed values: %s (type=value_error)", []string{"_target_field", "_sub_field"}[i], f, strings.Join(summaryFields[k], ", "))
		}
	}
	q.Scope = a.Scope(listPermission[k], allTenants)
	err = s.Store.View(ctx, func(tx store.Reader) error {
		out, err = tx.Summarize(k, q, fields)
		return err
	})
	return out, err
}

// LabelKeys lists the keys of labels in use on blueprints or deployments, or the values of one key.
func (s *Service) LabelKeys(ctx context.Context, a *Actor, k Kind, key string, allTenants bool) (names []string, err error) {
	if err := a.RequireTenant("labels_list"); err != nil {
		return nil, err
	}
	err = s.Store.View(ctx, func(tx store.Reader) error {
		names, err = tx.LabelKeys(k, a.Scope("labels_list", allTenants), strings.ToLower(key))
		return err
	})
	return names, err
}

// ReservedLabels lists the keys with the reserved prefix that may be used.
func (s *Service) ReservedLabels(a *Actor) ([]string, error) {
	return reservedLabels, a.RequireTenant("labels_list")
}

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
