package offline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/reifyhq/reify/internal/cli/exit"
	"github.com/reifyhq/reify/internal/inspect"
	"github.com/reifyhq/reify/internal/lsp"
)

// localPath refuses a path that names nothing, before anything is read.
func localPath(path string) error {
	if strings.HasPrefix(path, "http://") || strings.HasPrefix(path, "https://") {
		return nil
	}
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return exit.Usagef("there is no %s", path)
	}
	return nil
}

// Validate is the verb that checks blueprints.
func (sh Shell) Validate() *cobra.Command {
	var isSARIF bool
	var catalogue *string
	cmd := sh.Verb("validate PATH...", "Check blueprints, without a manager", 1, -1,
		func(ctx context.Context, args []string) error {
			for _, path := range args {
				if err := localPath(path); err != nil {
					return err
				}
			}
			format := inspect.Text
			switch {
			case isSARIF && sh.JSON():
				return exit.Usagef("--json and --sarif exclude each other")
			case isSARIF:
				format = inspect.SARIF
			case sh.JSON():
				format = inspect.JSON
			}
			in, done, err := sh.inspector(*catalogue)
			if err != nil {
				return err
			}
			defer done()
			problems, err := in.Validate(ctx, args, format, sh.Stdout)
			switch {
			case err != nil:
				return err
			case problems == 1:
				return errors.New("1 problem found")
			case problems > 1:
				return fmt.Errorf("%d problems found", problems)
			case !isSARIF:
				sh.Say("No problems found")
			}
			return nil
		})
	catalogue = catalogueFlag(cmd)
	cmd.Flags().BoolVar(&isSARIF, "sarif", false, "print the findings as SARIF, for editors and code review")
	cmd.Long = "Check blueprints, without a manager. A PATH is a blueprint file, a directory, an archive or an http(s) URL.\n" +
		"All problems are reported in one run, each with its place, our code and Cloudify's, and what to do."
	cmd.Example = "  reify blueprints validate examples/hello-web\n  reify blueprints validate app.tar.gz --json"
	return cmd
}

// catalogueFlag lets the user name the directory with the YAML files of plugin: and blueprint: imports.
func catalogueFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("catalogue", "",
		"directory with the YAML files of plugin: and blueprint: imports, NAME.yaml each (also REIFY_CATALOGUE)")
}

// openCatalogue returns the files of the catalogue that the option or the environment names, nil when none does.
func (sh Shell) openCatalogue(dir string) (fs.FS, error) {
	if dir == "" {
		if dir = sh.Env("REIFY_CATALOGUE"); dir == "" {
			return nil, nil
		}
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, exit.Usagef("the catalogue %s is not a directory", dir)
	}
	return os.DirFS(dir), nil
}

// inspector returns what looks at blueprints on this machine, and what ends its connections.
func (sh Shell) inspector(catalogue string) (inspect.Inspector, func(), error) {
	files, err := sh.openCatalogue(catalogue)
	c := &http.Client{}
	return inspect.Inspector{HTTP: c, Clock: sh.Clock, Catalogue: files}, c.CloseIdleConnections, err
}

// drawings are the values of --format.
var drawings = []string{string(inspect.SVG), string(inspect.DOT), string(inspect.Mermaid)}

// Graph is the verb that draws a topology.
func (sh Shell) Graph() *cobra.Command {
	var format, out string
	var catalogue *string
	cmd := sh.Verb("graph PATH", "Draw the topology of a blueprint, without a manager", 1, 1,
		func(ctx context.Context, args []string) error {
			if err := localPath(args[0]); err != nil {
				return err
			}
			form := inspect.Drawing(format)
			if sh.JSON() {
				form = inspect.Data
			} else if !slices.Contains(drawings, format) {
				return exit.Usagef("unknown format %q; want one of %s", format, strings.Join(drawings, ", "))
			}
			in, done, err := sh.inspector(*catalogue)
			if err != nil {
				return err
			}
			defer done()
			var b bytes.Buffer
			if err := in.Graph(ctx, args[0], form, &b); err != nil {
				return err
			}
			if out == "" {
				_, err := sh.Stdout.Write(b.Bytes())
				return err
			}
			if err := os.WriteFile(out, b.Bytes(), 0o644); err != nil {
				return err
			}
			sh.Say("Drawn as %s", out)
			return nil
		})
	catalogue = catalogueFlag(cmd)
	cmd.Flags().StringVar(&format, "format", "svg", "svg, dot (Graphviz) or mermaid (Markdown)")
	cmd.Flags().StringVarP(&out, "out", "o", "", "file to write to (default: standard output)")
	cmd.Example = "  reify blueprints graph examples/three-tier -o topology.svg\n" +
		"  reify blueprints graph examples/three-tier --format mermaid"
	return cmd
}

// Explain is the verb that tells where the parts of a node come from.
func (sh Shell) Explain() *cobra.Command {
	var catalogue *string
	cmd := sh.Verb("explain PATH NODE", "Tell where everything of a node comes from, without a manager", 2, 2,
		func(ctx context.Context, args []string) error {
			if err := localPath(args[0]); err != nil {
				return err
			}
			in, done, err := sh.inspector(*catalogue)
			if err != nil {
				return err
			}
			defer done()
			return in.Explain(ctx, args[0], args[1], sh.JSON(), sh.Stdout)
		})
	catalogue = catalogueFlag(cmd)
	cmd.Example = "  reify blueprints explain examples/three-tier proxy"
	return cmd
}

// LanguageServer is the command that serves an editor.
func (sh Shell) LanguageServer() *cobra.Command {
	var catalogue *string
	cmd := sh.Verb("lsp", "Serve an editor as the language server of blueprints", 0, 0,
		func(ctx context.Context, _ []string) error {
			files, err := sh.openCatalogue(*catalogue)
			if err != nil {
				return err
			}
			c := &http.Client{}
			defer c.CloseIdleConnections()
			o := lsp.Options{In: sh.Stdin, Out: sh.Stdout, Log: sh.Stderr, Clock: sh.Clock, HTTP: c, Catalogue: files, Version: sh.Version}
			if cache, err := os.UserCacheDir(); err == nil {
				o.BuiltInDir = filepath.Join(cache, "reify", "types")
			}
			return lsp.New(o).Run(ctx)
		})
	cmd.Long = "Serve an editor as the language server of blueprints, over standard input and output.\n" +
		"Editors start it themselves; docs/editors.md tells how to set them up."
	catalogue = catalogueFlag(cmd)
	// Editors add this option by habit; standard streams are all there is.
	cmd.Flags().Bool("stdio", true, "speak over standard input and output")
	return cmd
}
