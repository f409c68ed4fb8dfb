// Command reify is the manager, its command line and local runs in one program. This file wires; it decides nothing.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/reifyhq/reify/internal/cli"
	"github.com/reifyhq/reify/internal/clock"
)

// version is set at release: -ldflags "-X main.version=1.2.3".
var version string

func main() {
	os.Exit(run())
}

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// After the first signal the default comes back, so that a second one ends the process at once.
	context.AfterFunc(ctx, stop)
	return cli.New(cli.Options{
		Stdin:   os.Stdin,
		Stdout:  os.Stdout,
		Stderr:  os.Stderr,
		Env:     os.Getenv,
		Clock:   clock.Real{},
		Version: programVersion(),
	}).Run(ctx, os.Args[1:])
}

func programVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
