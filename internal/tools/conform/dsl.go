package main

import (
	"context"
	"flag"
	"fmt"
	"io"

	"github.com/reifyhq/reify/internal/tools/conform/dslcases"
)

// runDSL runs every case of the language's data under a directory.
func runDSL(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("dsl", flag.ContinueOnError)
	flags.SetOutput(stderr)
	verbose := flags.Bool("verbose", false, "print the difference of each failure")
	area := flags.String("area", "", "run only cases of this area (prefix)")
	id := flags.String("id", "", "run only cases with this id (prefix)")
	messages := flags.Bool("messages", false, "print differing error messages of passed cases")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if flags.NArg() != 1 {
		fmt.Fprintln(stderr, "usage: conform dsl [--verbose] [--messages] [--area A] [--id ID] DIR")
		return 2
	}
	cases, err := dslcases.Load(flags.Arg(0), dslcases.Select{Area: *area, ID: *id})
	if err != nil {
		fmt.Fprintln(stderr, "conform dsl:", err)
		return 2
	}
	passed, failed, same, compared := 0, 0, 0, 0
	for _, c := range cases {
		r := dslcases.Run(ctx, c)
		if r.MessageCompared {
			compared++
			if r.MessageEqual {
				same++
			} else if *messages {
				fmt.Fprintf(stdout, "MESSAGE %s %s\n  want %q\n  got  %q\n", c.ID, c.Area, r.WantMessage, r.GotMessage)
			}
		}
		if r.OK {
			passed++
			continue
		}
		failed++
		fmt.Fprintf(stdout, "FAIL %s %s %s: %s\n", c.ID, c.Area, c.Op, r.Short)
		if *verbose {
			fmt.Fprintln(stdout, r.Detail)
		}
	}
	if compared > 0 {
		fmt.Fprintf(stdout, "messages equal: %d of %d (%.1f %%)\n", same, compared, 100*float64(same)/float64(compared))
	}
	fmt.Fprintf(stdout, "%d passed, %d failed\n", passed, failed)
	if failed > 0 {
		return 1
	}
	return 0
}
