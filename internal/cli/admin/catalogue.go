package admin

import (
	"fmt"
	"os"
	"slices"

	"github.com/reifyhq/reify/internal/client"
)

var (
	secretColumns = []string{"key", "value", "visibility", "is_hidden_value", "provider_name", "tenant_name", "created_by", "created_at",
		"updated_at"}
	siteColumns   = []string{"name", "location", "visibility", "tenant_name", "created_by", "created_at"}
	filterColumns = []string{"id", "labels_filter_rules", "attrs_filter_rules", "visibility", "tenant_name", "created_by", "created_at",
		"updated_at"}
	secretText = option{name: "secret-string", short: "s", help: "the value; - reads it from standard input"}
	secretFile = option{name: "secret-file", short: "f", help: "file with the value"}
	hidden     = option{name: "hidden-value", isTrue: true, help: "only the creator and administrators see the value"}
	location   = option{name: "location", help: "where it is: latitude,longitude"}
	labelRules = option{name: "labels-rule", isMany: true, help: "a rule on labels, such as env=prod (also -lr); may be repeated"}
	attrsRules = option{name: "attrs-rule", isMany: true, help: "a rule on attributes, such as created_by=admin (also -ar); may be repeated"}
)

// catalogue are the verbs of secrets, sites and filters.
var catalogue = slices.Concat([]verb{
	{"secrets", "list", "List secrets, without their values", listing("key", allTenants),
		lists("secrets", []string{"secrets"}, slices.DeleteFunc(slices.Clone(secretColumns), func(c string) bool { return c == "value" })...)},
	{"secrets", "get KEY", "Show a secret with its value", nil, gets("Secret:", "secrets", secretColumns...)},
	{"secrets", "create KEY", "Create a secret", []option{secretText, secretFile, hidden, visibility,
		{name: "update-if-exists", short: "u", isTrue: true, help: "change it when it is there"}},
		func(in input) ([]request, error) {
			value, err := in.secret()
			if err == nil && value == "" {
				err = in.sh.Usage("-s/--secret-string or -f/--secret-file is required")
			}
			b := body{"value": value, "update_if_exists": in.is("update-if-exists"), "is_hidden_value": in.is("hidden-value")}.
				with("visibility", in.text("visibility"))
			return []request{ask("PUT", "secrets", in.args[0]).sending(b).saying("Secret created: %s", in.args[0])}, err
		}},
	{"secrets", "update KEY", "Change a secret", []option{secretText, secretFile, hidden,
		{name: "visible-value", isTrue: true, help: "whoever sees the secret sees its value"}, visibility},
		func(in input) ([]request, error) {
			value, err := in.secret()
			b := body{}.with("value", value).with("visibility", in.text("visibility"))
			if in.is("hidden-value") || in.is("visible-value") {
				b["is_hidden_value"] = in.is("hidden-value")
			}
			if err == nil && len(b) == 0 {
				err = in.sh.Usage("nothing to change; see the options")
			}
			return []request{ask("PATCH", "secrets", in.args[0]).sending(b).saying("Secret updated: %s", in.args[0])}, err
		}},
	{"secrets", "set-visibility KEY", "Show a secret to more people", []option{needSight}, widen("Secret", "secrets")},
	{"secrets", "set-global KEY", "Show a secret to all tenants", nil, globalize("Secret", "secrets")},
	{"secrets", "set-owner KEY", "Give a secret to another user", []option{newOwner}, hand("Secret", "secrets")},
	{"secrets", "delete KEY", "Delete a secret", nil, deletes("Secret", "secrets")},

	{"sites", "list", "List sites", listing("name", allTenants), lists("sites", []string{"sites"}, siteColumns...)},
	{"sites", "get NAME", "Show a site", nil, gets("Site:", "sites", siteColumns...)},
	{"sites", "create NAME", "Create a site", []option{location, visibility}, func(in input) ([]request, error) {
		b := body{}.with("location", in.text("location")).with("visibility", in.text("visibility"))
		return one(ask("PUT", "sites", in.args[0]).sending(b).saying("Site created: %s", in.args[0]))
	}},
	{"sites", "update NAME", "Change a site", []option{location, {name: "new-name", short: "n", help: "what it shall be called"}, visibility},
		func(in input) ([]request, error) {
			b := body{}.with("new_name", in.text("new-name")).with("visibility", in.text("visibility"))
			if in.cmd.Flags().Changed("location") {
				b["location"] = in.text("location")
			}
			return one(ask("POST", "sites", in.args[0]).sending(b).saying("Site updated: %s", in.args[0]))
		}},
	{"sites", "delete NAME", "Delete a site; its deployments have none then", nil, deletes("Site", "sites")},
}, filters("blueprints"), filters("deployments"))

