package topology

import (
	"sort"
	"strconv"

	"github.com/reifyhq/reify/internal/dsl/plan"
	"github.com/reifyhq/reify/internal/dsl/value"
)

// Action is what a step does.
type Action string

// The actions, in the order in which steps are listed.
const (
	ActionRemove Action = "remove"
	ActionAdd    Action = "add"
	ActionModify Action = "modify"
)

// Step is one difference of two plans, in the form of a deployment update
// (spec/workflows.md section 12): what is added, removed or modified, and the
// path to it. A step that is not Supported cannot be carried out in place.
type Step struct {
	Action        Action
	EntityType    string
	EntityID      []string
	TopologyOrder int
	Supported     bool
}

// Diff gives the steps that lead from one plan to another: removals, then
// additions, then modifications. Nodes are added before relationships, those
// that others need first; relationships are removed before nodes.
func Diff(from, to *plan.Plan) []Step {
	d := &differ{from: nodesByName(from), to: nodesByName(to), order: topologyOrder(to)}
	d.description(from, to)
	d.sections(from, to)
	for _, n := range from.Nodes {
		if d.to[n.Name] == nil {
			d.add(ActionRemove, "node", true, 0, "nodes", n.Name)
		}
	}
	for _, n := range to.Nodes {
		d.node(n)
	}
	sort.SliceStable(d.steps, func(i, j int) bool { return before(d.steps[i], d.steps[j]) })
	return d.steps
}

func before(a, b Step) bool {
	rank := map[Action]int{ActionRemove: 0, ActionAdd: 1, ActionModify: 2}
	if a.Action != b.Action {
		return rank[a.Action] < rank[b.Action]
	}
	isNode := func(s Step) bool { return s.EntityType == "node" }
	isRelationship := func(s Step) bool { return s.EntityType == "relationship" }
	switch a.Action {
	case ActionAdd:
		if isNode(a) != isNode(b) {
			return isNode(a)
		}
		return isNode(a) && a.TopologyOrder > b.TopologyOrder
	case ActionRemove:
		return isRelationship(a) && isNode(b)
	}
	return false
}

type differ struct {
	from, to map[string]*plan.Node
	order    map[string]int
	steps    []Step
}

func nodesByName(p *plan.Plan) map[string]*plan.Node {
	out := make(map[string]*plan.Node, len(p.Nodes))
	for _, n := range p.Nodes {
		out[n.Name] = n
	}
	return out
}

func (d *differ) add(a Action, typ string, supported bool, order int, id ...string) {
	d.steps = append(d.steps, Step{Action: a, EntityType: typ, EntityID: id, TopologyOrder: order, Supported: supported})
}

func (d *differ) description(from, to *plan.Plan) {
	switch {
	case value.Equal(from.Description, to.Description):
	case from.Description == nil:
		d.add(ActionAdd, "description", true, 0, "description")
	case to.Description == nil:
		d.add(ActionRemove, "description", true, 0, "description")
	default:
		d.add(ActionModify, "description", true, 0, "description")
	}
}

func (d *differ) sections(from, to *plan.Plan) {
	workflows := func(p *plan.Plan) *value.Map {
		m := value.NewMap()
		for k, w := range p.Workflows.All() {
			m.Set(k, w.Value())
		}
		return m
	}
	d.entries("workflow", true, workflows(from), workflows(to), "workflows")
	d.entries("output", true, from.Outputs, to.Outputs, "outputs")
	d.entries("group", false, from.Groups, to.Groups, "groups")
	d.entries("policy_type", false, from.PolicyTypes, to.PolicyTypes, "policy_types")
	d.entries("policy_trigger", false, from.PolicyTriggers, to.PolicyTriggers, "policy_triggers")
}

// entries compares two mappings; path leads to them.
func (d *differ) entries(typ string, supported bool, from, to *value.Map, path ...string) {
	at := func(k string) []string { return append(path[:len(path):len(path)], k) }
	for k, v := range from.All() {
		w, ok := to.Get(k)
		switch {
		case !ok:
			d.add(ActionRemove, typ, supported, 0, at(k)...)
		case !strictEqual(v, w):
			d.add(ActionModify, typ, supported, 0, at(k)...)
		}
	}
	for k := range to.All() {
		if !from.Has(k) {
			d.add(ActionAdd, typ, supported, 0, at(k)...)
		}
	}
}

// strictEqual tells 1, 1.0 and true apart, which comparison as such does not.
func strictEqual(a, b any) bool {
	return value.Equal(a, b) && value.TypeName(a) == value.TypeName(b)
}

