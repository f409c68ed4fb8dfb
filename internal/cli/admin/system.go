package admin

import (
	"net/url"
	"path/filepath"
	"strings"

	"github.com/reifyhq/reify/internal/model"
)

var (
	managerColumns     = []string{"hostname", "private_ip", "public_ip", "version", "edition", "distribution", "last_seen"}
	maintenanceColumns = []string{"status", "activated_at", "activation_requested_at", "requested_by", "remaining_executions"}
	archiveColumns     = []string{"id", "created_at", "status", "error", "visibility", "tenant_name", "created_by"}
)

// system are the verbs of the installation itself.
var system = []verb{
	{"config", "update KEY=VALUE", "Change a setting; SCOPE.KEY tells settings of the same name apart",
		[]option{{name: "force", short: "f", isTrue: true, help: "also a setting that is not meant to be changed"}}, changeSetting},
	{"maintenance-mode", "status", "Show whether the manager takes no new work", nil, func(in input) ([]request, error) {
		return one(ask("GET", "maintenance").showing("Maintenance mode:", maintenanceColumns...))
	}},
	{"maintenance-mode", "activate", "Take no new work", nil, maintain("activate")},
	{"maintenance-mode", "deactivate", "Take work again", nil, maintain("deactivate")},
	{"managers", "list", "List managers", nil, members("managers", managerColumns...)},
	{"cluster", "status", "Show the health of managers, databases and brokers", nil, func(in input) ([]request, error) {
		return one(ask("GET", "cluster-status").showing("Cluster:", "status", "services"))
	}},
	{"cluster managers", "list", "List managers", nil, members("managers", managerColumns...)},
	{"cluster brokers", "list", "List brokers", nil, members("brokers", "name", "host", "port", "is_external", "networks")},
	{"cluster db-nodes", "list", "List database nodes", nil, members("db-nodes", "name", "host", "is_external")},
	{"idp", "get", "Show where users come from", nil, func(in input) ([]request, error) {
		return one(ask("GET", "idp").showing("Identity provider:", "identity_provider"))
	}},
	{"ldap", "status", "Show whether a directory is asked for users", nil, func(in input) ([]request, error) {
		return one(ask("GET", "ldap").showing("LDAP:", "status"))
	}},
	{"license", "check", "Check that the manager may be used", nil, func(in input) ([]request, error) {
		return one(ask("GET", "license-check").saying("The manager may be used"))
	}},
	{"license", "list", "List licenses", nil, func(in input) ([]request, error) {
		r := ask("GET", "license").showing("licenses", "customer_id", "expiration_date", "license_edition", "expired")
		r.isList = true
		return one(r)
	}},

	{"snapshots", "list", "List snapshots", listing("created_at"), lists("snapshots", []string{"snapshots"}, archiveColumns...)},
	{"snapshots", "create SNAPSHOT_ID", "Start a backup of the manager's state", []option{
		{name: "exclude-credentials", isTrue: true, help: "without keys of agents"}, {name: "exclude-logs", isTrue: true, help: "without logs"},
		{name: "exclude-events", isTrue: true, help: "without events"}, {name: "queue", isTrue: true, help: "wait for what is running"}},
		func(in input) ([]request, error) {
			b := body{"include_credentials": !in.is("exclude-credentials"), "include_logs": !in.is("exclude-logs"),
				"include_events": !in.is("exclude-events"), "queue": in.is("queue")}
			return one(ask("PUT", "snapshots", in.args[0]).sending(b).showing("Started execution:", "id", "workflow_id", "status"))
		}},
	{"snapshots", "upload PATH", "Upload a snapshot",
		[]option{{name: "snapshot-id", short: "s", help: "id of the snapshot (default: name of the file)"}}, uploadSnapshot},
	{"snapshots", "download SNAPSHOT_ID", "Download a snapshot", []option{output}, downloads("Snapshot", "snapshots")},
	{"snapshots", "restore SNAPSHOT_ID", "Start the restore of a snapshot", []option{
		{name: "force", short: "f", isTrue: true, help: "also on a manager that holds something"},
		{name: "restore-certificates", isTrue: true, help: "its certificates, too"},
		{name: "no-reboot", isTrue: true, help: "do not start again after the certificates"}}, func(in input) ([]request, error) {
		b := body{"force": in.is("force"), "restore_certificates": in.is("restore-certificates"), "no_reboot": in.is("no-reboot")}
		return one(ask("POST", "snapshots", in.args[0], "restore").sending(b).showing("Started execution:", "id", "status"))
	}},
	{"snapshots", "status", "Show whether a snapshot is being restored", nil, func(in input) ([]request, error) {
		return one(ask("GET", "snapshot-status").showing("Restore of snapshots:", "status"))
	}},
	{"snapshots", "delete SNAPSHOT_ID", "Delete a snapshot", nil, deletes("Snapshot", "snapshots")},

	{"log-bundles", "list", "List log bundles", listing("created_at"), lists("log bundles", []string{"log-bundles"}, archiveColumns...)},
	{"log-bundles", "create BUNDLE_ID", "Start collecting the manager's logs",
		[]option{{name: "queue", isTrue: true, help: "wait for what is running"}}, func(in input) ([]request, error) {
			return one(ask("PUT", "log-bundles", in.args[0]).sending(body{"queue": in.is("queue")}).
				showing("Started execution:", "id", "workflow_id", "status"))
		}},
	{"log-bundles", "download BUNDLE_ID", "Download a log bundle", []option{output}, downloads("Log bundle", "log-bundles")},
	{"log-bundles", "delete BUNDLE_ID", "Delete a log bundle", nil, deletes("Log bundle", "log-bundles")},
}

// members makes the plan of a list of what the installation is made of.
func members(resource string, columns ...string) func(in input) ([]request, error) {
	return func(input) ([]request, error) {
		r := ask("GET", resource).showing(resource, columns...)
		r.isList = true
		return one(r)
	}
}

func maintain(action string) func(in input) ([]request, error) {
	return func(input) ([]request, error) {
		return one(ask("POST", "maintenance", action).showing("Maintenance mode:", maintenanceColumns...))
	}
}

// changeSetting sends the value as JSON when it is JSON, else as text.
func changeSetting(in input) ([]request, error) {
	name, text, ok := strings.Cut(in.args[0], "=")
	if !ok || name == "" {
		return nil, in.sh.Usage("want KEY=VALUE, not " + in.args[0])
	}
	var value any
	if model.DecodeJSON([]byte(text), &value) != nil {
		value = text
	}
	return one(ask("PUT", "config", name).sending(body{"value": value, "force": in.is("force")}).saying("Setting changed: %s", name))
}

func uploadSnapshot(in input) ([]request, error) {
	path, id := in.args[0], in.text("snapshot-id")
	if id == "" {
		id = strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	}
	r := ask("PUT", "snapshots", id, "archive").saying("Snapshot uploaded: %s", id)
	if r.File = path; strings.HasPrefix(path, "http://") || strings.HasPrefix(path, "https://") {
		r.File, r.Query = "", url.Values{"snapshot_archive_url": {path}}
	}
	return one(r)
}

func downloads(what, resource string) func(in input) ([]request, error) {
	return func(in input) ([]request, error) {
		r := ask("GET", resource, in.args[0], "archive")
		r.title, r.isDownload, r.output, r.fallback = what, true, in.text("output-path"), in.args[0]+".zip"
		return one(r)
	}
}
