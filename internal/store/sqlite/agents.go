package sqlite

import (
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// The parts of an agent that are read from its instance.
const (
	agentDeployment = "(SELECT i.deployment FROM instances i WHERE i.id = t.instance AND i.tenant = t.tenant)"
	agentNode       = "(SELECT i.node FROM instances i WHERE i.id = t.instance AND i.tenant = t.tenant)"
)

// agents know the original's singular and plural names of the same fields.
var agents = byName("agents", "name", map[string]field{
	"id":                {expr: "t.id", lookup: true},
	"node_instance_id":  {expr: "t.instance", lookup: true},
	"node_instance_ids": {expr: "t.instance", lookup: true},
	"host_id":           {expr: "t.instance", lookup: true},
	"deployment_id":     {expr: agentDeployment, nullable: true},
	"deployment":        {expr: agentDeployment, nullable: true},
	"node_id":           {expr: agentNode, nullable: true},
	"node_ids":          {expr: agentNode, nullable: true},
	"node":              {expr: agentNode, nullable: true},
	"ip":                {expr: "t.ip"},
	"install_method":    {expr: "t.install_method"},
	"install_methods":   {expr: "t.install_method"},
	"system":            {expr: "t.system"},
	"version":           {expr: "t.version"},
	"state":             {expr: "t.state"},
	"updated_at":        {expr: "t.updated_at", kind: asInstant, nullable: true},
	"rabbitmq_username": {expr: "t.username"},
	"rabbitmq_exchange": {expr: "t.exchange"},
})

const agentColumns = "t.tenant, t.created_by, t.created_at, t.visibility, t.id, t.instance, t.ip, t.install_method, t.system, " +
	"t.version, t.state, t.updated_at, t.username, t.password, t.exchange, " + agentDeployment + ", " + agentNode

func scanAgent(r *row) *model.Agent {
	return &model.Agent{
		Resource: r.resource(), Name: model.AgentName(r.text()), Instance: model.InstanceID(r.text()), IP: r.text(),
		InstallMethod: r.text(), System: r.text(), Version: r.text(), State: model.AgentState(r.text()), UpdatedAt: r.instant(),
		Username: r.text(), Password: r.text(), Exchange: r.text(),
		Deployment: model.DeploymentID(r.text()), Node: model.NodeID(r.text()),
	}
}

func agentValues(a *model.Agent) *values {
	v := &values{}
	v.resource(a.Resource)
	v.text(string(a.Name), string(a.Instance), a.IP, a.InstallMethod, a.System, a.Version, string(a.State))
	v.instant(a.UpdatedAt)
	v.text(a.Username, a.Password, a.Exchange)
	return v
}

func (r *reader) Agent(t model.TenantName, name model.AgentName) (*model.Agent, error) {
	return get(r, "Agent", string(name), "SELECT "+agentColumns+" FROM agents t"+visibleIn, scanAgent, string(name), string(t), string(t))
}

func (r *reader) Agents(q store.Query) (store.Page[*model.Agent], error) {
	return list(r, agents, q, view{columns: agentColumns}, scanAgent)
}

func (t *tx) InsertAgent(a *model.Agent) error {
	if err := t.free("agents", "Agent", string(a.Name), a.Resource); err != nil {
		return err
	}
	_, err := t.write("INSERT INTO agents (tenant, created_by, created_at, visibility, id, instance, ip, install_method, system, "+
		"version, state, updated_at, username, password, exchange) VALUES ("+placeholders(15)+")", agentValues(a))
	return inserted(err, "Agent", string(a.Name), a.Tenant, "NodeInstance", string(a.Instance))
}

func (t *tx) UpdateAgent(a *model.Agent) error {
	n, err := t.write("UPDATE agents SET created_by = ?2, created_at = ?3, visibility = ?4, instance = ?6, ip = ?7, "+
		"install_method = ?8, system = ?9, version = ?10, state = ?11, updated_at = ?12, username = ?13, password = ?14, "+
		"exchange = ?15 WHERE tenant = ?1 AND id = ?5", agentValues(a))
	return mustChange(n, err, "Agent", string(a.Name))
}

var snapshots = byName("snapshots", "id", map[string]field{"status": {expr: "t.status"}, "error": {expr: "t.error"}})

const snapshotColumns = "t.tenant, t.created_by, t.created_at, t.visibility, t.id, t.status, t.error"

func scanSnapshot(r *row) *model.Snapshot {
	return &model.Snapshot{Resource: r.resource(), ID: model.SnapshotID(r.text()), Status: model.SnapshotStatus(r.text()), Error: r.text()}
}

func snapshotValues(s *model.Snapshot) *values {
	v := &values{}
	v.resource(s.Resource)
	v.text(string(s.ID), string(s.Status), s.Error)
	return v
}

func (r *reader) Snapshot(t model.TenantName, id model.SnapshotID) (*model.Snapshot, error) {
	return get(r, "Snapshot", string(id), "SELECT "+snapshotColumns+" FROM snapshots t"+visibleIn, scanSnapshot, string(id), string(t), string(t))
}

func (r *reader) Snapshots(q store.Query) (store.Page[*model.Snapshot], error) {
	return list(r, snapshots, q, view{columns: snapshotColumns}, scanSnapshot)
}

func (t *tx) InsertSnapshot(s *model.Snapshot) error {
	if err := t.free("snapshots", "Snapshot", string(s.ID), s.Resource); err != nil {
		return err
	}
	_, err := t.write("INSERT INTO snapshots (tenant, created_by, created_at, visibility, id, status, error) VALUES ("+
		placeholders(7)+")", snapshotValues(s))
	return inserted(err, "Snapshot", string(s.ID), s.Tenant, "", "")
}

func (t *tx) UpdateSnapshot(s *model.Snapshot) error {
	n, err := t.write("UPDATE snapshots SET created_by = ?2, created_at = ?3, visibility = ?4, status = ?6, error = ?7 "+
		"WHERE tenant = ?1 AND id = ?5", snapshotValues(s))
	return mustChange(n, err, "Snapshot", string(s.ID))
}

func (t *tx) DeleteSnapshot(tenant model.TenantName, id model.SnapshotID) error {
	n, err := t.c.exec(t.ctx, "DELETE FROM snapshots WHERE tenant = ? AND id = ?", string(tenant), string(id))
	return mustChange(n, err, "Snapshot", string(id))
}
