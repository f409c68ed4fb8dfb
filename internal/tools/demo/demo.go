package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/reifyhq/reify/internal/clock"
)

// stepTimeout is the longest that one command may take.
const stepTimeout = 2 * time.Minute

// demo is one run.
type demo struct {
	bin      string
	example  string
	scenario scenario
	keep     bool
	dir      string
	clock    clock.Clock
	out      io.Writer
	manager  manager
	// isDeployed says that there is something to take down when a step fails.
	isDeployed bool
	steps      []step
}

// step is one part of the demo that was done.
type step struct {
	name string
	took time.Duration
}

func (d *demo) data() string { return filepath.Join(d.dir, "data") }
func (d *demo) home() string { return filepath.Join(d.dir, "config") }
func (d *demo) work() string { return filepath.Join(d.dir, "applications") }
func (d *demo) log() string  { return filepath.Join(d.dir, "manager.log") }

// play does everything from the first start to the proof that nothing is left.
func (d *demo) play(ctx context.Context) error {
	steps := []struct {
		name string
		do   func(context.Context) error
	}{
		{"start the manager", d.startManager},
		{"log in", d.logIn},
		{"upload the blueprint", d.upload},
		{"create the deployment", d.create},
		{"install it", d.install},
		{"look at it", d.look},
		{"look behind it", d.inspect},
		{"break it and heal it", d.heal},
		{"uninstall it", d.uninstall},
		{"check that nothing is left", d.verifyGone},
		{"stop the manager", d.stopManager},
	}
	if d.keep {
		steps = steps[:7]
	}
	for _, s := range steps {
		fmt.Fprintf(d.out, "\n== %s\n", s.name)
		began := d.clock.Now()
		if err := s.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		d.steps = append(d.steps, step{s.name, d.clock.Now().Sub(began)})
	}
	return nil
}

// environment is what the program gets: profiles of its own, and nothing of the user's.
func (d *demo) environment() []string {
	env := []string{"REIFY_CONFIG_HOME=" + d.home()}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "REIFY_") {
			env = append(env, v)
		}
	}
	return env
}

func (d *demo) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, d.bin, args...)
	cmd.Env = d.environment()
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// reify shows a command and runs it for everybody to see.
func (d *demo) reify(ctx context.Context, input string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	fmt.Fprintf(d.out, "$ reify %s\n", quoted(args))
	cmd := d.command(ctx, args...)
	cmd.Stdout, cmd.Stderr = d.out, os.Stderr
	if input != "" {
		cmd.Stdin = strings.NewReader(input)
	}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("reify %s: %w", quoted(args), err)
	}
	return nil
}

// ask runs a command behind the scenes and reads its JSON.
func (d *demo) ask(ctx context.Context, into any, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := d.command(ctx, append(args, "--json")...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("reify %s: %w: %s", quoted(args), err, strings.TrimSpace(stderr.String()))
	}
	if err := json.Unmarshal(stdout.Bytes(), into); err != nil {
		return fmt.Errorf("reify %s: read its JSON: %w", quoted(args), err)
	}
	return nil
}

func quoted(args []string) string {
	out := make([]string, 0, len(args))
	for _, a := range args {
		if strings.ContainsAny(a, " \"'$;") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		out = append(out, a)
	}
	return strings.Join(out, " ")
}

// until waits until ready returns nil, and returns its last error when the time is over.
func (d *demo) until(ctx context.Context, limit time.Duration, ready func() error) error {
	end := d.clock.Now().Add(limit)
	for {
		err := ready()
		if err == nil {
			return nil
		}
		if d.clock.Now().After(end) {
			return fmt.Errorf("not within %s: %w", limit, err)
		}
		timer := d.clock.NewTimer(50 * time.Millisecond)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C():
		}
	}
}

// failed says what went wrong, with the end of the manager's log.
func (d *demo) failed(err error) {
	fmt.Fprintf(os.Stderr, "\nFAILED: %v\n", err)
	data, readErr := os.ReadFile(d.log())
	if readErr != nil || len(data) == 0 {
		return
	}
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	if len(lines) > 40 {
		lines = lines[len(lines)-40:]
	}
	fmt.Fprintf(os.Stderr, "\nThe end of the manager's log:\n  %s\n", strings.Join(lines, "\n  "))
}

// cleanUp ends and removes everything, unless it is to be kept.
func (d *demo) cleanUp(ctx context.Context, isFailure bool) error {
	if d.keep && !isFailure {
		d.howToGoOn()
		return nil
	}
	if d.isDeployed && d.manager.isRunning() {
		down, cancel := context.WithTimeout(ctx, time.Minute)
		// What cannot be taken down in an orderly way is ended below.
		_ = d.command(down, "down", d.example, "--force", "--quiet").Run()
		cancel()
	}
	err := d.stopManager(ctx)
	if hostsErr := d.hosts(ctx, "down"); err == nil {
		err = hostsErr
	}
	if killErr := d.killLeftovers(); err == nil {
		err = killErr
	}
	if removeErr := os.RemoveAll(d.dir); err == nil {
		err = removeErr
	}
	return err
}

func (d *demo) summary() {
	fmt.Fprintf(d.out, "\n== summary\n")
	var total time.Duration
	for _, s := range d.steps {
		total += s.took
		fmt.Fprintf(d.out, "%8.2f s  %s\n", s.took.Seconds(), s.name)
	}
	fmt.Fprintf(d.out, "%8.2f s  altogether. Everything is as it should be.\n", total.Seconds())
}

func (d *demo) howToGoOn() {
	fmt.Fprintf(d.out, `
== it goes on running
The manager is at %[1]s (process %[2]d), its files are in %[3]s.
User admin, password in %[3]s/admin-password.

  export REIFY_CONFIG_HOME=%[4]s
  reify deployments list
  reify node-instances list -d %[5]s
  reify executions start heal -d %[5]s -p node_instance_id=INSTANCE
  reify down %[5]s

Stop the manager with: kill %[2]d
`, d.manager.url, d.manager.pid(), d.data(), d.home(), d.example)
}
