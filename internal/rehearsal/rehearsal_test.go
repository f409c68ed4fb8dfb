package rehearsal

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/workflow"
)

// TestSceneAnswersAll checks that every method that model changes call on their transaction is one of scene itself.
func TestSceneAnswersAll(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "copy.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var own []string
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv != nil {
			own = append(own, f.Name.Name)
		}
	}
	// What happens when an execution begins or ends, when a deployment is made, and what custom workflows report of their
	// tasks, is no part of a phase.
	outside := []string{"group.go", "settle.go", "task.go"}
	call := regexp.MustCompile(`\btx\.([A-Z]\w*)\(`)
	for _, room := range []string{"change", "dependency"} {
		files, err := filepath.Glob(filepath.Join("..", room, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatal("no files of ", room, err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") || slices.Contains(outside, filepath.Base(name)) {
				continue
			}
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range call.FindAllSubmatch(text, -1) {
				if !slices.Contains(own, string(m[1])) {
					t.Errorf("%s calls %s, which a rehearsal does not answer", name, m[1])
				}
			}
		}
	}
}

// newWorld is a host with a server in it and a database that is connected to the server.
func newWorld() *World {
	op := func(function string) model.Operation {
		return model.Operation{Plugin: "p", Function: function, Executor: model.ExecutorCentral, Inputs: model.Document{"password": "x"}}
	}
	const life = "cloudify.interfaces.lifecycle."
	w := &World{Deployment: &model.Deployment{Resource: model.Resource{Tenant: "t"}, ID: "d", Workflows: map[string]model.Workflow{}}}
	for _, name := range []string{"install", "uninstall", "reinstall", "rollback", "start", "restart", "heal", "check_status", "check_drift", "execute_operation"} {
		w.Deployment.Workflows[name] = model.Workflow{Plugin: "default_workflows", Operation: "cloudify.plugins.workflows." + name}
	}
	w.Deployment.Workflows["heal"] = model.Workflow{Plugin: "default_workflows", Operation: "cloudify.plugins.workflows.auto_heal_reinstall_node_subgraph"}
	w.Deployment.Workflows["scale"] = model.Workflow{Plugin: "default_workflows", Operation: "cloudify.plugins.workflows.scale_entity"}
	w.Deployment.Workflows["own"] = model.Workflow{Plugin: "mine", Operation: "mine.run"}
	contained, connected := "cloudify.relationships.contained_in", "cloudify.relationships.connected_to"
	for _, n := range []struct {
		id, target model.NodeID
		kind       string
	}{{"vm", "", ""}, {"web", "vm", contained}, {"db", "web", connected}} {
		node := &model.Node{ID: n.id, Deployment: "d", Type: "cloudify.nodes.Root", TypeHierarchy: []string{"cloudify.nodes.Root"},
			Operations: map[string]model.Operation{life + "create": op("create"), life + "start": op("start"), life + "stop": op("stop")},
			Plugins:    []model.PlanPlugin{{Name: "p", Executor: model.ExecutorCentral}}, Number: 1, Planned: 1, Deploy: 1, Min: 0, Max: -1}
		instance := &model.NodeInstance{ID: model.InstanceID(n.id + "_1"), Node: n.id, Deployment: "d", State: model.InstanceUninitialized, Version: 1, Index: 1}
		if n.kind != "" {
			node.Relationships = []model.NodeRelationship{{Type: n.kind, TargetID: n.target, TypeHierarchy: []string{n.kind},
				Properties: model.Document{"connection_type": "all_to_all"}}}
			instance.Relationships = []model.InstanceRelationship{{Type: n.kind, TargetName: n.target, TargetID: model.InstanceID(n.target + "_1")}}
		}
		w.Nodes, w.Instances = append(w.Nodes, node), append(w.Instances, instance)
	}
	return w
}

func play(t *testing.T, w *World, name string, parameters model.Document) []Step {
	t.Helper()
	if parameters == nil {
		parameters = model.Document{}
	}
	steps, err := Play(context.Background(), w, Script{Workflow: name, Parameters: parameters, Settings: workflow.DefaultSettings,
		Now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for _, s := range steps {
		for _, before := range s.After {
			if before >= s.ID {
				t.Errorf("%s: step %d waits for step %d", name, s.ID, before)
			}
		}
	}
	return steps
}

func list(steps []Step) string {
	var out []string
	for _, s := range steps {
		out = append(out, string(s.On)+"."+s.Function)
	}
	return strings.Join(out, " ")
}

// TestPlay plays the built-in workflows one after the other over the same deployment.
func TestPlay(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for _, c := range []struct {
		name       string
		parameters model.Document
		want       string
		instances  int
	}{
		{"install", nil, "vm_1.create vm_1.start web_1.create web_1.start db_1.create db_1.start", 3},
		{"install", nil, "", 3},
		{"execute_operation", model.Document{"operation": "cloudify.interfaces.lifecycle.start", "node_ids": []any{"web"}}, "web_1.start", 3},
		{"check_drift", nil, "", 3},
		{"heal", model.Document{"check_status": true, "allow_reinstall": true}, "", 3},
		{"scale", model.Document{"scalable_entity_name": "db", "delta": 1}, "db_new", 4},
		{"scale", model.Document{"scalable_entity_name": "db", "delta": -1, "exclude_instances": []any{"db_1"}}, "db_new", 3},
		{"reinstall", model.Document{"node_ids": []any{"db"}}, "db_1.stop db_1.create db_1.start", 3},
		{"uninstall", nil, "db_1.stop web_1.stop vm_1.stop", 3},
	} {
		got := list(play(t, w, c.name, c.parameters))
		if got != c.want && !(strings.HasSuffix(c.want, "_new") && strings.HasPrefix(got, c.want)) {
			t.Errorf("%s %v: %s, want %s", c.name, c.parameters, got, c.want)
		}
		if len(w.Instances) != c.instances {
			t.Errorf("%s %v: %d instances, want %d", c.name, c.parameters, len(w.Instances), c.instances)
		}
	}
	for _, i := range w.Instances {
		if i.State != model.InstanceDeleted {
			t.Errorf("%s is %s after all", i.ID, i.State)
		}
	}
}

// TestPlayRefuses checks what cannot be planned.
func TestPlayRefuses(t *testing.T) {
	t.Parallel()
	for name, parameters := range map[string]model.Document{
		"own": nil, "nothing": nil, "scale": {"scalable_entity_name": "nobody"},
	} {
		_, err := Play(context.Background(), newWorld(), Script{Workflow: name, Parameters: parameters, Settings: workflow.DefaultSettings})
		if err == nil || fault.CodeOf(err) == fault.Internal {
			t.Errorf("%s: %v", name, err)
		}
	}
}