// secret is the value of a secret: from the command line, standard input or a file.
func (in input) secret() (string, error) {
	path := in.text("secret-file")
	if path == "" {
		return in.sh.Secret(in.text("secret-string"))
	}
	if in.text("secret-string") != "" {
		return "", in.sh.Usage("give -s/--secret-string or -f/--secret-file, not both")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the value of the secret: %w", err)
	}
	return string(data), nil
}

// filters are the verbs of the stored filters for lists of a resource.
func filters(resource string) []verb {
	noun := resource + " filters"
	change := func(method, done string, needRules bool) func(in input) ([]request, error) {
		return func(in input) ([]request, error) {
			rules, err := in.rules()
			b := body{}.with("visibility", in.text("visibility"))
			if len(rules) > 0 {
				b["filter_rules"] = rules
			}
			if err == nil && (needRules && len(rules) == 0 || len(b) == 0) {
				err = in.sh.Usage("a filter has rules; give --labels-rule or --attrs-rule")
			}
			return []request{ask(method, "filters", resource, in.args[0]).sending(b).saying("Filter %s: %s", done, in.args[0])}, err
		}
	}
	return []verb{
		{noun, "list", "List filters", listing("id", allTenants), lists("filters", []string{"filters", resource}, filterColumns...)},
		{noun, "get ID", "Show a filter", nil, func(in input) ([]request, error) {
			return one(ask("GET", "filters", resource, in.args[0]).showing("Filter:", filterColumns...))
		}},
		{noun, "create ID", "Store a filter", []option{labelRules, attrsRules, visibility}, change("PUT", "created", true)},
		{noun, "update ID", "Change a filter; rules replace those of the same type", []option{labelRules, attrsRules, visibility},
			change("PATCH", "updated", false)},
		{noun, "delete ID", "Delete a filter", nil, func(in input) ([]request, error) {
			return one(ask("DELETE", "filters", resource, in.args[0]).saying("Filter deleted: %s", in.args[0]))
		}},
	}
}

// rules are the filter rules on the command line.
func (in input) rules() ([]client.FilterRule, error) {
	var out []client.FilterRule
	for _, kind := range []struct{ option, name string }{{"labels-rule", "label"}, {"attrs-rule", "attribute"}} {
		for _, text := range in.texts(kind.option) {
			rule, err := in.sh.Rule(text, kind.name)
			if err != nil {
				return nil, err
			}
			out = append(out, rule)
		}
	}
	return out, nil
}

// widen makes the plan of set-visibility.
func widen(what, resource string) func(in input) ([]request, error) {
	return func(in input) ([]request, error) {
		return one(ask("PATCH", resource, in.args[0], "set-visibility").sending(body{"visibility": in.text("visibility")}).
			saying("%s %s is %s now", what, in.args[0], in.text("visibility")))
	}
}

// globalize makes the plan of set-global.
func globalize(what, resource string) func(in input) ([]request, error) {
	return func(in input) ([]request, error) {
		return one(ask("PATCH", resource, in.args[0], "set-visibility").sending(body{"visibility": "global"}).
			saying("%s %s is global now", what, in.args[0]))
	}
}

// hand makes the plan of set-owner.
func hand(what, resource string) func(in input) ([]request, error) {
	return func(in input) ([]request, error) {
		return one(ask("PATCH", resource, in.args[0]).sending(body{"creator": in.text("username")}).
			saying("%s %s belongs to %s now", what, in.args[0], in.text("username")))
	}
}
