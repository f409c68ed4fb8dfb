package admin

import (
	"fmt"
	"net/url"
	"os"

	"github.com/reifyhq/reify/internal/model"
)

var (
	providerColumns = []string{"name", "type", "visibility", "tenant_name", "created_by", "created_at", "updated_at"}
	auditColumns    = []string{"created_at", "creator_name", "operation", "ref_table", "ref_id", "ref_identifier", "execution_id"}
	passphrase      = option{name: "passphrase", short: "p", help: "seals the values; - reads it from standard input"}
	inClear         = option{name: "non-encrypted", isTrue: true, help: "the values are in clear"}
	providerType    = option{name: "provider-type", short: "y", help: "what it is: vault, for OpenBao and HashiCorp Vault"}
	parameters      = option{name: "connection-parameters", short: "c", help: "file with a JSON object that says how it is reached"}
	before          = option{name: "before", short: "b", help: "only those before this time, such as 2030-01-31"}
)

// sharing are the verbs of what secrets are exchanged with, and of the audit log.
var sharing = []verb{
	{"secrets", "export", "Write all secrets that you may see to a file", []option{
		{name: "output-path", short: "o", value: "secrets.json", help: "file to write, which must not exist"}, passphrase, inClear, allTenants},
		func(in input) ([]request, error) {
			r := ask("GET", "secrets", "share", "export").saying("Secrets written to %s", in.text("output-path"))
			r.private, r.Query = in.text("output-path"), url.Values{}
			in.always(r.Query)
			text, err := in.passphrase()
			if text != "" {
				r.Query.Set("_passphrase", text)
			}
			return []request{r}, err
		}},
	{"secrets", "import", "Take over secrets from a file that export wrote", []option{
		{name: "input-path", short: "i", isNeeded: true, help: "the file"}, passphrase, inClear,
		{name: "override-collisions", isTrue: true, help: "replace secrets that are there"},
		{name: "tenant-map", help: "file with a JSON object of other names for tenants"}},
		func(in input) ([]request, error) {
			text, err := in.passphrase()
			b := body{"override_collisions": in.is("override-collisions")}.with("passphrase", text)
			var list []any
			if err == nil {
				err = in.document("input-path", &list)
			}
			b["secrets_list"] = list
			if err == nil && in.text("tenant-map") != "" {
				var renamed map[string]string
				err = in.document("tenant-map", &renamed)
				b["tenant_map"] = renamed
			}
			return []request{ask("POST", "secrets", "share", "import").sending(b).
				showing("Secrets imported; what was not:", "colliding_secrets", "secrets_errors")}, err
		}},
	{"secrets providers", "list", "List providers", listing("name", allTenants), lists("providers", []string{"secrets-providers"}, providerColumns...)},
	{"secrets providers", "get NAME", "Show a provider", nil, gets("Provider:", "secrets-providers", providerColumns...)},
	{"secrets providers", "create NAME", "Name a store outside of the manager", []option{providerType, parameters, visibility}, provider("PUT", "created")},
	{"secrets providers", "update NAME", "Change a provider", []option{providerType, parameters, visibility}, provider("PATCH", "updated")},
	{"secrets providers", "test [NAME]", "Try to reach a provider, or one that is not named yet", []option{providerType, parameters},
		func(in input) ([]request, error) {
			b := body{"name": "", "type": in.text("provider-type"), "test": true}
			if len(in.args) > 0 {
				b["name"] = in.args[0]
			}
			err := in.connection(b)
			return []request{ask("PUT", "secrets-providers").sending(b).saying("The provider can be reached")}, err
		}},
	{"secrets providers", "delete NAME", "Forget a provider", nil, deletes("Provider", "secrets-providers")},

	{"auditlog", "list", "List who asked for what", []option{
		{name: "creator-name", short: "c", help: "only what this user asked for"},
		{name: "execution-id", short: "e", help: "only what this execution asked for"},
		{name: "since", short: "i", help: "only what was asked for since this time"}, before,
		{name: "sort-by", value: "created_at", help: "field to sort by"},
		{name: "descending", isTrue: true, help: "sort from great to small"},
		{name: "pagination-offset", short: "o", value: "0", help: "how many items to skip"},
		{name: "pagination-size", short: "s", value: "1000", help: "greatest number of items"}},
		func(in input) ([]request, error) {
			r := ask("GET", "audit").showing("audit records", auditColumns...)
			r.isList, r.Query = true, in.auditQuery()
			for name, value := range map[string]string{"order_by": in.text("sort-by"), "desc": fmt.Sprint(in.is("descending")),
				"offset": in.text("pagination-offset"), "size": in.text("pagination-size")} {
				r.Query.Set(name, value)
			}
			return one(r)
		}},
	{"auditlog", "truncate", "Delete old audit records", []option{{name: "before", short: "b", isNeeded: true, help: before.help},
		{name: "creator-name", short: "c", help: "only of this user"}, {name: "execution-id", short: "e", help: "only of this execution"}},
		func(in input) ([]request, error) {
			r := ask("DELETE", "audit").showing("Deleted:", "deleted")
			r.Query = in.auditQuery()
			return one(r)
		}},
}

// passphrase is what seals exported secrets; without one the user must have asked for values in clear.
func (in input) passphrase() (string, error) {
	text, err := in.sh.Secret(in.text("passphrase"))
	if err == nil && (text == "") != in.is("non-encrypted") {
		err = in.sh.Usage("give either -p/--passphrase or --non-encrypted")
	}
	return text, err
}

// document reads the JSON file that an option names.
func (in input) document(name string, out any) error {
	data, err := os.ReadFile(in.text(name))
	if err == nil {
		err = model.DecodeJSON(data, out)
	}
	if err != nil {
		return fmt.Errorf("read the file of --%s: %w", name, err)
	}
	return nil
}

// connection adds the connection parameters of a provider to a body.
func (in input) connection(b body) error {
	if in.text("connection-parameters") == "" {
		return nil
	}
	var p map[string]any
	err := in.document("connection-parameters", &p)
	b["connection_parameters"] = p
	return err
}

func provider(method, done string) func(in input) ([]request, error) {
	return func(in input) ([]request, error) {
		b := body{"name": in.args[0]}.with("type", in.text("provider-type")).with("visibility", in.text("visibility"))
		path := []string{"secrets-providers"}
		if method == "PATCH" {
			path = append(path, in.args[0])
		}
		err := in.connection(b)
		return []request{ask(method, path...).sending(b).saying("Provider %s: %s", done, in.args[0])}, err
	}
}

// auditQuery are the options that choose audit records.
func (in input) auditQuery() url.Values {
	q := url.Values{}
	for option, name := range map[string]string{"creator-name": "creator_name", "execution-id": "execution_id", "since": "since", "before": "before"} {
		if text := in.text(option); text != "" {
			q.Set(name, text)
		}
	}
	return q
}
