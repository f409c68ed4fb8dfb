package directory_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/reifyhq/reify/internal/directory"
	"github.com/reifyhq/reify/internal/directory/slapdtest"
)

func TestSignIn(t *testing.T) {
	t.Parallel()
	url := slapdtest.Start(t)
	people := directory.Config{Server: url, Domain: "example.org", DNExtra: "ou=people"}
	nested, asService := people, people
	nested.NestedLevels = 1
	asService.Username, asService.Password = slapdtest.Service, slapdtest.Password
	wrongService, byMail := asService, asService
	wrongService.Password = "no"
	byMail.BindFormat, byMail.UserFilter, byMail.BaseDN = "uid={username},ou=people,{base_dn}", "(&(objectClass=inetOrgPerson)(uid={username}))", slapdtest.Base
	for _, c := range []struct {
		name           string
		config         directory.Config
		user, password string
		groups         []string
		err            error
	}{
		{"as the user", people, "ada", "ada-pass", []string{slapdtest.Ops}, nil},
		{"groups of groups", nested, "ada", "ada-pass", []string{slapdtest.All, slapdtest.Ops}, nil},
		{"through the service account", asService, "bob", "bob-pass", []string{slapdtest.Dev}, nil},
		{"with own formats", byMail, "ada", "ada-pass", []string{slapdtest.Ops}, nil},
		{"a wrong password", people, "ada", "bob-pass", nil, directory.ErrRefused},
		{"no password", people, "ada", "", nil, directory.ErrRefused},
		{"nobody", people, "eve", "ada-pass", nil, directory.ErrRefused},
		{"a wrong service account", wrongService, "ada", "ada-pass", nil, directory.ErrRefused},
		{"a filter as a name", byMail, "ada)(uid=*", "ada-pass", nil, directory.ErrRefused},
		{"a name in a name", people, "ada,ou=people", "ada-pass", nil, directory.ErrRefused},
		{"nowhere", directory.Config{Server: "ldap://127.0.0.1:1", Domain: "example.org"}, "ada", "ada-pass", nil, directory.ErrUnreachable},
	} {
		config, err := c.config.With()
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		got, err := config.SignIn(t.Context(), c.user, c.password)
		if !errors.Is(err, c.err) || c.err == nil && err != nil {
			t.Errorf("%s: error %v, want %v", c.name, err, c.err)
			continue
		}
		if err != nil && strings.Contains(err.Error(), "-pass") {
			t.Errorf("%s: the error %q tells a password", c.name, err)
		}
		if c.err == nil && (!slices.Equal(got.Groups, c.groups) || got.UID != c.user) {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
	good, err := asService.With()
	if err != nil {
		t.Fatal(err)
	}
	if err := good.Check(t.Context()); err != nil {
		t.Error(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := good.SignIn(ended, "ada", "ada-pass"); err == nil {
		t.Error("signed in after the end")
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]directory.Config{
		"no server": {Domain: "d"}, "no LDAP": {Server: "http://h", Domain: "d"}, "no base": {Server: "ldap://h"},
		"a bad base": {Server: "ldap://h", BaseDN: "nonsense"}, "a bad filter": {Server: "ldap://h", Domain: "d", UserFilter: "(("},
		"levels": {Server: "ldap://h", Domain: "d", NestedLevels: 100}, "no domain": {Server: "ldap://h", BaseDN: "dc=d", IsActive: true},
	} {
		if got, err := c.With(); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
	got, err := directory.Config{Server: "ldaps://h", Domain: "corp.example", IsActive: true}.With()
	if err != nil || got.BaseDN != "dc=corp,dc=example" || got.BindFormat != "{username}@{domain}" || got.UserFilter != "(sAMAccountName={username})" {
		t.Errorf("Active Directory: %+v, %v", got, err)
	}
	if directory.Normal("CN=Ops, OU=Groups,DC=example") != directory.Normal("cn=ops,ou=groups,dc=example") || directory.Normal(" Ops") != "ops" {
		t.Error("names are not compared in a normal form")
	}
}
