package main

import (
	"strings"
	"testing"
)

func TestReadSeesWhatMustNotHappen(t *testing.T) {
	t.Parallel()
	const begin, end = "begin x task i create 7", "end x task i create 7"
	for _, f := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"once", []string{begin, end}, ""},
		{"killed before its end", []string{begin, "killed", "begin x task i create 8", "end x task i create 8"}, ""},
		{"an orphan ends after the kill", []string{begin, "killed", end, "begin x task i create 8", "end x task i create 8"}, ""},
		{"another execution", []string{begin, "begin y task i create 7", end}, ""},
		{"twice", []string{begin, end, "begin x task i create 8"}, "began twice"},
		{"beside itself", []string{begin, "killed", "overlap x task i create 8"}, "beside itself"},
		{"an end too many", []string{begin, end, end}, "had not begun or had ended"},
	} {
		_, err := read("x", f.lines)
		switch {
		case f.want == "" && err != nil:
			t.Errorf("%s: %v", f.name, err)
		case f.want != "" && (err == nil || !strings.Contains(err.Error(), f.want)):
			t.Errorf("%s: %v, want %q", f.name, err, f.want)
		}
	}
}

// TestFewKills runs the program with real processes and few kills.
func TestFewKills(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a manager many times")
	}
	var out strings.Builder
	if err := newTrial(t.TempDir(), "", 4, 1, &out).play(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if !strings.Contains(out.String(), "4 kills in") {
		t.Errorf("the program says:\n%s", out.String())
	}
}
