package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/reifyhq/reify/internal/operation"
)

const (
	// pingAgain is the pause between two pings of a silent agent, pingAnswer how long one of them waits for its answer: the
	// question may have been lost with a connection that the agent makes again at once.
	pingAgain  = 500 * time.Millisecond
	pingAnswer = 3 * time.Second
)

// isThere pings an agent until it answers, pingWait has passed or ctx ends.
func (e *Engine) isThere(ctx context.Context, address operation.Address) error {
	limit := e.Clock.Now().Add(pingWait)
	for {
		once, stop := context.WithTimeout(ctx, pingAnswer)
		_, err := e.Bus.Request(once, address.PingTopic(), nil)
		stop()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !e.Clock.Now().Before(limit):
			return fmt.Errorf("ping agent %s: %w", address, err)
		}
		timer := e.Clock.NewTimer(pingAgain)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C():
		}
	}
}
