package vault_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/reifyhq/reify/internal/vault"
	"github.com/reifyhq/reify/internal/vault/vaulttest"
)

func TestRead(t *testing.T) {
	t.Parallel()
	s := vaulttest.Start(t, "t0ken")
	s.Put("secret/app/db", map[string]any{"password": "sesame", "port": 5432, "hosts": []string{"a"}})
	s.Put("old/db", map[string]any{"password": "older"})
	for _, c := range []struct {
		name      string
		p         vault.Parameters
		at, field string
		want      string
		err       string
	}{
		{"text", vault.Parameters{Token: "t0ken"}, "app/db", "password", "sesame", ""},
		{"below a path", vault.Parameters{Token: "t0ken", Path: "/app"}, "db", "password", "sesame", ""},
		{"a number", vault.Parameters{Token: "t0ken"}, "app/db", "port", "5432", ""},
		{"a list", vault.Parameters{Token: "t0ken"}, "app/db", "hosts", `["a"]`, ""},
		{"version 1", vault.Parameters{Token: "t0ken", Mount: "old", Version: 1}, "db", "password", "older", ""},
		{"as a role", vault.Parameters{RoleID: "role", SecretID: "of t0ken"}, "app/db", "password", "sesame", ""},
		{"as nobody", vault.Parameters{RoleID: "role", SecretID: "wrong"}, "app/db", "password", "", "invalid role"},
		{"a wrong token", vault.Parameters{Token: "wr0ng"}, "app/db", "password", "", "permission denied"},
		{"no field", vault.Parameters{Token: "t0ken"}, "app/db", "nothing", "", "no field"},
		{"no value", vault.Parameters{Token: "t0ken"}, "app/nothing", "x", "", "no such value"},
		{"of the other version", vault.Parameters{Token: "t0ken", Mount: "old"}, "db", "password", "", ""},
	} {
		c.p.URL = s.URL
		client, err := vault.New(c.p)
		if err != nil {
			t.Fatal(err)
		}
		got, err := client.Read(t.Context(), c.at, c.field)
		if c.want != "" && (got != c.want || err != nil) {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
		if c.want == "" && (err == nil || !strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "t0ken") || strings.Contains(err.Error(), "wr0ng")) {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
		client.Close()
	}
	client, err := vault.New(vault.Parameters{URL: s.URL, Token: "t0ken"})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := client.Read(t.Context(), "nothing", "x"); !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("a missing value: %v", err)
	}
}

func TestParameters(t *testing.T) {
	t.Parallel()
	for _, p := range []vault.Parameters{
		{}, {URL: "vault:8200", Token: "t"}, {URL: "http://h"}, {URL: "http://h", RoleID: "r"}, {URL: "http://h", Token: "t", Version: 3},
		{URL: "http://h", Token: "t", CACert: "none"},
	} {
		if _, err := vault.New(p); err == nil {
			t.Errorf("%+v was accepted", p)
		}
	}
}
