package v31

import (
	"net/http"
	"slices"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/service"
)

func (a *API) listWorkflows(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	l, err := a.lists.Parse(r, actor, service.Deployments, api.ListSpec{Blank: append(slices.Clone(blankDeployment), api.Blank("name", "plugin", "operation", "parameters", "is_cascading", "is_available", "availability_rules")...), Search: "id"})
	if err != nil {
		return err
	}
	inGroup(r, &l.Query, "deployment_group_id")
	l.Query.Limit, l.Query.Offset = -1, 0
	page, err := a.svc.Deployments(r.Context(), actor, l.Query, l.AllTenants)
	if err != nil {
		return err
	}
	var items []api.Record
	seen := map[any]bool{}
	for _, v := range page.Items {
		for _, wf := range workflowRecords(v) {
			if !seen[wf[0].Value] {
				seen[wf[0].Value] = true
				items = append(items, wf)
			}
		}
	}
	l.Size, l.Offset, l.IsPlain = len(items), 0, true
	return l.WriteWhole(w, items)
}
