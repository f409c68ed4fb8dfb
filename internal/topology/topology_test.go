package topology

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/reifyhq/reify/internal/dsl/plan"
	"github.com/reifyhq/reify/internal/dsl/value"
)

func ids() IDs {
	n := 0
	return IDs{New: func(name string) string { n++; return fmt.Sprintf("%s_%06d", name, n) }}
}

func testNode(name string, count int, rels ...*plan.Relationship) *plan.Node {
	return &plan.Node{Name: name, Relationships: rels, Capabilities: value.MapOf("scalable",
		value.MapOf("properties", value.MapOf("current_instances", int64(count))))}
}

func rel(typ, to string) *plan.Relationship {
	return &plan.Relationship{Type: typ, TargetID: to, TypeHierarchy: []string{dependsOn, typ}, Properties: value.MapOf("connection_type", allToAll)}
}

// drawPlan makes a plan of a few nodes which are contained in, connected to
// and grouped with earlier ones.
func drawPlan(t *rapid.T) *plan.Plan {
	p := &plan.Plan{ScalingGroups: &value.Ordered[*plan.ScalingGroup]{}}
	n := rapid.IntRange(1, 6).Draw(t, "nodes")
	for i := 0; i < n; i++ {
		node := testNode(fmt.Sprintf("n%d", i), rapid.IntRange(0, 3).Draw(t, "count"))
		if i > 0 && rapid.Bool().Draw(t, "contained") {
			node.Relationships = append(node.Relationships, rel(containedIn, fmt.Sprintf("n%d", rapid.IntRange(0, i-1).Draw(t, "in"))))
		}
		if i > 0 && rapid.Bool().Draw(t, "connected") {
			node.Relationships = append(node.Relationships, rel(connectedTo, fmt.Sprintf("n%d", rapid.IntRange(0, i-1).Draw(t, "to"))))
		}
		p.Nodes = append(p.Nodes, node)
	}
	if rapid.Bool().Draw(t, "grouped") {
		p.ScalingGroups.Set("g", &plan.ScalingGroup{Members: []string{"n0"}, Properties: value.MapOf("current_instances", int64(rapid.IntRange(1, 3).Draw(t, "group")))})
	}
	return p
}

// Ids are unique, and every relationship leads to an instance of its target.
func TestInstancesAreConsistent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		is, err := CreateInstances(drawPlan(t), ids())
		if err != nil {
			t.Fatal(err)
		}
		of := map[string]string{}
		for _, i := range is {
			if of[i.ID] != "" {
				t.Fatalf("id %s twice", i.ID)
			}
			of[i.ID] = i.NodeID
		}
		for _, i := range is {
			for _, r := range i.Relationships {
				if of[r.TargetID] != r.TargetName {
					t.Fatalf("%s leads to %s, which is %q and not %q", i.ID, r.TargetID, of[r.TargetID], r.TargetName)
				}
			}
		}
	})
}

// A modification that wants what is there changes nothing.
func TestModifyToTheSameIsNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPlan(t)
		is, err := CreateInstances(p, ids())
		if err != nil {
			t.Fatal(err)
		}
		m, err := Modify(ModifyInput{Nodes: p.Nodes, PreviousNodes: p.Nodes, Instances: is, ScalingGroups: p.ScalingGroups,
			Modified: &value.Ordered[Change]{}, IDs: ids()})
		if err != nil {
			t.Fatal(err)
		}
		if n := len(m.Added) + len(m.Removed) + len(m.Extended) + len(m.Reduced); n != 0 {
			t.Fatalf("%d changes: %+v", n, m)
		}
	})
}

// Scaling out and then in again is the identity: as many instances of every node as before, and when the new ones are named
// as those to go, the very same ones.
func TestScaleOutThenIn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPlan(t)
		name := p.Nodes[rapid.IntRange(0, len(p.Nodes)-1).Draw(t, "which")].Name
		generate := ids()
		is, err := CreateInstances(p, generate)
		if err != nil {
			t.Fatal(err)
		}
		before := p.Nodes[0]
		for _, n := range p.Nodes {
			if n.Name == name {
				before = n
			}
		}
		count := instances(before.Capabilities.At("scalable").(*value.Map).At("properties").(*value.Map))
		scale := func(is []Instance, n int, first ...string) *Modification {
			mod := &value.Ordered[Change]{}
			mod.Set(name, Change{Instances: n, Include: first})
			m, err := Modify(ModifyInput{Nodes: p.Nodes, PreviousNodes: p.Nodes, Instances: is, ScalingGroups: p.ScalingGroups, Modified: mod, IDs: generate})
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		out := scale(is, count+2)
		added := 0
		all := append([]Instance(nil), is...)
		for _, i := range out.Added {
			if i.Modification == "added" {
				added++
				all = append(all, i)
			}
		}
		sameCounts := func(what string, gone []Instance) map[string]bool {
			left, counts := map[string]bool{}, map[string]int{}
			for _, i := range all {
				left[i.ID] = true
				counts[i.Name]++
			}
			for _, i := range gone {
				if i.Modification == "removed" {
					delete(left, i.ID)
					counts[i.Name]--
				}
			}
			for _, i := range is {
				counts[i.Name]--
			}
			for node, n := range counts {
				if n != 0 {
					t.Fatalf("%s: node %s has %d instances more than before", what, node, n)
				}
			}
			return left
		}
		sameCounts("scaled in", scale(all, count).Removed)
		var fresh []string
		for _, i := range out.Added {
			if i.Modification == "added" && i.Name == name {
				fresh = append(fresh, i.ID)
			}
		}
		left := sameCounts("scaled in by the new ones", scale(all, count, fresh...).Removed)
		for _, i := range is {
			if !left[i.ID] {
				t.Fatalf("instance %s, which was there before, went in place of a new one of %v", i.ID, fresh)
			}
		}
		removed := 0
		for _, i := range scale(all, count).Removed {
			if i.Modification == "removed" {
				removed++
			}
		}
		if added != removed {
			t.Fatalf("%d added, %d removed", added, removed)
		}
	})
}

func TestIDsAvoidExistingOnes(t *testing.T) {
	t.Parallel()
	n := 0
	gen := IDs{Existing: map[string][]string{"a": {"a_1", "a_2"}}, New: func(name string) string { n++; return fmt.Sprintf("%s_%d", name, n) }}
	is, err := CreateInstances(&plan.Plan{Nodes: []*plan.Node{testNode("a", 1)}}, gen)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("a_3", is[0].ID); diff != "" {
		t.Error(diff)
	}
	stuck := IDs{Existing: gen.Existing, New: func(string) string { return "a_1" }}
	if _, err := CreateInstances(&plan.Plan{Nodes: []*plan.Node{testNode("a", 1)}}, stuck); err == nil {
		t.Error("a generator that repeats itself must end in an error")
	}
}

func TestBadRelationships(t *testing.T) {
	t.Parallel()
	bad := rel(connectedTo, "a")
	bad.Properties = value.MapOf("connection_type", "some")
	odd := &plan.Relationship{Type: "odd", TargetID: "a", TypeHierarchy: []string{"odd"}}
	for _, r := range []*plan.Relationship{bad, odd} {
		_, err := CreateInstances(&plan.Plan{Nodes: []*plan.Node{testNode("a", 1), testNode("b", 1, r)}}, ids())
		if err == nil {
			t.Errorf("%s accepted", r.Type)
		}
	}
}
