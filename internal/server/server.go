// Package server is the composition root: it builds every part of a manager from its configuration and runs them until
// it is told to stop. It is the only package that knows all others.
//
// It decides nothing: Run reads top to bottom. Invariants: one manager per data directory (a lock file says so); parts
// start in the order of their dependencies and stop in the reverse order; Run returns after all of them have ended.
package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/reifyhq/reify/internal/agent"
	"github.com/reifyhq/reify/internal/api/front"
	"github.com/reifyhq/reify/internal/blob"
	"github.com/reifyhq/reify/internal/blob/fs"
	"github.com/reifyhq/reify/internal/blob/s3"
	"github.com/reifyhq/reify/internal/bus/natsbus"
	"github.com/reifyhq/reify/internal/certs"
	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/config"
	"github.com/reifyhq/reify/internal/engine"
	"github.com/reifyhq/reify/internal/hook"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/pyhost"
	"github.com/reifyhq/reify/internal/pyworkflow"
	"github.com/reifyhq/reify/internal/script"
	"github.com/reifyhq/reify/internal/secret"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/service/hostagents"
	"github.com/reifyhq/reify/internal/service/plugins"
	"github.com/reifyhq/reify/internal/service/schedule"
	"github.com/reifyhq/reify/internal/service/signin"
	"github.com/reifyhq/reify/internal/service/upkeep"
	"github.com/reifyhq/reify/internal/store/sqlite"
	"github.com/reifyhq/reify/internal/workflow"
)

// Options are what the program that runs a manager brings along.
type Options struct {
	Config config.Config
	Log    *slog.Logger
	// Out receives the few lines that a person or a script waits for: the address, and on the first start the password.
	Out io.Writer
	// Version and Commit say what program this is.
	Version, Commit string
	// Ctx is the program that scripts call as "ctx".
	Ctx string
	// Reload reads the configuration again, on SIGHUP, and sets the level of the log; nil keeps what is.
	Reload func() (*config.Config, error)
}

// manager is a manager being built or running.
type manager struct {
	Options
	dir   *dataDir
	clock clock.Clock

	store   *sqlite.Store
	bus     *natsbus.Bus
	service *service.Service
	agents  *hostagents.Service
	// admitting is agents from the moment on at which it can answer the broker.
	admitting     atomic.Pointer[hostagents.Service]
	packagesOnce  sync.Once
	foundPackages hostagents.Packages

	upkeep  *upkeep.Service
	signin  *signin.Service
	engine  *engine.Engine
	agent   *agent.Agent
	hooks   *hook.Runner
	plugins *pyhost.Host
	inside  inside

	workflows *pyworkflow.Runner
	listener  net.Listener
	// certs is nil when the manager speaks plain HTTP.
	certs *certs.Keeper
	front *front.Front
	http  *http.Server
}

// Run runs a manager until ctx ends, then stops it gracefully and returns nil. An error says what could not be started,
// and why, or which part failed.
func Run(ctx context.Context, o Options) (err error) {
	m := &manager{Options: o, clock: clock.Real{}}
	if o.Config.Store != "" {
		return errors.New("this manager keeps its state in its data directory only; leave the setting store empty")
	}
	if m.dir, err = openDataDir(o.Config.DataDir, m.clock); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.dir.close()) }()
	if err := m.openCertificate(); err != nil {
		return err
	}
	if m.listener, err = listen(o.Config, m.certs); err != nil {
		return err
	}
	defer m.listener.Close()
	if m.store, err = sqlite.Open(ctx, m.dir.path("reify.db"), sqlite.Options{Clock: m.clock}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.store.Close()) }()
	door, err := m.agentDoor()
	if err != nil {
		return err
	}
	if m.bus, err = natsbus.Open(ctx, natsbus.Options{
		URL: o.Config.Bus, StoreDir: m.dir.path("bus"), Key: m.dir.key, Clock: m.clock, Log: o.Log, Agents: door,
	}); err != nil {
		return err
	}
	defer m.bus.Close()
	blobs, closeBlobs, err := m.openBlobs(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeBlobs()) }()
	if err := m.build(ctx, blobs); err != nil {
		return err
	}
	if err := m.plugins.Start(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.plugins.Close()) }()
	return m.run(ctx)
}

