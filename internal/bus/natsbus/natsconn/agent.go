package natsconn

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The connection of a host agent may use nothing but these subjects, A being the token of its name and Q that of its
// queue; the broker refuses everything else:
//
//	take messages of its own queue   $JS.API.CONSUMER.INFO.REIFY_WORK.Q, $JS.API.CONSUMER.MSG.NEXT.REIFY_WORK.Q, $JS.ACK.REIFY_WORK.Q.>
//	send to queues and topics        reify.up.A, whose reader decides what passes
//	hear topics and answer requests  reify.down.A.>, reify.service.S for each topic S that it serves
//	answers to its own requests      _INBOX_A.>
const (
	upPrefix    = "reify.up."
	downPrefix  = "reify.down."
	inboxPrefix = "_INBOX_"

	queueHeader = "Reify-Queue"
	topicHeader = "Reify-Topic"
	idHeader    = "Reify-Id"
	freshHeader = "Reify-Fresh"

	upWait       = 5 * time.Second
	pingEvery    = 10 * time.Second
	firstConnect = 200 * time.Millisecond
	longConnect  = 10 * time.Second
)

// AgentOptions say whose connection it is and how it finds the broker.
type AgentOptions struct {
	// Name is the name of the agent, as in its account.
	Name string
	// Path is where a broker behind a web server is, for ws:// and wss:// addresses.
	Path string
	// RootCAs are trusted for TLS; nil means those of the system.
	RootCAs *x509.CertPool
}

// options make a connection that is looked for until it is closed: an agent outlives its manager, its network and its
// account, which may all come back.
func (o *AgentOptions) options(b *Bus) []nats.Option {
	list := []nats.Option{
		nats.CustomInboxPrefix(inboxPrefix + token(o.Name)),
		nats.RetryOnFailedConnect(true),
		nats.IgnoreAuthErrorAbort(),
		nats.IgnoreDiscoveredServers(),
		nats.PingInterval(pingEvery),
		nats.CustomReconnectDelay(func(attempts int) time.Duration {
			return min(firstConnect<<min(attempts, 10), longConnect)
		}),
		nats.ReconnectHandler(func(c *nats.Conn) { b.log.Info("connected to the manager", "address", c.ConnectedUrlRedacted()) }),
		nats.ConnectHandler(func(c *nats.Conn) { b.log.Info("connected to the manager", "address", c.ConnectedUrlRedacted()) }),
	}
	if o.Path != "" {
		list = append(list, nats.ProxyPath(o.Path))
	}
	if o.RootCAs != nil {
		list = append(list, nats.Secure(&tls.Config{RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12}))
	}
	return list
}

func (b *Bus) topicSubject(topic string) string {
	if b.agent != "" {
		return downPrefix + b.agent + "." + token(topic)
	}
	return topicPrefix + token(topic)
}

// errRefused is the manager's answer to what an agent may not send.
var errRefused = errors.New("the manager refused it")

// sendUp hands a message for a queue to the manager and repeats that until the manager has it or ctx ends: what an agent
// has to report must not be lost because the network is away.
func (b *Bus) sendUp(ctx context.Context, queue, id string, data []byte) error {
	m := nats.NewMsg(upPrefix + b.agent)
	m.Data = data
	m.Header.Set(queueHeader, token(queue))
	m.Header.Set(idHeader, id)
	if len(data) > int(b.conn.MaxPayload()) && b.conn.IsConnected() {
		return fmt.Errorf("send message %s to queue %s: %w", id, queue, nats.ErrMaxPayload)
	}
	for delay := firstRetry; ; delay = min(2*delay, longestRetry) {
		err := b.askUp(ctx, m)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, errRefused), errors.Is(err, nats.ErrMaxPayload), b.conn.IsClosed(), ctx.Err() != nil:
			return fmt.Errorf("send message %s to queue %s: %w", id, queue, err)
		}
		b.log.Warn("send to the manager", "queue", queue, "message", id, "error", err)
		b.sleep(ctx, delay)
	}
}

func (b *Bus) askUp(ctx context.Context, m *nats.Msg) error {
	ctx, stop := context.WithTimeout(ctx, upWait)
	defer stop()
	answer, err := b.conn.RequestMsgWithContext(ctx, m)
	if err != nil {
		return err
	}
	if text := string(answer.Data); text != "" {
		if answer.Header.Get("Retry") != "" {
			return errors.New(text)
		}
		return fmt.Errorf("%w: %s", errRefused, text)
	}
	return nil
}

func (b *Bus) notifyUp(topic string, data []byte) error {
	m := nats.NewMsg(upPrefix + b.agent)
	m.Data = data
	m.Header.Set(topicHeader, token(topic))
	if err := b.conn.PublishMsg(m); err != nil {
		return fmt.Errorf("notify %s: %w", topic, err)
	}
	return nil
}

// ownConsumer finds the consumer of the agent's queue, which the manager makes when the agent connects. The first time it
// asks for what a process before this one had taken and not finished, which would otherwise come after its AckWait only.
func (b *Bus) ownConsumer(ctx context.Context, queue string) (jetstream.Consumer, error) {
	if !b.isKnown.Load() {
		m := nats.NewMsg(upPrefix + b.agent)
		m.Header.Set(freshHeader, "true")
		if err := b.askUp(ctx, m); err != nil {
			return nil, fmt.Errorf("begin to receive from queue %s: %w", queue, err)
		}
		b.isKnown.Store(true)
	}
	consumer, err := b.js.Consumer(ctx, streamName, token(queue))
	if err != nil {
		return nil, fmt.Errorf("find queue %s: %w", queue, err)
	}
	return consumer, nil
}
