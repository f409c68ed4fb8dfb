// Package cfy replays the requests that the original's command line was recorded to send, one by one, and checks the
// status and the fields that the command line needs in the answer.
//
// The recording was made against a stub: its commands assume a world (a blueprint bp1, its deployment dep1, a user u1, …)
// and do not depend on each other. Before each request the package makes what the request needs to exist, or takes names
// that are not used yet (needs.go), and puts the real ids in the place of the recorded ones. What is refused on purpose
// and what the manager does not have yet is listed in lists.go; both lists are checked, so that they can only shrink. The
// package leaves a manager that it is pointed at full of leftovers; it starts one of its own otherwise.
package cfy

import (
	"context"
	"encoding/json"
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
	// File is the recording, or the directory that holds it as cfy_requests.json.
	File string
	// URL is a running manager whose administrator has the known password; empty starts one.
	URL string
	// Command selects the commands that contain a text.
	Command string
	// Verbose prints the requests that passed, too.
	Verbose bool
}

// Result counts requests.
type Result struct {
	Passed, Failed int
	// Refused and Missing count, among those that passed, the refused ones and those that wait for their resource.
	Refused, Missing int
}

// command is one recorded command line.
type command struct {
	Line     string            `json:"command"`
	Requests []request         `json:"requests"`
	Needed   map[string][]need `json:"needed_response_fields"`
}

type need struct {
	Field string `json:"field"`
}

// request is one request of a command.
type request struct {
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Query   [][2]string       `json:"query"`
	Headers map[string]string `json:"headers"`
	Body    body              `json:"body"`
	Status  int               `json:"stub_status"`
	Route   string            `json:"route"`
}

// body is a request body in one of its forms: none, json, multipart/form-data or raw stream.
type body struct {
	Form  string `json:"form"`
	JSON  any    `json:"json"`
	Parts []struct {
		Name        string  `json:"name"`
		Filename    *string `json:"filename"`
		ContentType *string `json:"content_type"`
		Text        string  `json:"text"`
	} `json:"parts"`
	Bytes int    `json:"bytes"`
	Head  string `json:"head"`
}

// Run is the subcommand: it parses the arguments, replays and prints the figures.
func Run(ctx context.Context, args []string, stdout io.Writer) error {
	var o Options
	flags := flag.NewFlagSet("cfy", flag.ContinueOnError)
	flags.StringVar(&o.URL, "url", "", "a running manager; default: start one")
	flags.StringVar(&o.Command, "command", "", "replay the commands that contain this text only")
	flags.BoolVar(&o.Verbose, "verbose", false, "print the requests that pass, too")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return errors.New("usage: conform cfy [--url URL] [--command TEXT] [--verbose] DIR_OR_FILE")
	}
	o.File = flags.Arg(0)
	r, err := Replay(ctx, o, stdout)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "refused on purpose: %d, not there yet: %d\n%d passed, %d failed\n", r.Refused, r.Missing, r.Passed, r.Failed)
	if r.Failed > 0 {
		return fmt.Errorf("%d requests are not answered as the command line needs", r.Failed)
	}
	return nil
}

// Replay sends the requests of the selected commands.
func Replay(ctx context.Context, o Options, out io.Writer) (r Result, err error) {
	commands, err := read(o.File)
	if err != nil {
		return r, err
	}
	url := o.URL
	if url == "" {
		m, err := target.Start(ctx)
		if err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, m.Stop()) }()
		url = m.URL
	}
	w := newWorld(url)
	if err := w.base(ctx); err != nil {
		return r, fmt.Errorf("make the world that the recording assumes: %w", err)
	}
	for _, c := range commands {
		if !strings.Contains(c.Line, o.Command) {
			continue
		}
		for i := range c.Requests {
			if err := ctx.Err(); err != nil {
				return r, err
			}
			r.add(o, out, &c, &c.Requests[i], w.replay(ctx, &c, &c.Requests[i]))
		}
	}
	return r, nil
}

func read(file string) ([]command, error) {
	if info, err := os.Stat(file); err == nil && info.IsDir() {
		file = filepath.Join(file, "cfy_requests.json")
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var commands []command
	if err := json.Unmarshal(data, &commands); err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return commands, nil
}

// add counts the outcome of a request, which is an error when the answer is not the one that cfy needs.
func (r *Result) add(o Options, out io.Writer, c *command, q *request, problem error) {
	where := fmt.Sprintf("%s: %s %s", c.Line, q.Method, q.Path)
	switch refused, missing := isRefused(q), isMissing(c, q); {
	case missing && problem == nil:
		r.Failed++
		fmt.Fprintf(out, "FAIL %s: works by now; take %q off the list of what is not there yet\n", where, q.key())
		return
	case missing:
		r.Missing++
	case problem != nil:
		r.Failed++
		fmt.Fprintf(out, "FAIL %s: %v\n", where, problem)
		return
	case refused:
		r.Refused++
	}
	r.Passed++
	if o.Verbose {
		fmt.Fprintf(out, "ok   %s\n", where)
	}
}
