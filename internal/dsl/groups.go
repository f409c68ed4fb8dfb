package dsl

import (
	"fmt"

	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/value"
)

// group is a parsed group.
type group struct {
	members  []string
	policies *value.Map
	place    place
}

// parsePolicyTypes reads the types of stream policies.
func (p *parser) parsePolicyTypes() *value.Map {
	p.policyTypes = &value.Ordered[schema]{}
	return p.sourced("policy_types", "properties", p.policyTypes)
}

// parsePolicyTriggers reads the triggers of stream policies.
func (p *parser) parsePolicyTriggers() *value.Map {
	p.triggerTypes = &value.Ordered[schema]{}
	return p.sourced("policy_triggers", "parameters", p.triggerTypes)
}

// sourced reads a section of types that have a source and a schema.
func (p *parser) sourced(section, field string, into *value.Ordered[schema]) *value.Map {
	out := value.NewMap()
	at, pairs := p.dictSection(section)
	for _, q := range backwards(pairs) {
		f := at.Entry(q)
		n := p.dict(f)
		v := value.NewMap()
		if n != nil {
			p.known(f, field, "source")
		}
		src := f.Key(n, "source")
		src.Path = f.Path + ".source"
		if p.required(src, "source") && p.typed(src, tString) {
			v.Set("source", src.Value.Text())
		}
		s := p.parseSchema(f.Key(n, field), q.Key.Text(), propertySchema)
		v.Set(field, schemaValue(s))
		into.Set(q.Key.Text(), s)
		out.Set(q.Key.Text(), v)
	}
	out.Reverse()
	return out
}

// parseGroups reads the groups, section 8.9.
func (p *parser) parseGroups() *value.Map {
	p.groups = &value.Ordered[*group]{}
	at, pairs := p.dictSection("groups")
	for _, q := range backwards(pairs) {
		p.groups.Set(q.Key.Text(), p.parseGroup(at.Entry(q), q.Key.Text()))
	}
	p.groups.Reverse()
	out := value.NewMap()
	for name, g := range p.groups.All() {
		out.Set(name, value.MapOf("members", value.List(g.members), "policies", g.policies))
	}
	return out
}

func (p *parser) parseGroup(at place, name string) *group {
	g := &group{policies: value.NewMap(), place: at}
	n := p.dict(at)
	if n != nil {
		p.known(at, "members", "policies")
		f := at.Key(n, "policies")
		for _, q := range backwards(pairsOf(p.dict(f))) {
			g.policies.Set(q.Key.Text(), p.groupPolicy(f.Entry(q), name, q.Key.Text()))
		}
		g.policies.Reverse()
	}
	p.groupMembers(at, name, g)
	if p.root.Get("node_templates").Find(name) >= 0 {
		e := diag.Coded(diag.Logic, 211, fmt.Sprintf("Both a group and a node template are named '%s'", name))
		e.Diag = &diag.D{Summary: "Group named as a node", Detail: fmt.Sprintf("%q is the name of a group and of a node template; names must differ.", name)}
		p.fail(at, e)
	}
	return g
}

func (p *parser) groupMembers(at place, name string, g *group) {
	f := at.Key(at.Value, "members")
	if f.At == nil {
		f.Path = at.Path + ".members"
	}
	if !p.required(f, "members") {
		return
	}
	items := p.list(f)
	seen := map[string]bool{}
	nodes, groups := p.root.Get("node_templates"), p.root.Get("groups")
	for i, x := range backwards(items) {
		m := f.Index(i, x)
		if !p.required(m, fmt.Sprint(i)) || !p.typed(m, tString) {
			continue
		}
		s := x.Text()
		if nodes.Find(s) < 0 && groups.Find(s) < 0 {
			e := diag.Coded(diag.Logic, 40, fmt.Sprintf("Member '%s' of group '%s' does not match any defined node", s, name))
			e.Diag = &diag.D{Summary: "Unknown group member", Detail: fmt.Sprintf("Group %q has the member %q, which is neither a node template nor a group.", name, s),
				Fix: diag.DidYouMean(s, append(sectionNames(nodes), sectionNames(groups)...))}
			p.fail(m, e)
		}
	}
	for _, x := range items {
		if s := x.Text(); s != "" && !seen[s] {
			seen[s] = true
			g.members = append(g.members, s)
		}
	}
	if f.Value.IsList() && len(items) == 0 {
		p.fail(f, diag.Coded(diag.Format, 1, "At least one member should be specified"))
	}
}

