// Package natsbus is the message seam on NATS JetStream: a broker embedded in the process, or an external cluster.
//
// Work queues are subjects of one work-queue stream on disk, each with one durable consumer that all receivers of the
// queue share; topics are plain subjects. It is the only package that knows NATS. It never decides what a message means
// and keeps nothing that could not be sent again: losing the broker's storage costs time, not truth.
//
// Invariants: a queue's messages are delivered until their handler returned nil; a running handler keeps its message
// from being delivered elsewhere; Close leaves no goroutine and no connection behind.
package natsbus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/reifyhq/reify/internal/bus"
	"github.com/reifyhq/reify/internal/clock"
)

const (
	streamName     = "REIFY_WORK"
	queuePrefix    = "reify.queue."
	topicPrefix    = "reify.topic."
	servicePrefix  = "reify.service."
	dedupeWindow   = 2 * time.Minute
	syncEvery      = time.Second
	startTimeout   = 20 * time.Second
	defaultAckWait = 30 * time.Second
	firstRetry     = 50 * time.Millisecond
	longestRetry   = 5 * time.Second
	maxPayload     = 8 << 20
)

// Options configure a bus.
type Options struct {
	// URL is the address of an external broker, such as nats://host:4222. When it is empty a broker is embedded that
	// listens nowhere and keeps its messages in StoreDir.
	URL      string
	StoreDir string
	// Clock measures delays and keep-alives; nil means the machine's. The broker's own windows follow the machine.
	Clock clock.Clock
	// Log receives the broker's warnings and lost connections; nil discards them.
	Log *slog.Logger
}

// Bus is an open connection to a broker. It is safe for concurrent use.
type Bus struct {
	clock  clock.Clock
	log    *slog.Logger
	broker *server.Server
	conn   *nats.Conn
	js     jetstream.JetStream
}

var _ bus.Bus = (*Bus)(nil)

// Open starts or connects to a broker and makes sure that the stream exists. The caller closes the bus.
func Open(ctx context.Context, o Options) (*Bus, error) {
	b := &Bus{clock: o.Clock, log: o.Log}
	if b.clock == nil {
		b.clock = clock.Real{}
	}
	if b.log == nil {
		b.log = slog.New(slog.DiscardHandler)
	}
	if err := b.connect(ctx, o); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

func (b *Bus) connect(ctx context.Context, o Options) error {
	options := []nats.Option{
		nats.Name("reify"),
		nats.MaxReconnects(-1),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { b.log.Warn("bus", "error", err) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				b.log.Warn("bus connection lost", "error", err)
			}
		}),
	}
	if o.URL == "" {
		if err := b.embed(o.StoreDir); err != nil {
			return err
		}
		options = append(options, nats.InProcessServer(b.broker))
	}
	conn, err := nats.Connect(o.URL, options...)
	if err != nil {
		return fmt.Errorf("connect to broker %s: %w", where(o), err)
	}
	b.conn = conn
	if b.js, err = jetstream.New(conn); err != nil {
		return fmt.Errorf("open JetStream on %s: %w", where(o), err)
	}
	if err := b.ensureStream(ctx); err != nil {
		return err
	}
	if o.URL == "" {
		return b.forgetReceivers(ctx)
	}
	return nil
}

// forgetReceivers drops what an embedded broker remembers of receivers. All of them died with the process before, and
// what they had taken would otherwise wait for its AckWait before it is delivered again.
func (b *Bus) forgetReceivers(ctx context.Context) error {
	stream, err := b.js.Stream(ctx, streamName)
	if err != nil {
		return fmt.Errorf("open stream %s: %w", streamName, err)
	}
	names := stream.ConsumerNames(ctx)
	for name := range names.Name() {
		if err := stream.DeleteConsumer(ctx, name); err != nil {
			return fmt.Errorf("forget receiver %s: %w", name, err)
		}
	}
	if err := names.Err(); err != nil && !errors.Is(err, jetstream.ErrEndOfData) {
		return fmt.Errorf("list the receivers of stream %s: %w", streamName, err)
	}
	return nil
}

func where(o Options) string {
	if o.URL == "" {
		return "embedded in " + o.StoreDir
	}
	return o.URL
}

func (b *Bus) embed(dir string) error {
	broker, err := server.NewServer(&server.Options{
		ServerName:   "reify",
		DontListen:   true,
		JetStream:    true,
		StoreDir:     dir,
		SyncInterval: syncEvery,
		MaxPayload:   maxPayload,
		NoSigs:       true,
	})
	if err != nil {
		return fmt.Errorf("create broker in %s: %w", dir, err)
	}
	fatal := make(chan string, 1)
	broker.SetLogger(brokerLog{b.log, fatal}, false, false)
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

func (b *Bus) ensureStream(ctx context.Context) error {
	_, err := b.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:       streamName,
		Subjects:   []string{queuePrefix + ">"},
		Retention:  jetstream.WorkQueuePolicy,
		Storage:    jetstream.FileStorage,
		Duplicates: dedupeWindow,
		MaxMsgSize: -1,
	})
	if err != nil {
		return fmt.Errorf("create stream %s: %w", streamName, err)
	}
	return nil
}

// Close ends the connection and the embedded broker. Everything that receives, watches or serves must have ended.
func (b *Bus) Close() {
	if b.conn != nil {
		b.conn.Close()
	}
	if b.broker != nil {
		b.broker.Shutdown()
		b.broker.WaitForShutdown()
	}
}

// Send puts data on a queue; the broker drops a second message with the same id on the same queue within two minutes.
func (b *Bus) Send(ctx context.Context, queue, id string, data []byte) error {
	m := nats.NewMsg(queuePrefix + token(queue))
	m.Data = data
	if id != "" {
		// Ids are unique per queue, the broker's window spans the stream.
		m.Header.Set(jetstream.MsgIDHeader, token(queue)+"/"+id)
	}
	_, err := b.js.PublishMsg(ctx, m)
	if errors.Is(err, jetstream.ErrNoStreamResponse) || errors.Is(err, nats.ErrNoResponders) {
		// The broker lost its storage: make the stream again.
		if err = b.ensureStream(ctx); err == nil {
			_, err = b.js.PublishMsg(ctx, m)
		}
	}
	if err != nil {
		return fmt.Errorf("send message %s to queue %s: %w", id, queue, err)
	}
	return nil
}

// token encodes a name as one subject token and consumer name: everything but letters, digits, - and _ becomes =XX.
func token(name string) string {
	var s strings.Builder
	for i := range len(name) {
		c := name[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' {
			s.WriteByte(c)
		} else {
			fmt.Fprintf(&s, "=%02X", c)
		}
	}
	return s.String()
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
