package fn

import (
	"errors"
	"fmt"

	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/value"
)

// Where tells in which part of a plan a function stands.
type Where string

// The parts of a plan, by the reference's names.
const (
	InNode         Where = "node_template"
	InRelationship Where = "node_template_relationship"
	InOutputs      Where = "outputs"
	InPolicies     Where = "policies"
	InGroups       Where = "scaling_groups"
	InCapabilities Where = "capabilities"
	InLabels       Where = "labels"
	InSettings     Where = "deployment_settings"
)

// Site is the place of a value in a plan.
type Site struct {
	Where Where
	// Node is the node a value belongs to; Peer is the target of a relationship.
	Node, Peer string
	Path       string
}

// PlanView is what functions may know of a plan before there are instances.
type PlanView struct {
	// HasInput tells whether an input is declared; InputNames lists them.
	HasInput   func(name string) bool
	InputNames func() []string
	// Properties gives the properties of a node.
	Properties func(node string) (*value.Map, bool)
	NodeNames  func() []string
	// AtLeast compares the DSL version; VersionText is its printed form.
	AtLeast     func(major, minor int) bool
	VersionText string
}

// Scan calls f for every function in a value, outer ones first, with its path.
func Scan(v any, path string, f func(c Call, path string) error) error {
	if c, ok := Parse(v); ok {
		if err := f(c, path); err != nil {
			return err
		}
	}
	switch t := v.(type) {
	case *value.Map:
		for k, x := range t.All() {
			if err := Scan(x, path+"."+k, f); err != nil {
				return err
			}
		}
	case []any:
		for i, x := range t {
			if err := Scan(x, fmt.Sprintf("%s[%d]", path, i), f); err != nil {
				return err
			}
		}
	}
	return nil
}

// Validate checks a function of a plan as far as it can be known, section 10.2.
func (c Call) Validate(at Site, p *PlanView) *diag.Error {
	if e := c.Check(); e != nil {
		return e
	}
	e := c.validate(at, p)
	if e != nil && e.Diag == nil {
		e.Diag = &diag.D{Code: "function-argument", Summary: "Wrong use of a function", Detail: fmt.Sprintf("%s in %s: %s", c.Name, at.Path, e.Message)}
	}
	return e
}

func (c Call) validate(at Site, p *PlanView) *diag.Error {
	switch c.Name {
	case GetInput:
		return c.validateInput(p)
	case GetProperty:
		return c.validateProperty(at, p)
	case GetAttribute, GetAttributesList, GetAttributesDict:
		return c.validateAttribute(at, p)
	case GetSys:
		return validateSys(c.Args)
	case Concat:
		return c.since(1, 1, at, p)
	case Merge:
		if e := c.since(1, 3, at, p); e != nil {
			return e
		}
		l, _ := c.Args.([]any)
		for _, x := range l {
			if _, ok := x.(*value.Map); !ok {
				return validation(fmt.Sprintf("Encountered non-dict element for merge: %s function", value.Text(x)))
			}
		}
	case StringFind, StringReplace, StringSplit:
		l, _ := c.Args.([]any)
		return checkStrings(c.Name, l, func(what string) *diag.Error { return validation(c.Name + " function: " + what) })
	}
	return nil
}

func (c Call) since(major, minor int, at Site, p *PlanView) *diag.Error {
	if p.AtLeast(major, minor) {
		return nil
	}
	e := validation(fmt.Sprintf("Using %s requires using dsl version %d_%d or greater, but found: %s in %s. function",
		c.Name, major, minor, p.VersionText, at.Path))
	e.Diag = &diag.D{Code: "version-gate", Summary: "Function of a newer DSL version",
		Detail: fmt.Sprintf("The function %s came with cloudify_dsl_%d_%d.", c.Name, major, minor),
		Fix:    fmt.Sprintf("Set tosca_definitions_version to cloudify_dsl_%d_%d or newer.", major, minor)}
	return e
}

func (c Call) validateInput(p *PlanView) *diag.Error {
	name := c.Args
	if l, ok := c.Args.([]any); ok {
		name = l[0]
	}
	s, ok := name.(string)
	if !ok || p.HasInput(s) {
		return nil
	}
	return unknownInput(s, p.InputNames())
}

func unknownInput(name string, known []string) *diag.Error {
	e := diag.New(diag.UnknownInput, fmt.Sprintf("get_input function references an unknown input '%s'.", name))
	e.Diag = &diag.D{Summary: "Unknown input", Detail: fmt.Sprintf("get_input names %q, which is not declared under inputs. Declared: %s.", name, diag.Names(known)),
		Fix: diag.DidYouMean(name, known)}
	return e
}

