package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
)

// poll is the time between two looks at something that is awaited, patience how long it may take.
const (
	poll     = 5 * time.Millisecond
	patience = 3 * time.Minute
)

// manager is the manager process on one data directory. It is killed and started again.
type manager struct {
	bin, dir string
	cmd      *exec.Cmd
	ended    chan error
	url      string
	client   *client.Client
}

// build makes the program that is tried.
func build(ctx context.Context, dir string) (string, error) {
	bin := filepath.Join(dir, "reify")
	for _, name := range []string{"reify", "reify-agent"} {
		cmd := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(dir, name), "github.com/reifyhq/reify/cmd/"+name)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
		}
	}
	return bin, nil
}

func (m *manager) data() string { return filepath.Join(m.dir, "data") }

// start starts the manager and waits until it serves.
func (m *manager) start(ctx context.Context) error {
	log, err := os.OpenFile(filepath.Join(m.dir, "manager.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	m.cmd = exec.Command(m.bin, "server", "--data-dir", m.data(), "--listen", "127.0.0.1:0")
	m.cmd.Stdout, m.cmd.Stderr = log, log
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := m.cmd.Start(); err != nil {
		return err
	}
	m.ended = make(chan error, 1)
	cmd, ended := m.cmd, m.ended
	go func() { ended <- cmd.Wait() }()
	err = until(ctx, "the manager to serve", func() (bool, error) {
		select {
		case err := <-m.ended:
			m.cmd = nil
			return false, fmt.Errorf("the manager ended by itself: %w", err)
		default:
		}
		var at struct {
			URL string
			PID int
		}
		data, err := os.ReadFile(filepath.Join(m.data(), "manager.json"))
		if err != nil || json.Unmarshal(data, &at) != nil || at.PID != m.cmd.Process.Pid {
			return false, nil
		}
		m.url = at.URL
		return true, nil
	})
	if err != nil {
		return err
	}
	password, err := os.ReadFile(filepath.Join(m.data(), "admin-password"))
	if err != nil {
		return err
	}
	m.client, err = client.New(client.Config{URL: m.url, Tenant: model.DefaultTenant, Username: "admin", Password: strings.TrimSpace(string(password))})
	return err
}

// kill ends the manager as a power cut would.
func (m *manager) kill() error {
	m.client.Close()
	err := m.cmd.Process.Kill()
	<-m.ended
	m.cmd = nil
	return err
}

// stop ends the manager in good order and makes sure that no process of it is left.
func (m *manager) stop(ctx context.Context) error {
	if m.cmd == nil {
		for _, pid := range m.processes() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		return nil
	}
	m.client.Close()
	err := m.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.NewTimer(40 * time.Second)
	defer timer.Stop()
	select {
	case endErr := <-m.ended:
		err = errors.Join(err, endErr)
	case <-timer.C:
		err = errors.Join(errors.New("the manager did not end and was killed"), m.kill())
	}
	m.cmd = nil
	return errors.Join(err, until(ctx, "the processes of the manager to be gone", func() (bool, error) { return len(m.processes()) == 0, nil }))
}

// processes lists the processes that have the trial's directory in their environment: operations and what they started.
func (m *manager) processes() []int {
	var out []int
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range all {
		env, _ := os.ReadFile(filepath.Join(p, "environ"))
		if !bytes.Contains(env, []byte(m.data())) {
			continue
		}
		var pid int
		if _, err := fmt.Sscan(filepath.Base(p), &pid); err == nil && pid != os.Getpid() && (m.cmd == nil || pid != m.cmd.Process.Pid) {
			out = append(out, pid)
		}
	}
	return out
}

// operations lists the processes of running operations, without what they started.
func (m *manager) operations() []int {
	return slices.DeleteFunc(m.processes(), func(pid int) bool {
		group, err := syscall.Getpgid(pid)
		return err != nil || group != pid
	})
}

// until waits for a condition.
func until(ctx context.Context, what string, holds func() (bool, error)) error {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		ok, err := holds()
		if ok || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, ctx.Err())
		case <-limit.C:
			return fmt.Errorf("waited %v in vain for %s", patience, what)
		}
	}
}
