package fn

import (
	"fmt"
	"strings"

	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/value"
)

// argument describes one argument of a string function.
type argument struct {
	name    string
	integer bool
}

// stringArgs gives the arguments of string functions; the last of some is
// optional.
var stringArgs = map[string][]argument{
	StringFind:    {{"haystack", false}, {"needle", false}},
	StringReplace: {{"haystack", false}, {"needle", false}, {"replacement", false}, {"count", true}},
	StringSplit:   {{"input", false}, {"separator", false}, {"index", true}},
}

var stringCounts = map[string]string{StringFind: "exactly two parameters", StringReplace: "three or four parameters",
	StringSplit: "two or three parameters", StringLower: "exactly one parameter", StringUpper: "exactly one parameter"}

// shapeString checks the number of arguments, and of lower and upper the type.
func shapeString(name string, args any) *diag.Error {
	bad := validation(fmt.Sprintf("%s function: should be called with %s", name, stringCounts[name]))
	if name == StringLower || name == StringUpper {
		if isText(args) || IsFunction(args) {
			return nil
		}
		return bad
	}
	l, ok := args.([]any)
	most := len(stringArgs[name])
	least := most - 1
	if name == StringFind {
		least = 2
	}
	if !ok || len(l) < least || len(l) > most {
		return bad
	}
	return nil
}

// checkStrings checks the types of arguments that are values. make is the
// error of the moment: validation or evaluation.
func checkStrings(name string, l []any, fail func(what string) *diag.Error) *diag.Error {
	for i, a := range stringArgs[name] {
		if i >= len(l) || IsFunction(l[i]) {
			continue
		}
		want, ok := "str", isText(l[i])
		if a.integer {
			want, ok = "int", value.IsInt(l[i])
		}
		if !ok {
			return fail(fmt.Sprintf("argument `%s` should be of type <class '%s'> but is %s (%s)", a.name, want, class(l[i]), value.Text(l[i])))
		}
	}
	return nil
}

// evalString evaluates a string function whose arguments are values.
func evalString(name string, args any) (any, error) {
	if name == StringLower || name == StringUpper {
		s, ok := args.(string)
		if !ok {
			return nil, evaluation(name, fmt.Sprintf("argument `input` should be of type <class 'str'> but is %s (%s)", class(args), value.Text(args)))
		}
		if name == StringLower {
			return strings.ToLower(s), nil
		}
		return strings.ToUpper(s), nil
	}
	l, _ := args.([]any)
	if e := checkStrings(name, l, func(what string) *diag.Error { return evaluation(name, what) }); e != nil {
		return nil, e
	}
	s, sep := l[0].(string), l[1].(string)
	switch name {
	case StringFind:
		i := strings.Index(s, sep)
		if i > 0 {
			i = len([]rune(s[:i]))
		}
		return int64(i), nil
	case StringReplace:
		n := -1
		if len(l) == 4 {
			n = clampInt(l[3])
		}
		return strings.Replace(s, sep, l[2].(string), n), nil
	}
	return evalSplit(s, sep, l)
}

func clampInt(v any) int {
	n, ok := v.(int64)
	if !ok || n > 1<<30 {
		return 1 << 30
	}
	return int(n)
}

func evalSplit(s, sep string, l []any) (any, error) {
	if sep == "" {
		return nil, diag.New(diag.ValueError, "empty separator")
	}
	var parts []any
	for _, p := range strings.Split(s, sep) {
		parts = append(parts, p)
	}
	if len(l) < 3 {
		return parts, nil
	}
	i := clampInt(l[2])
	if i < 0 {
		i += len(parts)
	}
	if i < 0 || i >= len(parts) {
		return nil, diag.New(diag.IndexError, "list index out of range")
	}
	return parts[i], nil
}
