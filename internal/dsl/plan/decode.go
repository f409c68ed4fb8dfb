package plan

import (
	"fmt"

	"github.com/reifyhq/reify/internal/dsl/value"
)

// FromValue reads a plan from its free value. Missing sections are empty.
func FromValue(v any) (*Plan, error) {
	m, err := mustMap(value.From(v), "plan")
	if err != nil {
		return nil, err
	}
	p := &Plan{
		Description: m.At("description"), Metadata: m.At("metadata"),
		Relationships: section(m, "relationships"), Workflows: &value.Ordered[*Workflow]{},
		PolicyTypes: section(m, "policy_types"), PolicyTriggers: section(m, "policy_triggers"),
		Policies: section(m, "policies"), Groups: section(m, "groups"),
		ScalingGroups: ScalingGroupsFromValue(m.At("scaling_groups")),
		Inputs:        section(m, "inputs"), Outputs: section(m, "outputs"), Capabilities: section(m, "capabilities"),
		Labels: section(m, "labels"), BlueprintLabels: section(m, "blueprint_labels"),
		ResourceTags: section(m, "resource_tags"), DeploymentSettings: section(m, "deployment_settings"),
		DeploymentPluginsToInstall: pluginsFrom(m.At("deployment_plugins_to_install")),
		WorkflowPluginsToInstall:   pluginsFrom(m.At("workflow_plugins_to_install")),
		HostAgentPluginsToInstall:  pluginsFrom(m.At("host_agent_plugins_to_install")),
		ImportedBlueprints:         value.Strings(m.At("imported_blueprints")),
		NamespacesMapping:          section(m, "namespaces_mapping"), DataTypes: section(m, "data_types"),
	}
	ver := asMap(m.At("version"))
	p.Version = Version{Raw: str(ver.At("raw")), Name: str(ver.At("definitions_name"))}
	for _, n := range list(ver.At("definitions_version")) {
		if i, ok := n.(int64); ok {
			p.Version.Numbers = append(p.Version.Numbers, int(i))
		}
	}
	req := asMap(m.At("requirements"))
	p.Requirements = Requirements{ParentCapabilities: list(req.At("parent_capabilities")), Secrets: list(req.At("secrets"))}
	for k, x := range asMap(m.At("workflows")).All() {
		w := asMap(x)
		p.Workflows.Set(k, &Workflow{Plugin: str(w.At("plugin")), Operation: str(w.At("operation")),
			Parameters: section(w, "parameters"), IsCascading: w.At("is_cascading"), AvailabilityRules: w.At("availability_rules")})
	}
	if p.Nodes, err = NodesFromValue(m.At("nodes")); err != nil {
		return nil, err
	}
	return p, nil
}

// NodesFromValue reads the nodes of a plan.
func NodesFromValue(v any) ([]*Node, error) {
	var out []*Node
	for i, x := range list(value.From(v)) {
		m, err := mustMap(x, fmt.Sprintf("node %d", i))
		if err != nil {
			return nil, err
		}
		out = append(out, nodeFrom(m))
	}
	return out, nil
}

var nodeKeys = map[string]bool{"name": true, "id": true, "type": true, "type_hierarchy": true, "properties": true,
	"instances": true, "capabilities": true, "interfaces": true, "operations": true, "relationships": true, "plugins": true,
	"deployment_plugins_to_install": true, "host_id": true, "plugins_to_install": true}

var relationshipKeys = map[string]bool{"type": true, "target_id": true, "type_hierarchy": true, "properties": true,
	"source_interfaces": true, "target_interfaces": true, "source_operations": true, "target_operations": true}

