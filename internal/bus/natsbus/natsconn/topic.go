package natsconn

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"
)

// subscriptionBuffer is how far a watcher may fall behind before it loses notifications.
const subscriptionBuffer = 1024

// Notify publishes data to everybody who watches the topic now.
func (b *Bus) Notify(topic string, data []byte) error {
	if b.agent != "" {
		return b.notifyUp(topic, data)
	}
	if err := b.conn.Publish(topicPrefix+token(topic), data); err != nil {
		return fmt.Errorf("notify %s: %w", topic, err)
	}
	return nil
}

// Watch calls handle for every notification on the topic, one at a time, until ctx ends or the bus is closed.
func (b *Bus) Watch(ctx context.Context, topic string, handle func(data []byte)) error {
	return b.subscribe(ctx, b.topicSubject(topic), "watch "+topic, func(m *nats.Msg) { handle(m.Data) })
}

// Request asks whoever serves the topic. It fails at once when nobody does, and when ctx ends.
func (b *Bus) Request(ctx context.Context, topic string, data []byte) ([]byte, error) {
	answer, err := b.conn.RequestWithContext(ctx, servicePrefix+token(topic), data)
	if err != nil {
		return nil, fmt.Errorf("request %s: %w", topic, err)
	}
	return answer.Data, nil
}

// Serve answers requests on the topic, one at a time, until ctx ends or the bus is closed.
func (b *Bus) Serve(ctx context.Context, topic string, answer func(data []byte) []byte) error {
	return b.subscribe(ctx, servicePrefix+token(topic), "serve "+topic, func(m *nats.Msg) {
		if err := m.Respond(answer(m.Data)); err != nil {
			b.log.Warn("answer request", "topic", topic, "error", err)
		}
	})
}

func (b *Bus) subscribe(ctx context.Context, subject, what string, handle func(*nats.Msg)) error {
	inbox := make(chan *nats.Msg, subscriptionBuffer)
	sub, err := b.conn.ChanSubscribe(subject, inbox)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	closed := make(chan struct{})
	sub.SetClosedHandler(func(string) { close(closed) })
	for {
		select {
		case <-ctx.Done():
			if err := sub.Unsubscribe(); err != nil && !b.conn.IsClosed() {
				return fmt.Errorf("%s: unsubscribe: %w", what, err)
			}
			return nil
		case <-closed:
			return fmt.Errorf("%s: %w", what, nats.ErrConnectionClosed)
		case m := <-inbox:
			handle(m)
		}
	}
}
