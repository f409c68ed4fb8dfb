package imports

import (
	"strings"

	"github.com/reifyhq/reify/internal/dsl/yamltree"
)

// Primitive are the names of schema types that are no data types, section 8.1.
var Primitive = map[string]bool{"string": true, "integer": true, "float": true, "boolean": true, "list": true, "dict": true,
	"regex": true, "textarea": true, "blueprint_id": true, "deployment_id": true, "capability_value": true,
	"scaling_group": true, "node_id": true, "node_type": true, "node_instance": true, "secret_key": true, "operation_name": true}

const reserved = "cloudify."

// namespacer prefixes what an import brings, section 6. It makes new nodes for
// everything it changes and never changes a node it was given.
type namespacer struct{ ns string }

func (n namespacer) name(s string) string {
	if strings.HasPrefix(s, reserved) {
		return s
	}
	return n.ns + Delimiter + s
}

// leaf prefixes a string scalar.
func (n namespacer) leaf(x *yamltree.Node) *yamltree.Node {
	s, ok := x.Str()
	if !ok {
		return x
	}
	return yamltree.New(n.name(s), x)
}

func (n namespacer) typeName(x *yamltree.Node) *yamltree.Node {
	if Primitive[x.Text()] {
		return x
	}
	return n.leaf(x)
}

type transform func(*yamltree.Node) *yamltree.Node

// each applies a transform to the values of a mapping.
func each(x *yamltree.Node, f transform) *yamltree.Node {
	if !x.IsMap() {
		return x
	}
	c := x.Copy()
	for i := range c.Pairs {
		c.Pairs[i].Value = f(c.Pairs[i].Value)
	}
	return c
}

// items applies a transform to the items of a list.
func items(x *yamltree.Node, f transform) *yamltree.Node {
	if !x.IsList() {
		return x
	}
	c := x.Copy()
	for i := range c.Items {
		c.Items[i] = f(c.Items[i])
	}
	return c
}

// fields applies transforms to named fields of a mapping.
func fields(x *yamltree.Node, fs map[string]transform) *yamltree.Node {
	if !x.IsMap() {
		return x
	}
	c := x.Copy()
	for i, p := range c.Pairs {
		if f := fs[p.Key.Text()]; f != nil {
			c.Pairs[i].Value = f(p.Value)
		}
	}
	return c
}

// schema prefixes the types of a schema of properties, parameters or inputs.
func (n namespacer) schema(x *yamltree.Node) *yamltree.Node {
	return each(x, n.schemaProperty)
}

func (n namespacer) schemaProperty(x *yamltree.Node) *yamltree.Node {
	return fields(x, map[string]transform{"type": n.typeName, "item_type": n.typeName, "default": n.value})
}

func (n namespacer) interfaces(x *yamltree.Node, inputs transform) *yamltree.Node {
	return each(x, func(iface *yamltree.Node) *yamltree.Node {
		return each(iface, func(op *yamltree.Node) *yamltree.Node {
			if _, ok := op.Str(); ok {
				return n.implementation(op)
			}
			return fields(op, map[string]transform{"implementation": n.implementation, "inputs": inputs})
		})
	})
}

func (n namespacer) implementation(x *yamltree.Node) *yamltree.Node {
	if x.Text() == "" {
		return x
	}
	return n.leaf(x)
}

// typeEntry prefixes a node type, relationship type, data type or policy type.
func (n namespacer) typeEntry(x *yamltree.Node) *yamltree.Node {
	ifaces := func(y *yamltree.Node) *yamltree.Node { return n.interfaces(y, n.schema) }
	return fields(x, map[string]transform{"derived_from": n.leaf, "properties": n.schema, "runtime_properties": n.schema,
		"parameters": n.schema, "interfaces": ifaces, "source_interfaces": ifaces, "target_interfaces": ifaces})
}

