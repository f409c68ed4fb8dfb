package diag

import (
	"bytes"
	"encoding/json"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func sample() List {
	a := Coded(Logic, 7, "Could not locate node type: 'x' \n  in line: 3, column: 4")
	a.Diag = &D{Summary: "Unknown node type", Detail: "The type \"x\" is not defined.", Fix: "Did you mean \"y\"?", File: "file:/bp/b.yaml",
		Range:   Range{Start: Pos{3, 5}, End: Pos{3, 9}},
		Related: []Related{{Message: "seen here", File: "file:/bp/b.yaml", Range: Range{Start: Pos{1, 1}}}}}
	b := New(Constraint, "Value 1 of input i violates constraint equal(2) operator.")
	return List{a, b, a}
}

func TestText(t *testing.T) {
	t.Parallel()
	var got bytes.Buffer
	src := func(string) []byte { return []byte("a:\n  b:\n    type: x\n") }
	if err := WriteText(&got, sample().Sorted(), src); err != nil {
		t.Fatal(err)
	}
	want := `blueprint: error: Value 1 of input i violates constraint equal(2) operator. [constraint]

/bp/b.yaml:3:5: error: Unknown node type [unknown-type]
    3 |     type: x
      |     ^^^^
  The type "x" is not defined.
  Did you mean "y"?
  /bp/b.yaml:1:1: note: seen here
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestJSONAndSARIF(t *testing.T) {
	t.Parallel()
	var j, s bytes.Buffer
	if err := WriteJSON(&j, sample().Sorted()); err != nil {
		t.Fatal(err)
	}
	if err := WriteSARIF(&s, sample().Sorted()); err != nil {
		t.Fatal(err)
	}
	var doc struct{ Diagnostics []D }
	if err := json.Unmarshal(j.Bytes(), &doc); err != nil || len(doc.Diagnostics) != 2 || doc.Diagnostics[1].RefCode != 7 {
		t.Errorf("%v: %s", err, j.String())
	}
	var log struct {
		Version string
		Runs    []struct{ Results []struct{ RuleID string } }
	}
	if err := json.Unmarshal(s.Bytes(), &log); err != nil || log.Version != "2.1.0" || log.Runs[0].Results[1].RuleID != "unknown-type" {
		t.Errorf("%v: %s", err, s.String())
	}
}

func TestSuggestions(t *testing.T) {
	t.Parallel()
	types := []string{"cloudify.nodes.Compute", "cloudify.nodes.WebServer", "cloudify.nodes.DBMS"}
	tests := []struct{ name, want string }{
		{"cloudify.nodes.Compute", "cloudify.nodes.Compute"}, {"cloudify.nodes.Copmute", "cloudify.nodes.Compute"},
		{"cloudify.nodes.webserver", "cloudify.nodes.WebServer"}, {"DBMS", "cloudify.nodes.DBMS"}, {"shop.Order", ""},
	}
	for _, tt := range tests {
		if got := Closest(tt.name, types); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// Codes never change meaning: this list may only grow.
func TestCodesArePinned(t *testing.T) {
	t.Parallel()
	const pinned = "all-to-one all-to-one-in-group blueprint-without-namespace circular connection-type constraint constraint-argument " +
		"data-type-name display-not-supported duplicate-import external-resource-function function-argument function-evaluation " +
		"function-with-constraints group-cycle group-named-as-node hidden-input-without-default import-conflict import-form import-not-found " +
		"import-not-mergeable import-properties import-version input-type input-value instances-dict instances-literal instances-twice " +
		"instances-value invalid-value item-type item-type-on-non-list lifecycle-operation location member-of-several-groups " +
		"members-not-contained-together missing-input missing-property namespace non-ascii not-yaml plugin-ambiguous plugin-executor " +
		"plugin-needs-host plugin-source policy-target policy-type policy-without-targets property-type recursion-limit relationship-kind " +
		"relationship-to-self resolver-rules schema script-path-twice script-plugin-missing secrets-unsupported two-containers " +
		"unknown-group-member unknown-input unknown-name unknown-operation-plugin unknown-policy-type unknown-property " +
		"unknown-relationship-type unknown-secret unknown-target unknown-trigger-type unknown-type unknown-workflow-plugin version-form " +
		"version-gate version-missing version-unknown"
	seen := map[string]bool{}
	for _, byNumber := range codes {
		for _, c := range byNumber {
			seen[c] = true
		}
	}
	for _, c := range classCodes {
		seen[c] = true
	}
	var all []string
	for c := range seen {
		all = append(all, c)
	}
	sort.Strings(all)
	if diff := cmp.Diff(strings.Fields(pinned), all); diff != "" {
		t.Errorf("(-pinned +now):\n%s", diff)
	}
}
