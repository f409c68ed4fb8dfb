package e2e_test

import (
	"strings"
	"testing"

	"github.com/reifyhq/reify/internal/client"
)

const library = `tosca_definitions_version: cloudify_dsl_1_5
imports: [cloudify/types/types.yaml, parts/greeting.yaml]
node_templates:
  base:
    type: greeting
`

const greeting = `node_types:
  greeting:
    derived_from: cloudify.nodes.Root
    interfaces:
      cloudify.interfaces.lifecycle:
        create: {implementation: scripts/greet.sh, executor: central_deployment_agent}
`

const importer = `tosca_definitions_version: cloudify_dsl_1_5
imports: [cloudify/types/types.yaml, "lib--blueprint:library"]
node_templates:
  mine:
    type: lib--greeting
capabilities:
  word: {value: {get_attribute: [mine, word]}}
`

// TestImportedBlueprint imports an uploaded blueprint: its types, its files and its scripts are found, files of others
// are not, and it cannot be deleted while it is imported.
func TestImportedBlueprint(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	m.ok("blueprints", "upload", blueprint(t, map[string]string{
		"blueprint.yaml": library, "parts/greeting.yaml": greeting,
		"scripts/greet.sh": "#!/bin/bash\nctx instance runtime-properties word hello\n",
	}), "-b", "library")
	m.ok("blueprints", "upload", blueprint(t, map[string]string{"blueprint.yaml": importer}), "-b", "app")
	m.ok("deployments", "create", "d", "-b", "app")
	m.ok("executions", "start", "install", "-d", "d")
	if out := m.ok("deployments", "capabilities", "d"); !strings.Contains(out, "hello") {
		t.Errorf("the script of the imported blueprint did not run:\n%s", out)
	}
	page, err := m.client().ListNodes(t.Context(), client.NodeQuery{Deployment: "d"})
	if err != nil || len(page.Items) != 2 {
		t.Errorf("nodes: %d, %v; want mine and lib--base", len(page.Items), err)
	}
	if code, out := m.reify("blueprints", "delete", "library"); code == 0 || !strings.Contains(out, "app") {
		t.Errorf("delete of an imported blueprint: exit %d\n%s", code, out)
	}
	for name, imported := range map[string]string{
		"missing": "x--blueprint:nowhere",
		"foreign": "/blueprints/default_tenant/library/parts/greeting.yaml",
	} {
		bp := blueprint(t, map[string]string{"blueprint.yaml": strings.Replace(importer, "lib--blueprint:library", imported, 1)})
		if code, out := m.reify("blueprints", "upload", bp, "-b", name); code == 0 || !strings.Contains(out, "mport") {
			t.Errorf("%s: exit %d\n%s", name, code, out)
		}
	}
	m.ok("executions", "start", "uninstall", "-d", "d")
	m.ok("deployments", "delete", "d")
	m.ok("blueprints", "delete", "app")
	m.ok("blueprints", "delete", "library")
	m.stop()
	m.noProcessLeft()
}
