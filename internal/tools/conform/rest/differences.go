package rest

import (
	"fmt"
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

// differences lists them, those of all lines first.
var differences = []difference{
	{"", regexp.MustCompile(`^/(distribution|distro_release|version|commit|edition): `), "the manager says what it is itself"},
	{"", regexp.MustCompile(`^/items/0/(version|edition|distribution|distro_release|hostname|ca_cert_content|port|last_seen|name|fs_sync_node_id): `),
		"managers and brokers are this installation's"},
	{"", regexp.MustCompile(`/(file_server_root|marketplace_api_url): `), "the manager has no such settings: files are in its blob store"},
}

// forgive drops what differs on purpose. Without an exchange only the differences of all lines count.
func (m *matcher) forgive(x *exchange) {
	id := ""
	if x != nil {
		id = fmt.Sprintf("%s:%d", x.Scenario, x.Seq)
	}
	m.diffs = slices.DeleteFunc(m.diffs, func(d string) bool {
		return slices.ContainsFunc(differences, func(f difference) bool {
			return (f.line == "" || f.line == id) && f.where.MatchString(d)
		})
	})
}
