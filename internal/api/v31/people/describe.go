package people

import (
	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/api/openapi"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service/people"
)

// Description says what the routes of this room take and answer.
func Description() openapi.Section {
	user, group, tenant := openapi.Sample[model.User](), openapi.Sample[model.Group](), openapi.Sample[people.Tenant]()
	return openapi.Section{Rows: rows, Schemas: map[string]openapi.Schema{
		"User":  openapi.Derive(userRecord(user, true), userRecord(user, false), userRecord(&model.User{}, false)),
		"Group": openapi.Derive(groupRecord(group, true), groupRecord(group, false), groupRecord(&model.Group{}, false)),
		"Tenant": openapi.Derive(tenantRecord(tenant, true, true), tenantRecord(tenant, false, false),
			tenantRecord(&people.Tenant{}, false, false)),
		"Permission": openapi.Derive(grantRecord(people.Grant{})),
		"Token": openapi.Item(func(t *model.Token) api.Record {
			return tokenRecord(t, "", "")
		}),
	}}
}

const (
	userMember  = "username! tenant_name!"
	groupMember = "group_name! tenant_name!"
	inGroup     = "username! group_name!"
	ldapFields  = "ldap_server ldap_username ldap_domain ldap_is_active_directory:flag ldap_dn_extra ldap_base_dn ldap_group_dn " +
		"ldap_bind_format ldap_user_filter ldap_group_member_filter ldap_attribute_email ldap_attribute_first_name " +
		"ldap_attribute_last_name ldap_attribute_uid ldap_attribute_group_membership ldap_nested_levels:int ldap_ca_path"
)

