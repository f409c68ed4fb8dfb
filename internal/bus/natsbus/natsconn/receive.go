package natsconn

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/reifyhq/reify/internal/bus"
)

// maxFetch bounds the messages asked for at once.
const maxFetch = 64

// Receive hands the messages of a queue to handle until ctx ends. A message is fetched only when a slot is free, so that
// it never waits here while another receiver is idle. A failed handler's message comes again after 50 ms, doubling up to
// 5 s; that of a handler that failed because ctx ended, at once. A broker that is away is waited for.
func (b *Bus) Receive(ctx context.Context, queue string, opt bus.ReceiveOptions,
	handle func(context.Context, bus.Message) error) error {
	r := &receiver{
		bus: b, queue: queue, handle: handle,
		ackWait: opt.AckWait,
		slots:   make(chan struct{}, max(opt.Slots, 1)),
	}
	if r.ackWait <= 0 {
		r.ackWait = defaultAckWait
	}
	defer r.finish()
	delay := firstRetry
	for ctx.Err() == nil {
		err := r.receive(ctx)
		switch {
		case err == nil:
			delay = firstRetry
		case b.conn.IsClosed():
			return fmt.Errorf("receive from queue %s: %w", queue, nats.ErrConnectionClosed)
		case ctx.Err() == nil:
			b.log.Warn("receive", "queue", queue, "error", err)
			b.sleep(ctx, delay)
			delay = min(2*delay, longestRetry)
		}
	}
	return nil
}

func (b *Bus) sleep(ctx context.Context, d time.Duration) {
	timer := b.clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C():
	}
}

type receiver struct {
	bus     *Bus
	queue   string
	handle  func(context.Context, bus.Message) error
	ackWait time.Duration
	slots   chan struct{}
	running sync.WaitGroup
}

// finish waits for the handlers and makes sure that their answers have reached the broker.
func (r *receiver) finish() {
	r.running.Wait()
	if !r.bus.conn.IsClosed() {
		if err := r.bus.conn.FlushTimeout(time.Second); err != nil {
			r.bus.log.Warn("flush acknowledgements", "queue", r.queue, "error", err)
		}
	}
}

// receive makes sure of the consumer and fetches until something goes wrong or ctx ends.
func (r *receiver) receive(ctx context.Context) error {
	consumer, err := r.consumer(ctx)
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		n := r.acquire(ctx)
		if n == 0 {
			return nil
		}
		if err := r.fetch(ctx, consumer, n); err != nil {
			return err
		}
	}
	return nil
}

func (r *receiver) consumer(ctx context.Context) (jetstream.Consumer, error) {
	if r.bus.agent != "" {
		return r.bus.ownConsumer(ctx, r.queue)
	}
	return r.bus.makeConsumer(ctx, r.queue, r.ackWait)
}

// makeConsumer makes sure of the consumer of a queue, and of the stream when the broker lost its storage.
func (b *Bus) makeConsumer(ctx context.Context, queue string, ackWait time.Duration) (jetstream.Consumer, error) {
	config := jetstream.ConsumerConfig{
		Durable:       token(queue),
		FilterSubject: queuePrefix + token(queue),
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       ackWait,
		MaxDeliver:    -1,
		MaxAckPending: -1,
	}
	consumer, err := b.js.CreateOrUpdateConsumer(ctx, streamName, config)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		if err := b.ensureStream(ctx); err != nil {
			return nil, err
		}
		consumer, err = b.js.CreateOrUpdateConsumer(ctx, streamName, config)
	}
	if err != nil {
		return nil, fmt.Errorf("create consumer of queue %s: %w", queue, err)
	}
	return consumer, nil
}

// acquire waits for a free slot and takes all that are free, up to maxFetch; 0 when ctx ended first.
func (r *receiver) acquire(ctx context.Context) int {
	select {
	case r.slots <- struct{}{}:
	case <-ctx.Done():
		return 0
	}
	for n := 1; ; n++ {
		if n == maxFetch {
			return n
		}
		select {
		case r.slots <- struct{}{}:
		default:
			return n
		}
	}
}

func (r *receiver) release(n int) {
	for range n {
		<-r.slots
	}
}

// fetch asks for n messages, starts a handler for each that comes and gives the other slots back. A message that comes
// while ctx ends is given back.
func (r *receiver) fetch(ctx context.Context, consumer jetstream.Consumer, n int) error {
	batch, err := consumer.Fetch(n, jetstream.FetchContext(ctx))
	if err != nil {
		r.release(n)
		return fmt.Errorf("fetch from queue %s: %w", r.queue, err)
	}
	started := 0
	for m := range batch.Messages() {
		if ctx.Err() != nil {
			r.settle(m.Nak())
			continue
		}
		started++
		r.running.Go(func() {
			defer r.release(1)
			r.run(ctx, m)
		})
	}
	r.release(n - started)
	if err := batch.Error(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("fetch from queue %s: %w", r.queue, err)
	}
	return nil
}

func (r *receiver) run(ctx context.Context, m jetstream.Msg) {
	deliveries := 1
	if meta, err := m.Metadata(); err == nil {
		deliveries = int(meta.NumDelivered)
	}
	stop := make(chan struct{})
	var keeper sync.WaitGroup
	keeper.Go(func() { r.keepAlive(m, stop) })
	_, id, _ := strings.Cut(m.Headers().Get(jetstream.MsgIDHeader), "/")
	err := r.handle(ctx, bus.Message{ID: id, Data: m.Data(), Deliveries: deliveries})
	close(stop)
	keeper.Wait()
	switch {
	case err == nil:
		r.settle(m.Ack())
	case ctx.Err() != nil:
		r.settle(m.Nak())
	default:
		r.settle(m.NakWithDelay(min(firstRetry<<min(deliveries-1, 10), longestRetry)))
	}
}

// settle logs an answer that could not be sent; the broker then delivers the message again.
func (r *receiver) settle(err error) {
	if err != nil {
		r.bus.log.Warn("acknowledge", "queue", r.queue, "error", err)
	}
}

// keepAlive tells the broker three times per AckWait that the handler is still at work.
func (r *receiver) keepAlive(m jetstream.Msg, stop <-chan struct{}) {
	for {
		timer := r.bus.clock.NewTimer(r.ackWait / 3)
		select {
		case <-stop:
			timer.Stop()
			return
		case <-timer.C():
			r.settle(m.InProgress())
		}
	}
}
