package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/reifyhq/reify/internal/agent"
	"github.com/reifyhq/reify/internal/agent/installer"
	"github.com/reifyhq/reify/internal/bus/natsbus"
	"github.com/reifyhq/reify/internal/certs"
	"github.com/reifyhq/reify/internal/component"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/service/hostagents"
)

// busPath is where agents connect to the broker through the manager's own port.
const busPath = "/agent-bus"

// agentDoor is how host agents get to the embedded broker; nil when the broker is somebody else's.
func (m *manager) agentDoor() (*natsbus.AgentDoor, error) {
	if m.Config.Bus != "" {
		return nil, nil
	}
	door := &natsbus.AgentDoor{Listen: m.Config.Agents.Listen, Admit: m.admit}
	if door.Listen == "" {
		return door, nil
	}
	host, _, err := net.SplitHostPort(door.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen for agents on %q: write the address as host:port: %w", door.Listen, err)
	}
	if m.certs != nil {
		door.TLS = &tls.Config{GetCertificate: m.certs.Certificate, MinVersion: tls.VersionTLS12}
	}
	ip := net.ParseIP(host)
	if door.TLS == nil && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("listen for agents on %q: beyond this machine agents connect with TLS only; give a certificate with tls.cert and tls.key",
			door.Listen)
	}
	return door, nil
}

// admit answers the broker, which is open before the use cases are.
func (m *manager) admit(ctx context.Context, user, secret string) (natsbus.Agent, bool) {
	agents := m.admitting.Load()
	if agents == nil {
		return natsbus.Agent{}, false
	}
	address, ok := agents.Admit(ctx, user, secret)
	return natsbus.Agent{Name: string(address), Queue: address.TaskQueue(), Serves: []string{address.PingTopic()}}, ok
}

func (m *manager) buildAgents() error {
	o := hostagents.Options{Packages: m.packages()}
	if m.Config.Bus == "" {
		o.Broker = m.bus
	}
	ca, err := m.agentCA()
	if err != nil {
		return err
	}
	o.Endpoint = m.endpoint()
	o.Endpoint.CA = ca
	m.agents = hostagents.New(m.service, o)
	m.service.Presence = m.agents.Presence
	m.admitting.Store(m.agents)
	return nil
}

// endpoint is the address of the manager as it listens; what hosts see of it is worked out for each.
func (m *manager) endpoint() hostagents.Endpoint {
	e := hostagents.Endpoint{URL: m.Config.Agents.URL}
	if e.URL == "" {
		u, err := url.Parse(m.url())
		if host, port, splitErr := net.SplitHostPort(m.listener.Addr().String()); err == nil && splitErr == nil {
			u.Host = net.JoinHostPort(host, port)
			e.URL = u.String()
		}
	}
	if m.Config.Agents.Listen == "" {
		return e
	}
	e.Bus = "nats://"
	if m.certs != nil {
		e.Bus = "tls://"
	}
	e.Bus += m.bus.AgentAddress()
	return e
}

// agentCA is what agents trust when they connect to the manager: the authorities that are set, the given certificate, or
// the manager's own authority; nothing when it does not use TLS.
func (m *manager) agentCA() ([]byte, error) {
	file := m.Config.Agents.CA
	switch {
	case file != "":
	case m.Config.TLS.Cert != "":
		file = m.Config.TLS.Cert
	case m.certs != nil:
		file = filepath.Join(m.dir.path(certsDir), certs.CAFile)
	default:
		return nil, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the authorities that agents trust: %w", err)
	}
	return data, nil
}

// packages are those of agents: in the directory that is set or beside the program, and one of the agent beside it.
func (m *manager) packages() hostagents.Packages {
	m.packagesOnce.Do(func() {
		var p hostagents.Packages
		if dir := m.Config.Agents.Packages; dir != "" {
			p.Dirs = append(p.Dirs, dir)
		}
		if self, err := os.Executable(); err == nil {
			dir := filepath.Dir(self)
			p.Dirs = append(p.Dirs, filepath.Join(dir, "agents"), filepath.Join(dir, "..", "dist", "agents"))
		}
		if filepath.Base(m.Ctx) == "reify-agent" {
			p.Program = m.Ctx
		}
		p.Cache = m.dir.path("agents")
		m.foundPackages = p.WithOwn()
	})
	return m.foundPackages
}

// functions are the operations of the executor beside the manager that are not those of every agent: components, and the
// ones that bring agents onto hosts.
func (m *manager) functions(reach inside) map[string]agent.Function {
	all := component.Functions(reach.client, m.clock)
	maps.Copy(all, installer.Functions(installer.Options{
		Clock: m.clock, Log: m.Log, Bus: m.bus, ReportKey: m.agents.ReportKey, NewID: uuid.NewString, ClientFor: reach.client,
	}))
	return all
}

// registerBus lets agents through to the broker as WebSockets; the broker checks their credentials.
func (m *manager) registerBus(r chi.Router) {
	at := m.bus.WebsocketAddress()
	if at == "" {
		return
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL = &url.URL{Scheme: "http", Host: at, Path: "/"}
			p.Out.Host = at
		},
		ErrorLog: slog.NewLogLogger(m.Log.Handler(), slog.LevelDebug),
	}
	r.Get(busPath, proxy.ServeHTTP)
}

// takeReports takes what agents report and hands it to the engine.
func (m *manager) takeReports(ctx context.Context) error {
	if m.Config.Bus != "" {
		return nil
	}
	return m.bus.TakeUp(ctx, func(ctx context.Context, up natsbus.Up) error {
		if up.IsFresh {
			if err := m.bus.RenewQueue(ctx, operation.Address(up.Agent).TaskQueue()); err != nil {
				return errors.Join(natsbus.ErrAgain, err)
			}
			return nil
		}
		if up.Topic != "" {
			return m.passOn(ctx, up)
		}
		if err := m.agents.CheckReport(operation.Address(up.Agent), up.Queue, up.Data); err != nil {
			m.Log.Warn("refused what an agent sent", "agent", up.Agent, "queue", up.Queue, "error", err)
			return err
		}
		if err := m.bus.Send(ctx, up.Queue, up.ID, up.Data); err != nil {
			return errors.Join(natsbus.ErrAgain, err)
		}
		return nil
	})
}

// passOn passes what an agent says on a topic to those who watch it: that attempts which were to be killed are over, and
// nothing else.
func (m *manager) passOn(ctx context.Context, up natsbus.Up) error {
	err := fmt.Errorf("agent %s may not speak on topic %s", up.Agent, up.Topic)
	if up.Topic == operation.KilledTopic {
		err = m.agents.CheckKilled(ctx, operation.Address(up.Agent), up.Data)
	}
	if err != nil {
		m.Log.Warn("refused what an agent sent", "agent", up.Agent, "topic", up.Topic, "error", err)
		return err
	}
	return m.bus.Notify(up.Topic, up.Data)
}
