// Command bench measures what a benchmark of one package cannot: a whole manager as its user sees it. It needs the
// programs in bin (make build), prints its figures and how they were taken, and leaves nothing behind.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	starts   = 20
	idleWait = 8 * time.Second
	patience = 30 * time.Second
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	program, err := filepath.Abs("bin/reify")
	if err != nil {
		return err
	}
	if _, err := os.Stat(program); err != nil {
		return errors.New("bin/reify is not there; run make build first")
	}
	if len(os.Args) > 1 && os.Args[1] == "agents" {
		return agentFigures(program, os.Args[2:])
	}
	var times []time.Duration
	for range starts {
		m, err := start(program)
		if err != nil {
			return err
		}
		times = append(times, m.served)
		if err := m.stop(); err != nil {
			return err
		}
	}
	slices.Sort(times)
	fmt.Printf("start on an empty directory to the first served request: median %v, fastest %v, slowest %v of %d\n",
		round(times[starts/2]), round(times[0]), round(times[starts-1]), starts)
	return idle(program)
}

func round(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

// idle measures the resident memory of a manager that nobody uses.
func idle(program string) error {
	m, err := start(program)
	if err != nil {
		return err
	}
	time.Sleep(idleWait)
	kib, err := resident(m.cmd.Process.Pid)
	if err := errors.Join(err, m.stop()); err != nil {
		return err
	}
	fmt.Printf("resident memory of an idle manager after %v: %.1f MiB\n", idleWait, float64(kib)/1024)
	return nil
}

func resident(pid int) (kib int, err error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
		}
	}
	return 0, errors.New("the kernel does not tell the resident memory")
}

// manager is a running manager and how long it took to serve.
type manager struct {
	cmd    *exec.Cmd
	dir    string
	served time.Duration
}

func start(program string, more ...string) (*manager, error) {
	dir, err := os.MkdirTemp("", "reify-bench-")
	if err != nil {
		return nil, err
	}
	m := &manager{dir: dir, cmd: exec.Command(program, "server", "--data-dir", dir, "--listen", "127.0.0.1:0", "--log.level", "error")}
	m.cmd.Args = append(m.cmd.Args, more...)
	began := time.Now()
	if err := m.cmd.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := m.await(began); err != nil {
		return nil, errors.Join(err, m.stop())
	}
	m.served = time.Since(began)
	return m, nil
}

// await polls until the manager answers.
func (m *manager) await(began time.Time) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for ctx.Err() == nil {
		if m.answers(ctx) {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return fmt.Errorf("the manager did not answer within %v", time.Since(began))
}

func (m *manager) answers(ctx context.Context) bool {
	data, err := os.ReadFile(filepath.Join(m.dir, "manager.json"))
	var at struct{ URL string }
	if err != nil || json.Unmarshal(data, &at) != nil {
		return false
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.URL+"/api/v3.1/ok", nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	return res.Body.Close() == nil && res.StatusCode == http.StatusOK
}

func (m *manager) stop() error {
	err := m.cmd.Process.Signal(syscall.SIGTERM)
	return errors.Join(err, m.cmd.Wait(), os.RemoveAll(m.dir))
}
