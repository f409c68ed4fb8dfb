package workflow

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/reifyhq/reify/internal/model"
)

var isUpdate = flag.Bool("update", false, "rewrite the golden files")

// TestGoldenGraphs builds the graph of each testdata/*.txtar: topology.json holds nodes and instances, request.json the
// workflow with its parameters, graph the expected tasks.
func TestGoldenGraphs(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got := goldenGraph(t, section(archive, "topology.json"), section(archive, "request.json"))
			if *isUpdate {
				for k := range archive.Files {
					if archive.Files[k].Name == "graph" {
						archive.Files[k].Data = []byte(got)
					}
				}
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(section(archive, "graph")), got); diff != "" {
				t.Errorf("graph (-want +got):\n%s", diff)
			}
		})
	}
}

func section(a *txtar.Archive, name string) []byte {
	for _, f := range a.Files {
		if f.Name == name {
			return f.Data
		}
	}
	return nil
}

// topology is the short form of a deployment in golden files: operations are mapping texts.
type topology struct {
	Nodes []struct {
		ID            model.NodeID      `json:"id"`
		Types         []string          `json:"types"`
		Properties    model.Document    `json:"properties"`
		Operations    map[string]string `json:"operations"`
		Relationships []struct {
			Target model.NodeID      `json:"target"`
			Types  []string          `json:"types"`
			Source map[string]string `json:"source"`
			On     map[string]string `json:"on_target"`
		} `json:"relationships"`
	} `json:"nodes"`
	// Instances maps instances to states; the node is the part of the id before the last underscore.
	Instances []struct {
		ID      model.InstanceID    `json:"id"`
		State   model.InstanceState `json:"state"`
		Targets []model.InstanceID  `json:"targets"`
	} `json:"instances"`
}

func operations(short map[string]string) map[string]model.Operation {
	out := make(map[string]model.Operation)
	for name, mapping := range short {
		plugin, function, _ := strings.Cut(mapping, ".")
		out["cloudify.interfaces."+name] = model.Operation{Plugin: plugin, Function: function}
	}
	return out
}

func (tp topology) snapshot() *Snapshot {
	snap := &Snapshot{Deployment: "dep"}
	types := make(map[model.NodeID]map[model.NodeID]string)
	for _, n := range tp.Nodes {
		node := &model.Node{
			ID: n.ID, TypeHierarchy: n.Types, Properties: n.Properties, Operations: operations(n.Operations),
			Plugins: []model.PlanPlugin{{Name: "p"}, {Name: "agent"}},
		}
		types[n.ID] = make(map[model.NodeID]string)
		for _, r := range n.Relationships {
			node.Relationships = append(node.Relationships, model.NodeRelationship{
				Type: r.Types[len(r.Types)-1], TypeHierarchy: r.Types, TargetID: r.Target,
				SourceOperations: operations(r.Source), TargetOperations: operations(r.On),
			})
			types[n.ID][r.Target] = r.Types[len(r.Types)-1]
		}
		snap.Nodes = append(snap.Nodes, node)
	}
	nodeOf := func(id model.InstanceID) model.NodeID {
		return model.NodeID(string(id)[:strings.LastIndexByte(string(id), '_')])
	}
	for _, i := range tp.Instances {
		inst := &model.NodeInstance{ID: i.ID, Node: nodeOf(i.ID), State: i.State}
		for _, target := range i.Targets {
			inst.Relationships = append(inst.Relationships, model.InstanceRelationship{
				Type: types[inst.Node][nodeOf(target)], TargetName: nodeOf(target), TargetID: target,
			})
		}
		snap.Instances = append(snap.Instances, inst)
	}
	return snap
}

func goldenGraph(t *testing.T, rawTopology, rawRequest []byte) string {
	t.Helper()
	var tp topology
	if err := json.Unmarshal(rawTopology, &tp); err != nil {
		t.Fatal(err)
	}
	var req struct {
		Workflow   string         `json:"workflow"`
		Parameters model.Document `json:"parameters"`
	}
	if err := json.Unmarshal(rawRequest, &req); err != nil {
		t.Fatal(err)
	}
	program, ok := Find("", req.Workflow)
	if !ok {
		t.Fatalf("no workflow %s", req.Workflow)
	}
	n := 0
	ph, err := program(&State{
		Workflow: req.Workflow, Parameters: req.Parameters, Settings: DefaultSettings, Model: tp.snapshot(),
		NewTaskID: func() model.TaskID {
			n++
			return model.TaskID(fmt.Sprint(n))
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return render(ph.Graph.Tasks)
}

// render shows a graph: a line per task, members indented below their subgraph, with what it waits for.
func render(tasks []*model.Task) string {
	number := make(map[model.TaskID]int)
	depth := make(map[model.TaskID]int)
	for k, t := range tasks {
		number[t.ID] = k + 1
	}
	var b strings.Builder
	for k, t := range tasks {
		p := t.Parameters
		if p.ContainingSubgraph != nil {
			depth[t.ID] = depth[*p.ContainingSubgraph] + 1
		}
		fmt.Fprintf(&b, "%s%d ", strings.Repeat("  ", depth[t.ID]), k+1)
		switch {
		case p.SetState != nil:
			fmt.Fprintf(&b, "state %s %s", p.SetState.Instance, p.SetState.State)
		case p.NodeEvent != nil:
			fmt.Fprintf(&b, "event %s %q", p.NodeEvent.Instance, p.NodeEvent.Message)
		case p.Operation != nil:
			fmt.Fprintf(&b, "operation %s %s", p.Operation.Instance, strings.TrimPrefix(p.Operation.Name, "cloudify.interfaces."))
			if p.Operation.Side != "" {
				fmt.Fprintf(&b, " as %s", p.Operation.Side)
			}
		default:
			fmt.Fprintf(&b, "subgraph %s", t.Name)
		}
		if h := p.OnFailure; h != nil {
			fmt.Fprintf(&b, " on failure %s", h.Kind)
		}
		var after []string
		for _, d := range t.Dependencies {
			if p.ContainingSubgraph == nil || d != *p.ContainingSubgraph {
				after = append(after, fmt.Sprint(number[d]))
			}
		}
		if len(after) > 0 {
			fmt.Fprintf(&b, " after %s", strings.Join(after, ", "))
		}
		b.WriteByte('\n')
	}
	return b.String()
}
