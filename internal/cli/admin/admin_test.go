package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/reifyhq/reify/internal/client"
)

var update = flag.Bool("update", false, "write the requests of the commands again")

// listener is a manager that writes down what it is asked and answers nothing of interest.
type listener struct{ heard bytes.Buffer }

func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	data, _ := io.ReadAll(r.Body)
	fmt.Fprintf(&l.heard, "%s %s", r.Method, strings.TrimPrefix(r.URL.RequestURI(), "/api/v3.1"))
	if len(data) > 0 {
		fmt.Fprintf(&l.heard, " %s", bytes.TrimSpace(data))
	}
	l.heard.WriteString("\n")
	json.NewEncoder(w).Encode(map[string]any{"items": []any{}})
}

// shell is the least command line around the verbs.
func shell(url string) Shell {
	return Shell{
		With: func(f func(*client.Client) error) error {
			c, err := client.New(client.Config{URL: url})
			if err != nil {
				return err
			}
			defer c.Close()
			return f(c)
		},
		Say:    func(string, ...any) {},
		Page:   func(string, client.Page[client.Object], []string) error { return nil },
		Object: func(string, client.Object, []string) error { return nil },
		Save:   func(d *client.Download, _, fallback string) (string, error) { return fallback, d.Body.Close() },
		Rule: func(text, kind string) (client.FilterRule, error) {
			key, v, _ := strings.Cut(text, "=")
			return client.FilterRule{Key: key, Values: []string{v}, Operator: "any_of", Type: kind}, nil
		},
		Secret: func(v string) (string, error) { return v, nil },
		Usage:  func(text string) error { return fmt.Errorf("usage: %s", text) },
		Verb: func(use, short string, min, max int, run func(context.Context, []string) error) *cobra.Command {
			return &cobra.Command{Use: use, Short: short, Args: cobra.RangeArgs(min, max),
				RunE: func(cmd *cobra.Command, args []string) error { return run(cmd.Context(), args) }}
		},
		Noun: func(use, short string, _ []string, verbs ...*cobra.Command) *cobra.Command {
			return &cobra.Command{Use: use, Short: short}
		},
	}
}

// commandLine has the nouns that package cli brings, and the verbs of this package.
func commandLine(url string) *cobra.Command {
	root := &cobra.Command{Use: "reify", SilenceErrors: true, SilenceUsage: true}
	root.PersistentFlags().StringP("tenant-name", "t", "", "")
	for _, name := range []string{"blueprints", "deployments", "executions", "events", "nodes", "node-instances", "config"} {
		root.AddCommand(&cobra.Command{Use: name})
	}
	AddTo(root, shell(url))
	return root
}

// TestRequests checks what each verb asks of the manager: testdata/requests.txt holds command lines, each followed by its
// requests or its error. Every verb must be there.
func TestRequests(t *testing.T) {
	t.Parallel()
	const file = "testdata/requests.txt"
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	var got bytes.Buffer
	for line := range strings.Lines(string(data)) {
		args, isCommand := strings.CutPrefix(line, "$ ")
		if !isCommand {
			continue
		}
		l := &listener{}
		server := httptest.NewServer(l)
		root := commandLine(server.URL)
		words := strings.Fields(args)
		root.SetArgs(words)
		ran, err := root.ExecuteContextC(t.Context())
		server.Close()
		if err != nil {
			fmt.Fprintln(&l.heard, err)
		}
		seen[ran.CommandPath()] = true
		fmt.Fprintf(&got, "$ %s\n%s", strings.Join(words, " "), l.heard.String())
	}
	for _, v := range slices.Concat(people, catalogue, upkeep, system) {
		name, _, _ := strings.Cut(v.use, " ")
		if path := "reify " + v.noun + " " + name; !seen[path] {
			t.Errorf("%s has no line for %s", file, path)
		}
	}
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if got.String() != string(data) {
		t.Errorf("the requests differ from %s; see the difference with -update:\n%s", file, got.String())
	}
}
