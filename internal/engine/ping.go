package engine

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
)

// pingWait is how long an agent may take to answer before a task is sent to it (operations, section 1.2).
const pingWait = 30 * time.Second

// ping asks a host agent whether it is there, for all tasks that came up for it meanwhile. The graph goes on beside it.
type ping struct {
	place operation.Place
	tasks []*model.Task
	stop  context.CancelFunc
}

// pinged is the answer to a ping, or why there is none.
type pinged struct {
	ping *ping
	err  error
}

// sendAfterPing sends a task as soon as its agent has answered.
func (r *runner) sendAfterPing(ctx context.Context, place operation.Place, t *model.Task) {
	address := place.Address()
	if p := r.pings[address]; p != nil {
		if !slices.Contains(p.tasks, t) {
			p.tasks = append(p.tasks, t)
		}
		return
	}
	ctx, stop := context.WithTimeout(ctx, pingWait)
	p := &ping{place: place, tasks: []*model.Task{t}, stop: stop}
	r.pings[address] = p
	r.pinging.Go(func() {
		defer stop()
		err := r.e.isThere(ctx, address)
		select {
		case r.pinged <- pinged{p, err}:
		case <-r.stopped:
		}
	})
}

// answered sends what waited for an agent, or refuses it when the agent is silent.
func (r *runner) answered(ctx context.Context, a pinged) error {
	p := a.ping
	if r.pings[p.place.Address()] != p {
		// The graph that asked has ended.
		return nil
	}
	delete(r.pings, p.place.Address())
	for _, t := range p.tasks {
		if t.State.Ended() {
			continue
		}
		err := a.err
		if err == nil {
			err = r.sendTo(ctx, p.place, t)
		} else {
			if ctx.Err() == nil && !errors.Is(err, context.Canceled) {
				err = &operation.Error{Task: p.place.Unreachable()}
			}
			err = r.refuse(ctx, t, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// forgetPings drops the pings of the graph that has ended.
func (r *runner) forgetPings() {
	for p := range maps.Values(r.pings) {
		p.stop()
	}
	clear(r.pings)
}