func nodeFrom(m *value.Map) *Node {
	n := &Node{
		Name: str(m.At("name")), Type: str(m.At("type")), TypeHierarchy: value.Strings(m.At("type_hierarchy")),
		Properties: section(m, "properties"), Instances: section(m, "instances"), Capabilities: section(m, "capabilities"),
		Interfaces: section(m, "interfaces"), Operations: operationsFrom(m.At("operations")),
		Plugins: pluginsFrom(m.At("plugins")), DeploymentPluginsToInstall: pluginsFrom(m.At("deployment_plugins_to_install")),
		PluginsToInstall: pluginsFrom(m.At("plugins_to_install")), IsHost: m.Has("plugins_to_install"),
		HostID: str(m.At("host_id")), Extra: rest(m, nodeKeys),
	}
	if n.Name == "" {
		n.Name = str(m.At("id"))
	}
	for _, x := range list(m.At("relationships")) {
		r := asMap(x)
		n.Relationships = append(n.Relationships, &Relationship{
			Type: str(r.At("type")), TargetID: str(r.At("target_id")), TypeHierarchy: value.Strings(r.At("type_hierarchy")),
			Properties: section(r, "properties"), SourceInterfaces: section(r, "source_interfaces"),
			TargetInterfaces: section(r, "target_interfaces"), SourceOperations: operationsFrom(r.At("source_operations")),
			TargetOperations: operationsFrom(r.At("target_operations")), Extra: rest(r, relationshipKeys),
		})
	}
	return n
}

func operationsFrom(v any) *value.Ordered[*Operation] {
	out := &value.Ordered[*Operation]{}
	for k, x := range asMap(v).All() {
		m := asMap(x)
		out.Set(k, &Operation{
			Plugin: str(m.At("plugin")), Operation: str(m.At("operation")), Executor: m.At("executor"),
			Inputs: section(m, "inputs"), InputsTypes: asMap(m.At("inputs_types")),
			HasIntrinsicFunctions: boolean(m.At("has_intrinsic_functions")), MaxRetries: m.At("max_retries"),
			RetryInterval: m.At("retry_interval"), Timeout: m.At("timeout"), TimeoutRecoverable: m.At("timeout_recoverable"),
		})
	}
	return out
}

func pluginsFrom(v any) []*Plugin {
	var out []*Plugin
	for _, x := range list(v) {
		m := asMap(x)
		out = append(out, &Plugin{
			Name: str(m.At("name")), Source: m.At("source"), Executor: m.At("executor"), Install: m.At("install"),
			InstallArguments: m.At("install_arguments"), PackageName: m.At("package_name"),
			PackageVersion: m.At("package_version"), SupportedPlatform: m.At("supported_platform"),
			Distribution: m.At("distribution"), DistributionVersion: m.At("distribution_version"),
			DistributionRelease: m.At("distribution_release"), PropertiesDescription: m.At("properties_description"),
			Properties: m.At("properties"),
		})
	}
	return out
}

// ScalingGroupsFromValue reads the scaling groups of a plan.
func ScalingGroupsFromValue(v any) *value.Ordered[*ScalingGroup] {
	out := &value.Ordered[*ScalingGroup]{}
	for k, x := range asMap(v).All() {
		m := asMap(x)
		out.Set(k, &ScalingGroup{Members: value.Strings(m.At("members")), Properties: section(m, "properties")})
	}
	return out
}

var instanceKeys = map[string]bool{"name": true, "node_id": true, "id": true, "host_id": true, "relationships": true,
	"scaling_groups": true, "modification": true}

// InstancesFromValue reads node instances.
func InstancesFromValue(v any) []Instance {
	var out []Instance
	for _, x := range list(value.From(v)) {
		m := asMap(x)
		i := Instance{Name: str(m.At("name")), NodeID: str(m.At("node_id")), ID: str(m.At("id")),
			HostID: str(m.At("host_id")), Modification: str(m.At("modification")), Extra: rest(m, instanceKeys)}
		if i.Name == "" {
			i.Name = i.NodeID
		}
		for _, y := range list(m.At("relationships")) {
			r := asMap(y)
			i.Relationships = append(i.Relationships, InstanceRelationship{
				Type: str(r.At("type")), TargetName: str(r.At("target_name")), TargetID: str(r.At("target_id"))})
		}
		for _, y := range list(m.At("scaling_groups")) {
			g := asMap(y)
			i.ScalingGroups = append(i.ScalingGroups, GroupRef{Name: str(g.At("name")), ID: str(g.At("id"))})
		}
		out = append(out, i)
	}
	return out
}

func section(m *value.Map, key string) *value.Map { return some(asMap(m.At(key))) }

func rest(m *value.Map, known map[string]bool) *value.Map {
	var out *value.Map
	for k, v := range m.All() {
		if !known[k] {
			if out == nil {
				out = value.NewMap()
			}
			out.Set(k, v)
		}
	}
	return out
}
