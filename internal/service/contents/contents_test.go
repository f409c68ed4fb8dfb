package contents

import (
	"testing"

	"github.com/reifyhq/reify/internal/fault"
)

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		m    Match
		text string
		want bool
	}{
		{"everything", Match{}, "cloudify.nodes.Root", true},
		{"a part in any case", Match{Text: "NODES.ro"}, "cloudify.nodes.Root", true},
		{"another part", Match{Text: "Compute"}, "cloudify.nodes.Root", false},
		{"one of two parts", Match{Patterns: map[string][]string{"contains": {"Compute", "Root"}}}, "cloudify.nodes.Root", true},
		{"contains minds the case", Match{Patterns: map[string][]string{"contains": {"root"}}}, "cloudify.nodes.Root", false},
		{"starts and ends do not", Match{Patterns: map[string][]string{"starts_with": {"CLOUD"}, "ends_with": {"root"}}}, "cloudify.nodes.Root", true},
		{"all patterns hold", Match{Patterns: map[string][]string{"starts_with": {"cloud"}, "ends_with": {"x"}}}, "cloudify.nodes.Root", false},
		{"equal", Match{Patterns: map[string][]string{"equals_to": {"a"}}}, "ab", false},
		{"valid", Match{Valid: []string{"a", "b"}}, "b", true},
		{"nothing is valid", Match{Valid: []string{}}, "b", false},
	} {
		if got, err := c.m.holds(c.text); err != nil || got != c.want {
			t.Errorf("%s: %v %v, want %v", c.name, got, err, c.want)
		}
	}
	if _, err := (Match{Patterns: map[string][]string{"sounds_like": {"a"}}}).holds("a"); !fault.Is(err, fault.BadParameters) {
		t.Errorf("an unknown pattern: %v", err)
	}
}