func (c Call) validateProperty(at Site, p *PlanView) *diag.Error {
	l := c.Args.([]any)
	for _, x := range l {
		if IsFunction(x) {
			return nil
		}
	}
	_, err := property(l, at, p)
	return asError(err)
}

func asError(err error) *diag.Error {
	if err == nil {
		return nil
	}
	var e *diag.Error
	if errors.As(err, &e) {
		return e
	}
	return diag.New(diag.RuntimeError, err.Error())
}

// property evaluates get_property against the properties of a plan.
func property(l []any, at Site, p *PlanView) (any, error) {
	name, ok := l[0].(string)
	if !ok {
		return nil, diag.New(diag.KeyError, value.Quote(fmt.Sprintf("Node %s does not exist", value.Text(l[0]))))
	}
	node, e := at.resolve(name)
	if e != nil {
		return nil, e
	}
	props, ok := p.Properties(node)
	if !ok {
		e := diag.New(diag.KeyError, value.Quote(fmt.Sprintf("Node %s does not exist", name)))
		e.Diag = &diag.D{Code: "unknown-node", Summary: "Unknown node", Detail: fmt.Sprintf("get_property names node %q, which is not defined.", name),
			Fix: diag.DidYouMean(name, p.NodeNames())}
		return nil, e
	}
	return walk(props, l[1:], pathText{node: node, at: at.Path, strict: true, name: GetProperty})
}

// resolve gives the node that a name or SELF, SOURCE, TARGET means.
func (at Site) resolve(name string) (string, *diag.Error) {
	switch name {
	case Self:
		if at.Where != InNode {
			return "", valueError("%s can only be used in a context of node template but appears in %s.", name, at.Where)
		}
		return at.Node, nil
	case Source, Target:
		if at.Where != InRelationship {
			return "", valueError("%s can only be used within a relationship but is used in %s", name, at.Path)
		}
		if name == Source {
			return at.Node, nil
		}
		return at.Peer, nil
	}
	return name, nil
}

func (c Call) validateAttribute(at Site, p *PlanView) *diag.Error {
	l := c.Args.([]any)
	name, ok := l[0].(string)
	if !ok {
		return nil
	}
	switch name {
	case Self, Source, Target:
		bad := at.Where != InNode && at.Where != InRelationship || at.Where == InNode && name != Self || at.Where == InRelationship && name == Self
		if !bad {
			return nil
		}
		if at.Where != InNode && at.Where != InRelationship && at.Where != InOutputs {
			return diag.New(diag.KeyError, value.Quote(string(at.Where)))
		}
		return valueError("%s cannot be used with %s function in %s", name, c.Name, at.Path)
	}
	if _, ok := p.Properties(name); ok {
		return nil
	}
	e := diag.New(diag.KeyError, value.Quote(fmt.Sprintf("%s function node reference '%s' does not exist.", c.Name, name)))
	e.Diag = &diag.D{Code: "unknown-node", Summary: "Unknown node", Detail: fmt.Sprintf("%s names node %q, which is not defined.", c.Name, name),
		Fix: diag.DidYouMean(name, p.NodeNames())}
	return e
}

// pathText says how a walk along a path words its errors.
type pathText struct {
	node, at, name string
	// strict makes a missing item an error; else it is nil.
	strict bool
}

func (t pathText) fail(path []any, what string) error {
	if what == "" {
		if !t.strict {
			return nil
		}
		what = "doesn't exist."
	}
	return evaluation(t.name, fmt.Sprintf("Node template property '%s.properties.%s' referenced from '%s' %s", t.node, joined(path), t.at, what))
}

// walk follows keys and indexes into a value. A function on the way stops it:
// the rest of the path comes back beside the function.
func walk(v any, path []any, t pathText) (any, error) {
	for i, key := range path {
		if IsFunction(v) && i > 0 {
			return append([]any{v}, path[i:]...), nil
		}
		switch x := v.(type) {
		case *value.Map:
			next, ok := x.Get(value.Text(key))
			if !ok {
				return nil, t.fail(path, "")
			}
			v = next
		case []any:
			n, ok := index(key)
			if !ok {
				return nil, t.fail(path, fmt.Sprintf("is expected %s to be an int but it is a %s.", value.Text(key), value.TypeName(key)))
			}
			if n < 0 {
				n += len(x)
			}
			if n < 0 || n >= len(x) {
				return nil, t.fail(path, fmt.Sprintf("index is out of range. Got %s but list size is %d.", value.Text(key), len(x)))
			}
			v = x[n]
		default:
			return nil, t.fail(path, "")
		}
	}
	return v, nil
}

func index(key any) (int, bool) {
	switch k := key.(type) {
	case int64:
		if k > 1<<40 || k < -(1<<40) {
			return 1 << 40, true
		}
		return int(k), true
	case bool:
		if k {
			return 1, true
		}
		return 0, true
	}
	return 0, false
}
