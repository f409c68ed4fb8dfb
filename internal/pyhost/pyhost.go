// Package pyhost runs operations of Python plugins, and workflows that are Python code, unmodified.
//
// A plugin sees what it sees in the reference: the published package cloudify-common, a dispatch directory with input.json
// and output.json, the environment of operations, section 3.2, and the REST API of its manager. Behind that, each set of
// installed packages is an environment: the base, which holds the published package, and one per plugin linked to it. An
// operation is a fork of the warm process of its environment (a zygote), or, where that cannot be, a fresh interpreter.
// REST calls go through a proxy on the loopback interface that keeps connections and gathers log lines.
//
//	message ─▶ environment (install?) ─▶ input.json ─▶ fork ─▶ process group ─▶ output.json ─▶ result
//	                                                     └── REST ─▶ proxy ─▶ manager
//
// The package never decides about retries, never reads a blueprint and never touches a database.
//
// Invariants: an environment is used only when it was finished; nothing that was killed or timed out goes on; when this
// process ends, however it ends, every process that it started ends; the proxy serves only tokens of what runs now.
package pyhost

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/python"
)

// Kind says whether a host runs beside the manager or on a host of its own.
type Kind string

// The kinds of hosts; the zero value is KindManager.
const (
	KindManager Kind = "manager"
	KindAgent   Kind = "agent"
)

// field is the name under which the host tells who it is.
func (k Kind) field() string {
	if k == "" {
		return string(KindManager)
	}
	return string(k)
}

// Options configure a Host. WorkDir, Base, Clock, Upstream and Transport are required.
type Options struct {
	// Name is what the manager or the agent calls itself, Kind which of both it is.
	Name string
	Kind Kind
	// WorkDir is what plugins know as the work directory of their executor; environments of plugins lie below it.
	WorkDir string
	// TempDir is where dispatch directories are made; empty is tmp in WorkDir.
	TempDir string
	// Base is the base environment.
	Base Base
	// SetupOnUse makes the base environment at the first operation that needs it when it is missing.
	SetupOnUse bool
	// Cold switches zygotes off: every operation is a fresh interpreter.
	Cold bool
	// CtxDir is the directory of the ctx command; it comes first in the PATH of operations.
	CtxDir string
	Clock  clock.Clock
	// Upstream is the root of the manager's URL and Transport carries requests to it.
	Upstream  *url.URL
	Transport http.RoundTripper
	// Newer reports whether version a of a plugin is newer than b; nil compares numbers between dots.
	Newer func(a, b string) bool
	// Log receives what happens to the host itself; nil discards it.
	Log *slog.Logger
}

// Host runs operations and workflows; see New. It is safe for concurrent use.
type Host struct {
	o    Options
	log  *slog.Logger
	pool pool
	// proxy serves operations and workflows those that run a workflow; Start sets them.
	proxy, workflows *Proxy
	stop             context.CancelFunc
	parts            sync.WaitGroup
	closed           sync.Once

	mu sync.Mutex
	// ready is the base environment once it was found or made, failed why it could not be made lately.
	ready  *Installation
	failed setupFailure
}

// New returns a host that has not started anything.
func New(o Options) *Host {
	if o.TempDir == "" {
		o.TempDir = filepath.Join(o.WorkDir, "tmp")
	}
	if o.Newer == nil {
		o.Newer = newerNumbers
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Base.Clock, o.Base.Log = o.Clock, o.Log
	h := &Host{o: o, log: o.Log}
	h.pool.init(h)
	return h
}

// Start makes the directories and opens the proxies. Close must be called when it succeeded.
func (h *Host) Start(ctx context.Context) error {
	for _, dir := range []*string{&h.o.WorkDir, &h.o.TempDir, &h.o.Base.Dir, &h.o.CtxDir} {
		if *dir == "" {
			continue
		}
		path, err := filepath.Abs(*dir)
		if err != nil {
			return fmt.Errorf("prepare for Python operations: %w", err)
		}
		*dir = path
	}
	for _, dir := range []string{h.o.WorkDir, h.cwd(), h.pluginsRoot(), h.logDir()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("prepare for Python operations: %w", err)
		}
	}
	if err := os.MkdirAll(h.o.TempDir, 0o700); err != nil {
		return fmt.Errorf("prepare for Python operations: %w", err)
	}
	if err := python.WriteDispatch(h.dispatchDir()); err != nil {
		return err
	}
	// The package insists on a file with certificates, even where it speaks plain HTTP.
	if err := os.WriteFile(h.certFile(), nil, 0o644); err != nil {
		return fmt.Errorf("prepare for Python operations: %w", err)
	}
	var err error
	if h.proxy, err = newProxy(h.o.Upstream, h.o.Transport, h.log); err != nil {
		return err
	}
	if h.workflows, err = newProxy(h.o.Upstream, h.o.Transport, h.log); err != nil {
		return errors.Join(err, h.proxy.close())
	}
	ctx, h.stop = context.WithCancel(ctx)
	h.parts.Go(func() { h.pool.watch(ctx, h.o.Clock) })
	return nil
}

// Close ends every process that the host started and the proxies. Nothing may be running any more, or it is killed.
// Further calls do nothing.
func (h *Host) Close() (err error) {
	h.closed.Do(func() {
		h.stop()
		h.pool.close()
		h.parts.Wait()
		err = errors.Join(h.proxy.close(), h.workflows.close())
	})
	return err
}

func (h *Host) dispatchDir() string { return filepath.Join(h.o.WorkDir, "dispatch") }
func (h *Host) certFile() string    { return filepath.Join(h.o.WorkDir, "rest-certificates.pem") }
func (h *Host) pluginsRoot() string { return filepath.Join(h.o.WorkDir, "environments") }
func (h *Host) logDir() string      { return filepath.Join(h.o.WorkDir, "logs") }

// cwd is the working directory of operations: an empty one, because Python looks for modules in it.
func (h *Host) cwd() string { return filepath.Join(h.o.WorkDir, "cwd") }

// base returns the base environment and makes it when it is missing and may be made.
func (h *Host) base(ctx context.Context) (*Installation, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ready != nil && h.ready.exists() {
		return h.ready, nil
	}
	found, err := h.o.Base.Find()
	if err == nil {
		h.ready = found
		return found, nil
	}
	if !h.o.SetupOnUse {
		return nil, h.advise(err)
	}
	if recent := h.failed.recent(h.o.Clock.Now()); recent != nil {
		return nil, recent
	}
	h.log.Info("setting up Python for plugins", "directory", h.o.Base.Dir)
	made, err := h.o.Base.Setup(ctx)
	if err != nil {
		if ctx.Err() == nil {
			h.failed = setupFailure{h.o.Clock.Now(), h.advise(err)}
		}
		return nil, h.advise(err)
	}
	h.ready = made
	return made, nil
}

func (h *Host) advise(err error) error {
	return fmt.Errorf("Python plugins cannot run here: %w. Type: %s", err, h.o.Base.advice())
}

// errKilled is why a run ended whose context did.
var errKilled = errors.New("the operation was killed")