var rows = []openapi.Row{
	{Route: "GET /tenants", Summary: "List tenants", Permission: "tenant_list", Query: "_get_data", Search: "name", Answer: "list Tenant"},
	{Route: "GET /tenants/{name}", Summary: "Get a tenant", Permission: "tenant_get", Query: "_include _get_data", Answer: "Tenant"},
	{Route: "POST /tenants/{name}", Summary: "Create a tenant", Permission: "tenant_create", Query: "_include _get_data", Status: "201",
		Answer: "Tenant"},
	{Route: "DELETE /tenants/{name}", Summary: "Delete a tenant", Permission: "tenant_delete", Status: "204"},
	{Route: "PUT /tenants/users", Summary: "Add a user to a tenant", Permission: "tenant_add_user", Query: "_include _get_data",
		Body: userMember + " role!", Answer: "Tenant"},
	{Route: "PATCH /tenants/users", Summary: "Change the role of a user in a tenant", Permission: "tenant_update_user",
		Query: "_include _get_data", Body: userMember + " role!", Answer: "Tenant"},
	{Route: "DELETE /tenants/users", Summary: "Remove a user from a tenant", Permission: "tenant_remove_user", Body: userMember, Status: "204"},
	{Route: "PUT /tenants/user-groups", Summary: "Add a group to a tenant", Permission: "tenant_add_group", Query: "_include _get_data",
		Body: groupMember + " role!", Answer: "Tenant"},
	{Route: "PATCH /tenants/user-groups", Summary: "Change the role of a group in a tenant", Permission: "tenant_update_group",
		Query: "_include _get_data", Body: groupMember + " role!", Answer: "Tenant"},
	{Route: "DELETE /tenants/user-groups", Summary: "Remove a group from a tenant", Permission: "tenant_remove_group", Body: groupMember,
		Status: "204"},

	{Route: "GET /user", Summary: "Get the user who asks", Permission: "user_get_self", Query: "_include _get_data", Answer: "User"},
	{Route: "GET /users", Summary: "List users", Permission: "user_list", Query: "_get_data", Search: "username", Answer: "list User"},
	{Route: "PUT /users", Summary: "Create a user", Permission: "user_create", Query: "_include _get_data",
		Body: "username! password! role is_prehashed:flag created_at", Status: "201", Answer: "User"},
	{Route: "POST /users/active/{name}", Summary: "Activate or deactivate a user", Permission: "user_set_activated",
		Query: "_include _get_data", Body: "action!", Answer: "User"},
	{Route: "POST /users/unlock/{name}", Summary: "Unlock a user", Permission: "user_unlock", Query: "_include _get_data", Answer: "User"},
	{Route: "GET /users/{name}", Summary: "Get a user", Permission: "user_get", Query: "_include _get_data", Answer: "User"},
	{Route: "GET /users/{name}/why", Summary: "Explain whether a user has a permission", Permission: "user_get", Query: "permission! tenant",
		Answer: "{username permission tenant_name allowed:flag summary grants:list roles_with_permission:texts allowed_in_tenants:texts next}"},
	{Route: "POST /users/{name}", Summary: "Change a user's password or role", Permission: "user_update", Query: "_include _get_data",
		Body: "password role show_getting_started:flag", Answer: "User"},
	{Route: "DELETE /users/{name}", Summary: "Delete a user", Permission: "user_delete", Status: "204"},

	{Route: "GET /user-groups", Summary: "List groups of users", Permission: "user_group_list", Query: "_get_data", Search: "name",
		Answer: "list Group"},
	{Route: "POST /user-groups", Summary: "Create a group of users", Permission: "user_group_create", Query: "_include _get_data",
		Body: "group_name! ldap_group_dn role", Status: "201", Answer: "Group"},
	{Route: "PUT /user-groups/users", Summary: "Add a user to a group", Permission: "user_group_add_user", Query: "_include _get_data",
		Body: inGroup, Answer: "Group"},
	{Route: "DELETE /user-groups/users", Summary: "Remove a user from a group", Permission: "user_group_remove_user", Body: inGroup,
		Status: "204"},
	{Route: "GET /user-groups/{name}", Summary: "Get a group of users", Permission: "user_group_get", Query: "_include _get_data",
		Answer: "Group"},
	{Route: "POST /user-groups/{name}", Summary: "Change the role of a group", Permission: "user_group_update",
		Query: "_include _get_data", Body: "role!", Answer: "Group"},
	{Route: "DELETE /user-groups/{name}", Summary: "Delete a group of users", Permission: "user_group_delete", Status: "204"},

	{Route: "GET /permissions", Summary: "List the permissions of all roles", Permission: "administrators", Answer: "list Permission"},
	{Route: "GET /permissions/{role}", Summary: "List the permissions of a role", Permission: "administrators", Answer: "list Permission"},
	{Route: "PUT /permissions/{role}/{permission}", Summary: "Give a permission to a role", Permission: "administrators",
		Answer: "Permission"},
	{Route: "DELETE /permissions/{role}/{permission}", Summary: "Take a permission from a role", Permission: "administrators", Status: "204"},

	{Route: "GET /tokens", Summary: "List tokens", Permission: "token_get", Answer: "list Token"},
	{Route: "POST /tokens", Summary: "Create a token of the user who asks", Permission: "create_token", Body: "description expiration_date",
		Answer: "Token"},
	{Route: "GET /tokens/{id}", Summary: "Get a token without its secret part", Permission: "list_token", Answer: "Token"},
	{Route: "DELETE /tokens/{id}", Summary: "Delete a token", Permission: "delete_token", Status: "204"},

	{Route: "GET /idp", Summary: "Say who keeps the users' passwords", Permission: "identity_provider_get", Answer: "any"},
	{Route: "GET /ldap", Summary: "Say whether LDAP is set up", Permission: "ldap_status_get", Answer: "text"},
	{Route: "POST /ldap", Summary: "Set up LDAP", Permission: "ldap_set", Body: ldapFields, Answer: "{" + ldapFields + "}"},
	{Route: "DELETE /ldap", Summary: "Remove LDAP", Permission: "ldap_set", Status: "204"},
	{Route: "GET /sso/oidc/login", Summary: "Send a browser to the OpenID Connect issuer", Query: "return", Status: "302"},
	{Route: "GET /sso/oidc/callback", Summary: "End a sign-in at the issuer with a token", Query: "state code error", Status: "200 302",
		Answer: "Token", Errors: "401 403"},
}
