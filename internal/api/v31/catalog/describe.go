package catalog

import (
	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/api/openapi"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service/safe"
)

// Description says what the routes of this room take and answer.
func Description() openapi.Section {
	blankExport := safe.Exported{Secret: &model.Secret{}}
	return openapi.Section{Rows: rows, Schemas: map[string]openapi.Schema{
		"Secret":         openapi.Item(func(k *model.Secret) api.Record { return secretRecord(k, "") }),
		"SecretItem":     openapi.Item(secretItem),
		"ExportedSecret": openapi.Derive(exportedRecord(*openapi.Sample[safe.Exported](), true), exportedRecord(blankExport, true)),
		"SecretsProvider": openapi.Derive(providerRecord(openapi.Sample[safe.Provider]()),
			providerItem(&model.SecretsProvider{})),
		"Site":   openapi.Item(siteRecord),
		"Filter": openapi.Item(filterRecord),
	}}
}

const (
	secretFields   = " is_hidden_value:flag visibility schema:object provider_name provider_options:object"
	providerFields = " connection_parameters:object visibility test:flag"
)

var rows = []openapi.Row{
	{Route: "GET /secrets", Summary: "List secrets without their values", Permission: "secret_list", Query: "_filter_id", Search: "key",
		Filters: "id", Answer: "list SecretItem"},
	{Route: "POST /searches/secrets", Summary: "Search secrets", Permission: "secret_list", Query: "_filter_id", Search: "key",
		Filters: "id", Body: "filter_rules:rules constraints:object", Answer: "list SecretItem"},
	{Route: "GET /secrets/{key}", Summary: "Get a secret with its value", Permission: "secret_get", Query: "_include _skip_value:flag",
		Answer: "Secret"},
	{Route: "PUT /secrets/{key}", Summary: "Create a secret", Permission: "secret_create", Query: "_include",
		Body: "value:any update_if_exists:flag" + secretFields, Answer: "Secret"},
	{Route: "PATCH /secrets/{key}", Summary: "Change a secret", Permission: "secret_update", Query: "_include",
		Body: "value:any creator is_hidden_value:flag visibility provider_name provider_options:object", Answer: "Secret"},
	{Route: "DELETE /secrets/{key}", Summary: "Delete a secret", Permission: "secret_delete", Status: "204"},
	{Route: "PATCH /secrets/{key}/set-visibility", Summary: "Show a secret to more people", Permission: "secret_update", Query: "_include",
		Body: "visibility!", Answer: "Secret"},
	{Route: "GET /secrets/share/export", Summary: "Export secrets for another manager", Permission: "secret_export",
		Query: "_passphrase _include_metadata:flag", Of: "SecretItem", Search: "key", Filters: "id", Answer: "array ExportedSecret"},
	{Route: "POST /secrets/share/import", Summary: "Import exported secrets", Permission: "secret_import",
		Body:   "secrets_list!:list override_collisions!:flag tenant_map:object passphrase",
		Answer: "{colliding_secrets:any secrets_errors:any}"},
	{Route: "POST /secrets-key/rotate", Summary: "Exchange the key of the secrets", Permission: "manager_manage",
		Answer: "{key_id sealed:int}"},

	{Route: "GET /secrets-providers", Summary: "List secrets providers", Permission: "secrets_provider_list", Search: "name",
		Answer: "list SecretsProvider"},
	{Route: "PUT /secrets-providers", Summary: "Create a secrets provider, or with test try one out", Permission: "secrets_provider_create",
		Query: "_include", Body: "name! type!" + providerFields, Status: "200 204", Answer: "SecretsProvider"},
	{Route: "GET /secrets-providers/{name}", Summary: "Get a secrets provider", Permission: "secrets_provider_get", Query: "_include",
		Answer: "SecretsProvider"},
	{Route: "PATCH /secrets-providers/{name}", Summary: "Change a secrets provider", Permission: "secrets_provider_update",
		Query: "_include", Body: "name type" + providerFields, Answer: "SecretsProvider"},
	{Route: "DELETE /secrets-providers/{name}", Summary: "Delete a secrets provider", Permission: "secrets_provider_delete", Status: "204"},

	{Route: "GET /sites", Summary: "List sites", Permission: "site_list", Search: "name", Filters: "id", Answer: "list Site"},
	{Route: "GET /sites/{name}", Summary: "Get a site", Permission: "site_get", Query: "_include", Answer: "Site"},
	{Route: "PUT /sites/{name}", Summary: "Create a site", Permission: "site_create", Query: "_include", Body: "location visibility",
		Answer: "Site"},
	{Route: "POST /sites/{name}", Summary: "Change a site", Permission: "site_update", Query: "_include",
		Body: "location new_name visibility", Answer: "Site"},
	{Route: "DELETE /sites/{name}", Summary: "Delete a site", Permission: "site_delete", Status: "204"},

	{Route: "GET /filters/{kind}", Summary: "List the stored filters of a kind of resource", Permission: "filter_list", Search: "id",
		Answer: "list Filter"},
	{Route: "GET /filters/{kind}/{id}", Summary: "Get a filter", Permission: "filter_get", Query: "_include", Answer: "Filter"},
	{Route: "PUT /filters/{kind}/{id}", Summary: "Store a filter", Permission: "filter_create", Query: "_include",
		Body: "filter_rules!:rules visibility", Answer: "Filter"},
	{Route: "PATCH /filters/{kind}/{id}", Summary: "Change a filter", Permission: "filter_update", Query: "_include",
		Body: "filter_rules:rules visibility", Answer: "Filter"},
	{Route: "DELETE /filters/{kind}/{id}", Summary: "Delete a filter", Permission: "filter_delete", Status: "204"},
}
