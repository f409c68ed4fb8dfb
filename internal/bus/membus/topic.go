package membus

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

var errNobodyServes = errors.New("nobody serves the topic")

type watcher struct{ inbox chan []byte }

type server struct{ inbox chan request }

type request struct {
	data   []byte
	answer chan []byte
}

// Notify hands data to everybody who watches the topic; a watcher that is 1,024 notifications behind loses it.
func (b *Bus) Notify(topic string, data []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range b.watchers[topic] {
		select {
		case w.inbox <- slices.Clone(data):
		default:
		}
	}
	return nil
}

// Watch calls handle for every notification on the topic, one at a time, until ctx ends.
func (b *Bus) Watch(ctx context.Context, topic string, handle func(data []byte)) error {
	w := &watcher{inbox: make(chan []byte, watcherBuffer)}
	b.mu.Lock()
	b.watchers[topic] = append(b.watchers[topic], w)
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.watchers[topic] = slices.DeleteFunc(b.watchers[topic], func(o *watcher) bool { return o == w })
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case data := <-w.inbox:
			handle(data)
		}
	}
}

// Request asks one of those who serve the topic. It fails at once when nobody does, and when ctx ends.
func (b *Bus) Request(ctx context.Context, topic string, data []byte) ([]byte, error) {
	b.mu.Lock()
	var s *server
	if all := b.servers[topic]; len(all) > 0 {
		s = all[0]
	}
	b.mu.Unlock()
	if s == nil {
		return nil, fmt.Errorf("request %s: %w", topic, errNobodyServes)
	}
	r := request{data: slices.Clone(data), answer: make(chan []byte, 1)}
	select {
	case s.inbox <- r:
	case <-ctx.Done():
		return nil, fmt.Errorf("request %s: %w", topic, ctx.Err())
	}
	select {
	case answer := <-r.answer:
		return answer, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("request %s: %w", topic, ctx.Err())
	}
}

// Serve answers requests on the topic, one at a time, until ctx ends.
func (b *Bus) Serve(ctx context.Context, topic string, answer func(data []byte) []byte) error {
	s := &server{inbox: make(chan request)}
	b.mu.Lock()
	b.servers[topic] = append(b.servers[topic], s)
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.servers[topic] = slices.DeleteFunc(b.servers[topic], func(o *server) bool { return o == s })
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case r := <-s.inbox:
			r.answer <- slices.Clone(answer(r.data))
		}
	}
}
