package lsp

import (
	"strings"

	"github.com/reifyhq/reify/internal/dsl/fn"
	"github.com/reifyhq/reify/internal/dsl/index"
)

// sections are the top-level keys; true for those that hold more lines.
var sections = []struct {
	name, detail string
	isBlock      bool
}{
	{"tosca_definitions_version", "version of the language", false}, {"description", "what the blueprint is", false},
	{"imports", "files and plugins", true}, {"inputs", "what a deployment is given", true},
	{"dsl_definitions", "anchors for use elsewhere", true}, {"data_types", "types of structured values", true},
	{"node_types", "types of nodes", true}, {"relationships", "types of relationships", true},
	{"node_templates", "the nodes", true}, {"plugins", "plugins that operations use", true},
	{"workflows", "workflows of its own", true}, {"groups", "nodes that belong together", true},
	{"policies", "scaling policies", true}, {"policy_types", "types of policies", true},
	{"policy_triggers", "what policies start", true}, {"outputs", "values of the deployment", true},
	{"capabilities", "values for other deployments", true}, {"labels", "labels of deployments", true},
	{"blueprint_labels", "labels of the blueprint", true}, {"deployment_settings", "names and schedules", true},
	{"resource_tags", "tags of resources", true}, {"metadata", "free notes", true},
}

// Keys of elements, as the parser knows them.
var (
	nodeKeys      = []string{"type", "properties", "relationships", "interfaces", "capabilities", "instances"}
	typeKeys      = []string{"derived_from", "properties", "interfaces"}
	relationKeys  = []string{"derived_from", "properties", "source_interfaces", "target_interfaces"}
	edgeKeys      = []string{"type", "target", "properties", "source_interfaces", "target_interfaces"}
	operationKeys = []string{"implementation", "inputs", "executor", "max_retries", "retry_interval", "timeout", "timeout_recoverable"}
	inputKeys     = []string{"type", "default", "description", "required", "constraints", "item_type", "display_label", "hidden", "display"}
	propertyKeys  = []string{"type", "default", "description", "required"}
	parameterKeys = []string{"type", "default", "description", "required", "item_type", "constraints"}
	pluginKeys    = []string{"executor", "package_name", "package_version", "source", "install", "install_arguments",
		"supported_platform", "distribution", "distribution_version", "distribution_release", "properties", "properties_description"}
	workflowKeys = []string{"mapping", "parameters", "is_cascading", "availability_rules"}
	scaleKeys    = []string{"default_instances", "min_instances", "max_instances"}
	constraints  = []string{"equal", "greater_than", "greater_or_equal", "less_than", "less_or_equal", "in_range", "valid_values",
		"length", "min_length", "max_length", "pattern", "error_message"}
)

// mappingKeys adds the keys that the innermost mapping can have.
func (c *completer) mappingKeys() {
	switch {
	case len(c.keys) == 0:
		for _, s := range sections {
			c.key(s.name, s.detail, s.isBlock)
		}
	case c.keys[0] == "node_templates":
		c.nodeKeys()
	case c.keys[0] == "node_types" || c.keys[0] == "relationships" || c.keys[0] == "data_types":
		c.typeKeys()
	case c.matches("inputs", "*"):
		c.fixed(inputKeys...)
	case c.matches("inputs", "*", "constraints", "-"), c.matches("workflows", "*", "parameters", "*", "constraints", "-"):
		c.fixed(constraints...)
	case c.matches("outputs", "*"), c.matches("capabilities", "*"):
		c.fixed("value", "description")
	case c.matches("plugins", "*"):
		c.fixed(pluginKeys...)
	case c.matches("workflows", "*"):
		c.fixed(workflowKeys...)
	case c.matches("workflows", "*", "parameters", "*"):
		c.fixed(parameterKeys...)
	case c.matches("groups", "*"):
		c.fixed("members", "policies")
	case c.matches("groups", "*", "policies", "*"):
		c.fixed("type", "properties", "triggers")
	case c.matches("groups", "*", "policies", "*", "triggers", "*"):
		c.fixed("type", "parameters")
	case c.matches("policies", "*"):
		c.fixed("type", "targets", "properties")
	case c.matches("policies", "*", "properties"):
		c.fixed(scaleKeys...)
	case c.matches("labels", "*"), c.matches("blueprint_labels", "*"):
		c.fixed("values")
	case c.inFlow:
		c.functionKeys()
	}
}

