package topology

import (
	"fmt"

	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/plan"
	"github.com/reifyhq/reify/internal/dsl/value"
)

// Relationship types that decide how instances are connected.
const (
	dependsOn   = "cloudify.relationships.depends_on"
	connectedTo = "cloudify.relationships.connected_to"
	containedIn = "cloudify.relationships.contained_in"
	allToAll    = "all_to_all"
	allToOne    = "all_to_one"
)

// vertex is a node or a scaling group of the plan.
type vertex struct {
	name     string
	node     *plan.Node // nil for a group
	parent   *vertex
	children []*vertex
	count    int
	edges    []*edge // to other vertices, without containment
	// contained is the relationship that puts the node into a container; the
	// parent is then that container or the group that was put there instead.
	contained *edge
}

// edge is a relationship of the plan between two vertices.
type edge struct {
	typ        string
	index      int
	to         *vertex
	connection any
}

// blueprint is the graph of a plan.
type blueprint struct {
	order []*vertex // nodes in plan order, then groups
	byKey map[string]*vertex
}

// build makes the graph of nodes and scaling groups, section 13.
func build(nodes []*plan.Node, groups *value.Ordered[*plan.ScalingGroup]) (*blueprint, error) {
	b := &blueprint{byKey: make(map[string]*vertex, len(nodes)+groups.Len())}
	for _, n := range nodes {
		scal, _ := n.Capabilities.At("scalable").(*value.Map)
		props, _ := scal.At("properties").(*value.Map)
		b.add(&vertex{name: n.Name, node: n, count: instances(props)})
	}
	for name, g := range groups.All() {
		b.add(&vertex{name: name, count: instances(g.Properties)})
	}
	for name, g := range groups.All() {
		for _, m := range g.Members {
			if v := b.byKey[m]; v != nil {
				v.parent = b.byKey[name]
			}
		}
	}
	for _, n := range nodes {
		if err := b.relate(b.byKey[n.Name]); err != nil {
			return nil, err
		}
	}
	for _, v := range b.order {
		if v.contained != nil {
			b.place(v)
		}
	}
	for _, v := range b.order {
		if v.parent != nil {
			v.parent.children = append(v.parent.children, v)
		}
	}
	return b, nil
}

func (b *blueprint) add(v *vertex) {
	b.order = append(b.order, v)
	b.byKey[v.name] = v
}

// instances reads the wanted number of instances; 1 when nothing says it.
func instances(props *value.Map) int {
	switch n := props.At("current_instances").(type) {
	case int64:
		return int(min(max(n, 0), maxInstances))
	case bool:
		if n {
			return 1
		}
		return 0
	}
	return 1
}

// maxInstances bounds what one vertex may ask for.
const maxInstances = 10_000_000

// relate makes the edges of a node: of several to one target the last counts.
func (b *blueprint) relate(v *vertex) error {
	for i, r := range v.node.Relationships {
		to := b.byKey[r.TargetID]
		if to == nil {
			continue
		}
		e := &edge{typ: r.Type, index: i, to: to, connection: r.Properties.At("connection_type")}
		switch {
		case has(r.TypeHierarchy, containedIn):
			v.contained = e
			v.dropEdge(to)
		case has(r.TypeHierarchy, connectedTo), has(r.TypeHierarchy, dependsOn):
			v.dropEdge(to)
			if v.contained != nil && v.contained.to == to {
				v.contained = nil
			}
			v.edges = append(v.edges, e)
		default:
			e := diag.New(diag.BadRelationship, "")
			e.Diag = &diag.D{Summary: "Relationship of an unsupported kind",
				Detail: fmt.Sprintf("The relationship type %q of node %q is derived from none of depends_on, connected_to, contained_in.", r.Type, v.name)}
			return e
		}
	}
	return nil
}

func (v *vertex) dropEdge(to *vertex) {
	for i, e := range v.edges {
		if e.to == to {
			v.edges = append(v.edges[:i], v.edges[i+1:]...)
			return
		}
	}
}

// place puts a contained node into its container: itself, or the outermost of
// the groups it is in.
func (b *blueprint) place(v *vertex) {
	top := v
	for n := 0; top.parent != nil && top.parent.node == nil && n < len(b.order); n++ {
		if top.parent == v.contained.to {
			return
		}
		top = top.parent
	}
	if top.parent == nil && top != v.contained.to {
		top.parent = v.contained.to
	}
}

func has(l []string, s string) bool {
	for _, x := range l {
		if x == s {
			return true
		}
	}
	return false
}

// groupsOf gives the groups that enclose a vertex, innermost first.
func groupsOf(v *vertex) []*vertex {
	var out []*vertex
	for p := v.parent; p != nil; p = p.parent {
		if p.node == nil {
			out = append(out, p)
		}
	}
	return out
}

// shared gives the innermost group that encloses both vertices, or nil.
func shared(a, b *vertex) *vertex {
	theirs := groupsOf(b)
	for _, g := range groupsOf(a) {
		for _, h := range theirs {
			if g == h {
				return g
			}
		}
	}
	return nil
}
