package service

import (
	"slices"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// objTypeFilters are the system filters that select deployments of one type, by the label's value.
var objTypeFilters = map[string]string{"csys-k8s-filter": "k8s", "csys-terraform-filter": "terraform"}

// deploymentTypes have a system filter "<type>-deployments".
var deploymentTypes = []string{"aws", "azure", "gcp", "terragrunt", "helm", "ansible", "starlingx", "vsphere", "docker", "netconf",
	"fabric", "libvirt", "utilities", "host-pool", "diamond", "openstack", "openstack-v3", "vcloud"}

// serviceFilter is the system filter by which one sees that an installation has them.
const serviceFilter = "csys-service-filter"

// systemFilters are the filters that every installation has (rest-model, section 7).
func systemFilters() map[string][]model.FilterRule {
	label := func(key, operator string, values ...string) model.FilterRule {
		if values == nil {
			values = []string{}
		}
		return model.FilterRule{Key: key, Values: values, Operator: operator, Type: model.RuleLabel}
	}
	out := map[string][]model.FilterRule{
		"csys-environment-filter": {label("csys-obj-type", "any_of", "environment"), label("csys-obj-parent", "is_null")},
		serviceFilter:             {label("csys-obj-type", "is_not", "environment"), label("csys-obj-parent", "is_null")},
	}
	for id, kind := range objTypeFilters {
		out[id] = []model.FilterRule{label("obj-type", "any_of", kind)}
	}
	for _, kind := range deploymentTypes {
		out[kind+"-deployments"] = []model.FilterRule{label("obj-type", "any_of", kind)}
	}
	return out
}

// addSystemFilters stores the system filters, once, for the administrator.
func (s *Service) addSystemFilters(tx store.Tx, admin model.UserName) error {
	r := model.Resource{Tenant: model.DefaultTenant, CreatedBy: admin, CreatedAt: s.Clock.Now(), Visibility: model.VisibilityGlobal}
	all := systemFilters()
	ids := make([]string, 0, len(all))
	for id := range all {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		f := &model.Filter{Resource: r, ID: model.FilterID(id), UpdatedAt: r.CreatedAt, IsSystem: true, Rules: all[id]}
		if err := tx.InsertFilter(store.Deployments, f); err != nil && !fault.Is(err, fault.Conflict) {
			return err
		}
	}
	return nil
}