// functionKeys adds functions as keys of a mapping in brackets that was begun.
func (c *completer) functionKeys() {
	if len(c.siblings) > 0 {
		return
	}
	for _, name := range fn.Names() {
		c.add(name, itemFunction, "intrinsic function", name+": ")
	}
}

func (c *completer) nodeKeys() {
	typ := c.owner(1, index.NodeType)
	switch {
	case c.matches("node_templates", "*"):
		c.fixed(nodeKeys...)
	case len(c.keys) >= 3 && c.keys[2] == "properties":
		c.propertyKeys(typ, 3)
	case c.matches("node_templates", "*", "capabilities"):
		c.fixed("scalable")
	case c.matches("node_templates", "*", "capabilities", "scalable"):
		c.fixed("properties")
	case c.matches("node_templates", "*", "capabilities", "scalable", "properties"):
		c.fixed(scaleKeys...)
	case c.matches("node_templates", "*", "instances"):
		c.fixed("deploy")
	case len(c.keys) >= 3 && c.keys[2] == "interfaces":
		c.interfaceKeys(typ, "interfaces", 3, false)
	case c.matches("node_templates", "*", "relationships"):
		if !c.inFlow {
			c.add("- type", itemProperty, "a relationship", "- type: ")
		}
	case c.matches("node_templates", "*", "relationships", "-"):
		c.fixed(edgeKeys...)
	case len(c.keys) >= 5 && c.keys[2] == "relationships" && c.keys[3] == "-":
		edge := c.owner(3, index.Relationship)
		if c.keys[4] == "properties" {
			c.propertyKeys(edge, 5)
			return
		}
		c.interfaceKeys(edge, c.keys[4], 5, false)
	default:
		if c.inFlow {
			c.functionKeys()
		}
	}
}

// propertyKeys adds the properties of a type, or below those of the data types that they have.
func (c *completer) propertyKeys(owner index.Owner, depth int) {
	for _, name := range c.keys[depth:] {
		m := c.index.Property(owner, name)
		if m == nil {
			if c.inFlow {
				c.functionKeys()
			}
			return
		}
		owner = index.Owner{Kind: index.DataType, Name: m.Text("type")}
	}
	before := len(c.items)
	for _, p := range c.index.Properties(owner) {
		isBlock := p.Text("type") == "dict" || p.Text("type") == "list" || c.index.Find(index.DataType, p.Text("type")) != nil
		c.key(p.Name, strings.TrimSpace(p.Text("type")+" "+firstLine(p.Text("description"))), isBlock)
	}
	if c.inFlow && len(c.items) == before {
		c.functionKeys()
	}
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}

// interfaceKeys adds interfaces, operations, their fields and inputs of a type.
func (c *completer) interfaceKeys(owner index.Owner, field string, depth int, inType bool) {
	rest := c.keys[depth:]
	switch {
	case len(rest) == 0:
		for _, i := range c.index.Interfaces(owner, field) {
			c.key(i, "interface of "+owner.Name, true)
		}
	case len(rest) == 1:
		for _, op := range c.index.Operations(owner, field, rest[0]) {
			c.key(op.Name, "operation, defined by "+op.Owner.Name, true)
		}
	case len(rest) == 2:
		c.fixed(operationKeys...)
	case len(rest) == 3 && rest[2] == "inputs":
		for _, m := range c.index.OperationDefinitions(owner, field, rest[0], rest[1]) {
			if inputs := m.Value.Get("inputs"); inputs.IsMap() {
				for _, p := range inputs.Pairs {
					c.key(p.Key.Text(), p.Value.Get("type").Text(), false)
				}
			}
		}
	case len(rest) == 4 && rest[2] == "inputs" && inType:
		c.fixed(inputKeys...)
	case c.inFlow:
		c.functionKeys()
	}
}

func (c *completer) typeKeys() {
	section := c.keys[0]
	kinds := map[string]index.Kind{"node_types": index.NodeType, "relationships": index.Relationship, "data_types": index.DataType}
	switch {
	case c.matches("node_types", "*"):
		c.fixed(typeKeys...)
	case c.matches("relationships", "*"):
		c.fixed(relationKeys...)
	case c.matches("data_types", "*"):
		c.fixed("derived_from", "description", "properties", "version")
	case c.matches("*", "*", "properties", "*"):
		c.fixed(propertyKeys...)
	case len(c.keys) >= 3 && strings.HasSuffix(c.keys[2], "interfaces"):
		parent := index.Owner{Kind: kinds[section], Name: c.field(c.text, 1, "derived_from")}
		c.interfaceKeys(parent, c.keys[2], 3, true)
	case c.inFlow:
		c.functionKeys()
	}
}
