package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// nodes is the number of nodes of the blueprint.
const nodes = 30

// head is what both versions of the blueprint begin with. A killed operation is repeated soon and as often as needed.
const head = `tosca_definitions_version: cloudify_dsl_1_5
imports: [cloudify/types/types.yaml]
inputs:
  journal: {type: string}
dsl_definitions:
  run: &run
    implementation: scripts/note.sh
    executor: central_deployment_agent
    max_retries: -1
    retry_interval: 0.2
    inputs: {JOURNAL: {get_input: journal}}
  life: &life
    cloudify.interfaces.lifecycle: {create: *run, configure: *run, start: *run, stop: *run, delete: *run}
node_templates:
`

// note is the script of all operations. It notes its begin and its end with the task, and whether an earlier process of the
// same task is still alive.
const note = `#!/bin/bash
set -e
task="$(ctx task_id)"
execution="$(ctx execution_id)"
instance="$(ctx instance id)"
operation="$(ctx operation name)"
what="$execution $task $instance $operation $$"
if [ -f "$JOURNAL.d/$task" ] && kill -0 "$(cat "$JOURNAL.d/$task")" 2> /dev/null; then
  echo "overlap $what" >> "$JOURNAL"
fi
echo $$ > "$JOURNAL.d/$task"
echo "begin $what" >> "$JOURNAL"
sleep 0.05
echo "end $what" >> "$JOURNAL"
`

// writeBlueprints writes two versions of the blueprint: the second has another last node in place of the first's.
func writeBlueprints(dir string) error {
	for version, last := range map[string]string{"one": "last", "two": "other"} {
		var b strings.Builder
		b.WriteString(head)
		for i := range nodes {
			name := fmt.Sprintf("n%02d", i)
			if i == nodes-1 {
				name = last
			}
			fmt.Fprintf(&b, "  %s:\n    type: cloudify.nodes.Root\n    interfaces: *life\n", name)
			if i > 0 {
				fmt.Fprintf(&b, "    relationships: [{type: cloudify.relationships.depends_on, target: n%02d}]\n", (i-1)/3)
			}
		}
		for name, text := range map[string]string{"blueprint.yaml": b.String(), "scripts/note.sh": note} {
			path := filepath.Join(dir, version, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
				return err
			}
		}
	}
	return nil
}
