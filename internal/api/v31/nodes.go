package v31

import (
	"fmt"
	"net/http"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
)

func nodeRecord(v *service.NodeView) api.Record {
	n := v.Node
	r := api.Record{
		{Name: "id", Value: n.ID}, {Name: "visibility", Value: n.Visibility}, {Name: "deploy_number_of_instances", Value: n.Deploy},
		{Name: "host_id", Value: api.Text(n.HostID)}, {Name: "max_number_of_instances", Value: n.Max},
		{Name: "min_number_of_instances", Value: n.Min}, {Name: "number_of_instances", Value: n.Number},
		{Name: "planned_number_of_instances", Value: n.Planned}, {Name: "plugins_p", Value: nil}, {Name: "plugins", Value: n.Plugins},
		{Name: "plugins_to_install_p", Value: nil}, {Name: "plugins_to_install", Value: n.PluginsToInstall}, {Name: "properties_p", Value: nil}, {Name: "properties", Value: api.Object(n.Properties)},
		{Name: "relationships_p", Value: nil}, {Name: "relationships", Value: n.Relationships}, {Name: "operations_p", Value: nil}, {Name: "operations", Value: n.Operations}, {Name: "type", Value: n.Type},
		{Name: "type_hierarchy_p", Value: nil}, {Name: "type_hierarchy", Value: n.TypeHierarchy}, {Name: "drifted_instances", Value: v.Drifted},
		{Name: "unavailable_instances", Value: v.Unhealthy}, {Name: "actual_number_of_instances", Value: v.Actual},
		{Name: "deployment_id", Value: n.Deployment}, {Name: "blueprint_id", Value: v.Blueprint},
		{Name: "deployment_display_name", Value: v.DeploymentDisplay},
	}
	r = append(r, api.Common(n.Resource)...)
	return append(r, api.Field{Name: "actual_planned_number_of_instances", Value: v.Actual})
}

var blankNode = nodeRecord(&service.NodeView{Node: &model.Node{}})

func (a *API) listNodes(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	l, err := a.lists.Parse(r, actor, service.Nodes, api.ListSpec{Blank: blankNode, Search: "id"})
	if err != nil {
		return err
	}
	evaluate, err := api.Flag(r.URL.Query(), "_evaluate_functions")
	if err != nil {
		return err
	}
	page, err := a.svc.Nodes(r.Context(), actor, l.Query, l.AllTenants)
	if err != nil {
		return err
	}
	if evaluate {
		self := model.InstanceID(r.URL.Query().Get("_instance_context"))
		if err := a.svc.EvaluateNodes(r.Context(), page.Items, self); err != nil {
			return err
		}
	}
	items := make([]api.Record, 0, len(page.Items))
	for _, v := range page.Items {
		items = append(items, nodeRecord(v))
	}
	if err := a.lists.Count(r, actor, service.Nodes, l, page.Total); err != nil {
		return err
	}
	return l.Write(w, items, page.Total)
}

func instanceRecord(i *model.NodeInstance) api.Record {
	relationships := i.Relationships
	if relationships == nil {
		relationships = []model.InstanceRelationship{}
	}
	groups := i.ScalingGroups
	if groups == nil {
		groups = []model.GroupMembership{}
	}
	var system any
	if i.SystemProperties != nil {
		system = i.SystemProperties
	}
	r := api.Record{
		{Name: "id", Value: i.ID}, {Name: "visibility", Value: i.Visibility}, {Name: "host_id", Value: api.Text(i.HostID)},
		{Name: "index", Value: i.Index}, {Name: "relationships_p", Value: nil}, {Name: "relationships", Value: relationships},
		{Name: "runtime_properties_p", Value: nil}, {Name: "runtime_properties", Value: api.Object(i.RuntimeProperties)}, {Name: "system_properties", Value: system},
		{Name: "scaling_groups_p", Value: nil}, {Name: "scaling_groups", Value: groups}, {Name: "state", Value: i.State}, {Name: "version", Value: i.Version},
		{Name: "has_configuration_drift", Value: i.HasDrift()}, {Name: "is_status_check_ok", Value: i.StatusCheckOK()},
		{Name: "node_id", Value: i.Node}, {Name: "deployment_id", Value: i.Deployment},
	}
	return append(r, api.Common(i.Resource)...)
}

