package sqlite

import (
	"database/sql/driver"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/reifyhq/reify/internal/fault"
)

// kind says how the text of a condition becomes a value.
type kind int

const (
	asText kind = iota
	asInteger
	asFlag
	asInstant
)

// field maps a field of the REST API to SQL. The expressions see the row of the noun as t.
type field struct {
	expr string
	kind kind
	// lookup marks a field whose conditions are answered from an index of their own, so that the list is not walked in
	// its default order.
	lookup bool
	// nullable fields sort unknown values last, as the original does.
	nullable bool
	// keys, when set, finds the values of expr for one condition value: expr then holds row numbers of another table.
	keys string
	// in is the whole condition for fields that are reached through another table, with %s for the list of values.
	in string
	// also is a condition that a partial index wants to see spelled out.
	also string
	// sort replaces expr when sorting and searching, where expr is a row number.
	sort string
}

// noun describes how the lists of one kind of entity are built.
type noun struct {
	name  string // as users call it
	table string
	// joins are needed to see the scope, as x; without joins the scope is on t.
	joins  string
	fields map[string]field
	// order is the default order; it always comes last and ends with the row number.
	order []string
	// unscoped nouns belong to no tenant.
	unscoped bool
	// counted nouns have their rows counted in row_counts, by what the scope asks for.
	counted bool
}

func (n *noun) field(name string) (field, error) {
	if f, ok := n.fields[name]; ok {
		return f, nil
	}
	return field{}, fault.New(fault.BadParameters, "unknown field `%s` of %s; known fields are %s",
		name, n.name, strings.Join(n.fieldNames(), ", "))
}

func (n *noun) fieldNames() []string {
	names := make([]string, 0, len(n.fields))
	for name := range n.fields {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// instantLayouts are the forms in which clients give an instant.
var instantLayouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999",
	"2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02"}

// parse turns the text of a condition into the value it is compared with.
func (f field) parse(name, text string) (driver.Value, error) {
	switch f.kind {
	case asInteger:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n, nil
		}
		return nil, fault.New(fault.BadParameters, "field `%s` is compared with an integer, not with %q", name, text)
	case asFlag:
		switch strings.ToLower(text) {
		case "true", "1":
			return int64(1), nil
		case "false", "0":
			return int64(0), nil
		}
		return nil, fault.New(fault.BadParameters, "field `%s` is compared with true or false, not with %q", name, text)
	case asInstant:
		for _, layout := range instantLayouts {
			if t, err := time.Parse(layout, text); err == nil {
				return t.UnixMicro(), nil
			}
		}
		return nil, fault.New(fault.BadParameters, "field `%s` is compared with a time such as 2006-01-02T15:04:05Z, "+
			"not with %q", name, text)
	}
	return text, nil
}

// unicodeLike is the SQL function ulike(pattern, text): LIKE with backslash as escape that ignores the case of every
// letter. LIKE itself is used where the pattern is ASCII.
func unicodeLike(_ *sqliteContext, args []driver.Value) (driver.Value, error) {
	pattern, _ := args[0].(string)
	text, ok := args[1].(string)
	if !ok {
		return nil, nil
	}
	return flag(like([]rune(strings.ToLower(pattern)), []rune(strings.ToLower(text)))), nil
}

// like matches without recursion: on a mismatch it goes back to the last % and lets it take one character more.
func like(pattern, text []rune) bool {
	p, t, star, mark := 0, 0, -1, 0
	for t < len(text) {
		literal, width := rune(-1), 1
		if p < len(pattern) {
			literal = pattern[p]
			if literal == '\\' && p+1 < len(pattern) {
				literal, width = pattern[p+1], 2
			}
		}
		switch {
		case width == 1 && literal == '%':
			star, mark = p, t
			p++
		case width == 1 && literal == '_', literal == text[t]:
			p += width
			t++
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '%' {
		p++
	}
	return p == len(pattern)
}

// likeCondition is the condition that expr matches a pattern, ignoring case.
func likeCondition(expr, pattern string) string {
	if isASCII(pattern) {
		return expr + ` LIKE ? ESCAPE '\'`
	}
	return "ulike(?, " + expr + ")"
}

// substring is the pattern that matches any text that contains s.
func substring(s string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s) + "%"
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
