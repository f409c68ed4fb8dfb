// Package target runs the manager that conformance data is replayed against: a program built from this source, with an
// empty data directory and a known password of the administrator. It knows nothing of the data.
package target

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// AdminPassword is the password of the user admin.
const AdminPassword = "admin"

// Manager is a manager of its own in an empty directory.
type Manager struct {
	// URL is its root, such as http://127.0.0.1:40123.
	URL string

	dir string
	cmd *exec.Cmd
	log bytes.Buffer
}

// Start builds the program and runs it. What is in the directory goes when it stops.
func Start(ctx context.Context) (_ *Manager, err error) {
	m := &Manager{}
	if m.dir, err = os.MkdirTemp("", "conform-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.Stop())
		}
	}()
	program := filepath.Join(m.dir, "reify")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "github.com/reifyhq/reify/cmd/reify")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the manager: %w\n%s", err, out)
	}
	data := filepath.Join(m.dir, "data")
	m.cmd = exec.Command(program, "server", "--data-dir", data, "--listen", "127.0.0.1:0", "--admin.password", AdminPassword)
	m.cmd.Stdout, m.cmd.Stderr = &m.log, &m.log
	if err := m.cmd.Start(); err != nil {
		return nil, err
	}
	const patience = 30 * time.Second
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		text, err := os.ReadFile(filepath.Join(data, "manager.json"))
		var at struct{ URL string }
		if err == nil && json.Unmarshal(text, &at) == nil && at.URL != "" {
			m.URL = at.URL
			return m, nil
		}
	}
	return nil, errors.New("the manager does not start")
}

// Stop ends the manager and removes its directory.
func (m *Manager) Stop() error {
	var err error
	if m.cmd != nil && m.cmd.Process != nil {
		err = m.cmd.Process.Signal(syscall.SIGTERM)
		if wait := m.cmd.Wait(); wait != nil {
			err = errors.Join(err, fmt.Errorf("the manager ended with %w:\n%s", wait, m.log.String()))
		}
	}
	return errors.Join(err, os.RemoveAll(m.dir))
}