func (p *parser) groupPolicy(at place, groupName, name string) *value.Map {
	out := value.NewMap()
	n := p.dict(at)
	if n != nil {
		p.known(at, "type", "properties", "triggers")
		triggers := value.NewMap()
		f := at.Key(n, "triggers")
		for _, q := range backwards(pairsOf(p.dict(f))) {
			triggers.Set(q.Key.Text(), p.groupTrigger(f.Entry(q), groupName, name, q.Key.Text()))
		}
		triggers.Reverse()
		out.Set("triggers", triggers)
	} else {
		out.Set("triggers", value.NewMap())
	}
	typ, s := p.typedBy(at, p.policyTypes, 41, func(t string) string {
		return fmt.Sprintf("policy '%s' of group '%s' references a non existing policy type '%s'", name, groupName, t)
	})
	out.Set("type", typ)
	prefix := fmt.Sprintf("group '%s', policy '%s'", groupName, name)
	out.Set("properties", p.policyValues(at, "properties", prefix, s, name,
		prefix+" '%s' property is not part of the policy type properties schema",
		prefix+" does not provide a value for mandatory '%s' property which is part of its policy type schema"))
	return out
}

func (p *parser) groupTrigger(at place, groupName, policy, name string) *value.Map {
	n := p.dict(at)
	if n != nil {
		p.known(at, "type", "parameters")
	}
	typ, s := p.typedBy(at, p.triggerTypes, 42, func(t string) string {
		return fmt.Sprintf("trigger '%s' of policy '%s' of group '%s' references a non existing policy trigger '%s'", name, policy, groupName, t)
	})
	prefix := fmt.Sprintf("group '%s', policy '%s' trigger '%s'", groupName, policy, name)
	params := p.policyValues(at, "parameters", prefix, s, name,
		prefix+" '%s' property is not part of the policy type properties schema",
		prefix+" does not provide a value for mandatory '%s' property which is part of its policy type schema")
	return value.MapOf("type", typ, "parameters", params)
}

// typedBy reads a mandatory type that must be in a section.
func (p *parser) typedBy(at place, types *value.Ordered[schema], code int, msg func(string) string) (any, schema) {
	f := at.Key(at.Value, "type")
	if f.At == nil {
		f.Path = at.Path + ".type"
	}
	if !p.required(f, "type") || !p.typed(f, tString) {
		return nil, nil
	}
	t := f.Value.Text()
	s, ok := types.Get(t)
	if !ok {
		e := diag.Coded(diag.Logic, code, msg(t))
		e.Diag = &diag.D{Summary: "Unknown policy or trigger type", Detail: fmt.Sprintf("The type %q is not defined.", t), Fix: diag.DidYouMean(t, types.Keys())}
		p.fail(f, e)
	}
	return t, s
}

func (p *parser) policyValues(at place, field, subject string, s schema, owner, undefined, missing string) *value.Map {
	f := at.Key(at.Value, field)
	if f.At == nil {
		f.Path = at.Path + "." + field
	}
	if !p.typed(f, tDict) || s == nil {
		return value.NewMap()
	}
	c := &checker{types: p.typeSchema, owner: owner, undefined: undefined, missing: missing, subject: subject}
	given, _ := f.Value.Value().(*value.Map)
	v, e := c.merge(given, s, nil, nil)
	if e != nil {
		p.fail(f, refine(e, f, at))
		return value.NewMap()
	}
	return v
}
