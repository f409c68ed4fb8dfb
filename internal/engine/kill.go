package engine

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/workflow"
)

const (
	// killRepeats is how many requests to end the operations of a killed execution there are at most: an executor that
	// stays silent for so long asks for the execution itself before it begins anything.
	killRepeats = 24
	// killChunk bounds the attempts that one request names.
	killChunk = 500
)

// kill is what is still to be ended of an execution that was killed. The execution itself does not wait for it.
type kill struct {
	execution model.ExecutionID
	serial    int
	// left are the attempts of which nobody has said that they are over.
	left    map[string]bool
	repeats int
}

// underWay lists the attempts that were sent and have not ended when a kill ends the graph. again are tasks that were to
// be sent again by a runner that did not send them first; they went out under the number before the kill.
func (r *runner) underWay(again []*model.Task) []string {
	var out []string
	for _, a := range r.awaited {
		if !a.task.State.Ended() {
			out = append(out, operation.DispatchID(r.id, a.task.ID, r.exec.TokenSerial))
		}
	}
	for _, t := range again {
		out = append(out, operation.DispatchID(r.id, t.ID, r.exec.TokenSerial-1))
	}
	return out
}

// noteKilled remembers at the end of a graph what a kill has to end.
func (r *runner) noteKilled(eff workflow.Effects) {
	if r.cancelled == model.ExecutionKillCancelling && eff.End.Cancelled {
		r.killed = r.underWay(eff.Send)
	}
}

// keepKilling has the operations of an ended execution killed again and again until their executors say that they are
// over, within bounds.
func (e *Engine) keepKilling(id model.ExecutionID, serial int, attempts []string) {
	if len(attempts) == 0 {
		return
	}
	k := &kill{execution: id, serial: serial, left: map[string]bool{}, repeats: killRepeats}
	for _, a := range attempts {
		k.left[a] = true
	}
	e.mu.Lock()
	e.kills[id] = k
	e.mu.Unlock()
	select {
	case e.killsCame <- struct{}{}:
	default:
	}
}

// repeatKills asks for the end of killed operations until ctx ends.
func (e *Engine) repeatKills(ctx context.Context) error {
	for {
		var again <-chan time.Time
		stop := func() {}
		if e.askKilled() {
			timer := e.Clock.NewTimer(e.KillEvery)
			again, stop = timer.C(), func() { timer.Stop() }
		}
		select {
		case <-ctx.Done():
		case <-e.killsCame:
		case <-again:
		}
		stop()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// askKilled sends one request for each killed execution and reports whether any is left to ask for.
func (e *Engine) askKilled() bool {
	var requests []operation.Cancel
	e.mu.Lock()
	for _, id := range slices.Sorted(maps.Keys(e.kills)) {
		k := e.kills[id]
		if k.repeats == 0 {
			e.Log.Warn("executors did not say that they ended the operations of a killed execution", "execution", id, "attempts", len(k.left))
			delete(e.kills, id)
			continue
		}
		k.repeats--
		c := operation.Cancel{Execution: id, Serial: k.serial}
		for c.Attempts = range slices.Chunk(slices.Sorted(maps.Keys(k.left)), killChunk) {
			requests = append(requests, c)
		}
	}
	isLeft := len(e.kills) > 0
	e.mu.Unlock()
	for _, c := range requests {
		data, err := model.EncodeJSON(c)
		if err == nil {
			err = e.Bus.Notify(operation.CancelTopic, data)
		}
		if err != nil {
			e.Log.Warn("ask executors to kill operations; it is repeated", "execution", c.Execution, "error", err)
		}
	}
	return isLeft
}

// othersKilled takes the word of an executor that attempts are over.
func (e *Engine) othersKilled(data []byte) {
	killed, err := operation.DecodeKilled(data)
	if err != nil {
		e.Log.Warn("drop a notification that cannot be read", "error", err)
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, a := range killed.Attempts {
		id, _, _, err := operation.ParseDispatchID(a)
		if k := e.kills[id]; err == nil && k != nil {
			delete(k.left, a)
			if len(k.left) == 0 {
				delete(e.kills, id)
			}
		}
	}
}
