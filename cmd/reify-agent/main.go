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
}

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
	case "run":
	default:
		fmt.Fprintln(stderr, "usage: reify-agent run [flags] | ctx [args] | version")
		return 2
	}
	s, err := parse(args[1:], stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	if err := serve(ctx, s, slog.New(slog.NewTextHandler(stderr, nil))); err != nil {
		fmt.Fprintln(stderr, "reify-agent:", err)
		return 1
	}
	return 0
}

func parse(args []string, stderr io.Writer) (settings, error) {
	s := settings{}
	flags := flag.NewFlagSet("reify-agent run", flag.ContinueOnError)
	flags.SetOutput(stderr)
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
	flags.IntVar(&s.slots, "slots", 5, "operations at the same time")
	if err := flags.Parse(args); err != nil {
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
	var roots *x509.CertPool
	if s.caFile != "" {
		pem, err := os.ReadFile(s.caFile)
		if err != nil {
			return fmt.Errorf("read certificate authorities: %w", err)
		}
		if roots = x509.NewCertPool(); !roots.AppendCertsFromPEM(pem) {
			return fmt.Errorf("no certificate in %s", s.caFile)
		}
	}
	c, err := client.New(client.Config{URL: s.manager, RootCAs: roots, UserAgent: "reify-agent"})
	if err != nil {
		return err
	}
	b, err := natsconn.Open(ctx, natsconn.Options{URL: s.bus, Log: log})
	if err != nil {
		return err
	}
	defer b.Close()
	plugins, err := pluginHost(s, roots, log)
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
		Name: s.name, Queue: operation.AgentAddress(model.TenantName(s.tenant), s.queue), WorkDir: s.workDir,
		Bus: b, Clock: clock.Real{}, Slots: s.slots, Python: s.python, Log: log, Plugins: plugins,
		ManagerFor: func(m *operation.Message) agent.Manager {
			return remote.New(c.As(model.TenantName(m.Context.Tenant.Name), m.Context.ExecutionToken))
		},
	}).Run(ctx)
}

// pluginHost makes what runs Python plugins on this host.
func pluginHost(s settings, roots *x509.CertPool, log *slog.Logger) (*pyhost.Host, error) {
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
		Clock: clock.Real{}, Upstream: upstream, Log: log,
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, MaxIdleConnsPerHost: 16, ForceAttemptHTTP2: true,
			IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: 10 * time.Second, Proxy: http.ProxyFromEnvironment,
		},
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