// openBlobs opens the bucket that is set, or the directory.
func (m *manager) openBlobs(ctx context.Context) (blob.Store, func() error, error) {
	if address := m.Config.Blob; address != "" {
		s, err := s3.Open(ctx, address)
		if err != nil {
			return nil, nil, err
		}
		return s, s.Close, nil
	}
	s, err := fs.Open(m.dir.path("files"))
	if err != nil {
		return nil, nil, fmt.Errorf("open the file store: %w", err)
	}
	return s, s.Close, nil
}

// build makes the parts above storage and bus.
func (m *manager) build(ctx context.Context, blobs blob.Store) error {
	host, port := m.address()
	m.hooks = hook.New(hook.Options{
		Store: m.store, Clock: m.clock, Log: m.Log, File: m.hooksFile(), RestHost: host, RestPort: port,
		Call: func(ctx context.Context, t *operation.Message, emit func(script.Record)) operation.Result {
			return m.agent.Call(ctx, t, emit)
		},
		Token: func(ctx context.Context, user model.UserName, until time.Time) (string, func(context.Context) error, error) {
			return m.service.IssueToken(ctx, user, "of a hook", until)
		},
	})
	keys, err := secret.OpenKeyring(m.dir.path("secret-keys"), m.dir.key, m.Config.Secrets.Keys)
	if err != nil {
		return err
	}
	m.signin = signin.New(signin.Options{Store: m.store, Keys: keys, Clock: m.clock, Log: m.Log, Issuer: m.issuer()})
	m.service = service.New(service.Options{
		Keys: keys, External: m.signin,
		Store: m.store, Blobs: blobs, Bus: m.bus, Clock: m.clock, Log: m.Log, Key: m.dir.key, Manager: m.dir.id,
		ArchiveSize: int64(m.Config.Limits.BlueprintArchiveSize), Limits: archiveLimits(m.Config), TempDir: m.dir.path("tmp"),
		MaxConcurrent: m.Config.Executions.MaxConcurrent, Hooked: m.hooks.Wanted,
	})
	m.upkeep = upkeep.New(m.service)
	if err := m.bootstrap(ctx); err != nil {
		return err
	}
	if err := m.buildAgents(); err != nil {
		return err
	}
	system := m.service.SystemWorkflows()
	system[model.WorkflowUpdatePlugin] = plugins.New(m.service).RunUpdate
	m.engine = engine.New(engine.Options{
		Store: m.store, Bus: m.bus, Clock: m.clock, Log: m.Log, Owner: m.dir.id,
		Settings: workflow.Settings{
			TaskRetries: m.Config.Workflow.TaskRetries, RetryInterval: m.Config.Workflow.TaskRetryInterval,
			SubgraphRetries: m.Config.Workflow.SubgraphRetries, WaitAfterFail: m.Config.Workflow.WaitAfterFail,
		},
		System: system, Evaluate: m.service.Evaluator(), Targets: m.service.Targets,
		Secrets: m.service.SecretsOf, Token: m.service.ExecutionToken,
		// Ids that grow keep the index of the tasks of a large graph in few pages.
		NewTaskID:  func() model.TaskID { return model.TaskID(uuid.Must(uuid.NewV7()).String()) },
		NewGraphID: func() model.GraphID { return model.GraphID(uuid.NewString()) },
		NewID:      uuid.NewString, NewInstanceID: service.NewInstanceID,
		RestHost: []string{host}, RestPort: port, MaxConcurrent: m.Config.Executions.MaxConcurrent, Ready: m.service.Ready,
		Hooked: m.hooks.Wanted, Custom: m.customWorkflow, ReportKey: m.agents.ReportKey,
	})
	handler := m.handler()
	m.front = front.New(handler, limits(m.Config), m.Log, m.clock)
	m.http = &http.Server{
		Handler: m.front, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(m.Log.Handler(), slog.LevelDebug),
	}
	reach, err := insideOf(handler)
	if err != nil {
		return fmt.Errorf("let operations reach the manager: %w", err)
	}
	m.plugins = m.pluginHost(handler)
	m.inside = reach
	m.workflows = m.workflowRunner(reach.manager)
	m.agent = agent.New(agent.Options{
		Name: m.dir.id, Queue: operation.CentralQueue, WorkDir: m.dir.path("executor"), Bus: m.bus, Clock: m.clock, Log: m.Log,
		Slots: m.Config.Executor.Slots, CtxCommand: m.Ctx, ManagerFor: reach.manager, Functions: m.functions(reach),
		Plugins: m.plugins,
	})
	return nil
}