func (d *differ) node(n *plan.Node) {
	old := d.from[n.Name]
	switch {
	case old == nil:
		d.add(ActionAdd, "node", true, d.order[n.Name], "nodes", n.Name)
		return
	case old.Type != n.Type || container(old) != container(n):
		d.add(ActionModify, "node", false, d.order[n.Name], "nodes", n.Name)
		return
	}
	d.entries("property", true, old.Properties, n.Properties, "nodes", n.Name, "properties")
	d.operations(old.Operations, n.Operations, "nodes", n.Name, "operations")
	d.relationships(old, n)
	d.plugins(old.Plugins, n.Plugins, "plugins", n.Name)
	d.plugins(old.PluginsToInstall, n.PluginsToInstall, "plugins_to_install", n.Name)
}

func container(n *plan.Node) string {
	for _, r := range n.Relationships {
		if has(r.TypeHierarchy, containedIn) {
			return r.TargetID
		}
	}
	return ""
}

func (d *differ) operations(from, to *value.Ordered[*plan.Operation], path ...string) {
	values := func(ops *value.Ordered[*plan.Operation]) *value.Map {
		m := value.NewMap()
		for k, o := range ops.All() {
			m.Set(k, o.Value())
		}
		return m
	}
	d.entries("operation", true, values(from), values(to), path...)
}

// relationships compares by type, target and occurrence.
func (d *differ) relationships(old, n *plan.Node) {
	type key struct {
		typ, target string
		nth         int
	}
	index := func(rels []*plan.Relationship) (map[key]int, []key) {
		count := map[[2]string]int{}
		at := map[key]int{}
		keys := make([]key, len(rels))
		for i, r := range rels {
			pair := [2]string{r.Type, r.TargetID}
			keys[i] = key{r.Type, r.TargetID, count[pair]}
			count[pair]++
			at[keys[i]] = i
		}
		return at, keys
	}
	was, oldKeys := index(old.Relationships)
	is, keys := index(n.Relationships)
	for i, k := range oldKeys {
		if _, ok := is[k]; !ok {
			d.add(ActionRemove, "relationship", true, 0, "nodes", n.Name, "relationships", indexText(i))
		}
	}
	for i, k := range keys {
		j, ok := was[k]
		if !ok {
			d.add(ActionAdd, "relationship", true, d.order[n.Name], "nodes", n.Name, "relationships", indexText(i))
			continue
		}
		if i != j {
			d.add(ActionModify, "relationship", true, 0, "nodes", n.Name, "relationships", indexText(j), indexText(i))
		}
		r, o := n.Relationships[i], old.Relationships[j]
		d.entries("property", false, o.Properties, r.Properties, "nodes", n.Name, "relationships", indexText(i), "properties")
		d.operations(o.SourceOperations, r.SourceOperations, "nodes", n.Name, "relationships", indexText(i), "source_operations")
		d.operations(o.TargetOperations, r.TargetOperations, "nodes", n.Name, "relationships", indexText(i), "target_operations")
	}
}

func indexText(i int) string { return "[" + strconv.Itoa(i) + "]" }

// plugins compares by name and executor; a plugin no longer used is no step.
func (d *differ) plugins(from, to []*plan.Plugin, section, node string) {
	for _, p := range to {
		var old *plan.Plugin
		for _, q := range from {
			if q.Name == p.Name && q.Executor == p.Executor {
				old = q
			}
		}
		switch {
		case old == nil:
			d.add(ActionAdd, "plugin", true, 0, section, node, p.Name)
		case !value.Equal(old.Value(), p.Value()):
			d.add(ActionModify, "plugin", true, 0, section, node, p.Name)
		}
	}
}

// topologyOrder numbers nodes so that what others need has a higher number.
func topologyOrder(p *plan.Plan) map[string]int {
	needs := nodesByName(p)
	order := make(map[string]int, len(p.Nodes))
	var raise func(name string, to int, depth int)
	raise = func(name string, to, depth int) {
		n := needs[name]
		if n == nil || depth > len(p.Nodes) {
			return
		}
		if have, seen := order[name]; seen && have >= to {
			return
		}
		order[name] = to
		for _, r := range n.Relationships {
			raise(r.TargetID, to+1, depth+1)
		}
	}
	for _, n := range p.Nodes {
		if _, seen := order[n.Name]; !seen {
			raise(n.Name, 0, 0)
		}
	}
	return order
}
