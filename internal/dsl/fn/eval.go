package fn

import (
	"context"
	"fmt"

	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/value"
)

// evaluator is one evaluation. In hybrid mode plan and inputs are set, at run
// time st.
type evaluator struct {
	ctx    context.Context
	plan   *PlanView
	inputs *value.Map
	site   Site

	st      Storage
	scope   Scope
	outputs bool
}

// Hybrid replaces the functions of a value that need nothing from the run.
// Functions of the run remain, with their arguments evaluated. Spec 10.1.
func Hybrid(ctx context.Context, v any, at Site, p *PlanView, inputs *value.Map) (any, error) {
	e := &evaluator{ctx: ctx, plan: p, inputs: inputs, site: at}
	return e.value(v, at.Path, 0)
}

// Evaluate evaluates all functions of a payload. The result is a new value.
func Evaluate(ctx context.Context, payload any, scope Scope, st Storage) (any, error) {
	e := &evaluator{ctx: ctx, st: st, scope: scope}
	if e.scope.Path == "" {
		e.scope.Path = "payload"
	}
	return e.value(value.From(payload), e.scope.Path, 0)
}

// EvaluateOutputs evaluates outputs: {name: {value: v}} gives {name: v}. What
// cannot be resolved is a text "<ERROR: …>".
func EvaluateOutputs(ctx context.Context, outputs *value.Map, st Storage) (*value.Map, error) {
	return evaluateEntries(ctx, outputs, "outputs", true, st)
}

// EvaluateCapabilities evaluates capabilities: {name: {value: v}} gives
// {name: v}.
func EvaluateCapabilities(ctx context.Context, capabilities *value.Map, st Storage) (*value.Map, error) {
	return evaluateEntries(ctx, capabilities, "capabilities", false, st)
}

func evaluateEntries(ctx context.Context, entries *value.Map, path string, outputs bool, st Storage) (*value.Map, error) {
	out := value.NewMap()
	e := &evaluator{ctx: ctx, st: st, outputs: outputs}
	for name, x := range entries.All() {
		m, _ := x.(*value.Map)
		v := m.At("value")
		r, err := e.value(v, path+"."+name, 0)
		if err != nil {
			if NameOf(v) == GetSecret && isNotFound(err) {
				continue
			}
			return nil, err
		}
		out.Set(name, r)
	}
	return out, nil
}

func isNotFound(err error) bool {
	for ; err != nil; err = unwrap(err) {
		if err == ErrNotFound {
			return true
		}
	}
	return false
}

func unwrap(err error) error {
	u, ok := err.(interface{ Unwrap() error })
	if !ok {
		return nil
	}
	return u.Unwrap()
}

// value evaluates whatever functions a value holds. depth counts the
// containers entered since the outermost function.
func (e *evaluator) value(v any, path string, depth int) (any, error) {
	if IsFunction(v) {
		return e.function(v, path, depth)
	}
	return e.inside(v, path, depth)
}

// inside evaluates the parts of a container.
func (e *evaluator) inside(v any, path string, depth int) (any, error) {
	next := depth
	if depth > 0 {
		next++
	}
	switch t := v.(type) {
	case *value.Map:
		if err := limit(next, path); err != nil {
			return nil, err
		}
		out := t
		for k, x := range t.All() {
			r, err := e.value(x, path+"."+k, next)
			if err != nil {
				return nil, err
			}
			if !same(r, x) {
				if out == t {
					out = t.Clone()
				}
				out.Set(k, r)
			}
		}
		return out, nil
	case []any:
		if err := limit(next, path); err != nil {
			return nil, err
		}
		out := t
		for i, x := range t {
			r, err := e.value(x, fmt.Sprintf("%s[%d]", path, i), next)
			if err != nil {
				return nil, err
			}
			if !same(r, x) {
				if len(out) > 0 && &out[0] == &t[0] {
					out = append([]any(nil), t...)
				}
				out[i] = r
			}
		}
		return out, nil
	}
	return v, nil
}

// same tells whether a value was returned as it is, without comparing deeply.
func same(a, b any) bool {
	switch x := a.(type) {
	case *value.Map:
		y, ok := b.(*value.Map)
		return ok && x == y
	case []any:
		y, ok := b.([]any)
		return ok && len(x) == len(y) && (len(x) == 0 || &x[0] == &y[0])
	case value.Set:
		return false
	}
	switch b.(type) {
	case *value.Map, []any, value.Set:
		return false
	}
	return a == b
}

func limit(depth int, path string) error {
	if depth < Limit {
		return nil
	}
	e := diag.New(diag.RecursionLimit, fmt.Sprintf(
		"The recursion limit (%d) has been reached while evaluating the deployment. Limit was reached with the following path - %s", Limit, path))
	e.Diag = &diag.D{Summary: "Functions refer to each other without end",
		Detail: "A function's value leads back to itself.", Path: path}
	return e
}

