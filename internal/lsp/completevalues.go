package lsp

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/reifyhq/reify/internal/dsl/builtin"
	"github.com/reifyhq/reify/internal/dsl/imports"
	"github.com/reifyhq/reify/internal/dsl/index"
)

// values adds what the value of the innermost key, or an item of its list, can be.
func (c *completer) values() {
	last := ""
	if len(c.keys) > 0 {
		last = c.keys[len(c.keys)-1]
	}
	switch {
	case c.matches("tosca_definitions_version"):
		c.words(itemKeyword, imports.SupportedVersions...)
	case c.matches("imports", "-"):
		c.words(itemModule, builtin.Names()...)
		c.files(func(name string) bool { return strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml") })
	case c.matches("node_templates", "*", "type"), c.matches("node_types", "*", "derived_from"):
		c.known(index.NodeType, "node_types", itemClass)
	case c.matches("node_templates", "*", "relationships", "-", "type"), c.matches("relationships", "*", "derived_from"):
		c.known(index.Relationship, "relationships", itemClass)
	case c.matches("data_types", "*", "derived_from"):
		c.known(index.DataType, "data_types", itemClass)
	case c.matches("node_templates", "*", "relationships", "-", "target"):
		c.known(index.Node, "node_templates", itemVariable)
	case c.matches("groups", "*", "members", "-"):
		c.known(index.Node, "node_templates", itemVariable)
		c.known(index.Group, "groups", itemVariable)
	case c.matches("policies", "*", "targets", "-"):
		c.known(index.Group, "groups", itemVariable)
	case c.matches("policies", "*", "type"):
		c.words(itemClass, "cloudify.policies.scaling")
	case c.matches("groups", "*", "policies", "*", "type"):
		c.known(index.PolicyType, "policy_types", itemClass)
	case c.matches("groups", "*", "policies", "*", "triggers", "*", "type"):
		c.known(index.Trigger, "policy_triggers", itemEvent)
	case last == "executor":
		c.words(itemKeyword, "central_deployment_agent", "host_agent")
	case last == "implementation", last == "mapping", c.matches("workflows", "*"), c.isOperation():
		c.implementations()
	case c.isSchemaField("type"), c.isSchemaField("item_type"):
		c.schemaTypes()
	case isBoolean[last]:
		c.words(itemKeyword, "true", "false")
	case len(c.keys) >= 3:
		c.freeValue()
	}
}

// isBoolean are the fields that are true or false.
var isBoolean = map[string]bool{"required": true, "hidden": true, "install": true, "is_cascading": true,
	"timeout_recoverable": true, "use_external_resource": true}

// isOperation tells whether the key is an operation, whose value can be its implementation.
func (c *completer) isOperation() bool {
	n := len(c.keys)
	return n >= 5 && c.inValue && strings.HasSuffix(c.keys[n-3], "interfaces") && (n == 5 || n == 7)
}

// isSchemaField tells whether the key is a field of an input, a property or a parameter.
func (c *completer) isSchemaField(name string) bool {
	if c.matches("inputs", "*", name) || c.matches("workflows", "*", "parameters", "*", name) {
		return true
	}
	n := len(c.keys)
	if n < 5 || c.keys[n-1] != name || c.keys[0] == "node_templates" {
		return false
	}
	return n == 5 && c.keys[2] == "properties" || c.keys[n-3] == "inputs"
}

// freeValue adds functions, and what the declared type of a property allows.
func (c *completer) freeValue() {
	if c.keys[0] == "node_templates" && len(c.keys) == 4 && c.keys[2] == "properties" {
		m := c.index.Property(c.owner(1, index.NodeType), c.keys[3])
		if m != nil && m.Text("type") == "boolean" {
			c.words(itemKeyword, "true", "false")
		}
	}
	switch c.keys[0] {
	case "node_templates", "outputs", "capabilities", "node_types", "relationships", "data_types", "policies", "labels",
		"deployment_settings":
		c.functions()
	}
}

func (c *completer) implementations() {
	for _, p := range c.index.All(index.Plugin) {
		c.add(p.Name+".", itemModule, "plugin", "")
	}
	c.files(func(name string) bool {
		return !strings.HasSuffix(name, ".yaml") && !strings.HasSuffix(name, ".yml") && strings.Contains(name, "/")
	})
}

// Bounds of the search for files.
const (
	maxFiles = 300
	maxVisit = 3000
)

// files adds files below the directory of the document.
func (c *completer) files(wanted func(name string) bool) {
	if c.doc.path == "" {
		return
	}
	root, err := os.OpenRoot(filepath.FromSlash(path.Dir(c.doc.path)))
	if err != nil {
		return
	}
	defer root.Close()
	visited, found := 0, 0
	// What cannot be read is left out of the proposals, which is all that an error could lead to here.
	_ = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		visited++
		switch {
		case visited > maxVisit || found >= maxFiles:
			return fs.SkipAll
		case err != nil:
			return fs.SkipDir
		case d.IsDir() && name != "." && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case d.IsDir(), strings.HasPrefix(d.Name(), "."), !wanted(name), name == path.Base(c.doc.path):
			return nil
		}
		found++
		c.add(name, itemFile, "", "")
		return nil
	})
}
