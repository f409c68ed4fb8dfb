package topology

import (
	"fmt"
	"sort"

	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/plan"
	"github.com/reifyhq/reify/internal/dsl/value"
)

// item is an instance of a vertex.
type item struct {
	of       *vertex
	id       string
	parent   *item
	host     string
	children []*item
	links    []link
	old      *Instance
}

// link is an edge between instances.
type link struct {
	typ   string
	index int
	to    *item
}

// forest is all instances of a blueprint.
type forest struct {
	b     *blueprint
	ids   IDs
	taken map[string]bool
	count int
	byOf  map[*vertex][]*item
	roots []*item
	err   error
}

// maxTotal bounds how many instances one plan may have.
const maxTotal = 1_000_000

// idAttempts bounds how often a generator may repeat itself.
const idAttempts = 10000

// CreateInstances makes the instances of a plan, section 13. newID makes a
// candidate for an id and is asked again while that is taken.
func CreateInstances(p *plan.Plan, ids IDs) ([]Instance, error) {
	b, err := build(p.Nodes, p.ScalingGroups)
	if err != nil {
		return nil, err
	}
	f := newForest(b, ids)
	for _, v := range b.order {
		if v.parent == nil {
			for i := 0; i < v.count && f.err == nil; i++ {
				f.roots = append(f.roots, f.grow(v, nil))
			}
		}
	}
	if f.err != nil {
		return nil, f.err
	}
	if err := f.connect(nil); err != nil {
		return nil, err
	}
	return f.extract(), nil
}

func newForest(b *blueprint, ids IDs) *forest {
	f := &forest{b: b, ids: ids, taken: map[string]bool{}, byOf: map[*vertex][]*item{}}
	for _, l := range ids.Existing {
		for _, id := range l {
			f.taken[id] = true
		}
	}
	return f
}

// newID gives an id that is not taken.
func (f *forest) newID(name string) string {
	for i := 0; f.ids.New != nil && i < idAttempts; i++ {
		id := f.ids.New(name)
		if !f.taken[id] {
			f.taken[id] = true
			return id
		}
	}
	if f.err == nil {
		f.err = diag.New(diag.RuntimeError, fmt.Sprintf("Unable to find a free id for an instance of %s", name))
	}
	return ""
}

// grow makes one instance of a vertex and all it contains.
func (f *forest) grow(v *vertex, parent *item) *item {
	it := f.instance(v, parent, "")
	for _, c := range v.children {
		for i := 0; i < c.count && f.err == nil; i++ {
			it.children = append(it.children, f.grow(c, it))
		}
	}
	return it
}

// instance makes one instance; an empty id asks for a new one.
func (f *forest) instance(v *vertex, parent *item, id string) *item {
	if id == "" {
		id = f.newID(v.name)
	}
	if f.count++; f.count > maxTotal && f.err == nil {
		f.err = diag.New(diag.RuntimeError, fmt.Sprintf("The plan asks for more than %d instances", maxTotal))
	}
	it := &item{of: v, id: id, parent: parent}
	if parent != nil {
		it.host = parent.host
	}
	if v.node != nil && v.node.HostID == v.name {
		it.host = id
	}
	f.byOf[v] = append(f.byOf[v], it)
	return it
}

// container gives the node instance that contains an instance.
func (it *item) container() *item {
	for p := it.parent; p != nil; p = p.parent {
		if p.of.node != nil {
			return p
		}
	}
	return nil
}

// within gives the instance of a group that encloses an instance.
func (it *item) within(g *vertex) *item {
	for p := it.parent; p != nil; p = p.parent {
		if p.of == g {
			return p
		}
	}
	return nil
}

// connect makes the links that are no containment. before gives the targets
// that sources had, for connections to one instance.
func (f *forest) connect(before func(source, target *vertex) ([]string, error)) error {
	for _, v := range f.b.order {
		for _, e := range v.edges {
			if e.connection != allToAll && e.connection != allToOne {
				err := diag.New(diag.BadConnectionType, "")
				err.Diag = &diag.D{Summary: "Unknown connection type",
					Detail: fmt.Sprintf("The relationship %q from %q to %q has the connection_type %s; it must be all_to_all or all_to_one.", e.typ, v.name, e.to.name, value.Repr(e.connection))}
				return err
			}
			if err := f.connectEdge(v, e, before); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *forest) connectEdge(v *vertex, e *edge, before func(source, target *vertex) ([]string, error)) error {
	sources, targets := f.byOf[v], f.byOf[e.to]
	if g := shared(v, e.to); g != nil {
		if e.connection == allToOne {
			err := diag.New(diag.AllToOneInGroup, "")
			err.Diag = &diag.D{Summary: "Connection to one inside of a group",
				Detail: fmt.Sprintf("Nodes %q and %q scale together in group %q, so their relationship cannot be all_to_one.", v.name, e.to.name, g.name)}
			return err
		}
		inside := map[*item][]*item{}
		for _, t := range targets {
			gi := t.within(g)
			inside[gi] = append(inside[gi], t)
		}
		for _, s := range sources {
			s.linkAll(e, inside[s.within(g)])
		}
		return nil
	}
	if e.connection == allToOne && len(targets) > 0 {
		one, err := f.chooseOne(v, e, targets, before)
		if err != nil {
			return err
		}
		targets = []*item{one}
	}
	for _, s := range sources {
		s.linkAll(e, targets)
	}
	return nil
}

func (it *item) linkAll(e *edge, targets []*item) {
	for _, t := range targets {
		it.links = append(it.links, link{e.typ, e.index, t})
	}
}

// chooseOne gives the target of a connection to one: the one it had, else the
// smallest id. Compat: the one it had comes back even if it was to be removed.
func (f *forest) chooseOne(v *vertex, e *edge, targets []*item, before func(source, target *vertex) ([]string, error)) (*item, error) {
	if before != nil {
		had, err := before(v, e.to)
		if err != nil {
			return nil, err
		}
		for _, t := range targets {
			if has(had, t.id) {
				return t, nil
			}
		}
		if len(had) > 0 {
			return f.instance(e.to, nil, had[0]), nil
		}
	}
	one := targets[0]
	for _, t := range targets[1:] {
		if t.id < one.id {
			one = t
		}
	}
	return one, nil
}

// extract gives the node instances, groups folded into them.
func (f *forest) extract() []Instance {
	n := 0
	for v, l := range f.byOf {
		if v.node != nil {
			n += len(l)
		}
	}
	out := make([]Instance, 0, n)
	for _, v := range f.b.order {
		if v.node == nil {
			continue
		}
		for _, it := range f.byOf[v] {
			out = append(out, it.instance())
		}
	}
	return out
}

func (it *item) instance() Instance {
	i := Instance{Name: it.of.name, NodeID: it.of.name, ID: it.id, HostID: it.host}
	for p := it.parent; p != nil && p.of.node == nil; p = p.parent {
		i.ScalingGroups = append(i.ScalingGroups, plan.GroupRef{Name: p.of.name, ID: p.id})
	}
	for _, l := range it.allLinks() {
		i.Relationships = append(i.Relationships, plan.InstanceRelationship{Type: l.typ, TargetName: l.to.of.name, TargetID: l.to.id})
	}
	return i
}

// allLinks gives the links with containment, in the order of the template.
func (it *item) allLinks() []link {
	out := it.links
	if c := it.container(); c != nil && it.of.contained != nil {
		out = append([]link{{it.of.contained.typ, it.of.contained.index, c}}, it.links...)
	}
	sort.SliceStable(out, func(a, b int) bool { return out[a].index < out[b].index })
	return out
}
