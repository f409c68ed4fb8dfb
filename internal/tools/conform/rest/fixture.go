package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// baseFixture makes the tenants and users that every scenario expects. What exists already stays.
func (c *caller) baseFixture(ctx context.Context) error {
	type body map[string]any
	type call struct {
		method, path string
		body         body
	}
	calls := []call{{"POST", "/tenants/t2", nil}}
	for _, name := range []string{"viewer1", "user1", "op1", "mgr1", "nobody1", "inactive1"} {
		calls = append(calls, call{"PUT", "/users", body{"username": name, "password": userPassword, "role": "default"}})
	}
	for _, in := range [][3]string{
		{"viewer1", "default_tenant", "viewer"}, {"user1", "default_tenant", "user"}, {"user1", "t2", "user"},
		{"op1", "default_tenant", "operations"}, {"mgr1", "default_tenant", "manager"}, {"inactive1", "default_tenant", "user"},
	} {
		calls = append(calls, call{"PUT", "/tenants/users", body{"username": in[0], "tenant_name": in[1], "role": in[2]}})
	}
	calls = append(calls, call{"POST", "/users/active/inactive1", body{"action": "deactivate"}})
	for _, one := range calls {
		var payload io.Reader
		if one.body != nil {
			data, err := json.Marshal(one.body)
			if err != nil {
				return err
			}
			payload = bytes.NewReader(data)
		}
		req, err := http.NewRequestWithContext(ctx, one.method, c.base+"/api/v3.1"+one.path, payload)
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Tenant", "default_tenant")
		req.SetBasicAuth("admin", adminPassword)
		if _, err := c.do(req); err != nil {
			return fmt.Errorf("make the base fixture with %s %s: %w", one.method, one.path, err)
		}
	}
	return nil
}
