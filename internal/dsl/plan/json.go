package plan

import (
	"fmt"

	"github.com/reifyhq/reify/internal/dsl/value"
)

// MarshalJSON writes the plan JSON of section 11.
func (p *Plan) MarshalJSON() ([]byte, error) { return value.EncodeJSON(p.Value()) }

// UnmarshalJSON reads the plan JSON of section 11.
func (p *Plan) UnmarshalJSON(data []byte) error {
	v, err := value.DecodeJSON(data)
	if err != nil {
		return err
	}
	q, err := FromValue(v)
	if err != nil {
		return err
	}
	*p = *q
	return nil
}

// MarshalJSON writes the plan JSON with instances and inter-deployment functions.
func (d *DeploymentPlan) MarshalJSON() ([]byte, error) { return value.EncodeJSON(d.Value()) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (d *DeploymentPlan) UnmarshalJSON(data []byte) error {
	v, err := value.DecodeJSON(data)
	if err != nil {
		return err
	}
	p, err := FromValue(v)
	if err != nil {
		return err
	}
	m, _ := v.(*value.Map)
	d.Plan = *p
	d.NodeInstances = InstancesFromValue(m.At("node_instances"))
	d.InterDeploymentFunctions = nil
	for _, x := range list(m.At("inter_deployment_functions")) {
		f := asMap(x)
		t := list(f.At("target_deployment"))
		i := InterDeploymentFunction{FunctionIdentifier: str(f.At("function_identifier")), Context: asMap(f.At("context"))}
		copy(i.TargetDeployment[:], t)
		d.InterDeploymentFunctions = append(d.InterDeploymentFunctions, i)
	}
	return nil
}

// Value gives the plan as a free value, the form that is encoded.
func (p *Plan) Value() *value.Map {
	nodes := make([]any, len(p.Nodes))
	for i, n := range p.Nodes {
		nodes[i] = n.Value()
	}
	wf := value.NewMap()
	for k, w := range p.Workflows.All() {
		wf.Set(k, w.Value())
	}
	nums := make([]any, len(p.Version.Numbers))
	for i, n := range p.Version.Numbers {
		nums[i] = int64(n)
	}
	return value.MapOf(
		"description", p.Description, "metadata", p.Metadata, "nodes", nodes,
		"relationships", some(p.Relationships), "workflows", wf,
		"policy_types", some(p.PolicyTypes), "policy_triggers", some(p.PolicyTriggers),
		"policies", some(p.Policies), "groups", some(p.Groups),
		"scaling_groups", ScalingGroupsValue(p.ScalingGroups),
		"inputs", some(p.Inputs), "outputs", some(p.Outputs), "capabilities", some(p.Capabilities),
		"labels", some(p.Labels), "blueprint_labels", some(p.BlueprintLabels),
		"resource_tags", some(p.ResourceTags), "deployment_settings", some(p.DeploymentSettings),
		"deployment_plugins_to_install", pluginsValue(p.DeploymentPluginsToInstall),
		"workflow_plugins_to_install", pluginsValue(p.WorkflowPluginsToInstall),
		"host_agent_plugins_to_install", pluginsValue(p.HostAgentPluginsToInstall),
		"version", value.MapOf("raw", p.Version.Raw, "definitions_name", p.Version.Name, "definitions_version", nums),
		"imported_blueprints", value.List(p.ImportedBlueprints), "namespaces_mapping", some(p.NamespacesMapping),
		"data_types", some(p.DataTypes),
		"requirements", value.MapOf("parent_capabilities", items(p.Requirements.ParentCapabilities), "secrets", items(p.Requirements.Secrets)),
	)
}

// Value gives the deployment plan as a free value.
func (d *DeploymentPlan) Value() *value.Map {
	m := d.Plan.Value()
	m.Set("node_instances", InstancesValue(d.NodeInstances))
	fns := make([]any, len(d.InterDeploymentFunctions))
	for i, f := range d.InterDeploymentFunctions {
		fns[i] = value.MapOf("function_identifier", f.FunctionIdentifier,
			"target_deployment", []any{f.TargetDeployment[0], f.TargetDeployment[1]}, "context", some(f.Context))
	}
	m.Set("inter_deployment_functions", fns)
	return m
}

// Value gives the node as a free value.
func (n *Node) Value() *value.Map {
	rels := make([]any, len(n.Relationships))
	for i, r := range n.Relationships {
		rels[i] = r.Value()
	}
	m := value.MapOf(
		"name", n.Name, "id", n.Name, "type", n.Type, "type_hierarchy", value.List(n.TypeHierarchy),
		"properties", some(n.Properties), "instances", some(n.Instances), "capabilities", some(n.Capabilities),
		"interfaces", some(n.Interfaces), "operations", operationsValue(n.Operations), "relationships", rels,
		"plugins", pluginsValue(n.Plugins), "deployment_plugins_to_install", pluginsValue(n.DeploymentPluginsToInstall),
	)
	if n.HostID != "" {
		m.Set("host_id", n.HostID)
	}
	if n.IsHost {
		m.Set("plugins_to_install", pluginsValue(n.PluginsToInstall))
	}
	for k, v := range n.Extra.All() {
		m.Set(k, v)
	}
	return m
}

// Value gives the relationship as a free value.
func (r *Relationship) Value() *value.Map {
	m := value.MapOf(
		"type", r.Type, "target_id", r.TargetID, "type_hierarchy", value.List(r.TypeHierarchy),
		"properties", some(r.Properties), "source_interfaces", some(r.SourceInterfaces),
		"target_interfaces", some(r.TargetInterfaces), "source_operations", operationsValue(r.SourceOperations),
		"target_operations", operationsValue(r.TargetOperations),
	)
	for k, v := range r.Extra.All() {
		m.Set(k, v)
	}
	return m
}

// Value gives the operation as a free value.
func (o *Operation) Value() *value.Map {
	m := value.MapOf(
		"plugin", o.Plugin, "operation", o.Operation, "executor", o.Executor, "inputs", some(o.Inputs),
		"has_intrinsic_functions", o.HasIntrinsicFunctions, "max_retries", o.MaxRetries,
		"retry_interval", o.RetryInterval, "timeout", o.Timeout, "timeout_recoverable", o.TimeoutRecoverable,
	)
	if o.InputsTypes.Len() > 0 {
		m.Set("inputs_types", o.InputsTypes)
	}
	return m
}

// Value gives the workflow as a free value.
func (w *Workflow) Value() *value.Map {
	return value.MapOf("plugin", w.Plugin, "operation", w.Operation, "parameters", some(w.Parameters),
		"is_cascading", w.IsCascading, "availability_rules", w.AvailabilityRules)
}

// Value gives the plugin as a free value with all its keys.
func (p *Plugin) Value() *value.Map {
	return value.MapOf(
		"name", p.Name, "source", p.Source, "executor", p.Executor, "install", p.Install,
		"install_arguments", p.InstallArguments, "package_name", p.PackageName, "package_version", p.PackageVersion,
		"supported_platform", p.SupportedPlatform, "distribution", p.Distribution,
		"distribution_version", p.DistributionVersion, "distribution_release", p.DistributionRelease,
		"properties_description", p.PropertiesDescription, "properties", p.Properties,
	)
}

// ScalingGroupsValue gives scaling groups as a free value.
func ScalingGroupsValue(g *value.Ordered[*ScalingGroup]) *value.Map {
	m := value.NewMap()
	for k, s := range g.All() {
		m.Set(k, value.MapOf("members", value.List(s.Members), "properties", some(s.Properties)))
	}
	return m
}

// InstancesValue gives instances as a free value.
func InstancesValue(is []Instance) []any {
	out := make([]any, len(is))
	for i := range is {
		out[i] = is[i].Value()
	}
	return out
}

// Value gives the instance as a free value.
func (i *Instance) Value() *value.Map {
	rels := make([]any, len(i.Relationships))
	for k, r := range i.Relationships {
		rels[k] = value.MapOf("type", r.Type, "target_name", r.TargetName, "target_id", r.TargetID)
	}
	m := value.MapOf("name", i.Name, "node_id", i.NodeID, "id", i.ID, "relationships", rels)
	if i.HostID != "" {
		m.Set("host_id", i.HostID)
	}
	if len(i.ScalingGroups) > 0 {
		gs := make([]any, len(i.ScalingGroups))
		for k, g := range i.ScalingGroups {
			gs[k] = value.MapOf("name", g.Name, "id", g.ID)
		}
		m.Set("scaling_groups", gs)
	}
	if i.Modification != "" {
		m.Set("modification", i.Modification)
	}
	for k, v := range i.Extra.All() {
		m.Set(k, v)
	}
	return m
}

func operationsValue(ops *value.Ordered[*Operation]) *value.Map {
	m := value.NewMap()
	for k, o := range ops.All() {
		m.Set(k, o.Value())
	}
	return m
}

func pluginsValue(ps []*Plugin) []any {
	out := make([]any, len(ps))
	for i, p := range ps {
		out[i] = p.Value()
	}
	return out
}

func some(m *value.Map) *value.Map {
	if m == nil {
		return value.NewMap()
	}
	return m
}

func items(l []any) []any {
	if l == nil {
		return []any{}
	}
	return l
}

func asMap(v any) *value.Map { m, _ := v.(*value.Map); return m }
func list(v any) []any       { l, _ := v.([]any); return l }
func str(v any) string       { s, _ := v.(string); return s }
func boolean(v any) bool     { b, _ := v.(bool); return b }

func mustMap(v any, what string) (*value.Map, error) {
	m, ok := v.(*value.Map)
	if !ok {
		return nil, fmt.Errorf("%s is not an object", what)
	}
	return m, nil
}
