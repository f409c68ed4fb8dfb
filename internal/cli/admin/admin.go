// Package admin holds the nouns and verbs that are thin over the REST API: one request, or two, whose answer is shown as it
// came. They are rows of tables, one table per file: people, catalogue, upkeep and system. What follows executions, packs
// blueprints or computes anything is in package cli.
//
// The grammar is that of cfy. The package knows nothing of profiles, terminals and exit codes: the command line around it
// brings them along as a Shell.
package admin

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/reifyhq/reify/internal/client"
)

// Shell is the command line around the verbs. All fields are required.
type Shell struct {
	// With runs f with a client for the manager in use.
	With func(f func(*client.Client) error) error
	// Say tells people what was done; Page and Object show what came.
	Say    func(format string, args ...any)
	Page   func(what string, p client.Page[client.Object], columns []string) error
	Object func(title string, o client.Object, columns []string) error
	// Save writes a download to a file or directory and returns its path.
	Save func(d *client.Download, path, fallback string) (string, error)
	// Rule reads a filter rule, Secret a value that may be "-" for standard input; Usage makes the error of a wrong command
	// line.
	Rule   func(text, kind string) (client.FilterRule, error)
	Secret func(value string) (string, error)
	Usage  func(text string) error
	// Verb and Noun make commands that behave like all others.
	Verb func(use, short string, min, max int, run func(ctx context.Context, args []string) error) *cobra.Command
	Noun func(use, short string, aliases []string, verbs ...*cobra.Command) *cobra.Command
}

// verb is a row of the tables.
type verb struct {
	// noun is the path of the noun, such as "blueprints filters".
	noun, use, short string
	flags            []option
	// plan says what is asked of the manager; the last request's answer is shown.
	plan func(in input) ([]request, error)
}

// option is an option of a verb; its kind follows from what is set.
type option struct {
	name, short, value, help string
	// isTrue makes it a switch, isMany lets it be repeated, isNeeded mandatory.
	isTrue, isMany, isNeeded bool
}

// request is one request of a verb and what becomes of its answer: a list or an object is shown by its columns, a download
// is saved, and then is said.
type request struct {
	client.Plain
	columns []string
	isList  bool
	// title is what is shown, in the plural for lists.
	title string
	// isDownload saves the answer to output, or under the name fallback.
	isDownload       bool
	output, fallback string
	then             string
}

// nouns are the nouns of this package with what they are about; those without a row here belong to package cli.
var nouns = []struct{ path, short, alias string }{
	{"users", "Users of the manager", "user"},
	{"user-groups", "Groups of users", "user-group"},
	{"tenants", "Tenants", "tenant"},
	{"permissions", "Permissions of roles", "permission"},
	{"secrets", "Secrets", "secret"},
	{"sites", "Sites", "site"},
	{"blueprints filters", "Stored filters for lists of blueprints", "filter"},
	{"deployments filters", "Stored filters for lists of deployments", "filter"},
	{"deployments modifications", "Modifications of a deployment's instances", "modification"},
	{"executions graphs", "Task graphs of executions", "graph"},
	{"executions operations", "Operations of executions", "operation"},
	{"maintenance-mode", "Maintenance mode", ""},
	{"managers", "Managers of the installation", "manager"},
	{"cluster", "What the installation is made of", ""},
	{"cluster managers", "Managers of the installation", ""},
	{"cluster brokers", "Brokers of the installation", ""},
	{"cluster db-nodes", "Database nodes of the installation", ""},
	{"idp", "Where users come from", ""},
	{"ldap", "Users of a directory", ""},
	{"license", "Licenses, of which there are none", "licenses"},
	{"snapshots", "Backups of the manager's state", "snapshot"},
	{"log-bundles", "Collections of the manager's logs", "log-bundle"},
}

