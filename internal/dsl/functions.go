package dsl

import (
	"fmt"
	"strings"

	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/fn"
	"github.com/reifyhq/reify/internal/dsl/plan"
	"github.com/reifyhq/reify/internal/dsl/value"
	"github.com/reifyhq/reify/internal/dsl/yamltree"
)

// visit is called with every value of a plan that may hold functions, its site
// and what replaces it.
type visit func(m *value.Map, at fn.Site) error

// scanPlan visits the values of a plan in the order of section 10.4. m is a
// mapping whose entries the visitor may replace.
func scanPlan(p *Plan, f visit) error {
	for _, n := range p.Nodes {
		if err := scanNode(n, f); err != nil {
			return err
		}
	}
	sections := []struct {
		where fn.Where
		m     *value.Map
		field string
	}{{fn.InOutputs, p.Outputs, ""}, {fn.InPolicies, p.Policies, "properties"}, {fn.InGroups, nil, "properties"},
		{fn.InCapabilities, p.Capabilities, ""}, {fn.InLabels, p.Labels, ""}}
	for _, s := range sections {
		if s.where == fn.InGroups {
			for name, g := range p.ScalingGroups.All() {
				if err := f(g.Properties, fn.Site{Where: s.where, Path: "scaling_groups." + name + ".properties"}); err != nil {
					return err
				}
			}
			continue
		}
		for name, x := range s.m.All() {
			m, ok := x.(*value.Map)
			path := string(s.where) + "." + name
			if s.field != "" {
				m, ok = m.At(s.field).(*value.Map)
				path += "." + s.field
			}
			if !ok {
				continue
			}
			if err := f(m, fn.Site{Where: s.where, Path: path}); err != nil {
				return err
			}
		}
	}
	return f(p.DeploymentSettings, fn.Site{Where: fn.InSettings, Path: "deployment_settings"})
}

