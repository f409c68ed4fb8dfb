package admin

import "net/url"

var (
	userColumns  = []string{"username", "role", "group_system_roles", "groups", "tenants", "active", "is_locked", "last_login_at"}
	groupColumns = []string{"name", "role", "ldap_dn", "users", "tenants"}
	role         = option{name: "role", short: "r", isNeeded: true, help: "role in the tenant, such as user or viewer (required)"}
	systemRole   = option{name: "security-role", short: "r", value: "default", help: "role in the whole installation: default or sys_admin"}
	needRole     = option{name: "security-role", short: "r", isNeeded: true, help: "role in the whole installation: default or sys_admin (required)"}
	password     = option{name: "password", short: "p", isNeeded: true, help: "password; - reads it from standard input (required)"}
	inGroup      = option{name: "user-group-name", short: "g", isNeeded: true, help: "the group (required)"}
)

// people are the verbs of users, groups, tenants and permissions.
var people = []verb{
	{"users", "list", "List users", listing("username", getData), lists("users", []string{"users"}, userColumns...)},
	{"users", "get [USERNAME]", "Show a user, without a name oneself", []option{getData}, func(in input) ([]request, error) {
		r := ask("GET", "user").showing("User:", userColumns...)
		if len(in.args) > 0 {
			r.Segments = []string{"users", in.args[0]}
		}
		r.Query = url.Values{}
		in.always(r.Query)
		return one(r)
	}},
	{"users", "create USERNAME", "Create a user, with -l as a member of the tenant of -t", []option{password, systemRole,
		{name: "user-tenant-role", short: "l", help: "role in the tenant that -t names"}}, createUser},
	{"users", "set-password USERNAME", "Change a password", []option{password}, func(in input) ([]request, error) {
		text, err := in.sh.Secret(in.text("password"))
		return []request{ask("POST", "users", in.args[0]).sending(body{"password": text}).saying("New password set")}, err
	}},
	{"users", "set-role USERNAME", "Change the role in the whole installation", []option{needRole}, func(in input) ([]request, error) {
		return one(ask("POST", "users", in.args[0]).sending(body{"role": in.text("security-role")}).
			saying("New role set: %s", in.text("security-role")))
	}},
	{"users", "activate USERNAME", "Let a user in again", nil, setActive("activate")},
	{"users", "deactivate USERNAME", "Keep a user out", nil, setActive("deactivate")},
	{"users", "unlock USERNAME", "Unlock an account after wrong passwords", nil, func(in input) ([]request, error) {
		return one(ask("POST", "users", "unlock", in.args[0]).saying("User unlocked: %s", in.args[0]))
	}},
	{"users", "delete USERNAME", "Delete a user", nil, deletes("User", "users")},

	{"user-groups", "list", "List groups", listing("name", getData), lists("user groups", []string{"user-groups"}, groupColumns...)},
	{"user-groups", "get NAME", "Show a group", []option{getData}, gets("Group:", "user-groups", groupColumns...)},
	{"user-groups", "create NAME", "Create a group", []option{systemRole,
		{name: "ldap-distinguished-name", short: "l", help: "the group of a directory that it stands for"}},
		func(in input) ([]request, error) {
			b := body{"group_name": in.args[0], "role": in.text("security-role")}.with("ldap_group_dn", in.text("ldap-distinguished-name"))
			return one(ask("POST", "user-groups").sending(b).saying("Group created: %s", in.args[0]))
		}},
	{"user-groups", "set-role NAME", "Change a group's role in the whole installation", []option{needRole}, func(in input) ([]request, error) {
		return one(ask("POST", "user-groups", in.args[0]).sending(body{"role": in.text("security-role")}).
			saying("New role set: %s", in.text("security-role")))
	}},
	{"user-groups", "add-user USERNAME", "Add a user to a group", []option{inGroup}, groupMember("PUT", "added to")},
	{"user-groups", "remove-user USERNAME", "Remove a user from a group", []option{inGroup}, groupMember("DELETE", "removed from")},
	{"user-groups", "delete NAME", "Delete a group", nil, deletes("Group", "user-groups")},

	{"tenants", "list", "List tenants", listing("name", getData), lists("tenants", []string{"tenants"}, "name", "users", "groups")},
	{"tenants", "get NAME", "Show a tenant", []option{getData}, gets("Tenant:", "tenants", "name", "users", "groups", "user_roles")},
	{"tenants", "create NAME", "Create a tenant", nil, func(in input) ([]request, error) {
		return one(ask("POST", "tenants", in.args[0]).saying("Tenant created: %s", in.args[0]))
	}},
	{"tenants", "add-user USERNAME", "Give a user a role in the tenant of -t", []option{role}, member("PUT", "username", "users")},
	{"tenants", "update-user USERNAME", "Change a user's role in the tenant of -t", []option{role}, member("PATCH", "username", "users")},
	{"tenants", "remove-user USERNAME", "Take a user's role in the tenant of -t", nil, member("DELETE", "username", "users")},
	{"tenants", "add-user-group NAME", "Give a group a role in the tenant of -t", []option{role}, member("PUT", "group_name", "user-groups")},
	{"tenants", "update-user-group NAME", "Change a group's role in the tenant of -t", []option{role},
		member("PATCH", "group_name", "user-groups")},
	{"tenants", "remove-user-group NAME", "Take a group's role in the tenant of -t", nil, member("DELETE", "group_name", "user-groups")},
	{"tenants", "delete NAME", "Delete an empty tenant", nil, deletes("Tenant", "tenants")},

	{"permissions", "list", "List what roles may do", []option{{name: "role", short: "r", help: "only what this role may do"}},
		func(in input) ([]request, error) {
			r := ask("GET", "permissions").showing("permissions", "permission", "role")
			if name := in.text("role"); name != "" {
				r.Segments = append(r.Segments, name)
			}
			r.isList = true
			return one(r)
		}},
	{"permissions", "allow", "Let a role do something", rolePermission, changePermission("PUT", "may now")},
	{"permissions", "disallow", "Forbid a role something", rolePermission, changePermission("DELETE", "may no longer")},
}

