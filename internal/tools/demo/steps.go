package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// scenario is what the demo needs to know of an example.
type scenario struct {
	inputs []string
	// says is a text that the page must hold.
	says string
	// victim is the node whose process is killed to show heal.
	victim string
	// needs returns an error that wraps errSkip when the machine lacks something.
	needs func() error
	// hosts is a program that makes the hosts of the example in a directory, with a file of inputs, and ends them.
	hosts string
}

var scenarios = map[string]scenario{
	"hello-web": {
		inputs: []string{"greeting=Good morning from the demo", "colour=#205030"},
		says:   "Good morning from the demo",
		victim: "web",
	},
	"three-tier": {
		inputs: []string{"title=The demo's guest book"},
		says:   "You are visitor",
		needs:  needsPostgres,
	},
	"ssh-hosts": {
		inputs: []string{"greeting=Good evening from a host"},
		says:   "Good evening from a host",
		needs:  needsSSH,
		hosts:  "hosts.sh",
	},
}

func needsSSH() error {
	for _, program := range []string{"/usr/sbin/sshd", "ssh-keygen", "curl"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%w: %s is not on this machine (Debian: apt install openssh-server curl)", errSkip, program)
		}
	}
	return nil
}

func (d *demo) hostsDir() string { return filepath.Join(d.dir, "hosts") }

// hosts makes the hosts of an example that needs some, or ends them.
func (d *demo) hosts(ctx context.Context, verb string) error {
	if d.scenario.hosts == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join("examples", d.example, d.scenario.hosts), verb, d.hostsDir())
	fmt.Fprintf(d.out, "$ %s\n", quoted(cmd.Args))
	cmd.Stdout, cmd.Stderr = d.out, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s the hosts: %w", verb, err)
	}
	return nil
}

func needsPostgres() error {
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin/initdb", "/usr/pgsql-*/bin/initdb", "/usr/local/pgsql/bin/initdb"} {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return nil
		}
	}
	return fmt.Errorf("%w: PostgreSQL's programs are not on this machine (Debian: apt install postgresql)", errSkip)
}

func (d *demo) logIn(ctx context.Context) error {
	password, err := d.password()
	if err != nil {
		return err
	}
	if err := d.reify(ctx, password+"\n", "profiles", "use", d.manager.url, "-u", "admin", "-p", "-"); err != nil {
		return err
	}
	return d.reify(ctx, "", "status")
}

func (d *demo) upload(ctx context.Context) error {
	path := filepath.Join("examples", d.example)
	if err := d.reify(ctx, "", "blueprints", "upload", path, "-b", d.example); err != nil {
		return err
	}
	return d.reify(ctx, "", "blueprints", "inputs", d.example)
}

func (d *demo) create(ctx context.Context) error {
	args := []string{"deployments", "create", d.example, "-b", d.example, "-i", "base_directory=" + d.work()}
	if d.scenario.hosts != "" {
		if err := d.hosts(ctx, "up"); err != nil {
			return err
		}
		args = append(args, "-i", filepath.Join(d.hostsDir(), "inputs.yaml"))
	}
	for _, i := range d.scenario.inputs {
		args = append(args, "-i", i)
	}
	return d.reify(ctx, "", args...)
}

func (d *demo) install(ctx context.Context) error {
	d.isDeployed = true
	return d.reify(ctx, "", "executions", "start", "install", "-d", d.example, "--timeout", "300")
}

// page is the address of the application's page.
func (d *demo) page(ctx context.Context) (string, error) {
	var capabilities map[string]struct {
		Value any `json:"value"`
	}
	if err := d.ask(ctx, &capabilities, "deployments", "capabilities", d.example); err != nil {
		return "", err
	}
	address, ok := capabilities["url"].Value.(string)
	if !ok || address == "" {
		return "", errors.New("the deployment has no capability url")
	}
	return address, nil
}

func (d *demo) look(ctx context.Context) error {
	if err := d.reify(ctx, "", "deployments", "capabilities", d.example); err != nil {
		return err
	}
	address, err := d.page(ctx)
	if err != nil {
		return err
	}
	body, err := fetch(ctx, address)
	if err != nil {
		return err
	}
	fmt.Fprintf(d.out, "GET %s\n  %s\n", address, strings.ReplaceAll(strings.TrimSpace(body), "\n", "\n  "))
	if !strings.Contains(body, d.scenario.says) {
		return fmt.Errorf("the page at %s does not say %q", address, d.scenario.says)
	}
	return nil
}

func fetch(ctx context.Context, address string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	// A connection of its own: a kept one would say nothing about who listens now.
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %s", address, res.Status, body)
	}
	return string(body), err
}

