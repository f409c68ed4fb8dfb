package dsl

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/reifyhq/reify/internal/dsl/constraint"
	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/fn"
	"github.com/reifyhq/reify/internal/dsl/imports"
	"github.com/reifyhq/reify/internal/dsl/plan"
	"github.com/reifyhq/reify/internal/dsl/value"
	"github.com/reifyhq/reify/internal/topology"
)

// Prepare makes a deployment plan: it sets the inputs, evaluates functions
// which need nothing from the run, checks secrets and makes node instances,
// section 12. Errors are *diag.Error unless a getter failed otherwise. The
// plan itself is not changed.
func Prepare(ctx context.Context, p *Plan, in PrepareInput) (*DeploymentPlan, error) {
	out := &DeploymentPlan{Plan: *p.Clone()}
	inputs, err := prepareInputs(ctx, &out.Plan, in)
	if err != nil {
		return nil, err
	}
	out.Inputs = inputs
	if !in.RuntimeOnlyEvaluation {
		if err := evaluateHybrid(ctx, &out.Plan, inputs); err != nil {
			return nil, err
		}
	}
	markRuntimeFunctions(&out.Plan)
	if err := checkSecrets(ctx, &out.Plan, in.Secrets); err != nil {
		return nil, err
	}
	out.NodeInstances, err = topology.CreateInstances(&out.Plan, topology.IDs{New: in.NewID, Existing: in.ExistingIDs})
	if err != nil {
		return nil, err
	}
	out.InterDeploymentFunctions, err = interDeployment(out)
	return out, err
}

// typesOf gives the data types of a plan as schemas.
func typesOf(p *Plan) func(string) (schema, bool) {
	return func(name string) (schema, bool) {
		m, ok := p.DataTypes.At(name).(*value.Map)
		if !ok {
			return nil, false
		}
		s := &value.Ordered[*property]{}
		props, _ := m.At("properties").(*value.Map)
		for k, x := range props.All() {
			f, _ := x.(*value.Map)
			s.Set(k, propertyOf(f))
		}
		return s, true
	}
}

// propertyOf reads a property of a plan's schema.
func propertyOf(f *value.Map) *property {
	pr := &property{required: true, fields: f}
	pr.typ, _ = f.At("type").(string)
	if r, ok := f.At("required").(bool); ok {
		pr.required = r
	}
	pr.def, pr.hasDefault = f.Get("default")
	return pr
}

// prepareInputs gives the values of all inputs, in declared order.
func prepareInputs(ctx context.Context, p *Plan, in PrepareInput) (*value.Map, error) {
	given, _ := value.From(in.Inputs).(*value.Map)
	out := value.NewMap()
	types := typesOf(p)
	var missing []string
	for name, x := range p.Inputs.All() {
		decl, _ := x.(*value.Map)
		v, ok := inputValue(given, decl, types, name)
		if !ok {
			if r, isBool := decl.At("required").(bool); isBool && !r {
				out.Set(name, nil)
				continue
			}
			missing = append(missing, name)
			continue
		}
		v, err := checkInput(ctx, name, decl, v, types, in)
		if err != nil {
			return nil, err
		}
		out.Set(name, v)
	}
	expected := value.QuoteList(p.Inputs.Keys())
	if len(missing) > 0 {
		e := diag.New(diag.MissingInput, fmt.Sprintf("Required inputs %s were not specified - expected inputs: %s", value.QuoteList(missing), expected))
		e.Diag = &diag.D{Summary: "Missing inputs", Detail: fmt.Sprintf("These inputs have no default and got no value: %s.", strings.Join(missing, ", "))}
		return nil, e
	}
	var unknown []string
	for k := range given.All() {
		if !p.Inputs.Has(k) {
			unknown = append(unknown, k)
		}
	}
	if len(unknown) > 0 {
		e := diag.New(diag.UnknownInput, fmt.Sprintf("Unknown inputs %s specified - expected inputs: %s", value.QuoteList(unknown), expected))
		e.Diag = &diag.D{Summary: "Unknown inputs", Detail: fmt.Sprintf("The blueprint declares no inputs named %s.", strings.Join(unknown, ", ")),
			Fix: diag.DidYouMean(unknown[0], p.Inputs.Keys())}
		return nil, e
	}
	return out, nil
}

// inputValue gives the value of an input before it is checked: the given one,
// the default, or what the defaults of its data type make.
func inputValue(given, decl *value.Map, types func(string) (schema, bool), name string) (any, bool) {
	if v, ok := given.Get(name); ok {
		return v, true
	}
	if v := decl.At("default"); v != nil {
		return v, true
	}
	typ, _ := decl.At("type").(string)
	s, ok := types(typ)
	if !ok || imports.Primitive[typ] {
		return nil, false
	}
	c := &checker{types: types, owner: name, undefined: "%s", missing: "%s"}
	v, e := c.merge(value.NewMap(), s, nil, nil)
	return v, e == nil && v.Len() > 0
}

