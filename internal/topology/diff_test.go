package topology

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/reifyhq/reify/internal/dsl/plan"
	"github.com/reifyhq/reify/internal/dsl/value"
)

func TestDiffOfPlans(t *testing.T) {
	t.Parallel()
	vm := testNode("vm", 1)
	vm.Properties = value.MapOf("ip", "a", "size", int64(1))
	old := testNode("old", 1, rel(connectedTo, "vm"))
	web := testNode("web", 1, rel(connectedTo, "old"), rel(containedIn, "vm"))
	vm2 := testNode("vm", 1)
	vm2.Properties = value.MapOf("ip", "b", "size", 1.0)
	db := testNode("db", 1, rel(containedIn, "vm"))
	web2 := testNode("web", 1, rel(containedIn, "vm"), rel(connectedTo, "db"))
	from := &plan.Plan{Nodes: []*plan.Node{vm, old, web}, Outputs: value.MapOf("o", value.MapOf("value", int64(1)))}
	to := &plan.Plan{Nodes: []*plan.Node{web2, vm2, db}, Description: "new", Groups: value.MapOf("g", value.NewMap())}
	want := []Step{
		{ActionRemove, "output", []string{"outputs", "o"}, 0, true},
		{ActionRemove, "relationship", []string{"nodes", "web", "relationships", "[0]"}, 0, true},
		{ActionRemove, "node", []string{"nodes", "old"}, 0, true},
		{ActionAdd, "node", []string{"nodes", "db"}, 1, true},
		{ActionAdd, "description", []string{"description"}, 0, true},
		{ActionAdd, "group", []string{"groups", "g"}, 0, false},
		{ActionAdd, "relationship", []string{"nodes", "web", "relationships", "[1]"}, 0, true},
		{ActionModify, "relationship", []string{"nodes", "web", "relationships", "[1]", "[0]"}, 0, true},
		{ActionModify, "property", []string{"nodes", "vm", "properties", "ip"}, 0, true},
		{ActionModify, "property", []string{"nodes", "vm", "properties", "size"}, 0, true},
	}
	if diff := cmp.Diff(want, Diff(from, to)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	moved := testNode("web", 1, rel(containedIn, "db"))
	steps := Diff(from, &plan.Plan{Nodes: []*plan.Node{vm, old, moved, db}, Outputs: from.Outputs})
	last := steps[len(steps)-1]
	if last.EntityType != "node" || last.Action != ActionModify || last.Supported {
		t.Errorf("a node in another container cannot be updated in place: %+v", steps)
	}
}

// A plan does not differ from itself.
func TestDiffToItselfIsNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPlan(t)
		if s := Diff(p, p); len(s) != 0 {
			t.Fatalf("%+v", s)
		}
	})
}