func (d *demo) inspect(ctx context.Context) error {
	for _, args := range [][]string{
		{"nodes", "list", "-d", d.example},
		{"node-instances", "list", "-d", d.example},
		{"deployments", "outputs", d.example},
		{"executions", "list", "-d", d.example},
	} {
		if err := d.reify(ctx, "", args...); err != nil {
			return err
		}
	}
	var instances []struct {
		ID    string `json:"id"`
		State string `json:"state"`
	}
	if err := d.ask(ctx, &instances, "node-instances", "list", "-d", d.example); err != nil {
		return err
	}
	for _, i := range instances {
		if i.State != "started" {
			return fmt.Errorf("node instance %s is %s", i.ID, i.State)
		}
	}
	var events []struct{}
	if err := d.ask(ctx, &events, "events", "list", "-d", d.example, "-s", "10000"); err != nil {
		return err
	}
	fmt.Fprintf(d.out, "%d node instances are started; %d events and log lines were kept.\n", len(instances), len(events))
	if len(events) == 0 {
		return errors.New("the manager kept no events")
	}
	return nil
}

// heal kills the process of a node and lets the manager bring it back, when the deployment knows how.
func (d *demo) heal(ctx context.Context) error {
	if d.scenario.victim == "" || !d.offers(ctx, "heal") {
		fmt.Fprintln(d.out, "(this deployment has no use for heal)")
		return nil
	}
	var instances []struct {
		ID         string         `json:"id"`
		Properties map[string]any `json:"runtime_properties"`
	}
	if err := d.ask(ctx, &instances, "node-instances", "list", "-d", d.example, "-n", d.scenario.victim); err != nil {
		return err
	}
	if len(instances) != 1 {
		return fmt.Errorf("%d instances of node %s, want 1", len(instances), d.scenario.victim)
	}
	pid, err := d.processOf(instances[0].Properties)
	if err != nil {
		return err
	}
	fmt.Fprintf(d.out, "$ kill -KILL %d    # the process of %s\n", pid, instances[0].ID)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return err
	}
	if err := d.reify(ctx, "", "executions", "start", "heal", "-d", d.example, "-p", "node_instance_id="+instances[0].ID); err != nil {
		return err
	}
	address, err := d.page(ctx)
	if err != nil {
		return err
	}
	body, err := fetch(ctx, address)
	if err != nil {
		return fmt.Errorf("after heal: %w", err)
	}
	if !strings.Contains(body, d.scenario.says) {
		return fmt.Errorf("after heal the page does not say %q", d.scenario.says)
	}
	fmt.Fprintf(d.out, "The page is back at %s\n", address)
	return nil
}

// processOf reads the number of the process and makes sure that it is one of the application's before it is killed.
func (d *demo) processOf(properties map[string]any) (int, error) {
	pid, err := strconv.Atoi(fmt.Sprint(properties["pid"]))
	if err != nil {
		return 0, fmt.Errorf("runtime property pid: %w", err)
	}
	for _, p := range d.processes() {
		if p == pid {
			return pid, nil
		}
	}
	return 0, fmt.Errorf("process %d is none of the application's", pid)
}

func (d *demo) offers(ctx context.Context, workflow string) bool {
	var workflows []struct {
		Name        string `json:"name"`
		IsAvailable bool   `json:"is_available"`
	}
	if err := d.ask(ctx, &workflows, "workflows", "list", "-d", d.example); err != nil {
		return false
	}
	for _, w := range workflows {
		if w.Name == workflow {
			return w.IsAvailable
		}
	}
	return false
}

func (d *demo) uninstall(ctx context.Context) error {
	address, err := d.page(ctx)
	if err != nil {
		return err
	}
	if err := d.reify(ctx, "", "uninstall", d.example, "--timeout", "300"); err != nil {
		return err
	}
	d.isDeployed = false
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	return closed(ctx, u.Host)
}

// verifyGone proves that neither a process nor a file nor a record of the application is left.
func (d *demo) verifyGone(ctx context.Context) error {
	if left := d.processes(); len(left) > 0 {
		return fmt.Errorf("processes of the application are left: %v", left)
	}
	entries, err := os.ReadDir(d.work())
	if err != nil {
		return err
	}
	for _, e := range entries {
		return fmt.Errorf("files of the application are left: %s", e.Name())
	}
	for _, noun := range []string{"deployments", "blueprints"} {
		var items []struct {
			ID string `json:"id"`
		}
		if err := d.ask(ctx, &items, noun, "list"); err != nil {
			return err
		}
		if len(items) > 0 {
			return fmt.Errorf("%s are left: %v", noun, items)
		}
	}
	fmt.Fprintln(d.out, "No process, no listening port, no file, no record.")
	return nil
}

// processes are the processes of the application: those with its directory on their command line.
func (d *demo) processes() []int {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil
	}
	var found []int
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil || pid == os.Getpid() {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err == nil && strings.Contains(string(data), d.work()+"/") {
			found = append(found, pid)
		}
	}
	return found
}

// killLeftovers ends what an application left behind after a step failed.
func (d *demo) killLeftovers() error {
	for _, pid := range d.processes() {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("kill process %d: %w", pid, err)
		}
	}
	return nil
}
