package workflows

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/reifyhq/reify/internal/model"
)

// Run replays the cases of a directory: DIR [--verbose] [--id ID]. It returns an error when a case fails.
func Run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("workflows", flag.ContinueOnError)
	flags.SetOutput(out)
	isVerbose := flags.Bool("verbose", false, "print every problem of a failing case")
	id := flags.String("id", "", "replay only the case with this id")
	plans := flags.String("plans", "", "directory of parsed plans")
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
		return fmt.Errorf("usage: conform workflows DIR [--verbose] [--id ID]")
	}
	planDir = *plans
	cases, err := loadCases(dirs[0])
	if err != nil {
		return err
	}
	passed, failed := 0, 0
	for _, c := range cases {
		if *id != "" && c.ID != *id {
			continue
		}
		problems := replayCase(c)
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
	fmt.Fprintf(out, "%d passed, %d failed\n", passed, failed)
	if failed > 0 {
		return fmt.Errorf("%d cases failed", failed)
	}
	return nil
}

var planDir string

func loadPlans(c *testCase) (map[string]*blueprint, error) {
	raw, err := os.ReadFile(filepath.Join(planDir, c.ID+".json"))
	if err != nil {
		return nil, err
	}
	plans := make(map[string]*blueprint)
	return plans, model.DecodeJSON(raw, &plans)
}

// replayCase runs all steps of a case and returns what differs.
func replayCase(c *testCase) []string {
	plans, err := loadPlans(c)
	if err != nil {
		return []string{err.Error()}
	}
	w := newWorld(c, plans[""])
	var problems []string
	for n := range c.Steps {
		s := &c.Steps[n]
		for _, b := range s.Before {
			w.updates[b.ID] = &update{blueprint: plans[b.ID], state: "updating"}
		}
		for _, p := range w.checkStep(s, plans[""].Workflows[s.Workflow]) {
			problems = append(problems, fmt.Sprintf("step %d %s: %s", n, s.Workflow, p))
		}
	}
	return problems
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
			if got := w.updates[b.ID].state; got != u.State {
				problems = append(problems, fmt.Sprintf("update: want %s, got %s", u.State, got))
			}
		}
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
