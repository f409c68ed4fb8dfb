package natsbus_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/reifyhq/reify/internal/bus"
	"github.com/reifyhq/reify/internal/bus/natsbus"
	"github.com/reifyhq/reify/internal/bus/natsbus/natsconn"
)

// accounts are the agents that may connect, by name with their secrets.
type accounts struct {
	mu      sync.Mutex
	secrets map[string]string
}

func (a *accounts) admit(_ context.Context, user, secret string) (natsbus.Agent, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.secrets[user] == "" || a.secrets[user] != secret {
		return natsbus.Agent{}, false
	}
	return natsbus.Agent{Name: user, Queue: "tasks/" + user, Serves: []string{"ping/" + user}}, true
}

func (a *accounts) revoke(user string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.secrets, user)
}

func door(t *testing.T) (*natsbus.Bus, *accounts) {
	a := &accounts{secrets: map[string]string{"red/one": "1", "blue/two": "2"}}
	b := open(t, natsbus.Options{StoreDir: t.TempDir(), Agents: &natsbus.AgentDoor{Listen: "127.0.0.1:0", Admit: a.admit}})
	return b, a
}

// connect opens the connection of an agent through the WebSocket or the plain listener.
func connect(t *testing.T, b *natsbus.Bus, scheme, name, secret string) *natsconn.Bus {
	t.Helper()
	at := b.WebsocketAddress()
	if scheme == "nats" {
		at = b.AgentAddress()
	}
	c, err := natsconn.Open(t.Context(), natsconn.Options{URL: scheme + "://" + at, User: name, Secret: secret,
		Agent: &natsconn.AgentOptions{Name: name}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func await(t *testing.T, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatalf("waited too long for %s", what)
		}
	}
}

func isConnected(t *testing.T, b *natsbus.Bus, name string) func() bool {
	return func() bool {
		list, err := b.Connected()
		if err != nil {
			t.Fatal(err)
		}
		_, ok := list[name]
		return ok
	}
}

// TestAgentAtWork goes all ways that an agent has: tasks, results, pings, notifications in both directions.
func TestAgentAtWork(t *testing.T) {
	for _, scheme := range []string{"ws", "nats"} {
		t.Run(scheme, func(t *testing.T) {
			b, _ := door(t)
			ups := make(chan natsbus.Up, 10)
			ctx, stop := context.WithCancel(t.Context())
			var parts sync.WaitGroup
			defer parts.Wait()
			defer stop()
			refused := 0
			parts.Go(func() {
				_ = b.TakeUp(ctx, func(_ context.Context, up natsbus.Up) error {
					if up.IsFresh {
						return b.RenewQueue(t.Context(), "tasks/"+up.Agent)
					}
					if up.ID == "no" {
						return errors.New("not yours")
					}
					if up.ID == "later" && refused == 0 {
						refused++
						return fmt.Errorf("busy: %w", natsbus.ErrAgain)
					}
					ups <- up
					return nil
				})
			})
			one := connect(t, b, scheme, "red/one", "1")
			await(t, "the agent", isConnected(t, b, "red/one"))
			tasks, heard := make(chan string, 10), make(chan string, 10)
			parts.Go(func() {
				_ = one.Receive(ctx, "tasks/red/one", bus.ReceiveOptions{Slots: 2}, func(_ context.Context, m bus.Message) error {
					tasks <- string(m.Data)
					return nil
				})
			})
			parts.Go(func() {
				_ = one.Serve(ctx, "ping/red/one", func([]byte) []byte { return []byte("pong") })
			})
			parts.Go(func() {
				_ = one.Watch(ctx, "cancel", func(data []byte) { heard <- string(data) })
			})
			if err := b.Send(t.Context(), "tasks/red/one", "t1", []byte("do it")); err != nil {
				t.Fatal(err)
			}
			if got := next(t, tasks); got != "do it" {
				t.Errorf("task %q", got)
			}
			await(t, "an answer to a ping", func() bool {
				ask, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				pong, err := b.Request(ask, "ping/red/one", nil)
				return err == nil && string(pong) == "pong"
			})
			await(t, "a notification", func() bool {
				if err := b.NotifyAgent("red/one", "cancel", []byte("x")); err != nil {
					t.Fatal(err)
				}
				select {
				case got := <-heard:
					return got == "x"
				case <-time.After(50 * time.Millisecond):
					return false
				}
			})
			for _, id := range []string{"r1", "later"} {
				if err := one.Send(t.Context(), "results", id, []byte("done")); err != nil {
					t.Fatal(err)
				}
				if up := next(t, ups); up.Agent != "red/one" || up.Queue != "results" || up.ID != id || string(up.Data) != "done" {
					t.Errorf("up: %+v", up)
				}
			}
			if err := one.Send(t.Context(), "results", "no", nil); err == nil || !strings.Contains(err.Error(), "not yours") {
				t.Errorf("a refused message: %v", err)
			}
			if err := one.Notify("killed", []byte("k")); err != nil {
				t.Fatal(err)
			}
			if up := next(t, ups); up.Topic != "killed" || string(up.Data) != "k" {
				t.Errorf("up: %+v", up)
			}
		})
	}
}

// TestAgentIsolation lets an agent try whatever is not its own, over a connection without the manners of natsconn.
func TestAgentIsolation(t *testing.T) {
	b, _ := door(t)
	two := connect(t, b, "nats", "blue/two", "2")
	await(t, "the other agent", isConnected(t, b, "blue/two"))
	for n := range 3 {
		if err := b.Send(t.Context(), "tasks/blue/two", fmt.Sprint("t", n), []byte("secret")); err != nil {
			t.Fatal(err)
		}
		if err := b.Send(t.Context(), "tasks/red/one", fmt.Sprint("t", n), []byte("own")); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.EnsureQueue(t.Context(), "tasks/red/one"); err != nil {
		t.Fatal(err)
	}
	violations := make(chan string, 100)
	evil, err := nats.Connect("nats://"+b.AgentAddress(), nats.UserInfo("red/one", "1"), nats.CustomInboxPrefix("_INBOX_red=2Fone"),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { violations <- err.Error() }))
	if err != nil {
		t.Fatal(err)
	}
	defer evil.Close()
	for _, subject := range []string{
		">", "reify.>", "reify.queue.>", "reify.up.*", "reify.topic.cancel", "reify.topic.executions=2Ewake", "reify.down.blue=2Ftwo.>",
		"reify.service.ping=2Fblue=2Ftwo", "_INBOX.>", "_INBOX_blue=2Ftwo.>", "$JS.>", "$JS.API.>", "$SYS.>", "reify.queue.results",
	} {
		sub, err := evil.SubscribeSync(subject)
		if err != nil {
			t.Fatal(err)
		}
		if err := evil.Flush(); err != nil {
			t.Fatal(err)
		}
		if got := next(t, violations); !strings.Contains(got, "ermissions") {
			t.Errorf("subscribing to %s: %s", subject, got)
		}
		_ = sub.Unsubscribe()
	}
	for _, subject := range []string{
		"reify.queue.results", "reify.queue.tasks=2Fblue=2Ftwo", "reify.queue.tasks=2Fred=2Fone", "reify.topic.cancel", "reify.up.blue=2Ftwo",
		"reify.topic.executions=2Ewake", "reify.down.blue=2Ftwo.cancel", "_INBOX_blue=2Ftwo.x", "reify.service.ping=2Fblue=2Ftwo",
		"$JS.API.STREAM.LIST", "$JS.API.STREAM.DELETE.REIFY_WORK", "$JS.API.STREAM.PURGE.REIFY_WORK", "$JS.API.STREAM.MSG.GET.REIFY_WORK",
		"$JS.API.DIRECT.GET.REIFY_WORK", "$JS.API.CONSUMER.MSG.NEXT.REIFY_WORK.tasks=2Fblue=2Ftwo",
		"$JS.API.CONSUMER.CREATE.REIFY_WORK.x.reify.queue.results", "$JS.API.CONSUMER.CREATE.REIFY_WORK",
		"$JS.API.CONSUMER.DELETE.REIFY_WORK.tasks=2Fblue=2Ftwo", "$JS.ACK.REIFY_WORK.tasks=2Fblue=2Ftwo.1.1.1.1.1", "$SYS.REQ.SERVER.PING",
	} {
		if err := evil.PublishRequest(subject, "_INBOX_red=2Fone.answer", nil); err != nil {
			t.Fatal(err)
		}
		if err := evil.Flush(); err != nil {
			t.Fatal(err)
		}
		if got := next(t, violations); !strings.Contains(got, "ermissions") {
			t.Errorf("publishing to %s: %s", subject, got)
		}
	}
	// What it may ask for goes where it says: that must not reach further than it may itself.
	for _, answer := range []string{"$JS.API.STREAM.DELETE.REIFY_WORK", "$JS.API.CONSUMER.DELETE.REIFY_WORK.tasks=2Fblue=2Ftwo",
		"$JS.API.STREAM.PURGE.REIFY_WORK"} {
		if err := evil.PublishRequest("$JS.API.CONSUMER.MSG.NEXT.REIFY_WORK.tasks=2Fred=2Fone", answer, []byte("1")); err != nil {
			t.Fatal(err)
		}
	}
	if err := evil.Flush(); err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 10)
	ctx, stop := context.WithCancel(t.Context())
	var work sync.WaitGroup
	work.Go(func() {
		_ = b.TakeUp(ctx, func(context.Context, natsbus.Up) error { return nil })
	})
	work.Go(func() {
		_ = two.Receive(ctx, "tasks/blue/two", bus.ReceiveOptions{Slots: 1}, func(_ context.Context, m bus.Message) error {
			got <- string(m.Data)
			return nil
		})
	})
	for range 3 {
		if text := next(t, got); text != "secret" {
			t.Errorf("the other agent got %q", text)
		}
	}
	stop()
	work.Wait()
}

// TestAgentRevoked ends the connection of an agent whose account is gone, and lets nobody in with a wrong secret.
func TestAgentRevoked(t *testing.T) {
	b, a := door(t)
	connect(t, b, "ws", "red/one", "1")
	connect(t, b, "ws", "blue/two", "wrong")
	connect(t, b, "ws", "manager", "1")
	await(t, "the agent", isConnected(t, b, "red/one"))
	a.revoke("red/one")
	if err := b.Disconnect("red/one"); err != nil {
		t.Fatal(err)
	}
	await(t, "the end of the connection", func() bool { return !isConnected(t, b, "red/one")() })
	for range 20 {
		list, err := b.Connected()
		if err != nil || len(list) != 0 {
			t.Fatalf("connected: %v, %v", list, err)
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-t.Context().Done():
		}
	}
}
