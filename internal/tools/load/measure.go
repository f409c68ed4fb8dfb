package main

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
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// manager is a running manager.
type manager struct {
	cmd      *exec.Cmd
	dir, url string
	token    string
}

const patience = time.Minute

func start(ctx context.Context, program, dir string) (*manager, error) {
	m := &manager{dir: dir}
	if err := os.Remove(filepath.Join(dir, "manager.json")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	m.cmd = exec.Command(program, "server", "--data-dir", dir, "--listen", "127.0.0.1:0", "--log.level", "error", "--admin.password", "admin")
	m.cmd.Stderr = os.Stderr
	if err := m.cmd.Start(); err != nil {
		return nil, err
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for limit := time.Now().Add(patience); time.Now().Before(limit) && ctx.Err() == nil; <-tick.C {
		data, err := os.ReadFile(filepath.Join(dir, "manager.json"))
		var at struct{ URL string }
		if err != nil || json.Unmarshal(data, &at) != nil {
			continue
		}
		m.url = at.URL + "/api/v3.1"
		return m, nil
	}
	return nil, errors.Join(errors.New("the manager did not start"), m.stop())
}

func (m *manager) stop() error {
	return errors.Join(m.cmd.Process.Signal(syscall.SIGTERM), m.cmd.Wait())
}

// do sends one request and returns the body of a good answer.
func (m *manager) do(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, m.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Tenant", "default_tenant")
	req.Header.Set("Content-Type", "application/json")
	if m.token == "" {
		req.SetBasicAuth("admin", "admin")
	} else {
		req.Header.Set("Authentication-Token", m.token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return nil, err
	}
	if res.StatusCode >= http.StatusBadRequest {
		return nil, fmt.Errorf("%s %s: %s: %s", method, path, res.Status, data)
	}
	return data, nil
}

// measure drives the loads one after the other.
func (m *manager) measure(ctx context.Context, o options) error {
	data, err := m.do(ctx, "POST", "/tokens", []byte("{}"))
	if err != nil {
		return err
	}
	var token struct{ Value string }
	if err := json.Unmarshal(data, &token); err != nil {
		return err
	}
	m.token = token.Value
	fmt.Println("lists, driven by wrk (2 threads) with the connections given")
	for _, path := range []string{
		"/node-instances?_size=100&_include=id,state,deployment_id,node_id",
		"/node-instances?_size=100",
		"/node-instances?_size=10&deployment_id=site-000500",
		"/deployments?_size=10",
	} {
		for _, connections := range []int{8, 32} {
			if err := m.wrk(ctx, path, connections, o.seconds); err != nil {
				return err
			}
		}
	}
	fmt.Println("deployments with filter rules, 4 callers, 100 requests each")
	for _, rules := range []string{
		`[{"key":"environment","values":["production"],"operator":"any_of","type":"label"}]`,
		`[{"key":"environment","values":["lab"],"operator":"any_of","type":"label"},{"key":"region","values":["region-07","region-31"],"operator":"any_of","type":"label"}]`,
		`[{"key":"customer","values":["customer-0042"],"operator":"any_of","type":"label"},{"key":"blueprint_id","values":["sit"],"operator":"starts_with","type":"attribute"}]`,
		`[{"key":"region","values":["region-07"],"operator":"not_any_of","type":"label"}]`,
	} {
		if err := m.search(ctx, rules); err != nil {
			return err
		}
	}
	return nil
}

// wrk loads one path and prints requests per second and latencies.
func (m *manager) wrk(ctx context.Context, path string, connections, seconds int) error {
	out, err := exec.CommandContext(ctx, "wrk", "-t2", "-c"+strconv.Itoa(connections), "-d"+strconv.Itoa(seconds)+"s", "--latency",
		"-H", "Tenant: default_tenant", "-H", "Authentication-Token: "+m.token, m.url+path).CombinedOutput()
	if err != nil {
		return fmt.Errorf("wrk: %w\n%s", err, out)
	}
	var figures []string
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		switch {
		case len(f) == 2 && (f[0] == "50%" || f[0] == "99%"):
			figures = append(figures, "p"+strings.TrimSuffix(f[0], "%")+" "+f[1])
		case len(f) == 2 && f[0] == "Requests/sec:":
			figures = append(figures, f[1]+" requests/s")
		case strings.Contains(line, "Non-2xx"), strings.Contains(line, "Socket errors"):
			return fmt.Errorf("GET %s: %s", path, line)
		}
	}
	fmt.Printf("  %-70s %3d connections  %s\n", path, connections, strings.Join(figures, "  "))
	return nil
}

// search asks for a filtered page by several callers and prints the latencies.
func (m *manager) search(ctx context.Context, rules string) error {
	const callers, requests = 4, 100
	type outcome struct {
		times []time.Duration
		err   error
	}
	results := make(chan outcome)
	for range callers {
		go func() {
			var o outcome
			for range requests {
				began := time.Now()
				if _, o.err = m.do(ctx, "POST", "/searches/deployments?_size=100&_include=id,display_name",
					[]byte(`{"filter_rules":`+rules+`}`)); o.err != nil {
					break
				}
				o.times = append(o.times, time.Since(began))
			}
			results <- o
		}()
	}
	var all []time.Duration
	var err error
	for range callers {
		o := <-results
		all, err = append(all, o.times...), errors.Join(err, o.err)
	}
	if err != nil {
		return err
	}
	slices.Sort(all)
	at := func(p int) time.Duration { return all[len(all)*p/100].Round(100 * time.Microsecond) }
	fmt.Printf("  p50 %-8v p95 %-8v p99 %-8v %s\n", at(50), at(95), at(99), rules)
	return nil
}
