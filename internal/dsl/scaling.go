package dsl

import (
	"fmt"
	"sort"

	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/plan"
	"github.com/reifyhq/reify/internal/dsl/value"
)

const scalingPolicy = "cloudify.policies.scaling"

// parsePolicies reads the scaling policies and makes the scaling groups,
// section 8.9.
func (p *parser) parsePolicies() (*value.Map, *value.Ordered[*plan.ScalingGroup]) {
	out := value.NewMap()
	at, pairs := p.dictSection("policies")
	mark := len(p.errs)
	for _, q := range backwards(pairs) {
		out.Set(q.Key.Text(), p.parsePolicy(at.Entry(q)))
	}
	out.Reverse()
	groups := &value.Ordered[*plan.ScalingGroup]{}
	if at.Value.IsNull() {
		return out, groups
	}
	p.gate(at, "policies", 3)
	if p.failed(mark) {
		return out, groups
	}
	for _, v := range out.All() {
		m := v.(*value.Map)
		for _, t := range value.Strings(m.At("targets")) {
			if g, ok := p.groups.Get(t); ok {
				groups.Set(t, &plan.ScalingGroup{Members: append([]string(nil), g.members...), Properties: value.CopyMap(m.At("properties").(*value.Map))})
			}
		}
	}
	if e := p.checkScaling(groups); e != nil {
		p.fail(at, e)
		return out, groups
	}
	return out, groups
}

func (p *parser) parsePolicy(at place) *value.Map {
	n := p.dict(at)
	if n != nil {
		p.known(at, "type", "properties", "targets")
	}
	targets := p.policyTargets(at)
	props := p.scalableProperties(at.Key(n, "properties"))
	typ := any(nil)
	f := at.Key(n, "type")
	if f.At == nil {
		f.Path = at.Path + ".type"
	}
	if p.required(f, "type") && p.typed(f, tString) {
		typ = f.Value.Text()
		if typ != scalingPolicy {
			e := diag.Coded(diag.Logic, 204, fmt.Sprintf("'%s' policy type is not implemented. Only '%s' policy type is supported.", typ, scalingPolicy))
			e.Diag = &diag.D{Summary: "Unknown policy type", Detail: fmt.Sprintf("The only type of policies here is %s.", scalingPolicy), Fix: diag.DidYouMean(f.Value.Text(), []string{scalingPolicy})}
			p.fail(f, e)
		}
	}
	return value.MapOf("type", typ, "properties", props, "targets", value.List(targets))
}

func (p *parser) policyTargets(at place) []string {
	f := at.Key(at.Value, "targets")
	if f.At == nil {
		f.Path = at.Path + ".targets"
	}
	if !p.required(f, "targets") {
		return nil
	}
	items := p.list(f)
	var out []string
	for i, x := range backwards(items) {
		t := f.Index(i, x)
		if !p.required(t, fmt.Sprint(i)) || !p.typed(t, tString) {
			continue
		}
		if !p.groups.Has(x.Text()) {
			defined := value.NewMap()
			for k, g := range p.groups.All() {
				defined.Set(k, value.MapOf("members", value.List(g.members), "policies", g.policies))
			}
			e := diag.Coded(diag.Logic, 205, fmt.Sprintf("'%s' is not a valid policy target. Only groups are valid policy targets. Defined groups are %s.", x.Text(), value.Repr(defined)))
			e.Diag = &diag.D{Summary: "Unknown policy target", Detail: fmt.Sprintf("%q is no group; a scaling policy targets groups. Defined: %s.", x.Text(), diag.Names(p.groups.Keys())),
				Fix: diag.DidYouMean(x.Text(), p.groups.Keys())}
			p.fail(t, e)
		}
	}
	for _, x := range items {
		out = append(out, x.Text())
	}
	if f.Value.IsList() && len(items) == 0 {
		p.fail(f, diag.Coded(diag.Logic, 206, "At least one target should be specified"))
	}
	return out
}

// checkScaling checks groups against each other and adjusts members that are
// contained in other members.
func (p *parser) checkScaling(groups *value.Ordered[*plan.ScalingGroup]) *diag.Error {
	if cycles := groupCycles(groups); len(cycles) > 0 {
		reps := make([]any, len(cycles))
		for i, c := range cycles {
			reps[i] = value.List(c)
		}
		e := diag.Coded(diag.Logic, 200, "Illegal group cycles found: "+value.Repr(reps))
		e.Diag = &diag.D{Summary: "Groups contain each other", Detail: fmt.Sprintf("These groups are members of each other: %s.", diag.Names(cycles[0]))}
		return e
	}
	parent := map[string]string{}
	for name, g := range groups.All() {
		for _, m := range g.Members {
			first, ok := parent[m]
			if !ok {
				parent[m] = name
				continue
			}
			both := []string{first, name}
			sort.Strings(both)
			e := diag.Coded(diag.Logic, 201, fmt.Sprintf("Nodes and groups cannot be members in multiple groups, but member '%s' belongs to the following multiple groups: %s",
				m, value.QuoteList(both)))
			e.Diag = &diag.D{Summary: "Member of several groups", Detail: fmt.Sprintf("%q is a member of the scaling groups %s; it can only be in one.", m, diag.Names(both))}
			return e
		}
	}
	s := &scalingCheck{groups: groups, parent: parent, container: p.containers()}
	s.adjust(p)
	for name := range groups.All() {
		if e := s.containedTogether(name); e != nil {
			return e
		}
	}
	return nil
}

