package fn

import (
	"fmt"
	"strings"

	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/value"
)

// Names of the functions.
const (
	GetInput                 = "get_input"
	GetProperty              = "get_property"
	GetAttribute             = "get_attribute"
	GetAttributesList        = "get_attributes_list"
	GetAttributesDict        = "get_attributes_dict"
	GetSecret                = "get_secret"
	GetCapability            = "get_capability"
	GetEnvironmentCapability = "get_environment_capability"
	GetGroupCapability       = "get_group_capability"
	GetLabel                 = "get_label"
	GetSys                   = "get_sys"
	GetConsumers             = "get_consumers"
	Concat                   = "concat"
	Merge                    = "merge"
	StringFind               = "string_find"
	StringReplace            = "string_replace"
	StringSplit              = "string_split"
	StringLower              = "string_lower"
	StringUpper              = "string_upper"
)

// Words for the instances that a scope gives.
const (
	Self   = "SELF"
	Source = "SOURCE"
	Target = "TARGET"
)

// function tells how a function is treated: hybrid ones are replaced when a
// deployment is made, the others only at run time.
type function struct {
	hybrid bool
	shape  func(name string, args any) *diag.Error
}

// table gives the functions by name. It is a function because shapes refer
// back to it.
func lookup(name string) (function, bool) {
	switch name {
	case GetInput:
		return function{true, shapeGetInput}, true
	case GetProperty:
		return function{true, shapeGetProperty}, true
	case GetAttribute, GetAttributesList:
		return function{false, shapeGetAttribute}, true
	case GetAttributesDict:
		return function{false, shapeAttributesDict}, true
	case GetSecret:
		return function{false, shapeSecret}, true
	case GetCapability, GetGroupCapability:
		return function{false, shapeCapability}, true
	case GetEnvironmentCapability:
		return function{false, shapeEnvironment}, true
	case GetLabel:
		return function{false, shapeLabel}, true
	case GetSys:
		return function{false, shapeSys}, true
	case GetConsumers:
		return function{false, shapeConsumers}, true
	case Concat, Merge:
		return function{true, shapeJoin}, true
	case StringFind, StringReplace, StringSplit, StringLower, StringUpper:
		return function{true, shapeString}, true
	}
	return function{}, false
}

// Names gives the names of all functions, for suggestions.
func Names() []string {
	return []string{GetInput, GetProperty, GetAttribute, GetAttributesList, GetAttributesDict, GetSecret, GetCapability,
		GetEnvironmentCapability, GetGroupCapability, GetLabel, GetSys, GetConsumers, Concat, Merge, StringFind, StringReplace,
		StringSplit, StringLower, StringUpper}
}

// Call is a function with its argument as written.
type Call struct {
	Name string
	Args any
	// ReturnType is the `type` key beside the name, empty when absent.
	ReturnType string
	raw        *value.Map
}

// Parse recognises a function: a mapping of one key that names one, or of two
// of which the other is `type`.
func Parse(v any) (Call, bool) {
	m, ok := v.(*value.Map)
	if !ok || m.Len() == 0 || m.Len() > 2 {
		return Call{}, false
	}
	c := Call{raw: m}
	for k, x := range m.All() {
		if m.Len() == 2 && k == "type" {
			c.ReturnType, _ = x.(string)
			continue
		}
		if _, known := lookup(k); !known || c.Name != "" {
			return Call{}, false
		}
		c.Name, c.Args = k, x
	}
	return c, c.Name != "" && (m.Len() == 1 || m.Has("type"))
}

// IsFunction tells whether a value is a function.
func IsFunction(v any) bool {
	_, ok := Parse(v)
	return ok
}

// NameOf gives the name of the function that a value is, empty for none.
func NameOf(v any) string {
	c, _ := Parse(v)
	return c.Name
}

// Check checks the form of the arguments, as the reference does whenever it
// meets a function.
func (c Call) Check() *diag.Error {
	f, _ := lookup(c.Name)
	e := f.shape(c.Name, c.Args)
	if e != nil && e.Diag == nil {
		e.Diag = &diag.D{Code: "function-argument", Summary: "Wrong argument of a function",
			Detail: fmt.Sprintf("The function %s %s, but was given %s.", c.Name, usage[c.Name], value.Repr(c.Args))}
	}
	return e
}