// function evaluates inside out until the value is no function or stays.
func (e *evaluator) function(v any, path string, depth int) (any, error) {
	// Compat: what an input holds is evaluated in the inputs themselves, once
	// something asks for it. from is that input.
	from := ""
	for round := 0; ; round++ {
		if err := limit(depth+round, path); err != nil {
			return nil, err
		}
		c, ok := Parse(v)
		if !ok {
			r, err := e.inside(v, path, depth+1)
			if from != "" && err == nil && !same(r, v) {
				e.inputs.Set(from, r)
			}
			return r, err
		}
		if err := c.Check(); err != nil {
			return nil, err
		}
		args, err := e.arguments(c, path, depth+1)
		if err != nil {
			return nil, err
		}
		cur := v
		if !same(args, c.Args) {
			m := c.raw.Clone()
			m.Set(c.Name, args)
			cur = m
			c.Args, c.raw = args, m
			if err := c.Check(); err != nil {
				return nil, err
			}
		}
		if from != "" && !same(cur, v) {
			e.inputs.Set(from, cur)
		}
		r, err := e.call(c, cur, path, depth)
		if err != nil {
			return nil, err
		}
		if same(r, cur) || value.Equal(r, v) {
			return r, nil
		}
		from = ""
		if name, ok := c.Args.(string); ok && e.plan != nil && c.Name == GetInput {
			from = name
		}
		v = r
	}
}

func (e *evaluator) arguments(c Call, path string, depth int) (any, error) {
	if err := limit(depth, path); err != nil {
		return nil, err
	}
	return e.value(c.Args, path+"."+c.Name, depth)
}

// call evaluates one function with evaluated arguments; it gives the function
// itself when that must wait.
func (e *evaluator) call(c Call, cur any, path string, depth int) (any, error) {
	f, _ := lookup(c.Name)
	if e.plan != nil && !f.hybrid {
		return cur, nil
	}
	switch c.Name {
	case GetInput:
		return e.getInput(c, path)
	case GetProperty:
		return e.getProperty(c, cur, path, depth)
	case Concat:
		return concat(c, cur)
	case Merge:
		return merge(c, cur)
	case StringFind, StringReplace, StringSplit, StringLower, StringUpper:
		if holdsFunction(c.Args) {
			return cur, nil
		}
		return evalString(c.Name, c.Args)
	}
	return e.runtime(c, path, depth)
}

func holdsFunction(v any) bool {
	if IsFunction(v) {
		return true
	}
	l, _ := v.([]any)
	for _, x := range l {
		if IsFunction(x) {
			return true
		}
	}
	return false
}

func (e *evaluator) allInputs() (*value.Map, error) {
	if e.plan != nil {
		return e.inputs, nil
	}
	return e.st.Inputs(e.ctx)
}

func (e *evaluator) getInput(c Call, path string) (any, error) {
	if holdsFunction(c.Args) {
		return nil, evaluationAs("get_input: found an unresolved argument: " + value.Text(c.Args))
	}
	inputs, err := e.allInputs()
	if err != nil {
		return nil, err
	}
	l, ok := c.Args.([]any)
	if !ok {
		l = []any{c.Args}
	}
	name := value.Text(l[0])
	v, ok := inputs.Get(name)
	if !ok && e.plan == nil {
		return nil, diag.New(diag.KeyError, value.Quote(name))
	}
	if !ok {
		return nil, unknownInput(name, inputs.Keys())
	}
	for i, key := range l[1:] {
		if IsFunction(v) {
			return append([]any{v}, l[i+1:]...), nil
		}
		if v, err = inputStep(v, key, l, i); err != nil {
			return nil, err
		}
	}
	if c.ReturnType != "" && !hasType(v, c.ReturnType) {
		return nil, diag.New(diag.InputEvaluation, fmt.Sprintf("Value '%s' of input '%s' does not match data type declared for '%s': '%s'.",
			value.Text(v), joinedName(l), path, c.ReturnType))
	}
	return v, nil
}

func joinedName(l []any) string { return joined(l) }

// inputStep follows one key or index of get_input.
func inputStep(v, key any, l []any, i int) (any, error) {
	at := joined(l[:i+1])
	switch t := v.(type) {
	case *value.Map:
		next, ok := t.Get(value.Text(key))
		if !ok {
			return nil, diag.New(diag.InputEvaluation, fmt.Sprintf("Input attribute '%s' of '%s', doesn't exist.", value.Text(key), at))
		}
		return next, nil
	case []any:
		n, ok := index(key)
		if !ok {
			args := ""
			for k, x := range l {
				if k > 0 {
					args += ", "
				}
				args += value.Text(x)
			}
			return nil, diag.New(diag.InputEvaluation, fmt.Sprintf("Item in index %d in the get_input arguments list [%s] is expected to be an int but got %s.",
				i, args, value.TypeName(key)))
		}
		k := n
		if k < 0 {
			k += len(t)
		}
		if k < 0 || k >= len(t) {
			return nil, diag.New(diag.InputEvaluation, fmt.Sprintf("List size of '%s' is %d but index %d is retrieved.", at, len(t), n))
		}
		return t[k], nil
	}
	return nil, evaluation(GetInput, fmt.Sprintf("Expected a dict or a list, but got %s of %s", value.TypeName(v), at))
}

