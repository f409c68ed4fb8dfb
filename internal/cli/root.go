// Package cli is the command line of Reify, in the grammar of cfy: nouns, verbs and option names that existing scripts
// use, plus up and down. It is a client like any other: everything it knows of a manager it learns through the REST API.
//
// One file per noun. Results go to standard output, everything else to standard error; with --json standard output holds
// exactly one JSON value. The package never exits the process, never reads the environment or the arguments by itself and
// keeps no state between runs but the profiles.
//
// Exit codes, stable:
//
//	0    done
//	1    the manager said no, an execution failed or was cancelled, or a local check found problems
//	2    the command line is wrong
//	3    the manager cannot be reached
//	4    not authenticated or not permitted
//	130  interrupted; what was started on the manager goes on
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/reifyhq/reify/internal/cli/exit"
	"github.com/reifyhq/reify/internal/clock"
)

// Program runs something that is not a client, such as the server.
type Program func(ctx context.Context, args []string, stdout, stderr io.Writer) error

// Usage marks an error of a Program as a wrong command line.
func Usage(err error) error { return &exit.UsageError{Text: err.Error()} }

// Options wire the command line to its surroundings.
type Options struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Env reads an environment variable.
	Env   func(string) string
	Clock clock.Clock
	// Version is the version of this program.
	Version string
	// Server runs the manager, ConfigShow prints its configuration, PythonSetup and PythonStatus make and show the
	// environment of its Python plugins; nil leaves the command out.
	Server, ConfigShow, PythonSetup, PythonStatus Program
	// CertificatesShow and CertificatesExport print the certificates that a manager made for itself; nil leaves them out.
	CertificatesShow, CertificatesExport Program
}

// CLI is the command line.
type CLI struct {
	options Options
}

// New returns the command line. Stdin, Env and Clock may be left out.
func New(o Options) *CLI {
	if o.Stdin == nil {
		o.Stdin = strings.NewReader("")
	}
	if o.Env == nil {
		o.Env = func(string) string { return "" }
	}
	if o.Clock == nil {
		o.Clock = clock.Real{}
	}
	return &CLI{options: o}
}

// Run runs one command line, without the program's name, and returns its exit code. It returns soon after ctx ends.
func (c *CLI) Run(ctx context.Context, args []string) int {
	a := &app{Options: c.options}
	root := a.root()
	root.SetArgs(compatible(args))
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exit.OK
	}
	code, message, hint := exit.Explain(err, a.verbose)
	if message != "" {
		fmt.Fprintln(c.options.Stderr, a.errorLine(message))
	}
	if hint != "" {
		fmt.Fprintln(c.options.Stderr, hint)
	}
	return code
}

// compatible rewrites the short options of cfy that have two letters, which the option parser does not know.
func compatible(args []string) []string {
	out := make([]string, 0, len(args))
	for i, arg := range args {
		switch arg {
		case "--":
			return append(out, args[i:]...)
		case "-lr":
			arg = "--labels-rule"
		case "-ar":
			arg = "--attrs-rule"
		}
		out = append(out, arg)
	}
	return out
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "reify",
		Short: "Model, install and keep running applications",
		Long: "Reify turns an application model into a running system and keeps it running.\n\n" +
			"Start a manager with \"reify server\", tell this program about it with \"reify profiles use URL\", and\n" +
			"install an application with \"reify up DIRECTORY\".",
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetIn(a.Stdin)
	root.SetOut(a.Stdout)
	root.SetErr(a.Stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &exit.UsageError{Command: cmd.CommandPath(), Text: err.Error()}
	})
	flags := root.PersistentFlags()
	flags.BoolVar(&a.json, "json", false, "print the result as one JSON value")
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "print results and errors only")
	flags.BoolVarP(&a.verbose, "verbose", "v", false, "say more about errors")
	flags.StringVarP(&a.tenant, "tenant-name", "t", "", "tenant to work in (default: that of the profile)")
	flags.StringVarP(&a.manager, "manager", "m", "", "profile to use instead of the current one")
	group(root)
	root.AddCommand(a.upCommand(), a.downCommand(), a.installCommand(), a.uninstallCommand(), a.blueprintsCommand(),
		a.deploymentsCommand(), a.executionsCommand(), a.planCommand(), a.applyCommand(), a.workflowsCommand(), a.nodesCommand(), a.nodeInstancesCommand(),
		a.eventsCommand(), a.pluginsCommand(), a.tokensCommand(), a.agentsCommand(), a.profilesCommand(), a.statusCommand(),
		a.versionCommand(), a.configCommand(), a.completionCommand(root), a.offline().LanguageServer(), a.secretsKeyCommand(), a.usersPermitCommand())
	a.administration(root)
	if a.Server != nil {
		root.AddCommand(program("server", "Run a manager", a.Server, a))
	}
	if a.PythonSetup != nil && a.PythonStatus != nil {
		root.AddCommand(noun("python", "Environment of the Python plugins of a manager on this machine", nil,
			program("setup", "Make the environment, or check that it is there", a.PythonSetup, a),
			program("status", "Show the environment", a.PythonStatus, a)))
	}
	if a.CertificatesShow != nil && a.CertificatesExport != nil {
		root.AddCommand(a.certificatesCommand())
	}
	root.SetHelpCommand(&cobra.Command{Use: "help [COMMAND]", Short: "Show help", RunE: func(cmd *cobra.Command, args []string) error {
		found, _, err := root.Find(args)
		if err != nil {
			return &exit.UsageError{Command: root.Name(), Text: err.Error()}
		}
		return found.Help()
	}})
	return root
}

