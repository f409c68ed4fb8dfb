package insight

import (
	"context"
	"slices"
	"strings"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/store"
)

// listPermission is the permission of each kind's list.
var listPermission = map[service.Kind]string{
	service.Blueprints: "blueprint_list", service.Deployments: "deployment_list", service.Nodes: "node_list", service.NodeInstances: "node_instance_list",
	service.Executions: "execution_list", service.Secrets: "secret_list",
	service.Schedules: "execution_schedule_list",
}

// Unfiltered counts what a list with filter rules would show without them.
func (s *Service) Unfiltered(ctx context.Context, a *service.Actor, k service.Kind, q service.Query, allTenants bool) (n int, err error) {
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
var summaryFields = map[service.Kind][]string{
	service.Blueprints:    {"tenant_name", "visibility"},
	service.Deployments:   {"blueprint_id", "deployment_status", "site_name", "tenant_name", "visibility"},
	service.Nodes:         {"deployment_id", "tenant_name", "visibility"},
	service.NodeInstances: {"deployment_id", "host_id", "index", "node_id", "state", "tenant_name", "visibility"},
	service.Executions:    {"blueprint_id", "deployment_id", "status", "status_display", "tenant_name", "visibility", "workflow_id"},
	service.Schedules:     {"deployment_id", "recurrence", "tenant_name", "visibility", "workflow_id"},
}

// Summarize counts resources by the values of a field, and of a second one when it is given.
func (s *Service) Summarize(ctx context.Context, a *service.Actor, k service.Kind, q service.Query, allTenants bool, fields ...string) (out []service.Count, err error) {
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
func (s *Service) LabelKeys(ctx context.Context, a *service.Actor, k service.Kind, key string, allTenants bool) (names []string, err error) {
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
func (s *Service) ReservedLabels(a *service.Actor) ([]string, error) {
	return service.ReservedLabels(), a.RequireTenant("labels_list")
}
