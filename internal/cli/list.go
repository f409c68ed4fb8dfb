package cli

import (
	"net/url"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/reifyhq/reify/internal/cli/argument"
	"github.com/reifyhq/reify/internal/cli/table"
	"github.com/reifyhq/reify/internal/client"
)

// listFlags are the options that all lists share.
type listFlags struct {
	offset, size           int
	sortBy                 string
	isDescending           bool
	allTenants             bool
	search, filterID       string
	labelRules, attrsRules []string
}

// register adds the options; withRules also those of lists that can be searched by rules.
func (l *listFlags) register(cmd *cobra.Command, sortBy string, withRules bool) {
	f := cmd.Flags()
	f.IntVarP(&l.offset, "pagination-offset", "o", 0, "how many items to skip")
	f.IntVarP(&l.size, "pagination-size", "s", 1000, "greatest number of items")
	f.StringVar(&l.sortBy, "sort-by", sortBy, "field to sort by")
	f.BoolVar(&l.isDescending, "descending", false, "sort from great to small")
	f.BoolVarP(&l.allTenants, "all-tenants", "a", false, "list those of all tenants")
	f.StringVar(&l.search, "search", "", "only those whose id contains this text")
	if withRules {
		f.StringVar(&l.filterID, "filter-id", "", "only those that a stored filter selects")
		f.StringArrayVar(&l.labelRules, "labels-rule", nil, "only those whose labels match, such as env=prod (also -lr)")
		f.StringArrayVar(&l.attrsRules, "attrs-rule", nil, "only those whose attributes match, such as created_by=admin (also -ar)")
	}
}

func (l *listFlags) options() client.ListOptions {
	o := client.ListOptions{
		Offset: l.offset, Size: l.size, AllTenants: l.allTenants, Search: l.search, FilterID: l.filterID,
		Equal: url.Values{},
	}
	if l.sortBy != "" {
		sort := l.sortBy
		if l.isDescending {
			sort = "-" + sort
		}
		o.Sort = []string{sort}
	}
	return o
}

func (l *listFlags) rules() ([]client.FilterRule, error) {
	var rules []client.FilterRule
	for _, r := range l.labelRules {
		rule, err := argument.Rule(r, "label")
		if err != nil {
			return nil, err
		}
		rules = append(rules, rule)
	}
	for _, r := range l.attrsRules {
		rule, err := argument.Rule(r, "attribute")
		if err != nil {
			return nil, err
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

// printPage prints a list: the items as a JSON array, or a table and how many of how many it shows.
func printPage[T any](a *app, what string, page client.Page[T], columns []string, row func(T) []any) error {
	if a.json {
		items := page.Items
		if items == nil {
			items = []T{}
		}
		return a.printJSON(items)
	}
	t := table.New(strings.ToUpper(what[:1])+what[1:]+":", a.style(), columns...)
	for _, item := range page.Items {
		t.Add(row(item)...)
	}
	if err := t.Write(a.Stdout); err != nil {
		return err
	}
	if f := page.Metadata.Filtered; f != nil {
		a.say("Showing %d of %d %s, %d hidden by filter", len(page.Items), page.Metadata.Pagination.Total, what, *f)
		return nil
	}
	a.say("Showing %d of %d %s", len(page.Items), page.Metadata.Pagination.Total, what)
	return nil
}

// printOne prints an object: as JSON, or as a table of the pairs.
func (a *app) printOne(title string, v any, pairs ...any) error {
	if a.json {
		return a.printJSON(v)
	}
	return table.Fields(a.Stdout, title, a.style(), pairs...)
}

// joinName is where a download goes: the proposed name, reduced to a plain file name, in dir.
func joinName(dir, proposed, fallback string) string {
	name := filepath.Base(filepath.FromSlash(proposed))
	if proposed == "" || name == "." || name == ".." || name == string(filepath.Separator) {
		name = fallback
	}
	return filepath.Join(dir, name)
}
