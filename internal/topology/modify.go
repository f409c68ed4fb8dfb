package topology

import (
	"sort"

	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/plan"
)

// Modify computes what a scaling or an update changes, section 14.
func Modify(in ModifyInput) (*Modification, error) {
	b, err := build(in.Nodes, in.ScalingGroups)
	if err != nil {
		return nil, err
	}
	for name, c := range in.Modified.All() {
		if v := b.byKey[name]; v != nil {
			v.count = max(c.Instances, 0)
		}
	}
	m := &modifier{in: in, b: b, before: newPrevious(in.Instances, containments(in))}
	f := newForest(b, in.IDs)
	for id := range m.before.parents {
		f.taken[id] = true
	}
	m.f = f
	for _, v := range b.order {
		if v.parent == nil {
			f.roots = append(f.roots, m.regrow(v, nil)...)
		}
	}
	if f.err != nil {
		return nil, f.err
	}
	if err := f.connect(m.hadOne); err != nil {
		return nil, err
	}
	return m.compare(), nil
}

// previous is the state before, with the instances of groups found again.
type previous struct {
	byID map[string]*Instance
	// names and parents of all instances, those of groups included.
	names    map[string]string
	parents  map[string]string
	children map[string]map[string][]string // parent id → vertex name → ids
	// inside are the types of relationships that are containment.
	inside map[string]bool
}

// containments gives the relationship types derived from contained_in, before
// and after.
func containments(in ModifyInput) map[string]bool {
	out := map[string]bool{containedIn: true}
	for _, nodes := range [][]*plan.Node{in.PreviousNodes, in.Nodes} {
		for _, n := range nodes {
			for _, r := range n.Relationships {
				if has(r.TypeHierarchy, containedIn) {
					out[r.Type] = true
				}
			}
		}
	}
	return out
}

func newPrevious(is []Instance, inside map[string]bool) *previous {
	p := &previous{inside: inside, byID: map[string]*Instance{}, names: map[string]string{}, parents: map[string]string{},
		children: map[string]map[string][]string{}}
	for i := range is {
		p.byID[is[i].ID] = &is[i]
	}
	for i := range is {
		p.add(&is[i])
	}
	return p
}

func (p *previous) add(i *Instance) {
	id, name := i.ID, i.NodeID
	for _, g := range i.ScalingGroups {
		p.link(id, name, g.ID)
		id, name = g.ID, g.Name
	}
	p.link(id, name, p.containerOf(i))
}

func (p *previous) link(id, name, parent string) {
	if _, ok := p.names[id]; ok {
		return
	}
	p.names[id], p.parents[id] = name, parent
	if p.children[parent] == nil {
		p.children[parent] = map[string][]string{}
	}
	p.children[parent][name] = append(p.children[parent][name], id)
}

// containerOf gives the id of the instance that contains another.
func (p *previous) containerOf(i *Instance) string {
	for _, r := range i.Relationships {
		if p.byID[r.TargetID] != nil && p.inside[r.Type] {
			return r.TargetID
		}
	}
	return ""
}

type modifier struct {
	in     ModifyInput
	b      *blueprint
	before *previous
	f      *forest
}

// regrow keeps, makes and leaves out instances of a vertex under a parent.
func (m *modifier) regrow(v *vertex, parent *item) []*item {
	var old []string
	switch {
	case parent == nil:
		old = m.before.children[""][v.name]
	case m.before.names[parent.id] != "":
		old = m.before.children[parent.id][v.name]
	}
	var out []*item
	for _, id := range m.keep(v, old) {
		it := m.f.instance(v, parent, id)
		it.old = m.before.byID[id]
		m.regrowChildren(it)
		out = append(out, it)
	}
	for i := len(out); i < v.count && m.f.err == nil; i++ {
		it := m.f.instance(v, parent, "")
		m.regrowChildren(it)
		out = append(out, it)
	}
	return out
}

func (m *modifier) regrowChildren(it *item) {
	for _, c := range it.of.children {
		it.children = append(it.children, m.regrow(c, it)...)
	}
}

// keep chooses which instances stay when there are too many.
func (m *modifier) keep(v *vertex, old []string) []string {
	drop := len(old) - v.count
	if drop <= 0 {
		return old
	}
	c, _ := m.in.Modified.Get(v.name)
	rank := func(id string) int {
		switch {
		case m.hinted(id, c.Include):
			return 0
		case m.hinted(id, c.Exclude):
			return 2
		}
		return 1
	}
	order := append([]string(nil), old...)
	sort.SliceStable(order, func(i, j int) bool { return rank(order[i]) < rank(order[j]) })
	return order[drop:]
}

