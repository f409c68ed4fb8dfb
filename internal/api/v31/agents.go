package v31

import (
	"fmt"
	"net/http"
	"path"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/service/inventory"
)

// agentRecord knows the original's old and new names of the same fields.
func agentRecord(g *model.Agent) api.Record {
	node, deployment, instance := api.Text(g.Node), api.Text(g.Deployment), api.Text(g.Instance)
	r := api.Record{
		{Name: "created_at", Value: api.Instant(g.CreatedAt)}, {Name: "id", Value: g.Name}, {Name: "visibility", Value: g.Visibility},
		{Name: "ip", Value: api.Text(g.IP)}, {Name: "name", Value: g.Name}, {Name: "install_method", Value: g.InstallMethod},
		{Name: "system", Value: api.Text(g.System)}, {Name: "version", Value: g.Version}, {Name: "state", Value: g.State},
		{Name: "rabbitmq_username", Value: api.Text(g.Username)}, {Name: "rabbitmq_password", Value: api.Text(g.Password)},
		{Name: "rabbitmq_exchange", Value: g.Exchange}, {Name: "updated_at", Value: api.Instant(g.UpdatedAt)},
		{Name: "node_instance_id", Value: instance}, {Name: "host_id", Value: instance}, {Name: "node_id", Value: node},
		{Name: "deployment_id", Value: deployment}, {Name: "node", Value: node}, {Name: "deployment", Value: deployment},
		{Name: "node_ids", Value: node}, {Name: "node_instance_ids", Value: instance}, {Name: "install_methods", Value: g.InstallMethod},
	}
	return append(r, api.Common(g.Resource)...)
}

// agentItem is an agent in a list; its account is shown only with the data.
func agentItem(withData bool) func(*model.Agent) api.Record {
	return func(g *model.Agent) api.Record {
		var username any
		if withData {
			username = api.Text(g.Username)
		}
		return api.Record{
			{Name: "id", Value: g.Name}, {Name: "host_id", Value: g.Instance}, {Name: "node_instance_id", Value: g.Instance},
			{Name: "ip", Value: api.Text(g.IP)}, {Name: "install_method", Value: g.InstallMethod}, {Name: "system", Value: api.Text(g.System)},
			{Name: "version", Value: g.Version}, {Name: "node", Value: api.Text(g.Node)}, {Name: "deployment", Value: api.Text(g.Deployment)},
			{Name: "tenant_name", Value: g.Tenant}, {Name: "created_at", Value: api.Instant(g.CreatedAt)},
			{Name: "rabbitmq_exchange", Value: g.Exchange}, {Name: "created_by", Value: g.CreatedBy},
			{Name: "rabbitmq_username", Value: username}, {Name: "visibility", Value: g.Visibility},
			{Name: "rabbitmq_password", Value: nil}, {Name: "state", Value: g.State},
		}
	}
}

// agentFilters are the fields by which agents can be filtered although their lists do not answer them.
var agentFilters = []string{"name", "deployment_id", "node_id", "node_ids", "node_instance_ids", "install_methods", "updated_at"}

func (a *API) listAgents(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	l, err := api.ParseList(r, api.ListSpec{Blank: agentItem(false)(&model.Agent{}), Search: "name", Filters: agentFilters})
	if err != nil {
		return err
	}
	full, err := api.WantsData(r)
	if err != nil {
		return err
	}
	page, err := a.inventory.Agents(r.Context(), actor, l.Query, l.AllTenants)
	if err != nil {
		return err
	}
	return api.WritePage(l, w, page, agentItem(full))
}

func (a *API) getAgent(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	g, err := a.inventory.Agent(r.Context(), actor, model.AgentName(api.Param(r, "name")))
	if err != nil {
		return err
	}
	return api.WriteOne(w, r, http.StatusOK, agentRecord(g))
}

func (a *API) createAgent(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	texts, err := body.Texts("node_instance_id", "state")
	if err != nil {
		return err
	}
	if err := body.Need("create_rabbitmq_user"); err != nil {
		return err
	}
	account, err := body.Bool("create_rabbitmq_user", false)
	if err != nil {
		return err
	}
	g := model.Agent{Name: model.AgentName(api.Unescaped(r, "name")), Instance: model.InstanceID(texts[0]), State: model.AgentState(texts[1])}
	var visibility string
	for key, field := range map[string]*string{"ip": &g.IP, "install_method": &g.InstallMethod, "system": &g.System, "version": &g.Version,
		"rabbitmq_username": &g.Username, "rabbitmq_password": &g.Password, "rabbitmq_exchange": &g.Exchange, "visibility": &visibility} {
		if *field, err = body.Text(key); err != nil {
			return err
		}
	}
	g.Visibility = model.Visibility(visibility)
	stored, err := a.inventory.CreateAgent(r.Context(), actor, g, account)
	if err != nil {
		return err
	}
	if stored == nil {
		api.WriteJSON(w, http.StatusOK, unmade(agentRecord(&model.Agent{})))
		return nil
	}
	return api.WriteOne(w, r, http.StatusOK, agentRecord(stored))
}

