package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// manager is a manager of its own in an empty directory.
type manager struct {
	dir string
	url string
	cmd *exec.Cmd
	log bytes.Buffer
}

// start builds the program and runs it. What is in the directory goes when it stops.
func start(ctx context.Context) (_ *manager, err error) {
	m := &manager{}
	if m.dir, err = os.MkdirTemp("", "conform-rest-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.stop())
		}
	}()
	program := filepath.Join(m.dir, "reify")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "github.com/reifyhq/reify/cmd/reify")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the manager: %w\n%s", err, out)
	}
	data := filepath.Join(m.dir, "data")
	m.cmd = exec.Command(program, "server", "--data-dir", data, "--listen", "127.0.0.1:0", "--admin.password", adminPassword)
	m.cmd.Stdout, m.cmd.Stderr = &m.log, &m.log
	if err := m.cmd.Start(); err != nil {
		return nil, err
	}
	const patience = 30 * time.Second
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		text, err := os.ReadFile(filepath.Join(data, "manager.json"))
		var at struct{ URL string }
		if err == nil && json.Unmarshal(text, &at) == nil && at.URL != "" {
			m.url = at.URL
			return m, nil
		}
	}
	return nil, errors.New("the manager does not start")
}

func (m *manager) stop() error {
	var err error
	if m.cmd != nil && m.cmd.Process != nil {
		err = m.cmd.Process.Signal(syscall.SIGTERM)
		if wait := m.cmd.Wait(); wait != nil {
			err = errors.Join(err, fmt.Errorf("the manager ended with %w:\n%s", wait, m.log.String()))
		}
	}
	return errors.Join(err, os.RemoveAll(m.dir))
}

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
