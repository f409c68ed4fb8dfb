package membus_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/reifyhq/reify/internal/bus"
	"github.com/reifyhq/reify/internal/bus/bustest"
	"github.com/reifyhq/reify/internal/bus/membus"
	"github.com/reifyhq/reify/internal/clock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	bustest.Run(t, func(*testing.T) bus.Bus { return membus.New(clock.Real{}) })
}

func TestManualClock(t *testing.T) {
	t.Parallel()
	c := clock.NewManual(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	b := membus.New(c)
	ctx, cancel := context.WithCancel(t.Context())
	got := make(chan int, 10)
	done := make(chan error, 1)
	go func() {
		done <- b.Receive(ctx, "q", bus.ReceiveOptions{Slots: 1}, func(_ context.Context, m bus.Message) error {
			got <- m.Deliveries
			return errors.New("again")
		})
	}()
	if err := b.Send(ctx, "q", "1", nil); err != nil {
		t.Fatal(err)
	}
	for want, delay := 1, 50*time.Millisecond; want <= 4; want, delay = want+1, 2*delay {
		if n := <-got; n != want {
			t.Fatalf("delivery %d, want %d", n, want)
		}
		waitFor(t, func() bool { _, ok := c.Next(); return ok })
		if at, _ := c.Next(); at.Sub(c.Now()) != delay {
			t.Errorf("delivery %d comes after %v, want %v", want+1, at.Sub(c.Now()), delay)
		}
		c.Advance(delay)
	}
	<-got
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if n := b.Pending("q"); n != 1 {
		t.Errorf("%d messages pending, want the one that was given back", n)
	}

	send := func(id string) int {
		if err := b.Send(t.Context(), "window", id, nil); err != nil {
			t.Fatal(err)
		}
		return b.Pending("window")
	}
	send("1")
	c.Advance(2*time.Minute - time.Second)
	if n := send("1"); n != 1 {
		t.Errorf("a repeated id inside the window left %d messages, want 1", n)
	}
	c.Advance(time.Second)
	if n := send("1"); n != 2 {
		t.Errorf("a repeated id after the window left %d messages, want 2", n)
	}
}

func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatal("condition did not come true")
		}
	}
}

func BenchmarkSendReceive(b *testing.B) {
	m := membus.New(clock.Real{})
	ctx, cancel := context.WithCancel(b.Context())
	got, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- m.Receive(ctx, "q", bus.ReceiveOptions{Slots: 1}, func(context.Context, bus.Message) error {
			got <- struct{}{}
			return nil
		})
	}()
	data := make([]byte, 512)
	for b.Loop() {
		if err := m.Send(ctx, "q", "", data); err != nil {
			b.Fatal(err)
		}
		<-got
	}
	cancel()
	<-done
}
