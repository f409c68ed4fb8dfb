package workflow

import "strings"

// mappingPrefix is the module of the built-in workflows in a plan's workflow mappings (workflows, section 9.9).
const mappingPrefix = "cloudify.plugins.workflows."

// defaultPlugin is the plugin name under which plans declare the built-in workflows.
const defaultPlugin = "default_workflows"

// Find returns the program for a workflow mapping of the plan ("cloudify.plugins.workflows.install", with plugin
// "default_workflows"), or for a name that the manager itself knows; false when it is custom code.
func Find(plugin, operation string) (Program, bool) {
	if plugin != defaultPlugin && plugin != "" {
		return nil, false
	}
	return builtin(strings.TrimPrefix(operation, mappingPrefix))
}

func builtin(string) (Program, bool) { return nil, false }