// hinted tells whether an instance or something inside of it is named.
func (m *modifier) hinted(id string, hints []string) bool {
	for _, h := range hints {
		for cur, ok := h, true; ok && cur != ""; cur, ok = m.before.parents[cur] {
			if cur == id {
				return true
			}
			if m.before.byID[id] != nil {
				break
			}
		}
	}
	return false
}

// hadOne gives the target instances that a connection to one had.
func (m *modifier) hadOne(source, target *vertex) ([]string, error) {
	seen := map[string]bool{}
	var out []string
	for i := range m.in.Instances {
		x := &m.in.Instances[i]
		if x.NodeID != source.name {
			continue
		}
		for _, r := range x.Relationships {
			if r.TargetName == target.name && !seen[r.TargetID] {
				seen[r.TargetID] = true
				out = append(out, r.TargetID)
			}
		}
	}
	if len(out) > 1 {
		return nil, diag.New(diag.BadAllToOne, "")
	}
	return out, nil
}

// compare makes the four lists of a modification.
func (m *modifier) compare() *Modification {
	after := m.f.extract()
	now := map[string]*Instance{}
	for i := range after {
		now[after[i].ID] = &after[i]
		if old := m.before.byID[after[i].ID]; old != nil {
			after[i].Extra = old.Extra
		}
	}
	out := &Modification{
		Added:    related(after, now, m.before.byID, "added"),
		Removed:  related(m.in.Instances, m.before.byID, now, "removed"),
		Extended: changed(after, now, m.before.byID, "extended"),
		Reduced:  changed(m.in.Instances, m.before.byID, now, "reduced"),
	}
	out.Extended = without(out.Extended, now, m.before.byID)
	out.Reduced = without(out.Reduced, m.before.byID, now)
	return out
}

// related gives the instances that are only in one state, and those directly
// related to them with the relationships that matter.
func related(all []Instance, these, others map[string]*Instance, mark string) []Instance {
	c := newCollector(these)
	for i := range all {
		x := &all[i]
		isNew := others[x.ID] == nil
		if isNew {
			c.get(x.ID).Modification = mark
		}
		for _, r := range x.Relationships {
			if isNew || others[r.TargetID] == nil {
				c.get(x.ID).Relationships = append(c.get(x.ID).Relationships, r)
				c.get(r.TargetID)
			}
		}
	}
	return c.list(all)
}

// changed gives the instances of both states that have relationships only in
// this one, and the targets of those.
func changed(all []Instance, these, others map[string]*Instance, mark string) []Instance {
	c := newCollector(these)
	for i := range all {
		x := &all[i]
		other := others[x.ID]
		if other == nil {
			continue
		}
		had := map[string]bool{}
		for _, r := range other.Relationships {
			had[r.TargetID] = true
		}
		for _, r := range x.Relationships {
			if had[r.TargetID] {
				continue
			}
			y := c.get(x.ID)
			y.Modification = mark
			y.Relationships = append(y.Relationships, r)
			c.get(r.TargetID)
		}
	}
	return c.list(all)
}

// without leaves out the instances that are only in one state.
func without(l []Instance, _, others map[string]*Instance) []Instance {
	var out []Instance
	for _, x := range l {
		if others[x.ID] != nil {
			out = append(out, x)
		}
	}
	return out
}

// collector gathers copies of instances without their relationships.
type collector struct {
	from map[string]*Instance
	out  map[string]*Instance
}

func newCollector(from map[string]*Instance) *collector {
	return &collector{from: from, out: map[string]*Instance{}}
}

func (c *collector) get(id string) *Instance {
	if x := c.out[id]; x != nil {
		return x
	}
	x := &Instance{ID: id}
	if src := c.from[id]; src != nil {
		*x = *src
	}
	x.Relationships, x.Modification = nil, ""
	c.out[id] = x
	return x
}

func (c *collector) list(order []Instance) []Instance {
	var out []Instance
	for i := range order {
		if x := c.out[order[i].ID]; x != nil {
			out = append(out, *x)
			delete(c.out, order[i].ID)
		}
	}
	return out
}
