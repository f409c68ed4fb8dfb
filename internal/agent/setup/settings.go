// Package setup is what a host needs around an agent: the file with its settings, and the service that keeps it running,
// under systemd, as an init script or as a plain process.
//
// It starts and stops programs of the machine and writes files; it never talks to a manager. What it makes it can remove,
// and every step may be repeated.
package setup

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// Settings are everything that an agent is told when it is installed; they lie in one file that its user alone can read.
type Settings struct {
	// Name is the name of the agent and of its queue, Tenant the tenant of both.
	Name   string `json:"name"`
	Tenant string `json:"tenant"`
	// Secret lets the agent connect.
	Secret string `json:"secret"`
	// Manager is the address of the manager's REST API; Bus is that of the broker, empty when it is behind the same door.
	Manager string `json:"manager"`
	Bus     string `json:"bus,omitempty"`
	// CA are the certificate authorities of the manager, PEM; empty is those of the system.
	CA string `json:"ca,omitempty"`
	// Dir is the directory of the agent; programs, work and logs are below it.
	Dir string `json:"dir"`
	// User runs the agent; empty is who installs it.
	User string `json:"user,omitempty"`
	// Slots is the number of operations at the same time.
	Slots int `json:"slots,omitempty"`
	// Env are variables for the agent and its operations.
	Env      map[string]string `json:"env,omitempty"`
	LogLevel string            `json:"log_level,omitempty"`
	// Kind is what keeps the agent running; empty is decided on the host.
	Kind Kind `json:"process_management,omitempty"`
}

// Kind is what keeps an agent running (operations, section 7.6).
type Kind string

// The kinds. Detach is a plain process, without rights of root and without a start at boot.
const (
	Systemd Kind = "systemd"
	InitD   Kind = "init.d"
	Detach  Kind = "detach"
)

// File is the name of the file of settings below the agent's directory.
const File = "agent.json"

var safeName = regexp.MustCompile(`^[A-Za-z0-9_.@-]{1,200}$`)

// Check refuses settings that an agent cannot run with.
func (s *Settings) Check() error {
	for what, value := range map[string]string{"name": s.Name, "tenant": s.Tenant, "secret": s.Secret, "manager": s.Manager, "dir": s.Dir} {
		if value == "" {
			return fmt.Errorf("the agent's %s is missing", what)
		}
	}
	switch {
	case !safeName.MatchString(s.Name):
		return fmt.Errorf("agent name %q: it becomes the name of a service and may hold letters, digits, _, ., @ and - only", s.Name)
	case s.User != "" && !safeName.MatchString(s.User):
		return fmt.Errorf("agent user %q is not the name of a user", s.User)
	case !filepath.IsAbs(s.Dir):
		return fmt.Errorf("agent directory %q is not an absolute path", s.Dir)
	case s.Kind != "" && s.Kind != Systemd && s.Kind != InitD && s.Kind != Detach:
		return fmt.Errorf("process management %q: it must be systemd, init.d or detach", s.Kind)
	}
	return nil
}

// Read reads a file of settings. Its directory is the agent's when the file names none.
func Read(path string) (*Settings, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the agent's settings: %w", err)
	}
	s := &Settings{}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(s); err != nil {
		return nil, fmt.Errorf("read the agent's settings in %s: %w", path, err)
	}
	if s.Dir == "" {
		abs, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		s.Dir = filepath.Dir(abs)
	}
	return s, s.Check()
}

// Write keeps the settings in the agent's directory, readable by its owner only.
func (s *Settings) Write() error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("write the agent's settings: %w", err)
	}
	path := filepath.Join(s.Dir, File)
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write the agent's settings: %w", err)
	}
	_, err = f.Write(append(data, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write the agent's settings: %w", err)
	}
	return os.Rename(path+".new", path)
}
