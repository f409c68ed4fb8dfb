package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
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

// longestPause bounds the time between two kills.
const longestPause = 1500 * time.Millisecond

// trial is one run of the program.
type trial struct {
	dir   string
	out   io.Writer
	rng   *rand.Rand
	kills int
	m     *manager
	// managers and operations count the kills, workflows the executions that ended well.
	managers, operations, workflows int
	// recoveries are the times from a kill of the manager to the next thing that happened.
	recoveries []time.Duration
}

func newTrial(dir, bin string, kills int, seed uint64, out io.Writer) *trial {
	return &trial{dir: dir, out: out, rng: rand.New(rand.NewPCG(seed, 23)), kills: kills, m: &manager{bin: bin, dir: dir}}
}

func (t *trial) journal() string { return filepath.Join(t.dir, "journal") }

// lines are the notes so far.
func (t *trial) lines() []string {
	data, err := os.ReadFile(t.journal())
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}

// play runs workflows until the wanted number of kills is reached, and judges each when it has ended.
func (t *trial) play(ctx context.Context) (err error) {
	if t.m.bin == "" {
		if t.m.bin, err = build(ctx, t.dir); err != nil {
			return err
		}
	}
	if err := errors.Join(os.Mkdir(t.journal()+".d", 0o755), writeBlueprints(filepath.Join(t.dir, "blueprints"))); err != nil {
		return err
	}
	if err := t.m.start(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.m.stop(context.WithoutCancel(ctx))) }()
	for _, version := range []string{"one", "two"} {
		if err := t.upload(ctx, version); err != nil {
			return err
		}
	}
	begun := time.Now()
	for cycle := 1; t.left() > 0; cycle++ {
		if err := t.cycle(ctx, model.DeploymentID(fmt.Sprintf("d%d", cycle))); err != nil {
			return err
		}
	}
	slices.Sort(t.recoveries)
	quantile := func(q float64) time.Duration {
		if len(t.recoveries) == 0 {
			return 0
		}
		return t.recoveries[int(q*float64(len(t.recoveries)-1))].Round(time.Millisecond)
	}
	fmt.Fprintf(t.out, "%d kills in %v: %d of the manager, %d of operations\n", t.managers+t.operations,
		time.Since(begun).Round(time.Second), t.managers, t.operations)
	fmt.Fprintf(t.out, "recovery: p50 %v, p90 %v, max %v\n", quantile(0.5), quantile(0.9), quantile(1))
	fmt.Fprintf(t.out, "%d executions ended as they should, none needed a hand\n", t.workflows)
	return nil
}

func (t *trial) left() int { return t.kills - t.managers - t.operations }

// upload has the command line pack and upload a blueprint.
func (t *trial) upload(ctx context.Context, version string) error {
	password, err := os.ReadFile(filepath.Join(t.m.data(), "admin-password"))
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, t.m.bin, "blueprints", "upload", filepath.Join(t.dir, "blueprints", version), "-b", version)
	cmd.Env = append(os.Environ(), "REIFY_URL="+t.m.url, "REIFY_USERNAME=admin", "REIFY_PASSWORD="+strings.TrimSpace(string(password)),
		"REIFY_TENANT="+string(model.DefaultTenant), "REIFY_CONFIG_HOME="+t.dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("upload blueprint %s: %w\n%s", version, err, out)
	}
	return nil
}

// cycle takes one deployment from its install to its uninstall.
func (t *trial) cycle(ctx context.Context, d model.DeploymentID) error {
	_, err := t.m.client.CreateDeployment(ctx, d, client.CreateParams{Blueprint: "one", Inputs: model.Document{"journal": t.journal()}})
	if err != nil {
		return fmt.Errorf("create deployment %s: %w", d, err)
	}
	start := func(name string, parameters model.Document) func() (model.ExecutionID, error) {
		return func() (model.ExecutionID, error) {
			x, err := t.m.client.StartExecution(ctx, client.StartParams{Deployment: d, Workflow: name, Parameters: parameters})
			return x.ID, err
		}
	}
	for _, w := range []struct {
		name  string
		start func() (model.ExecutionID, error)
		// started is the number of instances that are started afterwards.
		started int
	}{
		{"install", start("install", nil), nodes},
		{"scale", start("scale", model.Document{"scalable_entity_name": "last", "delta": 2}), nodes + 2},
		{"update", func() (model.ExecutionID, error) {
			u, err := t.m.client.UpdateDeployment(ctx, d, client.UpdateParams{Blueprint: "two"})
			return u.Execution, err
		}, nodes},
		{"uninstall", start("uninstall", nil), 0},
	} {
		id, err := w.start()
		if err != nil {
			return fmt.Errorf("start %s of %s: %w", w.name, d, err)
		}
		if err := t.torment(ctx, id); err != nil {
			return fmt.Errorf("%s of %s: %w", w.name, d, err)
		}
		if err := t.judge(ctx, d, id, w.started); err != nil {
			return fmt.Errorf("%s of %s: %w", w.name, d, err)
		}
		t.workflows++
		fmt.Fprintf(t.out, "%s of %s ended well after %d kills\n", w.name, d, t.managers+t.operations)
	}
	return nil
}

// torment kills something now and then until the execution has ended.
func (t *trial) torment(ctx context.Context, id model.ExecutionID) error {
	next := time.Now().Add(t.pause())
	return until(ctx, "execution "+string(id)+" to end", func() (bool, error) {
		if x, err := t.m.client.GetExecution(ctx, id); err != nil || x.Status.Ended() {
			return err == nil, err
		}
		if t.left() == 0 || time.Now().Before(next) {
			return false, nil
		}
		err := t.strike(ctx, id)
		next = time.Now().Add(t.pause())
		return false, err
	})
}

func (t *trial) pause() time.Duration { return time.Duration(t.rng.Int64N(int64(longestPause))) }

// strike kills the manager, or the process of an operation when there is one.
func (t *trial) strike(ctx context.Context, id model.ExecutionID) error {
	if running := t.m.operations(); t.rng.IntN(4) == 0 && len(running) > 0 {
		if err := syscall.Kill(running[t.rng.IntN(len(running))], syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
		t.operations++
		return nil
	}
	at := time.Now()
	if err := t.m.kill(); err != nil {
		return err
	}
	t.managers++
	if err := t.write("killed"); err != nil {
		return err
	}
	before := begins(t.lines())
	if err := t.m.start(ctx); err != nil {
		return err
	}
	err := until(ctx, "something to happen after a kill", func() (bool, error) {
		if begins(t.lines()) > before {
			return true, nil
		}
		x, err := t.m.client.GetExecution(ctx, id)
		return err == nil && x.Status.Ended(), err
	})
	t.recoveries = append(t.recoveries, time.Since(at))
	return err
}

func begins(lines []string) (n int) {
	for _, l := range lines {
		if strings.HasPrefix(l, "begin ") {
			n++
		}
	}
	return n
}

// write adds a note of the program itself.
func (t *trial) write(line string) error {
	f, err := os.OpenFile(t.journal(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line + "\n")
	return errors.Join(err, f.Close())
}