// usage says in words what each function takes.
var usage = map[string]string{
	GetInput:                 "takes the name of an input, or a list of the name and keys or indexes",
	GetProperty:              "takes a list of a node name (or SELF, SOURCE, TARGET), a property and further keys or indexes",
	GetAttribute:             "takes a list of a node name (or SELF, SOURCE, TARGET), an attribute and further keys or indexes",
	GetAttributesList:        "takes a list of a node name, an attribute and further keys or indexes",
	GetAttributesDict:        "takes a list of a node name and attributes or lists of keys",
	GetSecret:                "takes the name of a secret, or a list of the name and keys",
	GetCapability:            "takes a list of a deployment id, a capability and further keys or indexes",
	GetEnvironmentCapability: "takes the name of a capability, or a list of the name and keys",
	GetGroupCapability:       "takes a list of a group, a capability and further keys or indexes",
	GetLabel:                 "takes the key of a label, or a list of the key and an index",
	GetSys:                   "takes a list of an entity (tenant, deployment) and its property",
	GetConsumers:             "takes one of ids, names, count",
	Concat:                   "takes a list of values to join",
	Merge:                    "takes a list of dicts",
	StringFind:               "takes a list of a text and what to find in it",
	StringReplace:            "takes a list of a text, what to replace, the replacement and, if wanted, a count",
	StringSplit:              "takes a list of a text, a separator and, if wanted, an index",
	StringLower:              "takes a text",
	StringUpper:              "takes a text",
}

func valueError(format string, args ...any) *diag.Error {
	return diag.New(diag.ValueError, fmt.Sprintf(format, args...))
}

// validation makes the error that wraps a message as the reference does.
func validation(what string) *diag.Error {
	return diag.New(diag.FunctionValidation, "Unable to validate "+what)
}

// evaluation makes the error of a function that cannot be evaluated.
func evaluation(name, what string) *diag.Error {
	return diag.New(diag.FunctionEvaluation, fmt.Sprintf("Unable to evaluate %s function: %s", name, what))
}

// evaluationAs makes the error whose whole message stands for the name, a
// quirk of the reference.
func evaluationAs(what string) *diag.Error {
	return diag.New(diag.FunctionEvaluation, "Unable to evaluate "+what+" function")
}

func class(v any) string { return "<class '" + value.TypeName(v) + "'>" }

func isText(v any) bool { _, ok := v.(string); return ok }

func shapeGetInput(_ string, args any) *diag.Error {
	ok := isText(args) || IsFunction(args)
	if l, isList := args.([]any); isList {
		ok = len(l) > 0
		for i, x := range l {
			if !isText(x) && !IsFunction(x) && (i == 0 || !value.IsInt(x)) {
				ok = false
			}
		}
	}
	if ok {
		return nil
	}
	return valueError(`Illegal argument(s) passed to %s function. Expected either a string, or a function, or a list [input_name\function [, key1\index1\function [,...]]] but got %s`,
		GetInput, value.Text(args))
}

func shapeGetProperty(name string, args any) *diag.Error {
	if l, ok := args.([]any); ok && len(l) >= 2 {
		return nil
	}
	return valueError(`Illegal arguments passed to %s function. Expected: [ node_name\function, property_name\function [, nested-property-1\function, ... ] but got: %s.`,
		name, value.Text(args))
}

func shapeGetAttribute(name string, args any) *diag.Error {
	if l, ok := args.([]any); ok && len(l) >= 2 {
		return nil
	}
	return valueError("Illegal arguments passed to %s function. Expected: [ node_name, attribute_name [, nested-attr-1, ... ] but got: %s",
		name, value.Text(args))
}

func shapeAttributesDict(name string, args any) *diag.Error {
	l, ok := args.([]any)
	if !ok || len(l) < 2 {
		return valueError("Illegal arguments passed to %s function. Expected: [ node_name, attribute_name [, attribute_name, ... ] but got: %s",
			name, value.Text(args))
	}
	seen := map[string]bool{}
	var twice []string
	for _, x := range l[1:] {
		path := joined(x)
		if seen[path] {
			twice = append(twice, path)
		}
		seen[path] = true
	}
	if len(twice) > 0 {
		return evaluationAs("One or more duplicated or ambiguous attribute paths found: " + strings.Join(twice, ", "))
	}
	return nil
}

// joined gives a path as one text: a.b.0.
func joined(v any) string {
	l, ok := v.([]any)
	if !ok {
		return value.Text(v)
	}
	parts := make([]string, len(l))
	for i, x := range l {
		parts[i] = value.Text(x)
	}
	return strings.Join(parts, ".")
}

func shapeSecret(_ string, args any) *diag.Error {
	l, isList := args.([]any)
	if isText(args) || IsFunction(args) || isList && len(l) >= 2 {
		return nil
	}
	return validation(fmt.Sprintf("`%s` function argument should be a list with at least 2 elements, a string, or a dict (a function). Instead it is a %s with the value: %s. function",
		GetSecret, class(args), value.Text(args)))
}