// containers maps each node to the node it is contained in.
func (p *parser) containers() map[string]string {
	out := map[string]string{}
	for name, nt := range p.nodes.All() {
		for _, r := range nt.plan.Relationships {
			if contains(r.TypeHierarchy, relContainedIn) {
				out[name] = r.TargetID
			}
		}
	}
	return out
}

func groupCycles(groups *value.Ordered[*plan.ScalingGroup]) [][]string {
	var out [][]string
	seen := map[string]bool{}
	for name := range groups.All() {
		if seen[name] {
			continue
		}
		loop := findLoop(name, func(g string) []string {
			if s, ok := groups.Get(g); ok {
				return s.Members
			}
			return nil
		})
		if loop == nil {
			continue
		}
		for _, n := range loop {
			seen[n] = true
		}
		out = append(out, cycleOrder(loop))
	}
	return out
}

// cycleOrder turns a loop from groups to members into the order of the
// reference: from members to groups, the first member first.
func cycleOrder(loop []string) []string {
	n := len(loop)
	out := make([]string, n)
	for i := range loop {
		out[i] = loop[(1-i+n)%n]
	}
	return out
}

type scalingCheck struct {
	groups    *value.Ordered[*plan.ScalingGroup]
	parent    map[string]string
	container map[string]string
}

// leaves gives the nodes in a group, through groups inside of it.
func (s *scalingCheck) leaves(name string) []string {
	var out []string
	g := s.groups.At(name)
	for _, m := range g.Members {
		if s.groups.Has(m) {
			out = append(out, s.leaves(m)...)
		} else {
			out = append(out, m)
		}
	}
	return out
}

// root gives the outermost container of a node, itself if it has none.
func (s *scalingCheck) root(n string) string {
	for i := 0; i < maxContainment; i++ {
		c, ok := s.container[n]
		if !ok {
			return n
		}
		n = c
	}
	return n
}

// containedTogether checks that contained members of a group share a container.
func (s *scalingCheck) containedTogether(name string) *diag.Error {
	leaves := s.leaves(name)
	if len(leaves) < 2 {
		return nil
	}
	first := s.root(leaves[0])
	for _, n := range leaves[1:] {
		if s.root(n) == first {
			continue
		}
		contained := false
		for _, m := range leaves {
			if _, ok := s.container[m]; ok {
				contained = true
			}
		}
		if !contained {
			return nil
		}
		e := diag.Coded(diag.Logic, 202, fmt.Sprintf("Node '%s' and '%s' belong to some shared group, but they are not contained in any shared node, nor is any ancestor node of theirs.", leaves[0], n))
		e.Diag = &diag.D{Summary: "Group members in different containers",
			Detail: fmt.Sprintf("Nodes %q and %q of scaling group %q are not contained in a common node.", leaves[0], n, name)}
		return e
	}
	return nil
}

// chain gives the groups that hold a member, innermost first.
func (s *scalingCheck) chain(m string) []string {
	var out []string
	for g, ok := s.parent[m]; ok; g, ok = s.parent[g] {
		out = append(out, g)
	}
	return out
}

// adjust removes members that are contained in another member of a shared
// group: they scale with their container anyway.
func (s *scalingCheck) adjust(p *parser) {
	var names []string
	for _, q := range pairsOf(p.root.Get("node_templates")) {
		names = append(names, q.Key.Text())
	}
	for _, n := range names {
		groups := s.chain(n)
		if len(groups) == 0 {
			continue
		}
		c, ok := s.container[n]
		for i := 0; ok && i < maxContainment; i++ {
			s.adjustOne(n, c, groups)
			c, ok = s.container[c]
		}
	}
}

func (s *scalingCheck) adjustOne(n, container string, groups []string) {
	outer := s.chain(container)
	for i, g := range groups {
		if !contains(outer, g) {
			continue
		}
		member := n
		if i > 0 {
			member = groups[i-1]
		}
		sg := s.groups.At(g)
		for k, m := range sg.Members {
			if m == member {
				sg.Members = append(sg.Members[:k:k], sg.Members[k+1:]...)
				delete(s.parent, member)
				break
			}
		}
		return
	}
}
