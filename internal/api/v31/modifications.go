package v31

import (
	"context"
	"net/http"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
)

// modifiedRecord is an instance in a list of a modification: one that is new has the few fields that a plan gives it.
func modifiedRecord(m model.ModifiedInstance) api.Record {
	if !m.IsNew {
		r := instanceRecord(&m.NodeInstance)
		if m.Mark != "" {
			r = append(r, api.Field{Name: "modification", Value: m.Mark})
		}
		return r
	}
	r := api.Record{
		{Name: "name", Value: m.Node}, {Name: "node_id", Value: m.Node}, {Name: "id", Value: m.ID},
	}
	if m.HostID != "" {
		r = append(r, api.Field{Name: "host_id", Value: m.HostID})
	}
	r = append(r, api.Field{Name: "modification", Value: m.Mark})
	if len(m.ScalingGroups) > 0 {
		r = append(r, api.Field{Name: "scaling_groups", Value: m.ScalingGroups})
	}
	relationships := m.Relationships
	if relationships == nil {
		relationships = []model.InstanceRelationship{}
	}
	return append(r, api.Field{Name: "relationships", Value: relationships})
}

// instancesRecord are the lists of instances of a modification or an update.
func instancesRecord(in *model.ModificationInstances) api.Record {
	related := func(list []model.ModifiedInstance) []api.Record {
		out := make([]api.Record, 0, len(list))
		for _, i := range list {
			out = append(out, modifiedRecord(i))
		}
		return out
	}
	r := api.Record{
		{Name: "added_and_related", Value: related(in.Added)}, {Name: "extended_and_related", Value: related(in.Extended)},
		{Name: "reduced_and_related", Value: related(in.Reduced)}, {Name: "removed_and_related", Value: related(in.Removed)},
	}
	whole := func(name string, list []*model.NodeInstance) {
		if list == nil {
			return
		}
		out := make([]api.Record, 0, len(list))
		for _, i := range list {
			out = append(out, instanceRecord(i))
		}
		r = append(r, api.Field{Name: name, Value: out})
	}
	whole("before_modification", in.Before)
	whole("before_rollback", in.BeforeRollback)
	return r
}

func modificationRecord(m *model.Modification) api.Record {
	var remembered any
	if m.Context != nil {
		remembered = m.Context
	}
	r := api.Record{
		{Name: "created_at", Value: api.Instant(m.CreatedAt)}, {Name: "id", Value: m.ID}, {Name: "visibility", Value: m.Visibility},
		{Name: "context_p", Value: nil}, {Name: "context", Value: remembered}, {Name: "ended_at", Value: api.Instant(m.EndedAt)},
		{Name: "modified_nodes_p", Value: nil}, {Name: "modified_nodes", Value: api.Object(m.Nodes)},
		{Name: "node_instances_p", Value: nil}, {Name: "node_instances", Value: instancesRecord(&m.Instances)},
		{Name: "status", Value: m.Status}, {Name: "deployment_id", Value: m.Deployment},
	}
	return append(r, api.Common(m.Resource)...)
}

var blankModification = modificationRecord(&model.Modification{})

func (a *API) listModifications(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	l, err := api.ParseList(r, api.ListSpec{Blank: blankModification, Search: "id"})
	if err != nil {
		return err
	}
	page, err := a.revision.Modifications(r.Context(), actor, l.Query, l.AllTenants)
	if err != nil {
		return err
	}
	items := make([]api.Record, 0, len(page.Items))
	for _, m := range page.Items {
		items = append(items, modificationRecord(m))
	}
	return l.Write(w, items, page.Total)
}

func writeModification(w http.ResponseWriter, r *http.Request, status int, m *model.Modification) error {
	include, err := api.Include(r, blankModification)
	if err != nil {
		return err
	}
	api.WriteJSON(w, status, modificationRecord(m).Pick(include))
	return nil
}

func (a *API) getModification(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	m, err := a.revision.Modification(r.Context(), actor, model.ModificationID(api.Param(r, "id")))
	if err != nil {
		return err
	}
	return writeModification(w, r, http.StatusOK, m)
}

func (a *API) startModification(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	if err := body.Need("deployment_id"); err != nil {
		return err
	}
	deployment, err := body.Text("deployment_id")
	if err != nil {
		return err
	}
	nodes, err := body.Object("nodes")
	if err != nil {
		return err
	}
	if nodes == nil {
		nodes = model.Document{}
	}
	remember, err := body.Object("context")
	if err != nil {
		return err
	}
	m, err := a.revision.StartModification(r.Context(), actor, model.DeploymentID(deployment), nodes, remember)
	if err != nil {
		return err
	}
	return writeModification(w, r, http.StatusCreated, m)
}

// endModification answers …/finish and …/rollback.
func (a *API) endModification(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	ends := map[string]func(context.Context, *service.Actor, model.ModificationID) (*model.Modification, error){
		"finish": a.revision.FinishModification, "rollback": a.revision.RollbackModification,
	}
	end, ok := ends[api.Param(r, "action")]
	if !ok {
		return fault.New(fault.NotFound, "a deployment modification can be ended by finish or rollback, not by %q", api.Param(r, "action"))
	}
	m, err := end(r.Context(), actor, model.ModificationID(api.Param(r, "id")))
	if err != nil {
		return err
	}
	return writeModification(w, r, http.StatusOK, m)
}