func checkInput(ctx context.Context, name string, decl *value.Map, v any, types func(string) (schema, bool), in PrepareInput) (any, error) {
	if !encodable(v) {
		return nil, diag.Coded(diag.InputType, 108, fmt.Sprintf("Illegal characters in input: %s. Only valid ascii chars are supported.", name))
	}
	typ, _ := decl.At("type").(string)
	item, _ := decl.At("item_type").(string)
	if s, ok := v.(string); ok && in.AutoCorrectTypes {
		v = cast(s, typ)
	}
	var cs []constraint.Constraint
	list, _ := decl.At("constraints").([]any)
	for _, x := range list {
		m, _ := x.(*value.Map)
		c, e := constraint.Parse(m, name)
		if e != nil {
			return nil, e
		}
		cs = append(cs, c)
	}
	var getter constraint.Getter
	if in.Values != nil {
		getter = in.Values
	}
	err := constraint.Validate(ctx, constraint.Input{Name: name, Type: typ, ItemType: item, Constraints: cs, CheckItem: itemChecker(name, item, types)}, v, getter)
	if err != nil {
		return nil, err
	}
	c := &checker{types: types, owner: name, subject: fmt.Sprintf("Input %q", name),
		undefined: "Undefined property %s in value of input " + name + ".",
		missing:   "Value of input " + name + " is missing property %s."}
	v, e := c.check(v, typ, nil, nil)
	if e != nil {
		w := diag.Coded(diag.Base, 214, e.Message)
		w.Diag = e.Diag
		return nil, w
	}
	return v, nil
}

// encodable tells whether all text of a value is proper Unicode.
func encodable(v any) bool {
	switch t := v.(type) {
	case string:
		return utf8.ValidString(t)
	case *value.Map:
		for k, x := range t.All() {
			if !utf8.ValidString(k) || !encodable(x) {
				return false
			}
		}
	case []any:
		for _, x := range t {
			if !encodable(x) {
				return false
			}
		}
	}
	return true
}

// numeral takes spaces around and underscores between digits out of a text.
func numeral(s string) (string, bool) {
	t := strings.TrimSpace(s)
	digit := func(i int) bool { return i >= 0 && i < len(t) && t[i] >= '0' && t[i] <= '9' }
	for i := range len(t) {
		if t[i] == '_' && (!digit(i-1) || !digit(i+1)) {
			return "", false
		}
	}
	return strings.ReplaceAll(t, "_", ""), true
}

// cast turns text into a declared type where that is possible, section 12.
func cast(s, typ string) any {
	t, ok := numeral(s)
	if !ok && typ != "boolean" {
		return s
	}
	switch typ {
	case "integer":
		if b, ok := new(big.Int).SetString(t, 10); ok {
			return value.BigInt(b)
		}
	case "float":
		if f, err := strconv.ParseFloat(t, 64); (err == nil || math.IsInf(f, 0)) && !strings.ContainsAny(t, "xXpP") {
			return f
		}
	case "boolean":
		switch s {
		case "true":
			return true
		case "false":
			return false
		}
	}
	return s
}

