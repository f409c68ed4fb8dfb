// Package natsconn is the message seam over a connection to a NATS broker with JetStream. It holds no broker, so that
// programs which only connect stay small; package natsbus is the same with a broker embedded in the process.
//
// Work queues are subjects of one work-queue stream on disk, each with one durable consumer that all receivers of the
// queue share; topics are plain subjects. It never decides what a message means and keeps nothing that could not be
// sent again: losing the broker's storage costs time, not truth.
//
// Invariants: a queue's messages are delivered until their handler returned nil; a running handler keeps its message
// from being delivered elsewhere; Close leaves no goroutine and no connection behind.
package natsconn

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

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
	defaultAckWait = 30 * time.Second
	firstRetry     = 50 * time.Millisecond
	longestRetry   = 5 * time.Second
)

// Options configure a connection.
type Options struct {
	// URL is the address of the broker, such as nats://host:4222. It is not used when InProcess is set.
	URL string
	// InProcess is a broker in the same process.
	InProcess nats.InProcessConnProvider
	// User and Secret are the credentials; empty connects without.
	User, Secret string
	// Agent makes the connection that of a host agent, which reaches only what is its own; see agent.go. It is nil for a
	// manager.
	Agent *AgentOptions
	// Clock measures delays and keep-alives; nil means the machine's. The broker's own windows follow the machine.
	Clock clock.Clock
	// Log receives lost connections and refused answers; nil discards them.
	Log *slog.Logger
}

// Bus is an open connection to a broker. It is safe for concurrent use.
type Bus struct {
	clock clock.Clock
	log   *slog.Logger
	conn  *nats.Conn
	js    jetstream.JetStream
	// agent is the token of the agent whose connection this is, empty for a manager's.
	agent string
	// isKnown is set when the manager knows that this process receives from the agent's queue.
	isKnown atomic.Bool
}

var _ bus.Bus = (*Bus)(nil)

// Open connects to a broker and makes sure that the stream exists. The caller closes the bus.
func Open(ctx context.Context, o Options) (*Bus, error) {
	b := &Bus{clock: o.Clock, log: o.Log}
	if b.clock == nil {
		b.clock = clock.Real{}
	}
	if b.log == nil {
		b.log = slog.New(slog.DiscardHandler)
	}
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
	if o.User != "" {
		options = append(options, nats.UserInfo(o.User, o.Secret))
	}
	if o.Agent != nil {
		b.agent = token(o.Agent.Name)
		options = append(options, o.Agent.options(b)...)
	}
	where := o.URL
	if o.InProcess != nil {
		where = "in this process"
		options = append(options, nats.InProcessServer(o.InProcess))
	}
	var err error
	if b.conn, err = nats.Connect(o.URL, options...); err != nil {
		return nil, fmt.Errorf("connect to broker %s: %w", where, err)
	}
	if b.js, err = jetstream.New(b.conn); err == nil && b.agent == "" {
		err = b.ensureStream(ctx)
	}
	if err != nil {
		b.Close()
		return nil, fmt.Errorf("open JetStream on broker %s: %w", where, err)
	}
	return b, nil
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

// ForgetReceivers drops what the broker remembers of receivers. It is for an embedded broker: all of them died with the
// process before, and what they had taken would otherwise wait for its AckWait before it is delivered again.
func (b *Bus) ForgetReceivers(ctx context.Context) error {
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

// Close ends the connection. Everything that receives, watches or serves must have ended.
func (b *Bus) Close() { b.conn.Close() }

// Send puts data on a queue; the broker drops a second message with the same id on the same queue within two minutes.
func (b *Bus) Send(ctx context.Context, queue, id string, data []byte) error {
	if b.agent != "" {
		return b.sendUp(ctx, queue, id, data)
	}
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

// name is what token encoded; what is not an encoding comes back as it is.
func name(token string) string {
	var s strings.Builder
	for i := 0; i < len(token); i++ {
		if token[i] == '=' && i+2 < len(token) {
			if n, err := strconv.ParseUint(token[i+1:i+3], 16, 8); err == nil {
				s.WriteByte(byte(n))
				i += 2
				continue
			}
		}
		s.WriteByte(token[i])
	}
	return s.String()
}
