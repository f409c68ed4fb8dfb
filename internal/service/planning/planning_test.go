package planning

import (
	"fmt"
	"testing"
	"time"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/rehearsal"
)

func TestMask(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		in   any
		want string
	}{
		{"port", "80", "80"}, {"password", "x", masking}, {"admin_Passwd", "x", masking}, {"password", "", ""},
		{"config", map[string]any{"token": "x", "host": "h"}, fmt.Sprint(map[string]any{"host": "h", "token": masking})},
		{"secret", []any{"a", "b"}, fmt.Sprint([]any{masking, masking})},
		{"password", map[string]any{"get_secret": "name"}, fmt.Sprint(map[string]any{"get_secret": "name"})},
	} {
		if got := fmt.Sprint(mask(c.name, c.in)); got != c.want {
			t.Errorf("%s %v: %s, want %s", c.name, c.in, got, c.want)
		}
	}
}

func TestChanged(t *testing.T) {
	t.Parallel()
	was := Versions{Deployment: "d", Nodes: "n", Blueprint: "b", Instances: map[model.InstanceID]VersionOfID{"a_1": {1, "started"}, "a_2": {1, "started"}}}
	if text := was.changed(was); text != "" {
		t.Errorf("nothing changed: %s", text)
	}
	is := Versions{Deployment: "d", Nodes: "x", Blueprint: "b", Instances: map[model.InstanceID]VersionOfID{"a_1": {2, "stopped"}, "a_3": {1, "started"}},
		Modifications: []model.ModificationID{"m"}}
	want := "its nodes changed; another modification was started or ended; node instance a_1 was started (version 1) and is stopped (version 2); " +
		"node instance a_2 is gone; node instance a_3 is new"
	if text := was.changed(is); text != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}

func TestEstimate(t *testing.T) {
	t.Parallel()
	h := history{{"create", "a"}: 2 * time.Second, {"create", "b"}: 5 * time.Second}
	step := func(id, phase int, node model.NodeID, after ...int) rehearsal.Step {
		return rehearsal.Step{ID: id, Phase: phase, Node: node, Operation: "create", After: after}
	}
	// Two at the same time, one after both, and a phase of its own; c never ran.
	steps := []rehearsal.Step{step(1, 1, "a"), step(2, 1, "b"), step(3, 1, "a", 1, 2), step(4, 2, "a"), step(5, 2, "c", 4)}
	if e := h.estimate(steps); e == nil || e.Seconds != 9 || e.Known != 4 || e.Unknown != 1 {
		t.Errorf("estimate %+v", e)
	}
	if e := (history{}).estimate(steps); e != nil {
		t.Errorf("an estimate out of nothing: %+v", e)
	}
}

func TestDifferences(t *testing.T) {
	t.Parallel()
	got := fmt.Sprint(differences(model.Document{"a": "1", "gone": true, "token": "x"}, model.Document{"a": "2", "token": "y", "same": nil}))
	if want := "[{a 1 2} {gone true <nil>} {token ******** ********}]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
