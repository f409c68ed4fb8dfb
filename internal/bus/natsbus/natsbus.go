// Package natsbus is the message seam with a broker embedded in the process, or on an external one: package natsconn plus
// a NATS server that listens nowhere and keeps its messages in a directory. It is the only package that holds a broker.
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
}

var _ bus.Bus = (*Bus)(nil)

// Open starts or connects to a broker. The caller closes the bus.
func Open(ctx context.Context, o Options) (*Bus, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	b := &Bus{}
	conn := natsconn.Options{URL: o.URL, Clock: o.Clock, Log: o.Log}
	if o.URL == "" {
		if err := b.embed(o.StoreDir, o.Key, o.Log); err != nil {
			b.stop()
			return nil, err
		}
		conn.InProcess = b.broker
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

func (b *Bus) embed(dir string, key []byte, log *slog.Logger) error {
	options := &server.Options{
		ServerName:   "reify",
		DontListen:   true,
		JetStream:    true,
		StoreDir:     dir,
		SyncInterval: syncEvery,
		MaxPayload:   maxPayload,
		NoSigs:       true,
	}
	if len(key) > 0 {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte("broker files"))
		options.JetStreamKey, options.JetStreamCipher = hex.EncodeToString(mac.Sum(nil)), server.ChaCha
	}
	broker, err := server.NewServer(options)
	if err != nil {
		return fmt.Errorf("create broker in %s: %w", dir, err)
	}
	fatal := make(chan string, 1)
	broker.SetLogger(brokerLog{log, fatal}, false, false)
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

func (l brokerLog) Warnf(format string, v ...any) { l.log.Warn("broker: " + fmt.Sprintf(format, v...)) }

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