var blankInstance = instanceRecord(&model.NodeInstance{})

func (a *API) listInstances(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	l, err := a.lists.Parse(r, actor, service.NodeInstances, api.ListSpec{Blank: blankInstance, Search: "id"})
	if err != nil {
		return err
	}
	page, err := a.svc.Instances(r.Context(), actor, l.Query, l.AllTenants)
	if err != nil {
		return err
	}
	items := make([]api.Record, 0, len(page.Items))
	for _, i := range page.Items {
		items = append(items, instanceRecord(i))
	}
	if err := a.lists.Count(r, actor, service.NodeInstances, l, page.Total); err != nil {
		return err
	}
	return l.Write(w, items, page.Total)
}

func (a *API) getInstance(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	include, err := api.Include(r, blankInstance)
	if err != nil {
		return err
	}
	evaluate, err := api.Flag(r.URL.Query(), "_evaluate_functions")
	if err != nil {
		return err
	}
	i, err := a.svc.Instance(r.Context(), actor, model.InstanceID(api.Param(r, "id")))
	if err != nil {
		return err
	}
	if evaluate {
		if err := a.svc.EvaluateInstance(r.Context(), i); err != nil {
			return err
		}
	}
	api.WriteJSON(w, http.StatusOK, instanceRecord(i).Pick(include))
	return nil
}

func (a *API) patchInstance(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	if _, ok := body["version"]; !ok {
		return fault.New(fault.BadParameters, "1 validation error for _NodeInstanceUpdateBody\nversion\n  field required (type=value_error.missing)")
	}
	var u service.InstanceUpdate
	if u.Version, err = body.Int("version", 0); err != nil {
		return err
	}
	if u.Force, err = api.Flag(r.URL.Query(), "force"); err != nil {
		return err
	}
	if body["state"] != nil {
		// Compat: the original takes any value for a state and stores its text.
		state := model.InstanceState(fmt.Sprint(body["state"]))
		u.State = &state
	}
	for key, target := range map[string]**model.Document{
		"runtime_properties": &u.RuntimeProperties, "system_properties": &u.SystemProperties,
	} {
		if body[key] == nil {
			continue
		}
		doc, err := body.Object(key)
		if err != nil {
			return err
		}
		*target = &doc
	}
	i, err := a.svc.UpdateInstance(r.Context(), actor, model.InstanceID(api.Param(r, "id")), u)
	if err != nil {
		return err
	}
	api.WriteJSON(w, http.StatusOK, instanceRecord(i))
	return nil
}

// changeNode refuses to change or delete a node: only updates of deployments do, and they do it inside this manager.
func (a *API) changeNode(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	permission := "node_update"
	if r.Method == http.MethodDelete {
		permission = "node_delete"
	}
	if err := actor.RequireTenant(permission); err != nil {
		return err
	}
	return fault.New(fault.OnlyDeploymentUpdate, "Nodes are changed by updates of their deployment only")
}

func (a *API) evaluateFunctions(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	for _, key := range []string{"deployment_id", "payload"} {
		if err := body.Need(key); err != nil {
			return err
		}
	}
	deployment, err := body.Text("deployment_id")
	if err != nil {
		return err
	}
	scope, err := body.Object("context")
	if err != nil {
		return err
	}
	payload, err := body.Object("payload")
	if err != nil {
		return err
	}
	names := api.Body(scope)
	var ids [3]string
	for i, key := range []string{"self", "source", "target"} {
		if ids[i], err = names.Text(key); err != nil {
			return err
		}
	}
	value, err := a.svc.EvaluateFunctions(r.Context(), actor, model.DeploymentID(deployment), payload, ids[0], ids[1], ids[2])
	if err != nil {
		return err
	}
	api.WriteJSON(w, http.StatusOK, api.Record{{Name: "deployment_id", Value: deployment}, {Name: "payload", Value: value}})
	return nil
}
