// Package offline holds the verbs that work on the user's machine alone: they check, draw and explain blueprints, serve
// editors, and check and zip plugins.
//
// None of them asks a manager, so that they work without one. The package knows nothing of profiles and terminals: the
// command line around it brings what it needs as a Shell.
package offline

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/reifyhq/reify/internal/clock"
)

// Shell is the command line around the verbs. All fields are required.
type Shell struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Env reads an environment variable.
	Env   func(string) string
	Clock clock.Clock
	// Version is the version of this program.
	Version string
	// JSON reports whether the result is wanted as one JSON value; it is asked when a verb runs.
	JSON func() bool
	// Say tells people what was done.
	Say func(format string, args ...any)
	// Verb makes a command that behaves like all others.
	Verb func(use, short string, min, max int, run func(ctx context.Context, args []string) error) *cobra.Command
}
