package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/go-chi/chi/v5"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/api/front"
	"github.com/reifyhq/reify/internal/api/v31"
	"github.com/reifyhq/reify/internal/archive"
	"github.com/reifyhq/reify/internal/certs"
	"github.com/reifyhq/reify/internal/config"
	"github.com/reifyhq/reify/internal/fileserver"
	"github.com/reifyhq/reify/internal/issuer"
)

// usesTLS reports whether the manager speaks TLS: with a given certificate, and with its own one whenever it listens
// beyond loopback. Plain HTTP there needs to be asked for: credentials would travel in clear.
func usesTLS(c config.Config) bool { return c.TLS.Cert != "" || !c.Loopback() && !c.PlainHTTP }

// openCertificate opens the certificate of the manager; there is none when it speaks plain HTTP.
func (m *manager) openCertificate() error {
	if !usesTLS(m.Config) {
		return nil
	}
	hosts, err := certs.Hosts(m.Config.Listen, strings.Split(m.Config.TLS.Hosts, ","))
	if err != nil {
		return err
	}
	m.certs, err = certs.Open(certs.Options{Cert: m.Config.TLS.Cert, Key: m.Config.TLS.Key, Dir: m.dir.path(certsDir), Hosts: hosts, Clock: m.clock})
	return err
}

// certsDir is where the own certificates are, below the data directory.
const certsDir = "tls"

// ShowCertificates prints what the own certificates of the manager with the data directory are.
func ShowCertificates(dataDir string, out io.Writer) error {
	return certs.Show(filepath.Join(dataDir, certsDir), out)
}

// ExportCA prints the certificate that clients of the manager with the data directory have to trust, as PEM.
func ExportCA(dataDir string, out io.Writer) error {
	data, err := os.ReadFile(filepath.Join(dataDir, certsDir, certs.CAFile))
	if err != nil {
		return fmt.Errorf("read the certificate authority; a manager makes one when it first listens beyond loopback without tls.cert: %w", err)
	}
	_, err = out.Write(data)
	return err
}

// listen opens the manager's port.
func listen(c config.Config, k *certs.Keeper) (net.Listener, error) {
	l, err := net.Listen("tcp", c.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("listen on %s: the port is taken by another program; stop it, or choose another with --listen host:port", c.Listen)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", c.Listen, err)
	}
	if k == nil {
		return l, nil
	}
	return tls.NewListener(l, &tls.Config{GetCertificate: k.Certificate, MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"}}), nil
}

// issuer is the trusted OpenID Connect issuer, nil when there is none.
func (m *manager) issuer() *issuer.Issuer {
	c := m.Config.OIDC
	if c.Issuer == "" {
		return nil
	}
	return issuer.New(issuer.Options{URL: c.Issuer, ClientID: c.ClientID, Secret: c.ClientSecret, RedirectURL: c.RedirectURL,
		NameClaim: c.NameClaim, GroupsClaim: c.GroupsClaim, Scopes: strings.Fields(strings.ReplaceAll(c.Scopes, ",", " ")), Clock: m.clock})
}

// limits are those of the network's door.
func limits(c config.Config) front.Limits {
	l := front.Limits{Rate: c.Limits.RequestsPerSecond, Body: int64(c.Limits.RequestSize)}
	for origin := range strings.SplitSeq(c.CORS.Origins, ",") {
		if origin = strings.TrimSpace(origin); origin != "" {
			l.Origins = append(l.Origins, origin)
		}
	}
	return l
}

// handler is everything the manager serves over HTTP.
func (m *manager) handler() http.Handler {
	door := api.Door{Service: m.service, Upkeep: m.upkeep, Log: m.Log}
	r := chi.NewRouter()
	r.NotFound(door.NotFound)
	r.MethodNotAllowed(door.MethodNotAllowed)
	v31.New(door, v31.Info{
		Version: m.Version, Commit: m.Commit, Manager: m.dir.id, Status: m.status, Agents: m.agents, SignIn: m.signin,
	}).Register(r)
	fileserver.Register(r, door, m.packages().Open)
	m.registerBus(r)
	return r
}

// status says which parts work. A part that fails ends the manager, so what answers is whole.
func (m *manager) status() map[string]bool {
	return map[string]bool{"REST API": true, "Store": true, "Bus": true, "Engine": true, "Executor": true, "File server": true}
}

func (m *manager) address() (host string, port int) {
	host, text, err := net.SplitHostPort(m.listener.Addr().String())
	if err != nil {
		return "127.0.0.1", 0
	}
	if port, err = strconv.Atoi(text); err != nil {
		return host, 0
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return host, port
}

func (m *manager) url() string {
	host, port := m.address()
	scheme := "http://"
	if usesTLS(m.Config) {
		scheme = "https://"
	}
	return scheme + net.JoinHostPort(host, strconv.Itoa(port))
}

func archiveLimits(c config.Config) archive.Limits {
	return archive.Limits{Files: c.Limits.BlueprintFiles, TotalSize: int64(c.Limits.BlueprintSize)}
}