// hasType tells whether a value is of a primitive type; unknown types pass.
func hasType(v any, typ string) bool {
	switch typ {
	case "integer":
		return value.IsInt(v)
	case "float":
		return value.IsNumber(v)
	case "boolean":
		return isBool(v)
	case "list":
		_, ok := v.([]any)
		return ok
	case "dict":
		_, ok := v.(*value.Map)
		return ok
	}
	return true
}

func (e *evaluator) getProperty(c Call, cur any, path string, depth int) (any, error) {
	l := c.Args.([]any)
	if holdsFunction(l[0]) || holdsFunction(l[1:]) {
		return nil, evaluationAs(fmt.Sprintf("get_property: found an unresolved argument in path: %s, %s", value.Text(l[0]), value.Text(l[1:])))
	}
	if e.plan != nil {
		at := e.site
		at.Path = path
		v, err := property(l, at, e.plan)
		if err != nil {
			return nil, err
		}
		return e.ownProperty(v, value.Text(l[0]), cur, path, depth)
	}
	name := value.Text(l[0])
	switch name {
	case Self, Source, Target:
		id := e.scope.instance(name)
		if id == "" {
			return nil, valueError("%s can only be used in a context of node instance but appears in %s.", name, path)
		}
		ni, err := e.st.NodeInstance(e.ctx, id)
		if err != nil {
			return nil, err
		}
		name = ni.NodeID
	}
	n, err := e.st.Node(e.ctx, name)
	if err != nil {
		return nil, err
	}
	return e.walk(n.Properties, l[1:], pathText{node: name, at: path, strict: true, name: GetProperty}, path)
}

// ownProperty evaluates what another node's property holds as that node sees
// it: SELF there is not SELF here.
func (e *evaluator) ownProperty(v any, name string, cur any, path string, depth int) (any, error) {
	node, err := e.site.resolve(name)
	if err != nil {
		return nil, err
	}
	if e.site.Where == InNode && node == e.site.Node {
		return v, nil
	}
	if value.Equal(v, cur) {
		return v, nil
	}
	sub := *e
	sub.site = Site{Where: InNode, Node: node, Path: path}
	return sub.value(v, path, depth+1)
}

// walk follows a path at run time, evaluating functions on the way.
func (e *evaluator) walk(v any, path []any, t pathText, at string) (any, error) {
	for n := 0; n < Limit; n++ {
		r, err := walk(v, path, t)
		if err != nil {
			return nil, err
		}
		l, ok := r.([]any)
		if !ok || len(l) == 0 || !IsFunction(l[0]) || len(l) > len(path) {
			return r, nil
		}
		if v, err = e.value(l[0], at, 1); err != nil {
			return nil, err
		}
		path = l[1:]
		if IsFunction(v) {
			return append([]any{v}, path...), nil
		}
	}
	return v, nil
}

func concat(c Call, cur any) (any, error) {
	if holdsFunction(c.Args) {
		return cur, nil
	}
	l := c.Args.([]any)
	s := ""
	for _, x := range l {
		if holdsDeep(x) {
			return cur, nil
		}
		s += value.Text(x)
	}
	return s, nil
}

// holdsDeep tells whether a function is anywhere in a value.
func holdsDeep(v any) bool {
	if IsFunction(v) {
		return true
	}
	switch t := v.(type) {
	case *value.Map:
		for _, x := range t.All() {
			if holdsDeep(x) {
				return true
			}
		}
	case []any:
		for _, x := range t {
			if holdsDeep(x) {
				return true
			}
		}
	}
	return false
}

func merge(c Call, cur any) (any, error) {
	if holdsFunction(c.Args) {
		return cur, nil
	}
	l, ok := c.Args.([]any)
	if !ok {
		return nil, valueError(`Illegal arguments passed to %s function. Expected: [arg1\function1, arg2\function2, ...]but got: %s.`, Merge, value.Text(c.Args))
	}
	out := value.NewMap()
	for _, x := range l {
		m, ok := x.(*value.Map)
		if !ok {
			return nil, validation(fmt.Sprintf("Encountered non-dict element for merge: %s function", value.Text(x)))
		}
		for k, v := range m.All() {
			out.Set(k, v)
		}
	}
	return out, nil
}
