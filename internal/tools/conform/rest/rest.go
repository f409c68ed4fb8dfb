// Package rest replays recorded HTTP exchanges of the original manager against this one and says what differs.
//
// The data is a directory of scenarios, one *.jsonl file each, with the uploaded files in the directory fixtures beside it.
// A scenario makes what it needs and removes it again; a line that fails does not stop it. The package never changes the
// data, and apart from a manager that it is pointed at it leaves nothing behind. What differs on purpose is in
// differences.go, with the reason.
package rest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/reifyhq/reify/internal/tools/conform/target"
)

// Options say what is replayed and how it is told.
type Options struct {
	// Dir holds the scenarios.
	Dir string
	// URL is a running manager that holds the base fixture only; empty starts one.
	URL string
	// ID selects a scenario by a prefix of its name, or one line as scenario:seq. The lines before it run too.
	ID string
	// Verbose prints every difference of a failed line, Messages the differing texts of passed errors.
	Verbose, Messages bool
}

// Result counts lines.
type Result struct {
	Passed, Failed int
	// Deliberate are the passed lines that differ on purpose, each with the reason.
	Deliberate []string
	// SameText counts the errors whose message is the original's, Errors all that passed.
	SameText, Errors int
	// Failures are the ids of the failed lines.
	Failures []string
}

// Run is the subcommand: it parses the arguments, replays and prints the figures.
func Run(ctx context.Context, args []string, stdout io.Writer) error {
	var o Options
	flags := flag.NewFlagSet("rest", flag.ContinueOnError)
	flags.StringVar(&o.URL, "url", "", "a running manager that holds the base fixture only; default: start one")
	flags.StringVar(&o.ID, "id", "", "replay one scenario (prefix), or show one line (scenario:seq)")
	flags.BoolVar(&o.Verbose, "verbose", false, "print every difference of a failed line")
	flags.BoolVar(&o.Messages, "messages", false, "print differing error messages of passed lines")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return errors.New("usage: conform rest [--url URL] [--id SCENARIO[:SEQ]] [--verbose] [--messages] DIR")
	}
	o.Dir = flags.Arg(0)
	r, err := Replay(ctx, o, stdout)
	if err != nil {
		return err
	}
	for _, d := range r.Deliberate {
		fmt.Fprintln(stdout, "deliberate:", d)
	}
	fmt.Fprintf(stdout, "%d of the passed lines differ on purpose, as listed in differences.go\n", len(r.Deliberate))
	fmt.Fprintf(stdout, "error messages equal: %d of %d\n%d passed, %d failed\n", r.SameText, r.Errors, r.Passed, r.Failed)
	if r.Failed > 0 {
		return fmt.Errorf("%d lines differ", r.Failed)
	}
	return nil
}

// Replay runs the scenarios that the options select.
func Replay(ctx context.Context, o Options, out io.Writer) (r Result, err error) {
	url := o.URL
	if url == "" {
		m, err := target.Start(ctx)
		if err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, m.Stop()) }()
		url = m.URL
	}
	c := newCaller(url, filepath.Join(o.Dir, "..", "fixtures"))
	if err := c.baseFixture(ctx); err != nil {
		return r, err
	}
	files, err := filepath.Glob(filepath.Join(o.Dir, "*.jsonl"))
	if err != nil {
		return r, err
	}
	if len(files) == 0 {
		return r, fmt.Errorf("no *.jsonl files in %s", o.Dir)
	}
	scenario, seq, one := strings.Cut(o.ID, ":")
	for _, file := range files {
		if !strings.HasPrefix(strings.TrimSuffix(filepath.Base(file), ".jsonl"), scenario) {
			continue
		}
		lines, err := readExchanges(file)
		if err != nil {
			return r, err
		}
		m := newMatcher()
		for _, x := range lines {
			found := c.replay(ctx, m, x)
			if one && fmt.Sprint(x.Seq) != seq {
				continue
			}
			r.add(o, out, x, found)
		}
	}
	return r, nil
}

// add counts the outcome of a line and prints it.
func (r *Result) add(o Options, out io.Writer, x *exchange, f outcome) {
	id := x.id()
	if len(f.diffs) == 0 {
		r.Passed++
		if f.deliberate != "" {
			r.Deliberate = append(r.Deliberate, id+" "+f.deliberate)
		}
		if f.isError {
			r.Errors++
			if f.wantText == f.gotText {
				r.SameText++
			} else if o.Messages {
				fmt.Fprintf(out, "TEXT %s %s\n  want %q\n  got  %q\n", id, x.Name, f.wantText, f.gotText)
			}
		}
		return
	}
	r.Failed++
	r.Failures = append(r.Failures, id)
	fmt.Fprintf(out, "FAIL %s %s: %s %s: %s", id, x.Name, x.Request.Method, x.Request.Path, f.diffs[0])
	if n := len(f.diffs) - 1; n > 0 && !o.Verbose {
		fmt.Fprintf(out, " (and %d more)", n)
	}
	fmt.Fprintln(out)
	if o.Verbose {
		for _, d := range f.diffs[1:] {
			fmt.Fprintln(out, "  ", d)
		}
	}
}

// fixtureFile opens an uploaded file.
func (c *caller) fixtureFile(name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(c.fixtures, filepath.Base(name)))
}
