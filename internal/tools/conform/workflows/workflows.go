package workflows

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"strings"

	"github.com/reifyhq/reify/internal/model"
)

// Run replays the cases of a directory: DIR [--verbose] [--records] [--id ID]. It returns an error when a case fails.
func Run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("workflows", flag.ContinueOnError)
	flags.SetOutput(out)
	isVerbose := flags.Bool("verbose", false, "print every problem of a failing case")
	isPrint := flags.Bool("records", false, "print the records of every step")
	id := flags.String("id", "", "replay only the case with this id")
	var dirs []string
	for len(args) > 0 {
		if err := flags.Parse(args); err != nil {
			return err
		}
		if args = flags.Args(); len(args) > 0 {
			dirs = append(dirs, args[0])
			args = args[1:]
		}
	}
	if len(dirs) != 1 {
		return fmt.Errorf("usage: conform workflows DIR [--verbose] [--records] [--id ID]")
	}
	cases, err := loadCases(dirs[0])
	if err != nil {
		return err
	}
	passed, failed, onPurpose := 0, 0, 0
	for _, c := range cases {
		if *id != "" && c.ID != *id {
			continue
		}
		var show io.Writer
		if *isPrint {
			show = out
		}
		problems, reason := judge(c.ID, replayCase(c, show))
		if reason != "" {
			onPurpose++
			fmt.Fprintf(out, "deliberate: %s %s\n", c.ID, reason)
		}
		if len(problems) == 0 {
			passed++
			continue
		}
		failed++
		fmt.Fprintf(out, "FAIL %s: %d problems\n", c.ID, len(problems))
		for k, p := range problems {
			if k == 3 && !*isVerbose {
				fmt.Fprintf(out, "    …\n")
				break
			}
			if !*isVerbose && len(p) > 300 {
				p = p[:300] + "…"
			}
			fmt.Fprintf(out, "    %s\n", strings.ReplaceAll(p, "\n", "\n    "))
		}
	}
	fmt.Fprintf(out, "%d of the passed cases differ on purpose, in just the way that is recorded for them\n", onPurpose)
	fmt.Fprintf(out, "%d passed, %d failed\n", passed, failed)
	if failed > 0 {
		return fmt.Errorf("%d cases failed", failed)
	}
	return nil
}

// replayCase runs all steps of a case and returns what differs. The records go to show unless that is nil.
func replayCase(c *testCase, show io.Writer) []string {
	w, err := newWorld(c)
	if err != nil {
		return []string{err.Error()}
	}
	problems := compareInstances(c.Instances, w.finalInstances())
	for n := range c.Steps {
		s := &c.Steps[n]
		for _, b := range s.Before {
			if err := w.createUpdate(c, b); err != nil {
				return append(problems, err.Error())
			}
		}
		for _, p := range w.checkStep(s, w.bp.workflows[s.Workflow]) {
			problems = append(problems, fmt.Sprintf("step %d %s: %s", n, s.Workflow, p))
		}
		if show == nil {
			continue
		}
		fmt.Fprintf(show, "%s step %d %s\n", c.ID, n, s.Workflow)
		for k, r := range w.records {
			fmt.Fprintf(show, "%4d %s\n", k, r.key())
		}
	}
	return problems
}

// createUpdate makes the update object that a step is about.
func (w *world) createUpdate(c *testCase, b before) error {
	inputs := maps.Clone(w.inputs)
	if inputs == nil {
		inputs = model.Document{}
	}
	maps.Copy(inputs, b.Inputs)
	w.inputs = inputs
	name := b.Blueprint
	if name == "" {
		name = c.Main
	}
	// The instances that this makes are not used; their ids must not be missed later.
	throwaway := 0
	next, err := c.load(name, inputs, func(n string) string {
		throwaway++
		return fmt.Sprintf("%s_x%d", n, throwaway)
	})
	if err != nil {
		return err
	}
	for _, n := range w.bp.nodes {
		if find(next.nodes, n.ID) != nil {
			setCount(next.plan, string(n.ID), n.Number)
			find(next.nodes, n.ID).Number = n.Number
		}
	}
	w.updates[b.ID] = &update{next: next, state: "updating"}
	return nil
}

// checkStep runs a step and compares it with what was recorded.
func (w *world) checkStep(s *step, wf model.Workflow) []string {
	got, err := w.runStep(s, wf)
	if err != nil {
		return []string{err.Error()}
	}
	want := s.Expect.Records
	if s.Expect.Status == "cancelled" {
		want = cancelledOnManager(s)
	}
	problems := compareRecords(want, w.records)
	if got.status != s.Expect.Status {
		problems = append(problems, fmt.Sprintf("status: want %s, got %s (%s)", s.Expect.Status, got.status, got.err))
	}
	wantErr := ""
	if s.Expect.Error != nil {
		_, wantErr, _ = strings.Cut(*s.Expect.Error, ": ")
	}
	if wantErr != got.err {
		problems = append(problems, fmt.Sprintf("error: want %q, got %q", wantErr, got.err))
	}
	if u := s.Expect.Update; u != nil {
		for _, b := range s.Before {
			state := w.updates[b.ID].state
			if got.status != "terminated" {
				state = "failed"
			}
			if state != u.State {
				problems = append(problems, fmt.Sprintf("update: want %s, got %s", u.State, state))
			}
		}
	}
	for _, n := range w.bp.nodes {
		if want := s.Expect.Counts[string(n.ID)]; want != n.Number {
			problems = append(problems, fmt.Sprintf("count of %s: want %d, got %d", n.ID, want, n.Number))
		}
	}
	if len(w.bp.nodes) != len(s.Expect.Counts) {
		problems = append(problems, fmt.Sprintf("nodes: want %d, got %d", len(s.Expect.Counts), len(w.bp.nodes)))
	}
	return append(problems, compareInstances(s.Expect.Instances, w.finalInstances())...)
}

// cancelledOnManager are the expected records of a cancelled step as a manager has them: the recordings were made in one
// process, which reports success after a cancel and sees the end of operations that outlive the workflow.
func cancelledOnManager(s *step) []record {
	var out []record
	for _, r := range s.Expect.Records {
		switch {
		case r["event_type"] == "workflow_succeeded":
			out = append(out, record{
				"kind": "event", "event_type": "workflow_cancelled", "after": r["after"],
				"message": "'" + s.Workflow + "' workflow execution cancelled",
			})
		case r["task"] != nil && fmt.Sprint(r["phase"]) == "2":
		default:
			out = append(out, r)
		}
	}
	return out
}
