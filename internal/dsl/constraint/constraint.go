// Package constraint is the constraints of inputs and parameters (dsl,
// section 8.3): reading them and testing values against them.
//
// It knows nothing of documents or plans. Types whose values live in the
// manager's data base are tested through a Getter.
package constraint

import (
	"context"
	"fmt"
	"strings"

	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/fn"
	"github.com/reifyhq/reify/internal/dsl/pattern"
	"github.com/reifyhq/reify/internal/dsl/value"
)

// Constraint is one operator with its argument.
type Constraint struct {
	Op      string
	Arg     any
	Message string
}

// ErrorMessage is the key beside the operator that replaces the text of a
// violation.
const ErrorMessage = "error_message"

type operator struct {
	name string
	// class is what the reference calls the operator in its messages.
	class string
	arg   string
	// data tells for which types the operator queries the data base.
	data map[string]bool
}

var (
	deploymentTypes = map[string]bool{"deployment_id": true, "blueprint_id": true}
	scopedTypes     = map[string]bool{"capability_value": true, "scaling_group": true, "node_id": true, "node_type": true,
		"node_instance": true, "operation_name": true}
	// DataTypes are the types whose values are in the data base.
	DataTypes = map[string]bool{"blueprint_id": true, "deployment_id": true, "capability_value": true, "scaling_group": true,
		"node_id": true, "node_type": true, "node_instance": true, "secret_key": true, "operation_name": true}
)

// Kinds of arguments.
const (
	argScalar     = "scalar"
	argDualScalar = "dual_scalar"
	argSequence   = "sequence"
	argRegex      = "regex"
	argString     = "string"
	argDict       = "dict"
)

var operators = []operator{
	{"equal", "Equal", argScalar, nil}, {"greater_than", "GreaterThan", argScalar, nil},
	{"greater_or_equal", "GreaterOrEqual", argScalar, nil}, {"less_than", "LessThan", argScalar, nil},
	{"less_or_equal", "LessOrEqual", argScalar, nil}, {"in_range", "InRange", argDualScalar, nil},
	{"valid_values", "ValidValues", argSequence, scopedTypes}, {"length", "Length", argScalar, nil},
	{"min_length", "MinLength", argScalar, nil}, {"max_length", "MaxLength", argScalar, nil},
	{"pattern", "Pattern", argRegex, nil}, {"filter_id", "FilterId", argString, deploymentTypes},
	{"labels", "Labels", argSequence, deploymentTypes}, {"tenants", "Tenants", argSequence, deploymentTypes},
	{"name_pattern", "NamePattern", argDict, DataTypes}, {"deployment_id", "DeploymentId", argString, scopedTypes},
}

// Operators gives the names of all operators.
func Operators() []string {
	out := make([]string, len(operators))
	for i, o := range operators {
		out[i] = o.name
	}
	return out
}

func find(name string) *operator {
	for i := range operators {
		if operators[i].name == name {
			return &operators[i]
		}
	}
	return nil
}

// Parse reads one constraint of an input. A function as argument is accepted
// unchecked.
func Parse(m *value.Map, input string) (Constraint, *diag.Error) {
	c := Constraint{}
	found := false
	for k, v := range m.All() {
		if k == ErrorMessage {
			c.Message, _ = v.(string)
			continue
		}
		if find(k) == nil {
			if m.Len() == 1 || !found {
				return c, unknownOperator(k)
			}
			continue
		}
		if !found {
			c.Op, c.Arg, found = k, v, true
		}
	}
	if !found {
		return c, unknownOperator("")
	}
	if !fn.IsFunction(c.Arg) && !ArgumentValid(find(c.Op).arg, c.Arg) {
		e := diag.Coded(diag.Logic, 212, fmt.Sprintf("Invalid constraint operator argument \"%s\", for constraint operator \"%s\" in \"%s\".",
			value.Text(c.Arg), c.Op, input))
		e.Diag = &diag.D{Summary: "Wrong constraint argument",
			Detail: fmt.Sprintf("The constraint %q of %q takes %s, but was given %s.", c.Op, input, argWords[find(c.Op).arg], value.Repr(c.Arg))}
		return c, e
	}
	return c, nil
}

var argWords = map[string]string{argScalar: "a number", argDualScalar: "a list of two numbers", argSequence: "a list",
	argRegex: "a regular expression", argString: "a string", argDict: "a dict"}

func unknownOperator(name string) *diag.Error {
	var b strings.Builder
	for i, o := range operators {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "'%s': <class 'dsl_parser.constraints.%s'>", o.name, o.class)
	}
	e := diag.Coded(diag.Logic, 103, fmt.Sprintf("No such constraint operator '%s'. Allowed operators: {%s}", name, b.String()))
	e.Diag = &diag.D{Code: "unknown-constraint", Summary: "Unknown constraint",
		Detail: fmt.Sprintf("%q is no constraint; there are %s.", name, diag.Names(Operators())), Fix: diag.DidYouMean(name, Operators())}
	return e
}

