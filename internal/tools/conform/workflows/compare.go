package workflows

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"sort"
	"strings"
)

// compareRecords checks the multiset and the partial order.
func compareRecords(want, got []record) []string {
	var problems []string
	wantKeys, gotKeys := keysOf(want), keysOf(got)
	missing, extra := difference(wantKeys, gotKeys)
	for _, k := range missing {
		problems = append(problems, "missing: "+k)
	}
	for _, k := range extra {
		problems = append(problems, "extra:   "+k)
	}
	positions := make(map[string][]int)
	for i, k := range gotKeys {
		positions[k] = append(positions[k], i)
	}
	match := make([]int, len(want))
	for i, k := range wantKeys {
		match[i] = -1
		if p := positions[k]; len(p) > 0 {
			match[i], positions[k] = p[0], p[1:]
		}
	}
	for i, r := range want {
		for _, p := range r.after() {
			if match[i] >= 0 && match[p] >= 0 && match[p] >= match[i] {
				problems = append(problems, fmt.Sprintf("order: %s\n       must come before %s", wantKeys[p], wantKeys[i]))
			}
		}
	}
	return problems
}

func keysOf(list []record) []string {
	out := make([]string, len(list))
	for i, r := range list {
		out[i] = r.key()
	}
	return out
}

// difference returns what is only in a and only in b, as multisets.
func difference(a, b []string) (onlyA, onlyB []string) {
	count := make(map[string]int)
	for _, k := range b {
		count[k]++
	}
	for _, k := range a {
		if count[k] > 0 {
			count[k]--
		} else {
			onlyA = append(onlyA, k)
		}
	}
	for k, n := range count {
		for range n {
			onlyB = append(onlyB, k)
		}
	}
	sort.Strings(onlyB)
	return onlyA, onlyB
}

var timePattern = regexp.MustCompile(`"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z?"`)

// normal is a value as generic JSON with times hidden.
func normal(v any) any {
	raw, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	raw = timePattern.ReplaceAll(raw, []byte(`"<time>"`))
	var out any
	if err := json.Unmarshal(raw, &out); err != nil {
		return err.Error()
	}
	return out
}

func compareInstances(want, got []instance) []string {
	byID := make(map[string]instance)
	for _, i := range got {
		byID[i.ID] = i
	}
	var problems []string
	for _, w := range want {
		g, ok := byID[w.ID]
		if !ok {
			problems = append(problems, "instance missing: "+w.ID)
			continue
		}
		delete(byID, w.ID)
		sortRelationships(&w)
		sortRelationships(&g)
		if a, b := normal(w), normal(g); !reflect.DeepEqual(a, b) {
			rawA, _ := json.Marshal(a)
			rawB, _ := json.Marshal(b)
			problems = append(problems, fmt.Sprintf("instance %s:\n  want %s\n  got  %s", w.ID, rawA, rawB))
		}
	}
	for id := range byID {
		problems = append(problems, "instance extra: "+id)
	}
	return problems
}

// sortRelationships makes the undefined order of relationships to instances of one node defined.
func sortRelationships(i *instance) {
	sort.SliceStable(i.Relationships, func(a, b int) bool {
		x, y := i.Relationships[a], i.Relationships[b]
		return x.TargetName == y.TargetName && x.TargetID < y.TargetID
	})
	if len(i.RuntimeProperties) == 0 {
		i.RuntimeProperties = nil
	}
	if len(i.SystemProperties) == 0 {
		i.SystemProperties = nil
	}
	if len(i.Relationships) == 0 {
		i.Relationships = nil
	}
	if len(i.ScalingGroups) == 0 {
		i.ScalingGroups = nil
	}
}

// recordedFailure is a failure text as the recordings have it: their tasks run in the workflow's process, so neither the
// instance nor the reason of a failed task is known there.
func recordedFailure(text string) string {
	if rest, ok := strings.CutPrefix(text, "Task failed: "); ok {
		return "Task failed: " + bare(rest)
	}
	lines := strings.Split(text, "\n")
	if len(lines) == 1 || !strings.HasSuffix(lines[0], " operation errors:") {
		return text
	}
	for i, l := range lines[1:] {
		lines[i+1] = bare(l)
	}
	return strings.Join(lines, "\n")
}

func bare(short string) string {
	name, _, _ := strings.Cut(short, " (")
	return name + ": "
}