func scanNode(n *plan.Node, f visit) error {
	at := fn.Site{Where: fn.InNode, Node: n.Name, Path: "nodes." + n.Name + ".properties"}
	if err := f(n.Properties, at); err != nil {
		return err
	}
	for name, c := range n.Capabilities.All() {
		m, _ := c.(*value.Map)
		props, ok := m.At("properties").(*value.Map)
		if !ok {
			continue
		}
		at.Path = "nodes." + n.Name + ".capabilities." + name + ".properties"
		if err := f(props, at); err != nil {
			return err
		}
	}
	for name, op := range n.Operations.All() {
		if op.Inputs.Len() == 0 {
			continue
		}
		at.Path = "nodes." + n.Name + ".operations." + name + ".inputs"
		if err := f(op.Inputs, at); err != nil {
			return err
		}
	}
	for _, r := range n.Relationships {
		site := fn.Site{Where: fn.InRelationship, Node: n.Name, Peer: r.TargetID}
		for _, ops := range []*value.Ordered[*plan.Operation]{r.SourceOperations, r.TargetOperations} {
			for name, op := range ops.All() {
				if op.Inputs.Len() == 0 {
					continue
				}
				site.Path = "nodes." + n.Name + "." + r.Type + "." + name + ".inputs"
				if err := f(op.Inputs, site); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// view is what functions may know of a plan.
func view(p *Plan) *fn.PlanView {
	nodes := make(map[string]*plan.Node, len(p.Nodes))
	for _, n := range p.Nodes {
		nodes[n.Name] = n
	}
	return &fn.PlanView{
		HasInput:   p.Inputs.Has,
		InputNames: p.Inputs.Keys,
		Properties: func(name string) (*value.Map, bool) {
			n, ok := nodes[name]
			if !ok {
				return nil, false
			}
			return n.Properties, true
		},
		NodeNames: func() []string {
			out := make([]string, 0, len(p.Nodes))
			for _, n := range p.Nodes {
				out = append(out, n.Name)
			}
			return out
		},
		AtLeast: func(major, minor int) bool {
			v := p.Version.Numbers
			if len(v) < 2 {
				return false
			}
			return v[0] > major || v[0] == major && v[1] >= minor
		},
		VersionText: versionText(p.Version),
	}
}

// versionText prints a version as the reference does in messages.
func versionText(v plan.Version) string {
	nums := make([]string, len(v.Numbers))
	for i, n := range v.Numbers {
		nums[i] = fmt.Sprint(n)
	}
	return fmt.Sprintf("{'raw': %s, 'definitions_name': %s, 'definitions_version': (%s)}", value.Quote(v.Raw), value.Quote(v.Name), strings.Join(nums, ", "))
}

// checkFunctions validates every function of the plan and collects what the
// plan requires. All problems are recorded, in scan order.
func (p *parser) checkFunctions(out *Plan) {
	if p.in.NoFunctionValidation && len(p.errs) > 0 {
		return
	}
	broken := len(p.errs) > 0
	v := view(out)
	declared := p.root.Get("inputs")
	v.HasInput = func(name string) bool { return declared.Find(name) >= 0 }
	v.InputNames = func() []string { return sectionNames(declared) }
	_ = scanPlan(out, func(m *value.Map, at fn.Site) error {
		for k, x := range m.All() {
			_ = fn.Scan(x, at.Path+"."+k, func(c fn.Call, path string) error {
				p.checkFunction(c, fn.Site{Where: at.Where, Node: at.Node, Peer: at.Peer, Path: path}, v, out, broken)
				return nil
			})
		}
		return nil
	})
}

func (p *parser) checkFunction(c fn.Call, at fn.Site, v *fn.PlanView, out *Plan, broken bool) {
	switch c.Name {
	case fn.GetSecret:
		out.Requirements.Secrets = append(out.Requirements.Secrets, c.Args)
	case fn.GetEnvironmentCapability:
		l, ok := c.Args.([]any)
		if !ok {
			l = []any{c.Args}
		}
		out.Requirements.ParentCapabilities = append(out.Requirements.ParentCapabilities, l)
	}
	if p.in.NoFunctionValidation {
		return
	}
	needsNodes := c.Name == fn.GetProperty || c.Name == fn.GetAttribute || c.Name == fn.GetAttributesDict || c.Name == fn.GetAttributesList
	var e *diag.Error
	if broken && needsNodes {
		e = c.Check()
	} else {
		e = c.Validate(at, v)
	}
	if e == nil {
		return
	}
	p.placeFunction(e, at.Path, c)
	p.errs = append(p.errs, e)
}

// placeFunction finds where in the file a function of the plan stands. It may
// come from a type, so the position is the nearest named element.
func (p *parser) placeFunction(e *diag.Error, path string, c fn.Call) {
	if e.Diag == nil {
		e.Diag = &diag.D{Code: "function-argument", Summary: "Wrong argument of a function", Detail: e.Message}
	}
	e.Diag.Path = path
	steps := strings.Split(path, ".")
	if steps[0] == "nodes" {
		steps[0] = "node_templates"
	}
	at, n := place{}, p.root
	for _, s := range steps {
		name := s
		if i := strings.IndexByte(s, '['); i >= 0 {
			name = s[:i]
		}
		k, v := n.Entry(name)
		if k == nil {
			break
		}
		at.At, n = k, v
	}
	if k, arg := findFunction(n, c); k != nil {
		at.At = k
		if e.Class == diag.UnknownInput && arg.Kind == yamltree.Scalar {
			at.At = arg
		}
	}
	yamltree.Aim(e, at.At)
}

// findFunction gives the key and argument of a function inside of a value.
func findFunction(n *node, c fn.Call) (key, arg *node) {
	if n == nil {
		return nil, nil
	}
	if k, v := n.Entry(c.Name); k != nil && value.Equal(v.Value(), c.Args) {
		return k, v
	}
	for _, q := range n.Pairs {
		if k, v := findFunction(q.Value, c); k != nil {
			return k, v
		}
	}
	for _, x := range n.Items {
		if k, v := findFunction(x, c); k != nil {
			return k, v
		}
	}
	return nil, nil
}
