package sqlite

import (
	"encoding/json"
	"fmt"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

var nodes = &noun{
	name:  "nodes",
	table: "nodes",
	order: []string{"t.seq"},
	fields: resourceFields(map[string]field{
		"id":                          {expr: "t.id", lookup: true},
		"deployment_id":               {expr: "t.deployment", lookup: true},
		"deployment_display_name":     {expr: deploymentName},
		"blueprint_id":                {expr: deploymentBlueprint},
		"created_at":                  {expr: "t.created_at", kind: asInstant},
		"type":                        {expr: "t.type"},
		"host_id":                     {expr: "t.host_id"},
		"number_of_instances":         {expr: "t.number", kind: asInteger},
		"planned_number_of_instances": {expr: "t.planned", kind: asInteger},
		"deploy_number_of_instances":  {expr: "t.deploy", kind: asInteger},
		"min_number_of_instances":     {expr: "t.min", kind: asInteger},
		"max_number_of_instances":     {expr: "t.max", kind: asInteger},
		"actual_number_of_instances": {kind: asInteger, expr: "(SELECT count(*) FROM instances i WHERE i.node = t.id " +
			"AND i.deployment = t.deployment AND i.tenant = t.tenant)"},
		"type_hierarchy":     {expr: "t.type_hierarchy"},
		"properties":         {expr: "t.properties"},
		"operations":         {expr: "t.operations"},
		"relationships":      {expr: "t.relationships"},
		"plugins":            {expr: "t.plugins"},
		"plugins_to_install": {expr: "t.plugins_to_install"},
	}),
}

// What nodes, instances and executions know through their deployment.
const (
	deploymentName      = "(SELECT d.display_name FROM deployments d WHERE d.id = t.deployment AND d.tenant = t.tenant)"
	deploymentBlueprint = "(SELECT d.blueprint FROM deployments d WHERE d.id = t.deployment AND d.tenant = t.tenant)"
)

const nodeColumns = "t.tenant, t.created_by, t.created_at, t.visibility, t.deployment, t.id, t.type, t.host_id, " +
	"t.number, t.planned, t.deploy, t.min, t.max, t.type_hierarchy, t.properties, t.operations, t.relationships, " +
	"t.plugins, t.plugins_to_install"

func scanNode(r *row) *model.Node {
	n := &model.Node{
		Resource: r.resource(), Deployment: model.DeploymentID(r.text()), ID: model.NodeID(r.text()), Type: r.text(),
		HostID: model.NodeID(r.text()), Number: r.integer(), Planned: r.integer(), Deploy: r.integer(), Min: r.integer(),
		Max: r.integer(),
	}
	r.document(&n.TypeHierarchy)
	r.document(&n.Properties)
	r.document(&n.Operations)
	r.document(&n.Relationships)
	r.document(&n.Plugins)
	r.document(&n.PluginsToInstall)
	return n
}

func nodeValues(n *model.Node) *values {
	v := &values{}
	v.resource(n.Resource)
	v.text(string(n.Deployment), string(n.ID), n.Type, string(n.HostID))
	v.integer(n.Number, n.Planned, n.Deploy, n.Min, n.Max)
	v.document(n.TypeHierarchy != nil, n.TypeHierarchy)
	v.document(n.Properties != nil, n.Properties)
	v.document(n.Operations != nil, n.Operations)
	v.document(n.Relationships != nil, n.Relationships)
	v.document(n.Plugins != nil, n.Plugins)
	v.document(n.PluginsToInstall != nil, n.PluginsToInstall)
	return v
}

func (r *reader) Nodes(q store.Query) (store.Page[*model.Node], error) {
	return list(r, nodes, q, view{columns: nodeColumns}, scanNode)
}

// ofDeployment is the condition for everything of the deployment that a tenant sees.
const ofDeployment = " WHERE t.deployment = ? AND (+t.tenant = ? OR +t.visibility = 'global') ORDER BY t.seq"

func (r *reader) DeploymentNodes(t model.TenantName, d model.DeploymentID) ([]*model.Node, error) {
	return all(r, "SELECT "+nodeColumns+" FROM nodes t"+ofDeployment, scanNode, string(d), string(t))
}

func (t *tx) InsertNodes(list []*model.Node) error {
	for _, n := range list {
		_, err := t.write("INSERT INTO nodes (tenant, created_by, created_at, visibility, deployment, id, type, host_id, "+
			"number, planned, deploy, min, max, type_hierarchy, properties, operations, relationships, plugins, "+
			"plugins_to_install) VALUES ("+placeholders(19)+")", nodeValues(n))
		if err := inserted(err, "Node", string(n.ID), n.Tenant, "Deployment", string(n.Deployment)); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) UpdateNode(n *model.Node) error {
	count, err := t.write("UPDATE nodes SET created_by = ?2, created_at = ?3, visibility = ?4, type = ?7, host_id = ?8, "+
		"number = ?9, planned = ?10, deploy = ?11, min = ?12, max = ?13, type_hierarchy = ?14, properties = ?15, "+
		"operations = ?16, relationships = ?17, plugins = ?18, plugins_to_install = ?19 "+
		"WHERE tenant = ?1 AND deployment = ?5 AND id = ?6", nodeValues(n))
	return mustChange(count, err, "Node", string(n.ID))
}

// DeleteNode removes the instances of the node too, through their foreign key.
func (t *tx) DeleteNode(tenant model.TenantName, d model.DeploymentID, id model.NodeID) error {
	n, err := t.c.exec(t.ctx, "DELETE FROM nodes WHERE tenant = ? AND deployment = ? AND id = ?", string(tenant), string(d),
		string(id))
	return mustChange(n, err, "Node", string(id))
}

var instances = &noun{
	name:    "node instances",
	table:   "instances",
	counted: true,
	order:   []string{"t.seq"},
	fields: resourceFields(map[string]field{
		"id":                      {expr: "t.id", lookup: true},
		"node_id":                 {expr: "t.node", lookup: true},
		"deployment_id":           {expr: "t.deployment", lookup: true},
		"deployment_display_name": {expr: deploymentName},
		"blueprint_id":            {expr: deploymentBlueprint},
		"created_at":              {expr: "t.created_at", kind: asInstant},
		"host_id":                 {expr: "t.host_id"},
		"index":                   {expr: "t.number", kind: asInteger},
		"state":                   {expr: "t.state"},
		"version":                 {expr: "t.version", kind: asInteger},
		"relationships":           {expr: "t.relationships"},
		"scaling_groups":          {expr: "t.scaling_groups"},
		"runtime_properties":      {expr: "t.runtime_properties"},
		"system_properties":       {expr: "t.system_properties"},
	}),
}

const instanceColumns = "t.tenant, t.created_by, t.created_at, t.visibility, t.id, t.node, t.deployment, t.host_id, " +
	"t.number, t.state, t.version, t.relationships, t.scaling_groups, t.system_properties, t.runtime_properties"

func scanInstance(r *row) *model.NodeInstance {
	i := &model.NodeInstance{
		Resource: r.resource(), ID: model.InstanceID(r.text()), Node: model.NodeID(r.text()),
		Deployment: model.DeploymentID(r.text()), HostID: model.InstanceID(r.text()), Index: r.integer(),
		State: model.InstanceState(r.text()), Version: r.integer(),
	}
	r.document(&i.Relationships)
	r.document(&i.ScalingGroups)
	r.document(&i.SystemProperties)
	r.document(&i.RuntimeProperties)
	return i
}

func instanceValues(i *model.NodeInstance) *values {
	v := &values{}
	v.resource(i.Resource)
	v.text(string(i.ID), string(i.Node), string(i.Deployment), string(i.HostID))
	v.integer(i.Index)
	v.text(string(i.State))
	v.integer(i.Version)
	v.document(i.Relationships != nil, i.Relationships)
	v.document(i.ScalingGroups != nil, i.ScalingGroups)
	v.document(i.SystemProperties != nil, i.SystemProperties)
	v.document(i.RuntimeProperties != nil, i.RuntimeProperties)
	return v
}

func (r *reader) Instance(t model.TenantName, id model.InstanceID) (*model.NodeInstance, error) {
	return get(r, "NodeInstance", string(id), "SELECT "+instanceColumns+" FROM instances t"+visibleIn, scanInstance,
		string(id), string(t), string(t))
}

func (r *reader) Instances(q store.Query) (store.Page[*model.NodeInstance], error) {
	return list(r, instances, q, view{columns: instanceColumns}, scanInstance)
}

func (r *reader) DeploymentInstances(t model.TenantName, d model.DeploymentID) ([]*model.NodeInstance, error) {
	return all(r, "SELECT "+instanceColumns+" FROM instances t"+ofDeployment, scanInstance, string(d), string(t))
}

func (r *reader) InstanceStates(t model.TenantName, d model.DeploymentID) (map[model.InstanceState]int, error) {
	counts := map[model.InstanceState]int{}
	err := r.c.query(r.ctx, "SELECT t.state, count(*) FROM instances t WHERE t.deployment = ? "+
		"AND (+t.tenant = ? OR +t.visibility = 'global') GROUP BY t.state", func(r *row) error {
		state := model.InstanceState(r.text())
		counts[state] = r.integer()
		return nil
	}, string(d), string(t))
	if err != nil {
		return nil, fmt.Errorf("count instances of deployment %s: %w", d, err)
	}
	return counts, nil
}

func (t *tx) InsertInstances(list []*model.NodeInstance) error {
	for _, i := range list {
		if err := t.free("instances", "NodeInstance", string(i.ID), i.Resource); err != nil {
			return err
		}
		_, err := t.write("INSERT INTO instances (tenant, created_by, created_at, visibility, id, node, deployment, host_id, "+
			"number, state, version, relationships, scaling_groups, system_properties, runtime_properties) VALUES ("+
			placeholders(15)+")", instanceValues(i))
		if err := inserted(err, "NodeInstance", string(i.ID), i.Tenant, "Node", string(i.Node)); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) UpdateInstance(i *model.NodeInstance) error {
	n, err := t.write("UPDATE instances SET created_by = ?2, created_at = ?3, visibility = ?4, node = ?6, deployment = ?7, "+
		"host_id = ?8, number = ?9, state = ?10, version = ?11, relationships = ?12, scaling_groups = ?13, "+
		"system_properties = ?14, runtime_properties = ?15 WHERE tenant = ?1 AND id = ?5", instanceValues(i))
	return mustChange(n, err, "NodeInstance", string(i.ID))
}

func (t *tx) ChangeInstances(tenant model.TenantName, changes []store.InstanceChange) error {
	for _, c := range changes {
		var err error
		switch {
		case len(c.System) > 0:
			err = t.changeInstance(tenant, c)
		case c.State != "":
			_, err = t.c.exec(t.ctx, "UPDATE instances SET state = ?1, version = version + ?2"+
				" WHERE id = ?3 AND (tenant = ?4 OR visibility = 'global') AND (state <> ?1 OR ?2 > 1)",
				string(c.State), int64(max(c.Steps, 1)), string(c.Instance), string(tenant))
		}
		if err != nil {
			return fmt.Errorf("change node instance %s: %w", c.Instance, err)
		}
	}
	return nil
}

// changeInstance writes a state together with system properties, whose other keys are kept as they are written.
func (t *tx) changeInstance(tenant model.TenantName, c store.InstanceChange) error {
	var seq int64
	var state, text string
	found, err := t.c.one(t.ctx, "SELECT seq, state, system_properties FROM instances "+
		"WHERE id = ? AND (tenant = ? OR visibility = 'global')", func(r *row) {
		seq, state, text = r.number(), r.text(), r.text()
	}, string(c.Instance), string(tenant))
	if err != nil || !found {
		return err
	}
	system := map[string]any{}
	if text != "" {
		kept := map[string]json.RawMessage{}
		if err := json.Unmarshal([]byte(text), &kept); err != nil {
			return fmt.Errorf("decode its system properties: %w", err)
		}
		for k, v := range kept {
			system[k] = v
		}
	}
	for k, v := range c.System {
		if v == nil {
			delete(system, k)
			continue
		}
		system[k] = v
	}
	if c.State != "" {
		state = string(c.State)
	}
	var v values
	v.text(state)
	v.list = append(v.list, int64(max(c.Steps, 1)))
	v.document(true, system)
	v.list = append(v.list, seq)
	_, err = t.write("UPDATE instances SET state = ?, version = version + ?, system_properties = ? WHERE seq = ?", &v)
	return err
}

func (t *tx) DeleteInstance(tenant model.TenantName, id model.InstanceID) error {
	n, err := t.c.exec(t.ctx, "DELETE FROM instances WHERE tenant = ? AND id = ?", string(tenant), string(id))
	return mustChange(n, err, "NodeInstance", string(id))
}
