package dsl

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/fn"
	"github.com/reifyhq/reify/internal/dsl/iface"
	"github.com/reifyhq/reify/internal/dsl/imports"
	"github.com/reifyhq/reify/internal/dsl/plan"
	"github.com/reifyhq/reify/internal/dsl/value"
	"github.com/reifyhq/reify/internal/dsl/yamltree"
)

// parser holds one run over a merged tree: what was parsed so far, by kind of
// element, and the problems met.
type parser struct {
	ctx     context.Context
	in      Input
	src     Source
	root    *yamltree.Node
	version imports.Version
	base    string
	errs    diag.List

	dataTypes     *value.Ordered[*dataType]
	dataBusy      map[string]bool
	nodeTypes     *value.Ordered[*nodeType]
	relationTypes *value.Ordered[*relationType]
	policyTypes   *value.Ordered[schema]
	triggerTypes  *value.Ordered[schema]
	inputs        *value.Ordered[*inputSchema]
	plugins       *value.Ordered[*plan.Plugin]
	nodes         *value.Ordered[*nodeTemplate]
	groups        *value.Ordered[*group]
	namespaces    *yamltree.Node
	exists        map[string]bool
	// merged and resolved are shared by all templates of a type.
	merged      iface.Cache
	resolved    map[*value.Map]*plan.Operation
	resolvedAll map[*value.Map]*value.Ordered[*plan.Operation]
}

// place is where an element stands.
type place = yamltree.Place

// node is a value of the tree.
type node = yamltree.Node

// fail records an error of the element at a place.
func (p *parser) fail(at place, e *diag.Error) {
	e = at.Locate(e)
	if e.Diag.Range.Start.Line == 0 {
		yamltree.Aim(e, p.nearest(at.Path))
	}
	p.errs = append(p.errs, e)
}

// nearest gives the key of the innermost element on a path that is in the
// file, for elements that are missing.
func (p *parser) nearest(path string) *node {
	var at *node
	n := p.root
	for path != "" {
		best := -1
		for i, q := range pairsOf(n) {
			k := q.Key.Text()
			if k != "" && (path == k || strings.HasPrefix(path, k+".")) && (best < 0 || len(k) > len(n.Pairs[best].Key.Text())) {
				best = i
			}
		}
		if best < 0 {
			i, rest := 0, ""
			if _, err := fmt.Sscanf(path, "%d.%s", &i, &rest); err != nil || n == nil || i < 0 || i >= len(n.Items) {
				return at
			}
			at, n, path = n.Items[i], n.Items[i], rest
			continue
		}
		q := n.Pairs[best]
		at, n = q.Key, q.Value
		path = strings.TrimPrefix(strings.TrimPrefix(path, q.Key.Text()), ".")
	}
	return at
}

// failed tells whether an error was recorded since a mark.
func (p *parser) failed(mark int) bool { return len(p.errs) > mark }

// section gives the place of a top-level section.
func (p *parser) section(name string) place { return place{}.Key(p.root, name) }

// gate records that a feature is newer than the main file's version.
func (p *parser) gate(at place, what string, minor int) {
	if p.in.NoVersionCheck || at.Value.IsNull() {
		return
	}
	if e := p.version.Gate(what, minor); e != nil {
		p.fail(at, e)
	}
}

// leafType is a set of types that a scalar or free value may have.
type leafType uint8

const (
	tString leafType = 1 << iota
	tBool
	tInt
	tFloat
	tDict
	tList
)

var leafNames = []struct {
	t    leafType
	name string
}{{tString, "string"}, {tBool, "boolean"}, {tInt, "integer"}, {tFloat, "float"}, {tDict, "dict"}, {tList, "list"}}

// names gives the types as the reference prints them.
func (t leafType) names() string {
	var out []string
	for _, l := range leafNames {
		if t&l.t != 0 {
			out = append(out, l.name)
		}
	}
	if len(out) == 1 {
		return out[0]
	}
	return value.QuoteList(out)
}

func (t leafType) accepts(n *node) bool {
	switch n.Kind {
	case yamltree.Map:
		return t&tDict != 0
	case yamltree.List:
		return t&tList != 0
	}
	switch n.Scalar.(type) {
	case string:
		return t&tString != 0
	case bool:
		return t&(tBool|tInt) != 0
	case float64:
		return t&tFloat != 0
	}
	return value.IsInt(n.Scalar) && t&tInt != 0
}

