// Command reify-agent runs operations on a host. Started under the name ctx it is the command by which scripts reach
// their operation. This file wires; it decides nothing.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"github.com/reifyhq/reify/internal/agent"
	"github.com/reifyhq/reify/internal/agent/remote"
	"github.com/reifyhq/reify/internal/bus/natsbus/natsconn"
	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/pyhost"
	"github.com/reifyhq/reify/internal/script/ctxcmd"
)

// version is set at release: -ldflags "-X main.version=1.2.3".
var version string

func main() {
	if filepath.Base(os.Args[0]) == ctxcmd.Name {
		os.Exit(ctxcmd.Main(os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the default comes back, so that a second one ends the process at once.
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// settings are the flags of run.
type settings struct {
	name, tenant, queue  string
	bus, manager, caFile string
	workDir, python      string
	base, wheelhouse     string
	slots                int

	// What follows is known of an installed agent only.
	secret, ca, path, level string
	env                     map[string]string
}

const (
	defaultSlots = 5
	// managerAway is how long operations wait for a manager that cannot be reached.
	managerAway = 10 * time.Minute
)

func (s settings) tenantName() model.TenantName { return model.TenantName(s.tenant) }

func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	verb := ""
	if len(args) > 0 {
		verb = args[0]
	}
	switch verb {
	case ctxcmd.Name:
		return ctxcmd.Main(args[1:], getenv, stdout, stderr)
	case "version":
		fmt.Fprintln(stdout, programVersion())
		return 0
	case "setup", "start", "stop", "status", "remove", "supervise":
		return onHost(ctx, verb, args[1:], stdout, stderr)
	case "run":
	default:
		fmt.Fprintln(stderr, "usage: reify-agent run --config FILE | run [flags] | setup|start|stop|status|remove|supervise --config FILE | ctx [args] | version")
		return 2
	}
	s, err := parse(args[1:], stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	if err := serve(ctx, s, slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: s.logLevel()}))); err != nil {
		fmt.Fprintln(stderr, "reify-agent:", err)
		return 1
	}
	return 0
}

func parse(args []string, stderr io.Writer) (settings, error) {
	s := settings{}
	flags := flag.NewFlagSet("reify-agent run", flag.ContinueOnError)
	flags.SetOutput(stderr)
	config := flags.String("config", "", "file with the settings of an installed agent, instead of the flags below")
	flags.StringVar(&s.name, "name", "", "name of the agent (required)")
	flags.StringVar(&s.tenant, "tenant", string(model.DefaultTenant), "tenant of the agent")
	flags.StringVar(&s.queue, "queue", "", "queue of the agent (its name)")
	flags.StringVar(&s.bus, "bus", "", "address of the broker, such as nats://manager:4222 (required)")
	flags.StringVar(&s.manager, "manager", "", "address of the manager, such as https://manager (required)")
	flags.StringVar(&s.caFile, "ca", "", "file with the certificate authorities of the manager (those of the system)")
	flags.StringVar(&s.workDir, "work-dir", "", "directory of the agent (required)")
	flags.StringVar(&s.python, "python", "python3", "interpreter for Python scripts")
	flags.StringVar(&s.base, "python-base", "", "directory of the environment of Python plugins (base in the work directory)")
	flags.StringVar(&s.wheelhouse, "wheelhouse", "", "directory of wheels to make that environment from (the package registry)")
	flags.IntVar(&s.slots, "slots", defaultSlots, "operations at the same time")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if *config != "" {
		s, err := installed(*config)
		if err != nil {
			fmt.Fprintln(stderr, "reify-agent run:", err)
		}
		return s, err
	}
	for name, value := range map[string]string{"name": s.name, "bus": s.bus, "manager": s.manager, "work-dir": s.workDir} {
		if value == "" {
			err := fmt.Errorf("flag --%s is required", name)
			fmt.Fprintln(stderr, "reify-agent run:", err)
			return s, err
		}
	}
	if s.queue == "" {
		s.queue = s.name
	}
	return s, nil
}

// serve wires an agent and runs it until ctx ends.
func serve(ctx context.Context, s settings, log *slog.Logger) error {
	roots, err := s.authorities()
	if err != nil {
		return err
	}
	base := http.DefaultTransport.(*http.Transport).Clone()
	base.MaxIdleConnsPerHost = 16
	base.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	defer base.CloseIdleConnections()
	reach := &remote.Patient{Base: base, Clock: clock.Real{}, Limit: managerAway, Log: log}
	c, err := client.New(client.Config{URL: s.manager, UserAgent: "reify-agent", Transport: reach})
	if err != nil {
		return err
	}
	o := natsconn.Options{URL: s.bus, Log: log}
	s.account(&o)
	if o.Agent != nil {
		o.Agent.RootCAs = roots
	}
	b, err := natsconn.Open(ctx, o)
	if err != nil {
		return err
	}
	defer b.Close()
	plugins, err := pluginHost(s, reach, log)
	if err != nil {
		return err
	}
	if err := plugins.Start(ctx); err != nil {
		return err
	}
	defer func() {
		if err := plugins.Close(); err != nil {
			log.Error("end Python plugins", "error", err)
		}
	}()
	log.Info("agent started", "name", s.name, "version", programVersion())
	return agent.New(agent.Options{
		Name: s.name, Queue: s.address(), WorkDir: s.workDir, Env: s.environment(),
		Bus: b, Clock: clock.Real{}, Slots: s.slots, Python: s.python, Log: log, Plugins: plugins,
		ManagerFor: func(m *operation.Message) agent.Manager {
			return remote.New(c.As(model.TenantName(m.Context.Tenant.Name), m.Context.ExecutionToken))
		},
	}).Run(ctx)
}

// authorities are those that were given, as a file or as text; nil is those of the system.
func (s settings) authorities() (*x509.CertPool, error) {
	pem, from := []byte(s.ca), "the agent's settings"
	if s.caFile != "" {
		var err error
		if pem, err = os.ReadFile(s.caFile); err != nil {
			return nil, fmt.Errorf("read certificate authorities: %w", err)
		}
		from = s.caFile
	}
	if len(pem) == 0 {
		return nil, nil
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("no certificate in %s", from)
	}
	return roots, nil
}

// environment is that of the agent with the variables of its settings. Calls of ctx wait as long as the agent does.
func (s settings) environment() []string {
	all := append(os.Environ(), ctxcmd.TimeoutVariable+"="+strconv.Itoa(int(managerAway.Seconds())))
	for name, value := range s.env {
		all = append(all, name+"="+value)
	}
	return all
}

// logLevel is the least level that is logged; one that is not known is info.
func (s settings) logLevel() slog.Level {
	var l slog.Level
	if err := l.UnmarshalText([]byte(s.level)); err != nil {
		return slog.LevelInfo
	}
	return l
}

// pluginHost makes what runs Python plugins on this host; reach is how they reach the manager.
func pluginHost(s settings, reach http.RoundTripper, log *slog.Logger) (*pyhost.Host, error) {
	upstream, err := url.Parse(s.manager)
	if err != nil {
		return nil, fmt.Errorf("manager URL %q: %w", s.manager, err)
	}
	base := s.base
	if base == "" {
		base = filepath.Join(s.workDir, "base")
	}
	return pyhost.New(pyhost.Options{
		Name: s.name, Kind: pyhost.KindAgent, WorkDir: s.workDir, CtxDir: filepath.Join(s.workDir, "bin"), SetupOnUse: true,
		Base:  pyhost.Base{Dir: base, Python: s.python, Wheelhouse: s.wheelhouse, Advice: "reify python setup --python.base " + base + " on this host"},
		Clock: clock.Real{}, Upstream: upstream, Transport: reach, Log: log,
	}), nil
}

func programVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
