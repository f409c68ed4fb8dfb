package workflow

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/reifyhq/reify/internal/model"
)

// resolve finds what is scaled and to how many instances, or says why the request is wrong (workflows, section 11).
func (q scaleRequest) resolve(v *view) (scaleCursor, error) {
	if q.delta > 0 && len(q.include)+len(q.exclude) > 0 {
		return scaleCursor{}, errors.New("Instances cannot be included or excluded when scaling up.") //nolint:staticcheck // the text of the reference
	}
	c := scaleCursor{Entity: q.name, IsOut: q.delta > 0}
	current := 0
	group, isGroup := v.snap.ScalingGroups[q.name]
	if isGroup {
		current = group.Properties.Current
	} else {
		n := v.nodes[model.NodeID(q.name)]
		if n == nil {
			return c, fmt.Errorf("No scalable entity named %s was found", q.name) //nolint:staticcheck // the text of the reference
		}
		if host := v.nodes[n.HostID]; q.isCompute && host != nil {
			n = host
		}
		c.Entity, current = string(n.ID), n.Number
	}
	c.Target = current + q.delta
	var problems string
	if isGroup {
		problems = q.groupProblems(v, c.Target)
	} else {
		problems = q.nodeProblems(v, c)
	}
	if problems != "" {
		return c, errors.New(problems)
	}
	if c.Target < 0 {
		return c, fmt.Errorf("Provided delta: %d is illegal. current number of instances of entity %s is %d", //nolint:staticcheck // the text of the reference
			q.delta, q.name, current)
	}
	return c, nil
}

// commonProblems are those about the lists themselves.
func (q scaleRequest) commonProblems(known map[string]bool) string {
	unknown := func(list []string) []string {
		return slices.DeleteFunc(slices.Clone(list), func(id string) bool { return known[id] })
	}
	var b strings.Builder
	if u := unknown(q.include); len(u) > 0 {
		fmt.Fprintf(&b, "The following included instances did not exist: %s. ", strings.Join(u, ", "))
	}
	if u := unknown(q.exclude); len(u) > 0 {
		fmt.Fprintf(&b, "The following excluded instances did not exist: %s. ", strings.Join(u, ", "))
	}
	both := slices.DeleteFunc(slices.Clone(q.include), func(id string) bool { return !slices.Contains(q.exclude, id) })
	if len(both) > 0 {
		fmt.Fprintf(&b, "The following instances were both excluded and included: %s. ", strings.Join(both, ", "))
	}
	return b.String()
}

// groupProblems checks the lists against the instances of a scaling group.
func (q scaleRequest) groupProblems(v *view, target int) string {
	members := make(map[string][]string)
	known := make(map[string]bool)
	groupOf := make(map[string]string)
	for _, i := range v.snap.Instances {
		for _, g := range i.ScalingGroups {
			if g.Name == q.name {
				members[g.ID] = append(members[g.ID], string(i.ID))
				known[string(i.ID)], known[g.ID] = true, true
				groupOf[string(i.ID)], groupOf[g.ID] = g.ID, g.ID
			}
		}
	}
	text := q.commonProblems(known)
	excluded := make(map[string]bool)
	for _, id := range q.exclude {
		if g, ok := groupOf[id]; ok {
			excluded[g] = true
		}
	}
	if target < len(excluded) {
		text += fmt.Sprintf("Instances from too many different groups were excluded. Target number of group instances was "+
			"%d, but %d excluded groups.", target, len(excluded))
	}
	if text == "" {
		return ""
	}
	var groups []string
	for _, g := range slices.Sorted(maps.Keys(members)) {
		slices.Sort(members[g])
		groups = append(groups, g+": "+strings.Join(members[g], ", "))
	}
	return text + "Groups and member instances were: " + strings.Join(groups, "; ")
}

// nodeProblems checks the lists against the instances of a node.
func (q scaleRequest) nodeProblems(v *view, c scaleCursor) string {
	known := make(map[string]bool)
	for _, i := range v.snap.Instances {
		if string(i.Node) == c.Entity {
			known[string(i.ID)] = true
		}
	}
	text := q.commonProblems(known)
	if c.Target < len(q.exclude) {
		text += fmt.Sprintf("Target number of instances is less than excluded instance count. Target number of instances "+
			"was %d. Excluded instances were: %s. ", c.Target, strings.Join(q.exclude, ", "))
	}
	if q.isCompute && len(q.include)+len(q.exclude) > 0 {
		text += "Cannot include or exclude instances while scale_compute is True. Please specify the desired compute " +
			"instances and set scale_compute to False. "
	}
	if text == "" {
		return ""
	}
	return text + "Available instances were: " + strings.Join(slices.Sorted(maps.Keys(known)), ", ")
}