// evaluateHybrid replaces the functions which need nothing from the run.
func evaluateHybrid(ctx context.Context, p *Plan, inputs *value.Map) error {
	v := view(p)
	v.HasInput, v.InputNames = inputs.Has, inputs.Keys
	err := scanPlan(p, func(m *value.Map, at fn.Site) error {
		for k, x := range m.All() {
			site := at
			site.Path = at.Path + "." + k
			r, err := fn.Hybrid(ctx, x, site, v, inputs)
			if err != nil {
				return err
			}
			m.Set(k, r)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, n := range p.Nodes {
		n.Interfaces = evaluatedInterfaces(n.Interfaces, n.Operations)
		for _, r := range n.Relationships {
			r.SourceInterfaces = evaluatedInterfaces(r.SourceInterfaces, r.SourceOperations)
			r.TargetInterfaces = evaluatedInterfaces(r.TargetInterfaces, r.TargetOperations)
		}
	}
	return nil
}

// evaluatedInterfaces puts evaluated inputs of operations into the raw form of
// interfaces too. Compat: the reference holds them only once.
func evaluatedInterfaces(ifaces *value.Map, ops *value.Ordered[*plan.Operation]) *value.Map {
	out := ifaces
	for name, x := range ifaces.All() {
		raw, _ := x.(*value.Map)
		var list *value.Map
		for op, y := range raw.All() {
			m, isMap := y.(*value.Map)
			in, hasInputs := m.At("inputs").(*value.Map)
			if !isMap || !hasInputs || in.Len() == 0 {
				continue
			}
			o, ok := ops.Get(name + "." + op)
			if !ok || o.Plugin == "" {
				continue
			}
			script := o.Inputs.Has(scriptPath) && !in.Has(scriptPath) || o.Inputs.Has(scriptSource) && !in.Has(scriptSource)
			evaluated := in.Clone()
			for k, given := range in.All() {
				if v, ok := o.Inputs.Get(k); ok && !(script && functionOf(given)) {
					evaluated.Set(k, v)
				}
			}
			if list == nil {
				list = raw.Clone()
			}
			m = m.Clone()
			m.Set("inputs", evaluated)
			list.Set(op, m)
		}
		if list == nil {
			continue
		}
		if out == ifaces {
			out = ifaces.Clone()
		}
		out.Set(name, list)
	}
	return out
}

// markRuntimeFunctions notes which operations still have functions.
func markRuntimeFunctions(p *Plan) {
	mark := func(ops *value.Ordered[*plan.Operation]) {
		for _, op := range ops.All() {
			if !op.HasIntrinsicFunctions && holdsFunction(op.Inputs) {
				op.HasIntrinsicFunctions = true
			}
		}
	}
	for _, n := range p.Nodes {
		mark(n.Operations)
		for _, r := range n.Relationships {
			mark(r.SourceOperations)
			mark(r.TargetOperations)
		}
	}
}

func holdsFunction(m *value.Map) bool {
	for _, x := range m.All() {
		found := false
		_ = fn.Scan(x, "", func(fn.Call, string) error { found = true; return nil })
		if found {
			return true
		}
	}
	return false
}

// checkSecrets makes sure that all secrets which the plan names exist.
func checkSecrets(ctx context.Context, p *Plan, get SecretGetter) error {
	var names []string
	seen := map[string]bool{}
	_ = scanPlan(p, func(m *value.Map, at fn.Site) error {
		for k, x := range m.All() {
			_ = fn.Scan(x, at.Path+"."+k, func(c fn.Call, _ string) error {
				name := c.Args
				if l, ok := name.([]any); ok && len(l) > 0 {
					name = l[0]
				}
				if s, ok := name.(string); ok && c.Name == fn.GetSecret && !seen[s] {
					seen[s] = true
					names = append(names, s)
				}
				return nil
			})
		}
		return nil
	})
	if len(names) == 0 {
		return nil
	}
	if get == nil {
		return diag.New(diag.UnsupportedSecret, "The get_secret intrinsic function is not supported")
	}
	var missing []string
	for _, name := range names {
		_, err := get(ctx, name)
		switch {
		case errors.Is(err, fn.ErrNotFound):
			missing = append(missing, name)
		case err != nil:
			return err
		}
	}
	if len(missing) == 0 {
		return nil
	}
	e := diag.New(diag.UnknownSecret, fmt.Sprintf("Required secrets: [%s] don't exist in this tenant", strings.Join(missing, ", ")))
	e.Diag = &diag.D{Summary: "Missing secrets", Detail: "The blueprint uses secrets that do not exist: " + strings.Join(missing, ", ") + ".", Fix: "Create them first."}
	return e
}

// interDeployment lists the capabilities of other deployments that the plan
// uses, section 12 step 8.
func interDeployment(d *DeploymentPlan) ([]plan.InterDeploymentFunction, error) {
	byNode := map[string][]*Instance{}
	for i := range d.NodeInstances {
		n := &d.NodeInstances[i]
		byNode[n.NodeID] = append(byNode[n.NodeID], n)
	}
	var out []plan.InterDeploymentFunction
	err := scanPlan(&d.Plan, func(m *value.Map, at fn.Site) error {
		for k, x := range m.All() {
			err := fn.Scan(x, at.Path+"."+k, func(c fn.Call, path string) error {
				if c.Name != fn.GetCapability {
					return nil
				}
				l, _ := c.Args.([]any)
				if len(l) == 0 {
					return nil
				}
				f := plan.InterDeploymentFunction{FunctionIdentifier: path + "." + fn.GetCapability}
				f.TargetDeployment[1] = l[0]
				if !fn.IsFunction(l[0]) {
					f.TargetDeployment[0] = l[0]
				}
				for _, c := range contexts(at, byNode) {
					f.Context = c
					out = append(out, f)
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// contexts gives what SELF, SOURCE and TARGET are at a place of the plan, once
// for each instance.
func contexts(at fn.Site, byNode map[string][]*Instance) []*value.Map {
	switch at.Where {
	case fn.InNode:
		var out []*value.Map
		for _, n := range byNode[at.Node] {
			out = append(out, value.MapOf("self", n.ID))
		}
		return out
	case fn.InRelationship:
		var out []*value.Map
		for _, n := range byNode[at.Node] {
			for _, r := range n.Relationships {
				if r.TargetName == at.Peer {
					out = append(out, value.MapOf("self", n.ID, "source", n.ID, "target", r.TargetID))
					break
				}
			}
		}
		return out
	}
	return []*value.Map{value.NewMap()}
}
