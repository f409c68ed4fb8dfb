package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// localPath refuses a path that names nothing, before anything is read.
func localPath(path string) error {
	if strings.HasPrefix(path, "http://") || strings.HasPrefix(path, "https://") {
		return nil
	}
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return usagef("there is no %s", path)
	}
	return nil
}

func (a *app) blueprintsValidate() *cobra.Command {
	var isSARIF bool
	cmd := verb("validate PATH...", "Check blueprints, without a manager", 1, -1,
		func(ctx context.Context, args []string) error {
			for _, path := range args {
				if err := localPath(path); err != nil {
					return err
				}
			}
			v := Validation{Paths: args, Format: "text", Colour: a.colour()}
			switch {
			case isSARIF && a.json:
				return usagef("--json and --sarif exclude each other")
			case isSARIF:
				v.Format = "sarif"
			case a.json:
				v.Format = "json"
			}
			problems, err := a.Validate(ctx, v, a.Stdout)
			switch {
			case err != nil:
				return err
			case problems == 1:
				return errors.New("1 problem found")
			case problems > 1:
				return fmt.Errorf("%d problems found", problems)
			case !isSARIF:
				a.say("No problems found")
			}
			return nil
		})
	cmd.Flags().BoolVar(&isSARIF, "sarif", false, "print the findings as SARIF, for editors and code review")
	cmd.Long = "Check blueprints, without a manager. A PATH is a blueprint file, a directory, an archive or an http(s) URL.\n" +
		"All problems are reported in one run, each with its place, our code and Cloudify's, and what to do."
	cmd.Example = "  reify blueprints validate examples/hello-web\n  reify blueprints validate app.tar.gz --json"
	return cmd
}

// drawings are the values of --format.
var drawings = []string{"svg", "dot", "mermaid"}

func (a *app) blueprintsGraph() *cobra.Command {
	var format, out string
	cmd := verb("graph PATH", "Draw the topology of a blueprint, without a manager", 1, 1,
		func(ctx context.Context, args []string) error {
			if err := localPath(args[0]); err != nil {
				return err
			}
			d := Drawing{Path: args[0], Format: format}
			if a.json {
				d.Format = "json"
			} else if !slices.Contains(drawings, format) {
				return usagef("unknown format %q; want one of %s", format, strings.Join(drawings, ", "))
			}
			if out == "" {
				return a.Graph(ctx, d, a.Stdout)
			}
			var b bytes.Buffer
			if err := a.Graph(ctx, d, &b); err != nil {
				return err
			}
			if err := os.WriteFile(out, b.Bytes(), 0o644); err != nil {
				return err
			}
			a.say("Drawn as %s", out)
			return nil
		})
	cmd.Flags().StringVar(&format, "format", "svg", "svg, dot (Graphviz) or mermaid (Markdown)")
	cmd.Flags().StringVarP(&out, "out", "o", "", "file to write to (default: standard output)")
	cmd.Example = "  reify blueprints graph examples/three-tier -o topology.svg\n" +
		"  reify blueprints graph examples/three-tier --format mermaid"
	return cmd
}

func (a *app) blueprintsExplain() *cobra.Command {
	cmd := verb("explain PATH NODE", "Tell where everything of a node comes from, without a manager", 2, 2,
		func(ctx context.Context, args []string) error {
			if err := localPath(args[0]); err != nil {
				return err
			}
			return a.Explain(ctx, Explanation{Path: args[0], Node: args[1], JSON: a.json}, a.Stdout)
		})
	cmd.Example = "  reify blueprints explain examples/three-tier proxy"
	return cmd
}

func (a *app) lspCommand() *cobra.Command {
	cmd := verb("lsp", "Serve an editor as the language server of blueprints", 0, 0,
		func(ctx context.Context, _ []string) error {
			return a.LanguageServer(ctx, a.Stdin, a.Stdout, a.Stderr)
		})
	cmd.Long = "Serve an editor as the language server of blueprints, over standard input and output.\n" +
		"Editors start it themselves; docs/editors.md tells how to set them up."
	// Editors add this option by habit; standard streams are all there is.
	cmd.Flags().Bool("stdio", true, "speak over standard input and output")
	return cmd
}