// AddTo adds the nouns and verbs to the command line.
func AddTo(root *cobra.Command, sh Shell) {
	for _, n := range nouns {
		parent, name := root, n.path
		if above, last, ok := strings.Cut(n.path, " "); ok {
			parent, name = child(root, above), last
		}
		var aliases []string
		if n.alias != "" {
			aliases = []string{n.alias}
		}
		parent.AddCommand(sh.Noun(name, n.short, aliases))
	}
	for _, v := range slices.Concat(people, catalogue, upkeep, system) {
		at := root
		for name := range strings.SplitSeq(v.noun, " ") {
			at = child(at, name)
		}
		at.AddCommand(sh.command(v))
	}
}

// child is the command of a name below another. That it is there is a matter of the tables.
func child(parent *cobra.Command, name string) *cobra.Command {
	i := slices.IndexFunc(parent.Commands(), func(c *cobra.Command) bool { return c.Name() == name })
	return parent.Commands()[i]
}

// command makes the command of a row.
func (sh Shell) command(v verb) *cobra.Command {
	least, most := arguments(v.use)
	var cmd *cobra.Command
	cmd = sh.Verb(v.use, v.short, least, most, func(ctx context.Context, args []string) error {
		in := input{sh: sh, args: args, cmd: cmd}
		for _, f := range v.flags {
			if f.isNeeded && in.text(f.name) == "" && len(in.texts(f.name)) == 0 {
				return sh.Usage(fmt.Sprintf("-%s/--%s is required", f.short, f.name))
			}
		}
		requests, err := v.plan(in)
		if err != nil {
			return err
		}
		return sh.With(func(c *client.Client) error { return sh.run(ctx, c, requests) })
	})
	for _, f := range v.flags {
		switch {
		case f.isTrue:
			cmd.Flags().BoolP(f.name, f.short, false, f.help)
		case f.isMany:
			cmd.Flags().StringArrayP(f.name, f.short, nil, f.help)
		default:
			cmd.Flags().StringP(f.name, f.short, f.value, f.help)
		}
	}
	return cmd
}

// arguments counts the arguments in a usage line; those in brackets may be left out.
func arguments(use string) (least, most int) {
	for _, word := range strings.Fields(use)[1:] {
		most++
		if !strings.HasPrefix(word, "[") {
			least++
		}
	}
	return least, most
}

// run sends the requests one after the other and shows the last answer.
func (sh Shell) run(ctx context.Context, c *client.Client, requests []request) error {
	for i, r := range requests {
		switch {
		case r.isDownload:
			return sh.download(ctx, c, r)
		case r.isList:
			page, err := c.List(ctx, r.Plain)
			if err != nil {
				return err
			}
			return sh.Page(r.title, page, r.columns)
		}
		answer, err := c.Do(ctx, r.Plain)
		if err != nil {
			return err
		}
		if i < len(requests)-1 {
			continue
		}
		if err := sh.show(r, answer); err != nil {
			return err
		}
		if r.then != "" {
			sh.Say("%s", r.then)
		}
	}
	return nil
}

func (sh Shell) show(r request, answer any) error {
	switch o := answer.(type) {
	case client.Object:
		if r.columns != nil {
			return sh.Object(r.title, o, r.columns)
		}
	case nil:
	default:
		if r.columns != nil {
			return sh.Object(r.title, client.Object{r.columns[0]: o}, r.columns)
		}
	}
	return nil
}

func (sh Shell) download(ctx context.Context, c *client.Client, r request) error {
	d, err := c.Fetch(ctx, r.Segments...)
	if err != nil {
		return err
	}
	path, err := sh.Save(d, r.output, r.fallback)
	if err != nil {
		return err
	}
	sh.Say("%s downloaded as %s", r.title, path)
	return nil
}

// input is what a verb was called with.
type input struct {
	sh   Shell
	args []string
	cmd  *cobra.Command
}

func (in input) text(name string) string {
	f := in.cmd.Flags().Lookup(name)
	if f == nil || f.Value.Type() != "string" {
		return ""
	}
	return f.Value.String()
}

func (in input) texts(name string) []string {
	list, err := in.cmd.Flags().GetStringArray(name)
	if err != nil {
		return nil
	}
	return list
}

