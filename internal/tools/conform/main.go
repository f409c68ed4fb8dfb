// Command conform runs recorded conformance data against this implementation and says what differs. Each kind of data is
// one subcommand; this file only dispatches.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/reifyhq/reify/internal/tools/conform/cfy"
	"github.com/reifyhq/reify/internal/tools/conform/rest"
	"github.com/reifyhq/reify/internal/tools/conform/workflows"
)

// subcommand runs one kind of data. It gives the exit code.
type subcommand struct {
	name string
	run  func(ctx context.Context, args []string, stdout, stderr io.Writer) int
}

func main() {
	commands := []subcommand{
		{"dsl", runDSL},
		{"workflows", runWorkflows},
		{"rest", runREST},
		{"cfy", runCfy},
	}
	if len(os.Args) > 1 {
		for _, c := range commands {
			if c.name == os.Args[1] {
				os.Exit(c.run(context.Background(), os.Args[2:], os.Stdout, os.Stderr))
			}
		}
	}
	fmt.Fprintln(os.Stderr, "usage: conform <subcommand> [flags] DIR")
	for _, c := range commands {
		fmt.Fprintln(os.Stderr, "  "+c.name)
	}
	os.Exit(2)
}

func runWorkflows(_ context.Context, args []string, stdout, stderr io.Writer) int {
	if err := workflows.Run(args, stdout); err != nil {
		fmt.Fprintln(stderr, "conform:", err)
		return 1
	}
	return 0
}

func runREST(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if err := rest.Run(ctx, args, stdout); err != nil {
		fmt.Fprintln(stderr, "conform:", err)
		return 1
	}
	return 0
}

func runCfy(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if err := cfy.Run(ctx, args, stdout); err != nil {
		fmt.Fprintln(stderr, "conform:", err)
		return 1
	}
	return 0
}