var rolePermission = []option{
	{name: "role", short: "r", isNeeded: true, help: "the role (required)"},
	{name: "permission", short: "p", isNeeded: true, help: "the permission, such as site_create (required)"},
}

// tenant is the tenant that -t names, which all commands know.
func (in input) tenant() (string, error) {
	if name := in.text("tenant-name"); name != "" {
		return name, nil
	}
	return "", in.sh.Usage("-t/--tenant-name is required")
}

func createUser(in input) ([]request, error) {
	text, err := in.sh.Secret(in.text("password"))
	if err != nil {
		return nil, err
	}
	name := in.args[0]
	requests := []request{ask("PUT", "users").sending(body{"username": name, "password": text, "role": in.text("security-role")})}
	if in.text("user-tenant-role") != "" {
		tenant, err := in.tenant()
		if err != nil {
			return nil, err
		}
		requests = append(requests, ask("PUT", "tenants", "users").
			sending(body{"username": name, "tenant_name": tenant, "role": in.text("user-tenant-role")}))
	}
	requests[len(requests)-1].then = "User created: " + name
	return requests, nil
}

func setActive(action string) func(in input) ([]request, error) {
	return func(in input) ([]request, error) {
		return one(ask("POST", "users", "active", in.args[0]).sending(body{"action": action}).saying("User %sd: %s", action, in.args[0]))
	}
}

func groupMember(method, done string) func(in input) ([]request, error) {
	return func(in input) ([]request, error) {
		group := in.text("user-group-name")
		return one(ask(method, "user-groups", "users").sending(body{"username": in.args[0], "group_name": group}).
			saying("User %s %s group %s", in.args[0], done, group))
	}
}

// member changes the role of a user or a group in a tenant.
func member(method, key, resource string) func(in input) ([]request, error) {
	return func(in input) ([]request, error) {
		tenant, err := in.tenant()
		b := body{key: in.args[0], "tenant_name": tenant}.with("role", in.text("role"))
		r := ask(method, "tenants", resource).sending(b).saying("%s has the role %s in tenant %s", in.args[0], in.text("role"), tenant)
		if method == "DELETE" {
			r = r.saying("%s has no role in tenant %s any more", in.args[0], tenant)
		}
		return []request{r}, err
	}
}

func changePermission(method, done string) func(in input) ([]request, error) {
	return func(in input) ([]request, error) {
		return one(ask(method, "permissions", in.text("role"), in.text("permission")).
			saying("The role %s %s: %s", in.text("role"), done, in.text("permission")))
	}
}
