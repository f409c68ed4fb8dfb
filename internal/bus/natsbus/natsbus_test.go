package natsbus_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/goleak"

	"github.com/reifyhq/reify/internal/bus"
	"github.com/reifyhq/reify/internal/bus/bustest"
	"github.com/reifyhq/reify/internal/bus/natsbus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, o natsbus.Options) *natsbus.Bus {
	t.Helper()
	b, err := natsbus.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func TestConformance(t *testing.T) {
	bustest.Run(t, func(t *testing.T) bus.Bus { return open(t, natsbus.Options{StoreDir: t.TempDir()}) })
}

func TestConformanceExternal(t *testing.T) {
	bustest.Run(t, func(t *testing.T) bus.Bus { return open(t, natsbus.Options{URL: broker(t)}) })
}

// broker starts a broker that listens on the loopback interface.
func broker(t *testing.T) string {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(20 * time.Second) {
		t.Fatal("broker did not start")
	}
	return s.ClientURL()
}

// receive collects deliveries until the returned function is called.
func receive(t testing.TB, b bus.Bus, queue string, opt bus.ReceiveOptions, handle func(context.Context, bus.Message) error) func() {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = b.Receive(ctx, queue, opt, handle)
	}()
	return func() { cancel(); <-done }
}

func next[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

func TestDurableAcrossReopen(t *testing.T) {
	t.Parallel()
	o := natsbus.Options{StoreDir: t.TempDir()}
	first := open(t, o)
	for i := range 5 {
		if err := first.Send(t.Context(), "q", fmt.Sprint(i), []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	got := make(chan bus.Message, 10)
	collect := func(_ context.Context, m bus.Message) error { got <- m; return nil }
	taken := 0
	stop := receive(t, first, "q", bus.ReceiveOptions{Slots: 1}, func(ctx context.Context, m bus.Message) error {
		if taken++; taken > 2 {
			<-ctx.Done()
			return ctx.Err()
		}
		got <- m
		return nil
	})
	next(t, got)
	next(t, got)
	stop()
	first.Close()

	second := open(t, o)
	if err := second.Send(t.Context(), "q", "3", []byte("sent again")); err != nil {
		t.Fatal(err)
	}
	if err := second.Send(t.Context(), "q", "end", nil); err != nil {
		t.Fatal(err)
	}
	defer receive(t, second, "q", bus.ReceiveOptions{Slots: 1}, collect)()
	// What was answered just before the broker went may come again; what was not must.
	left := map[string]bool{"2": true, "3": true, "4": true, "end": true}
	for len(left) > 0 {
		delete(left, next(t, got).ID)
	}
}

func TestRedeliveryAfterDeath(t *testing.T) {
	t.Parallel()
	url := broker(t)
	dying, living := open(t, natsbus.Options{URL: url}), open(t, natsbus.Options{URL: url})
	opt := bus.ReceiveOptions{Slots: 1, AckWait: time.Second}
	started, release := make(chan struct{}), make(chan struct{})
	stop := receive(t, dying, "q", opt, func(context.Context, bus.Message) error {
		close(started)
		<-release
		return nil
	})
	if err := living.Send(t.Context(), "q", "1", []byte("x")); err != nil {
		t.Fatal(err)
	}
	next(t, started)
	dying.Close()
	got := make(chan bus.Message, 10)
	defer receive(t, living, "q", opt, func(_ context.Context, m bus.Message) error { got <- m; return nil })()
	if m := next(t, got); m.ID != "1" || m.Deliveries != 2 {
		t.Errorf("got delivery %d of %q, want delivery 2 of 1", m.Deliveries, m.ID)
	}
	close(release)
	stop()
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	if _, err := natsbus.Open(t.Context(), natsbus.Options{URL: "nats://127.0.0.1:1"}); err == nil {
		t.Error("connecting to nobody succeeded")
	}
	if _, err := natsbus.Open(t.Context(), natsbus.Options{StoreDir: "/proc/no such"}); err == nil {
		t.Error("opening a directory that cannot exist succeeded")
	}
}

func TestClosed(t *testing.T) {
	t.Parallel()
	b := open(t, natsbus.Options{StoreDir: t.TempDir()})
	done := make(chan error, 3)
	go func() {
		done <- b.Receive(t.Context(), "q", bus.ReceiveOptions{}, func(context.Context, bus.Message) error { return nil })
	}()
	go func() { done <- b.Watch(t.Context(), "t", func([]byte) {}) }()
	go func() { done <- b.Serve(t.Context(), "t", func([]byte) []byte { return nil }) }()
	b.Close()
	for range 3 {
		if err := next(t, done); err == nil {
			t.Error("a closed bus ended without an error")
		}
	}
	if err := b.Send(t.Context(), "q", "1", nil); err == nil {
		t.Error("a closed bus accepted a message")
	}
	if err := b.Notify("t", nil); err == nil {
		t.Error("a closed bus accepted a notification")
	}
}

func BenchmarkSendReceive(b *testing.B) {
	n := open(b, natsbus.Options{StoreDir: b.TempDir()})
	got := make(chan struct{})
	stop := receive(b, n, "q", bus.ReceiveOptions{Slots: 1}, func(context.Context, bus.Message) error {
		got <- struct{}{}
		return nil
	})
	defer stop()
	data := make([]byte, 512)
	for b.Loop() {
		if err := n.Send(b.Context(), "q", "", data); err != nil {
			b.Fatal(err)
		}
		<-got
	}
}

// TestEncryptedFiles keeps messages of a store that was in clear, and leaves nothing of them or of new ones in clear.
func TestEncryptedFiles(t *testing.T) {
	t.Parallel()
	const planted = "pl4nted-text-of-a-message"
	o := natsbus.Options{StoreDir: t.TempDir()}
	first := open(t, o)
	send := func(b bus.Bus, id string) {
		if err := b.Send(t.Context(), "q", id, []byte(planted)); err != nil {
			t.Fatal(err)
		}
	}
	send(first, "1")
	first.Close()
	o.Key = []byte("key of the installation")
	second := open(t, o)
	send(second, "2")
	second.Close()
	inClear := 0
	err := filepath.WalkDir(o.StoreDir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(planted)) {
			inClear++
		}
		return err
	})
	if err != nil || inClear > 0 {
		t.Errorf("%d files hold a message in clear, %v", inClear, err)
	}
	third := open(t, o)
	got := make(chan bus.Message, 10)
	stop := receive(t, third, "q", bus.ReceiveOptions{Slots: 1}, func(_ context.Context, m bus.Message) error { got <- m; return nil })
	defer stop()
	for range 2 {
		if m := next(t, got); string(m.Data) != planted {
			t.Errorf("received %q", m.Data)
		}
	}
}
