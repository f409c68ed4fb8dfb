// Command demo shows that a freshly built Reify works: it starts a manager, installs an example application with the real
// command line, looks at it the way a user would, heals it, uninstalls it and proves that nothing is left.
//
//	go run ./internal/tools/demo [--example hello-web|three-tier|ssh-hosts] [--keep] [--bin bin/reify]
//
// Everything it makes is below one temporary directory, and everything that it starts has ended when it returns, however
// it ends, unless --keep (or KEEP=1) asks for a manager to play with. It exits 1 at the first thing that is not right, with
// the reason and the end of the manager's log.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/reifyhq/reify/internal/clock"
)

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	example := flags.String("example", "hello-web", "example to install: hello-web, three-tier or ssh-hosts")
	keep := flags.Bool("keep", os.Getenv("KEEP") == "1", "leave the manager and the application running")
	bin := flags.String("bin", filepath.Join("bin", "reify"), "program to try")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	d, err := newDemo(*bin, *example, *keep)
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		if errors.Is(err, errSkip) {
			return 0
		}
		return 1
	}
	err = d.play(ctx)
	if err != nil {
		d.failed(err)
	}
	// The interrupt that may have ended the play must not end the cleaning up.
	if cleanErr := d.cleanUp(context.WithoutCancel(ctx), err != nil); err == nil && cleanErr != nil {
		err = cleanErr
		d.failed(err)
	}
	if err != nil {
		return 1
	}
	d.summary()
	return 0
}

// errSkip says that the machine lacks something that the example needs.
var errSkip = errors.New("skipped")

// newDemo checks what is needed and makes the temporary directory.
func newDemo(bin, example string, keep bool) (*demo, error) {
	abs, err := filepath.Abs(bin)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(abs); err != nil {
		return nil, fmt.Errorf("%w; build it first (make build)", err)
	}
	scenario, ok := scenarios[example]
	if !ok {
		return nil, fmt.Errorf("unknown example %q", example)
	}
	if scenario.needs != nil {
		if err := scenario.needs(); err != nil {
			return nil, err
		}
	}
	dir, err := os.MkdirTemp("", "reify-demo-*")
	if err != nil {
		return nil, err
	}
	// The database of three-tier runs as another user, who must be able to reach the directory.
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	d := &demo{bin: abs, example: example, scenario: scenario, keep: keep, dir: dir, clock: clock.Real{}, out: os.Stdout}
	for _, sub := range []string{d.data(), d.home(), d.work()} {
		if err := os.Mkdir(sub, 0o755); err != nil {
			return nil, err
		}
	}
	return d, nil
}
