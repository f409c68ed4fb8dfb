package e2e_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
)

// program is the reify binary that the tests drive, built once.
var program string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "reify-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	program = filepath.Join(dir, "reify")
	for _, name := range []string{"reify", "reify-agent"} {
		build := exec.Command("go", "build", "-o", filepath.Join(dir, name), "github.com/reifyhq/reify/cmd/"+name)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build %s: %v\n%s", name, err, out)
			os.Exit(1)
		}
	}
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// manager is a `reify server` process on a directory of its own. It may be killed and started again.
type manager struct {
	t    *testing.T
	dir  string
	args []string
	cmd  *exec.Cmd
	done chan error
	log  *lockedBuffer
	url  string
	// ca is the file with the authority of the manager's certificate, empty when it has none; roots is what is in it.
	ca    string
	roots *x509.CertPool
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newManager starts a manager; it is stopped, and its processes looked for, when the test ends.
func newManager(t *testing.T, args ...string) *manager {
	t.Helper()
	m := &manager{t: t, dir: t.TempDir(), args: args, log: &lockedBuffer{}}
	if n := slices.Index(args, "--tls.cert"); n >= 0 {
		m.ca, m.roots = args[n+1], x509.NewCertPool()
		pem, err := os.ReadFile(m.ca)
		if err != nil || !m.roots.AppendCertsFromPEM(pem) {
			t.Fatalf("read the authority %s: %v", m.ca, err)
		}
	}
	m.start()
	t.Cleanup(func() {
		if m.cmd != nil {
			m.stop()
		}
		if t.Failed() {
			t.Logf("the manager's log:\n%s", m.log)
		}
		m.noProcessLeft()
	})
	return m
}

func (m *manager) start() {
	m.t.Helper()
	args := append([]string{"server", "--data-dir", m.dir, "--listen", "127.0.0.1:0", "--log.level", "debug"}, m.args...)
	m.cmd = exec.Command(program, args...)
	m.cmd.Stdout, m.cmd.Stderr = m.log, m.log
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.done = make(chan error, 1)
	cmd, done := m.cmd, m.done
	go func() { done <- cmd.Wait() }()
	pid := m.cmd.Process.Pid
	m.await("the manager to serve", func() bool {
		select {
		case err := <-m.done:
			m.t.Fatalf("the manager ended: %v\n%s", err, m.log)
		default:
		}
		data, err := os.ReadFile(filepath.Join(m.dir, "manager.json"))
		var at struct {
			URL string
			PID int
		}
		if err != nil || json.Unmarshal(data, &at) != nil || at.PID != pid {
			return false
		}
		m.url = at.URL
		return true
	})
}

// kill ends the manager as a power cut would.
func (m *manager) kill() {
	m.t.Helper()
	if err := m.cmd.Process.Kill(); err != nil {
		m.t.Fatal(err)
	}
	<-m.done
	m.cmd = nil
}

// stop ends the manager gracefully.
func (m *manager) stop() {
	m.t.Helper()
	if err := m.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		m.t.Fatal(err)
	}
	select {
	case err := <-m.done:
		if err != nil {
			m.t.Errorf("the manager ended with %v", err)
		}
	case <-time.After(40 * time.Second):
		m.t.Errorf("the manager did not end; killing it")
		m.cmd.Process.Kill()
		<-m.done
	}
	m.cmd = nil
}

// noProcessLeft fails the test when a process still has the data directory in its command line or environment.
func (m *manager) noProcessLeft() {
	m.t.Helper()
	left := func() []string {
		var out []string
		procs, _ := filepath.Glob("/proc/[0-9]*")
		for _, p := range procs {
			line, _ := os.ReadFile(filepath.Join(p, "cmdline"))
			env, _ := os.ReadFile(filepath.Join(p, "environ"))
			if filepath.Base(p) != fmt.Sprint(os.Getpid()) && (bytes.Contains(line, []byte(m.dir)) || bytes.Contains(env, []byte(m.dir))) {
				out = append(out, filepath.Base(p)+" "+strings.ReplaceAll(string(line), "\x00", " "))
			}
		}
		return out
	}
	m.await("the processes of the manager to be gone", func() bool { return len(left()) == 0 })
	if found := left(); len(found) > 0 {
		m.t.Errorf("processes are left: %q", found)
	}
}

func (m *manager) await(what string, cond func() bool) {
	m.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(90 * time.Second)
	defer limit.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-limit.C:
			m.t.Fatalf("waited too long for %s\n%s", what, m.log)
		}
	}
}

func (m *manager) password() string {
	m.t.Helper()
	data, err := os.ReadFile(filepath.Join(m.dir, "admin-password"))
	if err != nil {
		m.t.Fatal(err)
	}
	return strings.TrimSpace(string(data))
}

func (m *manager) client() *client.Client {
	m.t.Helper()
	c, err := client.New(client.Config{URL: m.url, Tenant: model.DefaultTenant, Username: "admin", Password: m.password(), RootCAs: m.roots})
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(c.Close)
	return c
}

// reify runs the command line against the manager and returns its exit code and its output.
func (m *manager) reify(args ...string) (code int, out string) {
	m.t.Helper()
	return run(m.t, []string{
		"REIFY_URL=" + m.url, "REIFY_USERNAME=admin", "REIFY_PASSWORD=" + m.password(), "REIFY_TENANT=default_tenant",
		"REIFY_CA_CERT=" + m.ca,
	}, args...)
}

func run(t *testing.T, env []string, args ...string) (code int, out string) {
	t.Helper()
	return runProgram(t, env, program, args...)
}

func runProgram(t *testing.T, env []string, program string, args ...string) (code int, out string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Env = append(cmd.Env, "REIFY_CONFIG_HOME="+t.TempDir())
	text, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s %v: %v", filepath.Base(program), args, err)
	}
	return cmd.ProcessState.ExitCode(), string(text)
}

// ok runs the command line and fails the test when it fails.
func (m *manager) ok(args ...string) string {
	m.t.Helper()
	code, out := m.reify(args...)
	if code != 0 {
		m.t.Fatalf("reify %s: exit %d\n%s", strings.Join(args, " "), code, out)
	}
	return out
}

// blueprint writes a blueprint directory of the files and returns its path.
func blueprint(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "app")
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
