package engine

import (
	"context"
	"slices"

	"github.com/reifyhq/reify/internal/model"
)

// longestSilence bounds, in intervals, how long a silent operation waits until it is sent again.
const longestSilence = 24

// awaited is an operation that was sent and has not ended. It is sent again after patience intervals of silence, then
// after twice as many and so on: the message or the report may be lost, and an executor that knows the attempt does
// not begin it again.
type awaited struct {
	task           *model.Task
	left, patience int
}

// await remembers operations that were sent.
func (r *runner) await(tasks []*model.Task) {
	for _, t := range tasks {
		// The current interval has begun already, so two make at least one whole one.
		r.awaited = append(r.awaited, awaited{task: t, left: 2, patience: 2})
	}
	r.watchSilence()
}

// watchSilence keeps the timer running as long as anything is awaited.
func (r *runner) watchSilence() {
	if r.overdue.t == nil && len(r.awaited) > 0 {
		r.overdue.t = r.e.Clock.NewTimer(r.e.Overdue)
	}
}

// sendAgain forgets the operations that have ended and sends again those that were silent for too long.
func (r *runner) sendAgain(ctx context.Context) error {
	r.overdue.stop()
	r.awaited = slices.DeleteFunc(r.awaited, func(a awaited) bool { return a.task.State.Ended() })
	var late []*model.Task
	for i := range r.awaited {
		a := &r.awaited[i]
		if a.left--; a.left == 0 {
			a.patience = min(2*a.patience, longestSilence)
			a.left = a.patience
			late = append(late, a.task)
		}
	}
	for _, t := range late {
		r.e.Log.Warn("send an operation again that nothing was heard of", "execution", r.id, "task", t.ID, "state", t.State)
	}
	r.watchSilence()
	return r.publish(ctx, late)
}