// hooksFile is where hooks are configured.
func (m *manager) hooksFile() string {
	if m.Config.Hooks.File != "" {
		return m.Config.Hooks.File
	}
	return m.dir.path("hooks.yaml")
}

// bootstrap creates the administrator on the first start; the password goes to a file that only the owner reads, and to
// the terminal once.
func (m *manager) bootstrap(ctx context.Context) error {
	file := m.dir.path("admin-password")
	password, err := m.service.Bootstrap(ctx, model.UserName(m.Config.Admin.Username), m.Config.Admin.Password)
	if err != nil || password == "" {
		return err
	}
	if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
		return fmt.Errorf("keep the administrator's password: %w", err)
	}
	_, err = fmt.Fprintf(m.Out, "created the administrator %q with the password %s (kept in %s)\n", m.Config.Admin.Username, password, file)
	return err
}

// run runs the parts until ctx ends, then stops them: first the doors, then the engine and the executor.
func (m *manager) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		err := m.http.Serve(m.listener)
		if errors.Is(err, http.ErrServerClosed) {
			return nil
		}
		return fmt.Errorf("serve HTTP: %w", err)
	})
	g.Go(func() error {
		<-ctx.Done()
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.Config.Shutdown.Grace)
		defer cancel()
		if err := m.http.Shutdown(stop); err != nil {
			return m.http.Close()
		}
		return nil
	})
	g.Go(func() error { return m.reloads(ctx) })
	g.Go(func() error { return m.reseal(ctx) })
	g.Go(func() error { return m.installs(ctx) })
	g.Go(func() error { return m.upkeep.Run(ctx, m.Config.Audit.Retention) })
	g.Go(func() error { return m.engine.Run(ctx) })
	g.Go(func() error { return schedule.New(m.service).Run(ctx) })
	g.Go(func() error { return m.agent.Run(ctx) })
	g.Go(func() error { return m.agents.Run(ctx) })
	g.Go(func() error { return m.takeReports(ctx) })
	g.Go(func() error { return m.hooks.Run(ctx) })
	if err := m.announce(); err != nil {
		return err
	}
	m.Log.Info("manager started", "address", m.url(), "data", m.dir.root, "version", m.Version)
	err := g.Wait()
	m.Log.Info("manager stopped")
	return errors.Join(err, os.Remove(m.dir.path("manager.json")))
}

// announce writes where the manager is, for people and for programs that wait for it.
func (m *manager) announce() error {
	data, err := model.EncodeJSON(map[string]any{"url": m.url(), "pid": os.Getpid(), "version": m.Version})
	if err != nil {
		return err
	}
	tmp := m.dir.path("manager.json.new")
	if err := os.WriteFile(tmp, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the manager's address: %w", err)
	}
	if err := os.Rename(tmp, filepath.Join(m.dir.root, "manager.json")); err != nil {
		return fmt.Errorf("write the manager's address: %w", err)
	}
	_, err = fmt.Fprintf(m.Out, "listening on %s\n", m.url())
	return err
}
