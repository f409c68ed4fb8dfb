package inspect

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/reifyhq/reify/internal/dsl"
	"github.com/reifyhq/reify/internal/dsl/plan"
	"github.com/reifyhq/reify/internal/dsl/value"
)

// Drawing is the form of a graph.
type Drawing string

// The forms of a graph.
const (
	SVG     Drawing = "svg"
	DOT     Drawing = "dot"
	Mermaid Drawing = "mermaid"
	Data    Drawing = "json"
)

// Drawings lists the forms.
func Drawings() []Drawing { return []Drawing{SVG, DOT, Mermaid, Data} }

// Graph draws the topology of a blueprint: nodes inside of what they are contained in, relationships with their types,
// scaling groups and numbers of instances.
func (i Inspector) Graph(ctx context.Context, name string, form Drawing, w io.Writer) error {
	return i.one(ctx, name, func(_ *blueprint, p *dsl.Plan) error {
		g := newGraph(p)
		switch form {
		case DOT:
			return g.dot(w)
		case Mermaid:
			return g.mermaid(w)
		case Data:
			e := json.NewEncoder(w)
			e.SetIndent("", "  ")
			e.SetEscapeHTML(false)
			return e.Encode(g)
		case SVG, "":
			return g.svg(w)
		}
		return fmt.Errorf("unknown form of a graph: %q", form)
	})
}

const containedIn = "cloudify.relationships.contained_in"

// graph is a topology ready to be drawn. Nodes are known by their place in nodes.
type graph struct {
	Nodes  []*graphNode  `json:"nodes"`
	Edges  []graphEdge   `json:"relationships"`
	Groups []*graphGroup `json:"scaling_groups"`
	top    []int
}

type graphNode struct {
	Name string `json:"name"`
	Type string `json:"type"`
	// Instances is the declared number, or the function that gives it; Total counts those of all containers and groups,
	// 0 when that depends on inputs.
	Instances string   `json:"instances"`
	Total     int      `json:"total_instances,omitempty"`
	In        string   `json:"contained_in,omitempty"`
	Groups    []string `json:"groups,omitempty"`
	parent    int
	children  []int
	own       int
}

type graphEdge struct {
	From string `json:"source"`
	To   string `json:"target"`
	Type string `json:"type"`
	// Kind is the base type: connected_to or depends_on.
	Kind     string `json:"kind"`
	from, to int
}

type graphGroup struct {
	Name      string   `json:"name"`
	Instances string   `json:"instances"`
	Members   []string `json:"members"`
	own       int
}

func newGraph(p *dsl.Plan) *graph {
	g := &graph{Nodes: []*graphNode{}, Edges: []graphEdge{}, Groups: []*graphGroup{}}
	at := map[string]int{}
	for i, n := range p.Nodes {
		at[n.Name] = i
		text, number := instances(p, nodeScale(n))
		g.Nodes = append(g.Nodes, &graphNode{Name: n.Name, Type: n.Type, Instances: text, own: number, parent: -1})
	}
	for i, n := range p.Nodes {
		for _, r := range n.Relationships {
			to, ok := at[r.TargetID]
			if !ok {
				continue
			}
			if slices.Contains(r.TypeHierarchy, containedIn) && g.Nodes[i].parent < 0 && to != i {
				g.Nodes[i].parent, g.Nodes[i].In = to, r.TargetID
				continue
			}
			g.Edges = append(g.Edges, graphEdge{From: n.Name, To: r.TargetID, Type: r.Type, Kind: kindOf(r), from: i, to: to})
		}
	}
	for i, n := range g.Nodes {
		if n.parent < 0 {
			g.top = append(g.top, i)
			continue
		}
		g.Nodes[n.parent].children = append(g.Nodes[n.parent].children, i)
	}
	g.groups(p, at)
	for i := range g.Nodes {
		g.Nodes[i].Total = g.total(i, 0)
	}
	return g
}

func kindOf(r *plan.Relationship) string {
	if slices.Contains(r.TypeHierarchy, "cloudify.relationships.connected_to") {
		return "connected_to"
	}
	return "depends_on"
}

func (g *graph) groups(p *dsl.Plan, at map[string]int) {
	for name, s := range p.ScalingGroups.All() {
		text, number := instances(p, s.Properties.At("default_instances"))
		members := slices.Sorted(slices.Values(s.Members))
		g.Groups = append(g.Groups, &graphGroup{Name: name, Instances: text, Members: members, own: number})
		for _, m := range members {
			if i, ok := at[m]; ok {
				g.Nodes[i].Groups = append(g.Nodes[i].Groups, name)
			}
		}
	}
}

// nodeScale gives the declared number of instances of a node.
func nodeScale(n *plan.Node) any {
	scalable, _ := n.Capabilities.At("scalable").(*value.Map)
	properties, _ := scalable.At("properties").(*value.Map)
	return properties.At("default_instances")
}

// instances gives a number of instances as text and, when it is or has a default, as a number; 0 is unknown.
func instances(p *dsl.Plan, v any) (string, int) {
	switch v := v.(type) {
	case nil:
		return "1", 1
	case *value.Map:
		name, isInput := v.At("get_input").(string)
		if !isInput {
			return compact(v), 0
		}
		declared, _ := p.Inputs.At(name).(*value.Map)
		if d := declared.At("default"); value.IsInt(d) {
			text := value.Text(d)
			n, _ := strconv.Atoi(text)
			return name + "=" + text, n
		}
		return name, 0
	}
	text := value.Text(v)
	n, _ := strconv.Atoi(text)
	return text, n
}

// compact writes a free value on one line.
func compact(v any) string {
	data, err := value.EncodeJSON(v)
	if err != nil {
		return value.Text(v)
	}
	return string(data)
}

// maxNesting bounds recursion over containers and groups, which a valid plan never reaches.
const maxNesting = 1000

// total counts the instances of a node: its own for every instance of its container and of its groups.
func (g *graph) total(i, depth int) int {
	n := g.Nodes[i]
	if depth > maxNesting {
		return 0
	}
	t := n.own
	if n.parent >= 0 {
		t *= g.total(n.parent, depth+1)
	}
	for _, name := range n.Groups {
		t *= g.groupTotal(name, depth+1)
	}
	return t
}

func (g *graph) groupTotal(name string, depth int) int {
	if depth > maxNesting {
		return 0
	}
	t := 1
	for _, o := range g.Groups {
		if o.Name == name {
			t *= o.own
		} else if slices.Contains(o.Members, name) {
			t *= g.groupTotal(o.Name, depth+1)
		}
	}
	return t
}

// count is the note on instances beside a name, empty for a single one.
func (n *graphNode) count() string {
	out := ""
	if n.Instances != "1" {
		out = "×" + n.Instances
	}
	if n.Total != n.own && n.Total > 0 {
		out = strings.TrimSpace(out + " (" + strconv.Itoa(n.Total) + " in all)")
	}
	return out
}

func (o *graphGroup) label() string {
	if o.Instances == "1" {
		return o.Name
	}
	return o.Name + " ×" + o.Instances
}

// short is the last part of a type's name.
func short(typ string) string {
	if i := strings.LastIndexByte(typ, '.'); i >= 0 && i+1 < len(typ) {
		return typ[i+1:]
	}
	return typ
}
