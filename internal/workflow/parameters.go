package workflow

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/reifyhq/reify/internal/model"
)

// flag reads a boolean parameter that is false when it is not given.
func (s *State) flag(name string) bool { return s.flagOr(name, false) }

// flagOr reads a boolean parameter. The built-in defaults matter for deployments whose types declare fewer parameters.
func (s *State) flagOr(name string, otherwise bool) bool {
	switch v := s.Parameters[name].(type) {
	case bool:
		return v
	case string:
		return strings.EqualFold(v, "true")
	}
	return otherwise
}

// text reads a text parameter; anything else reads as empty.
func (s *State) text(name string) string {
	v, _ := s.Parameters[name].(string)
	return v
}

// document reads an object parameter.
func (s *State) document(name string) model.Document {
	v, _ := asDocument(s.Parameters[name])
	return v
}

// list reads a list of texts; a single text is a list of one.
func (s *State) list(name string) []string { return asList(s.Parameters[name]) }

func asList(v any) []string {
	switch v := v.(type) {
	case string:
		if v == "" {
			return nil
		}
		return []string{v}
	case []string:
		return v
	case []any:
		out := make([]string, 0, len(v))
		for _, e := range v {
			if text, ok := e.(string); ok {
				out = append(out, text)
			} else {
				out = append(out, reprOf(e))
			}
		}
		return out
	}
	return nil
}

// asInt reads a whole number from a document, also when it is written as text.
func asInt(v any) (int, error) {
	switch v := v.(type) {
	case int:
		return v, nil
	case int64:
		return int(v), nil
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<31 {
			return int(v), nil
		}
	case json.Number:
		return strconv.Atoi(v.String())
	case string:
		return strconv.Atoi(strings.TrimSpace(v))
	}
	return 0, fmt.Errorf("%s is no whole number", reprOf(v))
}

// filter is the choice of instances that most workflows offer: all three must match, an empty one matches everything
// (workflows, section 9.1).
type filter struct {
	typeNames, nodes, instances matcher
}

// matcher is a list of names or, as the reference tests with "in", a text that the name must be a part of.
type matcher struct {
	names []string
	text  string
}

func newMatcher(v any) matcher {
	if text, ok := v.(string); ok {
		return matcher{text: text}
	}
	return matcher{names: asList(v)}
}

func (m matcher) isEmpty() bool { return len(m.names) == 0 && m.text == "" }

func (m matcher) has(name string) bool {
	if m.text != "" {
		return strings.Contains(m.text, name)
	}
	return slices.Contains(m.names, name)
}

func (s *State) filter() filter {
	return filter{
		typeNames: newMatcher(s.Parameters["type_names"]),
		nodes:     newMatcher(s.Parameters["node_ids"]),
		instances: newMatcher(s.Parameters["node_instance_ids"]),
	}
}

func (f filter) isEmpty() bool {
	return f.typeNames.isEmpty() && f.nodes.isEmpty() && f.instances.isEmpty()
}

func (f filter) matches(n *model.Node, i *model.NodeInstance) bool {
	return (f.typeNames.isEmpty() || slices.ContainsFunc(n.TypeHierarchy, f.typeNames.has)) &&
		(f.nodes.isEmpty() || f.nodes.has(string(i.Node))) &&
		(f.instances.isEmpty() || f.instances.has(string(i.ID)))
}

// split divides the instances into those that the filter matches and the others.
func (v *view) split(f filter) (chosen, others []*model.NodeInstance) {
	return partition(v.snap.Instances, func(i *model.NodeInstance) bool { return f.matches(v.node(i), i) })
}

// partition divides instances by a test, keeping their order.
func partition(all []*model.NodeInstance, test func(*model.NodeInstance) bool) (yes, no []*model.NodeInstance) {
	for _, i := range all {
		if test(i) {
			yes = append(yes, i)
		} else {
			no = append(no, i)
		}
	}
	return yes, no
}

// idSet is a set of instances.
type idSet map[model.InstanceID]bool

func setOf(lists ...[]*model.NodeInstance) idSet {
	set := make(idSet)
	for _, l := range lists {
		for _, i := range l {
			set[i.ID] = true
		}
	}
	return set
}

func setOfIDs(ids []model.InstanceID) idSet {
	set := make(idSet, len(ids))
	for _, id := range ids {
		set[id] = true
	}
	return set
}
