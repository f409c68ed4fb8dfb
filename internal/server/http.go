package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"syscall"

	"github.com/go-chi/chi/v5"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/api/v31"
	"github.com/reifyhq/reify/internal/archive"
	"github.com/reifyhq/reify/internal/config"
	"github.com/reifyhq/reify/internal/fileserver"
)

// listen opens the manager's port. Plain HTTP beyond loopback needs to be asked for: credentials would travel in clear.
func listen(c config.Config) (net.Listener, error) {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: write the address as host:port: %w", c.Listen, err)
	}
	ip := net.ParseIP(host)
	loopback := host == "localhost" || ip != nil && ip.IsLoopback()
	if !loopback && !c.PlainHTTP && c.TLS.Cert == "" {
		return nil, fmt.Errorf("listen on %q: plain HTTP beyond this machine sends passwords in clear; "+
			"give a certificate with tls.cert and tls.key, set plain_http to allow it behind a TLS proxy, or listen on a loopback address", c.Listen)
	}
	l, err := net.Listen("tcp", c.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("listen on %s: the port is taken by another program; stop it, or choose another with --listen host:port", c.Listen)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", c.Listen, err)
	}
	if c.TLS.Cert == "" {
		return l, nil
	}
	pair, err := tls.LoadX509KeyPair(c.TLS.Cert, c.TLS.Key)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("load the certificate %s with the key %s: %w", c.TLS.Cert, c.TLS.Key, err), l.Close())
	}
	return tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"}}), nil
}

// handler is everything the manager serves over HTTP.
func (m *manager) handler() http.Handler {
	door := api.Door{Service: m.service, Log: m.Log}
	r := chi.NewRouter()
	r.NotFound(door.NotFound)
	r.MethodNotAllowed(door.MethodNotAllowed)
	v31.New(door, v31.Info{Version: m.Version, Commit: m.Commit, Manager: m.dir.id, Status: m.status, Agents: m.agents}).Register(r)
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
	if m.Config.TLS.Cert != "" {
		scheme = "https://"
	}
	return scheme + net.JoinHostPort(host, strconv.Itoa(port))
}

func archiveLimits(c config.Config) archive.Limits {
	return archive.Limits{Files: c.Limits.BlueprintFiles, TotalSize: int64(c.Limits.BlueprintSize)}
}
