package agent

import (
	"context"
	"sync"
	"time"

	"github.com/reifyhq/reify/internal/bus"
)

// reliefAfter is how long all slots may be taken without an operation being started before one more is let in.
const reliefAfter = 180 * time.Second

// relieve lets one operation in beyond the slots whenever all of them were taken for a while and nothing was started: the
// operations that run may wait for executions whose own operations wait for a slot (operations, section 2).
func (a *Agent) relieve(ctx context.Context) error {
	var extras sync.WaitGroup
	defer extras.Wait()
	failed := make(chan error, 1)
	waiting := make(chan struct{}, 1)
	for {
		timer := a.o.Clock.NewTimer(reliefAfter)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case err := <-failed:
			timer.Stop()
			return err
		case <-timer.C():
		}
		if !a.running.stuck(a.o.Slots, a.o.Clock.Now().Add(-reliefAfter)) {
			continue
		}
		select {
		case waiting <- struct{}{}:
		default:
			// The one that was let in before still waits for a message.
			continue
		}
		a.log.Warn("no slot was free for a while; taking one operation more", "slots", a.o.Slots)
		extras.Go(func() {
			if err := a.takeOne(ctx, waiting); err != nil {
				select {
				case failed <- err:
				default:
				}
			}
		})
	}
}

// takeOne receives until one message was handled. It takes the mark from waiting when that message has come.
func (a *Agent) takeOne(ctx context.Context, waiting <-chan struct{}) error {
	one, stop := context.WithCancel(ctx)
	defer stop()
	take := sync.OnceFunc(func() { <-waiting })
	defer take()
	return a.o.Bus.Receive(one, a.o.Queue.TaskQueue(), bus.ReceiveOptions{Slots: 1}, func(_ context.Context, m bus.Message) error {
		take()
		defer stop()
		return a.handle(ctx, ctx, m)
	})
}