func complexItem(name string, l []any, allowListAt int) *diag.Error {
	for i, x := range l {
		_, isList := x.([]any)
		if isText(x) || value.IsInt(x) || isBool(x) || IsFunction(x) || isList && i == allowListAt {
			continue
		}
		return valueError("`%s` function arguments can't be complex values; only strings/ints/functions are accepted. Instead, the item with index %d is %s of type %s",
			name, i, value.Text(x), class(x))
	}
	return nil
}

func isBool(v any) bool { _, ok := v.(bool); return ok }

func shapeCapability(name string, args any) *diag.Error {
	l, ok := args.([]any)
	first, allow := "deployment ID", -1
	if name == GetGroupCapability {
		first, allow = "group ID", 1
	}
	if !ok || len(l) < 2 {
		text := value.Text(args)
		if ok {
			text = "[" + strings.Join(texts(l), ",") + "]"
		}
		return valueError("`%s` function argument should be a list with 2 elements at least - [ %s, capability ID [, key/index[, key/index [...]]] ]. Instead it is: %s",
			name, first, text)
	}
	return complexItem(name, l, allow)
}

func texts(l []any) []string {
	out := make([]string, len(l))
	for i, x := range l {
		out[i] = value.Text(x)
	}
	return out
}

func shapeEnvironment(name string, args any) *diag.Error {
	l, isList := args.([]any)
	switch {
	case isText(args), IsFunction(args):
		return nil
	case isList && len(l) >= 2:
		return complexItem(name, l, -1)
	case isList && len(l) == 1:
		return validation(fmt.Sprintf("`%s` function: `%s` function arguments can't be list with only one item; only string or list with more than one item are accepted. Instead, it is a %s with the value: %s.",
			name, name, class(args), value.Text(args)))
	}
	return validation(fmt.Sprintf("`%s` function: `%s` function argument should be a string or list with more than one item are accepted. Instead, it is a %s with the value: %s.",
		name, name, class(args), value.Text(args)))
}

func shapeLabel(name string, args any) *diag.Error {
	bad := func(what string, v any) *diag.Error {
		return validation(fmt.Sprintf("`%s` function: %s Instead, it is a %s with the value: %s.", name, what, class(v), value.Text(v)))
	}
	const form = "`get_label` function argument should be a list of 2 elements ([<label-key>, <label-values list index>]), a string (<label-key>), or a dict (a function)."
	l, isList := args.([]any)
	switch {
	case isText(args), IsFunction(args):
		return nil
	case !isList || len(l) != 2:
		return bad(form, args)
	case !isText(l[0]) && !IsFunction(l[0]):
		return bad("the <label-key> should be a string or a dict (a function).", l[0])
	case IsFunction(l[1]), value.IsInt(l[1]):
		return nil
	}
	if s, ok := l[1].(string); ok && digits(s) {
		return nil
	}
	return bad("the <label-values list index> should be a number (in string or int form).", l[1])
}

func digits(s string) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s != ""
}

func shapeSys(name string, args any) *diag.Error {
	l, ok := args.([]any)
	if ok && len(l) == 2 {
		return nil
	}
	return valueError("Illegal argument(s) passed to %s function. Expected a 2-element list identifying an entity and its requested property (e.g. [tenant, name] or [deployment, id]) but got %s",
		name, value.Text(args))
}

// sysProperties are the properties of each entity of get_sys.
var sysProperties = map[string][]string{"tenant": {"name"}, "deployment": {"blueprint", "id", "name", "owner"}}

func validateSys(args any) *diag.Error {
	l, _ := args.([]any)
	if len(l) != 2 || !isText(l[0]) {
		return nil
	}
	props, ok := sysProperties[l[0].(string)]
	if !ok {
		return diag.New(diag.UnknownSysEntity, fmt.Sprintf("get_sys function unable to determine entity: %s", l[0]))
	}
	p, isStr := l[1].(string)
	if !isStr && IsFunction(l[1]) {
		return nil
	}
	for _, known := range props {
		if p == known {
			return nil
		}
	}
	return diag.New(diag.UnknownSysProperty, fmt.Sprintf("get_sys function unable to determine property: %s %s", l[0], value.Text(l[1])))
}

func shapeConsumers(name string, args any) *diag.Error {
	if s, ok := args.(string); ok && (s == "ids" || s == "names" || s == "count") || IsFunction(args) {
		return nil
	}
	return valueError("Illegal argument passed to %s function. Expected a property string (one of: ids, names, count), but got %s", name, value.Text(args))
}

func shapeJoin(name string, args any) *diag.Error {
	if _, ok := args.([]any); ok || IsFunction(args) {
		return nil
	}
	return valueError(`Illegal arguments passed to %s function. Expected: [arg1\function1, arg2\function2, ...]but got: %s.`, name, value.Text(args))
}
