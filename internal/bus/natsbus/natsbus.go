// Package natsbus is the message seam with a broker embedded in the process, or on an external one: package natsconn plus
// a NATS server that keeps its messages in a directory. It is the only package that holds a broker.
//
// The embedded broker listens nowhere, or for host agents only (AgentDoor): each has an account of its own and reaches
// nothing but its own subjects.
//
// Invariant: Close leaves no goroutine, no connection and no open file behind.
package natsbus

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/reifyhq/reify/internal/bus"
	"github.com/reifyhq/reify/internal/bus/natsbus/natsconn"
	"github.com/reifyhq/reify/internal/clock"
)

const (
	syncEvery    = time.Second
	startTimeout = 20 * time.Second
	maxPayload   = 8 << 20
)

// Options configure a bus.
type Options struct {
	// URL is the address of an external broker, such as nats://host:4222. When it is empty a broker is embedded that
	// listens nowhere and keeps its messages in StoreDir.
	URL      string
	StoreDir string
	// Agents lets host agents connect to the embedded broker; nil lets nobody.
	Agents *AgentDoor
	// Key encrypts the files of the embedded broker, in which messages hold the values of secrets; nil leaves them in clear.
	Key []byte
	// Clock measures delays and keep-alives; nil means the machine's. The broker's own windows follow the machine.
	Clock clock.Clock
	// Log receives the broker's warnings and lost connections; nil discards them.
	Log *slog.Logger
}

// Bus is an open bus. It is safe for concurrent use.
type Bus struct {
	*natsconn.Bus
	broker *server.Server
	log    *slog.Logger
	// admit and secret are set when agents may connect: secret is the manager's own.
	admit  func(ctx context.Context, user, secret string) (Agent, bool)
	secret string
	// life ends with the bus; it bounds the admission of agents.
	life    context.Context
	endLife context.CancelFunc
}

var _ bus.Bus = (*Bus)(nil)

// Open starts or connects to a broker. The caller closes the bus.
func Open(ctx context.Context, o Options) (*Bus, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	b := &Bus{log: o.Log}
	conn := natsconn.Options{URL: o.URL, Clock: o.Clock, Log: o.Log}
	if o.URL == "" {
		if err := b.embed(ctx, o); err != nil {
			b.stop()
			return nil, err
		}
		conn.InProcess = b.broker
		if b.admit != nil {
			conn.User, conn.Secret = ownUser, b.secret
		}
	}
	var err error
	if b.Bus, err = natsconn.Open(ctx, conn); err != nil {
		b.stop()
		return nil, err
	}
	if o.URL == "" {
		if err := b.ForgetReceivers(ctx); err != nil {
			b.Close()
			return nil, err
		}
	}
	return b, nil
}

func (b *Bus) embed(ctx context.Context, o Options) error {
	dir := o.StoreDir
	options := &server.Options{
		ServerName:   "reify",
		DontListen:   true,
		JetStream:    true,
		StoreDir:     dir,
		SyncInterval: syncEvery,
		MaxPayload:   maxPayload,
		NoSigs:       true,
	}
	if o.Agents != nil {
		if err := b.configure(ctx, options, o.Agents); err != nil {
			return err
		}
	}
	if len(o.Key) > 0 {
		mac := hmac.New(sha256.New, o.Key)
		mac.Write([]byte("broker files"))
		options.JetStreamKey, options.JetStreamCipher = hex.EncodeToString(mac.Sum(nil)), server.ChaCha
	}
	broker, err := server.NewServer(options)
	if err != nil {
		return fmt.Errorf("create broker in %s: %w", dir, err)
	}
	fatal := make(chan string, 1)
	broker.SetLogger(brokerLog{o.Log, fatal}, false, false)
	b.broker = broker
	broker.Start()
	select {
	case why := <-fatal:
		return fmt.Errorf("start broker in %s: %s", dir, why)
	default:
	}
	if !broker.ReadyForConnections(startTimeout) {
		return fmt.Errorf("start broker in %s: not ready after %s", dir, startTimeout)
	}
	return nil
}

// Close ends the connection and the embedded broker. Everything that receives, watches or serves must have ended.
func (b *Bus) Close() {
	b.Bus.Close()
	b.stop()
}

func (b *Bus) stop() {
	if b.endLife != nil {
		b.endLife()
	}
	if b.broker != nil {
		b.broker.Shutdown()
		b.broker.WaitForShutdown()
	}
}

// brokerLog passes on what the embedded broker warns of; fatal takes the first reason why it cannot go on.
type brokerLog struct {
	log   *slog.Logger
	fatal chan<- string
}

func (l brokerLog) Noticef(string, ...any) {}
func (l brokerLog) Debugf(string, ...any)  {}
func (l brokerLog) Tracef(string, ...any)  {}

// Warnf leaves out the warning about WebSockets without TLS: they are on loopback, behind the manager's own door.
func (l brokerLog) Warnf(format string, v ...any) {
	if text := fmt.Sprintf(format, v...); !strings.Contains(text, "Websocket not configured with TLS") {
		l.log.Warn("broker: " + text)
	}
}

func (l brokerLog) Errorf(format string, v ...any) {
	l.log.Error("broker: " + fmt.Sprintf(format, v...))
}

// Fatalf never ends the process, as a broker of its own would.
func (l brokerLog) Fatalf(format string, v ...any) {
	why := fmt.Sprintf(format, v...)
	l.log.Error("broker: " + why)
	select {
	case l.fatal <- why:
	default:
	}
}