func (in input) is(name string) bool {
	on, err := in.cmd.Flags().GetBool(name)
	return err == nil && on
}

// body collects the members of a request body.
type body map[string]any

// with adds a member unless it is an empty text.
func (b body) with(name, value string) body {
	if value != "" {
		b[name] = value
	}
	return b
}

// listing are the options that lists share.
func listing(sortBy string, more ...option) []option {
	return append([]option{
		{name: "pagination-offset", short: "o", value: "0", help: "how many items to skip"},
		{name: "pagination-size", short: "s", value: "1000", help: "greatest number of items"},
		{name: "sort-by", value: sortBy, help: "field to sort by"},
		{name: "descending", isTrue: true, help: "sort from great to small"},
		{name: "search", help: "only those whose name contains this text"},
	}, more...)
}

var (
	allTenants = option{name: "all-tenants", short: "a", isTrue: true, help: "list those of all tenants"}
	getData    = option{name: "get-data", isTrue: true, help: "names instead of numbers"}
	visibility = option{name: "visibility", short: "l", help: "who may see it: private, tenant or global"}
	needSight  = option{name: "visibility", short: "l", isNeeded: true, help: "who may see it: tenant or global (required)"}
	newOwner   = option{name: "username", short: "s", isNeeded: true, help: "who shall own it (required)"}
	output     = option{name: "output-path", short: "o", help: "file or directory to write to"}
)

// list is the query of a list.
func (in input) list() (url.Values, error) {
	q := url.Values{}
	for option, name := range map[string]string{"pagination-offset": "_offset", "pagination-size": "_size"} {
		text := in.text(option)
		if n, err := strconv.Atoi(text); err != nil || n < 0 {
			return nil, in.sh.Usage(fmt.Sprintf("--%s must be a number, not %q", option, text))
		}
		q.Set(name, text)
	}
	if field := in.text("sort-by"); field != "" {
		if in.is("descending") {
			field = "-" + field
		}
		q.Set("_sort", field)
	}
	if text := in.text("search"); text != "" {
		q.Set("_search", text)
	}
	in.always(q)
	return q, nil
}

// always adds the switches that queries of all kinds know.
func (in input) always(q url.Values) {
	for option, name := range map[string]string{"all-tenants": "_all_tenants", "get-data": "_get_data"} {
		if in.is(option) {
			q.Set(name, "true")
		}
	}
}

// one makes the plan of a single request.
func one(r request) ([]request, error) { return []request{r}, nil }

// ask makes a request of a method and path.
func ask(method string, segments ...string) request {
	return request{Plain: client.Plain{Method: method, Segments: segments}}
}

func (r request) sending(b any) request {
	r.Body = b
	return r
}

func (r request) saying(format string, args ...any) request {
	r.then = fmt.Sprintf(format, args...)
	return r
}

// showing shows the members of the object that is answered.
func (r request) showing(title string, columns ...string) request {
	r.title, r.columns = title, columns
	return r
}

// lists makes the plan of a list of a resource.
func lists(what string, segments []string, columns ...string) func(in input) ([]request, error) {
	return func(in input) ([]request, error) {
		q, err := in.list()
		r := ask("GET", segments...).showing(what, columns...)
		r.isList, r.Query = true, q
		return []request{r}, err
	}
}

// gets makes the plan of showing the one that the argument names.
func gets(title, resource string, columns ...string) func(in input) ([]request, error) {
	return func(in input) ([]request, error) {
		r := ask("GET", resource, in.args[0]).showing(title, columns...)
		r.Query = url.Values{}
		in.always(r.Query)
		return one(r)
	}
}

// deletes makes the plan of deleting the one that the argument names.
func deletes(what, resource string) func(in input) ([]request, error) {
	return func(in input) ([]request, error) {
		return one(ask("DELETE", resource, in.args[0]).saying("%s deleted: %s", what, in.args[0]))
	}
}
