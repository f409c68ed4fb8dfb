// Command conform replays conformance data against this code base: conform workflows DIR.
package main

import (
	"fmt"
	"os"

	"github.com/reifyhq/reify/internal/tools/conform/workflows"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "conform:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("usage: conform workflows DIR [--verbose] [--id ID]")
	}
	switch args[0] {
	case "workflows":
		return workflows.Run(args[1:], os.Stdout)
	}
	return fmt.Errorf("unknown area %q", args[0])
}
