package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/reifyhq/reify/internal/agent/setup"
	"github.com/reifyhq/reify/internal/bus/natsbus/natsconn"
	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/operation"
)

// onHost are the verbs that look after an agent on its host.
func onHost(ctx context.Context, verb string, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("reify-agent "+verb, flag.ContinueOnError)
	flags.SetOutput(stderr)
	config := flags.String("config", "", "file with the agent's settings")
	file := flags.String("settings", "", "file with the settings of the agent that is set up")
	dir := flags.String("dir", "", "directory of the agent that is set up")
	kind := flags.String("process-management", "", "systemd, init.d or detach; found out when empty")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if err := look(ctx, verb, *config, *file, *dir, setup.Kind(*kind), stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "reify-agent:", err)
		return 1
	}
	return 0
}

func look(ctx context.Context, verb, config, file, dir string, kind setup.Kind, stdout, stderr io.Writer) error {
	host := setup.ThisHost(clock.Real{})
	if verb == "setup" {
		config = file
	}
	s, err := setup.Read(config)
	if err != nil {
		return err
	}
	switch verb {
	case "setup":
		if s.Dir, err = filepath.Abs(dir); err != nil {
			return err
		}
		if kind != "" {
			s.Kind = kind
		}
		return host.Install(s)
	case "start":
		return host.Start(s)
	case "stop":
		return host.Stop(s)
	case "remove":
		return host.Remove(s)
	case "supervise":
		return setup.Supervise(ctx, clock.Real{}, s, slog.New(slog.NewTextHandler(stderr, nil)), stderr)
	}
	if pid, ok := s.Running(); ok {
		_, err = fmt.Fprintf(stdout, "agent %s runs (process %d)\n", s.Name, pid)
		return err
	}
	return fmt.Errorf("agent %s does not run as a process of its own", s.Name)
}

// busPath is where the broker is behind the manager's REST API.
const busPath = "/agent-bus"

// installed are the settings of an agent that was installed.
func installed(path string) (settings, error) {
	from, err := setup.Read(path)
	if err != nil {
		return settings{}, err
	}
	s := settings{
		name: from.Name, tenant: from.Tenant, queue: from.Name, manager: from.Manager, bus: from.Bus, secret: from.Secret, ca: from.CA,
		workDir: from.WorkDir(), python: "python3", slots: from.Slots, env: from.Env, level: from.LogLevel,
	}
	if s.slots <= 0 {
		s.slots = defaultSlots
	}
	if s.bus == "" {
		u, err := url.Parse(from.Manager)
		if err != nil {
			return s, fmt.Errorf("address of the manager: %w", err)
		}
		s.path = strings.TrimSuffix(u.Path, "/") + busPath
		u.Scheme, u.Path = strings.Replace(u.Scheme, "http", "ws", 1), ""
		s.bus = u.String()
	}
	return s, nil
}

// address is the agent's address, which is the user name of its account too.
func (s settings) address() operation.Address {
	return operation.AgentAddress(s.tenantName(), s.queue)
}

// account completes the connection of an agent that has one.
func (s settings) account(o *natsconn.Options) {
	if s.secret == "" {
		return
	}
	o.User, o.Secret = string(s.address()), s.secret
	o.Agent = &natsconn.AgentOptions{Name: string(s.address()), Path: s.path}
}