func (a *API) patchAgent(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	var c inventory.AgentChange
	if c.State, err = optional[model.AgentState](body, "state"); err != nil {
		return err
	}
	if c.System, err = optional[string](body, "system"); err != nil {
		return err
	}
	if c.Version, err = optional[string](body, "version"); err != nil {
		return err
	}
	g, err := a.inventory.UpdateAgent(r.Context(), actor, model.AgentName(api.Param(r, "name")), c)
	if err != nil {
		return err
	}
	return api.WriteOne(w, r, http.StatusOK, agentRecord(g))
}

// replaceAgentCerts changes nothing: agents of this manager know no certificate of a broker.
func (a *API) replaceAgentCerts(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	if err := actor.Require("agent_replace_certs"); err != nil {
		return err
	}
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	if err := body.Need("bundle"); err != nil {
		return err
	}
	api.WriteJSON(w, http.StatusOK, api.Record{{Name: "number_of_updated_agents", Value: 0}})
	return nil
}

func snapshotRecord(n *model.Snapshot) api.Record {
	r := api.Record{
		{Name: "created_at", Value: api.Instant(n.CreatedAt)}, {Name: "id", Value: n.ID}, {Name: "visibility", Value: n.Visibility},
		{Name: "status", Value: n.Status}, {Name: "error", Value: n.Error},
	}
	return append(r, api.Common(n.Resource)...)
}

func (a *API) listSnapshots(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	l, err := api.ParseList(r, api.ListSpec{Blank: snapshotRecord(&model.Snapshot{}), Search: "id"})
	if err != nil {
		return err
	}
	page, err := a.inventory.Snapshots(r.Context(), actor, l.Query, l.AllTenants)
	if err != nil {
		return err
	}
	return api.WritePage(l, w, page, snapshotRecord)
}

func snapshotID(r *http.Request) model.SnapshotID { return model.SnapshotID(api.Unescaped(r, "id")) }

func (a *API) getSnapshot(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	n, err := a.inventory.Snapshot(r.Context(), actor, snapshotID(r))
	if err != nil {
		return err
	}
	return api.WriteOne(w, r, http.StatusOK, snapshotRecord(n))
}

func (a *API) createSnapshot(_ http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	return a.inventory.CreateSnapshot(r.Context(), actor, snapshotID(r))
}

func (a *API) restoreSnapshot(_ http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	return a.inventory.RestoreSnapshot(r.Context(), actor, snapshotID(r))
}

func (a *API) patchSnapshot(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	texts, err := body.Texts("status")
	if err != nil {
		return err
	}
	text, err := body.Text("error")
	if err != nil {
		return err
	}
	if err := a.inventory.SetSnapshotStatus(r.Context(), actor, snapshotID(r), model.SnapshotStatus(texts[0]), text); err != nil {
		return err
	}
	api.WriteJSON(w, http.StatusOK, nil)
	return nil
}

func (a *API) deleteSnapshot(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	n, err := a.inventory.DeleteSnapshot(r.Context(), actor, snapshotID(r))
	if err != nil {
		return err
	}
	return api.WriteOne(w, r, http.StatusOK, snapshotRecord(n))
}

// uploadSnapshot takes the archive as the body, whatever its content type says (rest-api, section 1.1).
func (a *API) uploadSnapshot(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	if r.URL.Query().Get("snapshot_archive_url") != "" {
		return fault.New(fault.BadParameters, "snapshot_archive_url is not supported by this manager; send the archive as the body")
	}
	n, err := a.inventory.UploadSnapshot(r.Context(), actor, snapshotID(r), r.Body)
	if err != nil {
		return err
	}
	return api.WriteOne(w, r, http.StatusCreated, snapshotRecord(n))
}

func (a *API) downloadSnapshot(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	obj, err := a.inventory.OpenSnapshot(r.Context(), actor, snapshotID(r))
	if err != nil {
		return err
	}
	defer obj.Close()
	info := obj.Info()
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Description", "File Transfer")
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", path.Base(info.Key)))
	http.ServeContent(w, r, "", info.ModifiedAt, obj)
	return nil
}
