// Package slapdtest runs a real OpenLDAP server with a few people and groups, for tests. It is imported by tests.
package slapdtest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The directory: people ada (in the group ops) and bob (in dev), each with the password "<name>-pass"; the group all has the
// groups ops and dev as members. The service account has the whole name Service.
const (
	Base     = "dc=example,dc=org"
	Service  = "cn=service,dc=example,dc=org"
	Password = "service-pass"
	Ops      = "cn=ops,ou=groups,dc=example,dc=org"
	Dev      = "cn=dev,ou=groups,dc=example,dc=org"
	All      = "cn=all,ou=groups,dc=example,dc=org"
)

const config = `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile %[1]s/pid
database mdb
maxsize 10485760
suffix "dc=example,dc=org"
rootdn "cn=service,dc=example,dc=org"
rootpw service-pass
directory %[1]s/data
access to attrs=userPassword by anonymous auth by * none
access to * by users read
`

const entries = `dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=example,dc=org
objectClass: organizationalUnit
ou: groups

dn: uid=ada,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: ada
cn: Ada L
givenName: Ada
sn: L
mail: ada@example.org
userPassword: ada-pass

dn: uid=bob,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: bob
cn: Bob
sn: B
userPassword: bob-pass

dn: cn=ops,ou=groups,dc=example,dc=org
objectClass: groupOfNames
cn: ops
member: uid=ada,ou=people,dc=example,dc=org

dn: cn=dev,ou=groups,dc=example,dc=org
objectClass: groupOfNames
cn: dev
member: uid=bob,ou=people,dc=example,dc=org

dn: cn=all,ou=groups,dc=example,dc=org
objectClass: groupOfNames
cn: all
member: cn=ops,ou=groups,dc=example,dc=org
member: cn=dev,ou=groups,dc=example,dc=org
`

// Start runs a server until the test ends and returns its URL. The test is skipped when slapd is not installed.
func Start(t testing.TB) (url string) {
	t.Helper()
	slapd, err := exec.LookPath("slapd")
	if err != nil {
		slapd = "/usr/sbin/slapd"
	}
	if _, err := os.Stat(slapd); err != nil {
		t.Skip("slapd, the OpenLDAP server, is not installed; \"make setup\" installs it")
	}
	dir := t.TempDir()
	conf := filepath.Join(dir, "slapd.conf")
	for name, text := range map[string]string{conf: fmt.Sprintf(config, dir), filepath.Join(dir, "entries.ldif"): entries} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	add := exec.Command(slapd, "-T", "add", "-f", conf, "-l", filepath.Join(dir, "entries.ldif"))
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("fill the directory: %v\n%s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	// With a debug level slapd stays in the foreground.
	cmd := exec.Command(slapd, "-f", conf, "-h", "ldap://"+addr, "-d", "0")
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range 1000 {
		if c, err := net.Dial("tcp", addr); err == nil {
			_ = c.Close()
			return "ldap://" + addr
		}
		<-tick.C
	}
	t.Fatalf("slapd does not listen: %s", log.String())
	return ""
}
