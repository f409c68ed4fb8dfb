// Command kill shows with real processes that nothing stays stuck and nothing final happens twice: it lets a manager
// install, scale, update and uninstall a blueprint of 30 nodes, over and over, and meanwhile ends the manager or an
// operation's process with SIGKILL at moments that a seed chooses.
//
//	go run ./internal/tools/kill --kills 200 [--seed S] [--bin bin/reify]
//
// Every execution must end well without anybody's help. The operations note in a file what they do, the program notes
// there when it killed the manager, so that the order of things can be judged afterwards: an attempt begins again only
// when the manager was killed since, never beside itself, and each task has one end. It prints how long the manager took
// from each kill to the next thing that happened. Everything is below one temporary directory; all processes have ended
// when it returns.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	flags := flag.NewFlagSet("kill", flag.ContinueOnError)
	kills := flags.Int("kills", 200, "number of kills")
	seed := flags.Uint64("seed", 1, "chooses the moments and the victims")
	bin := flags.String("bin", "", "program to try; built when empty")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	dir, err := os.MkdirTemp("", "reify-kill-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "kill:", err)
		return 1
	}
	t := newTrial(dir, *bin, *kills, *seed, os.Stdout)
	if err := t.play(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "kill: seed %d: %v\nthe manager's log and the notes are in %s\n", *seed, err, filepath.Clean(dir))
		return 1
	}
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, "kill:", err)
		return 1
	}
	return 0
}