func (n namespacer) nodeTemplate(x *yamltree.Node) *yamltree.Node {
	ifaces := func(y *yamltree.Node) *yamltree.Node { return n.interfaces(y, n.value) }
	relationship := func(y *yamltree.Node) *yamltree.Node {
		return fields(y, map[string]transform{"type": n.leaf, "target": n.leaf, "properties": n.value,
			"source_interfaces": ifaces, "target_interfaces": ifaces})
	}
	return fields(x, map[string]transform{"type": n.leaf, "properties": n.value, "interfaces": ifaces, "capabilities": n.value,
		"instances":     n.value,
		"relationships": func(y *yamltree.Node) *yamltree.Node { return items(y, relationship) }})
}

func (n namespacer) workflow(x *yamltree.Node) *yamltree.Node {
	if _, ok := x.Str(); ok {
		return n.implementation(x)
	}
	return fields(x, map[string]transform{"mapping": n.implementation, "parameters": n.schema})
}

func (n namespacer) group(x *yamltree.Node) *yamltree.Node {
	trigger := func(y *yamltree.Node) *yamltree.Node {
		return fields(y, map[string]transform{"type": n.leaf, "parameters": n.value})
	}
	policy := func(y *yamltree.Node) *yamltree.Node {
		return fields(y, map[string]transform{"type": n.leaf, "properties": n.value,
			"triggers": func(z *yamltree.Node) *yamltree.Node { return each(z, trigger) }})
	}
	return fields(x, map[string]transform{
		"members":  func(y *yamltree.Node) *yamltree.Node { return items(y, n.leaf) },
		"policies": func(y *yamltree.Node) *yamltree.Node { return each(y, policy) }})
}

func (n namespacer) scalingPolicy(x *yamltree.Node) *yamltree.Node {
	return fields(x, map[string]transform{"type": n.leaf, "properties": n.value,
		"targets": func(y *yamltree.Node) *yamltree.Node { return items(y, n.leaf) }})
}

// entryOf gives the transform of the entries of a section.
func (n namespacer) entryOf(section string) transform {
	switch section {
	case "inputs":
		return n.schemaProperty
	case "node_types", "relationships", "data_types", "policy_types", "policy_triggers":
		return n.typeEntry
	case "node_templates":
		return n.nodeTemplate
	case "workflows":
		return n.workflow
	case "groups":
		return n.group
	case "policies":
		return n.scalingPolicy
	case "resource_tags":
		return n.leaf
	case "plugins":
		return func(x *yamltree.Node) *yamltree.Node { return x }
	}
	return n.value
}

// Functions whose first argument names an element.
const (
	getInput     = "get_input"
	getProperty  = "get_property"
	getAttribute = "get_attribute"
)

// value prefixes the names inside of intrinsic functions anywhere in a value.
func (n namespacer) value(x *yamltree.Node) *yamltree.Node {
	switch x.Kind {
	case yamltree.List:
		return items(x, n.value)
	case yamltree.Map:
		c := x.Copy()
		for i, p := range c.Pairs {
			v := p.Value
			switch p.Key.Text() {
			case getInput:
				v = n.firstArgument(v, func(string) bool { return true })
			case getProperty, getAttribute:
				if v.IsList() {
					v = n.firstArgument(v, func(s string) bool { return s != "SELF" && s != "SOURCE" && s != "TARGET" })
				}
			}
			c.Pairs[i].Value = n.value(v)
		}
		return c
	}
	return x
}

func (n namespacer) firstArgument(x *yamltree.Node, want func(string) bool) *yamltree.Node {
	if s, ok := x.Str(); ok {
		if want(s) {
			return yamltree.New(n.ns+Delimiter+s, x)
		}
		return x
	}
	if x.IsList() && len(x.Items) > 0 {
		if s, ok := x.Items[0].Str(); ok && want(s) {
			c := x.Copy()
			c.Items[0] = yamltree.New(n.ns+Delimiter+s, x.Items[0])
			return c
		}
	}
	return x
}

// section prefixes a whole section. Entries of built-in types stay as they are.
func (n namespacer) section(key string, x *yamltree.Node) *yamltree.Node {
	if n.ns == "" || !x.IsMap() {
		return x
	}
	f := n.entryOf(key)
	c := x.Copy()
	for i, p := range c.Pairs {
		if p.Key.BuiltIn {
			continue
		}
		c.Pairs[i].Key = n.leaf(p.Key)
		c.Pairs[i].Value = f(p.Value)
	}
	return c
}
