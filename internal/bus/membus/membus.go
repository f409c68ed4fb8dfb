// Package membus is the message seam in memory: for tests, for simulation and for local runs of one process.
//
// It keeps every promise of package bus except that its messages die with the process. It never starts a goroutine of
// its own: everything runs in the goroutines of those who call Receive, Watch and Serve, and all waiting goes through
// the clock it was given.
package membus

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/reifyhq/reify/internal/bus"
	"github.com/reifyhq/reify/internal/clock"
)

const (
	dedupeWindow  = 2 * time.Minute
	firstRetry    = 50 * time.Millisecond
	longestRetry  = 5 * time.Second
	watcherBuffer = 1024
)

// Bus is a bus in memory. The zero value is not usable; see New. It is safe for concurrent use.
type Bus struct {
	clock clock.Clock

	mu       sync.Mutex
	queues   map[string]*queue
	watchers map[string][]*watcher
	servers  map[string][]*server
}

var _ bus.Bus = (*Bus)(nil)

// New returns an empty bus that measures its windows and delays with c.
func New(c clock.Clock) *Bus {
	return &Bus{
		clock:    c,
		queues:   map[string]*queue{},
		watchers: map[string][]*watcher{},
		servers:  map[string][]*server{},
	}
}

type queue struct {
	// ready is sorted by arrival, later by the instant from which each message may be delivered.
	ready []*message
	// seen are the ids of the dedupe window, order their arrival.
	seen  map[string]bool
	order []seenID
	// wake is closed and replaced whenever a message becomes available.
	wake chan struct{}
}

type seenID struct {
	id string
	at time.Time
}

type message struct {
	id         string
	data       []byte
	deliveries int
	notBefore  time.Time
}

// queue returns the named queue; the caller holds mu.
func (b *Bus) queue(name string) *queue {
	q := b.queues[name]
	if q == nil {
		q = &queue{seen: map[string]bool{}, wake: make(chan struct{})}
		b.queues[name] = q
	}
	return q
}

func (q *queue) put(m *message) {
	q.ready = append(q.ready, m)
	close(q.wake)
	q.wake = make(chan struct{})
}

// Send puts data on a queue unless a message with the id was sent to it within two minutes.
func (b *Bus) Send(ctx context.Context, queue, id string, data []byte) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("send message %s to queue %s: %w", id, queue, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	q, now := b.queue(queue), b.clock.Now()
	for len(q.order) > 0 && now.Sub(q.order[0].at) >= dedupeWindow {
		delete(q.seen, q.order[0].id)
		q.order = q.order[1:]
	}
	if id != "" {
		if q.seen[id] {
			return nil
		}
		q.seen[id] = true
		q.order = append(q.order, seenID{id, now})
	}
	q.put(&message{id: id, data: slices.Clone(data)})
	return nil
}

// Receive hands the messages of a queue to handle until ctx ends, and waits for the running handlers. A handler that
// fails gets its message again after 50 ms, doubling up to 5 s, or somebody else at once when ctx has ended.
func (b *Bus) Receive(ctx context.Context, queue string, opt bus.ReceiveOptions,
	handle func(context.Context, bus.Message) error) error {
	slots := make(chan struct{}, max(opt.Slots, 1))
	var running sync.WaitGroup
	defer running.Wait()
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		m := b.take(ctx, queue)
		if m == nil {
			return nil
		}
		running.Go(func() {
			defer func() { <-slots }()
			err := handle(ctx, bus.Message{ID: m.id, Data: slices.Clone(m.data), Deliveries: m.deliveries})
			if err != nil {
				b.giveBack(ctx, queue, m)
			}
		})
	}
}

// take waits for a deliverable message and returns nil when ctx ends first.
func (b *Bus) take(ctx context.Context, name string) *message {
	for ctx.Err() == nil {
		m, wake, due := b.tryTake(name)
		if m != nil {
			return m
		}
		if !b.wait(ctx, wake, due) {
			return nil
		}
	}
	return nil
}

// tryTake returns the first deliverable message, or what to wait for: the wake channel and the instant, zero when none,
// at which the earliest delayed message becomes deliverable.
func (b *Bus) tryTake(name string) (*message, <-chan struct{}, time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	q, now := b.queue(name), b.clock.Now()
	var due time.Time
	for i, m := range q.ready {
		if !m.notBefore.After(now) {
			if i == 0 {
				q.ready[0] = nil
				q.ready = q.ready[1:]
			} else {
				q.ready = slices.Delete(q.ready, i, i+1)
			}
			m.deliveries++
			return m, nil, time.Time{}
		}
		if due.IsZero() || m.notBefore.Before(due) {
			due = m.notBefore
		}
	}
	return nil, q.wake, due
}

func (b *Bus) wait(ctx context.Context, wake <-chan struct{}, due time.Time) bool {
	var fired <-chan time.Time
	if !due.IsZero() {
		timer := b.clock.NewTimer(due.Sub(b.clock.Now()))
		defer timer.Stop()
		fired = timer.C()
	}
	select {
	case <-ctx.Done():
		return false
	case <-wake:
	case <-fired:
	}
	return true
}

func (b *Bus) giveBack(ctx context.Context, name string, m *message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m.notBefore = time.Time{}
	if ctx.Err() == nil {
		m.notBefore = b.clock.Now().Add(min(firstRetry<<min(m.deliveries-1, 10), longestRetry))
	}
	b.queue(name).put(m)
}

// Pending returns the number of messages on the queue that nobody is handling, for tests and simulation.
func (b *Bus) Pending(queue string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.queue(queue).ready)
}
