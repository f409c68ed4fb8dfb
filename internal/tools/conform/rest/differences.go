package rest

import (
	"regexp"
	"slices"
)

// difference is something that this manager does otherwise on purpose; docs/compat/rest.md says more of each.
type difference struct {
	// line is scenario:seq, or "" for all lines.
	line string
	// where matches the difference as it is printed.
	where  *regexp.Regexp
	reason string
}

var (
	anything = regexp.MustCompile(``)
	status   = regexp.MustCompile(`^status: `)
)

// differences lists them, those of all lines first.
var differences = []difference{
	{"", regexp.MustCompile(`^/(distribution|distro_release|version|commit|edition): `), "the manager says what it is itself"},
	{"", regexp.MustCompile(`^/items/0/(version|edition|distribution|distro_release|hostname|ca_cert_content|port|last_seen|name|fs_sync_node_id): `),
		"managers and brokers are this installation's"},
	{"", regexp.MustCompile(`/(file_server_root|marketplace_api_url): `), "the manager has no such settings: files are in its blob store"},
	{"", regexp.MustCompile(`/manager(_name)?: want "cloudify-manager"`), "the manager has a name of its own"},
	{"", regexp.MustCompile(`^/value: want "gAAAA`), "secrets are sealed in another form; the answer is ciphertext in both"},
	{"", regexp.MustCompile(`/description: (missing, )?want `), "the texts of the built-in types and workflows are our own"},
	{"", regexp.MustCompile(`/workflows(/0/[a-z_]+)?: want (null|1 items)`), "the workflows of a deployment are always answered"},
	{"", regexp.MustCompile(`/upload_execution/execution_group_id: missing`), "a defect of the original's nested answer"},

	{"s06_blueprints:45", regexp.MustCompile(`Content-Disposition`), "the file is not there: there is nothing to save"},
	{"s08_executions:12", anything, "the lines about the threads that read the output of a script are left out: there are none"},
	{"s08_executions:15", regexp.MustCompile(`/name: `), "the subgraphs of instances that depend on nothing of each other come in the order of the plan, not of a set"},
	{"s10_modifications_updates:9", anything, "the refused modification before it stored nothing, so that this one is refused for itself"},
	{"s10_modifications_updates:10", anything, "nothing was left behind that could block it"},
	{"s10_modifications_updates:13", regexp.MustCompile(`_operations: `), "the instances of line 10 are there and are looked at too"},
	{"s10_modifications_updates:14", regexp.MustCompile(`/steps: `), "only what changes is a step, not every workflow"},
	{"s13_agents_events_snapshots:17", anything, "the list shows a snapshot that no recorded request made"},
	{"s08_executions:33", regexp.MustCompile(`^/error: want "File .*script_runner`), "the files of the published package lie elsewhere"},
	{"s14_multitenancy_glue:1", status, "the client of the original expects 201"},
	{"s14_multitenancy_glue:9", status, "the client of the original expects 201"},
	{"s14_multitenancy_glue:24", status, "the client of the original expects 201"},
	{"s14_multitenancy_glue:39", anything, "an unknown action is refused, not taken as deactivate"},
}

// premium are lines that the community edition refuses and this manager serves. They are not sent: what they would make
// is not removed again by their scenario.
var premium = []string{
	"s03_tenants_users:3", "s03_tenants_users:4", "s03_tenants_users:5", "s03_tenants_users:6", "s03_tenants_users:7",
	"s03_tenants_users:8",
}

// orderless are lists without an order: permissions of a role and workflows come from sets in the original.
var orderless = map[string]bool{"s03_tenants_users:9": true, "s07_deployments:30": true, "s05_sites_filters_labels:28": true}

func leftOut(x *exchange) bool { return slices.Contains(premium, x.id()) }

// forgive drops what differs on purpose and returns why this very line does; when a difference is listed for the line and
// is not there any more, that is a difference too. Without an exchange only the differences of all lines count.
func (m *matcher) forgive(x *exchange) (reason string) {
	id, before := "", slices.Clone(m.diffs)
	if x != nil {
		id = x.id()
	}
	m.diffs = slices.DeleteFunc(m.diffs, func(d string) bool {
		return slices.ContainsFunc(differences, func(f difference) bool {
			return (f.line == "" || f.line == id) && f.where.MatchString(d)
		})
	})
	for _, f := range differences {
		switch {
		case x == nil || f.line != id:
		case !slices.ContainsFunc(before, f.where.MatchString):
			m.diffs = append(m.diffs, "it is listed as a deliberate difference ("+f.reason+") and does not differ any more")
		default:
			reason = f.reason
		}
	}
	return reason
}
