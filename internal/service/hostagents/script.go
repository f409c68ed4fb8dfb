package hostagents

import (
	"context"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/reifyhq/reify/internal/agent/setup"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
)

//go:embed install.sh
var installScript string

// PackagesPath is where the file server has the packages of agents.
const PackagesPath = "/resources/packages/agents"

// Endpoint says where agents reach the manager.
type Endpoint struct {
	// URL is the address of the REST API. Its host is replaced by the address of this machine that a host sees when it is
	// not a definite one.
	URL string
	// Bus is the address of the broker; empty is behind the REST API.
	Bus string
	// CA are the authorities of the manager's certificate, PEM; empty is those of the system.
	CA []byte
}

// For returns the address of the manager as the host at ip sees it.
func (e Endpoint) For(ip string) (Endpoint, error) {
	u, err := url.Parse(e.URL)
	if err != nil {
		return e, fmt.Errorf("address of the manager %q: %w", e.URL, err)
	}
	own, err := netip.ParseAddr(u.Hostname())
	host, hostErr := netip.ParseAddr(ip)
	switch {
	case err != nil:
		return e, nil
	case own.IsUnspecified() && hostErr == nil && !host.IsLoopback():
		seen, err := sourceFor(ip)
		if err != nil {
			return e, err
		}
		e.URL, e.Bus = onHost(e.URL, seen), onHost(e.Bus, seen)
	case own.IsUnspecified():
		e.URL, e.Bus = onHost(e.URL, "127.0.0.1"), onHost(e.Bus, "127.0.0.1")
	case own.IsLoopback() && hostErr == nil && !host.IsLoopback():
		return e, fault.New(fault.BadParameters, "The manager listens on %s, which the host %s cannot reach. "+
			"Start the manager with --listen on an address of the network, or set agents.url to where hosts reach it", u.Host, ip)
	}
	return e, nil
}

func onHost(address, host string) string {
	u, err := url.Parse(address)
	if address == "" || err != nil {
		return address
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err != nil || !ip.IsUnspecified() {
		return address
	}
	u.Host = net.JoinHostPort(host, u.Port())
	return u.String()
}

// sourceFor is the address of this machine on the way to ip; nothing is sent.
func sourceFor(ip string) (string, error) {
	c, err := net.Dial("udp", net.JoinHostPort(ip, "9"))
	if err != nil {
		return "", fmt.Errorf("find the way to host %s: %w", ip, err)
	}
	defer c.Close()
	host, _, err := net.SplitHostPort(c.LocalAddr().String())
	return host, err
}

var safeDir = regexp.MustCompile(`^(~[A-Za-z0-9_.-]*)?/.`)

// ScriptParams describe an agent that is to be installed.
type ScriptParams struct {
	Name     string
	Instance model.InstanceID
	// IP is the address of the host, empty when it is not known yet.
	IP string
	// URL is where the host reaches the manager; empty is found out.
	URL string
	// Dir is the directory on the host, which may begin with ~ or ~user; empty is NAME in the home of User.
	Dir      string
	User     string
	Slots    int
	Env      map[string]string
	LogLevel string
	Kind     setup.Kind
}

// Script is what installs an agent when a host runs it with bash.
type Script struct {
	Text string
	// Dir is where the agent will be, as far as it is known before; Manager is the address that it will use.
	Dir, Manager string
}

// Script makes or renews the account of an agent and returns the script that installs it. A script that was made before
// for the same name lets nobody in any more.
func (s *Service) Script(ctx context.Context, a *service.Actor, p ScriptParams) (*Script, error) {
	if err := a.RequireTenant("agent_create"); err != nil {
		return nil, err
	}
	if s.o.Broker == nil {
		return nil, fault.New(fault.BadParameters, "Host agents cannot connect: this manager uses the broker of somebody else")
	}
	e := s.o.Endpoint
	if p.URL != "" {
		e.URL, e.Bus = p.URL, ""
	}
	e, err := e.For(p.IP)
	if err != nil {
		return nil, err
	}
	if p.Dir == "" {
		p.Dir = "~" + p.User + "/" + p.Name
	}
	if !safeDir.MatchString(p.Dir) {
		return nil, fault.New(fault.BadParameters, "agent_dir %q: it must begin with /, ~/ or ~USER/", p.Dir)
	}
	secret, err := s.register(ctx, a, p.Name, p.Instance)
	if err != nil {
		return nil, err
	}
	settings := setup.Settings{
		Name: p.Name, Tenant: string(a.Tenant), Secret: secret, Manager: e.URL, Bus: e.Bus, CA: string(e.CA), Dir: "/", User: p.User,
		Slots: p.Slots, Env: p.Env, LogLevel: p.LogLevel, Kind: p.Kind,
	}
	if err := settings.Check(); err != nil {
		return nil, fault.New(fault.BadParameters, "%v", err)
	}
	sums, err := s.o.Packages.Sums()
	if err != nil {
		return nil, err
	}
	text, err := render(settings, p.Dir, sums)
	if err != nil {
		return nil, err
	}
	return &Script{Text: text, Dir: p.Dir, Manager: e.URL}, nil
}

func render(s setup.Settings, dir string, sums map[string]string) (string, error) {
	data, err := json.Marshal(s)
	if err != nil {
		return "", fmt.Errorf("render the installation of agent %s: %w", s.Name, err)
	}
	var pairs []string
	for machine, sum := range sums {
		pairs = append(pairs, machine+"="+sum)
	}
	slices.Sort(pairs)
	ca := ""
	if s.CA != "" {
		ca = base64.StdEncoding.EncodeToString([]byte(s.CA))
	}
	return strings.NewReplacer(
		"@NAME@", quote(s.Name), "@DIR@", quote(dir), "@PACKAGES@", quote(strings.TrimSuffix(s.Manager, "/")+PackagesPath),
		"@SETTINGS@", base64.StdEncoding.EncodeToString(data), "@CA@", quote(ca), "@SUMS@", quote(strings.Join(pairs, " ")),
		"@KIND@", quote(string(s.Kind)),
	).Replace(installScript), nil
}

// quote makes a word of the shell of any text.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