// ArgumentValid tells whether an argument is of the kind an operator takes.
func ArgumentValid(kind string, arg any) bool {
	switch kind {
	case argScalar:
		return value.IsNumber(arg)
	case argDualScalar:
		l, ok := arg.([]any)
		return ok && len(l) == 2 && value.IsNumber(l[0]) && value.IsNumber(l[1])
	case argSequence:
		_, ok := arg.([]any)
		return ok
	case argRegex:
		s, ok := arg.(string)
		if !ok {
			return false
		}
		_, err := pattern.Compile(s)
		return err == nil
	case argString:
		_, ok := arg.(string)
		return ok
	case argDict:
		_, ok := arg.(*value.Map)
		return ok
	}
	return false
}

func violation(format string, args ...any) *diag.Error {
	return diag.New(diag.Constraint, fmt.Sprintf(format, args...))
}

// Predicate tests a value against an operator.
func (c Constraint) Predicate(v any) (bool, *diag.Error) {
	switch c.Op {
	case "equal":
		return value.Equal(v, c.Arg), nil
	case "greater_than", "greater_or_equal", "less_than", "less_or_equal":
		n, ok := value.Compare(v, c.Arg)
		if !ok {
			return false, violation("Value is not comparable, the Constraint argument type  is '%s' but value type is '%s'.",
				value.TypeName(c.Arg), value.TypeName(v))
		}
		return ordered(c.Op, n), nil
	case "in_range":
		l, _ := c.Arg.([]any)
		if len(l) != 2 {
			return false, nil
		}
		lo, ok1 := value.Compare(v, l[0])
		hi, ok2 := value.Compare(v, l[1])
		if !ok1 || !ok2 {
			return false, violation("Value is not comparable, the Constraint argument type  is '%s' but value type is '%s'.",
				value.TypeName(c.Arg), value.TypeName(v))
		}
		return lo >= 0 && hi <= 0, nil
	case "valid_values":
		l, _ := c.Arg.([]any)
		for _, x := range l {
			if value.Equal(x, v) {
				return true, nil
			}
		}
		return false, nil
	case "length", "min_length", "max_length":
		return c.length(v)
	case "pattern":
		return c.pattern(v)
	}
	return true, nil
}

func ordered(op string, n int) bool {
	switch op {
	case "greater_than":
		return n > 0
	case "greater_or_equal":
		return n >= 0
	case "less_than":
		return n < 0
	}
	return n <= 0
}

func (c Constraint) length(v any) (bool, *diag.Error) {
	var n int
	switch t := v.(type) {
	case string:
		n = len([]rune(t))
	case []any:
		n = len(t)
	case *value.Map:
		n = t.Len()
	case value.Bytes:
		n = len(t)
	case value.Set:
		n = len(t)
	default:
		return false, violation("Value's length could not be computed. Value type is '%s'.", value.TypeName(v))
	}
	cmp, _ := value.Compare(int64(n), c.Arg)
	switch c.Op {
	case "length":
		return cmp == 0, nil
	case "min_length":
		return cmp >= 0, nil
	}
	return cmp <= 0, nil
}

func (c Constraint) pattern(v any) (bool, *diag.Error) {
	s, ok := v.(string)
	if !ok {
		return false, violation("Value must be of type string, got type '%s'", value.TypeName(v))
	}
	arg, _ := c.Arg.(string)
	re, err := pattern.Compile(arg)
	if err != nil {
		return false, violation("Pattern %s is not a regular expression: %v.", arg, err)
	}
	ok, err = re.Match(s)
	if err != nil {
		return false, violation("Value %s cannot be matched with pattern %s: %v.", s, arg, err)
	}
	return ok, nil
}

// String gives the constraint as messages name it: in_range(1, 2).
func (c Constraint) String() string {
	if l, ok := c.Arg.([]any); ok {
		parts := make([]string, len(l))
		for i, x := range l {
			parts[i] = value.Text(x)
		}
		return c.Op + "(" + strings.Join(parts, ", ") + ")"
	}
	return c.Op + "(" + value.Text(c.Arg) + ")"
}

// Getter looks up values of data base backed types.
type Getter interface {
	HasDeploymentID() bool
	HasBlueprintID() bool
	Get(ctx context.Context, dataType string, v any, params *value.Map) ([]any, error)
}

// Input is what a value is tested for.
type Input struct {
	Name        string
	Type        string
	ItemType    string
	Constraints []Constraint
	// CheckItem tests an item of a list against ItemType.
	CheckItem func(item any) *diag.Error
}