// typed checks the type of a value; a missing or null one passes.
func (p *parser) typed(at place, t leafType) bool {
	if at.Value.IsNull() {
		return true
	}
	if t.accepts(at.Value) {
		return true
	}
	p.wrongType(at, t.names())
	return false
}

func (p *parser) wrongType(at place, want string) {
	e := imports.WrongType(want, at.Value)
	if strings.HasPrefix(want, "[") {
		e.Message = fmt.Sprintf("Expected %s type but found '%s' type", want, imports.SchemaType(at.Value))
	}
	p.fail(at, e)
}

// required records a missing mandatory element.
func (p *parser) required(at place, name string) bool {
	if !at.Value.IsNull() {
		return true
	}
	e := diag.Coded(diag.Format, 1, fmt.Sprintf("'%s' key is required but it is currently missing", name))
	e.Diag = &diag.D{Code: "missing-key", Summary: "Missing key", Detail: fmt.Sprintf("%q must be given here.", at.Path)}
	p.fail(at, e)
	return false
}

// dict checks that a value is a mapping with string keys. A missing one is
// nil without an error.
func (p *parser) dict(at place) *node {
	n := at.Value
	if n.IsNull() {
		return nil
	}
	if !n.IsMap() {
		p.wrongType(at, "dict")
		return nil
	}
	p.stringKeys(at)
	return n
}

func (p *parser) stringKeys(at place) {
	for _, q := range at.Value.Pairs {
		if _, ok := q.Key.Str(); !ok {
			p.fail(at, diag.Coded(diag.Format, 1, fmt.Sprintf("Dict keys must be strings but found '%s' of type '%s'",
				value.Text(q.Key.Scalar), imports.SchemaType(q.Key))))
			return
		}
	}
}

// list checks that a value is a list. A missing one is nil without an error.
func (p *parser) list(at place) []*node {
	if at.Value.IsNull() {
		return nil
	}
	if !at.Value.IsList() {
		p.wrongType(at, "list")
		return nil
	}
	return at.Value.Items
}

// known checks that a mapping has no keys besides the given ones.
func (p *parser) known(at place, keys ...string) {
	for _, q := range backwards(at.Value.Pairs) {
		k, ok := q.Key.Str()
		if !ok || contains(keys, k) {
			continue
		}
		e := diag.Coded(diag.Format, 1, fmt.Sprintf("'%s' is not in schema. Valid schema values: %s", k, value.QuoteList(keys)))
		e.Diag = &diag.D{Code: "unknown-key", Summary: "Unknown key",
			Detail: fmt.Sprintf("%q has no meaning here; known keys are %s.", k, diag.Names(keys)), Fix: diag.DidYouMean(k, keys)}
		if at.Path == "" {
			e.Diag.Code, e.Diag.Summary = "unknown-section", "Unknown section"
		}
		p.fail(at.Entry(q), e)
	}
}

func contains(l []string, s string) bool {
	for _, x := range l {
		if x == s {
			return true
		}
	}
	return false
}

// dictSection gives the entries of an optional top-level dict section.
func (p *parser) dictSection(name string) (place, []yamltree.Pair) {
	at := p.section(name)
	n := p.dict(at)
	if n == nil {
		return at, nil
	}
	return at, n.Pairs
}

// backwards iterates from the last entry to the first. The reference visits
// the children of an element in this order, which decides the error that is
// raised when there are several.
func backwards[T any](l []T) iter.Seq2[int, T] {
	return func(yield func(int, T) bool) {
		for i := len(l) - 1; i >= 0; i-- {
			if !yield(i, l[i]) {
				return
			}
		}
	}
}

// isFunction tells whether a value is an intrinsic function.
func isFunction(n *node) bool {
	if !n.IsMap() || len(n.Pairs) > 2 {
		return false
	}
	return fn.IsFunction(n.Value())
}

// sections are all top-level keys in the order of the reference's schema.
var sections = []string{"tosca_definitions_version", "description", "imports", "dsl_definitions", "metadata", "inputs", "plugins",
	"node_types", "relationships", "node_templates", "policy_types", "policy_triggers", "groups", "policies", "workflows", "outputs",
	"data_types", "capabilities", "imported_blueprints", "namespaces_mapping", "labels", "blueprint_labels", "deployment_settings", "resource_tags"}
