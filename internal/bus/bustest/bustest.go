// Package bustest is the suite that every implementation of the message seam passes.
//
// It states the promises of package bus as tests: at least one delivery, deduplication by id, bounded concurrency,
// redelivery, best-effort notifications, requests, and that nothing outlives its context. It is test code: only tests
// import it.
package bustest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/reifyhq/reify/internal/bus"
)

// patience bounds every wait of the suite.
const patience = time.Minute

// Run runs the suite; open returns a fresh, empty bus that is closed by a cleanup of its test.
func Run(t *testing.T, open func(t *testing.T) bus.Bus) {
	tests := []struct {
		name string
		test func(*testing.T, bus.Bus)
	}{
		{"delivers", delivers},
		{"queues are apart", queuesApart},
		{"drops repeated ids", dedupes},
		{"keeps messages until somebody receives", keeps},
		{"delivers again after an error", redelivers},
		{"delivers again after the receiver ended", redeliversElsewhere},
		{"respects slots", slots},
		{"shares a queue among receivers", shares},
		{"keeps long handlers alive", keepAlive},
		{"waits for handlers", waitsForHandlers},
		{"notifies", notifies},
		{"answers requests", requests},
		{"fails a request that nobody serves", unserved},
		{"ends with its context", ends},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.test(t, open(t))
		})
	}
}

// background runs f until the test ends and reports its error.
func background(t *testing.T, f func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("ended with %v", err)
			}
		case <-time.After(patience):
			t.Error("did not end with its context")
		}
	})
	t.Cleanup(stop)
	return stop
}

func receive(t *testing.T, b bus.Bus, queue string, opt bus.ReceiveOptions,
	handle func(context.Context, bus.Message) error) (stop func()) {
	t.Helper()
	return background(t, func(ctx context.Context) error { return b.Receive(ctx, queue, opt, handle) })
}

func send(t *testing.T, b bus.Bus, queue, id, data string) {
	t.Helper()
	if err := b.Send(t.Context(), queue, id, []byte(data)); err != nil {
		t.Fatal(err)
	}
}