// Validate tests a value against all constraints of an input.
func Validate(ctx context.Context, in Input, v any, g Getter) error {
	if len(in.Constraints) > 0 && fn.IsFunction(v) {
		return diag.Coded(diag.Base, 213, fmt.Sprintf(
			"Input value %s, of input %s, cannot contain an intrinsic function and also have constraints.", value.Text(v), in.Name))
	}
	if in.Type == "list" && in.ItemType != "" {
		return validateItems(ctx, in, v, g)
	}
	return validateOne(ctx, in, v, g)
}

func validateItems(ctx context.Context, in Input, v any, g Getter) error {
	l, ok := v.([]any)
	if !ok {
		return nil
	}
	item := in
	item.Type, item.ItemType = in.ItemType, ""
	for _, x := range l {
		if in.CheckItem != nil {
			if e := in.CheckItem(x); e != nil {
				return e
			}
		}
		if err := validateOne(ctx, item, x, g); err != nil {
			return err
		}
	}
	return nil
}

func validateOne(ctx context.Context, in Input, v any, g Getter) error {
	dataBased, plain := split(in)
	if e := misplaced(in); e != nil {
		return e
	}
	if DataTypes[in.Type] {
		if err := validateData(ctx, in, dataBased, v, g); err != nil {
			return err
		}
	}
	for _, c := range plain {
		ok, e := c.Predicate(v)
		if e != nil {
			return e
		}
		if ok {
			continue
		}
		if c.Message != "" {
			return violation("Value %s of input %s is invalid. %s", value.Text(v), in.Name, c.Message)
		}
		return violation("Value %s of input %s violates constraint %s operator.", value.Text(v), in.Name, c)
	}
	return nil
}

// split separates the constraints that make up one data base query.
func split(in Input) (dataBased, plain []Constraint) {
	for _, c := range in.Constraints {
		if o := find(c.Op); o != nil && o.data[in.Type] {
			dataBased = append(dataBased, c)
		} else {
			plain = append(plain, c)
		}
	}
	return dataBased, plain
}

// dataOnly are operators that mean nothing without the data base.
var dataOnly = map[string]bool{"filter_id": true, "labels": true, "tenants": true, "name_pattern": true, "deployment_id": true}

func misplaced(in Input) *diag.Error {
	for _, c := range in.Constraints {
		if dataOnly[c.Op] && !find(c.Op).data[in.Type] {
			t := in.Type
			if t == "" {
				t = "None"
			}
			return violation("'%s' constraint is not defined for '%s' data types", c.Op, t)
		}
	}
	return nil
}

var patternParams = map[string]string{"blueprint_id": "id_specs", "node_id": "id_specs", "node_instance": "id_specs",
	"deployment_id": "display_name_specs", "secret_key": "key_specs", "node_type": "type_specs",
	"capability_value": "capability_key_specs", "scaling_group": "scaling_group_name_specs", "operation_name": "operation_name_specs"}

var (
	needsContext    = map[string]bool{"scaling_group": true, "operation_name": true, "node_id": true, "node_type": true}
	needsDeployment = map[string]bool{"capability_value": true, "node_instance": true}
)

func validateData(ctx context.Context, in Input, cs []Constraint, v any, g Getter) error {
	if g == nil {
		return violation("Invalid call to validate_input_value: value_getter not set")
	}
	params := value.NewMap()
	for _, c := range cs {
		name := c.Op
		if name == "name_pattern" {
			name = patternParams[in.Type]
		}
		params.Set(name, c.Arg)
	}
	hasDeployment := params.Has("deployment_id")
	inContext := g.HasDeploymentID() || g.HasBlueprintID()
	if needsContext[in.Type] && !inContext && !hasDeployment && !params.Has("blueprint_id") ||
		needsDeployment[in.Type] && !g.HasDeploymentID() && !hasDeployment {
		return violation("Input '%s' of type '%s' lacks 'deployment_id' constraint.", in.Name, in.Type)
	}
	if !needsContext[in.Type] && !needsDeployment[in.Type] || inContext && !hasDeployment {
		if err := among(ctx, in, v, g, value.NewMap()); err != nil {
			return err
		}
	}
	if params.Len() == 0 {
		return nil
	}
	return among(ctx, in, v, g, params)
}

func among(ctx context.Context, in Input, v any, g Getter, params *value.Map) error {
	found, err := g.Get(ctx, in.Type, v, params)
	if err != nil {
		return err
	}
	for _, x := range found {
		if value.Equal(x, v) {
			return nil
		}
	}
	if params.Len() == 0 {
		return violation("Value %s of input %s does not exist for type %s.", value.Text(v), in.Name, in.Type)
	}
	return violation("Value %s of input %s does not match constraints %s of type %s.", value.Text(v), in.Name, value.Repr(params), in.Type)
}