// group makes cmd a noun: alone it shows its help, with an unknown verb it says so.
func group(cmd *cobra.Command) *cobra.Command {
	cmd.Args = cobra.ArbitraryArgs
	cmd.SuggestionsMinimumDistance = 2
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		e := &exit.UsageError{Command: cmd.CommandPath(), Text: fmt.Sprintf("unknown command %q", args[0])}
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			e.Text += "; did you mean " + strings.Join(near, " or ") + "?"
		}
		return e
	}
	return cmd
}

// noun returns a command that only holds others.
func noun(use, short string, aliases []string, verbs ...*cobra.Command) *cobra.Command {
	cmd := group(&cobra.Command{Use: use, Short: short, Aliases: aliases})
	cmd.AddCommand(verbs...)
	return cmd
}

// verb returns a command with between min and max arguments.
func verb(use, short string, min, max int, run func(ctx context.Context, args []string) error) *cobra.Command {
	return &cobra.Command{
		Use:   use,
		Short: short,
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) < min:
				return &exit.UsageError{Command: cmd.CommandPath(), Text: "missing argument; usage: " + cmd.UseLine()}
			case max >= 0 && len(args) > max:
				return &exit.UsageError{Command: cmd.CommandPath(),
					Text: fmt.Sprintf("unexpected argument %q; usage: %s", args[max], cmd.UseLine())}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			err := run(cmd.Context(), args)
			var usage *exit.UsageError
			if errors.As(err, &usage) && usage.Command == "" {
				usage.Command = cmd.CommandPath()
			}
			return err
		},
	}
}

// require makes options of cmd mandatory.
func require(cmd *cobra.Command, flags ...string) *cobra.Command {
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		for _, name := range flags {
			if f := cmd.Flags().Lookup(name); f.Value.String() == "" || !f.Changed {
				return &exit.UsageError{Command: cmd.CommandPath(), Text: fmt.Sprintf("-%s/--%s is required", f.Shorthand, name)}
			}
		}
		return nil
	}
	return cmd
}

// program returns a command that hands all its arguments on.
func program(use, short string, run Program, a *app) *cobra.Command {
	return &cobra.Command{
		Use: use + " [OPTIONS]", Short: short, DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			err := run(cmd.Context(), args, a.Stdout, a.Stderr)
			var usage *exit.UsageError
			if errors.As(err, &usage) {
				usage.Command = cmd.CommandPath()
			}
			return err
		},
	}
}

func (a *app) completionCommand(root *cobra.Command) *cobra.Command {
	cmd := verb("completion bash|zsh|fish", "Print a script that completes commands in a shell", 1, 1,
		func(_ context.Context, args []string) error {
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.Stdout, true)
			case "zsh":
				return root.GenZshCompletion(a.Stdout)
			case "fish":
				return root.GenFishCompletion(a.Stdout, true)
			}
			return exit.Usagef("unknown shell %q; want bash, zsh or fish", args[0])
		})
	cmd.ValidArgs = []string{"bash", "zsh", "fish"}
	cmd.Example = "  source <(reify completion bash)"
	return cmd
}