func next[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

// collect returns a handler that passes every message on.
func collect(c chan<- bus.Message) func(context.Context, bus.Message) error {
	return func(_ context.Context, m bus.Message) error {
		c <- m
		return nil
	}
}

func delivers(t *testing.T, b bus.Bus) {
	got := make(chan bus.Message, 10)
	receive(t, b, "q", bus.ReceiveOptions{Slots: 1}, collect(got))
	for i := range 3 {
		send(t, b, "q", fmt.Sprintf("e/t/%d", i), fmt.Sprintf("data %d", i))
	}
	for i := range 3 {
		m := next(t, got)
		if m.ID != fmt.Sprintf("e/t/%d", i) || string(m.Data) != fmt.Sprintf("data %d", i) || m.Deliveries != 1 {
			t.Errorf("message %d: got id %q, data %q, deliveries %d", i, m.ID, m.Data, m.Deliveries)
		}
	}
}

func queuesApart(t *testing.T, b bus.Bus) {
	names := []string{"cloudify.management", "cloudify", "op/tenant one/vm_1", "op/tenant one/vm*", "Über>"}
	for _, name := range names {
		send(t, b, name, "same id", name)
	}
	for _, name := range names {
		got := make(chan bus.Message, 10)
		stop := receive(t, b, name, bus.ReceiveOptions{Slots: 2}, collect(got))
		if m := next(t, got); string(m.Data) != name {
			t.Errorf("queue %q delivered %q", name, m.Data)
		}
		stop()
	}
}

func dedupes(t *testing.T, b bus.Bus) {
	got := make(chan bus.Message, 10)
	send(t, b, "q", "1", "first")
	send(t, b, "q", "1", "again")
	receive(t, b, "q", bus.ReceiveOptions{Slots: 1}, collect(got))
	next(t, got)
	send(t, b, "q", "1", "after it was handled")
	send(t, b, "q", "2", "last")
	if m := next(t, got); string(m.Data) != "last" {
		t.Errorf("got %q, want the message with a new id", m.Data)
	}
}

func keeps(t *testing.T, b bus.Bus) {
	for i := range 100 {
		send(t, b, "q", fmt.Sprint(i), "x")
	}
	got := make(chan bus.Message, 200)
	receive(t, b, "q", bus.ReceiveOptions{Slots: 7}, collect(got))
	seen := map[string]bool{}
	for range 100 {
		seen[next(t, got).ID] = true
	}
	if len(seen) != 100 {
		t.Errorf("got %d different messages, want 100", len(seen))
	}
}

func redelivers(t *testing.T, b bus.Bus) {
	got := make(chan bus.Message, 10)
	receive(t, b, "q", bus.ReceiveOptions{Slots: 1}, func(_ context.Context, m bus.Message) error {
		got <- m
		if m.Deliveries < 3 {
			return errors.New("not yet")
		}
		return nil
	})
	send(t, b, "q", "1", "x")
	for want := 1; want <= 3; want++ {
		if m := next(t, got); m.Deliveries != want || m.ID != "1" {
			t.Errorf("got delivery %d of %q, want delivery %d of 1", m.Deliveries, m.ID, want)
		}
	}
	send(t, b, "q", "2", "x")
	if m := next(t, got); m.ID != "2" {
		t.Errorf("got %q again after it was handled", m.ID)
	}
}

func redeliversElsewhere(t *testing.T, b bus.Bus) {
	started := make(chan struct{})
	stop := receive(t, b, "q", bus.ReceiveOptions{Slots: 1}, func(ctx context.Context, _ bus.Message) error {
		close(started)
		<-ctx.Done()
		return ctx.Err()
	})
	send(t, b, "q", "1", "x")
	next(t, started)
	stop()
	got := make(chan bus.Message, 10)
	receive(t, b, "q", bus.ReceiveOptions{Slots: 1}, collect(got))
	if m := next(t, got); m.ID != "1" || m.Deliveries != 2 {
		t.Errorf("got delivery %d of %q, want delivery 2 of 1", m.Deliveries, m.ID)
	}
}

func slots(t *testing.T, b bus.Bus) {
	const limit = 3
	var running, most atomic.Int32
	release, entered := make(chan struct{}), make(chan struct{}, 20)
	receive(t, b, "q", bus.ReceiveOptions{Slots: limit}, func(context.Context, bus.Message) error {
		now := running.Add(1)
		defer running.Add(-1)
		for {
			old := most.Load()
			if now <= old || most.CompareAndSwap(old, now) {
				break
			}
		}
		entered <- struct{}{}
		<-release
		return nil
	})
	for i := range 10 {
		send(t, b, "q", fmt.Sprint(i), "x")
	}
	for range limit {
		next(t, entered)
	}
	close(release)
	for range 10 - limit {
		next(t, entered)
	}
	if n := most.Load(); n != limit {
		t.Errorf("%d handlers ran at once, want %d", n, limit)
	}
}

func shares(t *testing.T, b bus.Bus) {
	got := make(chan string, 10)
	release := make(chan struct{})
	defer close(release)
	for i := range 2 {
		receive(t, b, "q", bus.ReceiveOptions{Slots: 1}, func(context.Context, bus.Message) error {
			got <- fmt.Sprint("receiver ", i)
			<-release
			return nil
		})
	}
	send(t, b, "q", "1", "x")
	send(t, b, "q", "2", "x")
	if first, second := next(t, got), next(t, got); first == second {
		t.Errorf("both messages went to %s", first)
	}
}

func keepAlive(t *testing.T, b bus.Bus) {
	got := make(chan bus.Message, 10)
	release := make(chan struct{})
	receive(t, b, "q", bus.ReceiveOptions{Slots: 2, AckWait: 3 * time.Second}, func(ctx context.Context, m bus.Message) error {
		got <- m
		select {
		case <-release:
		case <-ctx.Done():
		}
		return nil
	})
	send(t, b, "q", "1", "x")
	next(t, got)
	timer := time.AfterFunc(5*time.Second, func() { close(release) })
	defer timer.Stop()
	next(t, release)
	send(t, b, "q", "2", "x")
	if m := next(t, got); m.ID != "2" {
		t.Errorf("message %s was delivered %d times while its handler ran", m.ID, m.Deliveries)
	}
}

func waitsForHandlers(t *testing.T, b bus.Bus) {
	started, release := make(chan struct{}), make(chan struct{})
	var finished atomic.Bool
	stop := receive(t, b, "q", bus.ReceiveOptions{Slots: 1}, func(ctx context.Context, _ bus.Message) error {
		close(started)
		<-ctx.Done()
		<-release
		finished.Store(true)
		return nil
	})
	send(t, b, "q", "1", "x")
	next(t, started)
	time.AfterFunc(20*time.Millisecond, func() { close(release) })
	stop()
	if !finished.Load() {
		t.Error("Receive returned before its handler")
	}
}

func notifies(t *testing.T, b bus.Bus) {
	one, two := make(chan string, 1000), make(chan string, 1000)
	for _, c := range []chan string{one, two} {
		background(t, func(ctx context.Context) error {
			return b.Watch(ctx, "cancel", func(data []byte) { c <- string(data) })
		})
	}
	background(t, func(ctx context.Context) error {
		return b.Watch(ctx, "other", func([]byte) { t.Error("a notification reached another topic") })
	})
	deadline := time.After(patience)
	for len(one) == 0 || len(two) == 0 {
		if err := b.Notify("cancel", []byte("x")); err != nil {
			t.Fatal(err)
		}
		select {
		case <-deadline:
			t.Fatal("no notification came")
		case <-time.After(5 * time.Millisecond):
		}
	}
	if got := next(t, one); got != "x" {
		t.Errorf("got %q", got)
	}
}

func requests(t *testing.T, b bus.Bus) {
	background(t, func(ctx context.Context) error {
		return b.Serve(ctx, "ping/vm.1", func(data []byte) []byte { return append([]byte("pong "), data...) })
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for ctx.Err() == nil {
		if answer, err := b.Request(ctx, "ping/vm.1", []byte("1")); err == nil {
			if string(answer) != "pong 1" {
				t.Errorf("got answer %q", answer)
			}
			return
		}
	}
	t.Fatal("no answer came")
}

func unserved(t *testing.T, b bus.Bus) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if answer, err := b.Request(ctx, "nobody", nil); err == nil {
		t.Errorf("got answer %q from nobody", answer)
	}
}

func ends(t *testing.T, b bus.Bus) {
	for range 3 {
		for _, f := range []func(context.Context) error{
			func(ctx context.Context) error {
				return b.Receive(ctx, "q", bus.ReceiveOptions{}, func(context.Context, bus.Message) error { return nil })
			},
			func(ctx context.Context) error { return b.Watch(ctx, "t", func([]byte) {}) },
			func(ctx context.Context) error { return b.Serve(ctx, "t", func(d []byte) []byte { return d }) },
		} {
			background(t, f)()
		}
	}
}
