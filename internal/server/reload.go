package server

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/reifyhq/reify/internal/service/safe"
)

// renewEvery is how often the manager looks whether its certificate has to be renewed.
const renewEvery = 12 * time.Hour

// reloads takes over a changed certificate, limits and level of the log on SIGHUP, and renews an own certificate in time,
// until ctx ends.
func (m *manager) reloads(ctx context.Context) error {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	for {
		timer := m.clock.NewTimer(renewEvery)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-hangup:
			timer.Stop()
			m.reload()
		case <-timer.C():
			m.renew()
		}
	}
}

// reseal brings to its end an exchange of the key of secrets that was interrupted.
func (m *manager) reseal(ctx context.Context) error {
	// With a key from the environment the old ones stay until somebody asks for the exchange.
	if m.Config.Secrets.Keys != "" {
		return nil
	}
	n, err := safe.New(m.service).Reseal(ctx)
	switch {
	case err != nil && ctx.Err() == nil:
		m.Log.Error("seal secrets under their new key; \"reify secrets rotate-key\" tries again", "error", err)
	case n > 0:
		m.Log.Info("brought an interrupted exchange of the key of secrets to its end", "sealed", n)
	}
	return nil
}

// reload reads the configuration again. What cannot be used is reported and leaves everything as it was.
func (m *manager) reload() {
	m.renew()
	if m.Reload == nil {
		return
	}
	c, err := m.Reload()
	if err != nil {
		m.Log.Error("read the configuration again; the old one stays", "error", err)
		return
	}
	m.front.SetLimits(limits(*c))
	m.Log.Info("took over certificate, limits and log level; other settings need a restart")
}

func (m *manager) renew() {
	if m.certs == nil {
		return
	}
	changed, err := m.certs.Renew()
	switch {
	case err != nil:
		m.Log.Error("renew the certificate; the old one stays", "error", err)
	case changed:
		m.Log.Info("the certificate was renewed")
	}
}
