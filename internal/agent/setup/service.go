package setup

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"

	"github.com/reifyhq/reify/internal/clock"
)

// Host is the machine that an agent is set up on.
type Host struct {
	// Root is put before the paths of the system; it is empty but in tests.
	Root  string
	Clock clock.Clock
	// Command runs a program of the system.
	Command func(name string, args ...string) error
}

// ThisHost is the machine that the program runs on.
func ThisHost(c clock.Clock) *Host { return &Host{Clock: c, Command: command} }

func command(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}

// ServiceName is the name of an agent's service (operations, section 7.1).
func (s *Settings) ServiceName() string { return "cloudify-worker-" + s.Name }

// Program is the agent's program, Path the file of its settings, WorkDir where it works, LogFile where it logs.
func (s *Settings) Program() string { return filepath.Join(s.Dir, "bin", "reify-agent") }

// Path is the file of the settings.
func (s *Settings) Path() string { return filepath.Join(s.Dir, File) }

// WorkDir is where the agent keeps its journal and what operations need.
func (s *Settings) WorkDir() string { return filepath.Join(s.Dir, "work") }

// LogFile is the log of an agent that no service manager logs for.
func (s *Settings) LogFile() string { return filepath.Join(s.Dir, "logs", "agent.log") }

// choose decides what keeps the agent running on this host when the settings do not say.
func (h *Host) choose() Kind {
	if os.Geteuid() != 0 && h.Root == "" {
		return Detach
	}
	if isDir(h.Root + "/run/systemd/system") {
		return Systemd
	}
	if isDir(h.Root + "/etc/init.d") {
		return InitD
	}
	return Detach
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// Install writes the settings and makes the agent run. The program must be in place; an agent that runs is replaced.
func (h *Host) Install(s *Settings) error {
	if s.Kind == "" {
		s.Kind = h.choose()
	}
	if err := s.Check(); err != nil {
		return err
	}
	for _, dir := range []string{s.Dir, s.WorkDir(), filepath.Dir(s.LogFile())} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("make the agent's directories: %w", err)
		}
	}
	if err := h.Stop(s); err != nil {
		return err
	}
	if err := s.Write(); err != nil {
		return err
	}
	if err := s.own(); err != nil {
		return err
	}
	if err := h.register(s); err != nil {
		return err
	}
	return h.Start(s)
}

// own gives the agent's files to its user, when root installs.
func (s *Settings) own() error {
	if os.Geteuid() != 0 || s.User == "" || s.User == "root" {
		return nil
	}
	u, err := user.Lookup(s.User)
	if err != nil {
		return fmt.Errorf("find the agent's user: %w", err)
	}
	uid, uidErr := strconv.Atoi(u.Uid)
	gid, gidErr := strconv.Atoi(u.Gid)
	if err := errors.Join(uidErr, gidErr); err != nil {
		return fmt.Errorf("find the agent's user: %w", err)
	}
	return filepath.WalkDir(s.Dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, gid)
	})
}

var unit = template.Must(template.New("unit").Parse(`[Unit]
Description=Reify agent {{.Name}}
After=network-online.target
Wants=network-online.target

[Service]
{{- if .User}}
User={{.User}}{{end}}
ExecStart="{{.Program}}" run --config "{{.Path}}"
WorkingDirectory={{.WorkDir}}
Restart=on-failure
RestartSec=2
TimeoutStartSec=0
KillMode=mixed

[Install]
WantedBy=multi-user.target
`))

var initScript = template.Must(template.New("init").Parse(`#!/bin/sh
### BEGIN INIT INFO
# Provides:          {{.ServiceName}}
# Required-Start:    $network $remote_fs
# Required-Stop:     $network $remote_fs
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: Reify agent {{.Name}}
### END INIT INFO
case "$1" in
start | stop | status)
  exec "{{.Program}}" "$1" --config "{{.Path}}"
  ;;
restart)
  "{{.Program}}" stop --config "{{.Path}}" && exec "{{.Program}}" start --config "{{.Path}}"
  ;;
*)
  echo "usage: $0 start|stop|restart|status" >&2
  exit 2
  ;;
esac
`))

func (h *Host) unitFile(s *Settings) string {
	return h.Root + "/etc/systemd/system/" + s.ServiceName() + ".service"
}

func (h *Host) initFile(s *Settings) string { return h.Root + "/etc/init.d/" + s.ServiceName() }

// register makes the service known to the machine, so that it starts at boot.
func (h *Host) register(s *Settings) error {
	switch s.Kind {
	case Systemd:
		if err := writeTemplate(unit, s, h.unitFile(s), 0o644); err != nil {
			return err
		}
		if err := h.Command("systemctl", "daemon-reload"); err != nil {
			return err
		}
		return h.Command("systemctl", "enable", s.ServiceName())
	case InitD:
		if err := writeTemplate(initScript, s, h.initFile(s), 0o755); err != nil {
			return err
		}
		return h.atBoot(s, "defaults", "--add")
	}
	return nil
}

// atBoot tells what there is of update-rc.d and chkconfig about the init script. Neither is no error: the agent runs.
func (h *Host) atBoot(s *Settings, update, check string) error {
	for program, args := range map[string][]string{
		"update-rc.d": {s.ServiceName(), update}, "chkconfig": {check, s.ServiceName()},
	} {
		if _, err := exec.LookPath(program); err == nil {
			return h.Command(program, args...)
		}
	}
	return nil
}

func writeTemplate(t *template.Template, s *Settings, path string, mode os.FileMode) error {
	var b bytes.Buffer
	if err := t.Execute(&b, s); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.WriteFile(path+".new", b.Bytes(), mode); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Rename(path+".new", path)
}

// Start starts the agent; one that runs stays.
func (h *Host) Start(s *Settings) error {
	if s.Kind == Systemd {
		return h.Command("systemctl", "start", s.ServiceName())
	}
	return h.startProcess(s)
}

// Stop ends the agent with its operations; one that does not run is no error.
func (h *Host) Stop(s *Settings) error {
	if s.Kind == Systemd && isFile(h.unitFile(s)) {
		if err := h.Command("systemctl", "stop", s.ServiceName()); err != nil {
			return err
		}
	}
	return h.stopProcess(s)
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// Remove ends the agent and removes everything that Install made; what others put into its directory stays.
func (h *Host) Remove(s *Settings) error {
	if err := h.Stop(s); err != nil {
		return err
	}
	var errs []error
	switch s.Kind {
	case Systemd:
		if isFile(h.unitFile(s)) {
			errs = append(errs, h.Command("systemctl", "disable", s.ServiceName()), os.Remove(h.unitFile(s)),
				h.Command("systemctl", "daemon-reload"))
		}
	case InitD:
		if isFile(h.initFile(s)) {
			errs = append(errs, os.Remove(h.initFile(s)), h.atBoot(s, "remove", "--del"))
		}
	}
	for _, name := range []string{"work", "logs", "bin", File} {
		errs = append(errs, os.RemoveAll(filepath.Join(s.Dir, name)))
	}
	if left, err := os.ReadDir(s.Dir); err == nil && len(left) == 0 {
		errs = append(errs, os.Remove(s.Dir))
	}
	return errors.Join(errs...)
}
