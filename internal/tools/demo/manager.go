package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// manager is the manager that the demo starts.
type manager struct {
	url   string
	cmd   *exec.Cmd
	ended chan error
}

func (m *manager) isRunning() bool {
	if m.cmd == nil {
		return false
	}
	select {
	case err := <-m.ended:
		m.ended <- err
		return false
	default:
		return true
	}
}

func (m *manager) pid() int {
	if m.cmd == nil || m.cmd.Process == nil {
		return 0
	}
	return m.cmd.Process.Pid
}

// startManager starts a manager on an empty directory and waits until it serves.
func (d *demo) startManager(ctx context.Context) error {
	log, err := os.OpenFile(d.log(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	args := []string{"server", "--data-dir", d.data(), "--listen", "127.0.0.1:0"}
	fmt.Fprintf(d.out, "$ reify %s &\n", quoted(args))
	cmd := exec.Command(d.bin, args...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = d.environment(), d.dir, log, log
	// A session of its own: an interrupt in the terminal is the demo's, which then stops the manager in good order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	d.manager = manager{cmd: cmd, ended: make(chan error, 1)}
	ended := d.manager.ended
	go func() { ended <- cmd.Wait() }()

	client := &http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	err = d.until(ctx, 30*time.Second, func() error {
		if !d.manager.isRunning() {
			return errors.New("the manager ended")
		}
		address, err := d.address()
		if err != nil {
			return err
		}
		res, err := client.Get(address + "/api/v3.1/ok")
		if err != nil {
			return err
		}
		d.manager.url = address
		return res.Body.Close()
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(d.out, "The manager serves at %s\n", d.manager.url)
	return nil
}

// address is where the manager says that it listens.
func (d *demo) address() (string, error) {
	data, err := os.ReadFile(filepath.Join(d.data(), "manager.json"))
	if err != nil {
		return "", err
	}
	var v struct {
		URL string `json:"url"`
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return "", err
	}
	if v.URL == "" {
		return "", errors.New("manager.json names no url")
	}
	return v.URL, nil
}

func (d *demo) password() (string, error) {
	path := filepath.Join(d.data(), "admin-password")
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if info.Mode().Perm() != 0o600 {
		return "", fmt.Errorf("%s can be read by others (%s)", path, info.Mode())
	}
	data, err := os.ReadFile(path)
	return strings.TrimSpace(string(data)), err
}

// stopManager asks the manager to end, and proves that it did and that its port is free.
func (d *demo) stopManager(ctx context.Context) error {
	m := &d.manager
	if m.cmd == nil {
		return nil
	}
	var err error
	if m.isRunning() {
		if err := m.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			return err
		}
		timer := d.clock.NewTimer(30 * time.Second)
		defer timer.Stop()
		select {
		case err = <-m.ended:
		case <-timer.C():
			// The whole session: operations that it runs must not outlive it here.
			_ = syscall.Kill(-m.pid(), syscall.SIGKILL)
			err = errors.Join(errors.New("the manager did not end within 30 seconds and was killed"), <-m.ended)
		}
	} else {
		err = <-m.ended
	}
	m.cmd = nil
	if err != nil {
		return fmt.Errorf("the manager did not end well: %w", err)
	}
	if u, parseErr := url.Parse(m.url); parseErr == nil && m.url != "" {
		if err := closed(ctx, u.Host); err != nil {
			return fmt.Errorf("the manager ended: %w", err)
		}
	}
	fmt.Fprintln(d.out, "The manager has ended.")
	return nil
}

// closed returns an error when somebody listens at the address.
func closed(ctx context.Context, address string) error {
	dialer := net.Dialer{Timeout: 2 * time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil
	}
	conn.Close()
	return fmt.Errorf("somebody still listens at %s", address)
}
