package change

import (
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// parentLabel is the label by which a deployment names the one that it is a service of (workflows, section 9.9).
const parentLabel = "csys-obj-parent"

// Services returns the deployments of a tenant that name the given one as their parent, oldest first.
func Services(tx store.Reader, t model.TenantName, parent model.DeploymentID) ([]*model.Deployment, error) {
	page, err := tx.Deployments(store.Query{
		Scope: store.Scope{Tenants: []model.TenantName{t}, Admin: true}, Limit: -1,
		Search: []store.Search{{Field: "labels", Text: parentLabel}},
	})
	if err != nil {
		return nil, err
	}
	var out []*model.Deployment
	for _, d := range page.Items {
		for _, l := range d.Labels {
			if l.Key == parentLabel && l.Value == string(parent) && d.Tenant == t && d.ID != parent {
				out = append(out, d)
				break
			}
		}
	}
	return out, nil
}
