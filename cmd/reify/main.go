// Command reify is the manager, its command line and, when it is called as ctx, the script side client, in one program.
// This package wires; it decides nothing.
package main

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"

	"github.com/reifyhq/reify/internal/cli"
	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/script/ctxcmd"
	"github.com/reifyhq/reify/internal/server"
)

// version and commit are set when the program is built: -ldflags "-X main.version=1.2.3 -X main.commit=abc".
var version, commit string

func main() {
	os.Exit(run())
}

func run() int {
	if filepath.Base(os.Args[0]) == "ctx" {
		return ctxcmd.Main(os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// After the first signal the default comes back, so that a second one ends the process at once.
	context.AfterFunc(ctx, stop)
	return cli.New(cli.Options{
		Stdin:      os.Stdin,
		Stdout:     os.Stdout,
		Stderr:     os.Stderr,
		Env:        os.Getenv,
		Clock:      clock.Real{},
		Version:    programVersion(),
		Server:     runServer,
		ConfigShow: showConfig,

		CertificatesShow:   certificates(server.ShowCertificates),
		CertificatesExport: certificates(server.ExportCA),
		PythonSetup:        setupPython,
		PythonStatus:       showPython,
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
